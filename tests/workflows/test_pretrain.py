"""Pretraining on a source domain: the run it leaves, where it is listed, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pretraining_made import SHORT, killed, picture, refused
from sklearn.datasets import load_digits

from headstart.backbones.catalog import card_of, pretrained
from headstart.backbones.label_contamination import labels_learned_by
from headstart.backbones.lineage import lineage_of
from headstart.backbones.loading import load_backbone
from headstart.cli.evaluate import evaluate as headstart_evaluate
from headstart.core.errors import DataError, PlanError
from headstart.data.reading import read_task
from headstart.features.extract import features_of
from headstart.planning.improving.search import search
from headstart.planning.plan import Partner, Plan
from headstart.planning.ranking.rank import rank
from headstart.runs.run import Run
from headstart.training import loop
from headstart.workflows import pretrain as pretraining
from headstart.workflows.adjust import adjust
from headstart.workflows.evaluate import evaluate
from headstart.workflows.extend import extend
from headstart.workflows.fit import fit_and_evaluate as fit
from headstart.workflows.predict import predict
from headstart.workflows.pretrain import pretrain
from headstart.workflows.run import run as headstart_run

pytestmark = pytest.mark.slow


def test_with_classes_their_labels_are_learned_and_held_out_pictures_judge(supervised: Run, labeled: Path) -> None:
    task = read_task(labeled, test=0.2)
    assert supervised.plan.method["kind"] == "fine_tune"
    assert (supervised.plan.pretrained, supervised.plan.weights, supervised.plan.input_pixels) == ("small_cnn", "none", 8)
    assert supervised.evaluation is not None
    assert supervised.evaluation.num_images == len(task.test)
    assert supervised.model.classes == ("one", "seven", "zero")
    lineage = lineage_of(supervised.folder)
    assert lineage is not None
    assert lineage.classes == ("one", "seven", "zero")
    assert lineage.num_images == len(task.train)
    assert (lineage.method, lineage.epochs, lineage.started_from, lineage.before) == ("fine_tune", 2, "", None)
    assert lineage.task_fingerprint == task.fingerprint
    assert str(lineage) == f"digits, {len(task.train)} pictures (fine_tune)"


def test_without_classes_views_are_learned_from_and_nothing_is_evaluated(headless: Run) -> None:
    assert headless.plan.method["kind"] == "sim_clr"
    assert headless.evaluation is None
    assert headless.result["evaluation"] is None
    lineage = lineage_of(headless.folder)
    assert lineage is not None
    assert (lineage.classes, lineage.num_images) == ((), 97)
    assert not (headless.folder / "evaluation.json").exists()


def test_with_classes_a_method_without_labels_learns_from_the_unlabeled_folder_too(labeled: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(labeled, tmp_path / "data"))
    (place / "unlabeled").mkdir()
    for row in np.flatnonzero(load_digits().target == 4)[:11].tolist():
        picture(row).save(place / "unlabeled" / f"{row}.png")
    made = pretrain(place, method="vic_reg", settings=SHORT, out=tmp_path / "run")
    task, lineage = read_task(place, test=0.2), lineage_of(made.folder)
    assert lineage is not None
    assert lineage.num_images == len(task.train) + 11
    assert made.evaluation is not None
    assert made.model.classes == ("one", "seven", "zero")


def test_a_run_without_classes_predicts_nothing_and_says_what_it_is_for(headless: Run, unlabeled: Path) -> None:
    file = next((unlabeled / "unlabeled").iterdir())
    assert refused(DataError, lambda: predict(headless, [file])) == (
        "This model was pretrained without classes and predicts none. Transfer from it with --pretrained run:FOLDER."
    )


def test_a_run_without_classes_is_neither_adjusted_nor_extended_nor_evaluated(headless: Run, labeled: Path) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "adjust": lambda: adjust(headless),
        "extend": lambda: extend(headless, labeled),
        "evaluate": lambda: evaluate(headless, str(labeled)),
    }
    for wish, call in calls.items():
        assert refused(PlanError, call) == (
            f"{headless.folder} was pretrained without classes, so there is nothing to {wish}. "
            f"Transfer from it: headstart fit DATA --method ridge --pretrained run:{headless.folder}."
        )
    with pytest.raises(PlanError, match="there is nothing to evaluate"):
        headstart_evaluate(headless.folder)


def test_statistics_of_the_source_are_those_of_its_pixels_and_the_network_s_own_in_transfer(
    headless: Run, unlabeled: Path
) -> None:
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in (unlabeled / "unlabeled").iterdir()]) / 255
    lineage, card = lineage_of(headless.folder), card_of(f"run:{headless.folder}")
    assert lineage is not None
    assert lineage.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)), abs=1e-4)
    assert lineage.std == pytest.approx(pixels.std(axis=(0, 1, 2)), abs=1e-4)
    assert (card.mean, card.std) == (lineage.mean, lineage.std)
    assert (card.mean, card.std) != (card_of("small_cnn").mean, card_of("small_cnn").std)
    backbone = load_backbone(card.name)
    assert (backbone.transform.mean, backbone.transform.std) == (card.mean, card.std)


def test_what_is_transferred_sees_what_the_run_s_own_model_sees(supervised: Run, labeled: Path) -> None:
    test = read_task(labeled).train
    own, loaded = supervised.model.backbone, load_backbone(f"run:{supervised.folder}")
    assert own.weights_hash == loaded.weights_hash
    expected = np.asarray(features_of(test, own).penultimate)
    np.testing.assert_allclose(np.asarray(features_of(test, loaded).penultimate), expected, rtol=1e-5, atol=1e-6)


def test_it_is_listed_among_the_models_until_its_folder_is_gone(headless: Run, tmp_path: Path) -> None:
    def listed() -> list[str]:
        return [card.name for card in pretrained(provider="own_runs")]

    name = f"run:{headless.folder}"
    assert name in listed()
    card = card_of(name)
    assert card.source == "digits, 97 pictures (sim_clr)"
    assert (card.input_pixels, card.architecture, card.available) == (8, "small_cnn", True)
    headless.folder.rename(tmp_path / "moved")
    assert name not in listed()
    (tmp_path / "moved").rename(headless.folder)
    assert name in listed()


def test_below_here_it_is_listed_by_its_path_from_here(headless: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(headless.folder.parent)
    assert "run:headless" in [card.name for card in pretrained(provider="own_runs")]
    assert load_backbone("run:headless").weights_hash == headless.model.backbone.weights_hash


def test_it_is_ranked_beside_others_and_fitted_from(
    supervised: Run, headless: Run, labeled: Path, others: Path, tmp_path: Path
) -> None:
    names = [f"run:{run.folder}" for run in (supervised, headless)]
    found = rank(read_task(others), [card_of(name) for name in names])
    assert set(names) < {candidate.name for candidate in found.candidates}
    task = read_task(labeled)
    plan = Plan(data=str(labeled), pretrained=names[1], input_pixels=8, method={"kind": "ridge", "blocks": "penultimate"})
    made = fit(task, plan, tmp_path / "run")
    assert made.evaluation is not None
    assert made.model.backbone.weights_hash == headless.model.backbone.weights_hash
    assert made.evaluation.accuracy.value > 0.6


def test_what_has_learned_the_labels_is_not_judged_by_them(supervised: Run, labeled: Path, tmp_path: Path) -> None:
    task, name = read_task(labeled, test=0.2), f"run:{supervised.folder}"
    assert labels_learned_by(name) == set(task.labeled.content_keys)
    plan = Plan(data=str(labeled), pretrained=name, input_pixels=8, method={"kind": "ridge", "blocks": "penultimate"})
    made = fit(task, plan, tmp_path / "run")
    assert labels_learned_by(f"run:{made.folder}") == labels_learned_by(name)
    text = (
        f"{name} has learned the labels of {len(task.labeled)} of the {len(task.labeled)} labeled images of digits, which cannot "
        "judge it then. Name another model, or one that was pretrained without labels."
    )
    calls: tuple[Callable[[], Any], ...] = (
        lambda: rank(task, [card_of(name)]),
        lambda: headstart_run(str(labeled), pretrained=[name], test=0.2, out=tmp_path / "whole"),
        lambda: search(task, plan, tmp_path / "study"),
        lambda: adjust(made),
    )
    for call in calls:
        assert refused(PlanError, call) == text
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    assert name in [one.name for one in rank(task, [card_of(name)], weights="none").candidates]


def test_what_has_learned_the_test_labels_is_not_fitted_from(supervised: Run, labeled: Path, tmp_path: Path) -> None:
    task, name = read_task(labeled, seed=1, test=0.2), f"run:{supervised.folder}"
    count = len(labels_learned_by(name).intersection(task.test.content_keys))
    assert 0 < count < len(task.test)
    plan = Plan(data=str(labeled), seed=1, pretrained=name, input_pixels=8, method={"kind": "ridge", "blocks": "penultimate"})
    assert refused(PlanError, lambda: fit(task, plan, tmp_path / "run")).startswith(
        f"{name} has learned the labels of {count} of the {len(task.test)} test images of digits, which cannot judge it then."
    )
    assert not (tmp_path / "run").exists()


def test_a_partner_that_has_learned_the_labels_is_refused_as_well(supervised: Run, labeled: Path, tmp_path: Path) -> None:
    name, ridge = f"run:{supervised.folder}", {"kind": "ridge", "blocks": "penultimate"}
    partner = Partner(pretrained=name, input_pixels=8, method=ridge)
    plan = Plan(data=str(labeled), pretrained="small_cnn", weights="none", input_pixels=8, method=ridge, partners=(partner,))
    other = read_task(labeled, seed=1, test=0.2)
    about_test = f"{name} has learned the labels of {len(labels_learned_by(name).intersection(other.test.content_keys))} of the"
    assert refused(PlanError, lambda: fit(other, plan.model_copy(update={"seed": 1}), tmp_path / "run")).startswith(about_test)
    assert not (tmp_path / "run").exists()
    task = read_task(labeled, test=0.2)
    made = fit(task, plan, tmp_path / "run")
    about = f"{name} has learned the labels of {len(task.labeled)} of the {len(task.labeled)} labeled images of digits"
    for call in (lambda: search(task, plan, tmp_path / "study"), lambda: adjust(made)):
        assert refused(PlanError, call).startswith(about)
    drawn = plan.model_copy(update={"partners": (partner.model_copy(update={"weights": "none"}),)})
    assert fit(other, drawn, tmp_path / "drawn").evaluation is not None


def test_without_labels_nothing_is_learned_that_could_not_be_judged(headless: Run) -> None:
    assert labels_learned_by(f"run:{headless.folder}") == frozenset()
    assert labels_learned_by("efficientnet_lite0") == frozenset()


def test_going_on_from_a_run_keeps_its_side_normalization_and_lineage(headless: Run, labeled: Path, tmp_path: Path) -> None:
    name = f"run:{headless.folder}"
    made = pretrain(labeled, method="vic_reg", pretrained=name, settings=SHORT, out=tmp_path / "run")
    lineage, first = lineage_of(made.folder), lineage_of(headless.folder)
    assert lineage is not None
    assert lineage.started_from == name
    assert lineage.before == first
    assert str(lineage).endswith(f"(vic_reg, from {name})")
    assert made.plan.weights == "pretrained"
    assert made.model.backbone.weights_hash != headless.model.backbone.weights_hash
    assert card_of(f"run:{made.folder}").mean == card_of(name).mean


def test_the_weights_of_a_run_can_be_left_behind(headless: Run, unlabeled: Path, tmp_path: Path) -> None:
    name = f"run:{headless.folder}"
    made = pretrain(unlabeled, pretrained=name, weights="none", settings=SHORT, out=tmp_path / "run")
    lineage = lineage_of(made.folder)
    assert lineage is not None
    assert (lineage.started_from, lineage.before) == ("", None)


def test_imagenet_weights_go_on_with_the_target_s_own_unlabeled_pictures(unlabeled: Path, labeled: Path, tmp_path: Path) -> None:
    settings = {"training.epochs": 1, "training.batch_size": 32}
    made = pretrain(unlabeled, method="sim_clr", pretrained="efficientnet_lite0", settings=settings, out=tmp_path / "own")
    name, given = f"run:{made.folder}", load_backbone("efficientnet_lite0")
    card, lineage = card_of(name), lineage_of(made.folder)
    assert lineage is not None
    assert card.source == "digits, 97 pictures (sim_clr, from efficientnet_lite0)"
    assert (card.input_pixels, card.mean) == (96, card_of("efficientnet_lite0").mean)
    moved, before = dict(made.model.backbone.network.named_parameters()), dict(given.named_parameters())
    trained = [key for key, weight in before.items() if key in moved and not np.array_equal(weight.detach(), moved[key].detach())]
    assert len(trained) > 100
    assert name in [one.name for one in pretrained(provider="own_runs")]
    task = read_task(labeled)
    plan = Plan(data=str(labeled), pretrained=name, input_pixels=96, method={"kind": "ridge"})
    evaluation = fit(task, plan, tmp_path / "run").evaluation
    assert evaluation is not None
    assert evaluation.accuracy.value > 0.8


def test_a_killed_pretraining_goes_on_and_a_finished_one_is_read(
    unlabeled: Path, headless: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, settings = tmp_path / "run", {**SHORT, "training.checkpoint_seconds": 1e-9}
    whole = pretrain(unlabeled, settings=settings, out=tmp_path / "whole")
    steps = loop.Fit.step
    with monkeypatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_PAUSE", 0.0)
        patch.setattr(loop.Fit, "step", lambda self, trained, step: killed() if step == 5 else steps(self, trained, step))
        with pytest.raises(KeyboardInterrupt):
            pretrain(unlabeled, settings=settings, out=out)
    assert refused(DataError, lambda: Run.load(out)).startswith(f"{out} holds no finished run.")
    assert f"run:{out}" not in [card.name for card in pretrained(provider="own_runs")]
    taken: list[int] = []
    monkeypatch.setattr(loop.Fit, "step", lambda self, trained, step: taken.append(step) or steps(self, trained, step))
    made = pretrain(unlabeled, settings=settings, out=out)
    assert taken[0] == 5
    assert made.model.backbone.weights_hash == whole.model.backbone.weights_hash
    taken.clear()
    assert pretrain(unlabeled, settings=settings, out=out).model.backbone.weights_hash == whole.model.backbone.weights_hash
    assert taken == []


@pytest.mark.parametrize("name", ["_planned", "register_run", "finish"])
def test_a_kill_between_two_stages_loses_nothing(
    name: str, unlabeled: Path, headless: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pretraining, name, killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain(unlabeled, settings=SHORT, out=tmp_path / "run")
    made = pretrain(unlabeled, settings=SHORT, out=tmp_path / "run")
    assert made.model.backbone.weights_hash == headless.model.backbone.weights_hash
    assert (made.folder / "report.html").exists()
    assert lineage_of(made.folder) == lineage_of(headless.folder)


def test_minutes_set_the_number_of_epochs(
    unlabeled: Path, labeled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []

    def planned(*given: Any) -> Plan:
        plans.append(real(*given))
        raise KeyboardInterrupt

    real = pretraining._planned
    monkeypatch.setattr(pretraining, "_planned", planned)
    monkeypatch.setattr(
        "headstart.methods.base.GradientMethod.predicted_seconds", lambda self, task, backbone, training: 3.0 * training.epochs
    )
    wished = {"training.epochs": 100}
    for number, (place, minutes, settings) in enumerate(
        [
            (unlabeled, 1, {}),
            (unlabeled, 1e6, {}),
            (unlabeled, 0.01, {}),
            (unlabeled, 1e6, wished),
            (labeled, 1, wished),
            (labeled, 1e6, wished),
        ]
    ):
        with pytest.raises(KeyboardInterrupt):
            pretrain(place, minutes=minutes, settings=settings, out=tmp_path / str(number))
    # 0.9 minutes hold 18 epochs of 3 seconds; without labels more time means more epochs, up to 1,000 or what is wished.
    assert [plan.training.epochs for plan in plans] == [18, 1000, 1, 100, 18, 100]


def test_settings_reach_the_method_and_the_training(unlabeled: Path, tmp_path: Path) -> None:
    settings = {**SHORT, "temperature": "0.2", "method.width": 16, "training.lr": "0.001"}
    made = pretrain(unlabeled, settings=settings, out=tmp_path / "run")
    assert (made.plan.method["temperature"], made.plan.method["width"], made.plan.training.lr) == (0.2, 16, 0.001)


def test_pictures_in_the_folder_itself_are_learned_from_without_labels(tmp_path: Path) -> None:
    place = tmp_path / "loose"
    place.mkdir()
    for row in range(70):
        picture(row).save(place / f"{row:02d}.png")
    made = pretrain(place, settings=SHORT, out=tmp_path / "run")
    assert (made.plan.method["kind"], made.model.classes, made.task_summary.num_train) == ("sim_clr", (), 70)
    assert made.findings == ()


def test_a_broken_picture_is_left_out_and_told(unlabeled: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(unlabeled, tmp_path / "data"))
    (place / "unlabeled" / "broken.png").write_bytes(b"\x89PNG nothing")
    made = pretrain(place, settings=SHORT, out=tmp_path / "run")
    lineage = lineage_of(made.folder)
    assert lineage is not None
    assert lineage.num_images == 97
    assert [finding.code for finding in made.findings] == ["unreadable-images"]
    assert [finding["code"] for finding in made.result["findings"]] == ["unreadable-images"]
    assert "broken.png" in (made.folder / "report.html").read_text(encoding="utf-8")


def test_the_report_of_a_run_without_classes_says_nothing_of_accuracy_and_what_the_network_is_for(headless: Run) -> None:
    page = (headless.folder / "report.html").read_text(encoding="utf-8")
    assert "<h1>Pretrained on digits</h1>" in page
    assert "97 training images, no labels" in page
    for section in ("data", "lineage", "cost", "use", "environment"):
        assert page.count(f'id="{section}"') == 1
    for section in ("ranking", "trials", "curve", "results", "confusion", "calibration", "pictures", "rejected"):
        assert f'id="{section}"' not in page
        assert f'href="#{section}"' not in page
    assert f"headstart rank DATA --pretrained run:{headless.folder}" in page
    assert "headstart predict" not in page
    assert "headstart evaluate" not in page


def test_the_report_of_a_run_with_classes_shows_accuracy_and_lineage(supervised: Run) -> None:
    page = (supervised.folder / "report.html").read_text(encoding="utf-8")
    assert "<h1>Pretrained on digits</h1>" in page
    assert "Test accuracy" in page
    assert "random weights" in page
    assert "Learned classes: one, seven, zero." in page
    assert "headstart predict" in page


def test_the_folder_holds_json_that_says_all(headless: Run) -> None:
    written = json.loads((headless.folder / "lineage.json").read_text())
    assert written["source"] == "digits"
    request = json.loads((headless.folder / "request.json").read_text())
    assert request["pretraining"]["settings"] == SHORT
