"""OptimalTransport: source rows moved to target rows by optimal transport, then ridge."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import MovedSource
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.transport import MOST_ROWS, extended, plan_of, scaled_costs, some_rows, transported_rows


@final
class OptimalTransport(MovedSource):
    """Transports source rows to target rows at the least total cost, and fits ridge to the result.

    Needs: a labeled source, and some target images without labels.
    Helps: where the domains differ by more than an affine map, and classes come in the same shares.
    Hurts: where class shares differ, as rows are then transported to other classes.

    Reference: Courty et al., "Optimal Transport for Domain Adaptation", TPAMI 2017, eqs. 6 and 14.
    Differs: of more than 1,000 rows of a domain, some are transported and the others follow the nearest of them.

    Attributes:
        entropy: Weight of the plan's smoothness, relative to the mean cost; 0 for the exact plan.
    """

    entropy: Annotated[float, Field(ge=0, le=10)] = 0.05

    def moved(self, domains: ProjectedDomains) -> Floats:
        ours = some_rows(len(domains.source), MOST_ROWS, domains.seed, "source")
        target = domains.target[some_rows(len(domains.target), MOST_ROWS, domains.seed, "target")]
        plan = plan_of(scaled_costs(domains.source[ours], target), self.entropy)
        return extended(domains.source, ours, transported_rows(plan, target))
