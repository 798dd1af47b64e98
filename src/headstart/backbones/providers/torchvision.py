"""torchvision's classifiers: from the hub when online, from its cache, or from a file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, final

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers._caches import torch_checkpoints
from headstart.backbones.providers._fetching import fetch
from headstart.backbones.providers.base import GIVE_FILE, Provider, Weights
from headstart.core.errors import PretrainedError

if TYPE_CHECKING:
    from torch import nn

    from headstart.backbones.state_dicts import StateDict


class _Entry(NamedTuple):
    file: str
    num_parameters: int
    smallest: int
    accuracy: float


_ADVERTISED = {
    "resnet18": _Entry("resnet18-f37072fd.pth", 11_689_512, 32, 0.69758),
    "resnet50": _Entry("resnet50-11ad3fa6.pth", 25_557_032, 32, 0.80858),
    "mobilenet_v3_small": _Entry("mobilenet_v3_small-047dcff4.pth", 2_542_856, 32, 0.67668),
    "mobilenet_v3_large": _Entry("mobilenet_v3_large-5c1a4163.pth", 5_483_032, 32, 0.75274),
    "efficientnet_b0": _Entry("efficientnet_b0_rwightman-7f5810bc.pth", 5_288_548, 32, 0.77692),
    "convnext_tiny": _Entry("convnext_tiny-983f1562.pth", 28_589_128, 32, 0.8252),
    "swin_t": _Entry("swin_t-704ceda3.pth", 28_288_354, 32, 0.81474),
    "vit_b_16": _Entry("vit_b_16-c867db91.pth", 86_567_656, 224, 0.81072),
}
"""A short list; every other classifier of torchvision is found by its name. Figures as in torchvision's own weight metadata."""


@final
class Torchvision(Provider):
    """Names are "torchvision/ARCHITECTURE" or "torchvision/ARCHITECTURE.VERSION" ("torchvision/resnet50.IMAGENET1K_V1")."""

    summary: ClassVar[str] = "torchvision's classifiers: hub, local cache or --weights FILE"
    precedence: ClassVar[int] = 20

    def cards(self) -> list[Pretrained]:
        folder = torch_checkpoints()
        return [
            Pretrained(
                name=f"torchvision/{name}",
                provider="torchvision",
                architecture=name,
                license="BSD-3-Clause",
                num_parameters=entry.num_parameters,
                smallest_pixels=entry.smallest,
                source_accuracy=entry.accuracy,
                available=(folder / entry.file).exists(),
            )
            for name, entry in _ADVERTISED.items()
        ]

    def card(self, name: str) -> Pretrained | None:
        bare = name.removeprefix("torchvision/")
        for card in self.cards():
            if card.architecture == bare:
                return card
        if "/" in bare or ":" in bare:
            return None
        architecture = bare.split(".")[0]
        weights = _versions(architecture)
        if weights is None or ("." in bare and bare.split(".", 1)[1] not in weights.__members__):
            return None
        chosen = _chosen(bare)
        if chosen is None:
            return Pretrained(name=f"torchvision/{bare}", provider="torchvision", architecture=bare, available=False)
        return _card_from(bare, chosen)

    def files(self, card: Pretrained, weights: Weights) -> tuple[Path, ...] | None:
        chosen = _chosen(card.architecture) if weights == "pretrained" else None
        return super().files(card, weights) if chosen is None else (torch_checkpoints() / _file_of(chosen),)

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        import torchvision  # noqa: PLC0415

        from headstart.backbones.state_dicts import load_strictly, read_state_dict  # noqa: PLC0415
        from headstart.backbones.weight_loading import load_weights_file  # noqa: PLC0415

        architecture = card.architecture.split(".")[0]
        options = {"init_weights": True} if architecture in ("googlenet", "inception_v3") else {}
        network: nn.Module = torchvision.models.get_model(architecture, weights=None, **options)
        if weights != "none" and hasattr(network, "transform_input"):
            network.transform_input = True  # type: ignore[assignment]
        if isinstance(weights, Path):
            load_weights_file(network, weights, card, self.resolver)
        elif weights == "pretrained":
            path = _checkpoint(card)
            load_strictly(network, _current_names(read_state_dict(path)), path)
        return network


def _versions(architecture: str) -> Any | None:
    import torchvision  # noqa: PLC0415

    if architecture not in torchvision.models.list_models(module=torchvision.models):
        return None
    return torchvision.models.get_model_weights(architecture)


def _chosen(name: str) -> Any | None:
    """The member of torchvision's weight list that a name means; None for a network without published weights."""
    architecture, _, version = name.partition(".")
    weights = _versions(architecture)
    if weights is None or not len(weights):
        return None
    return weights[version] if version else weights.DEFAULT


def _card_from(name: str, weights: Any) -> Pretrained:
    transform = weights.transforms()
    pixels = int(transform.crop_size[0])
    one_size = name.startswith(("vit_", "maxvit"))
    return Pretrained(
        name=f"torchvision/{name}",
        provider="torchvision",
        architecture=name,
        license="CC-BY-NC-4.0" if "SWAG" in weights.name else "BSD-3-Clause",
        num_parameters=weights.meta["num_params"],
        input_pixels=pixels,
        smallest_pixels=pixels if one_size else 75 if name.startswith("inception") else 63 if name == "alexnet" else 32,
        mean=tuple(transform.mean),
        std=tuple(transform.std),
        source_accuracy=round(next(iter(weights.meta["_metrics"]["ImageNet-1K"].values())) / 100, 5),
        available=(torch_checkpoints() / _file_of(weights)).exists(),
    )


def _file_of(weights: Any) -> str:
    return str(weights.url).rsplit("/", 1)[-1]


def _checkpoint(card: Pretrained) -> Path:
    """The file of the card's weights, fetched when it is not there, and checked against the digits in its name."""
    weights = _chosen(card.architecture)
    if weights is None:
        raise PretrainedError(f"{card.name} has no published weights. Give a file with --weights FILE, or take --weights none.")
    file, folder = _file_of(weights), torch_checkpoints()
    path = folder / file
    digits = re.search(r"-([0-9a-f]{8,})\.", file)
    if not path.exists():
        try:
            fetch(weights.url, path, digits[1] if digits else None)
        except (OSError, RuntimeError, ValueError):
            raise PretrainedError(
                f"{card.name}: its weights are not on this machine and cannot be fetched. "
                f"Bring the file {file} to {folder}, or {GIVE_FILE}."
            ) from None
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if digits and not found.startswith(digits[1]):
        raise PretrainedError(
            f"{path} is not the file that was published: its SHA-256 starts with {found[:8]} and not as its name says. "
            f"Bring it again; if it is yours, {GIVE_FILE}."
        )
    return path


def _current_names(state: StateDict) -> StateDict:
    """Names of old DenseNet files ("norm.1") as the network has them now ("norm1")."""
    pattern = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.((?:[12])\.(?:weight|bias|running_mean|running_var))$")
    return {pattern.sub(r"\1\2", key): value for key, value in state.items()}
