"""Reasons: where a model looked, by covering parts, and which training pictures are nearest."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from headstart.attribution.maps.occlusion import CELLS
from headstart.serving.reasons import Explaining, examples_of
from headstart.serving.versions import load_version


@pytest.fixture
def ready(serving):
    """Makes a client whose training pictures are ready."""

    def make(*runs, **service):
        client = serving(*runs, service=service)
        client.service.reload()
        return client

    return make


def test_the_nearest_training_pictures_have_their_labels_and_thumbnails(ready, picture):
    found = ready().post("/explain", files=[picture("green", seed=3)]).json()  # the fourth green picture of the run's own
    assert (found["model"], found["label"], len(found["nearest"])) == ("shades", "green", 5)
    assert {one["label"] for one in found["nearest"]} == {"green"}
    contribution = [one["contribution"] for one in found["nearest"]]
    assert contribution == sorted(contribution, reverse=True)
    assert contribution[0] > 0
    assert max(one["similarity"] for one in found["nearest"]) == pytest.approx(1.0, abs=1e-3)
    assert all(one["picture"].startswith("data:image/png;base64,") for one in found["nearest"])


def test_the_probability_falls_most_where_the_deciding_part_is_covered(ready):
    pixels = np.full((28, 28, 3), 127, np.uint8)
    pixels[2:10, 18:26] = (200, 30, 30)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    found = ready().post("/explain", files=[("files", ("a.png", stream.getvalue()))]).json()
    drops = np.array(found["drops"])
    assert drops.shape == (CELLS, CELLS)
    row, column = np.unravel_index(np.abs(drops).argmax(), drops.shape)
    assert row <= 3
    assert column >= 3
    assert abs(drops[5:, :2]).max() < 0.5 * abs(drops).max()


def test_training_pictures_are_not_shown_where_that_is_not_wanted_or_they_are_gone(
    ready, picture, run_folder, made_run, tmp_path
):
    assert ready(examples=False).post("/explain", files=[picture()]).json()["nearest"] is None
    moved = tmp_path / "gone"
    shutil.copytree(made_run, moved / "shades")
    plan = moved / "shades" / "plan.toml"
    text = plan.read_text(encoding="utf-8").partition("# As headstart wrote it")[0]
    plan.write_text(text.replace("colors", "no_such_colors"), encoding="utf-8")
    answer = ready(moved / "shades").post("/explain", files=[picture()])
    assert (answer.status_code, answer.json()["nearest"]) == (200, None)


def test_reasons_are_given_for_one_picture(ready, picture):
    answer = ready().post("/explain", files=[picture(), picture()])
    sentence = "Reasons are given for one picture at a time, and 2 were sent."
    assert (answer.status_code, answer.json()) == (422, {"code": "not-one-picture", "error": sentence})


def test_a_gallery_gives_no_reasons(server_of, picture, tmp_path):
    from headstart.gallery import Gallery

    Gallery.create(tmp_path / "parts", "pixels")
    answer = server_of(galleries=(tmp_path / "parts",)).post("/explain", files=[picture()])
    assert (answer.status_code, answer.json()["error"]) == (409, '"parts" is a gallery. Name a run of classes.')


def test_examples_are_those_of_their_version(made_run):
    version = load_version(made_run)
    examples = examples_of(version)
    assert examples.rows.shape[0] == len(examples.images) == 33
    assert Explaining(version, examples) != Explaining(version, examples)  # each is computed by itself
