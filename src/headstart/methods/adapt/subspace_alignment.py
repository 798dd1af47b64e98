"""SubspaceAlignment: the source's leading directions aligned with the target's."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field

from headstart.methods._feature_adaptation import FeatureAdaptation, adapted_head
from headstart.methods.heads import ProjectedHead
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.subspaces import leading_directions


@final
class SubspaceAlignment(FeatureAdaptation):
    """Projects each domain to its own leading directions and aligns the source's with the target's; ridge follows.

    Needs: a labeled source and some target images without labels.
    Helps: where the domains vary in different directions and few of them matter.
    Hurts: where the classes differ in directions of little variance.

    Reference: Fernando et al., "Unsupervised Visual Domain Adaptation Using Subspace Alignment", ICCV 2013, algorithm 1.

    Attributes:
        num_directions: Of each domain's subspace; all of narrow features.
    """

    summary: ClassVar[str] = "Source directions aligned with the target's, then ridge"
    own_means: ClassVar[bool] = True

    num_directions: Annotated[int, Field(ge=1, le=1024)] = 64

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        ours, theirs = (leading_directions(rows, self.num_directions) for rows in (domains.source, domains.target))
        source = (domains.source - domains.source.mean(axis=0)) @ ours @ (ours.T @ theirs)
        return adapted_head(domains.mapped(theirs, -domains.target.mean(axis=0) @ theirs, source))
