"""Served: a run or a gallery under its name, with the queue of its requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from headstart.attribution.training_images import TrainingRows
from headstart.core.progress import note, silent
from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.features.store.transient import transient_features
from headstart.gallery import Gallery
from headstart.methods.model import Model
from headstart.serving.batching import Batcher, Compute
from headstart.serving.enrolling import Matching, card_of_gallery, version_of_gallery
from headstart.serving.reasons import Explaining, examples_of
from headstart.serving.refusals import RefusedError
from headstart.serving.versions import Answering, Stamp, Version, blank_pictures, load_version, stamp_of, with_new_card
from headstart.serving.wanted import Wanted

NO_SETS = (
    "A gallery gives no prediction sets and reaches no wanted accuracy: no image of it was predicted out of fold. Ask a run."
)

Made = Callable[[str], Batcher]
"""Gives the batcher for a name."""


class Served(ABC):
    """What predicts under a name.

    Args:
        folder: Where it lies.
        make_batcher: Gives its batcher.
    """

    def __init__(self, folder: Path, make_batcher: Made) -> None:
        self.folder = folder
        self.name = folder.resolve().name
        self.batcher = make_batcher(self.name)

    @property
    @abstractmethod
    def sides(self) -> tuple[int, ...]:
        """The sides at which it takes pictures."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Changes with its answers."""

    @property
    @abstractmethod
    def num_engines(self) -> int:
        """How many networks it runs."""

    @abstractmethod
    def answering(self, wanted: Wanted) -> tuple[Compute, str, tuple[int, ...]]:
        """A function of decoded pictures, its version and its sides; they stay what they are when the model is loaded anew."""

    @abstractmethod
    def card(self) -> dict[str, Any]:
        """What users may know of it."""


class ServedRun(Served):
    """A run folder. When it is fitted again, the new model takes the place of the old one between two requests.

    Args:
        folder: Where it lies.
        make_batcher: Gives its batcher.
    """

    def __init__(self, folder: Path, make_batcher: Made) -> None:
        self.current: Version = load_version(folder)
        self._examples: tuple[Model, TrainingRows | None] | None = None
        self._refused: Stamp | None = None
        super().__init__(folder, make_batcher)

    @property
    def sides(self) -> tuple[int, ...]:
        return self.current.sides

    @property
    def version(self) -> str:
        return self.current.identity

    @property
    def num_engines(self) -> int:
        return len(self.current.model.backbones)

    def answering(self, wanted: Wanted) -> tuple[Answering, str, tuple[int, ...]]:
        version = self.current
        return Answering(version, wanted), version.identity, version.sides

    def card(self) -> dict[str, Any]:
        return {"name": self.name, "version": self.version, **self.current.card}

    def explaining(self) -> Explaining:
        """A function that gives the reasons for what the model says of one picture."""
        version, examples = self.current, self._examples
        return Explaining(version, examples[1] if examples and examples[0] is version.model else None)

    def prepare_examples(self) -> None:
        """Have training pictures ready, to be shown as reasons; there are none where the data are gone or cannot be read."""
        version = self.current
        if self._examples is not None and self._examples[0] is version.model:
            return
        try:
            with silent():
                self._examples = (version.model, examples_of(version))
        except Exception as error:  # noqa: BLE001  the server goes on without them, and says so
            self._examples = (version.model, None)
            note(f"{self.name}: training pictures cannot be shown. {error}")

    def reload(self) -> str | None:
        """Load what the folder holds now, if that is new: "loaded", or "refused" where it cannot be; None where no model is new.

        Requests go on with the old model meanwhile, and so do those that were decoded for it. Where the same model was evaluated,
        its card alone is read anew; where its evaluation is gone, another fit has begun, and the card stays that of the model.
        What is refused is tried again when it changes.
        """
        stamp = stamp_of(self.folder)
        if stamp is None or stamp in (self.current.stamp, self._refused):
            return None
        try:
            if stamp.of_same_model(self.current.stamp):
                self.current = self.current if stamp.evaluation is None else with_new_card(self.current, stamp)
                return None
            self.current = load_version(self.folder)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the new model, the old one goes on
            self._refused = stamp
            note(f"{self.name}: the new model cannot be loaded, and the old one goes on. {error}")
            return "refused"
        note(f"{self.name}: a new model was loaded, version {self.version}.")
        return "loaded"


class ServedGallery(Served):
    """A gallery; classes are enrolled and forgotten between two batches.

    Args:
        gallery: The gallery.
        make_batcher: Gives its batcher.
    """

    def __init__(self, gallery: Gallery, make_batcher: Made) -> None:
        self.gallery = gallery
        with silent(), transient_features():
            blank = blank_pictures(self.sides[0])
            features_of(ImageSet(blank, (), np.array([UNLABELED]), np.array([0])), gallery.backbone)
        super().__init__(gallery.folder, make_batcher)

    @property
    def sides(self) -> tuple[int, ...]:
        return (self.gallery.state.card.input_pixels,)

    @property
    def version(self) -> str:
        return version_of_gallery(self.gallery)

    @property
    def num_engines(self) -> int:
        return 1

    def answering(self, wanted: Wanted) -> tuple[Matching, str, tuple[int, ...]]:
        if wanted.needs_calibration:
            raise RefusedError(422, "not-calibrated", NO_SETS)
        return Matching(self.gallery, bool(wanted.refuse)), self.version, self.sides

    def card(self) -> dict[str, Any]:
        return {"name": self.name, **card_of_gallery(self.gallery)}
