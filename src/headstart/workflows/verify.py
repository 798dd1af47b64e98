"""Verify: whether a run is what its manifest says, and the files of a cache, gallery, study, model or bundle are sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from headstart.backbones.lineage import Lineage
from headstart.core.arguments import checked
from headstart.core.errors import DataError
from headstart.core.folders import cache_folder
from headstart.core.progress import stage
from headstart.core.unfinished import sweep
from headstart.data.summary import TaskSummary
from headstart.data.task import Task
from headstart.evaluation.extension import Extension
from headstart.multioutput.origin import task_of_outputs
from headstart.multioutput.run import OutputRun
from headstart.planning.plan import Plan
from headstart.runs.manifest import Manifest, hash_of_file
from headstart.runs.origin import task_of
from headstart.runs.provenance import images_of
from headstart.runs.run import Run, file_of
from headstart.runs.run_folder import holds_outputs
from headstart.runs.verification import (
    UNCHECKED_LABELS,
    Verification,
    VerifiedKind,
    verified_files,
    verified_labels,
    verified_versions,
    verified_weights,
)
from headstart.runs.verified_images import verified_images
from headstart.runs.verified_places import OF_STEPS, STEPS, kind_of, verified_by_checksums, verified_place
from headstart.workflows.arguments import AnyRun, Data, folder_given, place_of

NO_MANIFEST = (
    "{folder} has no manifest.json, so nothing tells what its files were: an earlier version of headstart wrote it, or it has "
    "not ended. Give the command that made it again, with another --out if it has ended."
)


@checked
def verify(run: AnyRun, data: Data | None = None, *, repair: bool = True) -> Verification:
    """Whether a run is what its manifest says: its files, images, labels, weights, and the versions that it was made with.

    The cache folder (or the word "cache"), a gallery, a study, a saved model and an exported bundle are checked by the checksums
    in their files. Damaged files that headstart wrote into its cache, or as finished steps of runs and studies, are deleted, as
    they are made again when they are needed, and so is what killed commands have left half-written; neither without `repair`. All
    others are named only.

    Of a run, each file of the folder is hashed again but `report.html`, `stress.html` and `stress_part.html`, which are
    made of the others, and the intermediate results in `steps/`. So is each image: at the run's own places or, where the
    data lie elsewhere now or lay in memory, those of `data`; then labels are not checked. A DataError says that the run has
    no manifest.
    """
    run = run if isinstance(run, Run) else Run(_place(str(folder_given(run))))
    if (kind := kind_of(run.folder)) is not None and not _is_run(run):
        with stage("checking files"):
            _swept(run.folder, repair=repair)
            found = verified_place(run.folder, kind, repair=repair)
        return Verification(run=str(run.folder), kind=kind.name, kinds=found)
    manifest = run.manifest
    if manifest is None:
        folder = run.folder if holds_outputs(run.folder) else Run.load(run.folder).folder
        raise DataError(NO_MANIFEST.format(folder=folder))
    with stage("checking files"):
        _swept(run.folder, repair=repair)
        kinds = [verified_files(run, manifest)]
        kinds.append(verified_by_checksums(run.folder / "steps", STEPS, OF_STEPS, repair=repair))
    with stage("checking images"):
        if data is None:
            kinds.append(verified_images(run, manifest.places))
        else:
            given = images_of(data) if isinstance(data, Task) else None
            kinds.append(verified_images(run, () if given else (place_of(data),), given))
        can_be_read = data is None and _labels_can_be_read(manifest, kinds)
        kinds.append(verified_labels(*_read_again(run)) if can_be_read else UNCHECKED_LABELS)
    with stage("checking weights"):
        kinds += [verified_weights(manifest), verified_versions(manifest)]
    return Verification(run=str(run.folder), manifest=hash_of_file(run.folder / file_of(Manifest)), kinds=tuple(kinds))


def _swept(folder: Path, *, repair: bool) -> None:
    """On repair, delete what killed commands have left half-written in a folder that is headstart's."""
    if repair:
        sweep(folder, below=True)


def _place(name: str) -> Path:
    """The folder that is meant: the word "cache" names the cache unless a folder is called so."""
    return cache_folder() if name == "cache" and not Path(name).exists() else Path(name)


def _is_run(run: Run) -> bool:
    return (run.folder / file_of(Manifest)).exists() or run.finished or holds_outputs(run.folder)


def _read_again(run: Run) -> tuple[str, Callable[[], bool]]:
    """Where the data of a run of whatever kind lie, and what tells whether they are as they were."""
    if holds_outputs(run.folder):
        outputs = OutputRun.load(run)
        return outputs.summary.place, lambda: task_of_outputs(outputs) is not None
    return run.plan.data, lambda: task_of(run) is not None


def _labels_can_be_read(manifest: Manifest, kinds: list[VerifiedKind]) -> bool:
    """Whether the task can be read again as the run read it.

    It cannot where its images are others now or lay in memory, nor where the plan does not say how it was read: an extension has
    several tasks, and a pretraining leaves labels out.
    """
    different = {one.name for kind in kinds for one in kind.mismatches}
    of_images = any(kind.mismatches for kind in kinds if kind.name == "images")
    read, others = {file_of(Plan), file_of(TaskSummary)}, {file_of(Extension), file_of(Lineage)}
    return bool(manifest.places) and not of_images and not read & different and not others & set(manifest.files)
