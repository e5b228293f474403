"""Growth by images, the pitches of a training set, and what is played of a tune."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import geometric_slerp

from zoo.errors import BadInput
from zoo.models.generation import gansynth
from zoo.objectives import melody
from zoo.objectives.base import Pitched, Request, check_pitches
from zoo.objectives.growth import Growth
from zoo.objectives.progressive_gan import ProgressiveGAN
from zoo.objectives.toned_gan import TonedGAN
from zoo.recipes.gansynth import stages
from zoo.signal import phase_images, pyramid
from zoo.signal.phase_images import PhaseImageLayout

LAYOUT = PhaseImageLayout(1_000, 32, 64, 8_000, "linear")
SMALL = dict(pitches=13, start=(16, 32), resolutions=2, base=8, widest=4)


def build(**how):
    return ProgressiveGAN(
        gansynth.Generator(latent=4, **SMALL),
        gansynth.Discriminator(**SMALL),
        LAYOUT,
        **{"growth": Growth(8, 16, 4), "lowest": 60, **how},
    )


@pytest.fixture(scope="module")
def trained():
    objective = build()
    batch = {"audio": jnp.zeros((2, 1_000, 1)), "pitch": jnp.full(2, 60)}
    variables = jax.jit(objective.init)(jax.random.key(0), batch)
    grown = {"generator": {"growth": {"progress": jnp.float32(0.5)}}}
    return objective, variables.replace(collections=grown)


TONED = dict(latent=4, channels=1)


def toned():
    parts = gansynth.Generator(**TONED, **SMALL), gansynth.Discriminator(channels=1, **SMALL)
    objective = TonedGAN(*parts, LAYOUT, lowest=60)
    batch = {"audio": jnp.zeros((2, 1_000, 1)), "pitch": jnp.full(2, 60)}
    return objective, objective.init(jax.random.key(0), batch)


def test_with_its_tone_a_generator_begins_in_tune():
    """Its outputs are zero at first: the image is the tone's, its frequency that of the pitch."""
    objective, variables = toned()
    assert variables.params["generator"]["block_2_conv_1"]["kernel"].shape == (3, 3, 2 + 1, 2)
    image = objective._images(variables, jnp.ones((2, 4)), jnp.array([0, 9]), jnp.float32(1))
    np.testing.assert_allclose(
        image, phase_images.denormalised(objective._tone(jnp.array([0, 9]))), atol=1e-5
    )
    harmonics = 440 * 2 ** ((np.array([[60], [69]]) - 69) / 12) * np.arange(1, 8)
    bins = np.rint(harmonics * LAYOUT.n_fft / LAYOUT.sample_rate).astype(int) - 1
    turns = np.take_along_axis(np.asarray(image[:, 16, :, 1]), bins, 1) / 2
    apart = turns - harmonics * LAYOUT.hop / LAYOUT.sample_rate
    assert np.abs((apart + 0.5) % 1 - 0.5).max() < 0.02


def test_a_tone_s_phases_are_the_notes_and_no_business_of_the_players():
    objective, variables = toned()
    other = jax.tree.map(lambda x: x + 0.1, variables.params)
    variables, label = variables.replace(params=other), jnp.array([0, 9])
    tone = objective._tone(label)
    image = objective._images(variables, jnp.ones((2, 4)), label, jnp.float32(1))
    normal = np.asarray((image * phase_images.SCALE) + phase_images.SHIFT)
    np.testing.assert_allclose(normal[..., 1], tone[..., 1], atol=1e-5)
    assert np.abs(normal[..., 0] - tone[..., 0]).max() > 0.05
    turned = image.at[..., 1].add(0.3)
    scores = [objective._judged(variables, x, label, jnp.float32(1))[0] for x in (image, turned)]
    np.testing.assert_array_equal(*scores)


def test_resolutions_come_by_the_images_seen():
    """By hand: 800,000 images alone, as many while the next one fades in."""
    paper = Growth(800_000, 800_000, 8)
    for images, progress in (
        (0, 0),
        (799_992, 0),
        (1_200_000, 0.5),
        (1_600_000, 1),
        (2_400_000, 1),
        (2_600_000, 1.25),
        (9_600_000, 6),
        (10_999_992, 6),
    ):
        assert float(paper.progress(jnp.int32(images // 8), 7)) == progress
    assert paper.steps(7) == 1_300_000
    assert float(paper.progress(jnp.int32(10**6), 2)) == 1.0
    with pytest.raises(BadInput, match="transition=12 images: give a multiple of batch=8"):
        Growth(16, 12, 8)


def test_weights_of_resolutions_sum_to_one():
    for progress in np.linspace(0, 3, 13):
        total = sum(float(pyramid.level_weight(n, progress)) for n in range(1, 5))
        np.testing.assert_allclose(total, 1, atol=1e-6)
    assert [float(pyramid.bypass(2, p)) for p in (0.5, 1.25, 2.5)] == [1.0, 0.75, 0.0]


def test_stages_are_static_and_begin_their_optimisers_anew():
    objective = build()
    found = stages(objective)
    assert [s.objective.blocks for s in found] == [1, 2, 2]
    assert [s.steps for s in found] == [2, 4, None] and not any(s.keep_optimizer for s in found)
    assert objective.blocks is None and objective.growth.steps(2) == 8
    assert stages(build(growth=None)) == ()


def test_pitches_of_fakes_are_those_of_the_training_set(trained):
    objective, variables = trained
    batches = [{"pitch": np.array([60, 72, 72])}, {"pitch": np.array([72])}]
    known = objective.initialize(variables, batches)
    counts = np.asarray(known.frozen["pitches"]["counts"])
    assert counts[0] == 1 and counts[12] == 3 and counts.sum() == 4
    found = np.asarray(objective._pitch(known, jax.random.key(1), (2_000,)))
    assert set(found) == {60, 72} and abs((found == 72).mean() - 0.75) < 0.04
    with pytest.raises(BadInput, match="pitch 59: this model has 60 to 72"):
        objective.initialize(variables, [{"pitch": np.array([59])}])
    with pytest.raises(BadInput, match="training split is empty"):
        objective.initialize(variables, [])


def test_voices_have_pitches_of_their_own(trained):
    objective, variables = trained
    request = Request(2_500, 2, pitches=(60, 64, 67), chunk=700)
    made = np.concatenate(list(objective.generate(variables, request)), 1)
    assert made.shape == (2, 2_500, 1) and np.isfinite(made).all()
    one = np.concatenate(
        list(objective.generate(variables, Request(2_500, 2, pitches=(60, 64)))), 1
    )
    np.testing.assert_array_equal(made[:, :1_000], one[:, :1_000])  # 60 and 64, then 67 and 60
    assert np.abs(made[0, 1_000:2_000] - one[0, 1_000:2_000]).max() > 0
    assert isinstance(objective, Pitched) and list(objective.pitches) == list(range(60, 73))
    with pytest.raises(BadInput, match="pitch 59: this model plays MIDI pitches 60 to 72"):
        next(objective.generate(variables, Request(100, pitches=(59,))))
    with pytest.raises(BadInput, match="takes no pitches"):
        check_pitches(object(), Request(1, pitches=(60,)))


def tune():
    return {
        "onset": np.array([0.25, 0.0, 7.0], np.float32),
        "offset": np.array([0.3, 0.1, 9.0], np.float32),
        "pitch": np.array([64, 60, 72]),
        "velocity": np.array([127, 64, 100]),
    }


def test_a_tune_is_played_whatever_the_chunks(trained):
    objective, variables = trained
    length = 74_400
    request = Request(length, 2, notes=tune(), chunk=10_000)
    made = np.concatenate(list(objective.generate(variables, request)), 1)
    other = Request(length, 2, notes=tune(), chunk=333)
    again = np.concatenate(list(objective.generate(variables, other)), 1)
    np.testing.assert_allclose(made, again, atol=1e-6)
    assert made.shape == (2, length, 1) and np.abs(made[0] - made[1]).max() > 0
    sounding = np.abs(made[0, :, 0]) > 0
    assert sounding[:800].any() and not sounding[1_000:2_000].any() and sounding[2_000:2_500].any()
    assert sounding[56_000:57_000].any() and not sounding[57_000:].any()  # notes end with the clip
    peaks = [np.abs(made[0, start : start + 1_000]).max() for start in (0, 2_000, 56_000)]
    np.testing.assert_allclose(peaks, 0.5 * np.array([64, 127, 100]) / 127, rtol=1e-5)
    with pytest.raises(BadInput, match="transpose the tune"):
        high = {**tune(), "pitch": np.array([64, 60, 73])}
        next(objective.generate(variables, Request(100, notes=high)))


def test_timbre_moves_on_an_arc():
    a, b = np.array([1.0, 0, 0]), np.array([0.6, 0.8, 0])
    wanted = geometric_slerp(a, b, [0.0, 0.3, 1.0])
    found = [melody.slerp(jnp.asarray(a), jnp.asarray(b), place) for place in (0.0, 0.3, 1.0)]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.isfinite(np.asarray(melody.slerp(jnp.asarray(a), jnp.asarray(a), 0.5))).all()


def test_levels_leave_room_for_chords():
    shapes = [np.ones(10), np.ones(10), np.ones(5)]
    assert melody.polyphony(np.array([0, 5, 10]), shapes) == 2
    shape = melody.envelope(0.5, 1_000, 4_000)
    assert len(shape) == 800 and shape[0] == 0 and shape[-1] == 0
    assert shape[10:500].min() == shape[10:500].max() == 1
    assert len(melody.envelope(60.0, 1_000, 4_000)) == 4_000
    chord = {"onset": [0, 0], "offset": [0.5, 0.5], "pitch": [60, 64], "velocity": [127, 127]}
    notes = {name: np.array(column) for name, column in chord.items()}
    made = lambda onsets, pitches: np.ones((1, len(pitches), 4_000), np.float32)  # noqa: E731
    (played,) = melody.play_melody(made, Request(800, notes=notes), 1_000, 4_000, 8)
    assert played.max() == pytest.approx(0.5)


def test_fakes_have_the_pitch_of_the_real_ones_where_it_is_known(monkeypatch):
    """Between images of two pitches no slope is asked of a discriminator that knows the pitch."""
    objective, variables = toned()
    asked, images = [], TonedGAN._images
    seen = lambda self, v, z, label, p: asked.append(label) or images(self, v, z, label, p)  # noqa: E731
    monkeypatch.setattr(TonedGAN, "_images", seen)
    batch = {"audio": jnp.zeros((2, 1_000, 1)), "pitch": jnp.array([63, 71])}
    loss, (_, metrics) = objective.turns[0].loss(variables, batch, jax.random.key(1), jnp.int32(0))
    np.testing.assert_array_equal(asked, [[3, 11]])
    assert np.isfinite(loss) and not any("pitch" in name for name in metrics)
