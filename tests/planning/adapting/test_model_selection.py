"""Which explanation of a shift is taken, by given ratios and on generated targets, and why candidates do not predict."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.planning.adapting.candidate_fitting import CandidateFit, FittedCandidate
from headstart.planning.adapting.domain_pair import DomainPair
from headstart.planning.adapting.model_selection import Explanation, ModelSelection, _settled, mean_probs
from headstart.planning.adapting.shift_kind import ShiftKind


def explained(**ratios: float) -> list[Explanation]:
    found = [Explanation(name.replace("_", " "), ("one",), ratio, ratio <= 1.6) for name, ratio in ratios.items()]
    return sorted(found, key=lambda one: one.ratio)


@pytest.mark.parametrize(
    ("ratios", "change"),
    [
        ({"nothing": 30.0, "features": 4.0, "rotation": 5.0}, "features"),
        ({"nothing": 30.0, "features": 6.0, "rotation": 5.0}, "rotation"),
        ({"nothing": 2.0, "features": 4.0}, "nothing"),
        ({"nothing": 30.0, "features": 1.0, "class_shares": 0.9}, "features"),
        ({"nothing": 30.0, "features": 1.25, "class_shares": 0.9}, "class shares"),
        ({"nothing": 30.0, "features": 1.1, "class_shares": 0.9}, None),
        ({"nothing": 30.0, "features": 1.1, "source_weights": 0.9, "class_shares": 1.5}, None),
        ({"nothing": 30.0, "features": 9.0, "class_shares": 21.0}, "features"),
        ({"nothing": 30.0, "features": 1.1, "class_shares": 0.9, "rotation": 0.3}, "rotation"),
    ],
)
def test_the_least_discrepancy_decides_unless_a_map_and_other_frequencies_fit_alike(ratios, change):
    found = _settled(explained(**ratios), lambda _: True)
    assert (found and found.change) == change


def test_a_map_that_fits_better_than_other_class_shares_needs_neighbors_that_agree_more():
    ranked = explained(nothing=30.0, features=0.8, class_shares=0.9)
    assert _settled(ranked, lambda _: True) == ranked[0]
    assert _settled(ranked, lambda _: False) is None
    assert _settled(explained(nothing=30.0, features=0.8, class_shares=9.0), lambda _: False) is None
    assert _settled(explained(nothing=30.0, features=4.0, class_shares=9.0), lambda _: False).change == "features"


def test_an_ensemble_predicts_the_geometric_mean_as_a_model_with_partners_does():
    probs = {"sure": [0.98, 0.01, 0.01], "doubting": [0.3, 0.65, 0.05], "other": [0.1, 0.1, 0.8]}
    candidates = tuple(
        FittedCandidate(CandidateFit(kind=name, method={}, fault="", seconds=0.0), np.array([one])) for name, one in probs.items()
    )
    expected = np.sqrt(np.array(probs["sure"]) * np.array(probs["doubting"]))
    np.testing.assert_allclose(mean_probs(candidates, ("sure", "doubting")), [expected / expected.sum()])


CLASSES = 3


def candidate(name: str, labels: np.ndarray, circular: float | Exception = 1.0, fault: str = "") -> FittedCandidate:
    """A candidate that is sure of those labels, whose way back gives that share of the source labels or breaks down."""

    def fit_back() -> np.ndarray:
        if isinstance(circular, Exception):
            raise circular
        right = np.arange(len(SOURCE_LABELS)) < circular * len(SOURCE_LABELS)
        return np.eye(CLASSES)[np.where(right, SOURCE_LABELS, (SOURCE_LABELS + 1) % CLASSES)]

    probs = None if fault else np.eye(CLASSES)[labels] * 0.94 + 0.02
    return FittedCandidate(CandidateFit(kind=name, method={}, fault=fault, seconds=1.0), probs, fit_back)


SOURCE_LABELS = np.arange(180) % CLASSES
TARGET_LABELS = np.arange(150) % CLASSES
CENTERS = np.array([[0.0, 0.0], [4.0, 1.0], [1.0, 5.0]])


class _Labeled:
    labels = SOURCE_LABELS


class _ThreeClasses:
    num_classes, seed = CLASSES, 0


def pair_of(target: np.ndarray, kind: str = "unknown") -> DomainPair:
    source = CENTERS[SOURCE_LABELS] + np.random.default_rng(1).normal(size=(180, 2))
    nothing = np.empty((0, CLASSES))
    shift = ShiftKind(kind=kind, p_value=0.003)
    return DomainPair(_ThreeClasses, _Labeled, _Labeled, source, target, SOURCE_LABELS[:0], nothing, shift)  # type: ignore[arg-type]


def rows(seed: int = 2) -> np.ndarray:
    return CENTERS[TARGET_LABELS] + np.random.default_rng(seed).normal(size=(150, 2))


WRONG = np.roll(TARGET_LABELS, 1)
SOME_WRONG = np.where(np.arange(150) % 5 == 0, WRONG, TARGET_LABELS)


def test_an_explanation_that_suffices_is_taken_without_a_way_back():
    broken = DataError("Read.")
    candidates = (
        candidate("source_only", SOME_WRONG, broken),
        candidate("coral", TARGET_LABELS, broken),
        candidate("linear_monge", TARGET_LABELS, broken),
        candidate("domain_mean", WRONG, broken),
        candidate("mlls", np.zeros(150, np.int64), broken),
    )
    found = ModelSelection(pair_of(rows() * 0.6 + 7.0), candidates).verdict()
    assert found.chosen == ("coral", "linear_monge")
    assert found.shift.kind == "features"
    assert found.shift.ratios["features"] < 3 < found.shift.ratios["nothing"]
    assert found.fits
    assert found.reasons[1] == (
        "Under this explanation coral, linear_monge predict together; the unadapted model agrees on 80% of the target."
    )
    assert {one.name: one.rejection for one in found.candidates} == {
        "source_only": "",
        "coral": "",
        "linear_monge": "",
        "domain_mean": "it agrees too little with the other candidates that assume the same",
        "mlls": "every row gets the same class",
    }
    assert [one.scores["circular"] for one in found.candidates] == [None] * 5


@pytest.mark.parametrize(
    ("circular", "chosen", "reason"),
    [
        (
            0.9,
            ("coral",),
            "No explanation suffices, and validators accept the best one, by coral, linear_monge: circular and neighborhood sum",
        ),
        (
            0.1,
            (),
            "No explanation suffices, and validators reject the best one, by coral, linear_monge: circular and neighborhood sum",
        ),
        (
            DataError("No way back."),
            (),
            "No explanation suffices, and coral breaks down on the way back from the target, No way back",
        ),
    ],
)
def test_where_no_explanation_suffices_validators_compare_with_the_unadapted_model(circular, chosen, reason):
    bent = np.stack([rows()[:, 0], np.abs(rows()[:, 1] - 3.0) ** 1.5], axis=1)
    adapted = (candidate(name, TARGET_LABELS, circular) for name in ("coral", "linear_monge"))
    candidates = (candidate("source_only", SOME_WRONG, 0.6), *adapted)
    found = ModelSelection(pair_of(bent), candidates).verdict()
    assert found.chosen == (chosen and ("coral", "linear_monge"))
    assert found.reasons[1].startswith(reason)
    assert found.fits == bool(chosen)
    assert "though not fully" in found.reasons[0]


def test_validators_have_a_value_for_every_candidate_that_is_compared():
    """Source accuracy, IWCV and DEV once had values of the unadapted model alone, so that a rule by them could not apply."""
    candidates = (candidate("source_only", SOME_WRONG), candidate("coral", TARGET_LABELS), candidate("bbse", SOME_WRONG))
    for one in candidates:
        _ = one.circular_probs
    found = ModelSelection(pair_of(rows() + 9.0), candidates).verdict()
    assert all(None not in one.scores.values() for one in found.candidates)
    assert {name for one in found.candidates for name in one.scores} == {"circular", "joint_match", "neighborhood"}


def test_where_nothing_changed_nothing_is_compared():
    candidates = (candidate("source_only", TARGET_LABELS), candidate("coral", WRONG))
    found = ModelSelection(pair_of(rows(), "none"), candidates).verdict()
    assert (found.chosen, found.reasons[-1]) == ((), "There is nothing to adapt to.")
    assert [one.scores for one in found.candidates] == [{}, {}]


def test_the_unadapted_model_is_an_explanation_of_its_own():
    candidates = (candidate("source_only", TARGET_LABELS), candidate("mlls", WRONG))
    found = ModelSelection(pair_of(rows()), candidates).verdict()
    assert (found.chosen, found.shift.kind) == ((), "nothing")
    assert found.reasons[-1] == "No candidate explains the target better than the unadapted model."


def test_of_candidates_that_break_down_the_most_frequent_reason_is_named():
    candidates = (
        candidate("source_only", TARGET_LABELS),
        candidate("coral", WRONG, fault="Too large."),
        candidate("jdot", WRONG, fault="Too large."),
        candidate("mlls", np.ones(150, np.int64)),
    )
    found = ModelSelection(pair_of(rows() + 5), candidates).verdict()
    assert (found.chosen, found.shift.kind, found.fits) == ((), "unknown", True)
    assert found.reasons == (
        "The target looks different from the source (p = 0.003).",
        "Every candidate but the unadapted model is rejected, most often because Too large.",
    )


def test_explanations_that_fit_alike_and_predict_otherwise_keep_the_unadapted_model(monkeypatch):
    module = "headstart.planning.adapting.model_selection"
    monkeypatch.setattr(f"{module}.FEATURES_BELOW", 0.0)
    monkeypatch.setattr(f"{module}.OTHERS_ABOVE", 1e9)
    monkeypatch.setattr(f"{module}.LEVEL_OF_FIT", 0.0)
    candidates = (candidate("source_only", SOME_WRONG), candidate("coral", TARGET_LABELS), candidate("mlls", SOME_WRONG))
    found = ModelSelection(pair_of(rows() * 0.6 + 7.0), candidates).verdict()
    assert (found.chosen, found.shift.kind, found.fits) == ((), "ambiguous", True)
    assert found.reasons[-1] == "No explanation is clearly the right one, so that the unadapted model is kept."
