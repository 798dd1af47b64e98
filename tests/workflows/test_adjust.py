"""Adjusting a finished run and searching from the library: what lies on disk afterwards, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from headstart.core.errors import DataError, PlanError, TrainingError
from headstart.data.reading import read_task
from headstart.planning import cross_validation, fitting
from headstart.planning.improving import adjust as adjusting
from headstart.planning.improving.adjustment import Adjustment
from headstart.planning.plan import Plan
from headstart.runs.run import Run
from headstart.training import loop
from headstart.training.settings import Training
from headstart.workflows import adjust as adjusting_runs
from headstart.workflows.adjust import adjust
from headstart.workflows.fit import fit_and_evaluate as fit
from headstart.workflows.run import run
from headstart.workflows.search import search

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def squares(tmp_path_factory) -> str:
    """Class folders of small pictures in two colors that are easily told apart, with a test split."""
    place, rng = tmp_path_factory.mktemp("data") / "squares", np.random.default_rng(5)
    for split, count in (("train", 22), ("test", 13)):
        for label, name in enumerate(("blue", "red")):
            (place / split / name).mkdir(parents=True)
            for row in range(count + label):
                pixels = rng.integers(0, 170, (8, 8, 3)).astype(np.uint8)
                pixels[..., label] += 80
                Image.fromarray(pixels).save(place / split / name / f"{row}.png")
    return str(place)


def plan_of(place: str, **training) -> Plan:
    settings = {"epochs": 1, "batch_size": 8, "ema": 0.0, "lr": 2e-3, **training}
    return Plan(
        data=place, pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": "fine_tune", "view": "plain"},
        training=Training(**settings),
    )  # fmt: skip


class Adjusted(NamedTuple):
    """A run of one epoch, the files in its folder before it was adjusted, and what came of that."""

    short: Path
    before: dict[str, bytes]
    better: Run
    adjustment: Adjustment


@pytest.fixture(scope="module")
def adjusted(squares, tmp_path_factory) -> Adjusted:
    short = fit(read_task(squares), plan_of(squares, lr=2e-4), tmp_path_factory.mktemp("runs") / "short").folder
    before = files_of(short)
    return Adjusted(short, before, *adjust(short))


@pytest.fixture
def short(squares, tmp_path, monkeypatch) -> Path:
    """Such a run of its own, with a cache of its own."""
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    return fit(read_task(squares), plan_of(squares, lr=2e-4), tmp_path / "short").folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refused(error, call) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_a_run_that_was_too_short_becomes_a_longer_one_in_a_new_folder(adjusted):
    short, before, better, adjustment = adjusted
    (trial,) = adjustment.trials
    assert (trial.rule, trial.outcome) == ("too_few_epochs", "kept")
    assert trial.comparison.accuracy_gain.value > 0.1
    assert better.folder == short.with_name(f"short-{adjustment.plan.content_fingerprint()[:8]}")
    assert better.plan == adjustment.plan
    assert better.plan.training.epochs == 12
    assert better.adjustment == adjustment
    assert better.evaluation.metrics["log_loss"].value < Run(short).evaluation.metrics["log_loss"].value - 0.1
    page = (better.folder / "report.html").read_text(encoding="utf-8")
    assert 'id="adjustment"' in page
    assert "written by hand" not in page
    assert {finding.code for finding in better.findings} >= {"small-test", "tiny-images"}
    assert files_of(short) == before


def test_the_same_call_again_reads_everything(adjusted, monkeypatch):
    for owner in (cross_validation, fitting):
        monkeypatch.setattr(owner, "fit_rows", None)
    again, same = adjust(adjusted.short)
    assert same == adjusted.adjustment
    assert again.folder == adjusted.better.folder


def test_a_kill_while_judging_costs_the_fold_that_was_under_way(short, monkeypatch):
    real, calls = cross_validation.fit_rows, []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(cross_validation, "fit_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            adjust(short)
    monkeypatch.setattr(cross_validation, "fit_rows", lambda *arguments: calls.append(1) or real(*arguments))
    assert adjust(short)[1].accepted
    assert len(calls) == 8 + 3


def test_a_run_that_nothing_improves_is_itself_the_answer(adjusted, monkeypatch):
    monkeypatch.setattr(adjusting, "wins", lambda *_: False)
    monkeypatch.setattr(adjusting, "significant_at", lambda *_: False)
    same, adjustment = adjust(adjusted.short)
    assert same.folder == adjusted.short
    assert adjustment.sentence == "The plan stands: no changed plan was better beyond noise (1 tried)."


def test_a_run_that_came_from_adjusting_counts_what_was_judged_before_it(adjusted, monkeypatch):
    met = []
    unchanged = adjusted.adjustment.model_copy(update={"trials": ()})
    monkeypatch.setattr(adjusting, "adjust", lambda *_, **known: met.append(known["earlier"]) or unchanged)
    adjust(adjusted.short)
    adjust(adjusted.better)
    assert met == [0, 1]


def test_a_run_whose_training_broke_down_is_adjusted_all_the_same(squares, tmp_path, monkeypatch):
    real = loop.Fit.step

    def nan_at_high_rates(self, *rest):
        losses = real(self, *rest)
        return {name: float("nan") for name in losses} if self.training.lr > 1 else losses

    monkeypatch.setattr(loop.Fit, "step", nan_at_high_rates)
    folder = tmp_path / "broken"
    plan = plan_of(squares, lr=3.0, epochs=12)
    text = refused(TrainingError, lambda: fit(read_task(squares), plan, folder))
    assert Run(folder).failure == text
    better, adjustment = adjust(folder)
    tried = [(trial.rule, trial.outcome) for trial in adjustment.trials]
    assert tried == [("batch_norm_mismatch", "failed"), ("rate_too_high", "kept")]
    assert better.plan.training.lr == 1e-3
    assert better.failure is None
    assert better.evaluation.accuracy.value > 0.8


def test_a_run_that_broke_down_and_cannot_be_mended_is_told(squares, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(loop.Fit, "step", lambda *_: {"cross_entropy": float("nan")})
    folder = tmp_path / "broken"
    refused(TrainingError, lambda: fit(read_task(squares), plan_of(squares), folder))
    text = refused(TrainingError, lambda: adjust(folder))
    assert text == f"{Run(folder).failure} The plan stands: no changed plan was better beyond noise (3 tried)."


def test_a_folder_may_be_named_but_not_one_that_holds_another_run(adjusted, tmp_path):
    short, mine = adjusted.short, tmp_path / "mine"
    assert adjust(short, out=mine)[0].folder == mine
    assert adjust(short, out=mine)[0].folder == mine
    text = f"{mine} holds another run. Give another --out, or delete it."
    assert refused(PlanError, lambda: adjust(short, out=mine, minutes=1.0)) == text
    assert refused(PlanError, lambda: adjust(mine, out=short)) == text.replace(str(mine), str(short))


def test_a_file_or_a_folder_of_other_things_is_refused_before_anything_is_judged(short, monkeypatch):
    monkeypatch.setattr(adjusting_runs, "cross_validate", None)
    file, folder = short.parent / "file", short.parent / "photos"
    file.write_text("text")
    folder.mkdir()
    (folder / "holiday.txt").write_text("text")
    assert refused(PlanError, lambda: adjust(short, out=file)) == f"{file} is a file. Give another --out."
    text = f"{folder} holds something else than an adjusted run. Give another --out, or delete it."
    assert refused(PlanError, lambda: adjust(short, out=folder)) == text
    assert [path.name for path in folder.iterdir()] == ["holiday.txt"]


def test_what_cannot_be_adjusted_is_told(adjusted, squares, tmp_path):
    short = Path(shutil.copytree(adjusted.short, tmp_path / "short"))
    nowhere = tmp_path / "nowhere"
    assert refused(DataError, lambda: adjust(nowhere)) == (
        f"{nowhere} holds no finished run. `headstart runs` lists those there are; an unfinished one goes on with `run`."
    )
    assert refused(PlanError, lambda: adjust(short, minutes=-2)) == "minutes = -2 is no budget. Give a positive number."
    plan = short / "plan.toml"
    plan.write_text(plan.read_text().partition("# As headstart wrote it")[0].replace(squares, str(nowhere)))
    assert refused(DataError, lambda: adjust(short)) == (
        f"The data of {short} ({nowhere}) are gone or have changed since. Put them back as they were."
    )


def test_one_label_a_class_leaves_nothing_to_compare(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    place = str(tmp_path / "vectors.npz")
    np.savez(place, features=np.eye(12, dtype=np.float32), labels=np.array(["a", "b", "c"] * 4))
    method = {"kind": "nearest_mean"}
    plan = Plan(data=place, per_class=1, pretrained="embeddings", weights="none", input_pixels=1, method=method)
    folder = fit(read_task(place, per_class=1), plan, tmp_path / "run").folder
    assert refused(DataError, lambda: adjust(folder)) == (
        "No class has two labels, so that nothing can be held out and no comparison made. Label at least two images of a class."
    )


def test_judging_the_run_s_own_plan_is_part_of_the_minutes_once_and_for_all(short, monkeypatch):
    met, unchanged = [], Adjustment(parent="", minutes=None, plan=Run(short).plan, trials=(), advice=())
    monkeypatch.setattr(adjusting, "adjust", lambda *_, **known: met.append(known["spent_seconds"]) or unchanged)
    adjust(short)
    adjust(short)
    folds = [json.loads(path.read_text())["seconds"] for path in (short / "steps").glob("fold-*.json")]
    assert met[0] == met[1] >= sum(folds) > 0


def test_searching_begins_with_what_earlier_runs_chose(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    rng, labels = np.random.default_rng(3), np.arange(97) % 3 == 0
    features = (rng.normal(size=(97, 7)) + 1.5 * labels[:, None]).astype(np.float32)
    place = str(tmp_path / "vectors.npz")
    np.savez(place, features=features, labels=np.where(labels, "high", "low"))
    run(place, minutes=1, method="knn", settings={"method.num_neighbors": "7"}, out=tmp_path / "runs" / "first")
    task = read_task(place)
    plan = Plan(data=place, pretrained="embeddings", weights="none", input_pixels=1, method={"kind": "knn", "num_neighbors": 60})
    found = search(task, plan, tmp_path / "study", trials=2, runs=tmp_path / "runs")
    assert found.trials[1].origin == str(tmp_path / "runs" / "first")
    assert found.trials[1].settings == {"method.num_neighbors": 7}
    assert found.sentence.startswith("Better than the default: trial 1 ")
    assert found.sentence.endswith("The same images chose these settings, so that the gain may look larger than it is.")
    assert found.plan.rejected[-1].candidate == "the default settings"
    better = fit(task, found.plan, tmp_path / "better")
    assert better.evaluation.accuracy.value > fit(task, plan, tmp_path / "plain").evaluation.accuracy.value


@pytest.fixture
def ensemble(tmp_path, monkeypatch) -> Path:
    """A run of two closed forms on feature vectors, judged out of fold."""
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    rng, labels = np.random.default_rng(3), np.arange(97) % 3 == 0
    place = str(tmp_path / "vectors.npz")
    features = (rng.normal(size=(97, 7)) + 1.5 * labels[:, None]).astype(np.float32)
    np.savez(place, features=features, labels=np.where(labels, "high", "low"))
    network = {"pretrained": "embeddings", "weights": "none", "input_pixels": 1}
    ridge, kernel = ({"kind": kind, "blocks": "penultimate"} for kind in ("ridge", "kernel_ridge"))
    plan = Plan(data=place, **network, method=ridge, partners=[{**network, "method": kernel}], shares=(0.5, 0.5))
    return fit(read_task(place), plan, tmp_path / "run").folder


def test_one_network_takes_the_place_of_an_ensemble_without_a_fold_fitted_again(ensemble, monkeypatch):
    real, calls = fitting.fit_rows, []
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    monkeypatch.setattr(fitting, "fit_rows", lambda *given: calls.append(1) or real(*given))
    better, adjustment = adjust(ensemble, distill=True, margin=1.0)
    assert calls == [1]
    assert better.plan == adjustment.plan
    assert better.model.partners == ()
    assert better.evaluation.num_images == 97
    assert better.adjustment.margin == 1.0
    assert "One network takes the place of the ensemble" in (better.folder / "report.html").read_text(encoding="utf-8")
    again, same = adjust(ensemble, distill=True, margin=1.0)
    assert (again.folder, same) == (better.folder, adjustment)


def test_an_ensemble_stays_where_one_network_may_lose_too_much(ensemble):
    same, adjustment = adjust(ensemble, distill=True, margin=0.0)
    assert same.folder == ensemble
    assert adjustment.sentence.startswith("The ensemble stands: ")
    assert {path.name for path in ensemble.parent.iterdir() if path.is_dir()} - {"cache"} == {"run"}


def test_a_folder_of_another_margin_is_refused(ensemble, tmp_path):
    adjust(ensemble, distill=True, margin=1.0, out=tmp_path / "single")
    assert refused(PlanError, lambda: adjust(ensemble, out=tmp_path / "single")) == (
        f"{tmp_path / 'single'} holds another run. Give another --out, or delete it."
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"margin": 0.1},
            "--margin is what one network may lose against an ensemble. Give --distill with it, or leave it out.",
        ),
        ({"distill": True, "minutes": 2.0}, "--distill tries a few networks once and takes no --minutes. Give one of the two."),
        (
            {"distill": True},
            "The run predicts by a single model: there is no ensemble to distill. Leave out --distill.",
        ),
    ],
)
def test_options_that_do_not_fit_together(adjusted, options, sentence):
    assert refused(PlanError, lambda: adjust(adjusted.short, **options)) == sentence


def test_a_change_that_is_kept_is_not_cross_validated_again_and_leaves_no_checkpoints(short, monkeypatch):
    real, calls = cross_validation.fit_rows, []
    monkeypatch.setattr(cross_validation, "fit_rows", lambda *given: calls.append(1) or real(*given))
    better, _ = adjust(short)
    assert len(calls) == 2 * len(read_task(better.plan.data).folds)
    left = [path.name for path in (*short.rglob("*"), *better.folder.rglob("*"))]
    assert not {"checkpoint.safetensors", "cache"} & set(left)
    assert not list((better.folder / "steps").glob("fold-*/model"))


def test_what_each_change_will_take_is_said_before(short, capsys, monkeypatch):
    monkeypatch.delenv("HEADSTART_QUIET", raising=False)
    adjust(short)
    said = capsys.readouterr().err
    announced = said.index("Tried first: too_few_epochs, training.epochs 1 -> 12: about ")
    assert announced < said.index("too_few_epochs: training.epochs 1 -> 12 ...")
