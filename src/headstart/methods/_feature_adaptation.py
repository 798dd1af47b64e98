"""Adaptation on features in closed form: what its methods share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, TypeAlias, final

import numpy as np
from pydantic import Field
from scipy.special import softmax

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.types import Floats, Integers
from headstart.data.task import Task
from headstart.features.representation import Blocks
from headstart.heads.kernel_map import NUM_LANDMARKS
from headstart.heads.kernel_ridge import KernelRidge
from headstart.methods.base import Method, Need, check_needs
from headstart.methods.heads import Head, ProjectedHead
from headstart.methods.model import Model
from headstart.shift.label_shift import calibration, class_shares
from headstart.shift.projected_domains import NUM_AXES, ProjectedDomains, SharedProjections
from headstart.training.settings import Training

SharesOf: TypeAlias = Callable[[Floats, Integers, Floats, Floats], Floats]
SMALLEST_FACTOR = 1e-6
"""Factors on class probabilities are not smaller, so that their logarithm is finite."""


class FeatureAdaptation(Method):
    """An adaptation that works on frozen features of both domains. Subclasses say what head comes out; `fit` is final.

    Attributes:
        own_means: Whether each domain is centered on itself first, as suits what moves rows; see `projected_domains`.
        blocks: What is taken of the features.
        num_axes: Principal axes of both domains that are kept.
    """

    needs: ClassVar[tuple[Need, ...]] = ("source",)
    tried_by_run: ClassVar[bool] = True
    own_means: ClassVar[bool] = False
    row_bytes: ClassVar[int] = 8 * (NUM_AXES + NUM_LANDMARKS)
    """Along the axes of both domains, and as similarities to landmarks; transport problems are of few rows."""

    blocks: Blocks = "stages+pixels"
    num_axes: Annotated[int, Field(ge=2, le=1024)] = NUM_AXES

    @abstractmethod
    def head_of(self, domains: ProjectedDomains) -> tuple[Head, float]:
        """The head and its temperature, fitted to labeled source rows and to target rows, most or all without labels."""

    @final
    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; source and unlabeled rows are read as well, and of `training` the seed alone is used."""
        return self.fit_sharing(SharedProjections(), task, backbone, training, workspace)

    @final
    def fit_sharing(
        self, shared: SharedProjections, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None
    ) -> Model:
        """See `Method.fit_sharing`."""
        check_needs(self, task, backbone)
        if not len(task.train) and not task.unlabeled:
            raise DataError(f"{task.name} has no target images to adapt to. Add a folder unlabeled/, or choose source_only.")
        domains = shared.domains(task, backbone, self.blocks, self.num_axes, training.seed, own_means=self.own_means)
        head, temperature = self.head_of(domains)
        return Model(backbone, head, temperature, task.classes)


class MovedSource(FeatureAdaptation):
    """An adaptation that moves source rows to where target rows lie, and fits ridge to them."""

    own_means: ClassVar[bool] = True

    @abstractmethod
    def moved(self, domains: ProjectedDomains) -> Floats:
        """The source rows where target rows lie, float64 [source, axis]."""

    @final
    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        return adapted_head(domains.moved(self.moved(domains)))


def adapted_head(domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
    """The ridge head on source rows and labeled target rows, and the temperature of its leave-one-out scores.

    The source rows of `domains` lie where target rows do.
    """
    return head_of_ridge(domains, domains.ridge())


def head_of_ridge(domains: ProjectedDomains, found: KernelRidge, bias: Floats | None = None) -> tuple[ProjectedHead, float]:
    """The head that scores as a ridge fit on those domains' rows does, and its temperature; `bias`, float [class], is added."""
    maps = (found.kernel_map,) if found.kernel_map else ()
    total = found.fit.bias if bias is None else found.fit.bias + bias
    return ProjectedHead(domains.projection, maps, found.fit.weight, np.asarray(total)), found.fit.temperature


def shifted_head(domains: ProjectedDomains, shares_of: SharesOf) -> tuple[ProjectedHead, float]:
    """The source model, calibrated and corrected for the class shares of the target, and its temperature.

    `shares_of` goes from probabilities of source rows out of sample [source, class], their labels, probabilities of target rows
    [target, class] and the source's class shares to the target's shares, float64 [class].
    """

    def factors(source: Floats, labels: Integers, target: Floats, shares: Floats) -> Floats:
        found = shares_of(source, labels, target, shares)
        return np.asarray(np.where(shares > 0, found / np.where(shares > 0, shares, 1.0), 0.0))

    return corrected_head(domains, factors)


def corrected_head(domains: ProjectedDomains, factors_of: SharesOf) -> tuple[ProjectedHead, float]:
    """The source model, calibrated, its probabilities multiplied class by class, and its temperature.

    `factors_of` goes from what `shares_of` is given in `shifted_head` to factors, float64 [class].
    """
    found = domains.ridge()
    fit = found.fit
    labels = domains.labels[fit.loo_rows]
    temperature, offsets = calibration(fit.loo_scores, labels)
    loo_probs, target = (
        softmax(scores / temperature + offsets, axis=1) for scores in (fit.loo_scores, found.scores(domains.target))
    )
    factors = factors_of(loo_probs, labels, target, class_shares(labels, domains.num_classes))
    head, _ = head_of_ridge(domains, found, temperature * (offsets + np.log(np.maximum(factors, SMALLEST_FACTOR))))
    return head, temperature
