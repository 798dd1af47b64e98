"""Backbones of finished runs: "run:FOLDER", or the folder's path. Those that were pretrained are listed wherever they lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from headstart.backbones.lineage import lineage_of
from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import InputSide, Provider, Weights
from headstart.core.dropping import drop
from headstart.core.errors import DamagedError, PlanError, PretrainedError
from headstart.core.folders import cache_folder
from headstart.core.parsing import json_in, json_text
from headstart.core.records import fingerprint_of, write_atomically

if TYPE_CHECKING:
    from torch import nn

_PLACES = ("model/backbone", "backbone", ".")


@final
class OwnRuns(Provider):
    """Names are "run:FOLDER", or a path to a run's folder."""

    summary: ClassVar[str] = "what an earlier run trained: run:FOLDER"
    precedence: ClassVar[int] = 40
    input_side: ClassVar[InputSide] = "card"

    def cards(self) -> list[Pretrained]:
        """The listed runs whose cards can be read; a damaged card is an error only when it is asked for by name."""
        names = sorted(_name_of(folder) for folder in _listed() if _place(folder) is not None)
        return [card for name in names if (card := self._readable(name)) is not None]

    def _readable(self, name: str) -> Pretrained | None:
        try:
            return self.card(name)
        except (PretrainedError, PlanError):
            return None

    def card(self, name: str) -> Pretrained | None:
        if run_of(name) is None:
            return None
        from headstart.data.transforms import Transform  # noqa: PLC0415  imports torch

        inner, values = _saved(name)
        shown = Transform.from_dict(values["transform"], f"{_folder(name)}/card.json")
        lineage = lineage_of(_path_of(name))
        about = {
            "name": name,
            "provider": "own_runs",
            "architecture": inner.architecture,
            "source": str(lineage) if lineage else f"the run {_path_of(name).name}",
            "input_pixels": shown.pixels,
            "mean": shown.mean or inner.mean,
            "std": shown.std or inner.std,
        }
        return inner.model_copy(update={**about, "source_accuracy": None, "available": True})

    def build(self, card: Pretrained, weights: Weights) -> nn.Module:
        from headstart.backbones.state_dicts import load_run_weights  # noqa: PLC0415

        inner, values = _saved(card.name)
        if weights != "pretrained":
            return self.resolver.network_of(inner, weights)
        network = self.resolver.network_of(inner, "none")
        load_run_weights(network, _folder(card.name))
        network.headstart_classifier_loaded = bool(values["source_classes"])  # type: ignore[assignment]
        return network

    def files(self, card: Pretrained, weights: Weights) -> tuple[Path, ...]:
        folder = _folder(card.name)
        trained = (folder / "weights.safetensors",) if weights == "pretrained" else super().files(card, weights) or ()
        return (folder / "card.json", *trained)

    def underlying(self, card: Pretrained, pixels: int) -> Pretrained:
        inner, _ = _saved(card.name)
        return inner.model_copy(update={"name": card.name, "source": card.source, "source_accuracy": None})


def register_run(folder: Path) -> str:
    """The name under which the backbone of a run's folder is listed until the folder is gone or the cache cleared."""
    whole = folder.resolve()
    write_atomically(_list_folder() / f"{fingerprint_of(str(whole))}.json", json_text({"folder": str(whole)}))
    return _name_of(whole)


def run_of(name: str) -> Path | None:
    """The folder of the run that the name means; None where it means none."""
    path = _path_of(name)
    return path if name.startswith("run:") or (name and _place(path) is not None) else None


def _list_folder() -> Path:
    return cache_folder() / "pretrained"


def _listed() -> list[Path]:
    """The folders that `register_run` has listed; a damaged entry is dropped, and made again where the run ends again."""
    found = []
    for file in _list_folder().glob("*.json"):
        try:
            found.append(Path(json_in(file)["folder"]))
        except (DamagedError, KeyError, TypeError) as error:
            drop(file, getattr(error, "reason", "") or str(error))
    return found


def _name_of(folder: Path) -> str:
    """With the path relative to the working folder where the run lies below it, else the absolute path."""
    here = Path.cwd()
    return f"run:{folder.relative_to(here) if folder.is_relative_to(here) else folder}"


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
        values = json_in(path)
        _ = values["transform"], values["source_classes"]
        return Pretrained.from_dict(values["card"], str(path)), values
    except (OSError, ValueError, KeyError, TypeError, PlanError) as error:
        raise PretrainedError(f"{path} cannot be read ({error}). Fit the run again.") from None
