"""Realistic runs for tests of the report: a decision among transfer and scratch, three classes or a hundred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from headstart.attribution.explanation import ExplainedMistakes
from headstart.cluster.account import ClusterUse
from headstart.core.estimate import Estimate
from headstart.core.evaluation import Evaluation
from headstart.core.findings import Finding
from headstart.core.predictions import Predictions
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.summary import TaskSummary
from headstart.data.task import Task
from headstart.evaluation.extension import Extension
from headstart.evaluation.forgetting import Forgetting
from headstart.evaluation.label_error_report import LabelErrors
from headstart.evaluation.protocols import evaluation_of
from headstart.evaluation.pseudo_label_audit import PseudoLabelAudit
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.improving.adjustment import Adjustment
from headstart.planning.label_budget import CurvePoint, ExpectedError, Forecast, LearningCurve, UnlabeledGain
from headstart.planning.plan import Plan, Rejected
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.planning.results import CandidateResult, Comparison, Decision
from headstart.planning.sources.source_ranking import SourceRanking
from headstart.runs.repeatability import repeatability_of
from headstart.training.learning_rate_finder import LearningRateCurve

CHOSEN = "ridge on stages+pixels of efficientnet_lite1"
SCRATCH = "small_cnn from scratch, 64 px"


@dataclass(frozen=True)
class FakeRun:
    """What a report asks of a run."""

    folder: Path
    plan: Plan
    task_summary: TaskSummary
    ranking: Ranking | None = None
    decision: Decision | None = None
    rate_curve: LearningRateCurve | None = None
    forgetting: Forgetting | None = None
    sources: SourceRanking | None = None
    adaptation: Adaptation | None = None
    adjustment: Adjustment | None = None
    extension: Extension | None = None
    evaluation: Evaluation | None = None
    predictions: Predictions | None = None
    unlabeled: Predictions | None = None
    pool_audit: PseudoLabelAudit | None = None
    label_errors: LabelErrors | None = None
    explained_mistakes: ExplainedMistakes | None = None
    findings: tuple[Finding, ...] | None = ()
    cluster_use: ClusterUse | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    repeatability: str = repeatability_of({"threads": 2, "engine": "auto"}, 0, stopped=False)


def around(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def ranking() -> Ranking:
    rows = [
        ("efficientnet_lite1", False, 0.914, 1.3, 0.61, 1.482),
        ("efficientnet_lite2", False, 0.908, 1.9, 0.31, 1.455),
        ("efficientnet_lite0", False, 0.897, 2.8, 0.08, 1.377),
        ("small_cnn", False, 0.712, 4.6, 0.0, 0.541),
        ("pixels", True, 0.541, 5.1, 0.0, 0.203),
        ("efficientnet_lite0 (random initialization)", True, 0.418, 5.3, 0.0, 0.118),
    ]
    names = ("logme", "knn", "ridge_log_loss", "h_score", "leep", "nce", "gbc")
    candidates = tuple(
        RankedCandidate(
            name=name,
            pretrained=name.split(" ")[0],
            weights="none" if "random" in name else "pretrained",
            baseline=baseline,
            scores={
                key: None if baseline and key in ("leep", "nce") else evidence - 0.3 * place for place, key in enumerate(names)
            },
            rank=rank,
            first_probability=first,
            estimate=around(value, 0.02),
            seconds=3.2 + rank,
        )
        for name, baseline, value, rank, first, evidence in rows
    )
    sentence = (
        "efficientnet_lite1 and efficientnet_lite2 lead and cannot be told apart with 812 labels; both are tried, with lite0."
    )
    return Ranking(
        candidates=candidates,
        chosen=("efficientnet_lite1", "efficientnet_lite2", "efficientnet_lite0"),
        distinguishable=False,
        sentence=sentence,
        num_images=812,
    )


def result(
    name: str, family: str, value: float | None, seconds: float, reason: str = "", status: str = "fitted"
) -> CandidateResult:
    judged = {} if value is None else {"accuracy": around(value, 0.019), "log_loss": around(1.9 * (1 - value), 0.04)}
    return CandidateResult(
        name=name,
        family=family,
        pretrained="efficientnet_lite1",
        weights="pretrained",
        input_pixels=224,
        method={"kind": "ridge"},
        status=status,
        reason=reason,
        num_rows=812,
        num_folds=5,
        predicted_seconds=seconds * 1.3,
        seconds=seconds if value is not None else 0.0,
        **judged,
    )


def decision() -> Decision:
    results = (
        result("majority class", "chance", 0.112, 0.002),
        result("ridge on pixels", "baseline", 0.541, 0.3),
        result("ridge on efficientnet_lite0 (random initialization)", "baseline", 0.418, 4.1),
        result("1-nearest neighbor on efficientnet_lite1", "transfer", 0.871, 0.4),
        result("ridge on penultimate of efficientnet_lite1", "transfer", 0.914, 0.5),
        result(CHOSEN, "transfer", 0.936, 1.2),
        result("lp_ft on efficientnet_lite1", "transfer", 0.941, 84.0),
        result(SCRATCH, "scratch", 0.748, 52.0),
        result("lp_ft on efficientnet_lite2", "transfer", None, 300, "needs 6 min 30 s and 1 min 40 s are left", "skipped"),
        result("logistic on efficientnet_lite0", "transfer", None, 2, "loss became nan at step 212 of 1000", "failed"),
    )
    gain, curve_points = around(0.188, 0.031), ((203, 0.131, 0.014), (406, 0.094, 0.008), (812, 0.064, 0.0))
    comparisons = (
        Comparison(
            better=CHOSEN,
            worse=SCRATCH,
            accuracy_gain=gain,
            log_loss_gain=around(0.41, 0.09),
            p_value=3e-21,
            significant=True,
            num_rows=812,
        ),
        Comparison(
            better="lp_ft on efficientnet_lite1",
            worse=CHOSEN,
            accuracy_gain=around(0.005, 0.013),
            log_loss_gain=around(0.006, 0.02),
            p_value=0.54,
            significant=False,
            num_rows=812,
        ),
    )
    return Decision(
        verdict="transfer",
        chosen=CHOSEN,
        gain=gain,
        sentence=f"Transfer. {CHOSEN} (93.6%) against {SCRATCH} (74.8%), the best without transferred knowledge: +18.8 points "
        "[+15.7, +21.9] on 812 shared held-out images.",
        results=results,
        comparisons=comparisons,
        curve=LearningCurve(
            points=tuple(CurvePoint(num_rows=rows, error=error, std=std) for rows, error, std in curve_points),
            recipe=CHOSEN,
            exact=True,
            num_labels=812,
            now=around(0.064, 0.016),
            forecasts=tuple(
                Forecast(
                    factor=factor, num_labels=round(812 * factor), accuracy=around(0.936 + gain, 0.02), gain=around(gain, 0.015)
                )
                for factor, gain in ((1.5, 0.011), (2.0, 0.018), (4.0, 0.03))
            ),
            expected=tuple(
                ExpectedError(num_labels=size, error=around(1.83 / size**0.5, 0.01)) for size in (203, 406, 812, 1_624, 3_248)
            ),
            sentence="Twice the labels (1,624) would buy +1.8 points [+0.3, +3.3] of accuracy, four times the labels (3,248) "
            "+3.0 points [+1.5, +4.5], by refitting the chosen model to parts of the labels.",
            unlabeled=UnlabeledGain(
                method="label_mean", against="ridge", num_labels=325, num_unlabeled=325, hidden=True, gain=around(0.004, 0.01)
            ),
        ),
        reasons=("Baseline gap: the best transfer candidate is +39.5 points from the best one without knowledge.",),
        rejected=tuple(
            Rejected(candidate=one.name, reason=one.reason or "accuracy lower, log loss 0.172 against 0.122 of the chosen one")
            for one in results
            if one.name != CHOSEN
        ),
        budget_seconds=300,
        spent_seconds=148,
    )


def pictures(rng: np.random.Generator, labels: np.ndarray, pixels: int) -> np.ndarray:
    """Blobs whose color and place depend on the class."""
    rows, columns = np.mgrid[0:pixels, 0:pixels] / pixels
    made = np.empty((len(labels), pixels, pixels, 3), np.uint8)
    for index, label in enumerate(labels):
        own = np.random.default_rng(int(label))
        hue, (x, y), size = own.uniform(40, 230, 3), own.uniform(0.3, 0.7, 2), own.uniform(0.02, 0.09)
        blob = np.exp(-((rows - y - rng.normal(0, 0.05)) ** 2 + (columns - x) ** 2) / size)
        background = rng.uniform(190, 250)
        noisy = background + (hue - background) * blob[..., None] + rng.normal(0, 6, (pixels, pixels, 1))
        made[index] = np.clip(noisy, 0, 255)
    return made


@pytest.fixture
def section_of() -> Callable[[str, str], str]:
    """Cuts the section of that name out of a page."""

    def cut(page: str, name: str) -> str:
        section = page[page.index(f'id="{name}"') :]
        return section[: section.index("</section>")]

    return cut


@pytest.fixture
def make_run() -> Callable[..., tuple[FakeRun, Task]]:
    """Makes a finished run and its task."""
    return fake_run


@cache
def fake_run(
    classes: tuple[str, ...] = ("cup", "dog <b>bold</b>", "fish & chips"),
    per_class: int = 11,
    pixels: int = 48,
    skill: float = 2.6,
) -> tuple[FakeRun, Task]:
    rng, num = np.random.default_rng(0), len(classes)
    labels = rng.permutation(np.repeat(np.arange(num), rng.integers(per_class, 2 * per_class, num)))
    scores = rng.normal(size=(len(labels), num)) * 1.2
    scores[np.arange(len(labels)), labels] += skill
    scores[np.arange(len(labels)), (labels + 1) % num] += skill / 3
    images = ArrayImages(pictures(rng, labels, pixels), "shelf", np.arange(len(labels)))
    test = ImageSet(images, classes, labels, np.arange(len(labels)), sealed=True)
    predictions = Predictions(
        tuple(images.name(row) for row in range(len(labels))),
        classes,
        labels,
        softmax(1.6 * scores, axis=1),
        softmax(4 * scores, axis=1),
        np.arange(len(labels)),
    )
    counts = tuple(int(each) for each in rng.integers(per_class, 3 * per_class, num))
    task = Task("shelf", classes, train=test.opened_for_evaluation().take([0, 1]), test=test)
    summary = TaskSummary(
        name="shelf",
        place="photos/shelf",
        classes=classes,
        train_counts=counts,
        num_train=sum(counts),
        num_validation=0,
        num_test=len(labels),
        num_unlabeled=0,
        native_pixels=pixels,
        channels=3,
        seed=0,
        task_fingerprint="0123456789abcdef",
    )
    findings = (
        Finding(code="near-duplicates", severity="info", title="14 images are near duplicates of others and stay on one side."),
        Finding(
            code="unreadable-image",
            severity="warning",
            title="3 files cannot be read and were left out, first photos/shelf/cup/img_0042.jpg.",
            evidence={"count": 3, "paths": ["photos/shelf/cup/img_0042.jpg", "photos/shelf/cup/<odd>.jpg"]},
            advice="Delete them or export them again.",
        ),
    )
    plan = Plan(
        data="photos/shelf",
        pretrained="efficientnet_lite1",
        input_pixels=240,
        method={"kind": "ridge", "blocks": "stages+pixels"},
        verdict="transfer",
    )
    run = FakeRun(
        folder=Path("runs/shelf-1f2e3d4c"),
        plan=plan,
        task_summary=summary,
        ranking=ranking(),
        decision=decision(),
        evaluation=evaluation_of(predictions, "test"),
        predictions=predictions,
        findings=findings,
        seconds={"inspect": 1.4, "rank": 31.0, "decide": 148.0, "fit": 2.7, "evaluate": 6.1},
        environment={
            "python": "3.11.9",
            "system": "Linux x86_64",
            "cores": 2,
            "gpu": None,
            "packages": {"headstart": "0.1.0", "torch": "2.8.0", "timm": "1.0.19"},
        },
    )
    return run, task
