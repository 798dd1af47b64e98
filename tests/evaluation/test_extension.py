from __future__ import annotations

from headstart.core.estimate import Estimate
from headstart.evaluation.extension import Extension, LeftOut
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
        "more/: 90.0% (95%: 80.0% to 95.0%). Old classes were not measured: there are no images of runs/one that it has "
        "not learned from. A run that is made with --test SHARE keeps images for that."
    )


def test_old_classes_are_told_before_and_after() -> None:
    half = Estimate(value=0.5, low=0.4, high=0.6)
    lost = Forgetting(source="old classes", num_images=99, before=half, after=half, lost=Estimate(value=0, low=-0.1, high=0.1))
    found = extension(old=lost, with_old_images=False, added=()).sentence
    assert "with no new class, to sums over the run's images, which were not needed." in found
    assert found.endswith(
        f"{lost.sentence} Confidence stays as it was fitted to the old images, and images unlike the known ones are not flagged "
        "any more: both take the old images."
    )


def test_without_the_old_images_it_is_told_how_to_measure_old_classes() -> None:
    assert (
        "Old classes were not measured, as the run's own images are gone or have changed: put them back to have it done. "
        in extension(with_old_images=False).sentence
    )


def test_of_many_classes_the_first_are_named() -> None:
    assert "with 7 new classes (a, b, c, d, e ...), to" in extension(added=tuple("abcdefg")).sentence


def test_models_that_predict_together_and_those_left_out_are_told() -> None:
    left_out = [("lp_ft of net", "it was trained")] * 5 + [
        ("knn of net", "it keeps no sums"),
        ("fine_tune of net", "it was trained"),
    ]
    found = extension(num_models=3, left_out=tuple(LeftOut(name=name, reason=reason) for name, reason in left_out))
    assert found.sentence.endswith(
        " 3 models were solved again and predict together. Left out: 5 models of lp_ft of net, fine_tune of net (it was trained)"
        "; knn of net (it keeps no sums)."
    )


def test_an_extension_of_an_earlier_version_is_read() -> None:
    values = extension().to_dict()
    del values["num_models"], values["left_out"]
    assert Extension.from_dict({**values, "num_left_out": 3}) == extension()
