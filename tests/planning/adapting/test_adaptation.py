"""The record of an adaptation: its verdict, and the sentences that say what adapted, why, and how good that may be."""

from __future__ import annotations

import math
from typing import Any

import pytest

from headstart.core.estimate import Estimate
from headstart.core.findings import Finding
from headstart.core.language import language_named
from headstart.planning.adapting.adaptation import Adaptation, DomainMap, ValidatorScores
from headstart.planning.adapting.shift_kind import ShiftKind

ERROR = Finding(code="source-does-not-fit", severity="error", title="No model learned from the source fits the target.")
NOT_COMPARED = "Adapted models and the unadapted one were not compared."


def candidate(name: str, score: float | None) -> ValidatorScores:
    return ValidatorScores(name=name, method={}, scores={"neighborhood": score}, rejection="", changed=0.0, seconds=1.0)


def adaptation(*chosen: str, kind: str = "features", **changes: Any) -> Adaptation:
    found = Adaptation(
        chosen=chosen or ("source_only",),
        shift=ShiftKind(kind=kind, p_value=0.003, ratios={"class shares": 20, "features": 1}),
        candidates=(candidate("source_only", 0.4), candidate("coral", 0.8)),
        reasons=("A reason.",),
        findings=(),
        accuracy=Estimate(value=0.83, low=0.79, high=0.87),
        unadapted_accuracy=Estimate(value=0.61, low=0.55, high=0.67),
        at_most_lost=0.25,
        num_source=3,
        num_target=2,
        num_labeled=0,
        map=DomainMap(source=(), moved=(), target=()),
        classes=("a", "c"),
        seconds=2.0,
        accepted=bool(chosen),
    )
    return found.model_copy(update=changes)


SKIPPED = (candidate("source_only", 0.4), candidate("coral", None))
CASES = [
    (adaptation("coral"), "transfer", "A model adapted by coral predicts, accepted by model selection."),
    (
        adaptation("coral", "jdot", "tca"),
        "transfer",
        "Models adapted by coral, jdot and tca predict together, accepted by model selection.",
    ),
    (
        adaptation("coral", num_labeled=20),
        "transfer",
        "A model adapted by coral predicts, accepted by model selection and not contradicted by 20 labeled target images.",
    ),
    (
        adaptation("coral", num_labeled=20, label_p_value=0.3),
        "transfer",
        "A model adapted by coral predicts, accepted by model selection and not contradicted by 20 labeled target images.",
    ),
    (
        adaptation("coral", num_labeled=20, label_p_value=0.012, accepted=False),
        "transfer",
        "A model adapted by coral predicts, better than the unadapted one on 20 labeled target images (p = 0.012, corrected for "
        "the number of candidates).",
    ),
    (
        adaptation("coral", num_labeled=1, label_p_value=0.3, accepted=False),
        "no difference",
        "A model adapted by coral predicts, not shown to be better than the unadapted one on 1 labeled target image (p = 0.3, "
        "corrected for the number of candidates).",
    ),
    (adaptation(), "no difference", "No adapted model is shown to be better: the unadapted model predicts."),
    (
        adaptation(kind="none", candidates=SKIPPED),
        "no difference",
        "No difference between source and target was found: the unadapted model predicts.",
    ),
    (
        adaptation(kind="few", candidates=SKIPPED),
        "not judged",
        f"{NOT_COMPARED} The target has fewer than 8 images, too few to tell what changed.",
    ),
    (
        adaptation("coral", kind="few", candidates=SKIPPED, num_labeled=20, num_compared=2, label_p_value=0.3, accepted=False),
        "no difference",
        "A model adapted by coral predicts, not shown to be better than the unadapted one on 20 labeled target images (p = 0.3, "
        "corrected for the number of candidates).",
    ),
    (
        adaptation(kind="few", candidates=SKIPPED, num_labeled=20, num_compared=2),
        "no difference",
        "No adapted model is shown to be better: the unadapted model predicts.",
    ),
    (
        adaptation(kind="few", candidates=SKIPPED, num_labeled=20, num_compared=1),
        "not judged",
        f"{NOT_COMPARED} The target has fewer than 8 images, too few to tell what changed.",
    ),
    (adaptation(candidates=SKIPPED), "not judged", f"{NOT_COMPARED} No adapted model could be fitted."),
    (adaptation(findings=(ERROR,)), "not judged", f"{NOT_COMPARED} {ERROR.title}"),
    (adaptation("coral", findings=(ERROR,)), "not judged", f"{NOT_COMPARED} {ERROR.title}"),
]


@pytest.mark.parametrize(("found", "verdict", "sentence"), CASES)
def test_the_verdict_and_its_sentence_follow_from_what_decided(found, verdict, sentence):
    assert (found.verdict, found.sentence) == (verdict, sentence)


@pytest.mark.parametrize("sentence", sorted({case[2] for case in CASES} - {f"{NOT_COMPARED} {ERROR.title}"}))
def test_every_sentence_is_translated(sentence):
    said = language_named("zh").sentence(sentence)
    assert not {"adapted", "compared", "predicts", "model", "models"} & set(said.split())


def test_labels_that_show_a_gain_count_more_than_doubts_about_the_source():
    found = adaptation("coral", num_labeled=20, label_p_value=0.01, accepted=False, findings=(ERROR,))
    assert found.verdict == "transfer"


def test_the_estimate_says_how_it_was_made():
    assert adaptation("coral").estimate_sentence == (
        "Estimated accuracy on the target 83.0% [59.1%, 100.0%], from the confidence of predictions, without target labels. The "
        "unadapted model agrees with the adapted one on 75.0% of the target: their accuracies cannot differ by more than "
        "25.0 points."
    )
    assert "unadapted" not in adaptation().estimate_sentence
    for found in (adaptation("coral"), adaptation()):
        assert not {"Estimated", "unadapted"} & set(language_named("zh").sentence(found.estimate_sentence).split())


def test_intervals_allow_for_the_errors_of_estimates_unless_there_is_no_shift():
    adapted, kept, same = adaptation("coral"), adaptation(), adaptation(kind="none", candidates=SKIPPED)
    half = math.hypot(0.04, 1.96 * 0.12)
    assert (adapted.likely_accuracy.value, adapted.likely_accuracy.high) == (0.83, 1.0)
    assert adapted.likely_accuracy.low == pytest.approx(0.83 - half)
    assert kept.likely_accuracy.low == pytest.approx(0.83 - math.hypot(0.04, 1.96 * 0.2))
    assert same.likely_accuracy == same.accuracy


def test_of_an_adapted_run_that_is_often_wrong_the_unadapted_model_is_not_said_to_be_right_wherever_they_agree():
    found = adaptation("coral", accuracy=Estimate(value=0.62, low=0.58, high=0.66), at_most_lost=0.08)
    assert found.estimate_sentence.endswith("on 92.0% of the target: their accuracies cannot differ by more than 8.0 points.")
    assert found.estimate_sentence.count("[") == 1


def test_a_record_without_the_new_fields_is_read():
    old = {name: value for name, value in adaptation("coral").to_dict().items() if name not in ("accepted", "label_p_value")}
    assert Adaptation.from_dict(old).verdict == "transfer"
