"""Do batches and running averages disagree about what batch normalization should subtract?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.backbone import Backbone
from headstart.heads.temperature import row_losses
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal, fitted_rows

SMALL_BATCH = 16
"""Below it the batch's own mean and variance are mostly noise (Wu & He, "Group Normalization", ECCV 2018, figure 1)."""
USUAL_BATCH = 32
USUAL_EPOCHS = 12
MOST_ROWS = 256
DISAGREEMENT = 0.1
"""Nats."""
GAIN = 0.95


def batch_norm_mismatch(evidence: FitEvidence) -> Iterator[Proposal]:
    """Batches of 32, and statistics as they came with pretrained weights, when small batches moved them or broke training down.

    An epoch has fewer steps then, so that there are to be 12 epochs at least.

    Args:
        evidence: Of a fit.

    Yields:
        One proposal.
    """
    plan = evidence.plan
    seen = _seen(evidence) if evidence.gradient and plan.training.batch_size < SMALL_BATCH else ""
    if not seen:
        return
    epochs = max(plan.training.epochs, USUAL_EPOCHS)
    training = plan.training.model_copy(update={"batch_size": USUAL_BATCH, "epochs": epochs})
    if plan.weights == "none":
        yield Proposal(evidence.changed(training=training), f"{seen}: raise training.batch_size to {USUAL_BATCH}.", GAIN)
        return
    method = {"kind": "lp_ft", "depth": "all"} | {key: plan.method[key] for key in ("view", "flip") if key in plan.method}
    reason = f"{seen}: keep the statistics of the pretrained weights, as lp_ft does, and take batches of {USUAL_BATCH}."
    yield Proposal(evidence.changed(method=method, training=training), reason, GAIN)


def _seen(evidence: FitEvidence) -> str:
    """What speaks for batches that were too small; empty where nothing does."""
    model, batch_size = evidence.model, evidence.plan.training.batch_size
    if model is None:
        return f"training broke down with batches of {batch_size}" if _statistics(evidence.backbone) else ""
    if not isinstance(model.head, LinearHead) or model.head.representation or not _moved(evidence.backbone, model.backbone):
        return ""
    running, batch = (_log_loss(evidence, model, model.head, size) for size in (None, batch_size))
    if abs(running - batch) < DISAGREEMENT:
        return ""
    return (
        f"with the statistics of batches of {batch_size} fitted images have a log loss of {batch:.2f}, with the averaged ones "
        f"{running:.2f}"
    )


def _statistics(backbone: Backbone) -> list[torch.Tensor]:
    parts = (part for part in backbone.module.modules() if isinstance(part, _BatchNorm))
    return [part.running_mean for part in parts if part.running_mean is not None]


def _moved(before: Backbone, after: Backbone) -> bool:
    """Whether the fit changed what batch normalization remembers."""
    pairs = zip(_statistics(before), _statistics(after), strict=True)
    return any(not torch.equal(first, second) for first, second in pairs)


@torch.no_grad()
def _log_loss(evidence: FitEvidence, model: Model, head: LinearHead, batch_size: int | None) -> float:
    """The mean log loss of fitted rows, normalized as in training by batches of that size, or by running averages for None."""
    rows = fitted_rows(evidence.task, evidence.plan)[:MOST_ROWS]
    rows = rows[: len(rows) - len(rows) % (batch_size or 1)]
    part = evidence.task.labeled.take(rows)
    network = model.backbone.copy().train(batch_size is not None)
    pixels = torch.from_numpy(network.transform.decode(part.images, np.arange(len(part)))).permute(0, 3, 1, 2)
    features = torch.cat([network(piece) for piece in torch.split(pixels, batch_size or USUAL_BATCH)]).numpy()
    return float(row_losses(features @ head.weight + head.bias, part.labels, model.temperature).mean())
