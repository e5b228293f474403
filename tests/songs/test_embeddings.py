"""Embeddings of files: one row each, in an npz; what cannot be used is named."""

import numpy as np
import pytest
import soundfile

import zoo
from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.songs import embeddings


@pytest.fixture(scope="module")
def tagger():
    config = experiments.find_config("samplecnn_score_render")
    return zoo.create(config.name, **config.entry.smoke)


def test_a_row_for_each_file_that_can_be_used(tagger, tmp_path, capsys):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 4000))
    for name, audio in zip("abc", noise):
        soundfile.write(tmp_path / f"{name}.wav", audio, 16_000, subtype="FLOAT")
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    out = tmp_path / "out" / "found.npz"
    assert embeddings.write_embeddings(tagger, [str(tmp_path)], out, force=False) == 2
    assert "rejected: " in capsys.readouterr().err
    found = np.load(out)
    assert [name[-5:] for name in found["files"]] == ["a.wav", "c.wav"]
    wanted = [tagger.embed(audio.astype(np.float32), 16_000) for audio in (noise[0], noise[2])]
    np.testing.assert_allclose(found["embeddings"], wanted, atol=1e-6)
    with pytest.raises(BadInput, match=r"found\.npz exists"):
        embeddings.write_embeddings(tagger, [str(tmp_path)], out, force=False)
    assert list(out.parent.iterdir()) == [out]


def test_what_cannot_be_embedded_is_refused(tagger, tmp_path):
    out = tmp_path / "found.npz"
    with pytest.raises(BadInput, match="give --input"):
        embeddings.write_embeddings(tagger, None, out, force=False)
    with pytest.raises(BadInput, match=r"written as .npz"):
        embeddings.write_embeddings(tagger, ["x.wav"], tmp_path / "found.csv", force=False)
    separator = zoo.create("wave_unet_score_render")
    with pytest.raises(BadInput, match=r"has no embed.*: separate"):
        embeddings.write_embeddings(separator, ["x.wav"], out, force=False)
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    (tmp_path / "x").mkdir()  # the user's own, named like the song
    with pytest.raises(BadInput, match="none of 1 files could be embedded"):
        embeddings.write_embeddings(tagger, [str(tmp_path / "x.wav")], out, force=False)
    assert not out.exists() and (tmp_path / "x").is_dir()


def test_a_batch_shares_calls_of_the_model_and_names_the_one_that_fails(tagger, monkeypatch):
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, (3, 1500)).astype(np.float32)
    sizes = []

    def counted(batch):
        sizes.append(len(batch["audio"]))
        return compiled(batch)

    compiled = tagger._embed
    monkeypatch.setitem(tagger.__dict__, "_embed", counted)
    found = tagger.embed(list(noise), 16_000)
    assert len(sizes) == 1 and len(found) == 3
    for row, audio in zip(found, noise):
        np.testing.assert_allclose(row, tagger.embed(audio, 16_000), atol=1e-6)
    assert tagger.tags(list(noise), 16_000)[2] == tagger.tags(noise[2], 16_000)
    with pytest.raises(BadInput, match="number 2 of 3: the song is silent"):
        tagger.embed([noise[0], 0 * noise[1], noise[2]], 16_000)


def test_the_embedding_is_what_the_last_layer_reads(tagger):
    """Through the last layer's own weights it becomes the tags."""
    samples = tagger.experiment.evaluation.samples
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (samples, 1)).astype(np.float32)
    embedding = tagger.embed(noise, 16_000)
    params = tagger.variables["params"]
    tops = [p for p in params.values() if np.shape(p.get("kernel")) == (len(embedding), 20)]
    assert len(tops) == 1
    logits = embedding @ tops[0]["kernel"] + tops[0]["bias"]
    tags = tagger.tags(noise, 16_000)
    found = [tags[label] for label in tagger.labels]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), atol=1e-5)


def test_a_rest_changes_neither_tags_nor_embedding(tagger):
    samples = tagger.experiment.evaluation.samples
    song = np.random.default_rng(2).uniform(-0.5, 0.5, (4 * samples, 1)).astype(np.float32)
    whole, longer = song[: 2 * samples], song[: 2 * samples + 3 * samples // 4]
    np.testing.assert_allclose(tagger.embed(longer, 16_000), tagger.embed(whole, 16_000), atol=1e-6)
    tags = tagger.tags(whole, 16_000)
    assert tagger.tags(longer, 16_000) == pytest.approx(tags, abs=1e-6)
    assert len(tagger.embed(longer, 16_000, over_time=True)[0]) == 3
