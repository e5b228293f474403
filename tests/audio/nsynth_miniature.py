"""NSynth of six short notes: parts, names, JSON and list as in the release."""

import json

import odd_audio
import soundfile

from zoo.data.sets.nsynth import FAMILIES

PARTS = {
    "train": ("guitar_acoustic_010-060-075", "synth_lead_synthetic_001-040-050"),
    "valid": ("bass_synthetic_033-022-050", "flute_acoustic_002-084-127"),
    "test": ("keyboard_acoustic_004-024-025", "brass_acoustic_006-085-025"),
}
SPLITS = {  # GANSynth's: acoustic notes of 24 to 84, an instrument of "valid" in training
    "guitar_acoustic_010-060-075": "test",
    "flute_acoustic_002-084-127": "train",
    "keyboard_acoustic_004-024-025": "valid",
}
SOURCES = ("acoustic", "electronic", "synthetic")


def facts(note):
    instrument, pitch, velocity = note.rsplit("-", 2)
    family, source, number = instrument.rsplit("_", 2)
    return {
        "note": 1,
        "note_str": note,
        "sample_rate": 16_000,
        "instrument": int(number),
        "instrument_str": instrument,
        "pitch": int(pitch),
        "velocity": int(velocity),
        "qualities": [0] * 10,
        "qualities_str": [],
        "instrument_family": FAMILIES.index(family),
        "instrument_family_str": family,
        "instrument_source": SOURCES.index(source),
        "instrument_source_str": source,
    }


def nsynth(root, seconds=4.0):
    for part, notes in PARTS.items():
        audio = root / f"nsynth-{part}" / "audio"
        audio.mkdir(parents=True)
        told = json.dumps({note: facts(note) for note in notes})
        (audio.parent / "examples.json").write_text(told)
        for seed, note in enumerate(notes):
            sound = 0.3 * odd_audio.tone(seconds, 16_000, seed=seed)
            soundfile.write(audio / f"{note}.wav", sound, 16_000)
    rows = "".join(f"{note},{split}\n" for note, split in SPLITS.items())
    (root / "gansynth_splits.csv").write_text(f"id,split\n{rows}")
    return root
