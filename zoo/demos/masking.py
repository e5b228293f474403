"""What masking the mixture cannot recover: the error of ideal masks, bin by bin.

In every bin a stem S of a mixture X is (a + jb) times the mixture's direction: `a` in phase with
it, `b` at a right angle. A real mask only scales X, so b is lost whatever the mask; what a mask
does wrong with a is its own. Spectra as those of SiSEC's oracles (`zoo.models.separation.masks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from zoo.demos import drawing
from zoo.demos.demonstration import Demonstration, Part, PlayedSound
from zoo.errors import BadInput
from zoo.models.separation import masks
from zoo.signal import stft

_N_FFT, _HOP = 2048, 1024
_TINY = 1e-9

_Array = np.ndarray


def _fractions(mixed: _Array, known: _Array) -> _Array:
    """Stems over the mixture, [F N] and [F N S] -> [F N S] complex; 0 where there is no mixture."""
    silent = np.abs(mixed) < _TINY
    ratio = known / np.where(silent, 1, mixed)[..., None]
    return np.where(silent[..., None], 0, ratio)


def _binary(mixed: _Array, known: _Array) -> _Array:
    return np.asarray(masks.binary(jnp.asarray(mixed)[None, ..., None], _batched(known)))[0, ..., 0]


def _ratio(mixed: _Array, known: _Array) -> _Array:
    return np.asarray(masks.ideal_ratio_masks(_batched(known)))[0, ..., 0]


def _batched(known: _Array) -> jnp.ndarray:
    return jnp.asarray(known)[None, ..., None]


def _bounded(mixed: _Array, known: _Array) -> _Array:
    fractions = _fractions(mixed, known)
    return fractions / np.maximum(1, np.abs(fractions))


MASKS: dict[str, Callable[[_Array, _Array], _Array]] = {
    "ideal binary": _binary,
    "ideal ratio": _ratio,
    "phase-sensitive, 0 to 1": lambda x, s: np.clip(_fractions(x, s).real, 0, 1),
    "true magnitude": lambda x, s: np.abs(_fractions(x, s)),
    "complex, modulus to 1": _bounded,
    "complex": _fractions,
}
_LEADS = {
    "sdr": "What each mask reaches at best, for it was made of the stems themselves.",
    "bins": (
        "Left: where the bins of this stem lie relative to the mixture, weighed by their energy. A "
        "binary mask has the points 0 and 1, a ratio mask what lies between, a phase-sensitive one "
        "the same but by its own choice, a true magnitude all of the right half of the axis, a "
        "complex mask to modulus 1 the disc. Right: how far the mixture's phase is from the "
        "stem's. The table divides each mask's error by the energy of the stem: in phase with the "
        "mixture, where another real mask may be right, and at a right angle, where none can be."
    ),
    "residual": "What each mask left or put in: estimate minus stem, on one scale, one level.",
}


@dataclass(frozen=True)
class _Masked:
    """Spectra [F N] of mixture and stem, SDR [S] of every stem by mask, and of one stem the rest.

    estimates: mask -> [T]. errors: mask -> (in phase, at a right angle), shares of its energy.
    """

    mixed: _Array
    known: _Array
    sdr: dict[str, _Array]
    estimates: dict[str, _Array]
    errors: dict[str, tuple[float, float]]


def mask(stems: Mapping[str, _Array], name: str) -> _Masked:
    """All masks on the sum of stems [T]; name: of the stem that is looked at."""
    played = np.stack([*stems.values()]).astype(np.float32)
    index = [*stems].index(name)
    mixed, known = _spectra(played.sum(0)[None])[..., 0], _spectra(played)
    sdr, estimates, errors = {}, {}, {}
    for label, ideal in MASKS.items():
        bins = ideal(mixed, known) * mixed[..., None]
        audio = _audio(bins, played.shape[1])
        error = np.square(audio - played).sum(1)
        sdr[label] = 10 * np.log10(np.square(played).sum(1) / np.maximum(error, 1e-12) + 1e-12)
        estimates[label] = audio[index]
        errors[label] = error_energies(mixed, known[..., index], bins[..., index])
    return _Masked(mixed, known[..., index], sdr, estimates, errors)


def error_energies(mixed: _Array, known: _Array, estimate: _Array) -> tuple[float, float]:
    """Energy of estimate - stem [F N] over the stem's: in phase with the mixture, and across it."""
    direction = mixed / np.maximum(np.abs(mixed), _TINY)
    error = (estimate - known) * direction.conj()
    whole = max(float(np.square(np.abs(known)).sum()), _TINY)
    return float(np.square(error.real).sum()) / whole, float(np.square(error.imag).sum()) / whole


def _spectra(audio: _Array) -> _Array:
    """[S T] -> [F N S] complex64."""
    run = jax.jit(lambda x: stft.centred(x, _N_FFT, _HOP))
    return np.asarray(run(audio.T[None]))[0]


def _audio(spectra: _Array, length: int) -> _Array:
    """[F N S] -> [S T]."""
    return np.asarray(_inverse(spectra.astype(np.complex64)[None], length))[0].T


@partial(jax.jit, static_argnums=1)
def _inverse(spectra: jax.Array, length: int) -> jax.Array:
    return stft.centred_inverse(spectra, _N_FFT, _HOP, length)


def demonstrate_masking(
    stems: Mapping[str, _Array], rate: int, name: str, stem: str | None
) -> Demonstration:
    """The page of a song's stems; stem: the one whose bins and errors are shown."""
    chosen = stem or ("vocals" if "vocals" in stems else next(iter(stems)))
    if chosen not in stems:
        raise BadInput(f"no stem '{chosen}': there are {', '.join(stems)}")
    found = mask(stems, chosen)
    head, own = ("mask", *stems), stems[chosen]
    rows = [[label, *(f"{value:.1f}" for value in sdr)] for label, sdr in found.sdr.items()]
    split = ("mask", "in phase, %", "at a right angle, %")
    shares = [[label, *(f"{100 * e:.2f}" for e in pair)] for label, pair in found.errors.items()]
    residuals = {label: audio - own for label, audio in found.estimates.items()}
    wrong = {f"{label}, error": audio for label, audio in residuals.items()}
    fractions = _fractions(found.mixed, found.known[..., None])[..., 0]
    weights = np.square(np.abs(found.known))
    return Demonstration(
        "masking",
        "What masking the mixture cannot recover",
        {"stems": name, "spectra": f"{_N_FFT} samples, hop {_HOP}", "rate": f"{rate:,} Hz"},
        (
            Part("sdr", "SDR of ideal masks, dB", _LEADS["sdr"], None, head, rows),
            Part(
                "bins",
                f"The bins of {chosen}",
                _LEADS["bins"],
                drawing.bins(fractions, weights),
                split,
                shares,
            ),
            Part(
                "residual",
                f"What is wrong with {chosen}",
                _LEADS["residual"],
                drawing.spectrograms({chosen: own, **wrong}, rate, top_of=chosen),
                sounds=_sounds(stems, chosen, found, residuals, rate),
            ),
        ),
        {
            "stems": np.array([*stems]),
            **{f"sdr/{label}": value for label, value in found.sdr.items()},
            **{f"error/{label}": np.array(pair) for label, pair in found.errors.items()},
        },
    )


def _sounds(
    stems: Mapping[str, _Array],
    chosen: str,
    found: _Masked,
    residuals: Mapping[str, _Array],
    rate: int,
) -> list[PlayedSound]:
    """Mixture and stem, then of each mask its estimate and what is wrong with that."""
    made = {"mixture": sum(stems.values(), np.zeros(1)), chosen: stems[chosen]}
    for label, audio in found.estimates.items():
        made |= {label: audio, f"{label}, error": residuals[label]}
    level = min(1.0, 0.99 / max(max(float(np.abs(x).max()) for x in made.values()), 1e-9))
    return [PlayedSound(label, level * x, rate) for label, x in made.items()]
