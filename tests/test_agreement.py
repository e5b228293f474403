"""The kinds of tests are seen, and a claim that no passed test shows is told."""

import agreement
import librosa
import numpy as np
import pytest

TABLE = {"mel": lambda x: librosa.feature.rms(y=x)}


def helper():
    return librosa.__version__


def test_through_a_helper_of_the_file():
    def twin():
        return helper()

    def plain():
        return np.zeros(1)

    def late():
        pytest.importorskip("torch")

    assert "librosa" in agreement.kinds(helper) and "librosa" not in agreement.kinds(plain)
    assert "librosa" in agreement.kinds(twin)
    assert agreement.kinds(late) == {"torch"}
    assert "librosa" in agreement.kinds(lambda: TABLE["mel"])


def test_names_fixtures_and_numbers():
    def test_published_weights_speak():
        pass

    def test_parameters_of_the_paper(count):
        pass

    def test_something(count):
        pass

    assert agreement.kinds(test_published_weights_speak) == {"published weights"}
    assert agreement.kinds(test_something, {"published_modules": print}) == {"module"}
    assert "librosa" in agreement.kinds(test_something, {"theirs": helper})
    assert agreement.kinds(test_parameters_of_the_paper, (), {"count": 87_879}) == {
        "parameter count"
    }
    assert agreement.kinds(test_parameters_of_the_paper, (), {"count": 3}) == set()
    assert agreement.kinds(test_something, (), {"count": 87_879}) == set()


def test_words_name_kinds():
    assert agreement.claimed("the authors' module, own twin") == {"module", "torch"}
    assert agreement.claimed("a feeling") == set()


def test_claims_that_were_not_shown_are_reported():
    claims = {"a.py": {"torch", "librosa"}, "b.py": {"module"}, "c.py": {"torch"}}
    shown = {"a.py": {"torch"}, "c.py": {"torch", "scipy"}}
    assert agreement.unshown(claims, shown, ["a.py", "c.py", "d.py"]) == {"a.py": {"librosa"}}
    assert agreement.unshown(claims, {}, ["b.py"]) == {"b.py": {"module"}}
