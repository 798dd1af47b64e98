"""Extending a run: a new class with the old images, and without them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import headstart
from headstart.backbones.label_contamination import labels_learned_in
from headstart.core.errors import DataError, PlanError
from headstart.data.additions import all_of, read_addition
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.planning.fitting import task_of_plan
from headstart.runs.origin import task_of
from headstart.runs.run import STATISTICS, Run
from headstart.workflows.extend import extend, remember
from headstart.workflows.fit import fit_and_evaluate as fit
from headstart.workflows.predict import predict

pytestmark = pytest.mark.slow


def digits(place: Path, counts: dict[str, tuple[int, int]], skipped: int = 0) -> str:
    target = load_digits()
    for name, (digit, count) in counts.items():
        (place / name).mkdir(parents=True)
        for row in np.flatnonzero(target.target == digit)[skipped : skipped + count].tolist():
            Image.fromarray((target.images[row] * (255 / 16)).astype(np.uint8)).save(place / name / f"{row}.png")
    return str(place)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that tells zeros from ones by their pixels, and a folder with sevens."""
    folder = tmp_path_factory.mktemp("home")
    digits(folder / "two", {"zero": (0, 37), "one": (1, 31)})
    digits(folder / "more", {"seven": (7, 29)})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        headstart.fit("two", method="ridge", pretrained="pixels", test=0.2, out="run")
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, to work in."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path, dirs_exist_ok=True))
    return tmp_path


def test_a_new_class_is_learned_and_the_old_ones_stay_known(home: Path) -> None:
    made = extend("run", "more", out=home / "extended")
    extension, evaluation = made.extension, made.evaluation
    assert extension.added == ("seven",)
    assert made.model.classes == ("one", "zero", "seven")
    assert extension.with_old_images
    assert extension.old.before.value == pytest.approx(Run.load("run").evaluation.accuracy.value)
    assert extension.old.after.value > 0.9
    assert extension.new.value > 0.9
    assert extension.num_learned + extension.num_held_out == 29
    num_old = len(task_of(Run.load("run")).test)
    assert extension.old.num_images == num_old
    assert evaluation.num_images == num_old + extension.num_held_out
    right = evaluation.accuracy.value * evaluation.num_images
    assert right == pytest.approx(extension.old.after.value * num_old + extension.new.value * extension.num_held_out)
    assert extension.sentence in made.plan.reasons
    assert made.task_summary.train_counts[2] == extension.num_learned
    assert json.loads((home / "extended" / "result.json").read_text())["extension"] == extension.to_dict()
    page = (home / "extended" / "report.html").read_text(encoding="utf-8")
    assert 'id="extension"' in page
    assert "written by hand" not in page
    seven = next((home / "more" / "seven").iterdir())
    assert predict(Run.load("extended"), [seven])[0]["label"] == "seven"


def test_one_correction_is_learned_from_and_measured_by_the_old_images(home: Path) -> None:
    correction = next((home / "more" / "seven").iterdir())
    (home / "corrections" / "zero").mkdir(parents=True)
    shutil.copy(correction, home / "corrections" / "zero")
    assert predict(Run.load("run"), [correction])[0]["label"] in ("one", "zero")
    made = extend("run", "corrections", out=home / "extended")
    extension = made.extension
    assert (extension.num_learned, extension.num_held_out, extension.new) == (1, 0, None)
    assert extension.old.num_images == made.evaluation.num_images == len(task_of(Run.load("run")).test)
    assert "None of corrections was held out, as there are too few." in extension.sentence
    page = (home / "extended" / "report.html").read_text(encoding="utf-8")
    assert "Old classes, now" in page
    assert "Images added" not in page


def test_one_correction_without_anything_to_measure_by_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "corrections" / "zero").mkdir(parents=True)
    shutil.copy(next((home / "more" / "seven").iterdir()), home / "corrections" / "zero")
    monkeypatch.setattr("headstart.workflows.extend.evaluated_sets_of", lambda run, task: [])
    with pytest.raises(DataError) as error:
        extend("run", "corrections", out=home / "extended")
    assert str(error.value) == (
        "corrections has too few images to hold one out, and there are none at hand that run was evaluated on. "
        "Add others of one class."
    )
    assert not (home / "extended").exists()


def test_what_was_noticed_of_the_run_s_images_and_of_those_added_is_kept(home: Path) -> None:
    (home / "more" / "seven" / "broken.png").write_bytes(b"\x89PNG\r\n")
    made = extend("run", "more", out=home / "extended")
    codes = [finding.code for finding in made.findings]
    assert codes == [*(finding.code for finding in Run.load("run").findings), "unreadable-images"]
    page = (home / "extended" / "report.html").read_text(encoding="utf-8")
    assert all(f"<code>{code}</code>" in page for code in codes)


def test_the_run_s_own_test_images_are_not_learned_from(home: Path) -> None:
    test = task_of(Run.load("run")).test
    (home / "more" / "zero").mkdir()
    for row in range(len(test)):
        picture = Path(test.images.name(row))
        shutil.copy(picture, home / "more" / "zero" / f"{picture.parent.name}-{picture.name}")
    found = extend("run", "more", out=home / "extended").extension
    assert found.num_learned + found.num_held_out == 29


def test_images_that_the_run_has_learned_are_neither_held_out_nor_learned_twice(home: Path) -> None:
    run = Run.load("run")
    with pytest.raises(DataError) as error:
        extend(run, "two", out=home / "extended")
    assert str(error.value) == "two holds no readable image with a label that is not known already. Give labeled images."
    shutil.copytree("two", "more", dirs_exist_ok=True)
    digits(home / "later", {"zero": (0, 1)}, skipped=60)
    shutil.copytree("later", "more", dirs_exist_ok=True)
    made = extend(run, "more", out=home / "extended")
    assert made.extension.num_learned + made.extension.num_held_out == 30
    before = run.task_summary.train_counts
    assert made.task_summary.train_counts == (before[0], before[1] + 1, made.extension.num_learned - 1)


@pytest.mark.parametrize("gone", [False, True])
def test_images_learned_before_stay_known_when_they_are_gone(home: Path, gone: bool) -> None:
    kept = remember("run")
    shutil.copytree("two", "again")
    shutil.copytree("more", "again", dirs_exist_ok=True)
    first = extend("run", "again", out=home / "first")
    if gone:
        shutil.rmtree("two")
    assert kept.exists()
    summed = extend("run", "again", out=home / "summed").extension
    assert summed.with_old_images is not gone
    assert summed.fingerprint == first.extension.fingerprint
    digits(home / "again", {"four": (4, 23)})
    second = extend(first, "again", out=home / "second").extension
    assert second.added == ("four",)
    assert second.num_learned + second.num_held_out == 23


def test_the_head_is_that_of_one_fit_to_all_rows(home: Path) -> None:
    run = Run.load("run")
    task, model = task_of(run), run.model
    made = extend(run, "more", out=home / "extended")
    addition = read_addition("more", model.classes, 0, {*task.test.content_keys, *task.labeled.content_keys})
    every = all_of([task.labeled, addition.learn], addition.learn.classes)
    fit = fit_ridge(model.head.representation.rows(features_of(every, model.backbone)), every.labels, 3, groups=every.groups)
    np.testing.assert_allclose(made.model.head.weight, fit.weight, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(made.model.head.bias, fit.bias, rtol=1e-3, atol=1e-5)
    assert made.model.temperature == fit.temperature
    assert made.model.backbone.weights_hash == model.backbone.weights_hash


def test_without_the_old_images_sums_over_them_do(home: Path, headstart_command) -> None:
    with_images = extend("run", "more", out=home / "with")
    answer = headstart_command("extend", "run")
    assert answer.code == 0
    assert (home / "run" / STATISTICS).exists()
    before = Run.load("run").evaluation.accuracy.value
    shutil.rmtree("two")
    made = extend("run", "more", out=home / "without")
    assert not made.extension.with_old_images
    assert made.extension.old is None
    assert made.extension.num_learned >= with_images.extension.num_learned
    # The zeros and ones that no longer exist as files are still told from sevens.
    digits(home / "unseen", {"zero": (0, 50), "one": (1, 50), "seven": (7, 50)}, skipped=60)
    told = predict(made, sorted((home / "unseen").rglob("*.png")))
    accuracy = np.mean([Path(row["path"]).parent.name == row["label"] for row in told])
    assert accuracy > min(0.9, before - 0.05)


def test_sums_give_the_scores_that_images_give_but_for_the_penalty(home: Path) -> None:
    remember("run")
    kept = extend("run", "more", out=home / "with").model
    path = home / "run" / STATISTICS
    shutil.move("two", "elsewhere")
    summed = extend("run", "more", out=home / "without").model
    np.testing.assert_allclose(summed.head.representation.means[0], kept.head.representation.means[0])
    scores = [head.head.scores(features_of(read_addition("more", ()).learn, head.backbone)) for head in (kept, summed)]
    assert path.exists()
    assert np.corrcoef(scores[0].ravel(), scores[1].ravel())[0, 1] > 0.98


def test_an_extended_run_is_extended_again_and_all_that_is_at_hand_is_measured(home: Path) -> None:
    first = extend("run", "more", out=home / "first")
    digits(home / "further", {"four": (4, 23), "zero": (0, 7)}, skipped=100)
    second = extend(first, "further", out=home / "second")
    assert second.model.classes == ("one", "zero", "seven", "four")
    assert not second.extension.with_old_images
    assert second.extension.old.num_images == first.evaluation.num_images
    assert second.extension.old.before.value == pytest.approx(first.evaluation.accuracy.value)
    assert second.extension.old.after.value > 0.85
    assert second.extension.new.value > 0.7


def test_called_again_it_is_read_and_another_folder_is_not_overwritten(home: Path) -> None:
    made = extend("run", "more")
    stamp = (made.folder / "evaluation.json").stat().st_mtime_ns
    assert extend("run", "more").folder == made.folder
    assert (made.folder / "evaluation.json").stat().st_mtime_ns == stamp
    weight = made.model.head.weight
    (made.folder / "model" / "head.safetensors").unlink()
    np.testing.assert_array_equal(extend("run", "more").model.head.weight, weight)
    with pytest.raises(PlanError) as error:
        extend("run", "more", out=home / "run")
    assert str(error.value) == f"{home / 'run'} holds another run. Give another --out, or delete it."
    (home / "file").write_text("text")
    with pytest.raises(PlanError) as error:
        extend("run", "more", out=home / "file")
    assert str(error.value) == f"{home / 'file'} is a file. Give another --out."


def test_a_network_that_was_trained_is_extended_on_its_own_features(home: Path, headstart_command) -> None:
    words = ("--weights", "none", "--pretrained", "small_cnn", "--set", "training.epochs=4", "-o", "tuned")
    assert headstart_command("fit", "two", "--method", "fine_tune", *words).code == 0
    made = extend("tuned", "more", out=home / "extended")
    assert made.model.head.representation is None
    assert made.extension.new.value > 0.7
    assert labels_learned_in(home / "extended") == labels_learned_in(home / "tuned") != frozenset()


def test_gone_images_without_sums_are_a_sentence(home: Path) -> None:
    shutil.rmtree("two")
    with pytest.raises(DataError) as error:
        extend("run", "more")
    assert str(error.value) == (
        "The data of run (two) are gone or have changed since, and no sums over them were kept. "
        "Put them back; `headstart extend run` then keeps what later updates need."
    )
    with pytest.raises(DataError) as error:
        remember("run")
    assert str(error.value) == "The data of run (two) are gone or have changed since. Put them back."


def test_a_run_that_learned_from_other_domains_is_refused(home: Path) -> None:
    digits(home / "other", {"zero": (0, 23), "one": (1, 29)}, skipped=60)
    plan = Run.load("run").plan.model_copy(update={"method": {"kind": "joint_ridge"}, "sources": ("other",)})
    fit(task_of_plan(plan), plan, Path("joint"))
    with pytest.raises(PlanError) as error:
        extend("joint", "more")
    assert str(error.value) == (
        "joint cannot be extended (joint_ridge on raw pixels: it learned from images of other domains, which extending would "
        "forget). Put the new images beside the old ones, and run again."
    )


def test_a_head_that_is_not_linear_is_refused(home: Path, headstart_command) -> None:
    assert headstart_command("fit", "two", "--method", "knn", "--pretrained", "pixels", "-o", "knn").code == 0
    with pytest.raises(PlanError) as error:
        extend("knn", "more")
    assert str(error.value) == (
        "knn cannot be extended (knn on raw pixels: a head of the kind neighbors is not solved from sums over images). "
        "Put the new images beside the old ones, and run again."
    )


def test_feature_vectors_are_not_added_to_pictures(home: Path) -> None:
    np.savez(home / "vectors.npz", features=np.eye(6, dtype=np.float32), labels=np.array(["a", "b"] * 3))
    with pytest.raises(DataError) as error:
        extend("run", "vectors.npz")
    assert str(error.value) == "vectors.npz holds feature vectors, and run was fitted on pictures. Give pictures."


def test_without_images_to_add_there_is_no_folder_to_write(home: Path, headstart_command) -> None:
    answer = headstart_command("extend", "run", "-o", "other")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == ("error: --out other without DATA: no new run is made. Name images to add, or leave --out out.\n")
    assert not any((home / name).exists() for name in ("other", f"run/{STATISTICS}"))


def test_the_command_says_what_was_added_and_measured(home: Path, headstart_command) -> None:
    answer = headstart_command("extend", "run", "more", "-o", "extended")
    assert answer.code == 0
    assert "1 new class (seven)" in " ".join(answer.out.split())
    assert max(map(len, answer.out.splitlines())) <= 80
    again = headstart_command("extend", "run", "more", "-o", "extended", "--json")
    assert json.loads(again.out)["extension"]["added"] == ["seven"]
    assert headstart_command("extend", "run", "nowhere").code == 2
