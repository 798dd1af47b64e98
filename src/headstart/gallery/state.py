"""Gallery state: what enrolling does not change: the backbone, background images, and a meta-learned embedding if it pays."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import side_for
from headstart.backbones.loading import load_backbone
from headstart.core.arrays import read_arrays, write_arrays
from headstart.core.errors import DataError, ExportError, PlanError, PretrainedError
from headstart.core.records import Record, write_atomically
from headstart.core.shapes import check_arrays
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats, Integers
from headstart.data.images import Images, ImageSet
from headstart.data.readers import reader_for
from headstart.data.scan import scan
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.gallery.class_store import arrays_of, features_from
from headstart.gallery.matching import NO_PAIRS, unit_rows_by, within_class_similarity
from headstart.gallery.meta_learner_selection import Embedding, choose_meta_learner, meta_learner, meta_trained_on
from headstart.gallery.source import source_at
from headstart.heads.principal_components import PrincipalComponents
from headstart.methods.base import settings_of
from headstart.methods.meta_learner import numbered_domains

DEFAULT = "efficientnet_lite0"
BACKGROUND_SET = "emoji-noto"
NUM_BACKGROUND = 64
"""Number of background images, which center features and stand for unknown images. Chosen, not measured."""
VERSION = 2
"""Of the files. Version 1 called the arrays' file `ground.safetensors` and the array `within_class` `relatives`."""
ARRAYS = {1: "ground.safetensors", 2: "state.safetensors"}
"""The file of the arrays by version."""


class GalleryCard(Record):
    """What a gallery was made with.

    Attributes:
        version: Of the files.
        pretrained: Name of the backbone.
        weights_hash: Of its weights when the gallery was made.
        input_pixels: Side of its input.
        stage_names: Of its features.
        engine: The engine that runs the backbone.
        source: The source of meta-training; empty without one.
        method: The meta-learner; None for plain features.
        sentence: Why there is an embedding, or none.
    """

    version: int = VERSION
    pretrained: str
    weights_hash: str
    input_pixels: int
    stage_names: tuple[str, ...]
    engine: str | None = None
    source: str = ""
    method: dict[str, Any] | None = None
    sentence: str = ""


@dataclass(frozen=True)
class GalleryState:
    """The part of a gallery that enrolling does not change.

    Attributes:
        card: What it was made with.
        background: Features of images of no class.
        embedding: Meta-learned; None for plain features.
        within_class: Cosine of two images of each class of the source, float64 [class]; empty without a source.
    """

    card: GalleryCard
    background: FeatureSet = field(repr=False)
    embedding: Embedding | None
    within_class: Floats = field(repr=False)


def new_state(
    folder: Path, pretrained: str | None, like: Images, source: str | None, method: str | None, seed: int
) -> GalleryState:
    """The state of a new gallery; arguments, and what is raised, as for `Gallery.create`."""
    if (folder / "gallery.json").exists():
        raise DataError(f"{folder} holds a gallery already. Enroll into it, or choose another folder.")
    _check_writable(folder)
    if method is not None:
        meta_learner(method)
        if source is None:
            raise PlanError(f"{method} meta-trains on a source of other classes, and none was named. Name one with --source.")
    meta_source = source_at(source) if source else None
    name = pretrained or DEFAULT
    native = meta_source.native_pixels if meta_source else native_pixels_of(like)
    backbone = load_backbone(name, input_pixels=side_for(card_of(name), native))
    background = features_of(background_of(meta_source.images if meta_source else None), backbone)
    embedding, sentence, within_class = None, "", NO_PAIRS
    if meta_source:
        rows, domains = meta_source.images, numbered_domains(meta_source.images)
        features = features_of(rows, backbone)
        embedding, sentence = _embedding(features, rows.labels, domains, method, seed)
        within_class = within_class_similarity(unit_rows_by(background, embedding)(features), rows.labels, domains)
    card = GalleryCard(
        pretrained=name,
        weights_hash=backbone.weights_hash,
        input_pixels=backbone.transform.pixels,
        stage_names=tuple(backbone.stage_names),
        engine=backbone.engine,
        source=source or "",
        method=settings_of(embedding.method) if embedding else None,
        sentence=sentence,
    )
    return GalleryState(card, background, embedding, within_class)


def _check_writable(folder: Path) -> None:
    """`ExportError` where the folder, or the nearest one above it that exists, is a file or read-only."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise ExportError(f"{there} is a file, and a gallery is a folder. Choose another name.")
    if not os.access(there, os.W_OK):
        raise ExportError(f"{there} is read-only, so that no gallery can be written there. Choose another folder.")


def native_pixels_of(images: Images) -> int:
    """Median of the shorter sides of the readable images; 0 where there are none."""
    scanned = scan(images)
    sides = scanned.shorter_sides[[not problem for problem in scanned.problems]]
    return int(np.median(sides)) if len(sides) else 0


def background_of(rows: ImageSet | None) -> ImageSet:
    """Images of no class: a few of the source, evenly spaced, or of the embedded set where there is none."""
    if rows is not None:
        return rows.spaced(NUM_BACKGROUND)
    images = reader_for(BACKGROUND_SET).read(BACKGROUND_SET).images
    chosen = evenly_spaced(len(images), NUM_BACKGROUND)
    return ImageSet(images.take(chosen), (), np.full(NUM_BACKGROUND, -1), chosen)


def _embedding(
    features: FeatureSet, labels: Integers, domains: Integers | None, method: str | None, seed: int
) -> tuple[Embedding | None, str]:
    """The embedding that a source is worth, if any, and the sentence that says why."""
    if method is not None:
        return meta_trained_on(method, features, labels, domains, seed), f"{method} was asked for."
    choice = choose_meta_learner(features, labels, domains, seed)
    if choice.kind is None:
        return None, choice.sentence
    return meta_trained_on(choice.kind, features, labels, domains, seed), choice.sentence


def write_state(state: GalleryState, folder: Path) -> None:
    """Write the arrays and, last, `gallery.json`; `ExportError` if the folder cannot be written."""
    arrays = {f"background.{name}": array for name, array in arrays_of(state.background).items()}
    arrays["within_class"] = state.within_class
    if state.embedding is not None:
        projection = state.embedding.projection
        arrays |= {f"mean.{place}": mean for place, mean in enumerate(projection.representation.means)}
        arrays |= {"axes": np.ascontiguousarray(projection.axes)}
        arrays |= {f"parameter.{name}": value.numpy() for name, value in state.embedding.parameters.items()}
    write_arrays(folder / ARRAYS[VERSION], arrays)
    write_atomically(folder / "gallery.json", state.card.to_json())


def read_state(folder: Path) -> GalleryState:
    """The state that this version or an older one wrote; `DataError` if the folder holds none, or a damaged one."""
    path = folder / "gallery.json"
    if not path.exists():
        raise DataError(f"{folder} holds no gallery. Make one: `headstart fewshot enroll {folder} NAME IMAGE...`.")
    damaged = "{} holds a damaged gallery ({}). Enroll its classes into a new folder."
    try:
        card = GalleryCard.read(path)
    except (OSError, PlanError) as error:
        raise DataError(damaged.format(folder, error)) from None
    if card.version not in ARRAYS:
        raise DataError(
            f"{folder} is a gallery of version {card.version}, and this headstart reads up to {VERSION}. "
            "Update headstart, or enroll its classes into a new folder."
        )
    try:
        arrays = read_arrays(folder / ARRAYS[card.version])
        within_class = arrays["relatives" if card.version == 1 else "within_class"]
        check_arrays(arrays | {"pairs": within_class}, {"pairs": "class"}, {})
        background = features_from(_below(arrays, "background."), card.stage_names)
        embedding = _embedding_from(card, arrays)
    except KeyError as error:
        raise DataError(damaged.format(folder, f"{error} is missing")) from None
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise DataError(damaged.format(folder, str(error).rstrip("."))) from None
    return GalleryState(card, background, embedding, within_class)


def _embedding_from(card: GalleryCard, arrays: dict[str, Floats]) -> Embedding | None:
    if card.method is None:
        return None
    method = meta_learner(str(card.method["kind"])).model_copy(update={k: v for k, v in card.method.items() if k != "kind"})
    means = _below(arrays, "mean.")
    representation = Representation(method.blocks, tuple(means[str(place)] for place in range(len(means))))
    check_arrays(means, {place: f"feature.{place}" for place in means}, {})
    check_arrays(arrays, {"axes": "feature axis"}, {"feature": sum(map(len, representation.means))})
    parameters = {name: torch.from_numpy(np.array(value)) for name, value in _below(arrays, "parameter.").items()}
    return Embedding(method, PrincipalComponents(representation, arrays["axes"]), parameters)


def _below(arrays: dict[str, Floats], prefix: str) -> dict[str, Floats]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def backbone_of(state: GalleryState, folder: Path) -> Backbone:
    """The backbone of the gallery in that folder; `PretrainedError` if it is gone or has other weights now."""
    card = state.card
    backbone = load_backbone(card.pretrained, input_pixels=card.input_pixels)
    if backbone.weights_hash != card.weights_hash:
        raise PretrainedError(
            f"{folder} was made with {card.pretrained} of weights {card.weights_hash}, and that name has weights "
            f"{backbone.weights_hash} now. Restore them, or enroll into a new folder."
        )
    backbone.engine = card.engine
    return backbone
