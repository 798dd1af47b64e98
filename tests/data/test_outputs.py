from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import headstart
from headstart.core.errors import DataError
from headstart.data.joined import joined_rows
from headstart.data.outputs import SeveralOutputsError, are_amounts, labels_in, number_in
from headstart.data.readers import read_numbers, reader_for
from headstart.data.reading import read_task
from headstart.planning.fitting import task_of_plan
from headstart.runs.origin import task_of
from headstart.workflows.evaluate import images_to_evaluate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abcd":
        Image.new("RGB", (2, 2)).save(tmp_path / f"{name}.png")
    return tmp_path


def read(folder: Path, *lines: str):
    (folder / "m.csv").write_text("\n".join(lines))
    return reader_for(str(folder / "m.csv")).read(str(folder / "m.csv"))


@pytest.mark.parametrize("heading", ["label", "labels", "class"])
def test_cells_with_a_separator_are_several_labels(folder, heading):
    raw = read(folder, f"path,{heading}", "a.png,dog; cat", "b.png,cat", "c.png,;", "d.png,")
    assert (raw.outputs, raw.labels, raw.splits[3]) == ("several_labels", ("cat;dog", "cat", ";", None), "unlabeled")
    finding = raw.findings[-1]
    assert (finding.code, finding.evidence) == ("several-labels", {"several": 1, "none": 1})
    assert finding.title == 'Labels of m.csv are read as several an image, with ";" between them (1 images have several).'


def test_single_labels_stay_classes(folder):
    assert read(folder, "path,labels", "a.png,cat", "b.png,dog").outputs == ""


def test_a_separator_in_the_name_of_a_class_is_part_of_it(folder):
    raw = read(folder, "path,label", "a.png,mild; moderate", "b.png,severe", "c.png,mild; moderate")
    assert (raw.outputs, raw.labels, raw.findings) == ("", ("mild; moderate", "severe", "mild; moderate"), ())
    assert read(folder, "path,label", "a.png,mild; moderate", "b.png,mild").outputs == "several_labels"
    assert read(folder, "path,label", "a.png,a;b", "b.png,c;b").outputs == "several_labels"
    assert read(folder, "path,labels", "a.png,mild; moderate", "b.png,severe").outputs == "several_labels"


def test_several_labels_are_read_as_one_class_where_a_run_knows_them(folder):
    raw = read(folder, "path,label", "a.png,moderate; mild", "b.png,mild", "c.png,moderate; mild", "d.png,mild")
    assert raw.as_one_class().labels == ("moderate; mild", "mild", "moderate; mild", "mild")
    assert (raw.as_one_class().outputs, raw.as_one_class().findings) == ("", ())
    assert joined_rows([raw, raw.as_one_class()]).as_one_class().labels[2:5] == ("moderate; mild", "mild", "moderate; mild")


def test_data_of_a_run_whose_classes_hold_separators_are_read_again(tmp_path):
    features, place = np.random.default_rng(0).normal(size=(24, 3)), str(tmp_path / "d.npz")
    np.savez(place, features=features, labels=np.tile(["mild; moderate", "severe"], 12))
    run = headstart.run(place, out=tmp_path / "run")
    assert run.model.classes == ("mild; moderate", "severe")
    assert task_of(run) is not None
    np.savez(tmp_path / "new.npz", features=features[:3], labels=np.array(["mild; moderate", "mild; moderate", "severe"]))
    assert len(images_to_evaluate(run, str(tmp_path / "new.npz")).images) == 3
    np.savez(place, features=features, labels=np.tile(["mild; moderate", "mild"], 12))
    task = read_task(place, one_class=True)
    assert task.classes == ("mild", "mild; moderate")
    plan = run.plan.model_copy(update={"data": place})
    assert task_of_plan(plan, task.classes).classes == task.classes


def test_a_list_of_labels_in_a_frame_is_several_labels(folder):
    paths = [str(folder / f"{name}.png") for name in "abc"]
    frame = pa.table({"path": paths, "label": [["cat", "dog"], ["dog"], []]})
    assert reader_for(frame).read(frame).labels == ("cat;dog", "dog", ";")
    frame = pa.table({"path": paths, "label": [["a;b"], ["dog"], []]})
    with pytest.raises(DataError, match=r"frame, row 0: a label is 'a;b', and labels are names without \";\". Rename it."):
        reader_for(frame).read(frame)


def test_amounts_in_target_are_numbers_and_whole_numbers_are_classes(folder):
    raw = read(folder, "path,target", "a.png,1.5", "b.png,2", "c.png,-0.25", "d.png,")
    assert (raw.outputs, raw.labels) == ("numbers", ("1.5", "2.0", "-0.25", None))
    assert [finding.code for finding in raw.findings] == ["predicts-numbers"]
    assert read(folder, "path,target", "a.png,1", "b.png,2").outputs == ""


def test_a_column_label_wins_over_target(folder):
    raw = read(folder, "path,label,target", "a.png,cat,1.5", "b.png,dog,2.5")
    assert (raw.outputs, raw.labels, [finding.code for finding in raw.findings]) == ("", ("cat", "dog"), ["ignored-columns"])


def test_the_numbers_of_a_named_column_are_read(folder):
    (folder / "m.csv").write_text("path,label,age\na.png,cat,3\nb.png,dog,4\n")
    raw = read_numbers(str(folder / "m.csv"), "age")
    assert (raw.outputs, raw.labels) == ("numbers", ("3.0", "4.0"))
    with pytest.raises(DataError) as caught:
        read_numbers(str(folder / "m.csv"), "dose")
    assert str(caught.value) == (
        f'{folder}/m.csv: has no column "dose", whose numbers are to be predicted. Name one of its columns.'
    )
    with pytest.raises(DataError) as caught:
        read_numbers("digits", "age")
    assert str(caught.value) == (
        'digits: has no columns, and the numbers of "age" are to be predicted. Give a manifest, a frame or a '
        "file of feature vectors."
    )


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("old", 'm, line 3: target = "old" is not a number. Write one, such as 37.5, or leave the cell empty.'),
        ("nan", 'm, line 3: target = "nan" is not a finite number. Correct it, or leave the cell empty.'),
        (
            "1e300",
            'm, line 3: target = "1e300" is larger than 1e+100, beyond which squared errors cannot be added. Correct it, or '
            "give all numbers in a larger unit.",
        ),
        ("-inf", 'm, line 3: target = "-inf" is not a finite number. Correct it, or leave the cell empty.'),
    ],
)
def test_what_is_no_number_is_refused_with_its_row(cell, sentence):
    with pytest.raises(DataError) as caught:
        number_in(cell, "m, line 3")
    assert str(caught.value) == sentence


def test_a_row_without_a_number_among_numbers_is_refused(folder):
    with pytest.raises(DataError, match=r'm.csv, line 4: target = "old" is not a number'):
        read(folder, "path,target", "a.png,1.5", "b.png,2.5", "c.png,old")


def test_a_column_of_amounts_under_another_name_is_offered(folder):
    with pytest.raises(DataError, match=r"rename or add one\. To predict the numbers in weight, give --numbers weight."):
        read(folder, "path,weight", "a.png,1.5", "b.png,2.5")


def test_labels_and_amounts_of_cells():
    assert labels_in(" cat ;dog;;cat") == ("cat", "dog")
    assert are_amounts(["1.5", "", "2.25", "x"])
    assert not are_amounts(["1", "2.5", "3"])
    assert not are_amounts([""])


def test_such_data_are_refused_where_one_class_is_wanted(folder):
    read(folder, "path,labels", "a.png,dog;cat", "b.png,cat")
    place = str(folder / "m.csv")
    sentence = (
        "m holds several labels, and one class an image is wanted here. `run`, `inspect`, `rank`, `predict`, `evaluate`, "
        "`report`, `export` and `serve` take such data."
    )
    for call in (
        lambda: read_task(place),
        lambda: read_task("digits", sources=place),
        lambda: read_task(place, leave_domain_out=True),
        lambda: images_to_evaluate(SimpleNamespace(model=SimpleNamespace(classes=("cat", "dog"))), place),
    ):
        with pytest.raises(SeveralOutputsError) as caught:
            call()
        assert str(caught.value) == sentence


def test_the_message_about_a_number_names_the_column_that_was_asked_for(folder):
    (folder / "m.csv").write_text("path,age\na.png,3\nb.png,old\n")
    with pytest.raises(DataError, match=r'm.csv, line 3: age = "old" is not a number'):
        read_numbers(str(folder / "m.csv"), "age")


def test_a_column_of_paths_holds_no_numbers(folder):
    (folder / "m.csv").write_text("file,age\na.png,3\nb.png,4\n")
    with pytest.raises(DataError) as caught:
        read_numbers(str(folder / "m.csv"), "file")
    assert str(caught.value) == (
        f'{folder}/m.csv: the column "file" tells what numbers are predicted from. Name the one that holds the numbers.'
    )


@pytest.mark.parametrize(("target", "label"), [("0.5", "cat"), ("3", "3")])
def test_classes_by_another_heading_win_over_amounts_in_a_column_target(folder, target, label):
    rows = "".join(f"{name}.png,{target},{species}\n" for name, species in (("a", "cat"), ("b", "dog")))
    (folder / "m.csv").write_text(f"path,target,species\n{rows}")
    raw = reader_for(str(folder / "m.csv")).read(str(folder / "m.csv"))
    assert (raw.outputs, raw.labels[0]) == ("", label)  # whole numbers in a column target are classes


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_a_column_of_a_file_of_vectors_can_be_named(tmp_path, suffix):
    place, features = str(tmp_path / f"v.{suffix}"), np.arange(12.0).reshape(4, 3)
    columns = {"features": features, "labels": np.array(["a", "b", "a", "b"]), "age": np.array([3, 4, 5, 6])}
    if suffix == "npz":
        np.savez(place, **columns)
    else:
        pq.write_table(pa.table({name: list(column) for name, column in columns.items()}), place)
    raw = read_numbers(place, "age")
    assert (raw.outputs, raw.labels) == ("numbers", ("3.0", "4.0", "5.0", "6.0"))
    assert [finding.code for finding in raw.findings] == ["ignored-columns", "predicts-numbers"]
    with pytest.raises(DataError) as caught:
        read_numbers(place, "ages")
    assert str(caught.value) == (
        f'{place}: has no column "ages", whose numbers are to be predicted. Did you mean "age"? Name one of its columns.'
    )
    with pytest.raises(DataError, match="tells what numbers are predicted from"):
        read_numbers(place, "features")
    np.testing.assert_array_equal(reader_for(place).pictures(place).vectors(), features)


def test_vectors_to_predict_for_may_have_labels_of_any_kind(tmp_path):
    np.savez(tmp_path / "v.npz", features=np.ones((2, 3)), labels=np.array([0.3, 0.4]))
    assert len(reader_for(str(tmp_path / "v.npz")).pictures(str(tmp_path / "v.npz"))) == 2
