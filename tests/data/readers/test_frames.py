"""Frames of pandas, polars and pyarrow, with paths or with the bytes of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from small_data import smooth, write_classes

import headstart
from headstart.core.errors import ArgumentError, DataError
from headstart.data.given_images import given_images
from headstart.data.readers import reader_for
from headstart.data.reading import read_task
from headstart.data.scan import scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "set", {"rose": 3, "tulip": 3})


def columns(folder: Path) -> dict[str, list[str]]:
    paths = sorted(folder.rglob("*.png"))
    return {"path": list(map(str, paths)), "label": [path.parent.name for path in paths]}


def frame_of(kind: str, cells: dict) -> object:
    return {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[kind](cells)


def refusal(frame: object) -> str:
    with pytest.raises(DataError) as raised:
        reader_for(frame).read(frame)
    return str(raised.value)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_frame_of_paths_is_the_task_of_the_folder(folder: Path, kind: str):
    of_folder, of_frame = read_task(folder), read_task(frame_of(kind, columns(folder)))
    assert of_frame.fingerprint == of_folder.fingerprint
    assert (of_frame.name, of_frame.place) == ("frame", "")
    assert of_frame.train.images.name(4) == str(folder / "tulip" / "001.png")


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_frame_of_bytes_is_the_task_of_the_folder(folder: Path, kind: str):
    cells = columns(folder)
    contents = {"image": [Path(path).read_bytes() for path in cells["path"]], "label": cells["label"]}
    of_folder, of_frame = read_task(folder), read_task(frame_of(kind, contents))
    assert of_frame.fingerprint == of_folder.fingerprint
    assert of_frame.train.images.name(4) == "frame[4]"
    assert np.array_equal(np.asarray(of_frame.train.images.read(1)), smooth(6, 40)[1])


def test_split_group_and_domain_are_read_by_the_headings_of_manifests(folder: Path):
    cells = columns(folder)
    frame = pl.DataFrame(
        {
            "Image_Path": cells["path"],
            "species": cells["label"],
            "subset": ["train", "val", "test"] * 2,
            "patient": [1, 1, 2, 2, 3, 3],
            "domain": ["x"] * 6,
            "width": range(6),
        }
    )
    raw = reader_for(frame).read(frame)
    assert raw.splits == ("train", "validation", "test") * 2
    assert (raw.groups, raw.domains) == (("1", "1", "2", "2", "3", "3"), ("x",) * 6)
    assert [finding.code for finding in raw.findings] == ["columns-renamed", "ignored-columns"]


def test_paths_may_be_objects_and_labels_categories_numbers_or_nothing(folder: Path):
    paths = [*map(Path, columns(folder)["path"])]
    frame = pd.DataFrame({"path": paths, "label": pd.Categorical(["a", "b", "a", "b", "a", None])}, index=list("uvwxyz"))
    assert reader_for(frame).read(frame).labels == ("a", "b", "a", "b", "a", None)
    numbers = frame.assign(label=[0.0, 1.0, 0.0, 1.0, 0.0, float("nan")])
    assert reader_for(numbers).read(numbers).labels == ("0", "1", "0", "1", "0", None)


def test_the_number_minus_one_leaves_a_row_without_a_label(folder: Path):
    frame = pa.table({"path": columns(folder)["path"], "label": [0, 1, -1, 0, 1, -1]})
    assert reader_for(frame).read(frame).labels == ("0", "1", None, "0", "1", None)


def test_a_task_has_a_target_and_sources_of_a_frame(folder: Path):
    other = write_classes(folder.parent / "other", {"rose": 3, "tulip": 3}, seed=1)
    cells = {name: values + columns(other)[name] for name, values in columns(folder).items()}
    frame = pd.DataFrame(cells | {"domain": ["new"] * 6 + ["old"] * 6})
    task = headstart.Task.from_frame(frame, target="new")
    assert task.source is not None
    assert (len(task.train), len(task.source), task.place, task.target_domains) == (6, 6, "", ("new",))
    with pytest.raises(DataError, match=r'^frame: has no domain "newer"\. Did you mean "new"\? '):
        read_task(frame, target="newer")


def test_predictions_take_frames_and_name_rows(folder: Path):
    cells = columns(folder)
    assert given_images(pd.DataFrame({"path": cells["path"]})).name(2) == cells["path"][2]
    contents = pl.DataFrame({"image": [Path(path).read_bytes() for path in cells["path"]]})
    assert given_images(contents).name(2) == "frame[2]"
    assert given_images(pd.Series(cells["path"])) == cells["path"]


def test_predictions_have_a_row_for_each_row_of_a_frame(folder: Path):
    paths = columns(folder)["path"]
    given = [paths[0], "gone.png", paths[0], paths[1]]
    images = given_images(pd.DataFrame({"path": given}))
    assert [images.name(row) for row in range(len(images))] == given
    problems = scan(images).problems
    assert problems[1].startswith("gone.png: does not exist")
    assert [bool(problem) for problem in problems] == [False, True, False, False]


def test_pictures_that_are_damaged_or_missing_are_left_out(folder: Path):
    contents = [Path(path).read_bytes() for path in columns(folder)["path"]]
    frame = pl.DataFrame({"image": [*contents[:4], b"oh", None], "label": list("ababab")})
    assert scan(reader_for(frame).read(frame).images).problems[4:] == (
        "frame[4]: is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture, as it starts with b'oh'. Convert or delete it.",
        "frame[5]: is empty (0 bytes). Restore or delete it.",
    )


def test_a_file_that_is_missing_is_left_out_and_none_at_all_is_refused(folder: Path):
    cells = columns(folder)
    frame = pd.DataFrame(cells | {"path": ["gone.png", *cells["path"][1:]]})
    raw = reader_for(frame).read(frame)
    assert (len(raw.images), raw.findings[-1].code, raw.findings[-1].evidence["paths"]) == (5, "missing-files", ["gone.png"])
    assert refusal(frame.assign(path="gone.png")) == (
        "frame: none of its 2 pictures exists (the first is gone.png). Paths are relative to the folder that this "
        "program works in; "
        "correct them, or give whole paths."
    )


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            {"path": ["a"], "lable": ["x"], "n": [1]},
            'frame: has no column "label". Did you mean "lable"? Its columns are path, lable, n; rename or add one.',
        ),
        ({"label": ["x"], "n": [1], "m": [1]}, 'frame: has no column "path". Its columns are label, n, m; rename or add one.'),
        (
            {"path": ["a"], "label": [0.37]},
            "frame, row 0: label = 0.37 is not a name or a whole number. Classes are wanted, not amounts.",
        ),
        (
            {"path": ["a"], "label": [[1, 2]]},
            "frame: label is a column of list<item: int64>, and must be one class a picture. Write one name each.",
        ),
        (
            {"path": [""], "label": ["x"]},
            "frame, row 0: has no path. Name the picture, relative to the folder that this program works in.",
        ),
        (
            {"path": pa.array([], pa.string()), "label": pa.array([], pa.string())},
            "frame: has no rows. Add a row for each picture.",
        ),
        (
            {"a": [b"x"], "b": [b"x"], "label": ["x"]},
            'frame: has several columns of bytes, a, b. Call the one with the pictures "image".',
        ),
    ],
    ids=["no label", "no path", "amount", "list", "empty path", "empty", "two pictures"],
)
def test_a_frame_that_cannot_be_used_is_refused(cells: dict, sentence: str):
    assert refusal(pa.table(cells)) == sentence


def test_cells_that_arrow_does_not_have_are_refused():
    frame = pd.DataFrame({"path": [object(), 1], "label": ["x", "y"]})
    assert refusal(frame).startswith("frame: cannot be read as an Arrow table (")
    assert refusal(frame).endswith("). Keep texts, numbers and bytes in its columns.")


def test_what_is_no_data_is_refused():
    with pytest.raises(ArgumentError) as raised:
        read_task(3)
    assert str(raised.value) == ("read_task: place = 3 is an int. Give a path, the name of a built-in set, a frame or a Dataset.")
