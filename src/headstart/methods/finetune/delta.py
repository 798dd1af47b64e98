"""DELTA: fine-tuning with each stage's maps held to the source network's, important channels most."""

from __future__ import annotations

from typing import Annotated, ClassVar, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.core.seeds import generator_for
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.losses.behavior import behavior_distance, channel_attention, removal_losses
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.methods.base import Need
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.settings import Training
from headstart.training.stage_maps import watched_stages
from headstart.training.teacher import Teacher

ATTENTION_ROWS = 256
"""Rows that channels are judged on; the rise of the loss when a channel is removed is a mean over them. Chosen, not measured."""
BATCH_ROWS = 32


@final
class Delta(ScaledFineTuning):
    """Fine-tunes with a penalty on how far each stage's maps move from the source network's on the same pictures.

    It regularizes behavior, not weights. Channels whose removal raises the task's loss are regularized more.

    Needs: labeled rows, weights worth keeping, and a network with stages.
    Helps: with few rows on weights whose source is near the task, somewhat more than l2_sp.
    Hurts: where the task needs other features than the source; it also runs the network a second time at each step.

    Reference: Li et al., "DELTA: Deep Learning Transfer using Feature Map with Attention for Convolutional Networks", ICLR 2019,
        section 3.
    Differs: what a channel's removal costs is its first-order estimate, one backward pass in the place of one pass a channel;
        maps are compared at the ends of stages; the head starts at the ridge solution, whose loss it is.

    Attributes:
        weight: Of the distance between maps. The paper's 0.01 acts on a sum over pictures; 0.5 on their mean is the same for
            batches of 50.
        head_weight: Pull of the head toward zero; 0.01 as in the paper.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "stages")

    weight: Annotated[float, Field(ge=0, le=1e6), Searched(0.01, 10)] = 0.5
    head_weight: Annotated[float, Field(ge=0, le=1e6), Searched(1e-3, 1.0)] = 0.01

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = super().build(task, backbone, training)
        learner.extra = _Source(Teacher(learner), stage_attention(learner, task.train, training.seed))
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source = cast(_Source, learner.extra)
        images = batch["train"].images
        with watched_stages(learner) as maps:
            logits = learner(images)
        with watched_stages(learner) as source_maps:
            source.teacher(learner, images)
        distances = [
            behavior_distance(seen.by_channel(), source_maps[name].by_channel(), source.attention(name))
            for name, seen in maps.items()
        ]
        return {
            "cross_entropy": soft_cross_entropy(logits, batch["train"].targets),
            "behavior": self.weight * torch.stack(distances).sum(),
            "head_decay": self.head_weight / 2 * torch.stack([part.square().sum() for part in learner.head.parameters()]).sum(),
        }


def stage_attention(learner: Classifier, images: ImageSet, seed: int) -> dict[str, Tensor]:
    """How much each channel of each stage matters to the task, by the stage's name; float [channel], summing to 1.

    The learner's head knows the task; nothing of it is changed. The seed decides which of the labeled rows are looked at.
    """
    drawn = generator_for(seed, "attention").permutation(len(images))[:ATTENTION_ROWS]
    learner.eval()
    totals: dict[str, Tensor] = {}
    for start in range(0, len(drawn), BATCH_ROWS):
        rows = drawn[start : start + BATCH_ROWS]
        pixels = torch.from_numpy(learner.transform().decode(images.images, rows)).permute(0, 3, 1, 2)
        with watched_stages(learner) as maps:
            logits = learner(pixels)
        loss = functional.cross_entropy(logits, torch.from_numpy(images.labels[rows]), reduction="sum") / len(drawn)
        gradients = torch.autograd.grad(loss, [seen.output for seen in maps.values()])
        for (name, seen), gradient in zip(maps.items(), gradients, strict=True):
            rise = removal_losses(seen.by_channel().detach(), seen.by_channel(gradient))
            totals[name] = totals[name] + rise if name in totals else rise
    return {name: channel_attention(total) for name, total in totals.items()}


class _Source(nn.Module):
    """The network as it came, and how much each channel of its stages matters."""

    def __init__(self, teacher: Teacher, attention: dict[str, Tensor]) -> None:
        super().__init__()
        self.teacher = teacher
        self.stages = tuple(attention)
        for index, values in enumerate(attention.values()):
            self.register_buffer(f"attention_{index}", values)

    def attention(self, stage: str) -> Tensor:
        """Of that stage, float [channel]."""
        return self.get_buffer(f"attention_{self.stages.index(stage)}")
