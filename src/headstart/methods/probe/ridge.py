"""Ridge: a linear head in closed form, judged by exact leave-one-out."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from headstart.backbones.backbone import Backbone
from headstart.core.types import Integers
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks
from headstart.methods.base import Method
from headstart.methods.heads import LinearHead, ridge_head
from headstart.methods.model import Model
from headstart.training.settings import Training


@final
class Ridge(Method):
    """Fits one-vs-rest linear targets to frozen features of every depth by ridge regression.

    One eigendecomposition gives the solution for every penalty together with the score of each row by a fit without it; these
    leave-one-out scores choose the penalty and the temperature.

    Needs: labeled rows, one a class suffices.
    Helps: with few labels, and when time is short: it takes milliseconds once features exist.
    Hurts: when no depth of the backbone sees what tells the classes apart; then train the network.

    Attributes:
        blocks: What the head sees; stages with pixels by default, which beat the penultimate layer by 2 to 8 points on small
            sets (Evci et al., "Head2Toe", ICML 2022, argue for all depths).
    """

    summary: ClassVar[str] = "Linear head on frozen features in closed form, judged by exact leave-one-out"

    blocks: Blocks = "stages+pixels"

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None
    ) -> tuple[LinearHead, float]:
        """The head and its temperature, fitted to features.

        Args:
            features: Of the training rows.
            labels: int64 [sample].
            num_classes: Of the task; classes without rows get the lowest score.
            groups: int64 [sample]; rows of one group are left out together. None leaves out each alone.

        Returns:
            The head, and the temperature of its leave-one-out scores.
        """
        return ridge_head(features, labels, num_classes, self.blocks, groups)

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; `training` and `workspace` are not used."""
        train = task.train
        head, temperature = self.head_of(features_of(train, backbone), train.labels, task.num_classes, train.groups)
        return Model(backbone, head, temperature, task.classes)
