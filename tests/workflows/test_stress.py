"""Stress tests: which images are made worse, what is kept, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import headstart
from headstart.core.errors import DataError, PlanError
from headstart.core.estimate import Estimate
from headstart.core.language import language_named
from headstart.data.corruptions.base import FAMILIES
from headstart.evaluation.stress import Stress
from headstart.planning.plan import Partner
from headstart.workflows import corrupted_pictures as pictures
from headstart.workflows import robustness, stress

SOME = ("contrast", "mirror")
ZERO = Estimate(value=0.0, low=-0.1, high=0.1)


def shaded(folder: Path, count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    for level, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            pixels = (120 * level + draw.integers(0, 130, (16, 18, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{row}.png")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> headstart.Run:
    monkeypatch.chdir(tmp_path)
    shaded(Path("learned"), 14, 0)
    return headstart.fit("learned", method="ridge", pretrained="pixels", out="own")


def test_labeled_images_are_predicted_by_models_without_them_where_there_is_no_test(run: headstart.Run) -> None:
    found = headstart.stress(run, corruption=SOME)
    assert found.num_images == 28
    assert found.basis.startswith("28 labeled images, each predicted by a model of the same plan that was fitted without it")
    assert run.evaluation is not None
    assert found.clean.accuracy.value == pytest.approx(
        run.evaluation.per_class[0].recall * 0.5 + run.evaluation.per_class[1].recall * 0.5
    )
    assert [(row.corruption, row.strength) for row in found.rows] == [*(("contrast", one) for one in range(1, 6)), ("mirror", 1)]
    assert found.rows[4].accuracy.value <= found.clean.accuracy.value
    assert [one.name for one in found.means] == list(SOME)
    assert found.means[0].accuracy.value == pytest.approx(np.mean([row.accuracy.value for row in found.rows[:5]]))
    assert found.mean is None  # only of all corruptions
    assert found.clean.flagged is not None
    assert Stress.from_json(Path("own/stress.json").read_text(encoding="utf-8")) == found
    page = Path("own/stress.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "Contrast" in page


def test_test_images_are_predicted_by_a_model_that_has_not_learned_them(run: headstart.Run) -> None:
    asked = headstart.fit(headstart.read_task("learned", test=0.75), method="ridge", pretrained="pixels", out="tested")
    found = headstart.stress(asked, corruption="mirror")
    assert "test images, which the model has not learned from" in found.basis
    assert asked.evaluation is not None
    assert found.clean.accuracy.value == asked.evaluation.accuracy.value


def test_other_images_are_named_and_those_learned_from_are_said_to_be(run: headstart.Run) -> None:
    shaded(Path("more"), 11, 1)
    assert headstart.stress(run, "more", corruption="gray").basis == "22 labeled images of more, predicted by the model."
    assert "has learned from 28 of these 28 images" in headstart.stress(run, "learned", corruption="gray").basis


def test_what_was_done_before_an_interrupt_is_not_done_again(run: headstart.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done, original = [], pictures.stress_row

    def interrupted(models, corruption, strength, folder):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append((corruption, strength))
        return original(models, corruption, strength, folder)

    monkeypatch.setattr(pictures, "stress_row", interrupted)
    with pytest.raises(KeyboardInterrupt):
        headstart.stress(run, corruption=SOME)
    assert not Path("own/stress.json").exists()
    again = []
    monkeypatch.setattr(pictures, "stress_row", lambda models, *what: again.append(what[:2]) or original(models, *what))
    headstart.stress(run, corruption=SOME)
    assert not set(done) & set(again)
    assert len(done) + len(again) == 7


def test_the_model_and_its_evaluation_stay_as_they_are(run: headstart.Run) -> None:
    before = {path: path.read_bytes() for path in Path("own").glob("*.json") if path.name != "manifest.json"}
    headstart.stress(run, corruption="gray")
    assert {path: path.read_bytes() for path in before} == before


def test_an_unknown_corruption_vectors_and_few_images_are_refused(run: headstart.Run) -> None:
    with pytest.raises(PlanError, match=r'^"snowy" is not a corruption\. Did you mean "snow"\? Known: gaussian_noise, '):
        headstart.stress(run, corruption="snowy")
    shaded(Path("few"), 4, 2)
    with pytest.raises(DataError, match=r"^8 labeled images can be made worse, and an accuracy needs 20 or more\. Name more "):
        headstart.stress(run, "few")
    draw = np.random.default_rng(0)
    labels = np.arange(30) % 2
    np.savez("vectors.npz", features=(draw.normal(size=(30, 4)) + labels[:, None]).astype(np.float32), labels=labels.astype(str))
    vectors = headstart.fit("vectors.npz", method="ridge", out="vectors")
    with pytest.raises(DataError, match=r"^vectors was fitted on feature vectors, and it is pictures that get worse\. Fit a run"):
        headstart.stress(vectors)


def test_the_command_shows_the_mean_of_each_corruption(run: headstart.Run, headstart_command) -> None:
    answer = headstart_command("stress", "own", "--corruption", "contrast")
    assert answer.code == 0, answer.err
    assert "as they are" in answer.out
    assert "Contrast" in answer.out
    made = json.loads(headstart_command("stress", "own", "--corruption", "contrast", "--json").out)
    assert made["num_images"] == 28
    assert answer.out.split("\n")[0].startswith(f"Accuracy is {made['clean']['accuracy']['value']:.1%}")


def test_sentences_are_translated(run: headstart.Run) -> None:
    found = headstart.stress(run, corruption="contrast")
    spoken = language_named("zh").sentence
    assert "Accuracy" not in spoken(found.sentence)
    assert "images" not in spoken(found.basis)


def test_two_runs_are_compared_on_the_same_corrupted_images(run: headstart.Run, headstart_command) -> None:
    other = headstart.fit("learned", method="nearest_mean", pretrained="pixels", out="means")
    found = headstart.stress(run, corruption=SOME, against=other)
    alone = headstart.stress(other, corruption=SOME)
    assert found.against is not None
    assert (found.against.run, found.against.num_images) == ("means", 28)
    assert found.against.clean.value == pytest.approx(alone.clean.accuracy.value - found.clean.accuracy.value)
    every = [np.mean([row.accuracy.value for row in one.means]) for one in (alone, found)]  # each corruption counts alike
    assert found.against.corrupted.value == pytest.approx(every[0] - every[1])
    assert found.against.sentence.startswith("means does ")
    assert "means does" not in language_named("zh").sentence(found.against.sentence)
    assert "means does" in headstart_command("stress", "own", "--corruption", "mirror", "--against", "means").out
    same = headstart.stress(run, corruption="mirror", against=run).against
    assert same is not None
    assert "does not differ beyond chance" in same.sentence
    shaded(Path("more"), 12, 3)
    elsewhere = headstart.fit("more", method="ridge", pretrained="pixels", out="elsewhere")
    with pytest.raises(DataError, match=r"^elsewhere predicts other classes or other images\. Name a run of the same task"):
        headstart.stress(run, corruption="mirror", against=elsewhere)


def test_what_is_known_of_other_corruptions_and_of_the_other_run_stays(run: headstart.Run) -> None:
    other = headstart.fit("learned", method="nearest_mean", pretrained="pixels", out="means")
    headstart.stress(run, corruption="contrast")
    before = {path: path.read_bytes() for path in Path("means").rglob("*") if path.is_file()}
    found = headstart.stress(run, corruption="mirror", against=other)
    assert {path: path.read_bytes() for path in Path("means").rglob("*") if path.is_file()} == before
    assert [one.name for one in found.means] == ["mirror"]
    kept = headstart.Run.load("own").stress
    assert kept is not None
    assert [one.name for one in kept.means] == ["contrast", "mirror"]
    shaded(Path("more"), 11, 1)
    elsewhere = headstart.stress(run, "more", corruption="gray")
    assert headstart.Run.load("own").stress == kept
    assert Stress.from_json(Path("own/stress_part.json").read_text(encoding="utf-8")) == elsewhere
    assert stress.page_of(headstart.Run.load("own"), elsewhere) == "stress_part.html"
    assert stress.page_of(headstart.Run.load("own"), found) == "stress.html"
    assert headstart.verify("own").sentence


def test_what_a_run_found_alone_is_not_measured_again_for_another(run: headstart.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    other = headstart.fit("learned", method="nearest_mean", pretrained="pixels", out="means")
    for one in (run, other):
        headstart.stress(one, corruption="mirror")
    monkeypatch.setattr(pictures, "stress_row", None)
    assert headstart.stress(run, corruption="mirror", against=other).against is not None


def test_results_depend_on_the_novelty_detector(run: headstart.Run) -> None:
    model = run.model
    assert model.novelty_detector is not None
    changed = replace(model.novelty_detector, calibration=model.novelty_detector.calibration + 1)
    assert pictures._identity(replace(model, novelty_detector=changed)) != pictures._identity(model)
    assert pictures._identity(replace(model, novelty_detector=None)) != pictures._identity(model)


def test_a_robust_form_is_judged_by_corruptions_it_has_not_learned_from(
    run: headstart.Run, headstart_command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, original = [], robustness.pictures_of
    monkeypatch.setattr(
        robustness,
        "pictures_of",
        lambda run, data, cache, plan=None, *, sealed: asked.append(plan) or original(run, data, cache, plan, sealed=sealed),
    )
    found = headstart.stress(run, corruption=("contrast", "gray"), robust=True).robust
    assert found is not None
    whole, *others = [plan.method["corrupted"] for plan in asked if plan is not None]
    assert whole == list(FAMILIES)
    assert others == [[one for one in FAMILIES if one != family] for family in ("digital", "everyday")]
    assert found.candidate == "ridge on raw pixels with 5 corrupted views"
    assert bool(found.plan) == (found.corrupted.low > 0) == Path("own/robust_plan.toml").exists()
    assert "points of accuracy" not in language_named("zh").sentence(found.sentence)
    assert "corrupted views" in headstart_command("stress", "own", "--corruption", "gray", "--robust").out
    kept = headstart.Run.load("own").stress
    assert kept is not None
    assert kept.robust is not None


def test_a_robust_form_that_does_better_is_offered_as_a_plan_that_fits(
    run: headstart.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "paired_gains", lambda *_: (ZERO, Estimate(value=0.1, low=0.05, high=0.2), 28))
    found = headstart.stress(run, corruption="gray", robust=True).robust
    assert found is not None
    assert found.sentence.endswith(f"Fit it: headstart fit {Path('own/robust_plan.toml')}.")
    assert "Fit it" not in language_named("zh").sentence(found.sentence)
    made = headstart.fit(Path("own/robust_plan.toml"), out="robust")
    assert made.plan.method["corrupted"] == list(FAMILIES)
    assert headstart.verify("own").sentence
    monkeypatch.setattr(robustness, "paired_gains", lambda *_: (ZERO, ZERO, 28))
    found = headstart.stress(run, corruption="gray", robust=True).robust
    assert found is not None
    assert not found.plan
    assert found.sentence.endswith("That is not beyond chance.")


def test_a_plan_has_the_robust_form_of_all_its_members(run: headstart.Run) -> None:
    tuned = {"kind": "lp_ft", "view": "strong"}
    partner = Partner(pretrained="test_resnet", input_pixels=32, method=tuned, temperature=2.0)
    plan = robustness.robust_plan(run.plan.model_copy(update={"partners": (partner,), "verdict": "transfer"}))
    assert plan.method == run.plan.method | {"corrupted": list(FAMILIES)}
    assert plan.verdict == ""
    assert plan.partners[0].method["kind"] == "wise_ft"
    assert plan.partners[0].method["view"] == "strong"
    assert plan.partners[0].method["share"] == 0.5
    assert plan.partners[0].temperature is None
    with pytest.raises(PlanError, match=r"^nearest_mean: no more robust form of it is known\. Leave out --robust, or fit"):
        robustness.robust_plan(run.plan.model_copy(update={"method": {"kind": "nearest_mean"}}))


def test_the_test_images_choose_no_robust_form(run: headstart.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, original = [], robustness.pictures_of
    monkeypatch.setattr(robustness, "pictures_of", lambda *args, **options: seen.append(original(*args, **options)) or seen[-1])
    shaded(Path("many"), 30, 5)
    task = headstart.read_task("many", test=0.4)
    asked = headstart.fit(task, method="ridge", pretrained="pixels", out="half")
    headstart.stress(asked, corruption="gray", robust=True)
    assert task.test is not None
    sealed = set(task.test.content_keys)
    assert seen
    assert not sealed & {key for basis in seen for _, images in basis.models for key in images.content_keys}
