"""timm's classifiers: from the hub when online, from its cache, or from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers._caches import hub_snapshot, user_file
from headstart.backbones.providers._fetching import fetch
from headstart.backbones.providers.base import GIVE_FILE, Provider, Weights
from headstart.core.errors import PretrainedError

if TYPE_CHECKING:
    from torch import nn

_HALVES = (0.5, 0.5, 0.5)
_ADVERTISED = (
    ("resnet18.a1_in1k", 11_689_512, False),
    ("resnet50.a1_in1k", 25_557_032, False),
    ("mobilenetv3_small_100.lamb_in1k", 2_542_856, False),
    ("efficientnet_b0.ra_in1k", 5_288_548, False),
    ("convnext_tiny.fb_in1k", 28_589_128, False),
    ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", 5_717_416, True),
    ("vit_small_patch16_224.augreg_in21k_ft_in1k", 22_050_664, True),
)
"""A short list (name, weights, vision transformer or not); every other model of timm is found by its name."""

_SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "cc-by-nc-4.0": "CC-BY-NC-4.0"}


@final
class Timm(Provider):
    """Names are "timm/MODEL" as timm spells them, with or without a tag ("timm/resnet50.a1_in1k")."""

    summary: ClassVar[str] = "timm's classifiers: hub, local cache or --weights FILE"
    precedence: ClassVar[int] = 10

    def cards(self) -> list[Pretrained]:
        return [
            Pretrained(
                name=f"timm/{name}",
                provider="timm",
                architecture=name,
                license="Apache-2.0",
                source="ImageNet-21k, then ImageNet-1k" if "in21k_ft" in name else "ImageNet-1k",
                num_parameters=num_parameters,
                smallest_pixels=224 if transformer else 32,
                mean=_HALVES if transformer else (0.485, 0.456, 0.406),
                std=_HALVES if transformer else (0.229, 0.224, 0.225),
                available=_on_this_machine(name),
            )
            for name, num_parameters, transformer in _ADVERTISED
        ]

    def card(self, name: str) -> Pretrained | None:
        bare = name.removeprefix("timm/")
        for card in self.cards():
            if card.architecture == bare:
                return card
        if "/" in bare or ":" in bare:
            return None
        import timm  # noqa: PLC0415

        if not timm.is_model(bare.split(".")[0]):
            return None
        try:
            config: Any = timm.get_pretrained_cfg(bare, allow_unregistered=False)
        except (RuntimeError, KeyError):
            return None
        pixels = int(config.input_size[-1])
        return Pretrained(
            name=f"timm/{bare}",
            provider="timm",
            architecture=bare,
            license=_SPDX.get(config.license or "", config.license or "unknown"),
            source=_source(config.tag or ""),
            input_pixels=pixels,
            smallest_pixels=pixels if config.fixed_input_size else min(32, pixels),
            mean=tuple(config.mean),
            std=tuple(config.std),
            available=_on_this_machine(bare),
        )

    def files(self, card: Pretrained, weights: Weights) -> tuple[Path, ...] | None:
        path = _file_here(card) if weights == "pretrained" else None
        return super().files(card, weights) if path is None else (path,)

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        import timm  # noqa: PLC0415

        from headstart.backbones.weight_loading import load_weights_file  # noqa: PLC0415

        if weights == "none" or isinstance(weights, Path):
            network: nn.Module = timm.create_model(card.architecture, pretrained=False)
            if isinstance(weights, Path):
                load_weights_file(network, weights, card, self.resolver)
            return network
        return self.build(card, _checkpoint(card))


def _checkpoint(card: Pretrained) -> Path:
    """The file of the card's weights, fetched when it is not there."""
    path = _file_here(card)
    if path is not None:
        return path
    repository, brought = _repository(card), user_file(card.architecture)
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    try:
        fetch(f"{endpoint}/{repository}/resolve/main/model.safetensors", brought)
    except (OSError, RuntimeError, ValueError):
        raise PretrainedError(
            f"{card.name}: its weights are not on this machine and cannot be fetched. Bring the file model.safetensors of "
            f"{repository} as {brought}, or {GIVE_FILE}."
        ) from None
    return brought


def _repository(card: Pretrained) -> str:
    import timm  # noqa: PLC0415

    config: Any = timm.get_pretrained_cfg(card.architecture)
    return str(config.hf_hub_id or f"timm/{card.architecture}")


def _file_here(card: Pretrained) -> Path | None:
    """The file of the card's weights on this machine; None where it has to be fetched."""
    brought = user_file(card.architecture)
    return brought if brought.exists() else hub_snapshot(_repository(card))


def _on_this_machine(name: str) -> bool:
    return user_file(name).exists() or hub_snapshot(f"timm/{name}") is not None


def _source(tag: str) -> str:
    """What a tag says of the training data: "in21k" alone, "in21k_ft_in1k" in two steps."""
    if "_ft_in1k" in tag:
        return f"{'ImageNet-21k' if 'in21k' in tag else tag.split('_ft_', maxsplit=1)[0]}, then ImageNet-1k"
    return "ImageNet-1k" if "in1k" in tag or not tag else "ImageNet-21k" if "in21k" in tag else tag
