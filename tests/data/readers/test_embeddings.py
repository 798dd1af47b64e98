from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headstart.core.errors import DataError
from headstart.data.readers.embeddings import Embeddings
from headstart.data.readers.manifest import Manifest

FEATURES = np.random.default_rng(3).normal(size=(5, 3))
NAMES = ["a", "b", "a", "b", "a"]


def write(folder: Path, name: str = "embeddings.npz", **arrays: object) -> str:
    np.savez(folder / name, **arrays)
    return str(folder / name)


def message(place: str) -> str:
    with pytest.raises(DataError) as caught:
        Embeddings().read(place)
    return str(caught.value).replace(str(Path(place).parent), "ROOT")


def test_features_labels_and_what_else_is_known_are_read(tmp_path):
    place = write(
        tmp_path,
        "flowers.npz",
        features=FEATURES,
        labels=["a", "b", "", "b", "a"],
        split=["train", "test", "", "val", "unlabeled"],
        group=[7, 7, 8, 8, 9],
        domain=["x"] * 5,
    )
    raw = Embeddings().read(place)
    assert raw.images.embedded
    np.testing.assert_array_equal(raw.images.vectors(), FEATURES.astype(np.float32))
    assert (raw.name, raw.images.name(2)) == ("flowers", "flowers.npz[2]")
    assert raw.labels == ("a", "b", None, "b", None)
    assert raw.splits == ("train", "test", "unlabeled", "validation", "unlabeled")
    assert raw.groups == ("7", "7", "8", "8", "9")
    assert raw.domains == ("x",) * 5
    assert raw.findings == ()


@pytest.mark.parametrize(
    "labels", [np.array([0, 1, -1, 1, 10]), np.array([0.0, 1.0, np.nan, 1.0, 10.0]), np.array(["0", "1", "-1", "1", "10"])]
)
def test_numbers_as_labels_are_names_and_minus_one_is_unknown(tmp_path, labels):
    raw = Embeddings().read(write(tmp_path, features=FEATURES, labels=labels))
    assert raw.labels == ("0", "1", None, "1", "10")
    assert raw.splits == ("", "", "unlabeled", "", "")


def test_both_forms_of_parquet_hold_the_same(tmp_path):
    lists = pa.table({"features": pa.array(FEATURES.tolist()), "label": NAMES})
    fixed = pa.table({"features": pa.FixedSizeListArray.from_arrays(FEATURES.ravel(), 3), "label": NAMES})
    columns = pa.table({**{f"f{i}": FEATURES[:, i] for i in (2, 0, 1)}, "labels": NAMES})
    for number, table in enumerate((lists, fixed, columns)):
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=2)
        raw = Embeddings().read(str(tmp_path / f"{number}.parquet"))
        np.testing.assert_array_equal(raw.images.vectors(), FEATURES.astype(np.float32))
        assert raw.labels == tuple(NAMES)


def test_a_manifest_is_told_from_embeddings_by_its_columns(tmp_path):
    pq.write_table(pa.table({"path": ["1.png"], "label": ["a"]}), tmp_path / "manifest.parquet")
    assert not Embeddings().recognizes(str(tmp_path / "manifest.parquet"))
    assert Manifest().recognizes(str(tmp_path / "manifest.parquet"))
    assert Embeddings.precedence > Manifest.precedence


def test_a_folder_with_embeddings_is_read_through_them(tmp_path):
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", features=FEATURES, labels=NAMES)
    assert Embeddings().recognizes(str(tmp_path / "set"))
    assert Embeddings().read(str(tmp_path / "set")).name == "set"


def test_arrays_that_mean_nothing_are_found(tmp_path):
    (found,) = Embeddings().read(write(tmp_path, features=FEATURES, labels=NAMES, extra=[1])).findings
    assert (found.code, found.severity, found.evidence["columns"]) == ("ignored-columns", "info", ["extra"])


BROKEN = FEATURES.copy()
BROKEN[1, 2], BROKEN[3, 0] = np.nan, np.inf


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        (
            {"features": BROKEN, "labels": NAMES},
            "ROOT/embeddings.npz: 2 of 5 rows hold nan, infinite or too large features, the first is row 1. Mend or remove them.",
        ),
        (
            {"features": FEATURES * 1e300, "labels": NAMES},
            "ROOT/embeddings.npz: 5 of 5 rows hold nan, infinite or too large features, the first is row 0. Mend or remove them.",
        ),
        (
            {"features": FEATURES, "lables": NAMES},
            'ROOT/embeddings.npz: has no "labels". Did you mean "lables"? It holds: features, lables. Add or rename it.',
        ),
        ({"w": FEATURES, "labels": NAMES}, 'ROOT/embeddings.npz: has no "features". It holds: labels, w. Add or rename it.'),
        ({}, 'ROOT/embeddings.npz: has no "features". It holds: none. Add or rename it.'),
        (
            {"features": FEATURES.ravel(), "labels": NAMES},
            "ROOT/embeddings.npz: features have the shape (15,), and must be [sample, feature] with one of each at least. "
            "Reshape them.",
        ),
        (
            {"features": FEATURES[:0], "labels": []},
            "ROOT/embeddings.npz: features have the shape (0, 3), and must be [sample, feature] with one of each at least. "
            "Reshape them.",
        ),
        (
            {"features": FEATURES.astype(str), "labels": NAMES},
            "ROOT/embeddings.npz: features are of type <U32, and must be real numbers. Convert them.",
        ),
        (
            {"features": FEATURES, "labels": NAMES[:4]},
            "ROOT/embeddings.npz: labels has 4 values for 5 rows of features. Make them equally long.",
        ),
        (
            {"features": FEATURES, "labels": np.eye(5)},
            "ROOT/embeddings.npz: labels has the shape (5, 5), and must be one value a row. Reshape it.",
        ),
        (
            {"features": FEATURES, "labels": [0, 1, 0.5, 1, 0]},
            "ROOT/embeddings.npz, row 2: labels = 0.5 is not a name or a whole number. Classes are wanted, not amounts. "
            'To predict numbers, call the array "target".',
        ),
        (
            {"features": FEATURES, "labels": NAMES, "split": ["train", "vld", "", "", ""]},
            'ROOT/embeddings.npz, row 1: split = "vld" is not a split. Did you mean "valid"? '
            "Use train, validation, test, unlabeled, or nothing.",
        ),
        (
            {"features": FEATURES, "labels": np.array(NAMES, dtype=object)},
            "ROOT/embeddings.npz: holds an array of Python objects, which may run code when read. Save numbers and texts only.",
        ),
        (
            {"features": FEATURES, "labels": ["A", "b", "a", "b", "a"]},
            "ROOT/embeddings.npz: the classes 'A' and 'a' have the same name but for case or accents' form. Rename one.",
        ),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_in_a_sentence(tmp_path, arrays, expected):
    assert message(write(tmp_path, **arrays)) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            {"features": [[1.0, 2.0], [3.0]], "label": ["a", "b"]},
            "ROOT/e.parquet, row 1: has 1 features where row 0 has 2. Make all rows equally wide.",
        ),
        (
            {"features": [[1.0], None], "label": ["a", "b"]},
            "ROOT/e.parquet, row 1: has 0 features where row 0 has 1. Make all rows equally wide.",
        ),
        (
            {"features": ["1", "2"], "label": ["a", "b"]},
            "ROOT/e.parquet: features is a column of string, and must be one of lists of numbers. Write it again.",
        ),
        (
            {"features": [["1"], ["2"]], "label": ["a", "b"]},
            "ROOT/e.parquet: its features are string, and must be numbers. Write it again.",
        ),
        (
            {"f0": [1.0], "f2": [1.0], "label": ["a"]},
            "ROOT/e.parquet: its feature columns lack f1. Number them f0, f1, ... without a gap.",
        ),
        (
            {"f0": [1.0, None], "label": ["a", "b"]},
            "ROOT/e.parquet: 1 of 2 rows hold nan, infinite or too large features, the first is row 1. Mend or remove them.",
        ),
    ],
)
def test_columns_that_cannot_be_used_are_refused_in_a_sentence(tmp_path, columns, expected):
    pq.write_table(pa.table(columns), tmp_path / "e.parquet")
    assert Embeddings().recognizes(str(tmp_path / "e.parquet"))
    assert message(str(tmp_path / "e.parquet")) == expected


def test_what_is_no_archive_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    assert message(str(tmp_path / "text.npz")) == (
        "ROOT/text.npz: cannot be read as .npz (File is not a zip file). Write it again with numpy.savez."
    )
    whole = Path(write(tmp_path, features=FEATURES, labels=NAMES))
    whole.write_bytes(whole.read_bytes()[:-30])
    assert message(str(whole)) == (
        "ROOT/embeddings.npz: cannot be read as .npz (File is not a zip file). Write it again with numpy.savez."
    )
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("features", b"no array")
        archive.writestr("labels", b"no array")
    assert "features are of type" in message(str(tmp_path / "other.npz"))


def test_an_archive_that_unpacks_to_too_much_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.data.readers.embeddings.MAX_BYTES", 100)
    place = write(tmp_path, features=np.zeros((10, 1_000)), labels=["a"] * 10)
    assert message(place).endswith("more than the 100 allowed. Split or shrink it.")


@pytest.mark.parametrize("place", ["a\0b.npz", "n" * 5_000, "/nonexistent.npz", "", "emoji"])
def test_recognizing_never_raises(place, tmp_path):
    assert Embeddings().recognizes(place) is False
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    assert Embeddings().recognizes(str(tmp_path / "broken.parquet")) is False
