"""Ridge: linear head on frozen features in closed form, judged by exact leave-one-out."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.core.types import Integers
from headstart.features.feature_set import FeatureSet
from headstart.methods._probe import AugmentedProbe
from headstart.methods.heads import LinearHead, ridge_head


@final
class Ridge(AugmentedProbe):
    """Fits one-vs-rest linear targets to frozen features of every depth by ridge regression.

    One eigendecomposition gives the solution for every penalty together with the score of each row by a fit without it; these
    leave-one-out scores choose the penalty and the temperature.

    Needs: labeled rows, one a class suffices.
    Helps: with few labels, and when time is short: it takes milliseconds once features exist.
    Hurts: when no depth of the backbone sees what tells the classes apart; then train the network.
    """

    tried_by_run: ClassVar[bool] = True
    decomposes: ClassVar[bool] = True

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None, seed: int = 0
    ) -> tuple[LinearHead, float]:
        return ridge_head(features, labels, num_classes, self.blocks, groups)
