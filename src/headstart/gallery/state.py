"""What a gallery stands on: its backbone, images of no class, and a meta-learned embedding where that pays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, ExportError, PlanError, PretrainedError
from headstart.core.records import Record, write_atomically
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Floats
from headstart.data.images import FileImages, ImageSet
from headstart.data.readers import reader_for
from headstart.data.scan import scan
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.gallery.class_store import arrays_of, features_from
from headstart.gallery.matching import NO_RELATIVES, relatives_in, view_of
from headstart.gallery.source import source_at
from headstart.heads.principal_components import PrincipalComponents
from headstart.methods.base import settings_of
from headstart.methods.meta_learner import numbered_domains
from headstart.planning.input_size import side_for
from headstart.planning.sources.meta_learner_selection import Embedding, choose_meta_learner, meta_learner, meta_trained_on

DEFAULT = "efficientnet_lite0"
BACKGROUND_SET = "emoji-noto"
NUM_BACKGROUND = 64
"""Images that center features and stand for strangers."""
VERSION = 1


class GalleryCard(Record):
    """What a gallery was made with.

    Attributes:
        version: Of the layout.
        pretrained: Name of the backbone.
        weights_hash: Of its weights when the gallery was made.
        input_pixels: Side of its input.
        stage_names: Of its features.
        engine: What ran it first; it goes on running it.
        source: Where the embedding was meta-trained; empty without one.
        method: The meta-learner; None for plain features.
        sentence: Why the embedding is or is not there.
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
class Ground:
    """The part of a gallery that enrolling does not change.

    Attributes:
        card: What it was made with.
        background: Features of images of no class.
        embedding: Meta-learned; None for plain features.
        relatives: How similar two images of one class of the source are, float64 [class]; none without a source.
    """

    card: GalleryCard
    background: FeatureSet = field(repr=False)
    embedding: Embedding | None
    relatives: Floats = field(repr=False)


def ground_on(
    folder: Path, pretrained: str | None, like: FileImages, source: str | None, method: str | None, seed: int
) -> Ground:
    """The ground of a new gallery.

    Args:
        folder: Where the gallery is to lie.
        pretrained: Name of the backbone; the smallest packaged one by default.
        like: Images of the kind to come; a source's come before them.
        source: A set of many other classes to meta-train on; None for plain features.
        method: The meta-learner to take in any case; None finds out whether one pays.
        seed: Of meta-training.

    Returns:
        The ground.

    Raises:
        DataError: The folder holds a gallery, or the source is feature vectors.
        PlanError: A meta-learner is named without a source.
        PretrainedError: The backbone cannot be had.
        ExportError: The folder cannot be made or written.
    """
    if (folder / "gallery.json").exists():
        raise DataError(f"{folder} holds a gallery already. Enroll into it, or choose another folder.")
    _check_writable(folder)
    if method is not None:
        meta_learner(method)
        if source is None:
            raise PlanError(f"{method} meta-trains on a source of other classes, and none was named. Name one with --source.")
    taught_by = source_at(source) if source else None
    name = pretrained or DEFAULT
    native = taught_by.native_pixels if taught_by else native_pixels_of(like)
    backbone = load_backbone(name, input_pixels=side_for(card_of(name), native))
    embedding, sentence = _embedding(taught_by.images, backbone, method, seed) if taught_by else (None, "")
    background = features_of(background_of(taught_by.images if taught_by else None), backbone)
    see = view_of(background, embedding)
    relatives = _relatives(taught_by.images, backbone, see) if taught_by else NO_RELATIVES
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
    return Ground(card, background, embedding, relatives)


def _check_writable(folder: Path) -> None:
    """Before anything is computed; where the folder is not there, the nearest one above it is asked."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise ExportError(f"{there} is a file, and a gallery is a folder. Choose another name.")
    if not os.access(there, os.W_OK):
        raise ExportError(f"{there} is read-only, so that no gallery can be kept in it. Choose another folder.")


def native_pixels_of(images: FileImages) -> int:
    """Median of the shorter sides of those that can be read; 0 where none can."""
    looked = scan(images)
    sides = looked.shorter_sides[[not problem for problem in looked.problems]]
    return int(np.median(sides)) if len(sides) else 0


def background_of(rows: ImageSet | None) -> ImageSet:
    """Images of no class: a few of the source, evenly spaced, or of the embedded set where there is none."""
    if rows is not None:
        return rows.take(evenly_spaced(len(rows), NUM_BACKGROUND))
    images = reader_for(BACKGROUND_SET).read(BACKGROUND_SET).images
    chosen = evenly_spaced(len(images), NUM_BACKGROUND)
    return ImageSet(images.take(chosen), (), np.full(NUM_BACKGROUND, -1), chosen)


def _relatives(rows: ImageSet, backbone: Backbone, see: Callable[[FeatureSet], Floats]) -> Floats:
    return relatives_in(see(features_of(rows, backbone)), rows.labels, numbered_domains(rows))


def _embedding(rows: ImageSet, backbone: Backbone, method: str | None, seed: int) -> tuple[Embedding | None, str]:
    features, domains = features_of(rows, backbone), numbered_domains(rows)
    if method is None:
        choice = choose_meta_learner(features, rows.labels, domains, seed)
        if choice.kind is None:
            return None, choice.sentence
        return meta_trained_on(choice.kind, features, rows.labels, domains, seed), choice.sentence
    return meta_trained_on(method, features, rows.labels, domains, seed), f"{method} was asked for."


def written(ground: Ground, folder: Path) -> None:
    """Write `ground.safetensors` and, last, `gallery.json`.

    Args:
        ground: What is written.
        folder: Where; made if absent.

    Raises:
        ExportError: The folder cannot be written.
    """
    arrays = {f"background.{name}": array for name, array in arrays_of(ground.background).items()}
    arrays["relatives"] = ground.relatives
    if ground.embedding is not None:
        projection = ground.embedding.projection
        arrays |= {f"mean.{place}": mean for place, mean in enumerate(projection.representation.means)}
        arrays |= {"axes": np.ascontiguousarray(projection.axes)}
        arrays |= {f"parameter.{name}": value.numpy() for name, value in ground.embedding.parameters.items()}
    write_atomically(folder / "ground.safetensors", save(arrays))
    write_atomically(folder / "gallery.json", ground.card.to_json())


def ground_of(folder: Path) -> Ground:
    """What `written` wrote.

    Args:
        folder: Where it lies.

    Returns:
        The ground.

    Raises:
        DataError: The folder holds no gallery, or a damaged one.
    """
    path = folder / "gallery.json"
    if not path.exists():
        raise DataError(f"{folder} holds no gallery. Make one: `headstart fewshot enroll {folder} NAME IMAGE...`.")
    try:
        card = GalleryCard.from_json(path.read_text(encoding="utf-8"), str(path))
        arrays = load_file(folder / "ground.safetensors")
    except (OSError, PlanError, SafetensorError, json.JSONDecodeError) as error:
        raise DataError(f"{folder} holds a damaged gallery ({error}). Enroll its classes into a new folder.") from None
    if card.version != VERSION:
        raise DataError(
            f"{folder} is a gallery of layout {card.version}, and this version reads {VERSION}. "
            "Enroll its classes into a new folder."
        )
    background = features_from(_below(arrays, "background."), card.stage_names)
    return Ground(card, background, _embedding_from(card, arrays), arrays["relatives"])


def _embedding_from(card: GalleryCard, arrays: dict[str, Floats]) -> Embedding | None:
    if card.method is None:
        return None
    method = meta_learner(str(card.method["kind"])).model_copy(update={k: v for k, v in card.method.items() if k != "kind"})
    means = _below(arrays, "mean.")
    representation = Representation(method.blocks, tuple(means[str(place)] for place in range(len(means))))
    parameters = {name: torch.from_numpy(np.array(value)) for name, value in _below(arrays, "parameter.").items()}
    return Embedding(method, PrincipalComponents(representation, arrays["axes"]), parameters)


def _below(arrays: dict[str, Floats], prefix: str) -> dict[str, Floats]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def backbone_of(ground: Ground, folder: Path) -> Backbone:
    """The backbone that a gallery was made with.

    Args:
        ground: Of the gallery.
        folder: Where it lies, for the message.

    Returns:
        The backbone.

    Raises:
        PretrainedError: It is gone, or has other weights by now.
    """
    card = ground.card
    backbone = load_backbone(card.pretrained, input_pixels=card.input_pixels)
    if backbone.weights_hash != card.weights_hash:
        raise PretrainedError(
            f"{folder} was made with {card.pretrained} of weights {card.weights_hash}, and that name has weights "
            f"{backbone.weights_hash} now. Restore them, or enroll into a new folder."
        )
    backbone.engine = card.engine
    return backbone
