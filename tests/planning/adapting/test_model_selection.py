"""Which candidates are chosen, by hand-made scores and on a target of other class shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.planning.adapting.candidate_fitting import CandidateFit, CandidateFitter, FittedCandidate
from headstart.planning.adapting.degenerate_predictions import shares_fault
from headstart.planning.adapting.domain_pair import DomainPair, domain_pair_of
from headstart.planning.adapting.model_selection import ModelSelection, candidates_for_rotation, mean_probs
from headstart.shift.label_shift import class_shares
from headstart.training.settings import Training

OWN = 0.8


def values(neighborhood: float, circular: float | None, joint_match: float) -> dict[str, float | None]:
    return {"neighborhood": neighborhood, "circular": circular, "joint_match": joint_match}


def test_a_rotated_source_asks_for_a_small_joint_discrepancy():
    several = {
        "source_only": values(0.9, 0.7, -0.1),
        "rotated": values(0.8, 0.9, -0.001),
        "also": values(0.8, 0.9, -0.009),
        "far": values(0.9, 0.9, -0.06),
        "rough": values(0.6, 0.9, 0.0),
        "one way": values(0.8, 0.6, 0.0),
    }
    chosen, rejected = candidates_for_rotation(several, {}, OWN)
    assert chosen == ("rotated", "also")
    assert rejected == {
        "far": "it leaves a joint discrepancy of 0.060 from the rotated source, and the unadapted model 0.100",
        "rough": "neighbors in the target agree less than neighbors in the source",
        "one way": "it falls behind the unadapted model in circular",
    }


def test_an_ensemble_predicts_the_geometric_mean_as_a_model_with_partners_does():
    probs = {"sure": [0.98, 0.01, 0.01], "doubting": [0.3, 0.65, 0.05], "other": [0.1, 0.1, 0.8]}
    candidates = tuple(
        FittedCandidate(CandidateFit(kind=name, method={}, fault="", seconds=0.0), np.array([one])) for name, one in probs.items()
    )
    expected = np.sqrt(np.array(probs["sure"]) * np.array(probs["doubting"]))
    np.testing.assert_allclose(mean_probs(candidates, ("sure", "doubting")), [expected / expected.sum()])


def two_clusters(num: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(num) < share * num
    return np.random.default_rng(seed).normal(size=(num, 2)) + 2 * labels[:, None], labels.astype(np.int64)


@pytest.fixture(scope="module")
def ambiguous(identity, steps) -> tuple[DomainPair, tuple[FittedCandidate, ...]]:
    """A target of other class shares, as if changed features explained it as well."""
    rows, labels = two_clusters(400, 0.5, 1)
    there, _ = two_clusters(400, 0.93, 2)
    images = (Embeddings(one.astype(np.float32), "set", np.arange(400)) for one in (rows, there))
    source, target = (
        ImageSet(one, ("low", "high"), known, np.arange(400), domains=("one",) * 400)
        for one, known in zip(images, (labels, np.full(400, UNLABELED)), strict=True)
    )
    task = Task("clusters", ("low", "high"), target.take([]), unlabeled=replace(target, domains=()), source=source, seed=1)
    pair = domain_pair_of(task, identity)
    assert pair.shift.kind in ("labels", "either")
    either = replace(pair, shift=pair.shift.model_copy(update={"kind": "either"}))
    fitter = CandidateFitter(either, identity, steps, None, Training(seed=1))
    kinds = ("source_only", "coral", "linear_monge", "mlls")
    return either, tuple(fitter.candidate(method_from({"kind": kind})) for kind in kinds)


@pytest.mark.slow
def test_shares_that_explain_the_target_are_not_degenerate_once_the_ensemble_is_rejected(ambiguous):
    pair, candidates = ambiguous
    shares = class_shares(candidates[3].target_probs.argmax(axis=1), 2)
    assert shares_fault(shares, pair.source_shares, exact=False).startswith("its predictions are degenerate")
    verdict = ModelSelection(pair, candidates).verdict()
    assert verdict.chosen == ("mlls",)
    assert "it leaves a joint discrepancy of 0.0" in verdict.reasons[1]
    assert [one.rejection for one in verdict.candidates if one.name == "mlls"] == [""]
    assert ModelSelection(pair, candidates[:3]).verdict().chosen == ()


def test_an_ambiguous_joint_discrepancy_rejects_corrected_class_shares(monkeypatch, ambiguous):
    monkeypatch.setattr("headstart.planning.adapting.model_selection.LARGEST_AMBIGUOUS", 1e9)
    verdict = ModelSelection(*ambiguous).verdict()
    assert verdict.chosen == ()
    assert verdict.reasons[-1] == (
        "Whether class shares or features changed is ambiguous: corrected class shares are not used either."
    )
