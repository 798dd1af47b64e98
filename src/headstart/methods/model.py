"""Model: what came out of a fit. Always a backbone, a head and a temperature, so that every model is used the same way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy.special import softmax

from headstart.backbones.engines.choice import calibration_folder
from headstart.backbones.extractor import Extractor
from headstart.backbones.saved import extractor_in
from headstart.core.arrays import checksum_in, read_arrays, write_arrays
from headstart.core.checksums import checksum_of
from headstart.core.errors import DamagedError, DataError, PretrainedError
from headstart.core.parsing import json_in
from headstart.core.predictions import Predictions, mean_of
from headstart.core.records import Migration, Record, renamed, write_atomically
from headstart.core.types import Floats
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.methods.heads import Head, head_from
from headstart.novelty.detector import NoveltyDetector

if TYPE_CHECKING:  # to predict takes no PyTorch
    from headstart.methods.model_graph import ModelGraph

NO_DETECTOR = (
    "This model was saved without a novelty detector: an earlier version fitted it, or it had too few images. Fit the run again, "
    "or leave out --refuse."
)
AGAIN = "Give the command that made it again: it fits what is missing."
HEAD_FILE = "head.safetensors"
DETECTOR_FILE = "detector.safetensors"
NETWORK = "network"
OLD_DETECTOR_FILE = "acquaintance.safetensors"
"""Where earlier versions wrote the detector."""


class Card(Record):
    """`model.json`: what a model is made of; models of earlier versions lack the fields that have a default.

    Attributes:
        backbone: Where its network lies, from the model's folder.
        classes: Names in label order.
        temperature: Divides the scores.
        head: The settings of its head.
        partners: How many there are.
        shares: How much its own and each partner's probabilities count.
        corrects: Whether there is a base.
        has_detector: Whether there is a novelty detector.
        checksums: Those of the files beside it, by their paths, and the hash of the network's weights. A kill while a model takes
            the place of another leaves files of both, which these tell apart.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("remembers", "has_detector"),)

    backbone: str = "backbone"
    classes: tuple[str, ...]
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    head: dict[str, Any]
    partners: Annotated[int, Field(ge=0)] = 0
    shares: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = ()
    corrects: bool = False
    has_detector: bool = False
    checksums: dict[str, str] = {}


@dataclass(frozen=True)
class Model:
    """Predicts classes of images.

    Attributes:
        backbone: Images to features; `backbone.network` is again something to transfer from.
        head: Features to scores.
        temperature: Divides the scores before softmax.
        classes: Class names in label order; none where there were none to learn.
        partners: Models of the same classes that predict together with it, by the geometric mean of the probabilities.
        shares: How much its own and each partner's probabilities count in that mean; none given counts all alike.
        base: A model of the same classes that this one corrects: the scores are added to its scores over its temperature.
        novelty_detector: What tells images unlike those learned from; None where another part has it, or none has.

    Reference: Kumar, Ma, Liang & Raghunathan, "Calibrated Ensembles Can Mitigate Accuracy Tradeoffs Under Distribution Shift",
        UAI 2022 (calibrated probabilities of a fine-tuned model and of a head on frozen features, averaged).
    Differs: the mean is geometric, and may be weighted.
    """

    backbone: Extractor
    head: Head
    temperature: float
    classes: tuple[str, ...]
    partners: tuple[Model, ...] = ()
    shares: tuple[float, ...] = ()
    base: Model | None = None
    novelty_detector: NoveltyDetector | None = None

    def scores(self, images: ImageSet) -> Floats:
        """Scores without partners, float64 [sample, class]; softmax of scores over the temperature gives probabilities."""
        own = self.head.scores(features_of(images, self.backbone))
        return own if self.base is None else own + self.base.scores(images) / self.base.temperature

    def predict(self, images: ImageSet) -> Predictions:
        """Probabilities for every row; labels are copied where they may be read. `DataError` when the model knows no classes."""
        if not self.classes:
            raise DataError(
                "This model was pretrained without classes and predicts none. Transfer from it with --pretrained run:FOLDER."
            )
        scores = self.scores(images)
        hidden = images.sealed
        own = Predictions(
            names=tuple(images.images.name(row) for row in range(len(images))),
            classes=self.classes,
            labels=np.full(len(images), -1, np.int64) if hidden else images.labels,
            probs=softmax(scores / self.temperature, axis=1),
            raw_probs=softmax(scores, axis=1),
            groups=images.groups,
            domains=images.domains,
            given_groups=images.given_groups,
        )
        if not self.partners:
            return own
        return mean_of([own, *(partner.predict(images) for partner in self.partners)], self.shares)

    @property
    def backbones(self) -> tuple[Extractor, ...]:
        """Its own and those of its members, each once."""
        members = (*([self.base] if self.base else []), *self.partners)
        return tuple(dict.fromkeys([self.backbone, *(one for member in members for one in member.backbones)]))

    @property
    def detector_model(self) -> Model | None:
        """The part with the novelty detector; None in a model that was saved without one."""
        members = (self, *([self.base] if self.base else []), *self.partners)
        return next((member for member in members if member.novelty_detector is not None), None)

    @property
    def least_p_value(self) -> float:
        """The lowest conformal p-value that it can give; 1 without a detector."""
        model = self.detector_model
        return model.novelty_detector.least_p_value if model and model.novelty_detector else 1.0

    def p_values(self, images: ImageSet) -> Floats:
        """How usual images look among those learned from, float64 [sample], in (0, 1]; see `NoveltyDetector`.

        `DataError` when the model was saved without a detector.
        """
        model = self.detector_model
        if model is None or model.novelty_detector is None:
            raise DataError(NO_DETECTOR)
        return model.novelty_detector.p_values(features_of(images, model.backbone))

    def predict_with_p_values(self, images: ImageSet) -> Predictions:
        """As `predict`, with p-values where the model has a novelty detector."""
        predictions = self.predict(images)
        return predictions if self.detector_model is None else replace(predictions, p_values=self.p_values(images))

    def graph(self) -> ModelGraph:
        """The whole model as a PyTorch module: pictures as bytes, of any size, to probabilities and p-values."""
        from headstart.methods.model_graph import ModelGraph  # noqa: PLC0415

        return ModelGraph(self)

    def save(self, folder: Path) -> None:
        """Write `backbone/`, `head.safetensors`, `detector.safetensors`, `base/`, `partners/` and, last, `model.json`.

        A network that several members use is written once, by the first of them.

        Args:
            folder: Where; made if absent.

        Raises:
            ExportError: The folder cannot be written.
        """
        self._save(folder, {})

    def _save(self, folder: Path, written: dict[str, Path]) -> None:
        """As `save`; `written` says where networks lie already, by what they are."""
        network = written.setdefault(self.backbone.identity, folder / "backbone")
        if network == folder / "backbone":
            self.backbone.save(network)
        _carry(calibration_folder(self.backbone), folder / "engine")
        write_arrays(folder / HEAD_FILE, self.head.arrays())
        if self.novelty_detector is not None:
            write_arrays(folder / DETECTOR_FILE, self.novelty_detector.arrays())
        if self.base is not None:
            self.base._save(folder / "base", written)
        for place, partner in enumerate(self.partners):
            partner._save(folder / "partners" / str(place), written)
        card = Card(
            backbone=Path(os.path.relpath(network, folder)).as_posix(),
            classes=self.classes,
            temperature=self.temperature,
            head=self.head.settings(),
            partners=len(self.partners),
            shares=self.shares,
            corrects=self.base is not None,
            has_detector=self.novelty_detector is not None,
        )
        card = card.model_copy(update={"checksums": _checksums_of(folder, card) | {NETWORK: self.backbone.weights_hash}})
        write_atomically(folder / "model.json", card.to_json())

    @classmethod
    def load(cls, folder: Path) -> Model:
        """The model that `save` wrote; `DataError` or `PretrainedError` when the folder holds no whole model or backbone."""
        return cls._load(folder, {})

    @classmethod
    def whole_in(cls, folder: Path) -> Model | None:
        """The model that `save` wrote; None where the folder holds none, or one that something is missing from or damaged."""
        try:
            return cls.load(folder)
        except (DataError, PretrainedError):
            return None

    @classmethod
    def _load(cls, folder: Path, read: dict[Path, Extractor]) -> Model:
        """As `load`; `read` holds the networks that were read already, by where they lie."""
        card = _card_in(folder)
        network = (folder / card.backbone).resolve()
        backbone = read[network] = read.get(network) or extractor_in(network)
        head, detector = _parts_in(folder, card, backbone)
        _carry(folder / "engine", calibration_folder(backbone))
        num = card.partners + 1
        partners = tuple(
            cls._load_member(folder, f"partners/{place}", f"member {place + 2} of {num}", card.classes, read)
            for place in range(card.partners)
        )
        base = cls._load_member(folder, "base", "the model that it corrects", card.classes, read) if card.corrects else None
        _check_same_model(folder, card, backbone)
        return cls(backbone, head, card.temperature, card.classes, partners, card.shares, base, detector)

    @classmethod
    def _load_member(cls, folder: Path, name: str, what: str, classes: tuple[str, ...], read: dict[Path, Extractor]) -> Model:
        """A model that is part of the one in a folder; the error names both, what the part is and the file that is missing."""
        try:
            member = cls._load(folder / name, read)
        except (DataError, PretrainedError) as error:
            raise DataError(f"{folder} consists of several models, and {what} cannot be loaded: {error}") from None
        if member.classes != classes:
            raise DataError(f"{folder} consists of several models, and {what}, in {folder / name}, has other classes. {AGAIN}")
        return member


def _card_in(folder: Path) -> Card:
    with _naming(folder, "model.json"):
        card = Card.from_dict(json_in(folder / "model.json"), "model.json")
        if len(card.shares) not in (0, card.partners + 1):
            raise ValueError(f"{len(card.shares)} shares for {card.partners + 1} members")
    return card


def _checksums_of(folder: Path, card: Card) -> dict[str, str]:
    """The checksums of the files of a model beside its card, by their paths."""
    arrays = [HEAD_FILE, *([DETECTOR_FILE] if card.has_detector else [])]
    members = [*(["base"] if card.corrects else []), *(f"partners/{place}" for place in range(card.partners))]
    cards = {f"{name}/model.json": checksum_of((folder / name / "model.json").read_bytes()) for name in members}
    return {name: checksum_in(folder / name) for name in arrays} | cards


def _check_same_model(folder: Path, card: Card, backbone: Extractor) -> None:
    """Refuse a model of which a part is that of another; one of an earlier version does not tell."""
    if not card.checksums:
        return
    with _naming(folder, "model.json"):
        found = _checksums_of(folder, card) | {NETWORK: backbone.weights_hash}
        other = next((name for name, checksum in found.items() if card.checksums.get(name) != checksum), None)
        if other is not None:
            raise ValueError(f"{other} is of another model than model.json")


def _parts_in(folder: Path, card: Card, backbone: Extractor) -> tuple[Head, NoveltyDetector | None]:
    """What lies in a model's own folder beside its card and its network, and fits these."""
    path = folder / DETECTOR_FILE if (folder / DETECTOR_FILE).exists() else folder / OLD_DETECTOR_FILE
    takes_any_width = backbone.card.architecture == "identity"
    sizes = {"class": len(card.classes)} | ({} if takes_any_width else {"feature": backbone.feature_width})
    with _naming(folder, HEAD_FILE):
        arrays = read_arrays(folder / HEAD_FILE)
    with _naming(folder, f"the head in model.json and {HEAD_FILE}"):
        head = head_from(arrays, card.head, sizes)
    with _naming(folder, path.name):
        detector = NoveltyDetector.from_arrays(read_arrays(path)) if card.has_detector else None
    return head, detector


@contextmanager
def _naming(folder: Path, name: str) -> Iterator[None]:
    """Turn what reading a file of a model may raise into a sentence that names the folder and the file."""
    try:
        yield
    except DamagedError as error:
        fault = error.reason
    except DataError:
        raise
    except KeyError as error:
        fault = f"{error} is missing"
    except FileNotFoundError as error:
        fault = f"{error.strerror}: {error.filename}"
    except (OSError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        fault = str(error).rstrip(".")
    else:
        return
    raise DataError(f"{folder} holds no whole model ({fault if name in fault else f'{name}: {fault}'}). {AGAIN}")


def _carry(source: Path, target: Path) -> None:
    """Copy what an engine was calibrated to, where there is any and the other place has none."""
    if source.is_dir() and not target.exists():
        shutil.copytree(source, target)
