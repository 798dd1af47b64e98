"""Label: which images of a target a person should label, as a manifest to fill in and to run on."""

from __future__ import annotations

import shlex
from pathlib import Path

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of, packaged
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.backbones.pretrained import Name, name_of
from headstart.core.arguments import AnyPath, checked
from headstart.core.csv_text import csv_text
from headstart.core.errors import PlanError
from headstart.core.progress import about, note
from headstart.core.records import write_atomically
from headstart.data.manifest_files import path_from
from headstart.data.task import Task
from headstart.features.extract import seconds_an_image
from headstart.methods import METHODS
from headstart.planning.adapting.adapt import ToLabel, rows_to_label
from headstart.planning.adapting.domain_pair import check_adaptable, sampled_rows
from headstart.workflows.arguments import Data, Domains, Places, many, places, reading_of, task_from

SECONDS_OF_FITS = 20.0
"""Of all quick ways to adapt: with 2,000 rows of 1,280 features in each domain 18 took 23 processor seconds (AMD EPYC, Zen 4)."""
COLUMNS = ("path", "label", "split", "guess")


@checked
def label(
    data: Data,
    source: Places = (),
    *,
    num: int = 20,
    target_domain: Domains = (),
    pretrained: Name | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    out: AnyPath | None = None,
) -> ToLabel:
    """The target images whose labels tell most about how to adapt, written as a manifest.

    The manifest lists the images to label first, then all other images of the target without labels, so that it can be run on
    once labels are filled in. Test images are not in it. Without `minutes` only closed forms that do not iterate are tried,
    which takes about a minute. The other arguments are those of all verbs; see `headstart.workflows`.
    """
    if num < 1:
        raise PlanError(f"--num {num}: ask for one image or more.")
    if not isinstance(data, Task) and not places(source) and not many(target_domain):
        raise PlanError("There is no source, so that nothing can be asked about it. Name one with --source.")
    manifest = None if out is None else Path(out)
    if manifest is not None and manifest.exists():
        raise PlanError(
            f"{manifest} is there already, and may hold labels that were filled in. Move it away, or choose another --out."
        )
    task = task_from(data, reading_of(data, source, target_domain, seed))
    check_adaptable(task)
    name = name_of(pretrained or _first_card(task))
    backbone = load_backbone(name, input_pixels=input_pixels_for(card_of(name), task), seed=task.seed)
    methods = None if minutes is not None else quick_methods()
    seconds = 60 * minutes if minutes is not None else seconds_of_pairs(task, backbone)
    note(f"Comparing {'ways' if methods is None else f'{len(methods)} quick ways'} to adapt: {about(seconds)}.")
    found = rows_to_label(task, backbone, num, methods=methods, minutes=minutes)
    if manifest is not None:
        write_atomically(manifest, manifest_of(task, found, manifest.parent))
    return found


def quick_methods() -> list[str]:
    """The kinds that adapt from a source alone by a closed form that does not iterate."""
    known = {kind: method for kind, method in METHODS.all().items() if "source" in method.needs}
    able = {kind: method for kind, method in known.items() if "target_labels" not in method.needs and not method.trial_order}
    return [kind for kind, method in able.items() if method.cost == "closed form"]


def seconds_of_pairs(task: Task, backbone: Backbone) -> float:
    """Predicted seconds for the features of the images that are compared."""
    pools = [part for part in (task.source, task.unlabeled) if part]
    return seconds_an_image(backbone) * sum(len(sampled_rows(len(part))) for part in pools) + SECONDS_OF_FITS


def manifest_of(task: Task, found: ToLabel, folder: Path) -> str:
    """The manifest as CSV; paths are relative to the folder, and labels empty but for those that are known."""
    rows = [(path_from(name, folder), "", "train", guess) for name, guess in zip(found.names, found.guesses, strict=True)]
    labeled, asked = task.labeled, set(found.names)
    for row, known in enumerate(labeled.labels):
        rows.append((path_from(labeled.images.name(row), folder), task.classes[known], "train", ""))
    free = task.unlabeled
    for row in range(len(free) if free else 0):
        name = free.images.name(row) if free else ""
        if name not in asked:
            rows.append((path_from(name, folder), "", "train", ""))
    return csv_text(COLUMNS, (dict(zip(COLUMNS, row, strict=True)) for row in rows))


def next_step(place: str, source: Places, target_domain: Domains, found: ToLabel, out: Path) -> str:
    """Where the labels of the images that were found go, and the command after that, as a sentence.

    Feature vectors are in no files that a manifest could name. A manifest names no domains: where the target was some domains of
    the place, its others become a source.
    """
    if all(Path(name).is_file() for name in found.names):
        others = (*places(source), *([place] if many(target_domain) else []))
        return f"fill in the labels, then: {_command(str(out), others)}"
    return f"write the labels of these rows into {place}, then: {_command(place, places(source), many(target_domain))}"


def _command(place: str, sources: tuple[str, ...], target_domains: tuple[str, ...] = ()) -> str:
    words = ["headstart", "run", place]
    words += [word for one in sources for word in ("--source", one)]
    words += [word for one in target_domains for word in ("--target-domain", one)]
    return shlex.join(words)


def _first_card(task: Task) -> str:
    if task.train.images.embedded or (task.unlabeled and task.unlabeled.images.embedded):
        return "embeddings"
    return packaged()[0].name
