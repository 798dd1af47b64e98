"""Label: which images a person should label, as a manifest to fill in and to run on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of, packaged
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.backbones.pretrained import Name, name_of
from headstart.core.arguments import AnyPath, checked
from headstart.core.csv_text import csv_text
from headstart.core.errors import PlanError
from headstart.core.progress import about, note, stage
from headstart.core.records import write_atomically
from headstart.data.given_images import given_images, image_files, pictures_of
from headstart.data.images import ImageSet
from headstart.data.manifest_files import manifest_files
from headstart.data.manifest_lines import MANIFEST_COLUMNS, manifest_lines
from headstart.data.task import Task
from headstart.evaluation.label_strategies import LABEL_STRATEGIES
from headstart.features.extract import seconds_an_image
from headstart.methods import METHODS
from headstart.planning.adapting.adapt import ToLabel, rows_to_label
from headstart.planning.adapting.domain_pair import check_adaptable, sampled_rows
from headstart.planning.images_to_label import images_to_label, without_known, without_pictures_of
from headstart.runs.origin import unchanged_task_of
from headstart.runs.run import Run
from headstart.workflows.arguments import AnyRun, Data, Domains, Places, many, place_of, places, reading_of, task_from
from headstart.workflows.new_images import new_images, readable_images, without_classes

SECONDS_OF_FITS = 20.0
"""Of all quick ways to adapt: with 2,000 rows of 1,280 features in each domain 18 took 23 processor seconds (AMD EPYC, Zen 4)."""
COLUMNS = (*MANIFEST_COLUMNS, "guess")


class Pool(NamedTuple):
    """What may be labeled.

    Attributes:
        free: Images without labels.
        known: Images with labels; None where there are none.
        num_train: The first of these to learn from, where they were split by someone's wish; the others are for validation. None
            where splits are left to headstart.
    """

    free: ImageSet
    known: ImageSet | None
    num_train: int | None = None


@checked
def label(
    data: Data,
    source: Places = (),
    *,
    num: int = 20,
    run: AnyRun | None = None,
    strategy: str | None = None,
    target_domain: Domains = (),
    pretrained: Name | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    out: AnyPath | None = None,
) -> ToLabel:
    """The images whose labels help most, written as a manifest.

    With a source, the target images whose labels tell most about how to adapt; without `minutes` only closed forms that do not
    iterate are tried, which takes about a minute. Without a source, images without labels are chosen by a strategy of
    `evaluation.label_strategies`, by the number of labels where none is named: from the data's own (`unlabeled/`, or all images
    where nothing has a label), by features of one network and a ridge head on them, or, with a `run`, from the images in `data`,
    by the run's model. The manifest lists the images to label first, then those with labels and all others, so that it can be run
    on once labels are filled in, with groups, domains and splits as they were given. Test images are not in it. With a `run`, its
    data must be as they were; images of its test are left out, and it is said how many. The other arguments are those of all
    verbs; see `headstart.workflows`.
    """
    if num < 1:
        raise PlanError(f"--num {num}: ask for one image or more.")
    manifest = None if out is None else Path(out)
    if manifest is not None and manifest.exists():
        raise PlanError(
            f"{manifest} is there already, and may hold labels that were filled in. Move it away, or choose another --out."
        )
    adapts = bool(places(source) or many(target_domain)) or (isinstance(data, Task) and bool(data.source))
    _check_options(adapts=adapts, run=run, strategy=strategy, pretrained=pretrained, minutes=minutes)
    if adapts:
        task = task_from(data, reading_of(data, source, target_domain, seed))
        found, pool = _by_disagreement(task, num, pretrained, minutes)
    else:
        found, pool = _by_strategy(data, num, run, strategy, pretrained, seed)
    if manifest is not None:
        write_atomically(manifest, manifest_of(pool, found, manifest.parent))
    return found


def _check_options(
    *, adapts: bool, run: AnyRun | None, strategy: str | None, pretrained: Name | None, minutes: float | None
) -> None:
    """`PlanError` where options contradict each other."""
    if strategy is not None:
        LABEL_STRATEGIES.get(strategy)
    if adapts and (run is not None or strategy is not None):
        asked = "--run" if run is not None else "--strategy"
        raise PlanError(f"{asked} and a source exclude each other: with a source, candidates to adapt choose. Leave one out.")
    if not adapts and minutes is not None:
        raise PlanError("--minutes has no effect without a source. Leave it out, or name one with --source.")
    if run is not None and pretrained is not None:
        raise PlanError("--run and --pretrained exclude each other: a run has its own network. Leave one out.")


def _by_disagreement(task: Task, num: int, pretrained: Name | None, minutes: float | None) -> tuple[ToLabel, Pool]:
    """The target images on which candidates to adapt differ."""
    check_adaptable(task)
    name = name_of(pretrained or _first_card(task))
    backbone = load_backbone(name, input_pixels=input_pixels_for(card_of(name), task), seed=task.seed)
    methods = None if minutes is not None else quick_methods()
    seconds = 60 * minutes if minutes is not None else seconds_of_pairs(task, backbone)
    note(f"Comparing {'ways' if methods is None else f'{len(methods)} quick ways'} to adapt: {about(seconds)}.")
    return rows_to_label(task, backbone, num, methods=methods, minutes=minutes), pool_of(task)


def pool_of(task: Task) -> Pool:
    """What may be labeled of a task."""
    return Pool(task.unlabeled or task.labeled.take(np.arange(0)), task.labeled, len(task.train) if task.splits_given else None)


def _by_strategy(
    data: Data, num: int, run: AnyRun | None, strategy: str | None, pretrained: Name | None, seed: int | None
) -> tuple[ToLabel, Pool]:
    """The images that a strategy chooses, from new ones for a run, or from the data's own."""
    if run is not None:
        finished = Run.load(run)
        model, task = finished.model, unchanged_task_of(finished)
        every, unreadable = new_images(model, place_of(data) if isinstance(data, Task) else data)
        _tell(unreadable)
        pool = pool_of(task)._replace(free=_new_to(task, every, finished.folder))
        with stage("choosing images to label"):
            found = images_to_label(pool.free, pool.known, model.backbone, num, model=model, strategy=strategy, seed=seed or 0)
        return found, pool
    if isinstance(data, str | Path) and images_alone(Path(data)):
        readable, unreadable = readable_images(pictures_of(given_images(str(data))))
        _tell(unreadable)
        pool, card = Pool(without_classes(readable, ()), None), card_of(name_of(pretrained or packaged()[0].name))
        backbone = load_backbone(card.name, input_pixels=card.input_pixels, seed=seed or 0)
    else:
        task = task_from(data, reading_of(data, seed=seed))
        name, pool = name_of(pretrained or _first_card(task)), pool_of(task)
        backbone = load_backbone(name, input_pixels=input_pixels_for(card_of(name), task), seed=task.seed)
    with stage("choosing images to label"):
        return images_to_label(pool.free, pool.known, backbone, num, strategy=strategy, seed=seed or 0), pool


def _new_to(task: Task, images: ImageSet, folder: Path) -> ImageSet:
    """The images of those that have no label in a run's task and are none of its test images, of which it is told."""
    free = images.take(without_known(images, task.labeled))
    fresh = free.take(without_pictures_of(free, task.test))
    if len(fresh) < len(free):
        note(f"{len(free) - len(fresh):,} of the images are test images of {folder}, and are left out.")
    return fresh


def _tell(unreadable: dict[str, str]) -> None:
    """Say which files are left out, as they cannot be read."""
    for name, problem in unreadable.items():
        note(f"{name}: {problem}")


def images_alone(place: Path) -> bool:
    """Whether a folder holds images, and none of them in a folder of a class or in a table."""
    if not place.is_dir() or manifest_files(str(place)):
        return False
    folders = {file.relative_to(place).parts[0] for file in image_files(place) if file.parent != place}
    return folders <= {"unlabeled"}


def quick_methods() -> list[str]:
    """The kinds that adapt from a source alone by a closed form that does not iterate."""
    known = {kind: method for kind, method in METHODS.all().items() if "source" in method.needs}
    able = {kind: method for kind, method in known.items() if "target_labels" not in method.needs and not method.trial_order}
    return [kind for kind, method in able.items() if method.cost == "closed form"]


def seconds_of_pairs(task: Task, backbone: Backbone) -> float:
    """Predicted seconds for the features of the images that are compared."""
    pools = [part for part in (task.source, task.unlabeled) if part]
    return seconds_an_image(backbone) * sum(len(sampled_rows(len(part))) for part in pools) + SECONDS_OF_FITS


def manifest_of(pool: Pool, found: ToLabel, folder: Path) -> str:
    """The manifest as CSV; paths are relative to the folder, and labels empty but for those that are known."""
    train, validation = ("", "") if pool.num_train is None else ("train", "validation")
    asked = [line | {"guess": guess} for line, guess in zip(_free(pool, found.rows, folder), found.guesses, strict=True)]
    known = () if pool.known is None else manifest_lines(pool.known, range(len(pool.known)), folder)
    sorted_in = [line | {"split": train if row < (pool.num_train or 0) else validation} for row, line in enumerate(known)]
    rest = _free(pool, sorted(set(range(len(pool.free))).difference(found.rows)), folder)
    return csv_text(
        COLUMNS, [*(line | {"split": train} for line in asked), *sorted_in, *(line | {"split": train} for line in rest)]
    )


def _free(pool: Pool, rows: Sequence[int], folder: Path) -> Iterator[dict[str, str]]:
    """Lines of images without labels."""
    return manifest_lines(pool.free, rows, folder)


def next_step(place: str, source: Places, target_domain: Domains, found: ToLabel, out: Path) -> str:
    """Where the labels of the images that were found go, and the command after that, as a sentence.

    Feature vectors are in no files that a manifest could name. A manifest names the target alone: where that was some domains of
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
