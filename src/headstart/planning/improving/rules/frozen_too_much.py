"""Is too much of the network frozen?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from headstart.methods import method_from
from headstart.methods.base import settings_of, unmet
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal
from headstart.training.depth import Depth
from headstart.training.settings import Training

UNFITTED = 0.5
"""The fitted error is at least this share of the held-out error where the trained part is too small. Chosen, not measured."""
EVERY_DEPTH = "stages+pixels"
BLOCKS_GAIN = 0.5
DEPTH_GAIN = 0.4


def frozen_too_much(evidence: FitEvidence) -> Iterator[Proposal]:
    """Features of every depth, then training from the middle of the network on, then from one depth further down."""
    plan = evidence.plan
    if plan.weights == "none" or evidence.task.train.images.embedded:
        return
    error = f"{evidence.held_out_error:.1%} of held-out images are wrong"
    if not evidence.gradient:
        blocks = plan.method.get("blocks", EVERY_DEPTH)
        if blocks != EVERY_DEPTH:
            method = {**plan.method, "blocks": EVERY_DEPTH}
            yield Proposal(evidence.changed(method=method), f"{error} from {blocks} alone: look at every depth.", BLOCKS_GAIN)
        yield from _trained(evidence, error)
    elif evidence.fitted is not None and evidence.fitted_error > UNFITTED * evidence.held_out_error:
        yield from _deeper(evidence, error)


def _trained(evidence: FitEvidence, error: str) -> Iterator[Proposal]:
    method = method_from({"kind": "lp_ft"})
    if unmet(method, evidence.task, evidence.backbone):
        return
    plan = evidence.changed(method=settings_of(method), training=Training(seed=evidence.plan.training.seed))
    yield Proposal(plan, f"{error} with the network left as it is: train it from its middle on.", DEPTH_GAIN)


def _deeper(evidence: FitEvidence, error: str) -> Iterator[Proposal]:
    method: dict[str, Any] = evidence.plan.method
    depths, depth = list(get_args(Depth)), method.get("depth")
    if depth not in depths[:-1]:
        return
    deeper = depths[depths.index(depth) + 1]
    reason = f"{error}, and {evidence.fitted_error:.1%} of fitted ones: change method.depth from {depth} to {deeper}."
    yield Proposal(evidence.changed(method={**method, "depth": deeper}), reason, DEPTH_GAIN)
