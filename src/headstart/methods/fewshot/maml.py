"""MAML: a start from which a few gradient steps suffice, by second-order gradients (MAML)."""

from __future__ import annotations

from typing import final

from headstart.methods._inner_adaptation import GradientMetaLearner


@final
class MAML(GradientMetaLearner):
    """Meta-learns where embedding and head start, so that a few steps on the support rows predict the queries.

    Gradients flow through the steps, second derivatives included.

    Needs: rows of several classes, two of them at least with two rows.
    Helps: where new classes ask for other features than the known ones do.
    Hurts: at the price: some five times that of ProtoNet, seldom paid back on frozen features.

    Reference: Finn, Abbeel & Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", ICML 2017, algorithm 2.
    Differs: what is adapted is a linear map of frozen features and a linear head, not a network; classes are drawn from cached
        features at unit length; all classes start from one learned weight, so that their number is free; step sizes are learned.
    """
