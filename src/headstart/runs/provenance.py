"""Provenance: what a run was made with: its images, weights, versions and seed."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.engines.choice import REFERENCE, known_engine, requested_engine
from headstart.backbones.engines.machine import this_machine
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PretrainedError
from headstart.data.additions import Addition
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.planning.plan import Plan
from headstart.runs.manifest import Manifest, UsedImages, UsedWeights, listed_images
from headstart.runs.run import Run
from headstart.runs.run_folder import RunFolder

PACKAGES = ("headstart", "torch", "timm", "numpy", "scikit-learn", "scipy", "pillow", "safetensors")
"""Those that numbers, weights and pixels go through, beside the engines."""


def versions_now() -> dict[str, str]:
    """The versions of Python and of each package, as they are installed now."""
    packages = {package: version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **packages, **this_machine().installed}


def environment_now() -> dict[str, Any]:
    """The versions and hardware that a run runs on."""
    machine, versions = this_machine(), versions_now()
    return {
        "python": versions.pop("python"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": machine.processor,
        "cores": machine.num_cores,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "engine": requested_engine() or "auto",
        "packages": versions,
    }


def manifest_of(run: Run, images: UsedImages) -> Manifest:
    """What a run used, without the hashes of its files."""
    plan, task = run.plan.content_fingerprint(), run.task_summary.task_fingerprint
    return manifest_by(run, images, seed=run.plan.seed, plan=plan, task=task, weights=used_weights(run.plan))


def manifest_by(
    run: RunFolder, images: UsedImages, *, seed: int, plan: str, task: str, weights: tuple[UsedWeights, ...]
) -> Manifest:
    """What a run of whatever kind used. Where it noted its versions at its beginning, these are meant.

    Args:
        run: The run.
        images: All that it read.
        seed: Of splits, folds and training.
        plan: Fingerprint of what was fitted.
        task: Fingerprint of images, labels and splits.
        weights: What its networks started from.

    Returns:
        The manifest, without the hashes of its files.
    """
    noted = Run(run.folder).environment
    versions = {"python": noted["python"], **noted["packages"]} if noted else versions_now()
    return Manifest(
        seed=seed,
        plan=plan,
        task=task,
        places=images.places,
        num_images=len(images.rows),
        versions=versions,
        weights=weights,
    )


def used_weights(plan: Plan) -> tuple[UsedWeights, ...]:
    """What each network of a plan starts from, each once."""
    members = (plan, *plan.partners)
    sides: list[int | None] = [member.input_pixels for member in members]
    sides += [None] * (len(plan.networks) - len(sides))
    used = ((name, weights, pixels) for (name, weights), pixels in zip(plan.networks, sides, strict=True))
    return tuple(used_by_network(name, weights, pixels, plan.seed) for name, weights, pixels in dict.fromkeys(used))


def used_by_network(name: str, weights: str, pixels: int | None, seed: int) -> UsedWeights:
    """What a network starts from, with its hash where it is on this machine."""
    backbone = _loaded(name, weights, pixels, seed)
    if backbone is None:
        return UsedWeights(name=name, weights=weights, input_pixels=pixels)
    card = card_of(name)
    told = {"license": card.license, "source": card.source} if weights == "pretrained" else {}
    engine = "" if backbone.card.architecture == "identity" else known_engine(backbone) or REFERENCE
    known = {"weights_hash": backbone.weights_hash, "engine": engine}
    return UsedWeights(name=name, weights=weights, input_pixels=pixels, **known, **told)


def weights_hash_of(name: str, weights: str, pixels: int | None, seed: int) -> str | None:
    """What changes with the weights that a network starts from; None where they are not on this machine."""
    backbone = _loaded(name, weights, pixels, seed)
    return None if backbone is None else backbone.weights_hash


def _loaded(name: str, weights: str, pixels: int | None, seed: int) -> Backbone | None:
    """The network before it is trained; None where its weights are not on this machine."""
    try:
        return load_backbone(name, weights, pixels, seed)
    except PretrainedError:
        return None


def images_of(task: Task) -> UsedImages:
    """The images of a task, with or without labels, and where they lie."""
    places = (task.place, *task.source_places) if task.place else ()
    return UsedImages(places, _rows(task.train, task.validation, task.test, task.unlabeled, task.source))


def images_of_extension(parent: Run, task: Task | None, addition: Addition) -> UsedImages:
    """The images of a run that extends another one: those of that one, as far as they are known, and those that were added."""
    added = UsedImages((addition.place,) if addition.place else (), _rows(addition.learn, addition.held_out))
    if parent.manifest is not None:
        before = UsedImages(parent.manifest.places, listed_images(parent.folder, parent.manifest))
    else:
        before = images_of(task) if task else UsedImages((), tuple((key, "") for key in sorted(parent.known)))
    return before.joined(added)


def _rows(*image_sets: ImageSet | None) -> tuple[tuple[str, str], ...]:
    each = ((key, one.images.name(row)) for one in image_sets if one is not None for row, key in enumerate(one.content_keys))
    return tuple(dict.fromkeys(each))
