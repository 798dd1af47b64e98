"""ANIL: an embedding in which a few gradient steps of the head suffice (ANIL)."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.methods._inner_adaptation import GradientMetaLearner


@final
class ANIL(GradientMetaLearner):
    """Meta-learns an embedding and a start of the head so that a few steps of the head alone predict the queries.

    It shows that most of what MAML gains lies in the features.

    Needs: rows of several classes, two of them at least with two rows.
    Helps: as MAML, at a fraction of its cost.
    Hurts: where the new classes are of another kind.

    Reference: Raghu et al., "Rapid Learning or Feature Reuse? Towards Understanding the Effectiveness of MAML", ICLR 2020,
        section 4.
    Differs: what is meta-learned is a linear map of frozen features, not a network; classes are drawn from cached
        features at unit length; all classes start from one learned weight, so that their number is free; step sizes are learned.
    """

    adapts_embedding: ClassVar[bool] = False
