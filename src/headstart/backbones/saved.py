"""A saved backbone: what lies in a folder, whose network is loaded when something asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, deserialize

from headstart.backbones.extractor import CARD, WEIGHTS, Extractor, description_of, hash_with_normalization, write_card
from headstart.backbones.pretrained import Pretrained
from headstart.core.errors import PlanError, PretrainedError
from headstart.core.parsing import json_in
from headstart.core.records import fingerprint_of, write_atomically
from headstart.data.transforms import Transform

if TYPE_CHECKING:
    from headstart.backbones.backbone import Backbone

_TORCH_NAMES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
}  # fmt: skip
"""What PyTorch calls the types of a safetensors file."""


@dataclass(eq=False)
class SavedBackbone:
    """The backbone in a folder that `Backbone.save` wrote; see `Extractor`.

    Attributes:
        folder: Where it lies; it must stay as it is.
        card: See `Extractor`, as all that follow.
    """

    folder: Path
    card: Pretrained
    transform: Transform
    weights: str
    source_classes: bool
    stage_names: tuple[str, ...]
    output_names: tuple[str, ...]
    feature_width: int
    weights_hash: str
    engine: str | None

    @cached_property
    def network(self) -> Backbone:
        """The backbone in memory, in evaluation mode on the CPU; `PretrainedError` where the folder has changed or is gone."""
        from headstart.backbones.backbone import Backbone  # noqa: PLC0415

        loaded = Backbone.load(self.folder)
        if loaded.weights_hash != self.weights_hash:
            raise PretrainedError(f"{self.folder} was changed while it was in use. Run the command again.")
        loaded.engine = self.engine
        return loaded

    @property
    def identity(self) -> str:
        """Equal for backbones that give the same features of every picture."""
        return fingerprint_of(description_of(self))

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and, last, `card.json` into a folder, which is made if absent."""
        write_atomically(folder / WEIGHTS, (self.folder / WEIGHTS).read_bytes())
        write_card(self, folder)


def extractor_in(folder: Path) -> Extractor:
    """The backbone in a folder; its network is loaded later where the weights are those that were saved.

    It is loaded at once where they are not, or where an earlier version saved the backbone. `PretrainedError` where the folder
    holds no whole backbone.
    """
    try:
        values = json_in(folder / CARD)
        found = _saved(folder, values)
        if hash_of_file(folder / WEIGHTS, found.transform) == found.weights_hash:
            return found
    except (OSError, ValueError, KeyError, TypeError, OverflowError, PlanError, SafetensorError):
        pass  # what is wrong is said where the network is loaded
    from headstart.backbones.backbone import Backbone  # noqa: PLC0415

    return Backbone.load(folder)


def _saved(folder: Path, values: dict[str, Any]) -> SavedBackbone:
    return SavedBackbone(
        folder=folder,
        card=Pretrained.from_dict(values["card"]),
        transform=Transform.from_dict(values["transform"]),
        weights=str(values["weights"]),
        source_classes=bool(values["source_classes"]),
        stage_names=_texts(values["stage_names"]),
        output_names=_texts(values["output_names"]),
        feature_width=int(values["feature_width"]),
        weights_hash=str(values["weights_hash"]),
        engine=values["engine"],
    )


def _texts(values: Any) -> tuple[str, ...]:
    """Texts in a list; a `TypeError` where it is none, or holds others."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{values} is no list of texts")
    return tuple(values)


def hash_of_file(path: Path, transform: Transform) -> str:
    """The hash of the backbone of those weights and that transform, as `Backbone.weights_hash` has it."""
    digest = sha256()
    tensors: list[tuple[str, dict[str, Any]]] = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        digest.update(f"{name} {tuple(tensor['shape'])} torch.{_TORCH_NAMES[tensor['dtype']]}".encode())
        digest.update(tensor["data"])
    return hash_with_normalization(digest.hexdigest()[:16], transform)
