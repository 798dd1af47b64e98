"""Single bytes flipped at random places of models, caches, finished steps, galleries, studies and runs: what is made of them.

Each time one byte of one file is changed, and the place is used as it always is: a model predicts, a gallery names pictures,
features are read, folds are cross-validated. Half of the bytes are drawn from all bytes of the place, half from a file drawn
first, as most bytes are those of arrays.

Counted are: "same" (the answer to the bit as before, and nothing was deleted: the byte did not count), "repaired" (the damaged
file was dropped and made again, and the answer is the same to the bit), "refused" (one sentence that names the place), "silent"
(another answer) and "traceback" (an error that is none of headstart's).

Expected: nothing silent and no traceback.

python -m benchmarks.flipped_bytes --flips 2000
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import headstart
from benchmarks.protocol import arguments, empty_cache, show
from headstart.backbones.loading import load_backbone
from headstart.core import soundness
from headstart.core.errors import HeadstartError
from headstart.core.steps import Steps
from headstart.data.images import FileImages, ImageSet
from headstart.data.reading import read_task
from headstart.features.extract import feature_store, features_of
from headstart.features.store.store import Store, store_at
from headstart.features.store.transient import transient_features
from headstart.gallery.gallery import Gallery
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import cross_validate
from headstart.planning.improving.study import SearchTrial, Study
from headstart.planning.plan import Plan
from headstart.runs.run import Run

NETWORK = "timm/test_resnet"
OUTCOMES = ("same", "repaired", "refused", "silent", "traceback")


@dataclass(frozen=True)
class Place:
    """A folder whose bytes are flipped.

    Attributes:
        name: Of the kind.
        folder: Where it lies.
        answer: Uses it, and gives what came out.
    """

    name: str
    folder: Path
    answer: Callable[[], Any]


def pictures_in(folder: Path, count: int = 8) -> None:
    """Noisy pictures of two shades, a folder each."""
    draw = np.random.default_rng(0)
    for level, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            pixels = (90 * level + draw.integers(0, 160, (24, 26, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{row}.png")


def images_of(data: Path) -> ImageSet:
    """The pictures below a folder, without labels."""
    images = FileImages(sorted(data.rglob("*.png")))
    return ImageSet(images, (), np.full(len(images), -1), np.arange(len(images)))


def model_place(home: Path) -> Place:
    """A model of a run on pictures, with its network and its novelty detector."""
    headstart.fit(home / "data", method="ridge", pretrained=NETWORK, weights="none", out=home / "run")
    folder, images = home / "run" / "model", images_of(home / "data")

    def answer() -> bytes:
        with transient_features():
            found = Model.load(folder).predict_with_p_values(images)
        assert found.p_values is not None
        return found.probs.tobytes() + found.p_values.tobytes()

    return Place("model", folder, answer)


def run_place(home: Path) -> Place:
    """The records and predictions of the run; its model and steps are other places.

    `plan.toml` and the pages are for people, who may change them: `headstart verify` compares them with the manifest.
    """
    folder, people = home / "records", ("*.html", "*.md", "*.sha256", "*.txt", "*.toml", "steps", "model", "result.json")
    shutil.copytree(home / "run", folder, ignore=shutil.ignore_patterns(*people))

    def answer() -> str:
        run = Run(folder)
        predictions = run.predictions
        assert predictions is not None
        probs = predictions.probs.tobytes().hex()
        records = (run.evaluation, run.findings, run.task_summary, run.manifest, run.environment, run.noticed, run.label_errors)
        return f"{records} {probs} {predictions.names}"

    return Place("run", folder, answer)


def cache_place(home: Path) -> Place:
    """The features of the pictures."""
    images, backbone = images_of(home / "data"), load_backbone(NETWORK, "none", 32)
    backbone.engine = "torch-float32"

    def answer() -> bytes:
        store_at.cache_clear()
        found = features_of(images, backbone)
        return b"".join(np.asarray(block).tobytes() for block in (*found.stages, *found.stds, found.pixels))

    answer()
    store = feature_store(backbone, backbone.engine)
    assert isinstance(store, Store)
    return Place("cache", store.folder, answer)


def steps_place(home: Path) -> Place:
    """Finished folds with their predictions."""
    draw = np.random.default_rng(5)
    labels = np.arange(47) % 3
    vectors = (draw.normal(size=(47, 7)) + labels[:, None]).astype(np.float32)
    np.savez(home / "vectors.npz", features=vectors, labels=np.array(["a", "b", "c"])[labels])
    task, folder = read_task(str(home / "vectors.npz")), home / "steps"
    backbone = load_backbone("embeddings")
    candidate = Candidate(
        pretrained="embeddings", input_pixels=1, family="transfer", method={"kind": "ridge", "blocks": "penultimate"}
    )

    def answer() -> bytes:
        soundness.forget_known()
        found = cross_validate(task, candidate, backbone, task.folds, Steps(folder)).predictions
        assert found is not None
        return found.probs.tobytes() + found.raw_probs.tobytes() + "".join(found.names).encode()

    answer()
    (folder / "log.tsv").unlink()
    return Place("steps", folder, answer)


def gallery_place(home: Path) -> Place:
    """A gallery of two classes."""
    files = {name: sorted((home / "data" / name).glob("*.png")) for name in ("dark", "light")}
    made = Gallery.create(home / "gallery", pretrained=f"run:{home / 'run'}")
    made.enroll({name: paths[:3] for name, paths in files.items()})

    def answer() -> str:
        with transient_features():
            return str(Gallery.open(home / "gallery").predict([path for paths in files.values() for path in paths[3:6]]))

    return Place("gallery", home / "gallery", answer)


def study_place(home: Path) -> Place:
    """The records of a search."""
    folder, plan = home / "study", Run(home / "run").plan
    folder.mkdir()
    study = Study(task_fingerprint="0" * 16, plan=Plan.from_dict(plan.to_dict()), fixed=("training.lr",))
    trial = SearchTrial(settings={"training.lr": 0.1}, origin="sampled", outcome="finished", log_losses=(0.5, 0.4), seconds=3.0)
    (folder / "study.json").write_text(study.to_json(), encoding="utf-8")
    (folder / "trial.json").write_text(trial.to_json(), encoding="utf-8")
    return Place("study", folder, lambda: f"{Study.read(folder / 'study.json')} {SearchTrial.read(folder / 'trial.json')}")


PLACES: dict[str, Callable[[Path], Place]] = {
    "model": model_place,
    "run": run_place,
    "cache": cache_place,
    "steps": steps_place,
    "gallery": gallery_place,
    "study": study_place,
}
"""In this order: a run and a study are copied from the run whose model is the first."""


def outcomes(place: Place, num_flips: int, seed: int, told: Callable[[str], None] = print) -> Counter[str]:
    """What single flipped bytes led to; each silent one and each traceback is told."""
    draw, counted = np.random.default_rng([seed, 18]), Counter[str]()
    expected = place.answer()
    assert place.answer() == expected, "the answer has to be the same without a flip"
    files = {path: path.read_bytes() for path in sorted(place.folder.rglob("*")) if path.is_file() and path.stat().st_size}
    for flip in range(num_flips):
        path, at = _drawn(files, draw, by_bytes=flip % 2 == 0)
        content = bytearray(files[path])
        content[at] ^= int(draw.integers(1, 256))
        path.write_bytes(content)
        outcome, reason = _outcome(place, expected, path, bytes(content))
        counted[outcome] += 1
        if outcome in ("silent", "traceback"):
            told(f"{place.name}: byte {at:,} of {path.relative_to(place.folder)}: {outcome} {reason}")
        _restore(place.folder, files)
    return counted


def _drawn(files: dict[Path, bytes], draw: np.random.Generator, *, by_bytes: bool) -> tuple[Path, int]:
    paths, sizes = list(files), np.array([len(content) for content in files.values()], float)
    path = paths[int(draw.choice(len(paths), p=sizes / sizes.sum() if by_bytes else None))]
    return path, int(draw.integers(len(files[path])))


def _outcome(place: Place, expected: Any, path: Path, written: bytes) -> tuple[str, str]:
    try:
        found = place.answer()
    except HeadstartError as error:
        named = str(place.folder) in str(error) or path.name in str(error)
        return ("refused", "") if named and "\n" not in str(error) else ("traceback", f"no file is named: {error}")
    except Exception as error:  # noqa: BLE001  whatever comes is what this looks for
        return "traceback", f"{type(error).__name__}: {error}"
    if found != expected:
        return "silent", ""
    return ("same" if path.exists() and path.read_bytes() == written else "repaired"), ""


def _restore(folder: Path, files: dict[Path, bytes]) -> None:
    """The folder as it was: what was made meanwhile is deleted."""
    for path in [path for path in folder.rglob("*") if path.is_file() and path not in files]:
        path.unlink()
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


def rows_of(num_flips: int, seed: int, names: Sequence[str] = tuple(PLACES)) -> list[dict[str, object]]:
    """A row of counts for each kind of place."""
    logging.getLogger("headstart").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as place, empty_cache():
        home = Path(place)
        pictures_in(home / "data")
        made = {name: make(home) for name, make in PLACES.items() if name in names or name == "model"}
        found = {name: outcomes(made[name], num_flips, seed) for name in names}
    return [{"place": name, "flips": num_flips, **{kind: counts[kind] for kind in OUTCOMES}} for name, counts in found.items()]


if __name__ == "__main__":
    given = arguments(__doc__, seeds=1, flips=2000, places=())
    for number in range(given.seeds):
        show("single flipped bytes", rows_of(given.flips, number, given.places or tuple(PLACES)), columns=("silent", "traceback"))
