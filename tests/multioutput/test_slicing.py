"""Slices of an evaluation of outputs: what is worse on purpose is found, and what counts as right is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.multioutput.kinds.numbers import Numbers
from headstart.multioutput.kinds.several_labels import SeveralLabels
from headstart.multioutput.run import OutputRun

NUM = 160


@pytest.fixture(scope="module")
def run_and_data(vectors, tmp_path_factory) -> dict[str, tuple[OutputRun, Path]]:
    """Runs, and data in which the targets of one domain are wrong."""
    folder, found = tmp_path_factory.mktemp("slices"), {}
    rng = np.random.default_rng(3)
    domain = np.where(rng.random(NUM) < 0.2, "night", "day")
    for kind, place in vectors.items():
        run = headstart.run(place, out=folder / kind)
        features = rng.normal(size=(NUM, 11)).astype(np.float32)
        rows = headstart.predict(run, features)
        if kind == "numbers":
            said = np.array([row["value"] for row in rows])
            told = {"target": said + np.where(domain == "night", rng.normal(size=NUM) * 9, rng.normal(size=NUM) / 3)}
        else:
            names = np.array([";".join(row["labels"]) or ";" for row in rows])
            wrong = np.array(["blue;green;red" if len(row["labels"]) < 2 else ";" for row in rows])
            told = {"labels": np.where((domain == "night") | (rng.random(NUM) < 0.1), wrong, names)}
        np.savez(folder / f"{kind}.npz", features=features, domain=domain, **told)
        found[kind] = run, folder / f"{kind}.npz"
    return found


@pytest.mark.parametrize("kind", ["numbers", "several_labels"])
def test_a_domain_that_is_worse_on_purpose_is_found(run_and_data, kind):
    run, place = run_and_data[kind]
    evaluation = headstart.evaluate(run, place)
    (worse,) = (one for one in evaluation.slices.worse if one.attribute == "domain" and not one.of_class)
    assert worse.sentence.startswith('Images of domain "night": ')
    assert worse.accuracy.value < worse.elsewhere - 0.3
    assert evaluation.right.startswith("An image is right where ")
    assert evaluation.to_dict()["slices"]["num_slices"] > 1


def test_the_run_itself_has_slices_and_its_pages_show_them(run_and_data):
    for run, _ in run_and_data.values():
        assert run.evaluation.slices.num_images == 97
        page = (run.folder / "report.html").read_text(encoding="utf-8")
        assert 'id="slices"' in page
        assert "stand for classes here" in page
        assert "### Where it is worse" in (run.folder / "card.md").read_text(encoding="utf-8")


def test_four_in_five_numbers_are_right_and_fifths_are_named():
    targets = np.arange(50.0)[:, None]
    errors = np.where(np.arange(50) < 40, 0.5, 3.0)[:, None]
    right, meaning = Numbers().right(targets + errors, targets, np.full((50, 1), np.nan))
    assert right.sum() == 40
    assert meaning == "An image is right where it is within 1 of the true number, as four in five are."  # between 0.5 and 3
    parts, names = Numbers().named_strata(targets, ("target",))
    assert names[0] == "0 to 9"
    assert np.bincount(parts).tolist() == [10] * 5


def test_labels_are_right_as_a_whole_or_by_what_half_of_the_images_have():
    targets, thresholds = np.zeros((9, 3)), np.full((9, 3), 0.5)
    values = np.zeros((9, 3))
    values[:4, 0] = 1  # four of nine have one wrong label
    right, meaning = SeveralLabels().right(values, targets, thresholds)
    assert (right.sum(), meaning) == (5, "An image is right where all of its labels are.")
    values[:, 0], values[7:, 1] = 1, 1
    right, meaning = SeveralLabels().right(values, targets, thresholds)
    assert (right.sum(), meaning) == (
        7, "An image is right where no more than 1 of its labels are wrong, as in at least half of them.",
    )  # fmt: skip
