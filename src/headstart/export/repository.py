"""Repository: a run's model in the layout of the Hugging Face hub, without anything that tells where its data lie."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headstart.backbones.extractor import CARD, Extractor
from headstart.backbones.pretrained import WEIGHT_SUFFIXES
from headstart.backbones.providers.own_runs import run_of
from headstart.core.durable import make_folder, sync_folder, sync_tree
from headstart.core.errors import ExportError
from headstart.core.evaluation import Evaluation
from headstart.core.exported import Repository
from headstart.core.parsing import json_document, json_in, json_text
from headstart.core.records import write_atomically
from headstart.core.unfinished import sweep, unfinished_folder
from headstart.data.summary import TaskSummary
from headstart.data.task import Task
from headstart.export.card import methods_of
from headstart.export.repository_card import repository_card
from headstart.methods.model_graph import unique_networks
from headstart.planning.plan import Plan
from headstart.runs.run import MODEL, Run, file_of

CONFIG = "config.json"
LIBRARY = "headstart"
OWN = (MODEL, CONFIG, "README.md", file_of(Plan), file_of(TaskSummary), file_of(Evaluation))
"""What a repository consists of; other files in its folder, such as `.git`, stay."""


def write_repository(run: Run, task: Task | None, place: Path, name: str, license_id: str) -> Repository:
    """Write a run's model into a folder as a repository.

    Args:
        run: A finished run on pictures.
        task: What it was fitted to, for the counts in the card; None where its data are gone.
        place: The folder: absent, empty or such a repository, which is replaced.
        name: What the card calls the repository.
        license_id: The license that the card states.

    Returns:
        What was written.

    Raises:
        ExportError: The folder holds something else, or cannot be written.
    """
    check_replaceable(place)
    sweep(place.parent)
    try:
        with unfinished_folder(place) as part:
            _fill(part, run)
            page = repository_card(run, task, name, license_id, _without_place)
            (part / "README.md").write_text(page, encoding="utf-8")
            sizes = {path.relative_to(part).as_posix(): path.stat().st_size for path in part.rglob("*") if path.is_file()}
            sync_tree(part)
            _put_in_place(part, place)
    except OSError as error:
        raise ExportError(f"{place}: cannot be written ({error.strerror or error}). Free space or name another place.") from error
    return Repository(place=str(place), license=license_id, files=tuple(sorted(sizes)), num_bytes=sum(sizes.values()))


def check_replaceable(place: Path) -> None:
    """Refuse a place that holds something else than a repository of a run: `ExportError`."""
    if place.exists() and not place.is_dir():
        raise ExportError(f"{place} is a file. Name a folder.")
    if place.exists() and any(place.iterdir()) and not is_repository(place / CONFIG):
        raise ExportError(f"{place} holds something else than a repository of headstart. Name another place, or delete it.")


def is_repository(config: Path) -> bool:
    """Whether a file is the configuration of such a repository."""
    try:
        values = json_in(config)
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.get("library_name") == LIBRARY


def _put_in_place(part: Path, place: Path) -> None:
    """Move what was written into the folder; the configuration, by which it is a repository, comes last."""
    make_folder(place)
    for name in sorted(OWN, key=lambda one: one == CONFIG):
        there, new = place / name, part / name
        if there.is_dir():
            shutil.rmtree(there)
        else:
            there.unlink(missing_ok=True)
        if new.exists():
            new.rename(there)
    sync_folder(place)


def _fill(part: Path, run: Run) -> None:
    """Everything but the card."""
    shutil.copytree(run.folder / MODEL, part / MODEL)
    for path in (part / MODEL).rglob(CARD):
        write_atomically(path, json_text(_named_card(json_in(path))))
    plan = {**_named(run.plan.to_dict()), "data": "", "sources": (), "rejected": (), "reasons": ()}
    write_atomically(part / file_of(Plan), Plan.from_dict(plan).to_sealed_toml())
    task = run.task_summary.model_copy(update={"place": ""})
    write_atomically(part / file_of(type(task)), task.to_json())
    if run.evaluation is not None:
        write_atomically(part / file_of(type(run.evaluation)), run.evaluation.to_json())
    write_atomically(part / CONFIG, json_document(_config(run)) + "\n")


def _config(run: Run) -> dict[str, Any]:
    classes = run.model.classes
    return {
        "library_name": LIBRARY,
        "library_version": version("headstart"),
        "model_type": LIBRARY,
        "num_labels": len(classes),
        "id2label": {str(label): name for label, name in enumerate(classes)},
        "label2id": {name: label for label, name in enumerate(classes)},
        "preprocessing": [_preprocessing(one) for one in unique_networks(run.model)],
        "methods": methods_of(run),
        "verdict": run.verdict,
        "seed": run.plan.seed,
    }


def _preprocessing(network: Extractor) -> dict[str, Any]:
    shown = network.transform.to_dict()
    means = {"mean": shown.get("mean") or list(network.card.mean), "std": shown.get("std") or list(network.card.std)}
    return {"network": _without_place(network.card.name), **shown, **means}


def _named_card(values: dict[str, Any]) -> dict[str, Any]:
    card = {**values["card"], "name": _without_place(values["card"]["name"])}
    return {**values, "card": card, "weights": _without_place(values["weights"])}


def _named(value: Any) -> Any:
    """The values with networks and weights by their names alone."""
    if isinstance(value, dict):
        names = ("pretrained", "weights")
        return {key: _without_place(one) if key in names else _named(one) for key, one in value.items()}
    return [_named(one) for one in value] if isinstance(value, list | tuple) else value


def _without_place(name: str) -> str:
    """The name of a network or file of weights without the folders that it lies in.

    >>> [_without_place(name) for name in ("run:/home/me/runs/birds", "/data/net.safetensors", "timm/resnet18.a1_in1k")]
    ['run:birds', 'net.safetensors', 'timm/resnet18.a1_in1k']
    """
    folder = run_of(name)
    if folder is not None:
        return f"run:{folder.name}"
    return Path(name).name if Path(name).is_absolute() or name.lower().endswith(WEIGHT_SUFFIXES) else name
