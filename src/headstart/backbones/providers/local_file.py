"""Weights in a file: "model.safetensors" or "model.pth", of an architecture that timm or torchvision knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, final

from headstart.backbones.pretrained import WEIGHT_SUFFIXES, Pretrained
from headstart.backbones.providers.base import Provider, Resolver, Weights
from headstart.core.errors import PretrainedError

if TYPE_CHECKING:
    from torch import nn


@final
class LocalFile(Provider):
    """Names are paths. The architecture is read from the file's metadata or recognized by its shapes."""

    summary: ClassVar[str] = "a .safetensors or .pth file: PATH, or ARCHITECTURE with --weights PATH"
    precedence: ClassVar[int] = 30

    def cards(self) -> list[Pretrained]:
        return []

    def card(self, name: str) -> Pretrained | None:
        if not name.lower().endswith(WEIGHT_SUFFIXES):
            return None
        architecture = _architecture_of(Path(name), self.resolver)
        known = self.resolver.card_of(architecture)
        about = {"name": name, "provider": "local_file", "architecture": architecture, "license": "unknown"}
        return known.model_copy(update={**about, "source": "unknown", "source_accuracy": None, "available": True})

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        known = self.resolver.card_of(card.architecture)
        return self.resolver.network_of(known, Path(card.name) if weights == "pretrained" else weights)

    def files(self, card: Pretrained, weights: Weights) -> tuple[Path, ...] | None:
        return (Path(card.name),) if weights == "pretrained" else super().files(card, weights)

    def underlying(self, card: Pretrained, pixels: int) -> Pretrained:
        known = self.resolver.card_of(card.architecture)
        return card.model_copy(update={"provider": known.provider, "architecture": known.architecture})


def _architecture_of(path: Path, resolver: Resolver) -> str:
    """The name of the architecture that a file's weights are of: said in its metadata, or recognized by its shapes."""
    from safetensors import safe_open  # noqa: PLC0415

    from headstart.backbones.state_dicts import read_state_dict  # noqa: PLC0415
    from headstart.backbones.weight_loading import matching_architecture  # noqa: PLC0415

    state = read_state_dict(path)
    if path.suffix.lower() == ".safetensors":
        with safe_open(path, "pt") as file:
            named = (file.metadata() or {}).get("architecture")
        if named:
            return str(named)
    found = matching_architecture(state, resolver)
    if found is None:
        raise PretrainedError(
            f"{path}: its architecture is not recognized from {len(state)} tensors. "
            f"Name it: --pretrained ARCHITECTURE --weights {path}."
        )
    return found
