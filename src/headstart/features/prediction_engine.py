"""The engine of predictions: kept in the cache where it can be, so that a new process predicts without PyTorch."""

from __future__ import annotations

from functools import partial

import numpy as np

from headstart.backbones.descriptions import Description
from headstart.backbones.engines.base import Runtime
from headstart.backbones.engines.choice import SAMPLE_ROWS, engine_named, requested_engine
from headstart.backbones.engines.kept_engines import RUNTIMES, kept_engine
from headstart.backbones.engines.machine import native_engine_names
from headstart.backbones.engines.trial import Trial
from headstart.backbones.extractor import Extractor
from headstart.data.images import ImageSet
from headstart.features.extract import engine_name_of

ROUNDING = 1e-4
"""Of features, as `feature_error` measures it: engines that differ by no more have the same arithmetic, in another order. PyTorch
and OpenVINO in float32 differ by 1e-6 to 2e-6 on EfficientNet-Lite, ResNet-18 and ViT-Tiny, and bf16 differs by 0.05 and more."""


def settle_prediction_engine(images: ImageSet, backbone: Extractor) -> None:
    """Set the backbone's engine to one that is kept in the cache, and whose features are those of the fit but for rounding.

    Where the engine of the fit can be kept, it is that one. PyTorch cannot: its place is taken by the fastest of the other
    runtimes that agree with it on some of the pictures. It stays where none does, or where `HEADSTART_ENGINE` names it.

    Args:
        images: Pictures that the model was fitted to.
        backbone: What the model looks with; its hash is up to date.
    """
    name, program = engine_name_of(images, backbone), Description(backbone)
    if not len(images) or (requested_engine() and not _can_be_kept(name)):
        return
    sample = backbone.transform.decode(images.images, np.arange(min(SAMPLE_ROWS, len(images))))
    make = partial(engine_named, program=program, pictures=lambda count: sample[:count])
    if _can_be_kept(name):
        if kept_engine(name, program.content_key) is None:
            make(name)
        return
    trial = Trial(sample)
    for one in (name, *_of_same_arithmetic(name)):
        trial.add(one, partial(make, one))
    agreeing = [one for one in trial.engines if one != name and trial.errors[one] <= ROUNDING]
    backbone.engine = max(agreeing, key=trial.images_per_second.__getitem__, default=name)


def _of_same_arithmetic(name: str) -> list[str]:
    """Engines that can be kept, in the precision of that one."""
    precision = name.partition("-")[2]
    return [other for other in native_engine_names() if other.partition("-")[2] == precision and _can_be_kept(other)]


def _can_be_kept(name: str) -> bool:
    return RUNTIMES.get(name.partition("-")[0]).kept_engine is not Runtime.kept_engine
