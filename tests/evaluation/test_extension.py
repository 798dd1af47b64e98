from __future__ import annotations

from headstart.core.estimate import Estimate
from headstart.evaluation.extension import Extension
from headstart.evaluation.forgetting import Forgetting


def extension(**other: object) -> Extension:
    usual = {
        "parent": "runs/one",
        "place": "more/",
        "fingerprint": "f",
        "added": ("ant",),
        "num_learned": 1234,
        "num_held_out": 56,
    }
    measured = {"with_old_images": True, "old": None, "new": Estimate(value=0.9, low=0.8, high=0.95)}
    return Extension(**{**usual, **measured, **other})


def test_the_sentence_names_new_classes_and_what_was_measured() -> None:
    assert extension().sentence == (
        "1,234 images of more/ were added, with 1 new class (ant), to the run's own images. Accuracy on 56 held-out images of "
        "more/: 90.0% (95%: 80.0% to 95.0%). Old classes were not measured: there are no test images of them at hand."
    )


def test_old_classes_are_told_before_and_after() -> None:
    half = Estimate(value=0.5, low=0.4, high=0.6)
    lost = Forgetting(source="old classes", num_images=99, before=half, after=half, lost=Estimate(value=0, low=-0.1, high=0.1))
    found = extension(old=lost, with_old_images=False, added=()).sentence
    assert "with no new class, to sums over the run's images, which were not needed." in found
    assert found.endswith(lost.sentence)


def test_of_many_classes_the_first_are_named() -> None:
    assert "with 7 new classes (a, b, c, d, e ...), to" in extension(added=tuple("abcdefg")).sentence


def test_models_that_are_no_part_any_more_are_told() -> None:
    assert extension(num_left_out=1).sentence.endswith(
        " The other model of runs/one is left out: only its first one, with its own head, was extended and predicts."
    )
    assert extension(num_left_out=4).sentence.endswith(
        " The other 4 models of runs/one are left out: only its first one, with its own head, was extended and predicts."
    )
