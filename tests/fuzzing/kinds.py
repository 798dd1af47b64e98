"""What is fuzzed: every reader of data, and every file that a run, model, gallery, study, step or cache has."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import struct
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from mutations import mutated
from PIL import Image

import headstart
from headstart.backbones.loading import load_backbone
from headstart.core import soundness
from headstart.core.steps import Steps
from headstart.data.images import FileImages, ImageSet
from headstart.data.reading import read_task
from headstart.data.scan import scan
from headstart.features.extract import features_of
from headstart.features.store.store import store_at
from headstart.gallery.gallery import Gallery
from headstart.heads.ridge_statistics import RidgeStatistics, save_statistics
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import cross_validate
from headstart.planning.improving.study import Found, SearchTrial, Study
from headstart.planning.improving.training_curve import training_curve_of
from headstart.planning.plan import Plan
from headstart.runs.run import FILES, Run
from headstart.training.history import History
from headstart.training.settings import Training
from headstart.workflows.verify import verify

SIDE = 8
DRAW = np.random.default_rng(7)


@dataclass(frozen=True)
class Kind:
    """Files of one kind.

    Attributes:
        name: Of the kind.
        home: The folder with valid files.
        use: Reads them all; whatever it raises that is no `HeadstartError` is a fault.
        files: Those that are mutated, with their valid contents.
    """

    name: str
    home: Path
    use: Callable[[Path], Any]
    files: dict[str, bytes]

    @classmethod
    def of(cls, name: str, home: Path, use: Callable[[Path], Any], pattern: str = "**/*") -> Kind:
        """The kind whose files lie in a folder."""
        paths = [path for path in sorted(home.glob(pattern)) if path.is_file()]
        return cls(name, home, use, {path.relative_to(home).as_posix(): path.read_bytes() for path in paths})

    def mutated(self, draw: Random) -> tuple[str, bytes]:
        """One file and its new content, seldom that of another file."""
        name = draw.choice(list(self.files))
        origin = draw.choice(list(self.files)) if draw.random() < 0.05 else name
        return name, mutated(name, self.files[origin], draw)

    def try_with(self, name: str, content: bytes) -> None:
        """Use the place with another content of one file, which is then restored."""
        (self.home / name).write_bytes(content)
        try:
            self.use(self.home)
        finally:
            for other, valid in self.files.items():
                if other == name or not (self.home / other).exists():  # what is damaged may be deleted
                    (self.home / other).write_bytes(valid)


def picture(kind: str = "PNG", *, size: tuple[int, int] = (SIDE, SIDE)) -> bytes:
    """A small picture of noise."""
    stream = io.BytesIO()
    Image.fromarray(DRAW.integers(0, 256, (*size, 3)).astype(np.uint8)).save(stream, kind)
    return stream.getvalue()


def _read(place: Path) -> None:
    read_task(place)


def _folders(home: Path) -> Kind:
    for name in ("a", "b"):
        (home / name).mkdir(parents=True)
        for row in range(3):
            for suffix, kind in (("png", "PNG"), ("jpg", "JPEG")):
                (home / name / f"{row}.{suffix}").write_bytes(picture(kind))
    (home / "a" / "x.gif").write_bytes(picture("GIF"))
    (home / "a" / "x.webp").write_bytes(picture("WEBP"))
    (home / "b" / "x.bmp").write_bytes(picture("BMP"))
    (home / "b" / "x.tif").write_bytes(picture("TIFF"))
    return Kind.of("pictures", home, _read)


def _manifest(home: Path, suffix: str) -> Kind:
    home.mkdir(parents=True)
    rows = [(f"{row}.png", "ab"[row % 2], "train" if row < 6 else "test", f"g{row // 2}") for row in range(8)]
    for path, *_ in rows:
        (home / path).write_bytes(picture())
    if suffix == "csv":
        (home / "manifest.csv").write_text("".join(",".join(row) + "\n" for row in (("path", "label", "split", "group"), *rows)))
    else:
        columns = dict(zip(("path", "label", "split", "group"), map(list, zip(*rows, strict=True)), strict=True))
        pq.write_table(pa.table(columns), home / "manifest.parquet")
    return Kind.of(f"manifest {suffix}", home, lambda place: read_task(place / f"manifest.{suffix}"), f"manifest.{suffix}")


def _idx(home: Path) -> Kind:
    home.mkdir(parents=True)
    for stem, count in (("train", 7), ("t10k", 4)):
        pixels = DRAW.integers(0, 256, (count, 5, 7)).astype(np.uint8)
        for name, array in ((f"{stem}-images-idx3-ubyte", pixels), (f"{stem}-labels-idx1-ubyte", np.arange(count) % 2)):
            content = (
                bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
            )
            packed = stem == "t10k"
            (home / (name + ".gz" * packed)).write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return Kind.of("idx", home, _read)


def _cifar(home: Path, *, packed: bool) -> Kind:
    folder = home / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        rows = {b"data": DRAW.integers(0, 256, (4, 3072)).astype(np.uint8), b"labels": [0, 1, 0, 1], b"filenames": [b"x.png"] * 4}
        (folder / name).write_bytes(pickle.dumps(rows, 2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {number}" for number in range(10)]}, 2))
    if not packed:
        return Kind.of("cifar pickle", home, lambda place: read_task(place / folder.name))
    with tarfile.open(home / "cifar.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(folder, folder.name)
    shutil.rmtree(folder)
    return Kind.of("cifar archive", home, lambda place: read_task(place / "cifar.tar.gz"))


def _shards(home: Path) -> Kind:
    home.mkdir(parents=True)
    for shard in range(2):
        with tarfile.open(home / f"train-{shard}.tar", "w") as archive:
            for row in range(4):
                told = (
                    {"cls": str(row % 2).encode()}
                    if shard
                    else {"json": json.dumps({"label": str(row % 2), "group": f"g{row}"}).encode()}
                )
                for suffix, content in ({"png": picture()} | told).items():
                    member = tarfile.TarInfo(f"{shard}{row}.{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return Kind.of("shards", home, _read)


def _tables(home: Path) -> Kind:
    home.mkdir(parents=True)
    pictures = [{"bytes": picture(), "path": f"{row}.png"} for row in range(6)]
    pq.write_table(pa.table({"image": pictures, "label": ["a", "b"] * 3}), home / "train.parquet")
    return Kind.of("picture tables", home, _read)


def _vectors(home: Path, suffix: str) -> Kind:
    home.mkdir(parents=True)
    labels, features = np.arange(12) % 2, DRAW.normal(size=(12, 3)).astype(np.float32)
    if suffix == "npz":
        np.savez(home / "vectors.npz", features=features, labels=labels.astype(str), split=np.array(["train"] * 8 + ["test"] * 4))
    else:
        pq.write_table(pa.table({"features": list(features), "labels": labels.astype(str)}), home / "vectors.parquet")
    return Kind.of(f"embeddings {suffix}", home, lambda place: read_task(place / f"vectors.{suffix}"))


def _frames(home: Path) -> Kind:
    """Frames in memory: a CSV text is read by pandas, whatever types come of it."""
    kind = _manifest(home, "csv")

    def use(place: Path) -> None:
        import pandas as pd

        try:
            frame = pd.read_csv(place / "manifest.csv")
        except ValueError:  # no frame
            return
        if "path" in frame:
            frame["path"] = [
                str(place / str(path)) if isinstance(path, str) and "\0" not in path else path for path in frame["path"]
            ]
        read_task(frame)

    return Kind("frames", home, use, kind.files)


def _addresses(home: Path) -> Kind:
    """Names of folders and files."""
    (home / "a").mkdir(parents=True)
    (home / "names.txt").write_text("a\nb b\nc.d\n.e\nf\u00e9\n\u202eg\n=h\n1\n")

    def use(place: Path) -> None:
        root = place / "tree"
        shutil.rmtree(root, ignore_errors=True)
        lines = (place / "names.txt").read_bytes().split(b"\n")[:12]
        for number, line in enumerate(lines):
            name = line.replace(b"\0", b"").replace(b"/", b"-")[:100] or b"x"
            folder = root / os.fsdecode(name if name not in (b".", b"..") else b"x")
            folder.mkdir(parents=True, exist_ok=True)
            for row in range(2):
                (folder / f"{number}{row}.png").write_bytes(PICTURES[(2 * number + row) % len(PICTURES)])
        if root.exists():
            read_task(root)

    return Kind.of("folder names", home, use, "names.txt")


PICTURES = [picture() for _ in range(24)]


def _run_records(home: Path, made: Path) -> Kind:
    names = [name for name in (*FILES.values(), "env.json") if (made / name).exists()]
    home.mkdir(parents=True)
    for name in (*names, "predictions.parquet"):
        shutil.copy(made / name, home / name)

    def use(place: Path) -> None:
        run = Run(place)
        _ = run.plan, run.task_summary, run.evaluation, run.findings, run.label_errors, run.manifest, run.decision, run.ranking
        _ = run.first, run.predictions, run.environment, run.result

    return Kind.of("run records", home, use, "*.json")


def _predictions(home: Path, made: Path) -> Kind:
    home.mkdir(parents=True)
    shutil.copy(made / "predictions.parquet", home)
    return Kind.of("predictions", home, lambda place: Run(place).predictions)


def _plans(home: Path, made: Path) -> Kind:
    home.mkdir(parents=True)
    shutil.copy(made / "plan.toml", home)
    return Kind.of("plan", home, lambda place: Run(place).plan)


def _model(home: Path, made: Path) -> Kind:
    shutil.copytree(made / "model", home)
    vectors = DRAW.normal(size=(4, 5)).astype(np.float32)

    def use(place: Path) -> None:
        Model.load(place)
        headstart.predict(_Placed(place).run, [vectors])

    class _Placed:
        def __init__(self, place: Path) -> None:
            folder = place.parent / "run of model"
            if not folder.exists():
                shutil.copytree(made, folder, ignore=shutil.ignore_patterns("model"))
                (folder / "model").symlink_to(place)
            self.run = folder

    return Kind.of("model", home, use)


def _network(home: Path, made: Path) -> Kind:
    shutil.copytree(made / "model", home)
    return Kind.of("network", home, Model.load, "backbone/*")


def _steps(home: Path) -> Kind:
    """Finished folds, which are cross-validated again: what is damaged is made again."""
    data = home.parent / "steps.npz"
    labels = np.arange(23) % 2
    np.savez(data, features=(DRAW.normal(size=(23, 3)) + labels[:, None]).astype(np.float32), labels=labels.astype(str))
    task, backbone = read_task(data), load_backbone("embeddings")
    method = {"kind": "ridge", "blocks": "penultimate"}
    candidate = Candidate(pretrained="embeddings", input_pixels=1, family="transfer", method=method)

    def use(place: Path) -> None:
        soundness.forget_known()
        steps = Steps(place)
        cross_validate(task, candidate, backbone, task.folds, steps)
        steps.seconds()
        (place / "log.tsv").write_bytes(logged)

    home.mkdir()
    (home / "log.tsv").touch()
    logged = b""
    use(home)
    return Kind.of("steps", home, use)


def _gallery(home: Path) -> Kind:
    pictures = home.parent / "gallery pictures"
    pictures.mkdir()
    for row in range(4):
        (pictures / f"{row}.png").write_bytes(PICTURES[row])
    made = Gallery.create(home, pretrained="pixels")
    paths = sorted(pictures.iterdir())
    made.enroll({"a": paths[:2], "b": paths[2:3]})
    return Kind.of("gallery", home, lambda place: Gallery.open(place).predict(paths[3:]))


def _study(home: Path) -> Kind:
    data = home.parent / "study.npz"
    labels = np.arange(31) % 2
    np.savez(data, features=(DRAW.normal(size=(31, 3)) + labels[:, None]).astype(np.float32), labels=labels.astype(str))
    headstart.search(str(data), method="knn", pretrained="embeddings", trials=2, out=home)

    def use(place: Path) -> None:
        Study.read(place / "study.json")
        Found.read(place / "found.json")
        Plan.from_toml((place / "plan.toml").read_text("utf-8", "replace"))
        for path in place.glob("steps/trial-*.json"):
            SearchTrial.read(path)

    return Kind.of("study", home, use)


def _history(home: Path) -> Kind:
    history = History(home / "fit" / "history.jsonl", 5, 0, 0)
    for step in range(5):
        history.add(step, 0, 0.1, 0.2, {"cross_entropy": 1 / (1 + step)})
    return Kind.of("history", home, lambda place: training_curve_of(place, Training(), np.arange(8) % 2, 2))


def _statistics(home: Path) -> Kind:
    home.mkdir()
    rows = DRAW.normal(size=(23, 3)).astype(np.float32)
    statistics = RidgeStatistics.of(rows, np.arange(23) % 2, 2)
    save_statistics(home / "memory.safetensors", {0: statistics.arrays()})
    return Kind.of("statistics", home, lambda place: [RidgeStatistics.from_arrays(one) for one in Run(place).statistics.values()])


def _cache(home: Path) -> Kind:
    """Scans and features, which are made again where they are damaged."""
    pictures = home.parent / "cached"
    pictures.mkdir()
    for row in range(4):
        (pictures / f"{row}.png").write_bytes(PICTURES[row])
    images = FileImages(sorted(pictures.iterdir()))
    rows, backbone = ImageSet(images, (), np.full(4, -1), np.arange(4)), load_backbone("pixels", input_pixels=SIDE)

    def use(place: Path) -> None:
        store_at.cache_clear()
        with mock.patch.dict(os.environ, {"HEADSTART_CACHE": str(place)}):
            scan(images)
            features_of(rows, backbone)

    use(home)
    return Kind.of("cache", home, use)


def _verified(home: Path, made: Path) -> Kind:
    shutil.copytree(made, home)
    return Kind.of("verify", home, lambda place: verify(place, repair=False))


MAKERS: dict[str, Callable[[Path, Path], Kind]] = {
    "pictures": lambda place, _: _folders(place),
    "manifest csv": lambda place, _: _manifest(place, "csv"),
    "manifest parquet": lambda place, _: _manifest(place, "parquet"),
    "idx": lambda place, _: _idx(place),
    "cifar pickle": lambda place, _: _cifar(place, packed=False),
    "cifar archive": lambda place, _: _cifar(place, packed=True),
    "shards": lambda place, _: _shards(place),
    "picture tables": lambda place, _: _tables(place),
    "embeddings npz": lambda place, _: _vectors(place, "npz"),
    "embeddings parquet": lambda place, _: _vectors(place, "parquet"),
    "frames": lambda place, _: _frames(place),
    "folder names": lambda place, _: _addresses(place),
    "run records": _run_records,
    "predictions": _predictions,
    "plan": _plans,
    "model": _model,
    "network": _network,
    "steps": lambda place, _: _steps(place),
    "gallery": lambda place, _: _gallery(place),
    "study": lambda place, _: _study(place),
    "history": lambda place, _: _history(place),
    "statistics": lambda place, _: _statistics(place),
    "cache": lambda place, _: _cache(place),
    "verify": _verified,
}
"""Each kind, made in a folder; the second one is that of `run_made`."""


def run_made(home: Path) -> Path:
    """A run on feature vectors."""
    labels = np.arange(41) % 3 == 0
    features = (DRAW.normal(size=(41, 5)) + 1.5 * labels[:, None]).astype(np.float32)
    np.savez(home / "vectors.npz", features=features, labels=np.where(labels, "high", "low"))
    return headstart.run(str(home / "vectors.npz"), out=home / "made").folder
