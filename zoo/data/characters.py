"""Text as numbers and back: tables of characters, and what a record's text becomes in training.

`NVIDIA` and `KEITHITO` are the tables of the two best-known public Tacotrons, whose embeddings
have a row a symbol: filling, punctuation, letters, and the 84 phonemes of CMU's dictionary, which
stand in braces in a text: "turn left on {HH AW1 S T AH0 N}". Texts are reduced to lower-case ASCII
as there; numbers and abbreviations are not spelled out: LJSpeech's second column has them so.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zoo.data.source import Example
from zoo.errors import BadInput

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VOWELS = ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"]
CONSONANTS = [*"BDFGKLMNPRSTVWYZ", "CH", "DH", "HH", "JH", "NG", "SH", "TH", "ZH"]
PHONEMES = tuple(
    sorted([vowel + stress for vowel in VOWELS for stress in ("", "0", "1", "2")] + CONSONANTS)
)
_PLAIN = {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."}
PIECES = re.compile(r"\{([^{}]*)\}|([^{}]+)|([{}])")


@dataclass(frozen=True)
class Characters:
    """A table of symbols, of which the first fills up what is shorter.

    end: the symbol that closes every text, '' for none. phonemes: whether CMU's follow in braces.
    lower: whether texts are written in lower case.
    """

    symbols: str
    end: str = ""
    phonemes: bool = False
    lower: bool = True

    @property
    def count(self) -> int:
        return len(self.symbols) + (len(PHONEMES) if self.phonemes else 0)

    def encode(self, text: str) -> np.ndarray:
        """Numbers [N] int32 of a text. BadInput names what has no number, and an empty text."""
        numbers, unknown = self._read(text)
        if unknown:
            names = " ".join(dict.fromkeys(unknown))
            raise BadInput(f"the text has {names}, of which this model knows nothing: {self.form}")
        if not len(numbers):
            raise BadInput(f"the text is empty: {self.form}")
        return self._closed(numbers)

    def known(self, text: str) -> np.ndarray:
        """As `encode`, without the characters that have no number: as the public code trains."""
        return self._closed(self._read(text)[0])

    def decode(self, numbers: np.ndarray) -> str:
        """The text of numbers [N], without its end and filling."""
        names = [self._names[int(number)] for number in numbers]
        text = "".join(f"{{{name}}}" if len(name) > 1 else name for name in names)
        return text.replace("}{", " ").rstrip(self.symbols[0] + self.end)

    @property
    def form(self) -> str:
        """What texts are made of, in words."""
        written = self.symbols[1:].replace(self.end, "") if self.end else self.symbols[1:]
        braces = ", and phonemes in braces as {HH AH0 L OW1}" if self.phonemes else ""
        return f"write it with {written!r}{braces}"

    @property
    def example(self) -> str:
        """A text of characters that it knows."""
        letters = [letter for letter in self.symbols[1:] if letter.islower()]
        return "".join(letters[:4])

    def _read(self, text: str) -> tuple[list[int], list[str]]:
        """(numbers of what is known, what is not)."""
        numbers: list[int] = []
        unknown: list[str] = []
        for braced, plain, stray in PIECES.findall(text):
            inside = braced.split() if self.phonemes and braced else list(self._plain(plain))
            outside = [] if self.phonemes or not braced else list(braced)
            for name in [*inside, *outside, *stray]:
                reserved = name in (self.symbols[0], self.end)
                if name in self._numbers and not reserved:
                    numbers.append(self._numbers[name])
                else:
                    unknown.append(name)
        return numbers, unknown

    def _plain(self, text: str) -> str:
        """Accents and curly quotes off, spaces joined."""
        swapped = "".join(_PLAIN.get(letter, letter) for letter in text)
        parts = unicodedata.normalize("NFKD", swapped)
        bare = "".join(letter for letter in parts if not unicodedata.combining(letter))
        joined = re.sub(r"\s+", " ", bare)
        return joined.lower() if self.lower else joined

    def _closed(self, numbers: list[int]) -> np.ndarray:
        end = [self._numbers[self.end]] if self.end else []
        return np.array([*numbers, *end], np.int32)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return (*self.symbols, *(PHONEMES if self.phonemes else ()))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self._names)}


NVIDIA = Characters(f"_-!'(),.:;? {_LETTERS}", phonemes=True)
KEITHITO = Characters(f"_~{_LETTERS}!'(),-.:;? ", end="~", phonemes=True)


@dataclass(frozen=True)
class Spell:
    """A record's `text` -> `text` [longest] int32 and `text_known` [longest] uint8, 1 where it is.

    Characters without a number are left out. Raises BadInput where the text is longer.
    """

    characters: Characters
    longest: int

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        numbers = self.characters.known(example["text"])
        if len(numbers) > self.longest:
            raise BadInput(
                f"{example['track']}: its text has {len(numbers)} characters, of {self.longest} "
                "that an example has room for: raise longest_text"
            )
        return {**example, **_padded(numbers, self.longest)}


def _padded(numbers: np.ndarray, length: int) -> Example:
    """Numbers [N] -> `text` and `text_known` [length]; N is at most `length`."""
    spare = length - len(numbers)
    known = np.pad(np.ones(len(numbers), np.uint8), (0, spare))
    return {"text": np.pad(numbers, (0, spare)).astype(np.int32), "text_known": known}


@dataclass(frozen=True)
class WholeFrames:
    """Whole audio [T C] filled up to `frames` frames of `hop` samples, and `known` [frames] uint8.

    1 where a frame's samples begin within the record. Raises BadInput where it is longer.
    """

    frames: int
    hop: int

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        audio = example["audio"]
        there = min(len(audio), int(example.get("length", len(audio))))
        if there > self.frames * self.hop:
            raise BadInput(
                f"{example['track']}: it has {there:,} samples, of {self.frames * self.hop:,} that "
                "an example has room for: raise longest_frames"
            )
        whole = np.zeros((self.frames * self.hop, *audio.shape[1:]), audio.dtype)
        whole[:there] = audio[:there]
        known = (np.arange(self.frames) * self.hop < there).astype(np.uint8)
        return {**example, "audio": whole, "known": known}
