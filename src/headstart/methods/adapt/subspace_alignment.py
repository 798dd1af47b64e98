"""SubspaceAlignment: source directions rotated to the target's, then ridge."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field

from headstart.methods._feature_adaptation import FeatureAdaptation, adapted_head
from headstart.methods.heads import ProjectedHead
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.subspaces import leading_directions


@final
class SubspaceAlignment(FeatureAdaptation):
    """Projects each domain on its own leading directions, rotates those of the source to those of the target, and fits ridge.

    Needs: a labeled source and some target images without labels.
    Helps: where the domains vary in different directions and few of them matter.
    Hurts: where the directions that separate the classes vary little.

    Reference: Fernando et al., "Unsupervised Visual Domain Adaptation Using Subspace Alignment", ICCV 2013, algorithm 1.

    Attributes:
        num_directions: Of each domain's subspace; all of narrow features.
    """

    own_means: ClassVar[bool] = True

    num_directions: Annotated[int, Field(ge=1, le=1024)] = 64

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        ours, theirs = (leading_directions(rows, self.num_directions) for rows in (domains.source, domains.target))
        source = (domains.source - domains.source.mean(axis=0)) @ ours @ (ours.T @ theirs)
        return adapted_head(domains.mapped(theirs, -domains.target.mean(axis=0) @ theirs, source))
