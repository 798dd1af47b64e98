"""Explain: where in pictures a model looked, whether that can be trusted, and which training images speak for its answers."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.attribution.class_scores import probs_of, seconds_of
from headstart.attribution.deletion import passes_of_deletion
from headstart.attribution.explanation import Explanation, explanations_of, verdict_on_maps
from headstart.attribution.maps import MAPS
from headstart.attribution.overlay import overlay
from headstart.attribution.training_images import TrainingRows, training_rows
from headstart.backbones.catalog import provider_of
from headstart.core.arguments import AnyPath, checked
from headstart.core.errors import DataError, PlanError, did_you_mean
from headstart.core.progress import about, note, stage, status
from headstart.core.records import Record, write_atomically
from headstart.core.types import Integers
from headstart.data.given_images import AnyImages, given_images, pictures_of
from headstart.data.images import Images
from headstart.methods.model import Model
from headstart.runs.evaluated_sets import learned_rows
from headstart.runs.manifest import EXPLAINED
from headstart.runs.origin import check_classes, task_of
from headstart.runs.run import Run
from headstart.workflows.arguments import AnyRun
from headstart.workflows.new_images import readable_images

FILE = "explained.json"
BLOCK_ROWS = 16
"""Pictures that are explained at a time and written then: bounds memory, and what is lost when the work is interrupted. Chosen,
not measured."""
LITTLE_SECONDS = 10.0
"""Work that is predicted to take no longer is not announced."""
UNSAFE = re.compile(r"[^\w.-]+")
"""What names of overlays have a line in place of: spaces, controls and bytes that are no text."""
MOST_LETTERS = 40
"""Of a picture's name in that of its overlay: 160 bytes at most, where file systems allow 255."""
MOST_EXAMPLES = 2_000
"""Training images that are compared, evenly spaced. Bounds time and memory. Chosen, not measured."""
MOST_PIXELS = 512
"""Longer side of the overlays that are written, at most."""
FEWEST_PIXELS = 224
"""Longer side of the overlays that are written, at least: smaller pictures are enlarged, their pixels as squares."""
VECTORS = "{folder} was fitted on feature vectors, and it is pictures that are explained. Fit a run on images."
BY_CONTRIBUTION = "Training images that add most to the score of the class."
BY_SIMILARITY = "Training images that are most similar, as the head is no sum over training images."
WITHOUT_EXAMPLES = "Training images are not shown: the data of {folder} are gone, have changed or lay in memory."


class Explained(Record):
    """What was found.

    Attributes:
        run: The run's folder.
        by: The name of the way to make maps.
        sentence: Whether maps can be trusted.
        nearest: What is shown of training images, or why nothing is.
        explanations: One a picture.
        unreadable: Paths of files that could not be read, each with the error.
        folder: Where the overlays lie.
    """

    run: str
    by: str
    sentence: str
    nearest: str
    explanations: tuple[Explanation, ...]
    unreadable: dict[str, str]
    folder: str


@checked
def explain(
    run: AnyRun, images: AnyImages, *, by: str = "rise", label: str | None = None, num: int = 5, out: AnyPath | None = None
) -> Explained:
    """Where in each image a model looked, whether the map can be trusted, and which training images speak for the answer.

    Images are given as for `headstart.predict`. A map, `by` "rise", "occlusion", "integrated_grad_cam" or "grad_cam", says
    how much each place speaks for the predicted class, or for the class `label`. A deletion curve checks it: places are blurred
    one after the other, those that the map names first, and the probability of the class is averaged. If the map names what the
    model needs, this area is smaller than for random maps. `num` training images are named: those that add most to the score of
    the class where it is a sum over training images, as for ridge, kernel ridge and logistic regression, else the most similar
    ones. Writes the maps over their pictures as PNG files, and `explained.json`, into `out`, by default `explained/` in the run's
    folder, in place of those that were written there before; as they are done, so that an interruption leaves the first ones.
    """
    if num < 0:
        raise PlanError(f"num = {num}: name 0 training images or more.")
    run, method = Run.load(run), MAPS.get(by)()
    check_classes(run, "explain")
    model = run.model
    if not provider_of(model.backbone.card).takes_pictures:
        raise DataError(VECTORS.format(folder=run.folder))
    unmet = method.unmet(model)
    if unmet:
        raise PlanError(unmet)
    readable, unreadable = readable_images(pictures_of(given_images(images)))
    if label is not None and label not in model.classes:
        raise PlanError(f'label = "{label}" is no class.{did_you_mean(label, model.classes)} Known: {", ".join(model.classes)}.')
    folder = Path(out) if out else run.folder / EXPLAINED
    earlier = _earlier_overlays(folder)
    seconds = len(readable) * (method.passes + passes_of_deletion()) * seconds_of(model)
    if seconds > LITTLE_SECONDS:
        note(f"Explaining {len(readable)} pictures: {about(seconds)}.")
    with stage("explaining"):
        rows = _training_rows(run, model) if num else None
        found = Explained(
            run=str(run.folder), by=by, sentence="", nearest=_said_of(run, rows, num), explanations=(), unreadable=unreadable,
            folder=str(folder),
        )  # fmt: skip
        for start in range(0, len(readable), BLOCK_ROWS):
            block = readable.take(np.arange(start, min(start + BLOCK_ROWS, len(readable))))
            with status(f"explained {start} of {len(readable)} pictures"):
                made = explanations_of(model, block, _labels(model, block, label), method, rows, num)
            for path in earlier if start == 0 else ():
                path.unlink(missing_ok=True)
            found = _with_block(found, _written(made, block, folder, start + 1))
    return found


def _with_block(found: Explained, made: tuple[Explanation, ...]) -> Explained:
    """What was found so far, with the next pictures, written."""
    every = (*found.explanations, *made)
    more = found.model_copy(update={"explanations": every, "sentence": verdict_on_maps(every)})
    write_atomically(Path(found.folder) / FILE, more.to_json())
    return more


def _earlier_overlays(folder: Path) -> list[Path]:
    """The overlays that were written into a folder before, as its `explained.json` lists them."""
    if not (folder / FILE).exists():
        return []
    listed = [Path(one.overlay).name for one in Explained.read(folder / FILE).explanations]
    return [folder / name for name in listed if name.endswith(".png")]


def _labels(model: Model, images: Images, label: str | None) -> Integers:
    """The class that each image is asked about, int64 [image]: the predicted one, unless one is named."""
    if label is None:
        return np.asarray(probs_of(model, images).argmax(axis=1))
    return np.full(len(images), model.classes.index(label), np.int64)


def _training_rows(run: Run, model: Model) -> TrainingRows | None:
    """The training images of a run; None where its data are gone or have changed."""
    task = task_of(run)
    return None if task is None else training_rows(model, learned_rows(task, run).spaced(MOST_EXAMPLES))


def _said_of(run: Run, rows: TrainingRows | None, num: int) -> str:
    """What is shown of training images."""
    if not num:
        return ""
    if rows is None:
        return WITHOUT_EXAMPLES.format(folder=run.folder)
    return BY_SIMILARITY if rows.dual is None else BY_CONTRIBUTION


def _written(made: tuple[Explanation, ...], images: Images, folder: Path, first: int) -> tuple[Explanation, ...]:
    """The explanations with the files of their overlays, numbered from `first`."""
    found = []
    for row, one in enumerate(made):
        stem = UNSAFE.sub("_", Path(one.path).stem)[:MOST_LETTERS] or "image"
        path = folder / f"{first + row}-{stem}.png"
        stream = io.BytesIO()
        overlay(_shown(images.read(row)), np.array(one.map)).save(stream, "PNG", optimize=True)
        write_atomically(path, stream.getvalue())
        found.append(one.model_copy(update={"overlay": str(path)}))
    return tuple(found)


def _shown(picture: Image.Image) -> Image.Image:
    """A picture at a size that a map can be seen on."""
    if max(picture.size) > MOST_PIXELS:
        smaller = picture.copy()
        smaller.thumbnail((MOST_PIXELS, MOST_PIXELS))
        return smaller
    times = -(-FEWEST_PIXELS // max(picture.size))
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
