"""Weights in a file: "model.safetensors" or "model.pth", of an architecture that timm or torchvision knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, final

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import Provider, Weights
from headstart.core.errors import PretrainedError

if TYPE_CHECKING:
    from torch import nn

_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


@final
class LocalFile(Provider):
    """Names are paths. The architecture is read from the file's metadata or recognized by its shapes."""

    summary: ClassVar[str] = "a .safetensors or .pth file: PATH, or ARCHITECTURE with --weights PATH"

    def cards(self) -> list[Pretrained]:
        return []

    def card(self, name: str) -> Pretrained | None:
        if not name.lower().endswith(_SUFFIXES):
            return None
        from headstart.backbones.loading import card_of  # noqa: PLC0415  imports the providers

        architecture = _architecture_of(Path(name))
        known = card_of(architecture)
        about = {"name": name, "provider": "local_file", "architecture": architecture, "license": "unknown"}
        return known.model_copy(update={**about, "source": "unknown", "source_accuracy": None, "available": True})

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        from headstart.backbones.loading import card_of, network_of  # noqa: PLC0415  imports the providers

        return network_of(card_of(card.architecture), Path(card.name) if weights == "pretrained" else weights)

    def underlying(self, card: Pretrained, pixels: int) -> Pretrained:
        from headstart.backbones.loading import card_of  # noqa: PLC0415  imports the providers

        known = card_of(card.architecture)
        return card.model_copy(update={"provider": known.provider, "architecture": known.architecture})


def _architecture_of(path: Path) -> str:
    """The name of the architecture that a file's weights are of: said in its metadata, or recognized by its shapes."""
    from safetensors import safe_open  # noqa: PLC0415

    from headstart.backbones.filling import fitting  # noqa: PLC0415
    from headstart.backbones.state_dicts import read_state_dict  # noqa: PLC0415

    state = read_state_dict(path)
    if path.suffix.lower() == ".safetensors":
        with safe_open(path, "pt") as file:
            named = (file.metadata() or {}).get("architecture")
        if named:
            return str(named)
    found = fitting(state)
    if found is None:
        raise PretrainedError(
            f"{path}: its architecture is not recognized from {len(state)} tensors. "
            f"Name it: --pretrained ARCHITECTURE --weights {path}."
        )
    return found
