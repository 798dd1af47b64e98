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
from sklearn.datasets import load_digits

from headstart.backbones.catalog import card_of, pretrained
from headstart.backbones.label_contamination import labels_learned_by
from headstart.backbones.lineage import lineage_of
from headstart.backbones.loading import load_backbone
from headstart.cli.evaluate import evaluate as headstart_evaluate
from headstart.core.errors import DataError, HeadstartError, PlanError, PretrainedError
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

SHORT = {"training.epochs": 2, "training.batch_size": 16}
COUNTS = {"one": (1, 31), "seven": (7, 37), "zero": (0, 29)}


def picture(row: int) -> Image.Image:
    return Image.fromarray((load_digits().images[row] * (255 / 16)).astype(np.uint8))


@pytest.fixture(scope="session")
def labeled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety-seven digits of three classes, in class folders."""
    place = tmp_path_factory.mktemp("source") / "digits"
    for name, (digit, count) in COUNTS.items():
        (place / name).mkdir(parents=True)
        for row in np.flatnonzero(load_digits().target == digit)[:count].tolist():
            picture(row).save(place / name / f"{row}.png")
    return place


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other digits of two of the classes."""
    place = tmp_path_factory.mktemp("others") / "digits"
    for name in ("one", "seven"):
        (place / name).mkdir(parents=True)
        for row in np.flatnonzero(load_digits().target == COUNTS[name][0])[100:123].tolist():
            picture(row).save(place / name / f"{row}.png")
    return place


@pytest.fixture(scope="session")
def unlabeled(labeled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pictures in a folder unlabeled/, and nothing beside it."""
    place = tmp_path_factory.mktemp("pool") / "digits"
    for file in labeled.rglob("*.png"):
        (place / "unlabeled").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place / "unlabeled" / file.name)
    return place


@pytest.fixture(scope="session")
def supervised(labeled: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pretrain(labeled, settings=SHORT, out=tmp_path_factory.mktemp("runs") / "supervised")


@pytest.fixture(scope="session")
def headless(unlabeled: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pretrain(unlabeled, settings=SHORT, out=tmp_path_factory.mktemp("runs") / "headless")


def refused(error: type[HeadstartError], call: Callable[[], Any]) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def killed(*_: Any) -> None:
    raise KeyboardInterrupt


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


@pytest.mark.parametrize("change", [{"seed": 1}, {"method": "vic_reg"}, {"settings": {**SHORT, "temperature": 0.2}}])
def test_another_pretraining_in_the_same_folder_is_refused(change: dict[str, Any], headless: Run, unlabeled: Path) -> None:
    before = {path: path.read_bytes() for path in headless.folder.rglob("*") if path.is_file()}
    wish = {"settings": SHORT, **change}
    assert refused(PlanError, lambda: pretrain(unlabeled, out=headless.folder, **wish)) == (
        f"{headless.folder} holds something else than this pretraining. Give another --out, or delete it."
    )
    assert {path: path.read_bytes() for path in headless.folder.rglob("*") if path.is_file()} == before


def test_a_folder_of_pictures_and_a_file_are_no_places_for_a_run(unlabeled: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    assert refused(PlanError, lambda: pretrain(unlabeled, settings=SHORT, out=tmp_path / "file")) == (
        f"{tmp_path / 'file'} is a file. Give another --out."
    )
    assert refused(PlanError, lambda: pretrain(unlabeled, settings=SHORT, out=unlabeled)) == (
        f"{unlabeled} holds something else than this pretraining. Give another --out, or delete it."
    )
    assert [entry.name for entry in unlabeled.iterdir()] == ["unlabeled"]


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


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({"method": "simclr"}, '"simclr" is not a method. Did you mean "sim_clr"? `headstart methods` lists all.'),
        ({"method": "ridge"}, "ridge trains no network. Choose supervised, sim_clr or another: `headstart methods` lists all."),
        (
            {"method": "sim_clr", "settings": {"temperatures": 1}},
            '--set: method.temperatures is not a field. Did you mean "temperature"?',
        ),
        ({"settings": {"training.epoch": 1}}, '--set training: epoch is not a field. Did you mean "epochs"?'),
        ({"method": "sim_clr", "settings": {"crop": 2}}, "--set: method.crop = 2"),
    ],
)
def test_a_wish_that_cannot_be_fulfilled_is_told_in_one_sentence(
    wish: dict[str, Any], text: str, unlabeled: Path, tmp_path: Path
) -> None:
    assert refused(PlanError, lambda: pretrain(unlabeled, out=tmp_path / "run", **wish)).startswith(text)


def test_a_wish_that_came_to_nothing_leaves_the_folder_free(unlabeled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    text = '--set training: epoch is not a field. Did you mean "epochs"?'
    assert refused(PlanError, lambda: pretrain(unlabeled, settings={"training.epoch": 1}, out=folder)) == text
    assert not folder.exists()
    misspelled = {**SHORT, "teacher": "efficientnet_lite", "teacher_pixels": 8}
    text = '"efficientnet_lite" is not a pretrained model. Did you mean'
    assert refused(
        PretrainedError, lambda: pretrain(unlabeled, method="distillation", settings=misspelled, out=folder)
    ).startswith(text)
    assert pretrain(unlabeled, settings=SHORT, out=folder).plan.method["kind"] == "sim_clr"
    text = f"{folder} holds something else than this pretraining. Give another --out, or delete it."
    assert refused(PlanError, lambda: pretrain(unlabeled, settings=SHORT, seed=1, out=folder)) == text


def test_an_unknown_model_is_told_at_once(unlabeled: Path) -> None:
    assert refused(PretrainedError, lambda: pretrain(unlabeled, pretrained="efficientnet_lite")).startswith(
        '"efficientnet_lite" is not a pretrained model. Did you mean'
    )


def test_labels_of_one_class_are_none(labeled: Path, tmp_path: Path) -> None:
    place = tmp_path / "ones"
    for row in np.flatnonzero(load_digits().target == 1)[:70].tolist():
        (place / "one").mkdir(parents=True, exist_ok=True)
        picture(row).save(place / "one" / f"{row}.png")
    for method in ("supervised", "lp_ft", "fix_match"):
        assert refused(DataError, lambda method=method: pretrain(place, method=method, out=tmp_path / "run")) == (
            f"{method} needs labels of at least two classes, and {place} has fewer. "
            "Sort the pictures into one folder a class, or choose sim_clr, which needs none."
        )
    made = pretrain(place, settings=SHORT, out=tmp_path / "run")
    assert (made.plan.method["kind"], made.model.classes) == ("sim_clr", ())
    title = 'There is one class only ("one"), so that labels teach nothing: none is used.'
    assert title in [finding.title for finding in made.findings]


@pytest.mark.parametrize("folders", [("unlabeled",), ("zero", "one")])
def test_ten_pictures_are_too_few(folders: tuple[str, ...], tmp_path: Path) -> None:
    place = tmp_path / "ten"
    for row in range(10):
        (place / folders[row % len(folders)]).mkdir(parents=True, exist_ok=True)
        picture(row).save(place / folders[row % len(folders)] / f"{row}.png")
    met = "10 pictures" if folders == ("unlabeled",) else "8 of 10 pictures (2 held out)"
    assert refused(DataError, lambda: pretrain(place, out=tmp_path / "run")) == (
        f"{place}: {met} are too few to pretrain on; at least 64 are needed. "
        "Add pictures, or transfer from a model that `headstart models` lists."
    )
    assert not (tmp_path / "run").exists()


def test_too_few_pictures_are_told_with_what_became_of_the_others(labeled: Path, tmp_path: Path) -> None:
    """One class, with two copies of the three test pictures in the pool, and a file that is none."""
    place, files = tmp_path / "one", sorted((labeled / "one").iterdir())
    for folder in ("train/one", "test/one", "unlabeled"):
        (place / folder).mkdir(parents=True)
    for number, file in enumerate(files[:19]):
        shutil.copy(file, place / ("test" if number < 3 else "train") / "one" / file.name)
    for file in files[:2]:
        shutil.copy(file, place / "unlabeled" / file.name)
    (place / "unlabeled" / "broken.png").write_bytes(b"no picture")
    met = "16 of 22 pictures (3 held out, 3 left out as copies or unusable) are too few to pretrain on; at least 64 are needed. "
    advice = "Add pictures, or transfer from a model that `headstart models` lists."
    chosen = 'With one class only ("one") labels teach nothing, so sim_clr was chosen. '
    assert refused(DataError, lambda: pretrain(place, out=tmp_path / "run")) == f"{place}: {met}{chosen}{advice}"
    wish = {"method": "vic_reg", "out": tmp_path / "run"}
    assert refused(DataError, lambda: pretrain(place, **wish)) == f"{place}: {met}{advice}"


def test_pictures_in_the_folder_itself_are_learned_from_without_labels(tmp_path: Path) -> None:
    place = tmp_path / "loose"
    place.mkdir()
    for row in range(70):
        picture(row).save(place / f"{row:02d}.png")
    made = pretrain(place, settings=SHORT, out=tmp_path / "run")
    assert (made.plan.method["kind"], made.model.classes, made.task_summary.num_train) == ("sim_clr", (), 70)
    assert made.findings == ()


def test_a_method_that_needs_what_the_source_lacks_is_refused(labeled: Path, tmp_path: Path) -> None:
    assert refused(DataError, lambda: pretrain(labeled, method="fix_match", out=tmp_path / "run")) == (
        "fix_match needs unlabeled images, and digits has none. Add a folder unlabeled/, or choose ridge or lp_ft."
    )


def test_feature_vectors_are_no_pictures(tmp_path: Path) -> None:
    features = np.random.default_rng(1).normal(size=(80, 5)).astype(np.float32)
    np.savez(tmp_path / "vectors.npz", features=features, labels=np.arange(80) % 3)
    for method, kind in (("supervised", "fine_tune"), ("sim_clr", "sim_clr")):
        wish = {"method": method, "out": tmp_path / "run"}
        assert refused(PlanError, lambda wish=wish: pretrain(tmp_path / "vectors.npz", **wish)) == (
            f"vectors holds feature vectors, and {kind} trains on pictures. Choose ridge or another closed form."
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("make", ["nothing", "empty", "loose"])
def test_a_place_without_usable_pictures_is_refused_in_one_sentence(make: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    if make != "nothing":
        place.mkdir()
    if make == "loose":
        picture(3).save(place / "3.png")
    text = refused(DataError, lambda: pretrain(place))
    assert text.startswith(
        {"nothing": f'"{place}" does not exist', "empty": f"{place}: holds no pictures"}.get(make, f"{place}: 1 pictures")
    )


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
