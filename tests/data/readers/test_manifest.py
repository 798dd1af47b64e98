from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.data.readers.manifest import Manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set" / "pictures").mkdir(parents=True)
    for name in ("1", "2", "3", "4", "5"):
        Image.new("RGB", (1, 1)).save(tmp_path / "set" / "pictures" / f"{name}.png")
    return tmp_path / "set"


def write(folder: Path, *lines: str, name: str = "manifest.csv", encoding: str = "utf-8") -> str:
    (folder / name).write_bytes("\n".join(lines).encode(encoding))
    return str(folder / name)


def message(place: str) -> str:
    with pytest.raises(DataError) as caught:
        Manifest().read(place)
    return str(caught.value).replace(str(Path(place).parent), "ROOT")


def rows(place: str) -> list[tuple[str | None, ...]]:
    raw = Manifest().read(place)
    names = [Path(raw.images.name(row)).name for row in range(len(raw.images))]
    return list(zip(names, raw.labels, raw.splits, raw.groups, raw.domains, strict=True))


EXPECTED = [
    ("1.png", "cat", "train", "g1", "day"),
    ("2.png", "dog", "test", "", "night"),
    ("3.png", None, "unlabeled", "g1", "day"),
]


def test_all_columns_of_a_csv_file_are_read(folder):
    place = write(
        folder,
        "path,label,split,group,domain",
        "pictures/1.png,cat,train,g1,day",
        "pictures/2.png,dog,test,,night",
        "pictures/3.png,,,g1,day",
    )
    assert rows(place) == EXPECTED
    assert Manifest().read(place).name == "set"
    assert Manifest().read(place).findings == ()


def test_what_flags_of_validation_became_is_said(folder):
    place = write(
        folder, "fname,label,is_valid", "pictures/1.png,cat,False", "pictures/2.png,dog,True", "pictures/3.png,cat,False"
    )
    assert [row[2] for row in rows(place)] == ["train", "validation", "train"]
    (found,) = Manifest().read(place).findings
    assert found.code == "columns-renamed"
    assert found.title == (
        'Columns of manifest.csv are read by other headings: "is_valid" as split (True: validation, False: train), '
        '"fname" as path.'
    )
    assert found.advice == 'If another column is meant, call that one "split" or "path".'
    both = write(folder, "path,label,is_valid,split", "pictures/1.png,cat,True,train", "pictures/2.png,dog,,test")
    assert [row[2] for row in rows(both)] == ["train", "test"]
    assert Manifest().read(both).findings == ()


def test_a_parquet_file_says_the_same(folder):
    columns = {
        "path": ["pictures/1.png", "pictures/2.png", "pictures/3.png"],
        "label": pa.array(["cat", "dog", None]).dictionary_encode(),
        "split": ["train", "test", None],
        "group": ["g1", None, "g1"],
        "domain": ["day", "night", "day"],
    }
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    assert rows(str(folder / "rows.parquet")) == EXPECTED
    assert Manifest().read(str(folder / "rows.parquet")).name == "rows"


@pytest.mark.parametrize(
    ("delimiter", "encoding", "name"), [(";", "utf-8", "a.csv"), ("\t", "utf-8", "a.tsv"), (",", "utf-8-sig", "a.csv")]
)
def test_spreadsheets_ways_of_writing_are_understood(folder, delimiter, encoding, name):
    lines = [delimiter.join(cells) for cells in (("Path ", "LABELS"), ("pictures/1.png", " Käse "), ("pictures/2.png", "b"))]
    place = write(folder, *lines, "", name=name, encoding=encoding)
    assert [row[:3] for row in rows(place)] == [("1.png", "Käse", ""), ("2.png", "b", "")]


def test_numbers_as_labels_are_names(folder):
    table = pa.table({"path": ["pictures/1.png", "pictures/2.png"], "label": pa.array([3.0, None])})
    pq.write_table(table, folder / "manifest.parquet")
    assert [row[1:3] for row in rows(str(folder))] == [("3", ""), (None, "unlabeled")]


def test_a_folder_with_a_manifest_is_read_through_it(folder):
    write(folder, "path,label", "pictures/1.png,a")
    assert Manifest().recognizes(str(folder))
    assert rows(str(folder)) == [("1.png", "a", "", "", "")]
    write(folder, "path\tlabel", "pictures/1.png\ta", name="manifest.tsv")
    with pytest.raises(DataError) as caught:
        Manifest().read(str(folder))
    assert str(caught.value) == f"{folder}: holds manifest.csv and manifest.tsv. Point at one of them."


def test_the_label_of_an_unlabeled_row_is_masked_and_a_test_row_keeps_its_split(folder):
    place = write(folder, "path,label,split", "pictures/1.png,a,unlabeled", "pictures/2.png,,test", "pictures/3.png,,train")
    assert [row[1:3] for row in rows(place)] == [(None, "unlabeled"), (None, "test"), (None, "unlabeled")]


def test_a_path_may_be_absolute_or_point_elsewhere(folder):
    Image.new("RGB", (1, 1)).save(folder.parent / "out.png")
    place = write(folder, "path,label", f"{folder}/pictures/1.png,a", "../out.png,b")
    assert [row[:2] for row in rows(place)] == [("1.png", "a"), ("out.png", "b")]


def test_what_is_worked_around_is_found(folder):
    place = write(
        folder,
        "path,label,note,spilt",
        "pictures/1.png,a,x,",
        "pictures/./1.png,a,y,",
        "pictures/1.png,b,x,",
        "pictures/2.png,b,x,",
        "pictures/9.png,b,x,",
    )
    raw = Manifest().read(place)
    found = {f.code: (f.severity, f.title, f.evidence, f.advice) for f in raw.findings}
    assert found == {
        "ignored-columns": (
            "warning",
            "Columns of manifest.csv that mean nothing here are ignored (2).",
            {"count": 2, "columns": ["note", "spilt"], "known": ["path", "label", "split", "group", "domain", "target"]},
            '"spilt": Did you mean "split"?',
        ),
        "repeated-rows": (
            "warning",
            "Rows that repeat another row are left out (1).",
            {"count": 1, "paths": [f"{folder}/pictures/1.png"]},
            "Delete the repetitions from the manifest.",
        ),
        "missing-files": (
            "warning",
            "Pictures that the manifest names and that do not exist are left out (1).",
            {"count": 1, "paths": [f"{folder}/pictures/9.png"]},
            "Restore the files or delete their rows.",
        ),
    }
    assert [row[:2] for row in rows(place)] == [("1.png", "a"), ("1.png", "b"), ("2.png", "b")]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["where,when,label", "pictures/1.png,1999,a"],
            'ROOT/manifest.csv: has no column "path". Its columns are where, when, label; rename or add one.',
        ),
        (
            ["path,lable", "pictures/1.png,a"],
            'ROOT/manifest.csv: has no column "label". Did you mean "lable"? Its columns are path, lable; rename or add one.',
        ),
        (["path,label,Label", "pictures/1.png,a,b"], 'ROOT/manifest.csv: has two columns called "label". Rename or remove one.'),
        (["path,label"], "ROOT/manifest.csv: has columns and no rows. Add a row for each picture."),
        ([" "], "ROOT/manifest.csv: is empty. Write a header line and a line for each picture."),
        (
            ["path,label,split", "pictures/1.png,a,train", "pictures/2.png,a,tset"],
            'ROOT/manifest.csv, line 3: split = "tset" is not a split. Did you mean "test"? '
            "Use train, validation, test, unlabeled, or nothing.",
        ),
        (
            ["path,label", "pictures/1.png,a", "pictures/2.png,a,b"],
            "ROOT/manifest.csv, line 3: has 3 cells where the header has 2. "
            "Put cells that contain the delimiter into double quotes.",
        ),
        (["path,label", ",a"], "ROOT/manifest.csv, line 2: has no path. Name the picture, relative to the manifest."),
        (
            ["path,label", '"pictures/1.png,a'],
            "ROOT/manifest.csv, line 2: is not valid CSV (unexpected end of data). Mend that line.",
        ),
        (
            ["path,label", "pictures/1.png,\0"],
            "ROOT/manifest.csv: is not text, as it holds a zero byte. Save it as CSV in UTF-8.",
        ),
        (
            ["path,label", "7.png,a", "8.png,b"],
            "ROOT/manifest.csv: none of its 2 pictures exists (the first is ROOT/7.png). "
            "Paths are relative to the manifest's folder; correct them or move the manifest.",
        ),
        (
            ["path,label", "pictures/1.png,Cat", "pictures/2.png,cat"],
            "ROOT/manifest.csv: the classes 'Cat' and 'cat' have the same name but for case or accents' form. Rename one.",
        ),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_in_a_sentence(folder, lines, expected):
    assert message(write(folder, *lines)) == expected


def test_other_encodings_are_refused_in_a_sentence(folder):
    lines = ("path,label", "pictures/1.png,Käse")
    assert message(write(folder, *lines, encoding="latin-1")) == (
        "ROOT/manifest.csv: is not UTF-8 text (byte 0xe4 at position 27). Save it as CSV in UTF-8."
    )
    assert message(write(folder, *lines, encoding="utf-16")) == (
        "ROOT/manifest.csv: is not UTF-8 text (byte 0xff at position 0). Save it as CSV in UTF-8."
    )


def test_a_damaged_parquet_file_is_refused_in_a_sentence(folder):
    (folder / "manifest.parquet").write_bytes(b"PAR1 and no more")
    assert Manifest().recognizes(str(folder / "manifest.parquet"))
    text = message(str(folder / "manifest.parquet"))
    assert text.startswith("ROOT/manifest.parquet: cannot be read as Parquet (")
    assert text.endswith("). Write it again.")
    assert "\n" not in text


@pytest.mark.parametrize("place", ["a\0b.csv", "n" * 5_000, "/nonexistent.csv", "", "emoji"])
def test_recognizing_never_raises(place):
    assert Manifest().recognizes(place) is False
