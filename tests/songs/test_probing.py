"""A probe of a tagger on a labelled folder: fitted, calibrated, kept, loaded, and honest."""

import json

import numpy as np
import pytest
import soundfile
from sklearn.linear_model import LogisticRegression

import zoo
from zoo.cli.main import main
from zoo.errors import BadInput
from zoo.front import finding
from zoo.objectives import probe
from zoo.runs import inference, pairs
from zoo.songs import probing
from zoo.songs.probing import Rows

RATE = 16_000
SOUNDS = {"low": 150.0, "middle": 900.0, "high": 3_500.0}
BODY = {"depth": 4, "widths": (8, 12, 16)}


def note(hertz, seed, seconds=0.25):
    draw = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    hertz *= draw.uniform(0.9, 1.1)
    return 0.3 * np.sin(2 * np.pi * hertz * time) + 0.01 * draw.normal(size=len(time))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("mine")
    for label, hertz in SOUNDS.items():
        for number in range(6):
            file = root / label / f"{number}.wav"
            file.parent.mkdir(exist_ok=True)
            soundfile.write(file, note(hertz, hash_of(label, number)), RATE)
    return root


def hash_of(label, number):
    return 10 * len(label) + number


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """A tagger that nobody trained, as a pair."""
    model = finding.create_system("samplecnn_score_render", BODY)
    return pairs.write_pair(model.trained, tmp_path_factory.mktemp("body") / "tagger")


@pytest.fixture(scope="module")
def made(folder, body, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "probe"
    assert main(["probe", str(body), str(folder), "--out", str(out), "--folds", "3"]) == 0
    return out


def test_the_pair_answers_with_the_user_s_labels_and_none_of_these(made, tmp_path):
    model = zoo.load(made)
    assert model.labels == ("high", "low", "middle", "none of these")
    for label, hertz in SOUNDS.items():
        tags = model.tags(note(hertz, 999).astype(np.float32), RATE)
        assert next(iter(tags)) == label and tags[label] > 0.5 > tags["none of these"]
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, RATE).astype(np.float32)
    assert next(iter(model.tags(noise, RATE))) == "none of these"
    soundfile.write(tmp_path / "a.wav", note(150.0, 5), RATE)
    from zoo.cli import evaluate

    words = ["--checkpoint", str(made), "--input", str(tmp_path / "a.wav")]
    assert evaluate.main([*words, "--out", str(tmp_path / "tags")]) == 0
    assert "none of these" in next((tmp_path / "tags").rglob("tags.csv")).read_text()


def test_the_report_says_scores_thresholds_and_folds(made):
    about = json.loads((made / "probe.json").read_text())
    assert about["files"] == 18 and about["folds"] == 3 and set(about["thresholds"]) == set(SOUNDS)
    assert about["scores"]["accuracy"] > 0.9 and about["scores"]["wrongly_none"] < 0.4
    assert json.loads((made / "model.json").read_text())["scores"] == about["scores"]
    folds = [one["fold"] for one in about["per_file"].values()]
    assert set(folds) == {0, 1, 2} and set(about["none_of_a_label_not_seen"]) == set(SOUNDS)


def test_the_body_s_weights_are_its_own(made, body):
    held, own = pairs.read_weights(made), pairs.read_weights(body)
    frozen = {k: v for k, v in held.items() if k.startswith("frozen/body/")}
    assert frozen
    for name, array in frozen.items():
        wanted = own[name.replace("frozen/body/", "params/model/")]
        np.testing.assert_array_equal(array, wanted)


def test_the_classifier_is_scikit_learn_s_and_distances_are_mahalanobis():
    draw = np.random.default_rng(0)
    features = draw.normal(size=(80, 5)) @ draw.normal(size=(5, 5)) + 3
    tags = np.eye(2)[(features[:, 0] > 3).astype(int)]
    weight = draw.uniform(0.5, 2, 80)
    weights = probe.fit_probe_classifier(features, tags, weight)
    odds, distance = (np.asarray(x) for x in probe.decisions(weights, features.astype(np.float32)))
    scaled = (features - features.mean(0)) / features.std(0)
    oracle = LogisticRegression(C=probe.PENALTY).fit(scaled, tags[:, 1], weight)
    np.testing.assert_allclose(odds[:, 1], oracle.decision_function(scaled), atol=1e-2)
    from sklearn.covariance import LedoitWolf

    centres = np.stack([scaled[tags[:, k] > 0].mean(0) for k in range(2)])
    nearest = np.square(scaled[:, None] - centres).sum(-1).argmin(1)
    spread = LedoitWolf(assume_centered=True).fit(scaled - centres[nearest])
    every = [spread.mahalanobis(scaled - centre) for centre in centres]
    np.testing.assert_allclose(distance, np.sqrt(np.min(every, 0) / 5), rtol=1e-3)


def test_probabilities_are_platt_s_and_none_is_what_passes_no_threshold():
    draw = np.random.default_rng(0)
    odds = draw.normal(size=(400, 1)) * 3
    tags = (draw.random((400, 1)) < 1 / (1 + np.exp(-(0.5 * odds - 1)))).astype(float)
    distance = draw.uniform(0.5, 1.5, 400)
    found = probe.calibrated(odds, distance, tags, cut=lambda _: np.array([0.3]))
    oracle = LogisticRegression(C=1e4).fit(odds, tags[:, 0])
    given = {**found, "limit": np.float32(99)}
    scores = np.asarray(probe.probe_scores(given, odds, distance))
    np.testing.assert_allclose(scores[:, 0], oracle.predict_proba(odds)[:, 1], atol=1e-3)
    np.testing.assert_array_equal(scores[:, 1] > 0.5, scores[:, 0] < 0.3)
    assert abs(np.mean(distance[tags[:, 0] > 0] < found["limit"]) - probe._USUAL) < 0.02
    far = np.asarray(probe.probe_scores(found, odds, np.full(400, 9.0)))
    assert (far[:, 1] > 0.99).all() and (far[:, 0] < 0.01).all()


def test_groups_stay_together_and_labels_are_in_every_fold(folder):
    found = probing.read_tagged_files(folder)
    songs = probing.TaggedFiles(
        found.root, found.labels, found.files, found.tags, tuple(f.stem for f in found.files)
    )
    fold = probing.folds_of(songs, 3)
    for song in set(songs.group):
        assert len({n for n, group in zip(fold, songs.group) if group == song}) == 1
    assert all(found.tags[fold == n].any(0).all() for n in range(3))


def test_segments_of_a_file_count_as_one():
    rows = Rows(np.zeros((4, 1)), np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(rows.weight, [1 / 3, 1 / 3, 1 / 3, 1])
    means = rows.means(np.array([[3.0], [6.0], [0.0], [5.0]]), 2)
    np.testing.assert_allclose(means[:, 0], [3, 5])


def test_thresholds_are_of_the_best_f1():
    truth, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4])
    assert 0.2 < probing.best_f1_threshold(truth, score) < 0.3
    assert probing.best_f1_threshold(truth, np.array([0.1, 0.2, 0.8, 0.9])) == 0.5


def test_a_csv_says_labels_negatives_and_groups(folder, tmp_path):
    for label in SOUNDS:
        for number in range(3):
            source = folder / label / f"{number}.wav"
            (tmp_path / f"{label}{number}.wav").write_bytes(source.read_bytes())
    rows = [
        f"{label}{n}.wav,{label if label != 'high' else ''},{n}"
        for label in SOUNDS
        for n in range(3)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["file,tags,song", *rows]) + "\n")
    found = probing.read_tagged_files(tmp_path, "song")
    assert found.labels == ("low", "middle") and len(found.files) == 9
    assert (found.tags.sum(1) == 0).sum() == 3 and set(found.group) == {"0", "1", "2"}


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({}, "no audio"),
        ({"a/1.wav": 1, "a/2.wav": 2}, "label 'a' has all of the files"),
        ({"a/1.wav": 1, "b/1.wav": 1, "b/2.wav": 2}, "label 'a' has 1 song"),
        ({"1.wav": 1, "2.wav": 2}, "has no labels: a sub-folder"),
    ],
)
def test_folders_that_teach_nothing_are_refused(tmp_path, layout, message):
    for name, seed in layout.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, note(300.0, seed), RATE)
    with pytest.raises(BadInput, match=message):
        probing.folds_of(probing.read_tagged_files(tmp_path), 5)


def test_short_files_share_batches_and_are_embedded_as_each_alone(folder, body, monkeypatch):
    model, files = zoo.load(body), tuple(sorted(folder.rglob("*.wav")))[:6]
    alone = [model.embed(file, over_time=True)[1] for file in files]
    calls, predictor = [], inference.predictor

    def counted(*given):
        bind = predictor(*given)
        return lambda variables: lambda batch: calls.append(1) or bind(variables)(batch)

    monkeypatch.setattr(inference, "predictor", counted)
    rows = probing.file_embeddings(model, files)
    batch = model.experiment.evaluation.batch
    assert len(calls) == -(-sum(map(len, alone)) // batch) < len(files)
    assert rows.file.tolist() == [k for k, own in enumerate(alone) for _ in own]
    np.testing.assert_allclose(rows.features, np.concatenate(alone), rtol=1e-4, atol=1e-5)
    soundfile.write(folder / "low" / "still.wav", np.zeros(RATE), RATE)
    with pytest.raises(BadInput, match=r"still\.wav: the song is silent"):
        probing.file_embeddings(model, (*files, folder / "low" / "still.wav"))
    (folder / "low" / "still.wav").unlink()


def test_what_is_there_or_has_no_embedding_is_refused(folder, body, made, capsys):
    words = ["probe", str(body), str(folder), "--out", str(made)]
    assert main(words) == 2 and "exists" in capsys.readouterr().err
    with pytest.raises(BadInput, match="no such folder"):
        probing.read_tagged_files(folder / "none")
    with pytest.raises(BadInput, match="has no embed"):
        probing.file_embeddings(finding.create_system("crepe_score_render", {}), ())
