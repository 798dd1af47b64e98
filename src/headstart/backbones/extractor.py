"""Extractor: what features are extracted with, a backbone in memory or a saved one whose network is not loaded yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from headstart.backbones.pretrained import Pretrained
from headstart.core.parsing import json_text
from headstart.core.records import fingerprint_of, write_atomically
from headstart.data.transforms import Transform

if TYPE_CHECKING:
    from headstart.backbones.backbone import Backbone

WEIGHTS = "weights.safetensors"
CARD = "card.json"


class Extractor(Protocol):
    """What a prediction has to know of a network; an engine that was kept knows the rest.

    Attributes:
        card: What is known about the network.
        transform: How pictures become its input.
        weights: "pretrained", "none", or the file that the weights came from.
        source_classes: Whether the network's own classifier means something.
        stage_names: The module that each stage ends with.
        feature_width: Width of the penultimate output.
        weights_hash: Changes with the weights, and with a normalization that is not the card's.
        engine: Name of the inference engine that extracts its features; None until that is settled.
    """

    card: Pretrained
    transform: Transform
    weights: str
    source_classes: bool
    stage_names: tuple[str, ...]
    feature_width: int
    weights_hash: str
    engine: str | None

    @property
    def output_names(self) -> tuple[str, ...]:
        """What each output of `Describe` is: `stage.0`, ... (means), `spread.0`, ... (stds), `source_logits` if any."""
        ...

    @property
    def network(self) -> Backbone:
        """The backbone in memory, loaded the first time."""
        ...

    @property
    def identity(self) -> str:
        """Equal for backbones that give the same features of every picture."""
        ...

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and, last, `card.json` into a folder, which is made if absent."""
        ...


def description_of(extractor: Extractor) -> dict[str, Any]:
    """What decides the features, as JSON values."""
    return {
        "card": extractor.card.to_dict(),
        "transform": extractor.transform.to_dict(),
        "weights": extractor.weights,
        "source_classes": extractor.source_classes,
        "stage_names": extractor.stage_names,
        "weights_hash": extractor.weights_hash,
    }


def key_of_description(extractor: Extractor) -> str:
    """The key of the program `Describe`."""
    return " ".join(("describe", *extractor.stage_names, *extractor.output_names))


def write_card(extractor: Extractor, folder: Path) -> None:
    """Write `card.json`, with what a prediction would else have to load the network for."""
    known = {"output_names": extractor.output_names, "feature_width": extractor.feature_width}
    values = {**description_of(extractor), **known, "engine": extractor.engine}
    write_atomically(folder / CARD, json_text(values))


def hash_with_normalization(weights: str, transform: Transform) -> str:
    """The hash of weights, and of a normalization that is not the card's, as both decide the features."""
    own = (transform.mean, transform.std)
    return weights if own == (None, None) else fingerprint_of([weights, *own])
