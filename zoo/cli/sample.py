"""Audio out: new audio from a generator, or your own song separated, vocoded or transformed.

  python sample.py --checkpoint runs/wavenet_score_render --seconds 10 --num 4
  python sample.py --checkpoint runs/wave_unet_score_render --input ~/Music/song.mp3 --out stems
  python sample.py --checkpoint runs/conditioned_wave_unet_urmp --input duo.wav --labels oboe,tuba
  python sample.py --checkpoint runs/music_transformer_score_render --input tune.mid --seconds 30
  python sample.py --checkpoint runs/music_translation_musicnet --input violin.wav --domain piano
  python sample.py --checkpoint runs/gansynth_score_render --pitches C4,E4,67 --num 3
  python sample.py --config deep_prior_score_render --input scratched.wav --holes 1.2-1.25
  python sample.py --checkpoint runs/samplernn_score_render --endless --num 4
  python sample.py --checkpoint runs/tacotron2_ljspeech --text "Hi." --vocoder hifigan_ljspeech

Every file has a JSON beside it with all that makes it again, bit for bit. Ctrl-C leaves what was
sampled so far as a playable file.
"""

import argparse
import dataclasses
from pathlib import Path

from zoo.cli import command_line
from zoo.cli.command_line import (
    above_zero,
    integer_argument,
    nonempty_text,
    not_below_zero,
    path_argument,
    positive_integer,
)
from zoo.cli.words import Parser


def main(words: list[str] | None = None, prog: str = "sample.py") -> int:
    return command_line.run_command(parser(prog), _sample, words)


def parser(prog: str) -> Parser:
    parser = command_line.make_parser(__doc__, prog=prog)
    command_line.add_run(parser)
    parser.add_argument(
        "--out", type=path_argument, default=Path("out"), help="where the audio goes"
    )
    parser.add_argument("--force", action="store_true", help="overwrite files")
    own = parser.add_argument_group("from your own audio")
    own.add_argument(
        "--input",
        type=nonempty_text,
        nargs="+",
        metavar="FILE",
        help="audio (or MIDI) files, folders, globs",
    )
    own.add_argument("--domain", default="", help="translation: in which the input is played")
    own.add_argument("--labels", type=nonempty_text, help="separation: what plays, comma-separated")
    own.add_argument("--holes", default="", help="seconds that are filled: 1.2-1.25,3-3.1")
    own.add_argument("--stems", type=nonempty_text, help="separation: only these, comma-separated")
    own.add_argument(
        "--two_stems",
        type=nonempty_text,
        metavar="STEM",
        help="separation: this, and all others as one",
    )
    own.add_argument("--residual", action="store_true", help="separation: what is left, as a stem")
    own.add_argument("--keep_sum", action="store_true", help="separation: stems sum to the mix")
    own.add_argument("--segment", type=above_zero, help="separation: seconds at a time")
    own.add_argument("--overlap", type=not_below_zero, help="separation: of segments, 0 to below 1")
    own.add_argument("--shifts", type=integer_argument, help="separation: mean of shifted passes")
    own.add_argument(
        "--ensemble",
        type=positive_integer,
        metavar="SHIFTS",
        help="separation: mean of shifts at three levels, and how far they differ as a curve",
    )
    own.add_argument(
        "--checkpoints", type=positive_integer, default=1, help="of --ensemble: the run's last ones"
    )
    command_line.add_blend(own)
    own.add_argument(
        "--form",
        default="wav",
        help="separation: wav (float), wav24, wav16, flac, flac16, mp3 or stem.mp4",
    )
    new = parser.add_argument_group("generation")
    new.add_argument("--seconds", type=above_zero, default=5.0, help="of each")
    new.add_argument("--num", type=positive_integer, default=1, help="how many, made side by side")
    new.add_argument(
        "--temperature", type=not_below_zero, default=1.0, help="1: as learnt; less: safer"
    )
    new.add_argument(
        "--top_k", type=integer_argument, default=0, help="of so many likeliest; 0: of all"
    )
    new.add_argument(
        "--top_p", type=above_zero, default=1.0, help="of the likeliest that together reach this"
    )
    new.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "xla", "native", "native_bfloat16", "native_int8"),
        help="of autoregressive models: compiled code where a compiler is, or XLA's loop; with "
        "bfloat16 or int8 weights for other draws, sooner",
    )
    new.add_argument(
        "--keep", type=positive_integer, help="of --num, these that the model holds likeliest"
    )
    new.add_argument("--seed", type=integer_argument, default=0, help="another seed, other audio")
    new.add_argument("--pitches", default="", help="of notes, by name or number: C4,F#4,67")
    new.add_argument("--text", help="to be spoken, a line at a time; - reads it from stdin")
    new.add_argument(
        "--vocoder", type=nonempty_text, help="a vocoder's run or weights, in place of Griffin-Lim"
    )
    new.add_argument("--prompt", type=nonempty_text, help="an audio file that the output continues")
    new.add_argument("--prompt_seconds", type=above_zero, default=2.0, help="of its end")
    live = parser.add_argument_group("generation without end: rolling files in --out, or raw PCM")
    live.add_argument("--endless", action="store_true", help="until Ctrl-C; state saved always")
    live.add_argument("--resume", action="store_true", help="go on with the stream in --out")
    live.add_argument("--minutes_per_file", type=above_zero, default=5.0, help="then a new one")
    live.add_argument("--raw", action="store_true", help="s16le on stdout, a channel per voice")
    live.add_argument(
        "--noise_flatness", type=not_below_zero, default=0.4, help="redraw noise; 0: never"
    )
    command_line.add_arguments(parser)
    return parser


def _sample(options: argparse.Namespace) -> int:
    from zoo.front import finding
    from zoo.songs import blending, own_files
    from zoo.songs.choices import Choices

    command_line.prepare_devices()
    model = finding.requested_system(
        options.checkpoint, options.config, options.step, options.arguments
    )
    choices = {f.name: getattr(options, f.name) for f in dataclasses.fields(Choices)}
    found = blending.requested_blend(model.trained, options.blend, options.weight, options.blend_of)
    return own_files.sample_to_files(found, Choices(**choices))
