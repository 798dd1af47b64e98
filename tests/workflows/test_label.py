"""The manifest of images to label: those to label first, then the others, and headstart reads it back."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.core.errors import DataError, PlanError
from headstart.data.reading import read_task
from headstart.planning.adapting.adapt import ToLabel
from headstart.workflows.fit import fit
from headstart.workflows.label import label, manifest_of, next_step, pool_of, quick_methods


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A target of seven images without labels, and a source of two classes."""
    random = np.random.default_rng(0)
    target, source = tmp_path / "target", tmp_path / "source"
    files = [target / "unlabeled" / f"{row}.png" for row in range(7)]
    files += [source / name / f"{row}.png" for name in ("cat", "dog") for row in range(5)]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (16, 16, 3), np.uint8)).save(path)
    return target, source


def test_images_to_label_come_first_and_the_manifest_can_be_read(places, tmp_path):
    target, source = places
    task = read_task(target, sources=[source])
    names = tuple(task.unlabeled.images.name(row) for row in (2, 5))
    found = ToLabel(names=names, rows=(2, 5), guesses=("cat", "dog"), num_differing=2)
    text = manifest_of(pool_of(task), found, tmp_path)
    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["path"], row["label"], row["guess"]) for row in rows[:2]] == [
        (str(Path(names[0]).relative_to(tmp_path)), "", "cat"),
        (str(Path(names[1]).relative_to(tmp_path)), "", "dog"),
    ]
    assert len({row["path"] for row in rows}) == len(rows) == 7
    filled = text.replace(f"{rows[0]['path']},,", f"{rows[0]['path']},cat,").replace(
        f"{rows[1]['path']},,", f"{rows[1]['path']},dog,"
    )
    (tmp_path / "to_label.csv").write_text(filled, encoding="utf-8")
    again = read_task(tmp_path / "to_label.csv", sources=[source])
    assert len(again.labeled) == 2
    assert len(again.unlabeled) == 5
    assert again.classes == ("cat", "dog")


def test_the_next_step_names_every_source(places, tmp_path):
    target, source = map(str, places)
    picture = str(next((places[0] / "unlabeled").iterdir()))
    file, vector = (ToLabel(names=(name,), rows=(0,), guesses=("cat",), num_differing=1) for name in (picture, "vectors.npz[3]"))
    out = Path("to_label.csv")
    assert next_step(target, [source], [], file, out) == (
        f"fill in the labels, then: headstart run to_label.csv --source {source}"
    )
    assert next_step(target, [], ["sketch"], file, out) == (
        f"fill in the labels, then: headstart run to_label.csv --source {target}"
    )
    assert next_step("vectors.npz", [source], ["sketch"], vector, out) == (
        "write the labels of these rows into vectors.npz, then: "
        f"headstart run vectors.npz --source {source} --target-domain sketch"
    )


def test_the_next_step_can_be_copied_where_paths_have_blanks(places):
    found = ToLabel(names=(str(next((places[0] / "unlabeled").iterdir())),), rows=(0,), guesses=("cat",), num_differing=1)
    assert next_step("target", ["my source"], [], found, Path("to label.csv")) == (
        "fill in the labels, then: headstart run 'to label.csv' --source 'my source'"
    )


def test_labels_that_were_filled_in_are_not_written_over(tmp_path):
    out = tmp_path / "to_label.csv"
    out.write_text("path,label\n")
    with pytest.raises(PlanError) as caught:
        label("nowhere", ["elsewhere"], out=out)
    sentence = f"{out} is there already, and may hold labels that were filled in. Move it away, or choose another --out."
    assert str(caught.value) == sentence
    assert out.read_text() == "path,label\n"


def test_what_cannot_be_asked_is_refused_before_anything_is_read():
    with pytest.raises(PlanError) as caught:
        label("nowhere", ["elsewhere"], num=0)
    assert str(caught.value) == "--num 0: ask for one image or more."
    exclude = "and a source exclude each other: with a source, candidates to adapt choose. Leave one out."
    own = "--run and --pretrained exclude each other: a run has its own network. Leave one out."
    refused = [
        ({"source": ["elsewhere"], "strategy": "margin"}, f"--strategy {exclude}"),
        ({"source": ["elsewhere"], "run": "run"}, f"--run {exclude}"),
        ({"minutes": 1}, "--minutes has no effect without a source. Leave it out, or name one with --source."),
        ({"run": "run", "pretrained": "pixels"}, own),
    ]
    for options, sentence in refused:
        with pytest.raises(PlanError) as caught:
            label("nowhere", **options)
        assert str(caught.value) == sentence
    with pytest.raises(PlanError, match="is not a label strategy"):
        label("nowhere", strategy="marginal")


def test_quick_ways_alone_are_compared_by_default_and_it_is_said_before(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("HEADSTART_QUIET", raising=False)
    random = np.random.default_rng(5)
    labels, domains = np.arange(40) % 2, np.repeat(["here", "there"], 20)
    features = labels[:, None] * 4.0 + random.normal(size=(40, 3)) + (domains == "there")[:, None]
    known = np.where(domains == "here", np.array(["a", "b"])[labels], "")
    np.savez(tmp_path / "rows.npz", features=features.astype(np.float32), labels=known, domain=domains)
    assert {"coral", "source_only"} < set(quick_methods())
    assert not {"class_transport", "jdot", "mcc", "joint_ridge"} & set(quick_methods())
    monkeypatch.setattr("headstart.workflows.label.quick_methods", lambda: ["source_only", "coral"])
    assert len(label(tmp_path / "rows.npz", target_domain=["there"], num=3).names) == 3
    assert "Comparing 2 quick ways to adapt: less than a minute." in capsys.readouterr().err.splitlines()


@pytest.fixture
def some_labels(tmp_path: Path) -> Path:
    """Pictures of two brightnesses: three of each in folders, nine without labels, one of which is the copy of a labeled one."""
    random, place = np.random.default_rng(1), tmp_path / "data"
    for row in range(15):
        bright = row % 2
        folder = place / (("dark", "bright")[bright] if row < 6 else "unlabeled")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(100 * bright, 60 + 190 * bright, (16, 16, 3), np.uint8)).save(folder / f"{row}.png")
    (place / "unlabeled" / "14.png").write_bytes((place / "dark" / "0.png").read_bytes())
    return place


def test_images_of_a_place_are_chosen_by_its_few_labels_and_the_manifest_is_a_task(some_labels, tmp_path):
    found = label(some_labels, num=4, pretrained="pixels", out=tmp_path / "to_label.csv")
    assert (found.strategy, len(found.names), len(found.probabilities), found.num_differing) == ("typicality", 4, 4, 0)
    assert set(found.guesses) <= {"dark", "bright"}
    assert all(Path(name).parent.name == "unlabeled" for name in found.names)
    text = (tmp_path / "to_label.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert [Path(row["path"]).name for row in rows[:4]] == [Path(name).name for name in found.names]
    assert sum(bool(row["label"]) for row in rows) == 6
    assert len(read_task(tmp_path / "to_label.csv").labeled) == 6


def test_images_alone_are_chosen_without_a_model(some_labels, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("HEADSTART_QUIET", raising=False)
    (some_labels / "unlabeled" / "broken.png").write_bytes(b"no picture")
    for place in (some_labels / "unlabeled", tmp_path / "outer"):
        if not place.exists():
            place.mkdir()
            (some_labels / "unlabeled").rename(place / "unlabeled")
        found = label(place, num=50, pretrained="pixels", out=tmp_path / f"{place.name}.csv")
        assert (found.strategy, len(found.names), found.probabilities, set(found.guesses)) == ("typicality", 9, (), {""})
        assert "broken.png: " in capsys.readouterr().err  # what is left out is told
    with pytest.raises(PlanError) as caught:
        label(tmp_path / "outer", num=2, pretrained="pixels", strategy="margin")
    sentence = "--strategy margin asks a model, and nothing has a label yet. Choose coreset or random_choice or typicality."
    assert str(caught.value) == sentence


@pytest.mark.slow
def test_a_run_chooses_new_images_by_its_model_and_leaves_out_those_that_have_a_label(some_labels, tmp_path, capsys):
    run = fit(some_labels, method="ridge", pretrained="pixels", out=tmp_path / "run")
    found = label(some_labels, run=run, num=50, strategy="margin")
    assert len(found.names) == 8  # neither the six in class folders nor the copy of one of them
    assert set(found.guesses) <= {"dark", "bright"}
    assert list(found.probabilities) == sorted(found.probabilities)
    assert "are left out" not in capsys.readouterr().err
    with pytest.raises(DataError) as caught:
        label(some_labels / "dark", run=run)
    assert str(caught.value) == (
        "There is no image without a label to choose from. Put images into unlabeled/, or name a folder of them."
    )


@pytest.fixture
def run_on_parts(tmp_path: Path):
    """A run on a manifest of 12 pictures with groups, domains and splits, three of them its test, and the folder."""
    random, lines = np.random.default_rng(2), ["path,label,split,group,domain"]
    (tmp_path / "shots").mkdir()
    for row in range(15):
        path = tmp_path / "shots" / f"{row}.png"
        Image.fromarray(random.integers(90 * (row % 2), 90 + 150 * (row % 2), (16, 16, 3), np.uint8)).save(path)
        split = "test" if row in (3, 4, 5) else "val" if row in (6, 7) else "train"
        if row < 12:
            lines.append(f"shots/{row}.png,{('dark', 'bright')[row % 2]},{split},g{row},{('here', 'there')[row % 4 // 2]}")
    (tmp_path / "known.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return fit(tmp_path / "known.csv", method="ridge", pretrained="pixels", out=tmp_path / "run"), tmp_path / "shots"


def test_test_images_of_a_run_are_never_offered_and_the_manifest_keeps_groups_domains_and_splits(
    run_on_parts, tmp_path, monkeypatch, capsys
):
    run, shots = run_on_parts
    monkeypatch.delenv("HEADSTART_QUIET", raising=False)
    found = label(shots, run=run, num=50, strategy="margin", out=tmp_path / "to_label.csv")
    assert {Path(name).name for name in found.names} == {"12.png", "13.png", "14.png"}
    assert f"3 of the images are test images of {run.folder}, and are left out." in capsys.readouterr().err.splitlines()
    rows = {row["path"]: row for row in csv.DictReader((tmp_path / "to_label.csv").open(encoding="utf-8"))}
    assert set(rows) == {f"shots/{row}.png" for row in range(15) if row not in (3, 4, 5)}
    kept = {name: [row[column] for column in ("label", "split", "group", "domain")] for name, row in rows.items()}
    assert kept["shots/7.png"] == ["bright", "validation", "g7", "there"]
    assert kept["shots/0.png"] == ["dark", "train", "g0", "here"]
    assert kept["shots/13.png"] == ["", "train", "", ""]
    again = read_task(tmp_path / "to_label.csv")
    assert (len(again.train), len(again.validation), len(again.unlabeled), again.test) == (7, 2, 3, None)


def test_a_run_whose_data_have_changed_chooses_nothing(run_on_parts, tmp_path):
    run, shots = run_on_parts
    (tmp_path / "known.csv").write_text((tmp_path / "known.csv").read_text().replace("1.png,bright", "1.png,dark"))
    with pytest.raises(DataError) as caught:
        label(shots, run=run)
    assert str(caught.value) == (
        f"The data of {run.folder} ({tmp_path / 'known.csv'}) are gone or have changed since. Put them back as they were."
    )


def test_splits_that_headstart_made_are_left_to_it(some_labels, tmp_path):
    label(some_labels, num=2, pretrained="pixels", out=tmp_path / "to_label.csv")
    assert {row["split"] for row in csv.DictReader((tmp_path / "to_label.csv").open(encoding="utf-8"))} == {""}
