"""Several labels and numbers against scikit-learn's own on equal features.

Labels: the embedded emoji with two labels each, kind and vendor; half of the images, groups whole, are the test. Numbers: the
angle by which digits were turned, drawn uniformly from -60 to 60 degrees, as there is no built-in set of numbers. Features are
those of all stages of EfficientNet-Lite0, the same matrix for both sides. Finished seeds are kept in OUT/multioutput.jsonl, so
that a second call goes on.

Expected: ridge has a mAP and an R2 of at least those of scikit-learn's `RidgeCV` and of its logistic regression, one against the
rest; 90 % intervals hold the truth for 88 to 93 % of test images.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import average_precision_score, f1_score, r2_score
from sklearn.multiclass import OneVsRestClassifier

from benchmarks.protocol import arguments, mean_and_interval
from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.core.steps import Steps
from headstart.core.types import Floats
from headstart.data.images import ArrayImages
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import reader_for
from headstart.features.extract import features_of
from headstart.features.representation import Representation
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.cross_validation import cross_validated
from headstart.multioutput.evaluating import predictions_of
from headstart.multioutput.fitting import fitted_outputs
from headstart.multioutput.metrics import metrics_for
from headstart.multioutput.predictions import OutputPredictions
from headstart.multioutput.reading import outputs_of
from headstart.multioutput.task import OutputTask

NETWORK, MOST_TURNED, TEST = "efficientnet_lite0", 60.0, 0.5
NUM_TURNED = 800
LEVELS = (0.8, 0.9, 0.95)


def emoji() -> RawDataset:
    """The embedded emoji with kind and vendor as labels."""
    raw = reader_for("emoji").read("emoji")
    pairs = zip(raw.labels, raw.domains, strict=True)
    labels = tuple(";".join(sorted((str(kind), vendor))) for kind, vendor in pairs)
    return replace(raw, labels=labels, domains=("",) * len(labels), outputs="several_labels")


def turned_digits(seed: int) -> RawDataset:
    """Digits, each turned by an angle that is its number; another draw for each seed."""
    raw, draw = reader_for("digits").read("digits"), generator_for(seed, "benchmark", "angles")
    rows = draw.permutation(len(raw.labels))[:NUM_TURNED]
    angles = draw.uniform(-MOST_TURNED, MOST_TURNED, len(rows))
    large = [raw.images.read(int(row)).convert("L").resize((24, 24), Image.Resampling.BICUBIC) for row in rows]
    pairs = zip(large, angles, strict=True)
    pictures = [np.asarray(picture.rotate(float(angle), Image.Resampling.BICUBIC)) for picture, angle in pairs]
    images = ArrayImages(np.stack(pictures)[..., None], f"turned digits {seed}", rows)
    return RawDataset("turned-digits", images, tuple(repr(float(angle)) for angle in angles), outputs="numbers")


def fitted(task: OutputTask, fit: str, pixels: int, steps: Steps) -> tuple[OutputPredictions, Any]:
    """What a head of headstart says about the test images, and its model."""
    candidate = OutputCandidate(family="transfer", fit=fit, pretrained=NETWORK, input_pixels=pixels)
    backbone = load_backbone(NETWORK, "pretrained", pixels)
    validated = cross_validated(task, candidate, backbone, task.images.folds, steps)
    model = fitted_outputs(task, validated, backbone, steps, steps.folder)
    return predictions_of(model, task.images.test, task.hidden_targets), model


def matrices(task: OutputTask, pixels: int) -> tuple[Floats, Floats]:
    """The features of the labeled and of the test images."""
    backbone = load_backbone(NETWORK, "pretrained", pixels)
    learned, tested = (features_of(part, backbone) for part in (task.images.labeled, task.images.test))
    representation = Representation.fitted(learned, "stages")
    return representation.matrix(learned), representation.matrix(tested)


def labels_of_seed(seed: int, steps: Steps) -> dict[str, float]:
    """MAP and macro F1 of every way, on one split of the emoji."""
    task = outputs_of(emoji(), "", seed, test=TEST)
    found: dict[str, float] = {}
    for fit in ("ridge", "logistic"):
        predictions, _ = fitted(task, fit, 160, steps)
        one = np.ones((1, len(predictions)))
        metrics = metrics_for("several_labels")
        found |= {
            f"{fit} {name}": float(metrics[name].values(predictions, one)[0]) for name in ("mean_average_precision", "macro_f1")
        }
    learned, tested = matrices(task, 160)
    truth, known = task.hidden_targets, task.targets
    logistic = OneVsRestClassifier(LogisticRegression(max_iter=2_000)).fit(learned, known)
    tuned = OneVsRestClassifier(LogisticRegression(C=100.0, max_iter=2_000)).fit(learned, known)
    ridge = RidgeCV(np.logspace(-3, 3, 7), alpha_per_target=True).fit(learned, 2 * known - 1)
    for name, scores, said in (
        ("sklearn logistic", logistic.decision_function(tested), logistic.predict(tested)),
        ("sklearn logistic C=100", tuned.decision_function(tested), tuned.predict(tested)),
        ("sklearn RidgeCV", ridge.predict(tested), ridge.predict(tested) > 0),
    ):
        found[f"{name} mean_average_precision"] = float(average_precision_score(truth, scores, average="macro"))
        found[f"{name} macro_f1"] = float(f1_score(truth, said, average="macro", zero_division=0))
    return found


def numbers_of_seed(seed: int, steps: Steps) -> dict[str, float]:
    """R2 of every way, and coverage and width of intervals, on one draw of turned digits."""
    task = outputs_of(turned_digits(seed), "", seed, test=TEST)
    predictions, model = fitted(task, "ridge", 96, steps)
    truth = predictions.targets
    found = {"ridge r2": float(r2_score(truth, predictions.values))}
    for level in LEVELS:
        low, high = model.intervals(task.images.test, level)
        found[f"coverage {level}"] = float(((low <= truth) & (truth <= high)).mean())
        found[f"width {level}"] = float((high - low).mean())
    learned, tested = matrices(task, 96)
    for name, ridge in (("default", RidgeCV()), ("logspace", RidgeCV(np.logspace(-3, 3, 7)))):
        found[f"sklearn RidgeCV {name} r2"] = float(r2_score(truth, ridge.fit(learned, task.targets[:, 0]).predict(tested)))
    return found


def main() -> None:
    """Every seed of both, then means with intervals and paired differences."""
    given = arguments(__doc__, 10)
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "multioutput.jsonl"
    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    warnings.simplefilter("ignore", ConvergenceWarning)
    for kind, work in (("several labels", labels_of_seed), ("numbers", numbers_of_seed)):
        for seed in range(given.seeds):
            if any(row["kind"] == kind and row["seed"] == seed for row in done):
                continue
            with tempfile.TemporaryDirectory() as folder:
                row = {"kind": kind, "seed": seed, **work(seed, Steps(Path(folder)))}
            done.append(row)
            with file.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
        summarize(kind, [row for row in done if row["kind"] == kind][: given.seeds])


def summarize(kind: str, rows: list[dict[str, Any]]) -> None:
    """Means over seeds with 95 % t intervals, and the gain of ridge over every other way, paired by seed."""
    print(f"{kind}: {len(rows)} seeds")
    names = [name for name in rows[0] if name not in ("kind", "seed")]
    for name in names:
        mean, low, high = mean_and_interval([row[name] for row in rows])
        print(f"  {name}: {mean:.3f} [{low:.3f}, {high:.3f}]")
    for name in names:
        metric = name.rpartition(" ")[2]
        if f"ridge {metric}" in names and name != f"ridge {metric}":
            mean, low, high = mean_and_interval([row[f"ridge {metric}"] - row[name] for row in rows])
            print(f"  ridge minus {name}: {mean:+.3f} [{low:+.3f}, {high:+.3f}]")


if __name__ == "__main__":
    main()
