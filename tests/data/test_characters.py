"""Tables of characters against the two public ones, texts out of order, and filled-up examples."""

import numpy as np
import pytest

from zoo.data.characters import KEITHITO, NVIDIA, PHONEMES, Characters, Spell, WholeFrames
from zoo.errors import BadInput

RNG = np.random.default_rng(0)
SMALL = Characters("_abc- ", end="")


def test_the_tables_are_those_of_the_public_code():
    """Counts and places; 84 phonemes in alphabetical order behind the letters."""
    assert NVIDIA.count == 148 and KEITHITO.count == 149
    assert len(PHONEMES) == 84 and PHONEMES[:3] == ("AA", "AA0", "AA1") and PHONEMES[-1] == "ZH"
    np.testing.assert_array_equal(NVIDIA.encode("Az! {ZH AA}"), [38, 63, 2, 11, 147, 64])
    np.testing.assert_array_equal(KEITHITO.encode("a-z"), [28, 59, 53, 1])


def test_texts_are_reduced_to_what_is_known():
    text = "  “Café”,\n naïve… "
    assert NVIDIA.decode(NVIDIA.known(text)) == " cafe, naive... "
    assert KEITHITO.decode(KEITHITO.encode("we'll {HH AY1} go")) == "we'll {HH AY1} go"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a 1 c", "the text has 1, of which"),
        ("a{b", r"the text has \{, of which"),
        ("_a", "the text has _, of which"),
        ("", "the text is empty"),
        ("éx", "the text has e x, of which"),
    ],
)
def test_what_has_no_number_is_named(text, said):
    with pytest.raises(BadInput, match=said) as caught:
        SMALL.encode(text)
    assert "write it with 'abc- '" in str(caught.value) and "\n" not in str(caught.value)


def test_phonemes_that_are_none_are_named():
    with pytest.raises(BadInput, match="the text has XX, of which"):
        NVIDIA.encode("{HH XX}")
    with pytest.raises(BadInput, match="the text has ~, of which"):
        KEITHITO.encode("a~")


def test_examples_are_filled_up_and_say_what_is_there():
    record = {"track": "t", "text": "ab?c", "audio": np.ones((7, 1), np.int16), "length": 5}
    spelled = Spell(SMALL, 5)(RNG, record)
    np.testing.assert_array_equal(spelled["text"], [1, 2, 3, 0, 0])
    np.testing.assert_array_equal(spelled["text_known"], [1, 1, 1, 0, 0])
    whole = WholeFrames(4, 2)(RNG, spelled)
    np.testing.assert_array_equal(whole["audio"][:, 0], [1, 1, 1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(whole["known"], [1, 1, 1, 0])


def test_longer_ones_are_refused():
    record = {"track": "t", "text": "abc", "audio": np.ones((7, 1), np.int16)}
    with pytest.raises(BadInput, match=r"t: its text has 3 characters.*raise longest_text"):
        Spell(SMALL, 2)(RNG, record)
    with pytest.raises(BadInput, match=r"t: it has 7 samples, of 6.*raise longest_frames"):
        WholeFrames(3, 2)(RNG, record)
