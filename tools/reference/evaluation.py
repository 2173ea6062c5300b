#!/usr/bin/env python3
"""The figures of `lab eval` again, by scikit-learn and SciPy: what the Rust ones are held to.

    pip install scikit-learn scipy; python3 tools/reference/evaluation.py

Writes tools/lab/golden/evaluation.json, inputs and results. What neither library has (calibration
errors, risk and coverage) is spelt out here in NumPy from its definition.
"""
import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    f1_score,
    log_loss,
    recall_score,
    roc_auc_score,
    roc_curve,
)
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(20261129)


def ranking():
    """Scores with many ties, of 12 recordings."""
    recording = np.repeat(np.arange(12), 10)
    genuine = recording < 5
    score = np.round(RNG.normal(np.where(genuine, 0.0, 1.5), 1.0 + 0.4 * ~genuine), 1)
    weight = RNG.integers(0, 4, 12)
    weight[0], weight[6] = 2, 3

    def figures(w):
        # roc_curve walks from the highest value down, so genuine trials need their sign turned
        fpr, tpr, _ = roc_curve(genuine, -score, sample_weight=w, drop_intermediate=False)
        return {
            "auroc": roc_auc_score(genuine, -score, sample_weight=w),
            "aupr-in": average_precision_score(genuine, -score, sample_weight=w),
            "aupr-out": average_precision_score(~genuine, score, sample_weight=w),
            "fpr95": fpr[np.argmax(tpr >= 0.95 - 1e-12)],
            "prevalence": w[genuine].sum() / w.sum(),
        }

    ones = np.ones(len(score))
    return {
        "score": score,
        "genuine": genuine,
        "recording": recording,
        "weight": weight,
        "plain": figures(ones),
        "weighted": figures(weight[recording].astype(float)),
    }


def exact():
    rows = []
    for k, n in [(0, 10), (1, 10), (0, 15), (2, 20), (5, 100), (18, 100), (10, 10), (400, 1000)]:
        interval = stats.binomtest(k, n).proportion_ci(0.95, "exact")
        upper = stats.binomtest(k, n, alternative="less").proportion_ci(0.95, "exact").high
        rows.append({"k": k, "n": n, "low": interval.low, "high": interval.high, "one-sided": upper})
    coins = [(0, 6), (3, 6), (4, 20), (17, 20), (0, 1), (120, 300)]
    fair = [{"k": k, "n": n, "p": stats.binomtest(k, n).pvalue} for k, n in coins]
    return {"bounds": rows, "fair": fair}


def calibration_error(confidence, right, bins):
    return sum(len(b) / len(right) * abs(confidence[b].mean() - right[b].mean()) for b in bins if len(b))


def classes():
    """80 windows of 8 recordings, judged by a good and a poor classifier."""
    count, kinds = 80, 4
    truth = RNG.integers(0, kinds, count)
    recording = np.repeat(np.arange(8), 10)

    def classifier(skill):
        logits = RNG.normal(0.0, 1.0, (count, kinds))
        logits[np.arange(count), truth] += skill
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return np.round(p, 6)

    def figures(p):
        answer, confidence = p.argmax(1), p.max(1)
        right = (answer == truth).astype(float)
        # equal width: bin b holds (b / 15, (b + 1) / 15]
        place = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
        width = [np.flatnonzero(place == b) for b in range(15)]
        order = np.argsort(confidence, kind="stable")
        mass = [order[b * count // 15 : (b + 1) * count // 15] for b in range(15)]
        wrong = 1.0 - right[np.argsort(-confidence, kind="stable")]
        risk = np.cumsum(wrong) / np.arange(1, count + 1)
        covered = np.flatnonzero(risk <= 0.05)
        normal = p / p.sum(1, keepdims=True)
        return {
            "confusion": confusion_matrix(truth, answer, labels=range(kinds)),
            "accuracy": right.mean(),
            "recalls": recall_score(truth, answer, labels=range(kinds), average=None),
            "macro-f1": f1_score(truth, answer, average="macro"),
            "negative-log-likelihood": log_loss(truth, normal, labels=range(kinds)),
            "brier": ((p - np.eye(kinds)[truth]) ** 2).sum(1).mean(),
            "ece": calibration_error(confidence, right, width),
            "ece-equal-mass": calibration_error(confidence, right, mass),
            "aurc": risk.mean(),
            "coverage": (covered.max() + 1) / count if len(covered) else 0.0,
        }

    good, poor = classifier(3.0), classifier(1.0)
    good_right, poor_right = good.argmax(1) == truth, poor.argmax(1) == truth
    b, c = int((good_right & ~poor_right).sum()), int((~good_right & poor_right).sum())
    lead = [int((good_right.astype(int) - poor_right)[recording == r].sum()) for r in range(8)]
    ahead, behind = sum(x > 0 for x in lead), sum(x < 0 for x in lead)
    return {
        "truth": truth,
        "recording": recording,
        "good": good,
        "poor": poor,
        "good-figures": figures(good),
        "poor-figures": figures(poor),
        "mcnemar": {
            "first-only": b,
            "second-only": c,
            "p-windows": stats.binomtest(b, b + c).pvalue,
            "first-ahead": ahead,
            "second-ahead": behind,
            "p-sessions": stats.binomtest(ahead, ahead + behind).pvalue,
        },
    }


def baselines():
    """60 rows of 8 numbers to learn from, 20 to judge, of three kinds."""
    kind = np.repeat([0, 1, 2], 20)
    centre = RNG.normal(0.0, 1.0, (3, 8))
    mix = RNG.normal(0.0, 0.5, (8, 8))
    fit = np.round(centre[kind] + RNG.normal(0.0, 1.0, (60, 8)) @ mix, 4)
    other = np.round(RNG.normal(0.0, 2.0, (20, 8)), 4)
    pca = PCA(n_components=4, svd_solver="full").fit(fit)
    z, w = pca.transform(fit), pca.transform(other)
    neighbours = NearestNeighbors(n_neighbors=5).fit(z)
    machine = OneClassSVM(kernel="rbf", gamma="scale", nu=0.05, tol=1e-10).fit(z)
    unit = np.sqrt(pca.explained_variance_)
    logistic = LogisticRegression(C=1.0, tol=1e-12, max_iter=100_000).fit(z / unit, kind)
    return {
        "fit": fit,
        "kind": kind,
        "other": other,
        "components": 4,
        "variances": pca.explained_variance_,
        "mahalanobis": ((other - pca.mean_) @ pca.get_precision() * (other - pca.mean_)).sum(1),
        "nearest": neighbours.kneighbors(w)[0][:, 4],
        "one-class": -machine.decision_function(w),
        "logistic": logistic.predict_proba(w / unit),
    }


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    return value


def main():
    values = [0.3, -1.2, 4.5, 2.2, 2.2, 9.0, -3.1]
    shares = [0.0, 0.025, 0.5, 0.9, 1.0]
    case = {
        "made-by": f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}, NumPy {np.__version__}",
        "quantiles": {"values": values, "q": shares, "expected": np.quantile(values, shares)},
        "ranking": ranking(),
        "exact": exact(),
        "classes": classes(),
        "baselines": baselines(),
    }
    path = ROOT / "tools/lab/golden/evaluation.json"
    path.write_text(json.dumps(plain(case)) + "\n")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
