"""Backbones of finished runs: "run:FOLDER", or the folder's path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import Provider, Weights
from headstart.core.errors import PlanError, PretrainedError

if TYPE_CHECKING:
    from torch import nn

_PLACES = ("model/backbone", "backbone", ".")


@final
class OwnRuns(Provider):
    """Names are "run:FOLDER", or a path to a run's folder."""

    summary: ClassVar[str] = "what an earlier run trained: run:FOLDER"

    def cards(self) -> list[Pretrained]:
        return []

    def card(self, name: str) -> Pretrained | None:
        if not name.startswith("run:") and (not name or _place(Path(name)) is None):
            return None
        inner, values = _saved(name)
        pixels = int(values["transform"]["pixels"])
        about = {
            "name": name,
            "provider": "own_runs",
            "architecture": inner.architecture,
            "source": f"the run {_path_of(name).name}",
        }
        return inner.model_copy(update={**about, "source_accuracy": None, "input_pixels": pixels, "available": True})

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        from headstart.backbones.loading import network_of  # noqa: PLC0415  imports the providers
        from headstart.backbones.state_dicts import fill_strictly, read_state_dict  # noqa: PLC0415

        inner, values = _saved(card.name)
        if weights != "pretrained":
            return network_of(inner, weights)
        network = network_of(inner, "none")
        path = _folder(card.name) / "weights.safetensors"
        fill_strictly(network, read_state_dict(path), path)
        network.headstart_classifier_filled = bool(values["source_classes"])  # type: ignore[assignment]
        return network

    def underlying(self, card: Pretrained, pixels: int) -> Pretrained:
        inner, _ = _saved(card.name)
        return inner.model_copy(update={"name": card.name, "source": card.source, "source_accuracy": None})


def _path_of(name: str) -> Path:
    return Path(name.removeprefix("run:"))


def _folder(name: str) -> Path:
    """The folder of the run's backbone."""
    place = _place(_path_of(name))
    if place is None:
        raise PretrainedError(
            f"{_path_of(name)} holds no backbone of a finished run. Name a run's folder: `headstart runs` lists them."
        )
    return place


def _place(path: Path) -> Path | None:
    return next((path / place for place in _PLACES if (path / place / "card.json").exists()), None)


def _saved(name: str) -> tuple[Pretrained, dict[str, Any]]:
    path = _folder(name) / "card.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Pretrained.from_dict(values["card"], str(path)), values
    except (OSError, ValueError, KeyError, TypeError, PlanError) as error:
        raise PretrainedError(f"{path} cannot be read ({error}). Fit the run again.") from None
