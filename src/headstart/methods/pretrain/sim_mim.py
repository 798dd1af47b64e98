"""SimMIM: without labels: fill in hidden patches of pictures."""

from __future__ import annotations

import math
from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.backbones.last_map import last_map, map_stage
from headstart.data.augmentation.views import View
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.masked_distance import masked_distance
from headstart.methods._self_supervised import SelfSupervised
from headstart.training.batches import Batch
from headstart.training.embedder import Embedder
from headstart.training.settings import Training


class Decoder(nn.Module):
    """One linear layer from each place of a map to the pixels below it; it also learns what stands for hidden pixels."""

    def __init__(self, width: int, map_side: int, side: int, channels: int) -> None:
        super().__init__()
        self.side = side
        self.scale = math.ceil(side / map_side)
        self.layer = nn.Conv2d(width, channels * self.scale**2, 1)
        self.token = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, places: Tensor) -> Tensor:
        """Pixels, float [batch, channel, side, side], of a map."""
        pixels = functional.pixel_shuffle(self.layer(places), self.scale)
        return functional.interpolate(pixels, self.side, mode="bilinear", align_corners=False)


def hidden_patches(count: int, patches: int, share: float, side: int) -> Tensor:
    """Which pixels are hidden, bool [count, 1, side, side]: the same share of a grid of square patches in every picture."""
    order = torch.rand(count, patches**2).argsort(dim=1)
    num_hidden = min(max(1, round(share * patches**2)), patches**2)
    grid = (order < num_hidden).view(count, 1, patches, patches)
    return functional.interpolate(grid.float(), side, mode="nearest").bool()


@final
class SimMim(SelfSupervised):
    """Trains the backbone to reconstruct hidden patches from its last map by a single linear layer.

    The layer is too weak to reconstruct on its own, so that the map must hold the content of each place. It is thrown away, and
    a ridge head on the labeled rows makes a model of the backbone.

    Needs: pictures, no labels; a network that ends in a map of places.
    Helps: where crops and colors make the class, so that no views agree.
    Hurts: with short trainings and small convolutional networks, which learn more from views.

    Reference: Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", CVPR 2022, section 3.
    Differs: on convolutional networks too, where hidden patches are set to a learned color before the first layer; pictures are
        cropped, not changed in color.

    Attributes:
        patches: Patches a side; 6 of 32 pixels each in the paper.
        share: Of the patches, how many are hidden; 0.6 in the paper.
        crop: Smallest share of the area in sight, 0.67 in the paper.
    """

    patches: Annotated[int, Field(ge=2, le=64)] = 6
    share: Annotated[float, Field(gt=0, lt=1)] = 0.6
    crop: Annotated[float, Field(gt=0, le=1)] = 0.67

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"pool": Stream(task.pool, View(name="weak", crop=self.crop, flip=self.flip))}

    def build(self, task: Task, backbone: Backbone, training: Training) -> Embedder:
        map_stage(backbone)
        side, channels = backbone.transform.pixels, backbone.transform.channels
        with torch.inference_mode():
            places = last_map(backbone, torch.zeros(1, channels, side, side))
        learner = Embedder(backbone, nn.Identity())
        learner.extra = Decoder(places.shape[1], places.shape[2], side, channels)
        return learner

    def losses(self, learner: Embedder, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        pictures = learner.backbone.normalized(batch["pool"].images)
        hidden = hidden_patches(len(pictures), self.patches, self.share, pictures.shape[-1]).to(pictures.device)
        places = last_map(learner.backbone, torch.where(hidden, learner.extra.token, pictures))
        return {"masked_distance": masked_distance(learner.extra(places), pictures, hidden)}
