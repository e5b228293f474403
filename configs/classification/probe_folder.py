"""A linear probe of a tagger's embeddings, your labels, "none of these": by `python -m zoo probe`.

`python -m zoo probe WEIGHTS FOLDER` makes such a system: WEIGHTS any tagger (published weights, a
run), FOLDER of audio in sub-folders by label, or with a labels.csv. The body stays as it is; a
logistic regression per label is cross-validated, calibrated and kept, with the distance from which
on audio is none of the labels. No paper: a recipe. body= and words= are the tagger's config and
arguments, names= the labels.
"""

from zoo.experiment import Experiment
from zoo.recipes.probing import probe_experiment

ROWS = {"default": {"parameters": 41_210}}
AGREES = {"tests/songs/test_probing.py": "scikit-learn"}
SMOKE = {"body": "samplecnn_score_render", "words": ("depth=4", "widths=4,6,8")}


def config(
    body: str = "musicnn_magnatagatune",
    words: tuple[str, ...] = (),
    names: tuple[str, ...] = ("label 1", "label 2"),
    path: str = "the user's own",
) -> Experiment:
    return probe_experiment(body, words, names, path)
