"""TCA: transfer components shared by both domains, then ridge."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field

from headstart.methods._feature_adaptation import FeatureAdaptation, adapted_head
from headstart.methods.heads import ProjectedHead
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.subspaces import transfer_components


@final
class TCA(FeatureAdaptation):
    """Projects both domains on components of a Gaussian kernel of large variance and equal domain means, and fits ridge.

    Needs: a labeled source and some target images without labels.
    Helps: where some directions are shared by the domains and others are not.
    Hurts: where the means differ because class shares do.

    Reference: Pan et al., "Domain Adaptation via Transfer Component Analysis", IEEE TNN 2011, section III.
    Differs: at most 500 rows of each domain make the components.

    Attributes:
        num_components: How many components.
        penalty: mu, the weight of simple components against domains that agree.
    """

    own_means: ClassVar[bool] = True

    num_components: Annotated[int, Field(ge=1, le=500)] = 32
    penalty: Annotated[float, Field(gt=0, le=1e6)] = 1.0

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        components = transfer_components(domains.source, domains.target, self.num_components, self.penalty, domains.seed)
        return adapted_head(domains.kernel_mapped(components))
