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
from headstart.planning.fitting import fitted_rows
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

SMALL_BATCH = 16
"""Below it the batch's own mean and variance are mostly noise (Wu & He, "Group Normalization", ECCV 2018, figure 1)."""
USUAL_BATCH = 32
USUAL_EPOCHS = 12
"""Both are the defaults of `Training`."""
MOST_ROWS = 256
"""Fitted rows on which the two statistics are compared: eight of the usual batches."""
DISAGREEMENT = 0.1
"""Difference of the two log losses, in nats. Chosen, not measured."""
GAIN = 0.95


def batch_norm_mismatch(evidence: FitEvidence) -> Iterator[Proposal]:
    """Batches of 32 and the statistics of the pretrained weights, when small batches moved these or training broke down.

    An epoch has fewer steps then, so that there are 12 epochs at least.
    """
    plan = evidence.plan
    symptom = _symptom(evidence) if evidence.gradient and plan.training.batch_size < SMALL_BATCH else ""
    if not symptom:
        return
    epochs = max(plan.training.epochs, USUAL_EPOCHS)
    larger = evidence.trained(batch_size=USUAL_BATCH, epochs=epochs)
    if plan.weights == "none":
        yield Proposal(larger, f"{symptom}: raise training.batch_size to {USUAL_BATCH}.", GAIN)
        return
    method = {"kind": "lp_ft", "depth": "all"} | {key: plan.method[key] for key in ("view", "flip") if key in plan.method}
    reason = f"{symptom}: keep the statistics of the pretrained weights, as lp_ft does, and take batches of {USUAL_BATCH}."
    yield Proposal(larger.model_copy(update={"method": method}), reason, GAIN)


def _symptom(evidence: FitEvidence) -> str:
    """How the fit shows that batches were too small; empty where it does not."""
    model, batch_size = evidence.model, evidence.plan.training.batch_size
    if model is None:
        return f"training broke down with batches of {batch_size}" if _statistics(evidence.backbone) else ""
    if (
        not isinstance(model.head, LinearHead)
        or model.head.representation
        or not _moved(evidence.backbone, model.backbone.network)
    ):
        return ""
    running, batch = (_log_loss(evidence, model, model.head, size) for size in (None, batch_size))
    if abs(running - batch) < DISAGREEMENT:
        return ""
    return (
        f"with the statistics of batches of {batch_size} fitted images have a log loss of {batch:.2f}, with the averaged ones "
        f"{running:.2f}"
    )


def _statistics(backbone: Backbone) -> list[torch.Tensor]:
    layers = (layer for layer in backbone.module.modules() if isinstance(layer, _BatchNorm))
    return [layer.running_mean for layer in layers if layer.running_mean is not None]


def _moved(before: Backbone, after: Backbone) -> bool:
    """Whether the fit changed the running averages of batch normalization."""
    pairs = zip(_statistics(before), _statistics(after), strict=True)
    return any(not torch.equal(first, second) for first, second in pairs)


@torch.no_grad()
def _log_loss(evidence: FitEvidence, model: Model, head: LinearHead, batch_size: int | None) -> float:
    """The mean log loss of fitted rows, normalized as in training by batches of that size, or by running averages for None."""
    rows = fitted_rows(evidence.task, evidence.plan)[:MOST_ROWS]
    rows = rows[: len(rows) - len(rows) % (batch_size or 1)]
    part = evidence.task.labeled.take(rows)
    network = model.backbone.network.copy().train(batch_size is not None)
    pixels = torch.from_numpy(network.transform.decode(part.images, np.arange(len(part)))).permute(0, 3, 1, 2)
    features = torch.cat([network(piece) for piece in torch.split(pixels, batch_size or USUAL_BATCH)]).numpy()
    return float(row_losses(features @ head.weight + head.bias, part.labels, model.temperature).mean())
