"""Common layouts of data as people have them: what each is read as, or the sentence that refuses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.data.reading import read_task

AB = ("a", "b")


@dataclass(frozen=True)
class Layout:
    """Pictures as `folder/*N` or one by one, tables by their lines, and what is read: a sentence, or counts with finding codes.

    `place` is what is given to `read_task`, relative to the root; `sources` likewise. Counts are of train, validation, test and
    unlabeled rows.
    """

    pictures: tuple[str, ...]
    expected: str | tuple[int, int, int, int]
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    place: str = ""
    sources: tuple[str, ...] = ()
    classes: tuple[str, ...] = AB
    findings: tuple[str, ...] = ()


def table(heading: str, *more: str) -> tuple[str, ...]:
    """A heading and the rows of `rows("")`, which `more` follow."""
    return heading, *rows(""), *more


def rows(folder: str, ending: str = ".jpg") -> tuple[str, ...]:
    """Three rows of each of two classes, as a table names them."""
    return tuple(f"{folder}{kind}{number}{ending},{kind}" for kind in AB for number in range(3))


FLAT = tuple(f"{kind}{number}.jpg" for kind in AB for number in range(3))
WRAPPED = "ROOT: the folders of its classes lie deeper, in {1}/. Did you mean ROOT/{1}?"
IN_IMAGES = tuple(f"images/{name}" for name in FLAT)
BIRDS = (
    "class id,filepaths,labels,data set",
    *(f"0,train/{kind}/{number}.jpg,{kind},train" for kind in AB for number in range(3)),
    *(f"0,test/{kind}/0.jpg,{kind},test" for kind in AB),
)
NO_CLASSES = "Sort them into one folder a class, or name them with their labels in a manifest.csv."

LAYOUTS = {
    # class folders
    "class folders": Layout(("a/*3", "b/*4"), (7, 0, 0, 0)),
    "class folders with folders inside": Layout(("a/day1/*2", "a/day2/*2", "b/x/y/*3"), (7, 0, 0, 0)),
    "class folders of numbers": Layout(("0/*3", "1/*3", "10/*3"), (9, 0, 0, 0), classes=("0", "1", "10")),
    "class folders and unlabeled": Layout(("a/*3", "b/*3", "unlabeled/*5"), (6, 0, 0, 5)),
    "class folders and unlabelled": Layout(("a/*3", "b/*3", "Unlabelled/x/*5"), (6, 0, 0, 5)),
    "class folders beside a readme": Layout(("a/*3", "b/*3"), (6, 0, 0, 0), {"README.txt": ("hello",)}, findings=("other-file",)),
    "class folders beside loose pictures": Layout(("a/*3", "b/*3", "x.jpg"), (6, 0, 0, 0), findings=("stray-image",)),
    "class folders beside a table of them": Layout(
        ("a/*3", "b/*3"), (6, 0, 0, 0), {"labels.csv": ("filename,class", "a/0.jpg,z", "b/0.jpg,z")}, findings=("other-file",)
    ),
    "class folders beside an empty one": Layout(("a/*3", "b/*3", "c/*0"), (6, 0, 0, 0), findings=("empty-class",)),
    "class folders and one with one picture": Layout(("a/*3", "b/*3", "c/*1"), (6, 0, 0, 0), findings=("tiny-class",)),
    "a class called train beside others": Layout(("train/*3", "bus/*3"), (6, 0, 0, 0), classes=("bus", "train")),
    "classes called photo and picture": Layout(("photo/*3", "picture/*3"), (6, 0, 0, 0), classes=("photo", "picture")),
    # nested too deep, or flat
    "a folder around": Layout(("set/a/*3", "set/b/*3"), WRAPPED.format("set", "set")),
    "two folders around": Layout(
        ("nested/inner/a/*3", "nested/inner/b/*3"),
        WRAPPED.format("nested", "nested/inner"),
    ),
    "a folder around splits": Layout(
        ("set/train/a/*3", "set/test/a/*3"),
        WRAPPED.format("set", "set"),
    ),
    "a folder around and a readme": Layout(
        ("set/a/*3", "set/b/*3"),
        WRAPPED.format("set", "set"),
        {"README.md": ("hello",)},
    ),
    "a split in a folder of its own name": Layout(
        ("train/train/a/*3", "train/train/b/*3", "test/a/*3"),
        "ROOT/train: the folders of its classes lie deeper, in train/. Did you mean ROOT/train/train?",
    ),
    "loose pictures": Layout(
        FLAT,
        "ROOT: 6 pictures lie in no class folder (the first is a0.jpg). Sort them into one folder a class, put them into "
        "unlabeled/, or name them in a manifest.csv.",
    ),
    "one folder of pictures": Layout(IN_IMAGES, f"ROOT: images/ holds pictures and no class folders. {NO_CLASSES}"),
    "train and test of pictures": Layout(
        ("train/*3", "test/*3"), f"ROOT: test/ and train/ hold pictures and no class folders. {NO_CLASSES}"
    ),
    "train_images and test_images": Layout(
        ("train_images/*3", "test_images/*3"),
        f"ROOT: test_images/ and train_images/ hold pictures and no class folders. {NO_CLASSES}",
    ),
    "one class": Layout(("a/*3",), 'ROOT: "a" is the only class. Add images until two classes have at least two each.'),
    "nothing": Layout((), "ROOT: holds no pictures (JPEG, PNG, WebP, BMP, TIFF or GIF). Put one folder a class there."),
    "one picture": Layout(
        ("a.jpg",), "ROOT/a.jpg: is one picture. Give the folder that holds one folder of pictures for each class.", place="a.jpg"
    ),
    "an archive": Layout((), "ROOT/set.zip: is an archive. Unpack it and give the folder.", {"set.zip": ("PK",)}, "set.zip"),
    # given splits
    "train and test": Layout(("train/a/*3", "train/b/*3", "test/a/*1", "test/b/*1"), (6, 0, 2, 0)),
    "train, val and test": Layout(("train/a/*3", "train/b/*3", "val/a/*1", "val/b/*1", "test/a/*1", "test/b/*1"), (6, 2, 2, 0)),
    "Training, Validation and Testing": Layout(
        ("Training/a/*3", "Training/b/*3", "Validation/a/*1", "Testing/b/*1"), (6, 1, 1, 0), findings=("class-without-test",)
    ),
    "train and valid without test": Layout(
        ("train/a/*3", "train/b/*3", "valid/a/*2", "valid/b/*2"), (6, 4, 0, 0), findings=("no-test-split",)
    ),
    "train alone": Layout(("train/a/*3", "train/b/*3"), (6, 0, 0, 0)),
    "train, test and unlabeled": Layout(("train/a/*3", "train/b/*3", "test/a/*1", "test/b/*1", "unlabeled/*4"), (6, 0, 2, 4)),
    "a split beside a class": Layout(
        ("train/a/*3", "b/*3"),
        "ROOT: holds the split folder train/ beside 'b'. Move every class into the split folders, or remove what is no class.",
    ),
    "a class in test alone": Layout(
        ("train/a/*3", "train/b/*3", "test/c/*1"),
        'ROOT: test has images of "c", of which train has none. Add training images of it, or remove it from test.',
    ),
    # tables
    "manifest.csv": Layout(FLAT, (6, 0, 0, 0), {"manifest.csv": table("path,label")}),
    "filename,class": Layout(FLAT, (6, 0, 0, 0), {"data.csv": table("filename,class")}, findings=("columns-renamed",)),
    "image,label": Layout(FLAT, (6, 0, 0, 0), {"data.csv": table("image,label")}, "data.csv", findings=("columns-renamed",)),
    "file,category": Layout(FLAT, (6, 0, 0, 0), {"x.csv": table("file,category")}, "x.csv", findings=("columns-renamed",)),
    "file_name,label as of Hugging Face": Layout(
        FLAT, (6, 0, 0, 0), {"metadata.csv": table("file_name,label")}, findings=("columns-renamed",)
    ),
    "id,breed beside train and test": Layout(
        (*(f"train/{name}" for name in FLAT), "test/*3"),
        (6, 0, 0, 0),
        {"labels.csv": ("id,breed", *rows("", "")), "sample_submission.csv": ("id,breed", "x,a")},
        findings=("columns-renamed", "pictures-located"),
    ),
    "image_id,label beside train_images": Layout(
        (*(f"train_images/{name}" for name in FLAT), "test_images/*3"),
        (6, 0, 0, 0),
        {"train.csv": table("image_id,label")},
        findings=("columns-renamed", "pictures-located"),
    ),
    "image_id and a heading of its own": Layout(
        IN_IMAGES,
        (6, 0, 0, 0),
        {"data.csv": ("image_id,diagnosis", *rows("", ""))},
        "data.csv",
        findings=("columns-renamed", "pictures-located"),
    ),
    "filepaths,labels,data set": Layout(
        ("train/a/*3", "train/b/*3", "test/a/*1", "test/b/*1"),
        (6, 0, 2, 0),
        {
            "birds.csv": (
                "class id,filepaths,labels,data set",
                *(f"0,train/{kind}/{number}.jpg,{kind},train" for kind in AB for number in range(3)),
                *(f"0,test/{kind}/0.jpg,{kind},test" for kind in AB),
            )
        },
        "birds.csv",
        findings=("columns-renamed", "ignored-columns"),
    ),
    "fastai's is_valid": Layout(
        FLAT,
        (4, 2, 0, 0),
        {"labels.csv": ("fname,label,is_valid", *(f"{row},{row.startswith(('a2', 'b2'))}" for row in rows("")))},
        "labels.csv",
        findings=("columns-renamed", "no-test-split"),
    ),
    "a set column of no splits": Layout(
        FLAT,
        (6, 0, 0, 0),
        {"manifest.csv": ("path,label,set", *(f"{row},second" for row in rows("")))},
        findings=("ignored-columns",),
    ),
    "patients as groups": Layout(
        FLAT,
        (6, 0, 0, 0),
        {"manifest.csv": ("path,label,patient_id", *(f"{row},{row[1]}" for row in rows("")))},
        findings=("columns-renamed",),
    ),
    "train.csv and test.csv": Layout(
        IN_IMAGES,
        (4, 0, 2, 0),
        {
            "train.csv": ("path,label", *(row for row in rows("images/") if "2" not in row)),
            "test.csv": ("path,label", *(row for row in rows("images/") if "2" in row)),
        },
    ),
    "two tables": Layout(
        FLAT,
        "ROOT: holds new.csv and old.csv. Point at one of them.",
        {"old.csv": table("path,label"), "new.csv": table("path,label")},
    ),
    "a table with empty labels": Layout(
        FLAT, (4, 0, 0, 2), {"manifest.csv": ("path,label", *rows("")[:2], "a2.jpg,", *rows("")[3:5], "b2.jpg,")}
    ),
    "a table of tabs": Layout(
        FLAT, (6, 0, 0, 0), {"manifest.tsv": ("path\tlabel", *(row.replace(",", "\t") for row in rows("")))}
    ),
    "a table of semicolons": Layout(
        FLAT, (6, 0, 0, 0), {"manifest.csv": ("Path;Label", *(row.replace(",", ";") for row in rows("")))}
    ),
    "a table of predictions": Layout(
        FLAT,
        "ROOT: 6 pictures lie in no class folder (the first is a0.jpg). Sort them into one folder a class, put them into "
        "unlabeled/, or name them in a manifest.csv.",
        {"labels.csv": ("path,label,probability", *(f"{row},0.9" for row in rows("")))},
    ),
    "a table without paths": Layout(
        FLAT,
        'ROOT/x.csv: has no column "path". Its columns are label, height, width; rename or add one.',
        {"x.csv": ("label,height,width", "a,1,1", "b,1,1")},
        "x.csv",
    ),
    # two domains
    "an unlabeled target that is the test, too": Layout(
        ("from/a/*3", "from/b/*3", "to/unlabeled/*4", "to/test/a/=to/unlabeled/0", "to/test/b/=to/unlabeled/1"),
        (0, 0, 2, 4),
        place="to",
        sources=("from",),
        findings=("transductive",),
    ),
    "a target of test images alone": Layout(
        ("from/a/*3", "from/b/*3", "to/test/a/*2", "to/test/b/*2"),
        "ROOT/to: has no image outside of its test split, and a source is compared with two at least. Add images, with labels or "
        "without. Copies of the test images in unlabeled/ will do.",
        place="to",
        sources=("from",),
    ),
    "a target of loose pictures": Layout(
        ("from/a/*3", "from/b/*3", "to/*5"), (0, 0, 0, 5), place="to", sources=("from",), findings=("no-test",)
    ),
    "a target of loose pictures in train, with a test": Layout(
        ("from/a/*3", "from/b/*3", "to/train/*5", "to/test/a/*2", "to/test/b/*2"), (0, 0, 4, 5), place="to", sources=("from",)
    ),
    "a target of pictures in images": Layout(
        ("from/a/*3", "from/b/*3", "to/images/*5"), (0, 0, 0, 5), place="to", sources=("from",), findings=("no-test",)
    ),
}


def write(root: Path, layout: Layout) -> None:
    """Distinct noise for each picture; `folder/=other` is a copy of another one."""
    random = np.random.default_rng(5)
    for pattern in layout.pictures:
        folder, _, name = pattern.rpartition("/")
        (root / folder).mkdir(parents=True, exist_ok=True)
        if "=" in pattern:
            into, _, other = pattern.partition("=")
            (root / into / "copy.jpg").write_bytes((root / f"{other}.jpg").read_bytes())
            continue
        for one in [f"{number}.jpg" for number in range(int(name[1:]))] if name.startswith("*") else [name]:
            Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(root / folder / one)
    for name, lines in layout.tables.items():
        (root / name).write_text("\n".join(lines), encoding="utf-8")


def test_there_are_fifty_layouts() -> None:
    assert len(LAYOUTS) >= 50


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_common_layout_is_read_or_refused_in_a_sentence(layout: Layout, tmp_path: Path) -> None:
    write(tmp_path, layout)
    place = tmp_path / layout.place if layout.place else tmp_path
    sources = [tmp_path / source for source in layout.sources]
    if isinstance(layout.expected, str):
        with pytest.raises(DataError) as caught:
            read_task(place, sources=sources)
        assert str(caught.value).replace(str(tmp_path), "ROOT") == layout.expected
        return
    task = read_task(place, sources=sources)
    parts = (task.train, task.validation, task.test, task.unlabeled)
    assert tuple(len(part) if part else 0 for part in parts) == layout.expected
    assert task.classes == layout.classes
    assert tuple(sorted(finding.code for finding in task.findings)) == layout.findings
