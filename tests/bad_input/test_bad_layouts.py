"""Every way in which a place of data may be wrong: one sentence, or a finding where work can go on."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.data.reading import read_task

RNG = np.random.default_rng(17)
Build = Callable[[Path], Path]


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (40, 41, 3), dtype=np.uint8)).save(path)
    return path


def folders(**counts: int) -> Build:
    """A folder with so many pictures in each sub-folder; two underscores stand for a slash."""

    def build(root: Path) -> Path:
        for name, count in counts.items():
            (root / name.replace("__", "/")).mkdir(parents=True)
            for number in range(count):
                picture(root / name.replace("__", "/") / f"{number}.png")
        return root

    return build


def changed(change: Callable[[Path], object]) -> Build:
    """Two classes of five pictures, after a change."""

    def build(root: Path) -> Path:
        folders(cat=5, dog=5)(root)
        change(root)
        return root

    return build


def manifest(*lines: str, name: str = "manifest.csv", encoding: str = "utf-8") -> Build:
    """A manifest beside pictures c0 to c4 and d0 to d4; `...` stands for the rows of all but c0."""
    rest = [f"{kind}{number}.png,{kind}" for kind in "cd" for number in range(5)][1:]

    def build(root: Path) -> Path:
        for row in ["c0.png", *(row.split(",")[0] for row in rest)]:
            picture(root / row)
        written = [line for part in lines for line in (rest if part == "..." else [part])]
        (root / name).write_bytes("\n".join(written).encode(encoding))
        return root / name

    return build


def embeddings(**changes: object) -> Build:
    """Vectors of two classes, with arrays changed; None takes an array away."""

    def build(root: Path) -> Path:
        arrays = {"features": RNG.normal(size=(10, 3)), "labels": ["a", "b"] * 5, **changes}
        np.savez(root / "embeddings.npz", **{name: array for name, array in arrays.items() if array is not None})
        return root / "embeddings.npz"

    return build


def file(name: str, content: bytes) -> Build:
    def build(root: Path) -> Path:
        (root / name).write_bytes(content)
        return root / name

    return build


def mnist(pixels: bytes, labels: bytes = b"\0\0\x08\x01\0\0\0\x02\0\1") -> Build:
    def build(root: Path) -> Path:
        (root / "train-images-idx3-ubyte").write_bytes(pixels)
        (root / "train-labels-idx1-ubyte").write_bytes(labels)
        return root

    return build


def cifar(batch: bytes) -> Build:
    def build(root: Path) -> Path:
        for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
            (root / name).write_bytes(batch)
        (root / "batches.meta").write_bytes(pickle.dumps({b"label_names": [str(n).encode() for n in range(10)]}, 2))
        return root

    return build


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 / 0",)


BROKEN = RNG.normal(size=(10, 3))
BROKEN[4, 1] = np.nan
TWO_PICTURES = b"\0\0\x08\x03" + struct.pack(">3I", 2, 8, 8) + bytes(128)

REFUSED: dict[str, tuple[Build, str]] = {
    "nothing there": (lambda root: root / "gone", "does not exist, and no built-in set has that name."),
    "dangling link as place": (
        lambda root: (root / "link").symlink_to(root / "gone") or root / "link",
        "is a link to something that is gone",
    ),
    "file of no known layout": (file("notes.txt", b"hello"), "no known layout of images. Known: "),
    "empty folder": (folders(), "holds no pictures (JPEG, PNG, WebP, BMP, TIFF or GIF)."),
    "no pictures in class folders": (changed(lambda root: [p.unlink() for p in root.rglob("*.png")]), "holds no pictures"),
    "pictures without class folders": (
        lambda root: [picture(root / f"{n}.png") for n in range(3)] and root,
        "3 pictures lie in no class folder (the first is 0.png). Sort them into one folder a class,",
    ),
    "one class": (folders(cat=5), "'cat' is the only class".replace("'", '"')),
    "one image of each class": (folders(cat=1, dog=1, emu=1), "at least two each"),
    "folder around the set": (folders(set__cat=3, set__dog=3), "the folders of its classes lie deeper, in set/. Did you mean "),
    "splits without classes": (folders(train=5, val=5, test=5), "test/ and train/ and val/ hold pictures and no class folders."),
    "classes that differ in case": (folders(Cat=3, cat=3), "the classes 'Cat' and 'cat' have the same name but for case"),
    "classes that differ in Unicode form": (
        lambda root: folders(**{"caf\u00e9": 3})(root) and folders(**{"cafe\u0301": 3})(root),
        r"the classes 'cafe\u0301' and 'caf\xe9' have the same name but for case or accents' form.",
    ),
    "class name that is no Unicode": (
        changed(lambda root: (root / "cat").rename(root / os.fsdecode(b"\xff"))),
        r"the class name '\udcff' is not valid Unicode. Rename it.",
    ),
    "split folder beside class folders": (folders(train__cat=3, dog=3), "holds the split folder train/ beside 'dog'."),
    "two folders for one split": (
        folders(train__cat=3, val__cat=3, valid__cat=3),
        "both val/ and valid/ mean the validation split.",
    ),
    "class in test only": (folders(train__cat=5, train__dog=5, test__emu=3), "emu"),
    "unlabeled pictures only": (folders(unlabeled=5), "no readable image has a label to learn from"),
    "manifest: empty": (manifest(""), "is empty. Write a header line"),
    "manifest: header only": (manifest("path,label"), "has columns and no rows."),
    "manifest: no path": (manifest("label,split", "c,train", "d,train"), 'has no column "path".'),
    "manifest: typo in label": (manifest("path,lable", "c0.png,c", "c1.png,d"), 'has no column "label". Did you mean "lable"?'),
    "manifest: column twice": (manifest("path,label,labels", "c0.png,c,c"), 'has two columns called "label".'),
    "manifest: split of no meaning": (manifest("path,label,split", "c0.png,c,tset"), 'line 2: split = "tset" is not a split.'),
    "manifest: too many cells": (manifest("path,label", "c0.png,c,c"), "line 2: has 3 cells where the header has 2."),
    "manifest: open quote": (manifest("path,label", '"c0.png,c'), "is not valid CSV (unexpected end of data)."),
    "manifest: no file exists": (manifest("path,label", "x.png,c", "y.png,d"), "none of its 2 pictures exists"),
    "manifest: UTF-16": (manifest("path,label", "...", encoding="utf-16"), "is not UTF-8 text (byte 0xff at position 0)."),
    "manifest: zero bytes": (manifest("path,label", "c0.png,\0"), "is not text, as it holds a zero byte."),
    "manifest: path of zero bytes in Parquet": (
        lambda root: pq.write_table(pa.table({"path": ["a\0b"], "label": ["c"]}), root / "m.parquet") or root / "m.parquet",
        "row 0: path = 'a\\x00b' is not a file name.",
    ),
    "manifest: damaged Parquet": (file("m.parquet", b"PAR1 and no more"), "cannot be read as Parquet ("),
    "embeddings: nan": (
        embeddings(features=BROKEN),
        "1 of 10 rows hold nan, infinite or too large features, the first is row 4.",
    ),
    "embeddings: too large for float32": (
        embeddings(features=np.full((10, 3), 1e300)),
        "10 of 10 rows hold nan, infinite or too large",
    ),
    "embeddings: one dimension": (
        embeddings(features=np.zeros(10)),
        "features have the shape (10,), and must be [sample, feature]",
    ),
    "embeddings: no features at all": (embeddings(features=np.zeros((10, 0))), "features have the shape (10, 0)"),
    "embeddings: texts": (embeddings(features=[["x"]] * 10), "features are of type <U1, and must be real numbers."),
    "embeddings: labels missing": (embeddings(labels=None), 'has no "labels".'),
    "embeddings: labels too few": (embeddings(labels=["a", "b"]), "labels has 2 values for 10 rows of features."),
    "embeddings: amounts as labels": (embeddings(labels=np.linspace(0, 1, 10)), "is not a name or a whole number."),
    "embeddings: pickled objects": (embeddings(labels=np.array(["a"] * 10, dtype=object)), "holds an array of Python objects"),
    "embeddings: no archive": (file("embeddings.npz", b"hello"), "cannot be read as .npz (File is not a zip file)."),
    "IDX: not IDX": (mnist(b"hello, I am a text"), "starts with 68656c6c, and an IDX file of bytes in 3 dimensions"),
    "IDX: cut": (mnist(TWO_PICTURES[:-1]), "holds 127 bytes where its header names 128."),
    "IDX: cut gzip": (mnist(gzip.compress(TWO_PICTURES)[:-9]), "is damaged or ends early."),
    "IDX: claims terabytes": (mnist(b"\0\0\x08\x03" + b"\x7f" * 12), "bytes, more than the 8,589,934,592 allowed."),
    "IDX: labels for other pictures": (mnist(TWO_PICTURES, b"\0\0\x08\x01\0\0\0\x03\0\1\0"), "has 3 labels for 2 pictures."),
    "CIFAR: pickle bomb": (cifar(pickle.dumps({b"data": Bomb()}, 2)), "is a pickle that holds __builtin__.eval,"),
    "CIFAR: damaged pickle": (cifar(b"\x80\x02}"), "is a damaged pickle. Get the file again."),
    "CIFAR: wrong width": (
        cifar(pickle.dumps({b"data": np.zeros((2, 9), np.uint8), b"labels": [0, 1]}, 2)),
        "its data is uint8 (2, 9), and must be uint8 [sample, 3072].",
    ),
    "CIFAR: no archive": (file("cifar.tar.gz", b"hello"), "is not an archive, or a damaged one. Get it again."),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_place_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, kind):
    build, words = REFUSED[kind]
    place = build(tmp_path)
    with pytest.raises(DataError) as caught:
        read_task(place)
    text = str(caught.value)
    assert words in text
    assert str(place) in text
    assert text.endswith((".", "?"))
    assert not any(word in text for word in ("Traceback", "Error", "\n", "0x7f"))


WORKED_AROUND: dict[str, tuple[Build, str]] = {
    "dangling link": (changed(lambda root: (root / "cat" / "x.png").symlink_to(root / "gone.png")), "broken-link"),
    "link to itself": (changed(lambda root: (root / "cat" / "x.png").symlink_to("x.png")), "broken-link"),
    "link to the folder above": (changed(lambda root: (root / "cat" / "up").symlink_to(root)), "link-loop"),
    "empty class folder": (changed(lambda root: (root / "emu").mkdir()), "empty-class"),
    "other files": (changed(lambda root: (root / "cat" / "notes.txt").write_text("x")), "other-file"),
    "picture beside the class folders": (changed(lambda root: picture(root / "x.png")), "stray-image"),
    "file name that is no Unicode": (
        changed(lambda root: (root / "cat" / "0.png").rename(root / "cat" / os.fsdecode(b"\xff.png"))),
        "undecodable-name",
    ),
    "picture under two labels": (
        changed(lambda root: shutil.copy(root / "cat" / "0.png", root / "dog" / "x.png")),
        "contradictory-labels",
    ),
    "picture twice": (changed(lambda root: shutil.copy(root / "cat" / "0.png", root / "cat" / "x.png")), "duplicate-images"),
    "manifest: file missing": (manifest("path,label", "gone.png,c", "..."), "missing-files"),
    "manifest: row twice": (manifest("path,label", "...", "c1.png,c"), "repeated-rows"),
    "manifest: row under two labels": (manifest("path,label", "...", "c1.png,d"), "contradictory-labels"),
    "manifest: unknown column": (
        manifest("path,label,weather", "c0.png,c,x", "c1.png,c,x", "d0.png,d,x", "d1.png,d,x"),
        "ignored-columns",
    ),
    "embeddings: unknown array": (embeddings(weather=np.zeros(3)), "ignored-columns"),
    "spreadsheet's semicolons": (
        manifest("path;label", *(f"{kind}{number}.png;{kind}" for kind in "cd" for number in range(5))),
        "",
    ),
    "byte order mark": (manifest("path,label", "...", encoding="utf-8-sig"), ""),
    "link to a folder of pictures": (changed(lambda root: folders(emu=5)(root / ".store") and link(root)), ""),
    "very deep nesting": (changed(lambda root: picture(root.joinpath("cat", *(["d"] * 60), "x.png"))), ""),
}


def link(root: Path) -> None:
    (root / "emu").symlink_to(root / ".store" / "emu")


@pytest.mark.parametrize("kind", WORKED_AROUND)
def test_where_work_can_go_on_a_finding_says_what_was_met(tmp_path, kind):
    build, code = WORKED_AROUND[kind]
    task = read_task(build(tmp_path))
    codes = [finding.code for finding in task.findings]
    assert (code in codes) if code else codes == []
    assert task.num_classes >= 2
    assert len(task.train) >= 4


def test_a_copy_across_given_splits_is_reported(tmp_path):
    folders(train__cat=5, train__dog=5, test__cat=3, test__dog=3)(tmp_path)
    shutil.copy(tmp_path / "train" / "cat" / "0.png", tmp_path / "test" / "cat" / "x.png")
    task = read_task(tmp_path)
    assert "duplicate-across-splits" in [finding.code for finding in task.findings]
    assert set(task.train.content_keys).isdisjoint(task.test.content_keys)
