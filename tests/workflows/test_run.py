"""The chain: killed anywhere and started again, it ends as if nothing had happened, and nothing finished is redone."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runs_made import kill_at, outcome, refused, write_pictures, write_vectors

from headstart.core.errors import DataError, MissingExtraError, PlanError
from headstart.core.estimate import Estimate
from headstart.data.reading import read_task
from headstart.planning import cross_validation, fitting
from headstart.planning.deciding import chosen, decide, label_budget, trained
from headstart.planning.deciding.selection import Contenders
from headstart.planning.plan import Plan
from headstart.planning.ranking import rank as ranking_module
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.runs import workspace
from headstart.runs.origin import task_of
from headstart.runs.run import Run
from headstart.training import loop
from headstart.training.settings import Training
from headstart.workflows import decide as deciding
from headstart.workflows import fit as fitting_runs
from headstart.workflows.inspect import inspect
from headstart.workflows.run import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return write_vectors(tmp_path_factory.mktemp("data") / "vectors.npz")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "squares")


@pytest.fixture(scope="module")
def finished(vectors, tmp_path_factory) -> Run:
    """A run on the vectors, with a cache of its own; no test changes its folder."""
    home = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_CACHE", str(home / "cache"))
        return run(vectors, minutes=1, out=home / "run")


def test_a_run_leaves_everything_it_promises(finished):
    names = {path.name for path in finished.folder.iterdir()}
    assert names == {
        "request.json", "plan.toml", "task.json", "env.json", "findings.json", "ranking.json", "decision.json", "model",
        "predictions.parquet", "evaluation.json", "result.json", "report.html", "steps", "first_model.json",
        "label_errors.json", "label_errors.csv", "card.md", "manifest.json", "images.sha256",
    }  # fmt: skip
    assert finished.plan.verdict == finished.decision.verdict == finished.result["verdict"]
    assert (finished.evaluation.split, finished.evaluation.num_images) == ("out of fold", 97)
    assert json.loads((finished.folder / "result.json").read_text()) == finished.result


def test_a_single_fit_says_what_is_wrong_with_the_data_as_a_run_does(pictures, tmp_path, headstart_command):
    pictures = shutil.copytree(pictures, tmp_path / "squares")
    Path(pictures, "yellow").mkdir()
    Image.effect_noise((8, 8), 90).save(Path(pictures, "yellow", "0.png"))
    answer = headstart_command("fit", pictures, "--method", "ridge", "--pretrained", "pixels", "-o", tmp_path / "run")
    assert answer.code == 0, answer.err
    made = Run.load(tmp_path / "run")
    codes = [finding.code for finding in made.findings]
    assert codes == [finding.code for finding in inspect(read_task(pictures))]
    assert "tiny-class" in codes
    assert [finding["code"] for finding in json.loads((made.folder / "result.json").read_text())["findings"]] == codes
    gravest = next(finding for finding in made.findings if finding.severity == "warning")
    assert f"Findings  warning: {gravest.title[:20]}" in answer.out
    page = (made.folder / "report.html").read_text(encoding="utf-8")
    assert all(f"<code>{code}</code>" in page for code in codes)
    assert "Nothing to report about the data." not in page


def test_a_fit_that_is_refused_leaves_the_findings_of_the_run_that_is_there(vectors, finished):
    before = (finished.folder / "findings.json").read_bytes()
    plan = Plan(data=vectors, pretrained="embeddings", weights="none", input_pixels=1, method={"kind": "nearest_mean"})
    assert "holds the fit of another plan" in refused(
        PlanError, lambda: fitting_runs.fit(read_task(vectors, per_class=9), plan, finished.folder)
    )
    assert (finished.folder / "findings.json").read_bytes() == before


KILLS = [
    (fitting_runs, "inspect", 1),
    (deciding, "rank", 1),
    (cross_validation, "fit_rows", 1),
    (cross_validation, "fit_rows", 5),
    (label_budget, "fit_curve", 1),
    (fitting, "fit_rows", 1),
    (chosen, "evaluation_out_of_fold", 1),
    (fitting_runs, "evaluation_of_chosen", 1),
    (fitting_runs, "report_html", 1),
    *((workspace, "write_atomically", call) for call in range(1, 6)),
]


@pytest.mark.parametrize(("owner", "name", "call"), KILLS, ids=[f"{name}-{call}" for _, name, call in KILLS])
def test_a_kill_anywhere_changes_nothing_and_redoes_nothing(vectors, finished, tmp_path, monkeypatch, owner, name, call):
    whole = outcome(finished.folder)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "another"))
    count = kill_at(monkeypatch, owner, name, call)
    with pytest.raises(KeyboardInterrupt):
        run(vectors, minutes=1, out=tmp_path / "killed")
    assert outcome(run(vectors, minutes=1, out=tmp_path / "killed").folder) == whole
    assert len(count) >= call


@pytest.fixture(scope="module")
def many_vectors(tmp_path_factory):
    """So many rows that a test is set aside unasked."""
    place, rng = tmp_path_factory.mktemp("many") / "vectors.npz", np.random.default_rng(7)
    labels = np.arange(5_003) % 3 == 0
    features = (rng.normal(size=(5_003, 3)) + 1.5 * labels[:, None]).astype(np.float32)
    np.savez(place, features=features, labels=np.where(labels, "high", "low"))
    return str(place)


def test_of_many_labels_the_model_learns_the_test_images_once_they_have_judged_it(many_vectors, tmp_path, monkeypatch):
    made = fitting_runs.fit(many_vectors, method="ridge", out=tmp_path / "run")
    task = read_task(many_vectors)
    assert (len(task.test), made.evaluation.split, made.evaluation.num_images) == (1_001, "test", 1_001)
    assert made.evaluation.protocol.endswith(
        "They are numbers of the model before its last fit: the model that is kept was then fitted to all 5,003 labeled images, "
        "these included."
    )
    all_of_them, sealed = (
        fitting_runs.fit(many_vectors, method="ridge", test=test, out=tmp_path / f"test-{test}") for test in (0, 0.2)
    )
    np.testing.assert_allclose(made.model.head.weight, all_of_them.model.head.weight, rtol=1e-4, atol=1e-6)
    assert not np.allclose(made.model.head.weight, sealed.model.head.weight, rtol=1e-4, atol=1e-6)
    assert sealed.evaluation.metrics == made.evaluation.metrics
    assert "last fit" not in sealed.evaluation.protocol
    assert task_of(sealed).fingerprint == read_task(many_vectors, test=0.2).fingerprint
    count = kill_at(monkeypatch, fitting_runs, "fit_plan", 2)
    with pytest.raises(KeyboardInterrupt):
        fitting_runs.fit(many_vectors, method="ridge", out=tmp_path / "killed")
    again = fitting_runs.fit(many_vectors, method="ridge", out=tmp_path / "killed")
    np.testing.assert_array_equal(again.model.head.weight, made.model.head.weight)
    assert (len(count), again.evaluation) == (3, made.evaluation)


def test_a_second_run_on_the_same_data_takes_over_what_the_first_one_fitted(vectors, finished, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(finished.folder.parent / "cache"))
    first = outcome(finished.folder)
    monkeypatch.setattr(cross_validation, "fit_rows", None)
    monkeypatch.setattr(ranking_module, "scores_of", None)
    second = outcome(run(vectors, minutes=1, out=tmp_path / "second").folder)
    assert second[:2] == first[:2]
    assert second[2] == {
        "first": 1,
        "inspect": 1,
        "rank": 1,
        "decide": 1,
        "chosen": 1,
        "fit": 1,
        "evaluate": 1,
        "labels": 1,
        "mistakes": 1,
    }


def test_a_copy_of_the_data_elsewhere_takes_over_folds_under_its_own_names(vectors, finished, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(finished.folder.parent / "cache"))
    (tmp_path / "elsewhere").mkdir()
    copy = shutil.copy(vectors, tmp_path / "elsewhere" / "moved.npz")
    second = run(str(copy), minutes=1, out=tmp_path / "second")
    assert second.evaluation == finished.evaluation
    assert second.decision.verdict == finished.decision.verdict


def test_a_finished_run_is_read(vectors, finished, monkeypatch):
    first, written = (
        outcome(finished.folder),
        [(finished.folder / name).stat().st_mtime_ns for name in ("env.json", "decision.json")],
    )
    for owner, name in ((deciding, "rank"), (cross_validation, "fit_rows"), (fitting, "fit_rows"), (fitting_runs, "evaluate")):
        monkeypatch.setattr(owner, name, None)
    assert outcome(run(vectors, minutes=1, out=finished.folder).folder) == first
    assert [(finished.folder / name).stat().st_mtime_ns for name in ("env.json", "decision.json")] == written


def trained_one(judged):
    """The candidate that was trained."""
    return next(one for one in judged if one.temperature)


def train_from_scratch_only(patch) -> None:
    """Nothing to rank, a short recipe, and a checkpoint after every step."""
    only = RankedCandidate(
        name="efficientnet_lite0", pretrained="efficientnet_lite0", weights="none", baseline=False, scores={}, rank=1.0,
        first_probability=1.0, estimate=Estimate(value=0.9, low=0.8, high=1.0), seconds=0.0,
    )  # fmt: skip
    ranking = Ranking(candidates=(only,), chosen=(only.name,), distinguishable=True, sentence="One.", num_images=54)
    patch.setattr(deciding, "rank", lambda *_, **__: ranking)
    recipe = Training(epochs=2, batch_size=16, lr=1e-2, ema=0.5, checkpoint_seconds=1e-9)
    patch.setattr(trained, "scratch_training", lambda *_: recipe)
    # The network, not the pixels, so that the final fit is trained too.
    patch.setattr(decide, "contenders_of", lambda judged, *_: Contenders(None, None, trained_one(judged), (), []))
    patch.setattr(loop, "CHECKPOINT_PAUSE", 0.0)


@pytest.fixture(scope="module")
def undisturbed(pictures, tmp_path_factory):
    """The outcome of training from scratch, and the number of steps that it took."""
    home = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        train_from_scratch_only(patch)
        steps = kill_at(patch, loop.Fit, "step", 0)
        patch.setenv("HEADSTART_CACHE", str(home / "cache"))
        return outcome(run(pictures, minutes=9, only="scratch", out=home / "run").folder), len(steps)


@pytest.mark.parametrize("call", [10, 12, 14])
def test_a_kill_in_the_middle_of_an_epoch_costs_that_step_alone(pictures, undisturbed, tmp_path, monkeypatch, call):
    train_from_scratch_only(monkeypatch)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    count = kill_at(monkeypatch, loop.Fit, "step", call)
    with pytest.raises(KeyboardInterrupt):
        run(pictures, minutes=9, only="scratch", out=tmp_path / "killed")
    again = run(pictures, minutes=9, only="scratch", out=tmp_path / "killed")
    assert (outcome(again.folder), len(count) - 1) == undisturbed


@pytest.mark.parametrize("change", [{"seed": 1}, {"method": "ridge"}, {"per_class": 9}])
def test_another_request_in_the_same_folder_is_refused(vectors, finished, change):
    out = finished.folder
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert refused(PlanError, lambda: run(vectors, out=out, **{"minutes": 1, **change})) == (
        f"{out} holds a run of another request or of data that changed since. Give another --out, or delete it."
    )
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("whole", "kept"), [(True, ", whose model is kept and predicts as before"), (False, "")], ids=["finished", "unfinished"]
)
def test_a_folder_of_an_earlier_version_is_refused_with_what_to_do_and_left_as_it_is(vectors, finished, tmp_path, whole, kept):
    out = tmp_path / "run"
    shutil.copytree(finished.folder, out)
    content = json.loads((out / "request.json").read_text())
    for name in ("members", "test"):  # which requests of an earlier version did not have
        del content["request"][name]
    del content["checksum"]
    (out / "request.json").write_text(json.dumps(content, indent=2))
    if not whole:
        shutil.rmtree(out / "model")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert refused(PlanError, lambda: run(vectors, minutes=1, out=out)) == (
        f"{out} holds a run of another version of headstart{kept}. Give another --out, or delete it."
    )
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_data_that_changed_is_refused(vectors, finished):
    before = Path(vectors).read_bytes()
    with np.load(vectors) as arrays:
        np.savez(vectors, features=arrays["features"] + 1, labels=arrays["labels"])
    try:
        assert "data that changed since" in refused(PlanError, lambda: run(vectors, minutes=1, out=finished.folder))
    finally:
        Path(vectors).write_bytes(before)


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({"minutes": -1}, "minutes = -1 is no budget. Give a positive number."),
        ({"settings": {"lr": 1}}, "--set lr needs --method KIND: the method that it belongs to."),
        ({"settings": {"training.epoch": 1}}, '--set training: epoch is not a field. Did you mean "epochs"?'),
        (
            {"weights": "net.pth"},
            "--weights net.pth needs exactly one --pretrained NAME: the architecture that the file is for.",
        ),
    ],
)
def test_a_wish_that_cannot_be_fulfilled_is_told_at_once_and_claims_no_folder(vectors, tmp_path, wish, text):
    out = tmp_path / "run"
    assert refused(PlanError, lambda: run(vectors, out=out, **wish)) == text
    assert not out.exists()


@pytest.mark.parametrize(
    ("wish", "error", "text"),
    [
        ({"method": "lora"}, MissingExtraError, 'peft is not installed. Install it with `pip install "headstart[adapters]"`.'),
        (
            {"method": "fix_match"},
            DataError,
            "fix_match needs unlabeled images, and squares has none. Add a folder unlabeled/, or choose ridge or lp_ft.",
        ),
        (
            {"method": "norm_only", "pretrained": ["pixels"]},
            PlanError,
            "--pretrained pixels: no model to transfer from, as nothing was learned before. "
            "Name another (`headstart models` lists all), or let `headstart fit` fit this one.",
        ),
    ],
)
def test_what_the_data_or_the_models_rule_out_is_told_before_ranking(pictures, tmp_path, monkeypatch, wish, error, text):
    monkeypatch.setitem(sys.modules, "peft", None)
    monkeypatch.setattr(fitting_runs, "inspect", None)
    monkeypatch.setattr(deciding, "rank", None)
    assert refused(error, lambda: run(pictures, out=tmp_path / "run", **wish)) == text
    assert not (tmp_path / "run").exists()


def test_a_setting_may_name_its_method(vectors, tmp_path):
    finished = run(vectors, minutes=1, method="knn", settings={"method.num_neighbors": 3}, out=tmp_path / "run")
    assert finished.plan.method["num_neighbors"] == 3
