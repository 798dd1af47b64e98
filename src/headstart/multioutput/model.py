"""OutputModel: what came out of a run of outputs, and how it predicts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.extractor import Extractor
from headstart.backbones.saved import extractor_in
from headstart.core.arrays import checksum_in, read_arrays, write_arrays
from headstart.core.dropping import drop
from headstart.core.errors import DataError
from headstart.core.parsing import json_in
from headstart.core.records import Record, write_atomically
from headstart.core.shapes import check_arrays, check_range
from headstart.core.types import Floats
from headstart.data.images import ImageSet
from headstart.multioutput.intervals import CrossConformal
from headstart.multioutput.kinds import KINDS
from headstart.multioutput.kinds.base import Link, OutputKind
from headstart.multioutput.member import HEAD, Member
from headstart.runs.run_folder import OUTPUT_MODEL

ARRAYS = "outputs.safetensors"


class OutputCard(Record):
    """`outputs.json` of a model's folder: what it is made of.

    Attributes:
        kind: The kind of its outputs.
        outputs: Their names.
        networks: Where the network of each member lies, from the model's folder.
        num_averaged: Members whose scores are averaged, the first ones.
        num_fold_members: Members that were fitted to one fold each, the last ones; they give prediction intervals.
        checksums: Of its arrays and of each member's head, and what each network is; none in models of earlier versions.
    """

    kind: str
    outputs: tuple[str, ...]
    networks: tuple[str, ...]
    num_averaged: int
    num_fold_members: int = 0
    checksums: dict[str, str] = {}


@dataclass(frozen=True)
class OutputModel:
    """Predicts several outputs of images.

    Attributes:
        kind: Of the outputs.
        outputs: Their names.
        averaged: Members whose scores are averaged: one that was fitted to all images, or one a fold.
        link: From scores to what is said.
        thresholds: float64 [output]: from which probability on a label is said to be there; nan for numbers.
        fold_members: One a fold, where numbers have prediction intervals.
        residuals: Of held-out images; None where there are no intervals.
    """

    kind: OutputKind
    outputs: tuple[str, ...]
    averaged: tuple[Member, ...]
    link: Link
    thresholds: Floats = field(repr=False)
    fold_members: tuple[Member, ...] = ()
    residuals: CrossConformal | None = None

    @property
    def networks(self) -> tuple[Extractor, ...]:
        """Those of all members, each once."""
        return tuple({member.backbone.identity: member.backbone for member in (*self.averaged, *self.fold_members)}.values())

    def values(self, images: ImageSet) -> Floats:
        """Probabilities or numbers, float64 [sample, output]."""
        return self.kind.values(mean_scores(self.averaged, images), self.link)

    def intervals(self, images: ImageSet, level: float) -> tuple[Floats, Floats]:
        """Ends of prediction intervals, float64 [sample, output] both; `DataError` where the outputs are no numbers."""
        if self.residuals is None:
            raise DataError("Prediction intervals are for numbers, and this run predicts labels, with a probability each.")
        by_fold = np.stack([self.kind.values(member.scores(images), self.link) for member in self.fold_members])
        return self.residuals.interval(by_fold, level)

    def save(self, folder: Path) -> None:
        """Write every member, the arrays and, last, `outputs.json`; an `ExportError` where that fails."""
        written: dict[str, Path] = {}
        for place, member in enumerate((*self.averaged, *self.fold_members)):
            own = folder / "members" / str(place)
            network = written.setdefault(member.backbone.identity, own / "backbone")
            if network == own / "backbone":
                member.backbone.save(network)
            member.save_head(own)
        arrays: dict[str, Any] = {"slope": self.link.slope, "offset": self.link.offset, "thresholds": self.thresholds}
        if self.residuals is not None:
            arrays |= {"residuals": self.residuals.residuals, "folds": self.residuals.folds}
            arrays["widening"] = np.array([self.residuals.widening])
        write_arrays(folder / ARRAYS, arrays)
        members = (*self.averaged, *self.fold_members)
        card = OutputCard(
            kind=self.kind.name(),
            outputs=self.outputs,
            networks=tuple(Path(os.path.relpath(written[one.backbone.identity], folder)).as_posix() for one in members),
            num_averaged=len(self.averaged),
            num_fold_members=len(self.fold_members),
        )
        card = card.model_copy(update={"checksums": _checksums_of(folder, card, members)})
        write_atomically(folder / OUTPUT_MODEL, card.to_json())

    @classmethod
    def load(cls, folder: Path) -> OutputModel:
        """The model that `save` wrote; a `DataError` where the folder holds no whole one."""
        try:
            card = OutputCard.from_dict(json_in(folder / OUTPUT_MODEL), OUTPUT_MODEL)
            kind = KINDS.get(card.kind)()
            arrays = _checked(read_arrays(folder / ARRAYS), card, are_labels=kind.noun == "labels")
            networks = {name: extractor_in(folder / name) for name in card.networks}
            sizes = {"class": len(card.outputs)}
            members = [Member.load(folder / "members" / str(at), networks[name], sizes) for at, name in enumerate(card.networks)]
            _check_same_model(folder, card, members)
            residuals = _residuals_in(arrays) if "residuals" in arrays else None
            link, thresholds = Link(arrays["slope"], arrays["offset"]), arrays["thresholds"]
        except KeyError as error:
            raise DataError(f"{folder} holds no whole model ({error} is missing). Give the command that made it again.") from None
        except (OSError, ValueError, TypeError, IndexError) as error:
            raise DataError(
                f"{folder} holds no whole model ({str(error).rstrip('.')}). Give the command that made it again."
            ) from None
        averaged, folds = members[: card.num_averaged], members[len(members) - card.num_fold_members :]
        return cls(kind, card.outputs, tuple(averaged), link, thresholds, tuple(folds), residuals)


def _checksums_of(folder: Path, card: OutputCard, members: Sequence[Member]) -> dict[str, str]:
    """What tells that the parts of a model are its own, by their paths."""
    heads = {f"members/{place}/{HEAD}": checksum_in(folder / "members" / str(place) / HEAD) for place in range(len(members))}
    networks = {name: member.backbone.weights_hash for name, member in zip(card.networks, members, strict=True)}
    return {ARRAYS: checksum_in(folder / ARRAYS)} | heads | networks


def _check_same_model(folder: Path, card: OutputCard, members: Sequence[Member]) -> None:
    """Refuse a model of which a part is that of another, with a `ValueError`; one of an earlier version does not tell."""
    found = _checksums_of(folder, card, members) if card.checksums else {}
    other = next((name for name, checksum in found.items() if card.checksums.get(name) != checksum), None)
    if other is not None:
        raise ValueError(f"{other} is of another model than {OUTPUT_MODEL}")


def _checked(arrays: dict[str, Floats], card: OutputCard, *, are_labels: bool) -> dict[str, Floats]:
    """The arrays of a model, which fit its card; a `ValueError` or `KeyError` says what does not."""
    if not 0 < card.num_averaged <= card.num_averaged + card.num_fold_members == len(card.networks):
        raise ValueError(f"{OUTPUT_MODEL} has {len(card.networks)} networks for {card.num_averaged} and {card.num_fold_members}")
    finite = arrays if are_labels else arrays | {"thresholds": np.zeros_like(arrays["thresholds"])}
    axes = dict.fromkeys(("slope", "offset", "thresholds"), "output")
    held_out = {"residuals": "image output", "folds": "image"} if "residuals" in arrays else {}
    check_arrays(finite, axes | held_out, {"output": len(card.outputs)})
    if held_out:
        check_range("folds", arrays["folds"].astype(np.int64), 0, max(0, card.num_fold_members - 1))
    return arrays


def _residuals_in(arrays: dict[str, Any]) -> CrossConformal:
    widening = float(arrays["widening"][0]) if "widening" in arrays else 1.0  # earlier versions did not widen
    return CrossConformal(arrays["residuals"], arrays["folds"].astype(np.int64), widening)


def mean_scores(members: Sequence[Member], images: ImageSet) -> Floats:
    """The mean of the members' scores, float64 [sample, output]."""
    return np.asarray(np.mean([member.scores(images) for member in members], axis=0))


def drop_broken_model(folder: Path) -> bool:
    """Whether a model was not whole, whose card is dropped, so that it is made again."""
    if (folder / OUTPUT_MODEL).is_file():
        try:
            OutputModel.load(folder)
        except DataError as error:
            drop(folder / OUTPUT_MODEL, str(error))
            return True
    return False
