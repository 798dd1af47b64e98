"""OutputFit: what makes a member from images with targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from headstart.backbones.backbone import Backbone
from headstart.core.types import Integers
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.member import Member
from headstart.multioutput.task import OutputTask


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
