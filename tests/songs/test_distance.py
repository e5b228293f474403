"""`zoo distance` on folders of notes: numbers, what they depend on, and what is refused."""

import json

import numpy as np
import pytest
import soundfile
from scipy.stats import entropy

import zoo
from zoo.cli.main import main
from zoo.errors import BadInput
from zoo.evaluation import by_model
from zoo.evaluation.copies import Copies
from zoo.front import finding, sounds
from zoo.front.clip_model import ClipModel
from zoo.metrics import frechet
from zoo.runs import pairs
from zoo.songs import distance

RATE = 16_000
BODY = {"depth": 4, "widths": (8, 12, 16)}


def notes(root, low, high, count, seed, seconds=0.25):
    draw = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    root.mkdir()
    for number, hertz in enumerate(draw.uniform(low, high, count)):
        tone = 0.3 * np.sin(2 * np.pi * hertz * time) + 0.01 * draw.normal(size=len(time))
        soundfile.write(root / f"{number:02}.wav", tone, RATE)
    return root


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """A tagger that nobody trained, as a pair."""
    model = finding.create_system("samplecnn_score_render", BODY)
    return pairs.write_pair(model.trained, tmp_path_factory.mktemp("body") / "tagger")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    made = {
        "real": notes(root / "real", 200, 900, 24, 0),
        "near": notes(root / "near", 200, 900, 24, 1),
        "far": notes(root / "far", 4000, 6000, 20, 2),
    }
    (made["far"] / "broken.wav").write_bytes(b"RIFF")
    return made


@pytest.fixture(scope="module")
def reports(body, folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")

    def report(name):
        words = ["distance", str(folders["real"]), str(folders[name]), "--embedding", str(body)]
        path = out / f"{name}.json"
        assert main([*words, "--classifier", str(body), "--splits", "2", "--out", str(path)]) == 0
        return json.loads(path.read_text())

    return {name: report(name) for name in ("near", "far")}


def test_nearer_folders_are_nearer_and_the_floor_stands_beside(reports):
    near, far = (reports[name]["distances"] for name in ("near", "far"))
    for name in ("frechet", "kid", "kad"):
        assert near[name] < far[name] / 3 and near[name] < far[name], name
        assert near[f"floor/{name}"] == far[f"floor/{name}"] < far[name] / 3
    assert near["ndb_share"] < far["ndb_share"]
    assert far["ndb_share"] > 0.8


def test_all_that_the_numbers_depend_on_is_kept(reports, folders, body):
    found = reports["far"]
    assert found["embedding"] == f"{body} (samplecnn_score_render)"
    assert (found["sample_rate"], found["dimensions"]) == (RATE, 16)
    assert found["generated"]["unreadable"] == 1 and found["generated"]["files"] == 20
    assert found["reference"] == reports["near"]["reference"]
    assert found["reference"]["segments"] >= 24 and len(found["reference"]["sha256"]) == 12
    assert found["reference"]["sha256"] != found["generated"]["sha256"]


def test_distances_are_those_of_the_public_embeddings(reports, folders, body):
    model = zoo.load(body)
    sets = [
        np.concatenate(
            [model.embed(path, over_time=True)[1] for path in sorted(folders[name].glob("*.wav"))]
        )
        for name in ("near", "real")
    ]
    count = reports["near"]["generated"]["segments"]
    whole = [x.reshape(24, -1, 16)[:, : count // 24].reshape(-1, 16) for x in sets]
    wanted = frechet.frechet_distance(*(frechet.fit_gaussian(x) for x in whole))
    assert reports["near"]["distances"]["frechet"] == pytest.approx(wanted, rel=1e-4)


def test_the_inception_score_is_that_of_the_public_tags(reports, folders, body):
    model = zoo.load(body)
    answers = []
    for path in sorted(folders["near"].glob("*.wav")):
        tags = model.tags(path)
        answers.append([tags[label] for label in model.labels])
    p = np.array(answers) / np.sum(answers, 1, keepdims=True)
    scores = [np.exp(entropy(x.T, x.mean(0)[:, None]).mean()) for x in (p[:12], p[12:])]
    found = reports["near"]["classifier"]["generated"]
    assert found["inception_score"] == pytest.approx(np.mean(scores), rel=1e-5)
    assert found["class_entropy"] == pytest.approx(entropy(p.T).mean(), rel=1e-5)


def test_files_of_one_name_are_compared_as_pairs(reports, folders):
    copies = reports["near"]["copies"]
    assert copies["pairs"] == 24 and reports["far"]["copies"]["pairs"] == 20
    assert copies["means"]["log_mel_l1"] > 0.1
    one, other = (sounds.as_sound(folders[k] / "03.wav", None) for k in ("near", "real"))
    known = Copies().compare(one, other)
    assert copies["per_pair"]["03"] == pytest.approx(known)
    audio = other.read(RATE, 1)
    half = Copies(lambda x, hop: (np.full(9, 440 if x.max() > 0.2 else 466.164), np.ones(9)))
    found = half.compare(sounds.as_sound(audio / 2, RATE), sounds.as_sound(audio, RATE))
    assert found["loudness_l1"] == pytest.approx(20 * np.log10(2), rel=1e-3)
    assert found["spectral_convergence"] == pytest.approx(0.5, rel=1e-3)
    assert found["f0_cents"] == pytest.approx(100, abs=0.1)


def test_halves_of_the_reference_keep_files_whole():
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(30), 10)
    real = 5 * rng.normal(size=(30, 3))[owner] + 0.01 * rng.normal(size=(300, 3))
    floors = [by_model.embedding_distances(real, real, o)["floor/frechet"] for o in (owner, None)]
    assert floors[0] > 3 * floors[1]


def test_what_cannot_be_compared_is_said(folders, body, tmp_path, capsys):
    with pytest.raises(BadInput, match="no such folder"):
        distance.collect(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="no audio"):
        distance.collect(tmp_path)
    words = ["distance", str(folders["real"]), str(folders["near"]), "--embedding"]
    for wrong in ("nobody_knows_this", "crepe_tiny"):
        assert main([*words, wrong, "--out", str(tmp_path / "x.json")]) == 2
    assert not (tmp_path / "x.json").exists()
    with pytest.raises(BadInput, match="nobody_knows_this"):
        ClipModel("nobody_knows_this")
