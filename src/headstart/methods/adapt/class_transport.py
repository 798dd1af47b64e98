"""ClassTransport: source rows transported to target rows, classes kept apart, then ridge."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import MovedSource
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.transport import MOST_ROWS, class_plan, extended, scaled_costs, some_rows, transported_rows


@final
class ClassTransport(MovedSource):
    """Transports source rows to target rows at the least cost, each target row from few classes, and fits ridge to the result.

    Needs: a labeled source, and some target images without labels.
    Helps: as `optimal_transport`, where classes lie close to each other.
    Hurts: where class shares differ.

    Reference: Courty et al., "Optimal Transport for Domain Adaptation", TPAMI 2017, section 4.2.
    Differs: of more than 1,000 rows of a domain, some are transported and the others follow the nearest of them.

    Attributes:
        entropy: Weight of the plan's smoothness, relative to the mean cost.
        class_weight: Weight of the penalty on target rows that get mass from several classes.
    """

    trial_order: ClassVar[int] = 1

    entropy: Annotated[float, Field(ge=0.01, le=10)] = 0.05
    class_weight: Annotated[float, Field(ge=0, le=10)] = 0.5

    def moved(self, domains: ProjectedDomains) -> Floats:
        ours = some_rows(len(domains.source), MOST_ROWS, domains.seed, "source")
        target = domains.target[some_rows(len(domains.target), MOST_ROWS, domains.seed, "target")]
        costs, labels = scaled_costs(domains.source[ours], target), domains.source_labels[ours]
        plan = class_plan(costs, labels, domains.num_classes, self.entropy, self.class_weight)
        return extended(domains.source, ours, transported_rows(plan, target))
