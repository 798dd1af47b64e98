"""Who is believed, by hand-made values of the validators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.core.steps import Steps
from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.planning.adapting.candidate_fitting import CandidateFit, CandidateFitter, FittedCandidate
from headstart.planning.adapting.degenerate_predictions import predicted_shares, shares_fault
from headstart.planning.adapting.domain_pair import DomainPair, domain_pair_of
from headstart.planning.adapting.model_selection import ModelSelection, chosen_for_rotation, mean_probs
from headstart.training.settings import Training

OWN = 0.8


def values(neighborhood: float, circular: float | None, joint_match: float) -> dict[str, float | None]:
    return {"neighborhood": neighborhood, "circular": circular, "joint_match": joint_match}


def test_a_turned_source_wants_the_joint_gap_closed():
    several = {
        "source_only": values(0.9, 0.7, -0.1),
        "turned": values(0.8, 0.9, -0.001),
        "also": values(0.8, 0.9, -0.009),
        "far": values(0.9, 0.9, -0.06),
        "rough": values(0.6, 0.9, 0.0),
        "one way": values(0.8, 0.6, 0.0),
    }
    chosen, behind = chosen_for_rotation(several, "source_only", {}, OWN)
    assert chosen == ("turned", "also")
    assert behind == {
        "far": "it leaves 0.060 of the joint gap of 0.100 that the unadapted model leaves to the turned source",
        "rough": "neighbors in the target agree less than neighbors in the source",
        "one way": "it falls behind the unadapted model in circular",
    }


def test_candidates_together_say_the_geometric_mean_as_a_model_with_partners_does():
    said = {"sure": [0.98, 0.01, 0.01], "doubting": [0.3, 0.65, 0.05], "other": [0.1, 0.1, 0.8]}
    candidates = tuple(
        FittedCandidate(CandidateFit(kind=name, method={}, fault="", seconds=0.0), np.array([probs]))
        for name, probs in said.items()
    )
    expected = np.sqrt(np.array(said["sure"]) * np.array(said["doubting"]))
    np.testing.assert_allclose(mean_probs(candidates, ("sure", "doubting")), [expected / expected.sum()])


def two_clusters(num: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(num) < share * num
    return np.random.default_rng(seed).normal(size=(num, 2)) + 2 * labels[:, None], labels.astype(np.int64)


def shares_or_map(identity, tmp_path) -> tuple[DomainPair, tuple[FittedCandidate, ...]]:
    """A target of other class shares, as if a map of the features explained it as well."""
    rows, labels = two_clusters(400, 0.5, 1)
    there, _ = two_clusters(400, 0.93, 2)
    images = (Embeddings(one.astype(np.float32), "set", np.arange(400)) for one in (rows, there))
    source, target = (
        ImageSet(one, ("low", "high"), known, np.arange(400), domains=("one",) * 400)
        for one, known in zip(images, (labels, np.full(400, UNLABELED)), strict=True)
    )
    task = Task("clusters", ("low", "high"), target.take([]), unlabeled=replace(target, domains=()), source=source, seed=1)
    scene = domain_pair_of(task, identity, 1)
    assert scene.shift.kind in ("labels", "either")
    unsure = replace(scene, shift=scene.shift.model_copy(update={"kind": "either"}))
    trier = CandidateFitter(unsure, identity, Steps(tmp_path), None, Training(seed=1))
    candidates = tuple(trier.candidate(method_from({"kind": kind})) for kind in ("source_only", "coral", "linear_monge", "mlls"))
    return unsure, candidates


def test_shares_that_explain_the_target_are_no_collapse_once_the_accord_is_refused(identity, tmp_path):
    unsure, candidates = shares_or_map(identity, tmp_path)
    assert shares_fault(predicted_shares(candidates[3].target_probs), unsure.source_shares, exact=False).startswith(
        "it collapsed"
    )
    verdict = ModelSelection(unsure, candidates).verdict()
    assert verdict.chosen == ("mlls",)
    assert "it leaves a joint gap of 0.0" in verdict.reasons[1]
    assert [vote.refused for vote in verdict.votes if vote.name == "mlls"] == [""]
    assert ModelSelection(unsure, candidates[:3]).verdict().chosen == ()


def test_an_accord_that_leaves_a_doubtful_gap_gives_way_to_nobody(monkeypatch, identity, tmp_path):
    unsure, candidates = shares_or_map(identity, tmp_path)
    monkeypatch.setattr("headstart.planning.adapting.model_selection.DOUBTFUL", 1e9)
    verdict = ModelSelection(unsure, candidates).verdict()
    assert verdict.chosen == ()
    assert verdict.reasons[-1] == "That is too little to believe in other class shares alone."
