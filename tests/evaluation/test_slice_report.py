from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.backbones.loading import load_backbone
from headstart.core.evaluation import Evaluation
from headstart.core.language import language_named
from headstart.core.predictions import Predictions
from headstart.data.images import ArrayImages, ImageSet
from headstart.evaluation.protocols import evaluation_of
from headstart.evaluation.slice_report import slices_of, with_slices


def dark_class(size: int = 420) -> tuple[Predictions, ArrayImages, np.ndarray]:
    """Three classes; some images of the second are dark, and half of these are wrong."""
    draw = np.random.default_rng(4)
    labels = np.arange(size) % 3
    pixels = draw.integers(90, 255, (size, 9, 11, 3)).astype(np.uint8)
    dark = (labels == 1) & (draw.random(size) < 0.3)
    pixels[dark] //= 5
    right = np.where(dark, draw.random(size) < 0.4, draw.random(size) < 0.95)
    probs = np.eye(3)[np.where(right, labels, (labels + 1) % 3)] * 0.7 + 0.1
    names = tuple(f"frame[{row}]" for row in range(size))
    return (
        Predictions(names, ("a", "b", "c"), labels, probs, probs, np.arange(size)),
        ArrayImages(pixels, "frame", np.arange(size)),
        dark,
    )


def test_dark_images_of_one_class_are_found_and_shown_with_a_sentence():
    predictions, images, dark = dark_class()
    found = slices_of(predictions, images)
    assert len(found.worse) == 1
    (worst,) = found.worse
    assert worst.of_class == "b"
    assert worst.attribute in ("brightness", "background", "contrast")
    assert {int(name[6:-1]) for name in worst.images} <= set(np.flatnonzero(dark & (predictions.correct == 0)))
    assert worst.sentence.endswith(f"corrected for the {found.num_slices:,} slices that were looked at.")
    assert worst.accuracy.value < 0.6 < 0.9 < worst.elsewhere
    by_brightness = next(one for one in found.attributes if one.attribute == "brightness")
    assert sum(row.num_images for row in by_brightness.rows) == found.num_images == 420
    assert by_brightness.rows[0].accuracy.value < by_brightness.rows[-1].accuracy.value


def test_without_pictures_classes_and_groups_are_looked_at_alone():
    predictions, _, _ = dark_class()
    labels = predictions.labels
    probs = np.eye(3)[np.where(np.arange(420) % 9 == 0, (labels + 1) % 3, labels)] * 0.7 + 0.1  # thirds of the first class
    grouped = replace(predictions, probs=probs, given_groups=tuple("even" if row % 2 else "odd" for row in range(420)))
    found = slices_of(grouped)
    assert found.attributes == ()
    assert [one.name for one in found.worse] == ['images of class "a"']
    assert found.worse[0].elsewhere == 1.0


def test_sentences_are_translated():
    predictions, images, _ = dark_class()
    sentence = slices_of(predictions, images).worse[0].sentence
    spoken = language_named("zh").sentence(sentence)
    assert spoken.startswith("类别“b”中")
    assert "images" not in spoken


def test_an_evaluation_without_slices_has_no_such_field_and_names_its_worst_group():
    predictions, _, _ = dark_class()
    evaluation = evaluation_of(replace(predictions, given_groups=tuple("pq"[int(row % 3 == 1)] for row in range(420))), "test")
    assert "slices" not in evaluation.to_dict()
    assert evaluation.worst_group is not None
    assert evaluation.worst_group.name == "q"
    with_them = evaluation.model_copy(update={"slices": slices_of(predictions)})
    assert Evaluation.from_json(with_them.to_json()) == with_them


def test_rows_whose_image_is_not_at_hand_are_in_no_slice():
    predictions, images, _ = dark_class()
    backbone = load_backbone("pixels", input_pixels=8)
    evaluation = evaluation_of(predictions, "test")
    some = ImageSet(images, predictions.classes, predictions.labels, predictions.groups).take(np.arange(7, 300))
    found = with_slices(evaluation, predictions, [some.take(np.arange(100)), some.take(np.arange(100, 293))], backbone).slices
    assert found is not None
    assert found.num_images == 293
    assert found.worse[0].of_class == "b"
    assert with_slices(evaluation, predictions, [some.take(np.arange(19))], backbone) == evaluation
