"""OutputFit: what makes a member from images with targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, NamedTuple

from headstart.backbones.backbone import Backbone
from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.member import Member
from headstart.multioutput.task import OutputTask


class Represented(NamedTuple):
    """Images to fit to, as a closed form sees them.

    Attributes:
        images: The images.
        features: What the network sees of them.
        representation: Makes rows of features.
    """

    images: ImageSet
    features: FeatureSet
    representation: Representation


def represented(task: OutputTask, rows: Integers, candidate: OutputCandidate, backbone: Backbone) -> Represented:
    """Those rows of the labeled images by the features that a candidate sees."""
    images = task.images.labeled.take(rows)
    features = features_of(images, backbone)
    return Represented(images, features, Representation.fitted(features, candidate.blocks))


class OutputFit(ABC):
    """One way to fit.

    Attributes:
        trains: Whether the network is trained, so that each fold costs a training.
    """

    trains: ClassVar[bool] = False

    @abstractmethod
    def fit(
        self, task: OutputTask, rows: Integers, candidate: OutputCandidate, backbone: Backbone, workspace: Path | None
    ) -> Member:
        """The member fitted to those rows of the labeled images.

        Args:
            task: Images and targets.
            rows: int64 [fitted sample]: which of the labeled images.
            candidate: Its settings.
            backbone: What is transferred; it is not changed.
            workspace: Folder for checkpoints of a training; None keeps nothing.

        Returns:
            The member, whose scores are those that `OutputKind.encoded` makes of targets.
        """
