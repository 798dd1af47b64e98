"""DomainStandardization: every axis with the target's mean and deviation."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.features.chart import column_deviations
from headstart.features.domains import Domains
from headstart.methods._adapted import FeatureAdaptation, adapted_head
from headstart.methods.heads import ChartHead


@final
class DomainStandardization(FeatureAdaptation):
    """Gives source rows the mean and the deviation of the target along every axis, and fits ridge to them.

    It is what standardizing each domain by itself does, and asks for far fewer images than a covariance.

    Needs: a labeled source and some target images without labels.
    Helps: where contrast or scale differ.
    Hurts: where the classes come in other shares, or axes turn.

    Reference: per-domain normalization as in Li et al., "Revisiting Batch Normalization for Practical Domain Adaptation", ICLR
        2017 Workshops, eq. 2.
    Differs: it acts on features along principal axes, once, instead of on every layer.

    Attributes:
        blocks: What is taken of the features.
        num_axes: Principal axes of both domains that are kept.
    """

    summary: ClassVar[str] = "Source features with the target's mean and deviation on every axis, then ridge"
    own_means: ClassVar[bool] = True

    def head_of(self, domains: Domains) -> tuple[ChartHead, float]:
        """The head and its temperature."""
        source, target = domains.source.mean(axis=0), domains.target.mean(axis=0)
        scale = column_deviations(domains.target, target) / column_deviations(domains.source, source)
        return adapted_head(domains.moved((domains.source - source) * scale + target))
