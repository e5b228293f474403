"""Cheap reference bars on the embedded data set: what a model must beat. Prints JSON.

    python benchmarks/data_bars.py [size=small]      (tiny, small or large)

tagging: logistic regression on mel statistics. stems: the mixture as estimate, and the ideal ratio
mask as ceiling, in SI-SDR. piano, stems: entropy of 8-bit mu-law codes, without and with the code
before. All on the test split; also prevalence, levels and reading speed.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import librosa
import numpy as np
import scipy.signal
from in_turns import parsed
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from zoo.data.score_render.source import ScoreRender


def floats(pcm: np.ndarray) -> np.ndarray:
    return pcm.astype(np.float32) / 32768


def mel_statistics(audio: np.ndarray, rate: int) -> np.ndarray:
    """[T] -> [256]: mean, deviation, deviation of the change and mean rise of 64 mel bins in dB."""
    power = librosa.feature.melspectrogram(y=audio, sr=rate, n_fft=1024, hop_length=512, n_mels=64)
    decibels = 10 * np.log10(power + 1e-8)
    change = np.diff(decibels, axis=1)
    parts = decibels.mean(1), decibels.std(1), change.std(1), np.maximum(change, 0).mean(1)
    return np.concatenate(parts)


def tagging(size: str) -> dict:
    source = ScoreRender("tagging", size)
    source.prepare()

    def table(split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = list(source.open(split))
        features = [mel_statistics(floats(row["audio"][:, 0]), source.sample_rate) for row in rows]
        columns = features, [row["tags"] for row in rows], [row["known"] for row in rows]
        return tuple(map(np.stack, columns))

    features, tags, known = table("train")
    test_features, test_tags, test_known = table("test")
    scaler = StandardScaler().fit(features)
    features, test_features = scaler.transform(features), scaler.transform(test_features)
    bars = {}
    for index, name in enumerate(source.info.labels):
        use, scored = known[:, index] == 1, test_known[:, index] == 1
        truth = test_tags[scored, index]
        if len(set(truth)) < 2 or len(set(tags[use, index])) < 2:
            continue
        model = LogisticRegression(C=0.02, max_iter=2000).fit(features[use], tags[use, index])
        score = model.decision_function(test_features[scored])
        bars[name] = {
            "roc_auc": roc_auc_score(truth, score),
            "pr_auc": average_precision_score(truth, score),
            "prevalence_test": float(truth.mean()),
            "prevalence_train": float(tags[use, index].mean()),
        }
    macro = {key: np.mean([bar[key] for bar in bars.values()]) for key in next(iter(bars.values()))}
    return {"macro": macro, "known_share": known.mean(0).tolist(), "tags": bars}


def si_sdr(target: np.ndarray, estimate: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB. [T], [T]"""
    scaled = target * (target @ estimate) / (target @ target)
    return 10 * np.log10((scaled @ scaled) / np.sum((estimate - scaled) ** 2))


def separation(size: str) -> dict:
    source = ScoreRender("stems", size)
    source.prepare()
    scores: dict[str, list] = {name: [] for name in source.info.labels}
    levels: dict[str, list] = {name: [] for name in source.info.labels}
    peaks = []
    for row in source.open("test"):
        stems = floats(row["stems"][:, :, 0]).astype(np.float64)
        mixture = stems.sum(0)
        peaks.append(np.abs(mixture).max())
        stft = scipy.signal.stft(stems, nperseg=1024, noverlap=768)[2]
        mask = np.abs(stft) / (np.abs(stft).sum(0) + 1e-12)
        oracle = scipy.signal.istft(mask * stft.sum(0), nperseg=1024, noverlap=768)[1]
        for name, stem, estimate in zip(scores, stems, oracle[:, : stems.shape[1]]):
            level = 10 * np.log10(np.mean(stem**2) + 1e-12)
            levels[name].append(level)
            if level > -60:
                scores[name].append((si_sdr(stem, mixture), si_sdr(stem, estimate)))
    return {
        "mixture_peak_max": max(peaks),
        **{
            name: {
                "mixture_si_sdr": np.median([pair[0] for pair in pairs]),
                "ratio_mask_si_sdr": np.median([pair[1] for pair in pairs]),
                "level_dbfs_median": np.median(levels[name]),
                "silent_share": 1 - len(pairs) / len(levels[name]),
            }
            for name, pairs in scores.items()
        },
    }


def entropies(clips: list[np.ndarray]) -> dict[str, float]:
    """Plug-in entropy of 8-bit mu-law codes in bits, alone and given the code before."""
    joint = np.zeros((256, 256))
    for clip in clips:
        curved = np.sign(clip) * np.log1p(255 * np.abs(clip)) / np.log(256)
        codes = np.clip(np.floor((curved + 1) * 128), 0, 255).astype(int)
        np.add.at(joint, (codes[:-1], codes[1:]), 1)
    joint /= joint.sum()

    def bits(p: np.ndarray) -> float:
        return float(-np.sum(p[p > 0] * np.log2(p[p > 0])))

    return {"order_0": bits(joint.sum(0)), "order_1": bits(joint) - bits(joint.sum(1))}


def generation(size: str) -> dict:
    piano, stems = ScoreRender("piano", size), ScoreRender("stems", size)
    piano.prepare()
    stems.prepare()
    played = [floats(row["audio"][:, 0]) for row in piano.open("test")]
    mixed = [floats(row["stems"][:, :, 0]).sum(0) for row in stems.open("test")]
    normal = {"piano": played, "stem_mixtures": mixed}
    normal = {name: [clip / np.abs(clip).max() for clip in clips] for name, clips in normal.items()}
    return {
        "piano": entropies(played),
        "stem_mixtures": entropies(mixed),
        **{f"{name}_peak_normalised": entropies(clips) for name, clips in normal.items()},
    }


def reading(size: str) -> dict:
    """Random records a second from the train split, one process."""
    speeds = {}
    for config in ("tagging", "stems", "piano", "notes"):
        source = ScoreRender(config, size)
        source.prepare()
        records = source.open("train")
        order = np.random.default_rng(0).permutation(len(records))[:300]
        began = time.perf_counter()
        for index in order:
            records[index]
        speeds[config] = len(order) / (time.perf_counter() - began)
    return speeds


def rounded(tree):
    if isinstance(tree, dict):
        return {key: rounded(value) for key, value in tree.items()}
    return tree if isinstance(tree, str) else np.round(tree, 4).tolist()


def main() -> None:
    size = parsed(sys.argv[1:], {"size": "small"})["size"]
    warnings.simplefilter("ignore", ConvergenceWarning)
    bars = {
        "size": size,
        "tagging": tagging(size),
        "separation": separation(size),
        "bits_per_sample": generation(size),
        "records_per_second": reading(size),
    }
    print(json.dumps(rounded(bars), indent=1))


if __name__ == "__main__":
    main()
