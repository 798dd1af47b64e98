"""Adaptation on features in closed form: what its methods share."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.types import Floats
from headstart.data.task import Task
from headstart.features.domains import NUM_AXES, Domains, domains_of
from headstart.features.lifted_ridge import LiftedRidge
from headstart.features.representation import Blocks
from headstart.methods.base import Method, Need, check_needs
from headstart.methods.heads import ChartHead, Head
from headstart.methods.model import Model
from headstart.training.settings import Training


class FeatureAdaptation(Method):
    """An adaptation that works on frozen features of both domains. Subclasses say what head comes out; `fit` is final."""

    needs: ClassVar[tuple[Need, ...]] = ("source",)

    blocks: Blocks = "stages+pixels"
    num_axes: Annotated[int, Field(ge=2, le=1024)] = NUM_AXES

    @abstractmethod
    def head_of(self, domains: Domains) -> tuple[Head, float]:
        """The head and its temperature, fitted to labeled source rows and to target rows, most or all without labels."""

    @final
    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; source and unlabeled rows are read as well, and of `training` the seed alone is used."""
        check_needs(self, task, backbone)
        if not len(task.train) and not task.unlabeled:
            raise DataError(f"{task.name} has no target images to adapt to. Add a folder unlabeled/, or choose source_only.")
        head, temperature = self.head_of(domains_of(task, backbone, self.blocks, self.num_axes, training.seed))
        return Model(backbone, head, temperature, task.classes)


def adapted_head(domains: Domains, weights: Floats | None = None) -> tuple[ChartHead, float]:
    """The ridge head on source rows and labeled target rows, and the temperature of its leave-one-out scores.

    Args:
        domains: Whose source rows lie where target rows do.
        weights: float [source], positive; None weighs all rows alike.

    Returns:
        Head and temperature.
    """
    return head_of_ridge(domains, domains.ridge(weights))


def head_of_ridge(domains: Domains, found: LiftedRidge, bias: Floats | None = None) -> tuple[ChartHead, float]:
    """The head that scores as a ridge fit on those domains' rows does.

    Args:
        domains: Whose chart and lifts lead to the rows.
        found: The fit.
        bias: float [class], added to the scores.

    Returns:
        Head and temperature.
    """
    lifts = (*domains.lifts, *([found.lift] if found.lift else []))
    total = found.fit.bias if bias is None else found.fit.bias + bias
    return ChartHead(domains.chart, lifts, found.fit.weight, np.asarray(total)), found.fit.temperature
