import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from headstart.report.html import report_html
from headstart.report.pictures import PictureBook, confident_mistakes, least_like_training, least_sure, pictures_of, thumbnail


def opened(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


def test_large_pictures_become_small_jpegs():
    uri, tiny = thumbnail(Image.new("RGB", (640, 300), "teal"))
    assert uri.startswith("data:image/jpeg;base64,")
    assert opened(uri).size == (128, 60)
    assert not tiny


def test_tiny_pictures_keep_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    uri, tiny = thumbnail(Image.fromarray(pixels))
    assert tiny
    assert np.array_equal(np.asarray(opened(uri)), pixels)


def test_mistakes_come_surest_first_and_only_where_the_truth_is_known(make_run):
    run, _ = make_run()
    rows = confident_mistakes(run.predictions)
    sure = run.predictions.probs[rows].max(axis=1)
    assert len(rows)
    assert (run.predictions.predicted[rows] != run.predictions.labels[rows]).all()
    assert (np.diff(sure) <= 0).all()
    assert not len(confident_mistakes(replace(run.predictions, labels=np.full(len(run.predictions), -1))))


def test_least_sure_rows_have_the_smallest_margin(make_run):
    run, _ = make_run()
    best = np.sort(run.predictions.probs, axis=1)
    margins = best[:, -1] - best[:, -2]
    rows = least_sure(run.predictions)
    assert len(rows) == 12
    assert margins[rows].max() <= np.delete(margins, rows).min()


def test_the_least_like_training_come_first_and_none_where_there_is_no_detector(make_run):
    run, task = make_run()
    assert not len(least_like_training(run.predictions))
    assert "least like the training images" not in report_html(run, task)
    odd = replace(run.predictions, p_values=np.linspace(1.0, 0.1, len(run.predictions)))
    assert least_like_training(odd).tolist() == list(range(len(odd) - 1, len(odd) - 13, -1))
    page = report_html(replace(run, predictions=odd), task)
    assert "<h3>Judged images least like the training images</h3>" in page
    assert "perhaps unknown" not in page.replace("flagged as perhaps unknown", "")
    unusual = replace(odd, p_values=odd.p_values / 20)
    page, flagged = report_html(replace(run, predictions=unusual), task), int((unusual.p_values < 0.05).sum())
    assert f"{flagged} of {len(odd)} images ({flagged / len(odd):.1%}) have a p-value below 0.05" in page
    assert "<br>perhaps unknown, p = 0.005" in page
    assert "<h3>Unlabeled images least like the training images</h3>" in report_html(
        replace(run, unlabeled=odd.take(np.arange(5))), task
    )


def test_pictures_are_found_in_the_sealed_test_set(make_run):
    run, task = make_run()
    picture = pictures_of(run.predictions, [5], PictureBook(task))[0]
    assert picture.uri
    assert picture.truth == run.predictions.classes[run.predictions.labels[5]]
    assert picture.probability == pytest.approx(run.predictions.probs[5].max())


def test_pictures_are_found_on_disk_and_absent_ones_are_left_empty(tmp_path):
    path = tmp_path / "cup.png"
    Image.new("RGB", (50, 60), "red").save(path)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    book = PictureBook(None)
    assert book.uri(str(path))[0].startswith("data:image/jpeg")
    assert book.uri(str(broken)) == ("", False)
    assert book.uri("shelf[3]") == ("", False)
