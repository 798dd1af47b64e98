"""The summary of a run on the terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from headstart.cli._summary import summary_view
from headstart.cli._wrapping import unmarked
from headstart.core.estimate import Estimate
from headstart.core.findings import Finding
from headstart.core.language import speaking
from headstart.planning.results import CandidateResult, Decision
from headstart.report.plain_words import in_plain_words


def shown(view, width: int = 80) -> list[str]:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(view)
    return [line.rstrip() for line in unmarked(capture.get()).splitlines()]


@dataclass
class Finished:
    """What a summary asks of a run."""

    folder: Path = Path("runs/a")
    decision: Any = None
    adaptation: Any = None
    sources: Any = None
    evaluation: Any = None
    rate_curve: Any = None
    forgetting: Any = None
    findings: Any = None
    plan: Any = field(default_factory=lambda: SimpleNamespace(max_rows=None))
    task_summary: Any = field(default_factory=lambda: SimpleNamespace(num_train=40, num_validation=0, place="d", native_pixels=8))

    @property
    def verdict(self) -> str | None:
        found = self.decision or self.adaptation
        return found and found.verdict

    @property
    def verdict_sentence(self) -> str:
        found = self.decision or self.adaptation
        return found.sentence if found else ""

    @property
    def result(self) -> dict[str, Any]:
        return {"verdict": self.verdict, "evaluation": self.evaluation and self.evaluation.as_json}


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.05, high=value + 0.05)


def evaluation(split: str, value: float) -> Any:
    accuracy = estimate(value)
    return SimpleNamespace(
        split=split, accuracy=accuracy,
        num_images=40, as_json={"split": split, "num_images": 40, "metrics": {"accuracy": accuracy.to_dict()}},
    )  # fmt: skip


def fitted(name: str, accuracy: float, log_loss: float) -> CandidateResult:
    return CandidateResult(
        name=name, family="transfer", pretrained="n", input_pixels=8, method={"kind": "ridge"}, num_rows=40, num_folds=5,
        accuracy=estimate(accuracy), log_loss=estimate(log_loss),
    )  # fmt: skip


def decision() -> Decision:
    results = (fitted("ridge on n", 0.8, 0.5), fitted("lp_ft on n", 0.82, 0.6))
    return Decision(
        verdict="transfer", chosen="ridge on n", gain=estimate(0.1), sentence="Transfer: ridge on n against pixels.",
        results=results, comparisons=(), curve=None, reasons=(), rejected=(), budget_seconds=1.0, spent_seconds=1.0,
        unfinished="The budget was spent. The same command with --minutes 9 goes on.",
    )  # fmt: skip


def test_a_decided_run_says_all_on_one_screen() -> None:
    warning = Finding(code="small-test", severity="warning", title="There are few images.", evidence={}, advice="Add some.")
    note = warning.model_copy(update={"severity": "info", "title": "Something else."})
    lines = shown(summary_view(Finished(decision=decision(), evaluation=evaluation("test", 0.85), findings=(note, warning))))
    assert lines == [
        "Result    Transfer helps: 34 of 40 new images right, against about 30 without.",
        "Verdict   transfer",
        "          Transfer: ridge on n against pixels.",
        "          Candidates are chosen by log loss, which counts how sure an answer is,",
        "          and not by accuracy: lp_ft on n is more accurate (82.0% against 80.0%)",
        "          and has a log loss of 0.600 against 0.500.",
        "Accuracy  85.0% [80.0%, 90.0%] on 40 test images",
        "          Out of fold it was 80.0% [75.0%, 85.0%] on 40 images: models of folds",
        "          learn from fewer labels than the final one, and the intervals overlap,",
        "          so that chance may explain the rest.",
        "Left out  The budget was spent. The same command with --minutes 9 goes on.",
        "Findings  warning: There are few images.",
        "          info: Something else.",
        "Report    runs/a/report.html",
        "Next      headstart predict runs/a NEW_IMAGES",
    ]
    assert len(lines) <= 24


def test_a_fit_that_nothing_was_decided_for_is_short() -> None:
    assert shown(summary_view(Finished(evaluation=evaluation("out of fold", 0.75), findings=()))) == [
        "Result    30 of 40 new images right.",
        "Verdict   none: fitted as planned",
        "Accuracy  75.0% [70.0%, 80.0%] on 40 out-of-fold images",
        "Findings  none",
        "Report    runs/a/report.html",
        "Next      headstart predict runs/a NEW_IMAGES",
    ]


def test_a_run_that_adapted_gives_its_estimate_and_why() -> None:
    adaptation = SimpleNamespace(
        verdict="transfer",
        sentence="A model adapted by coral predicts, accepted by model selection.",
        estimate_sentence="Estimated accuracy on the target 81.0%.",
        reasons=("Looks different.", "coral passes."),
        accuracy=Estimate(value=0.81, low=0.75, high=0.87),
        unfinished="Ctrl-C ended the trying. The same command goes on from here.",
    )
    run = Finished(adaptation=adaptation, sources=SimpleNamespace(sentence="near is used."))
    lines = shown(summary_view(run), 120)
    assert lines[:8] == [
        "Result    Adapted to the target: by its own confidence about 81 of 100 images get the right label.",
        "Verdict   transfer",
        "          A model adapted by coral predicts, accepted by model selection.",
        "          coral passes.",
        "Sources   near is used.",
        "Estimate  Estimated accuracy on the target 81.0%.",
        "Accuracy  no labeled test images",
        "Left out  Ctrl-C ended the trying. The same command goes on from here.",
    ]
    adaptation.verdict = "no difference"
    assert shown(summary_view(run))[:3] == [
        "Result    No gain from adapting is shown: by its own confidence about 81 of 100",
        "          images get the right label.",
        "Verdict   no difference",
    ]


def test_an_adapted_run_with_test_labels_says_how_many_are_right() -> None:
    adaptation = SimpleNamespace(verdict="not judged", accuracy=estimate(0.8))
    run = Finished(adaptation=adaptation, evaluation=evaluation("test", 0.75))
    assert in_plain_words(run) == "Whether adapting helps was not judged: 30 of 40 new images right."
    adaptation.verdict = "transfer"
    run.findings = (Finding(code="transductive", severity="info", title="Seen."),)
    assert in_plain_words(run) == "Adapted to the target: 30 of 40 test images right."


def test_findings_are_named_by_title_with_three_files_and_a_count() -> None:
    files = [f"d/{name}.png" for name in "abcde"]
    unreadable = Finding(
        code="unreadable-images", severity="warning", title="Images that cannot be read are left out (7 of 90).",
        evidence={"count": 7, "paths": files},
    )  # fmt: skip
    others = [Finding(code=f"note-{number}", severity="info", title=f"Note {number}.") for number in range(4)]
    lines = shown(summary_view(Finished(evaluation=evaluation("test", 0.75), findings=(*others, unreadable))), 120)
    assert lines[3:7] == [
        "Findings  warning: Images that cannot be read are left out (7 of 90). a.png, b.png, c.png and 4 more.",
        "          info: Note 0.",
        "          info: Note 1.",
        "          2 more in the report",
    ]


@pytest.mark.parametrize(
    ("verdict", "gain", "expected"),
    [
        ("transfer", 0.44, "Transfer helps: 85 of 100 new images right, against about 41 without."),
        ("scratch", -0.05, "Transfer does not help: 85 of 100 new images right without it, against about 80 with it."),
        (
            "no difference",
            0.01,
            "Whether transfer helps, these labels cannot show: 85 of 100 new images right, and about as many without.",
        ),
        ("not judged", 0.0, "Whether transfer helps was not judged: 85 of 100 new images right."),
    ],
)
def test_the_outcome_is_said_in_plain_words(verdict: str, gain: float, expected: str) -> None:
    judged = evaluation("test", 0.85)
    judged.num_images = 1_408
    decided = decision().model_copy(update={"verdict": verdict, "gain": estimate(gain)})
    assert in_plain_words(Finished(decision=decided, evaluation=judged)) == expected


def test_the_last_errors_are_not_rounded_away() -> None:
    judged = evaluation("test", 0.997)
    judged.num_images = 1_408
    decided = decision().model_copy(update={"verdict": "transfer", "gain": estimate(0.05)})
    said = in_plain_words(Finished(decision=decided, evaluation=judged))
    assert said == "Transfer helps: 997 of 1,000 new images right, against about 947 without."


def test_what_was_fitted_to_fewer_images_is_said() -> None:
    run = Finished(plan=SimpleNamespace(max_rows=20), evaluation=evaluation("test", 0.75))
    assert "          The model is fitted to 20 of 40 labeled images." in shown(summary_view(run))


def test_the_summary_is_in_the_language_that_is_asked_for():
    run = Finished(decision=decision(), evaluation=evaluation("test", 0.85), findings=())
    with speaking("zh"):
        lines = "\n".join(shown(summary_view(run), 120))
    for text in ("结果", "结论", "迁移", "准确率", "报告", "下一步", "张新图片中有"):
        assert text in lines
    assert "new images right" not in lines
