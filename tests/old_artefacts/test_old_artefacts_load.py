"""What earlier versions wrote is read: each artefact loads and predicts as it did, or one sentence says what to do.

`format_1/` was written by the version of 2026-11-27, before records carried a format: runs of embeddings, of an adaptation and of
pictures, a pretraining, an extended and an adjusted run, plans, two galleries, a study and a cache of features. Files that no one
reads again, such as reports and checkpoints, are left out. `expected.json` holds what that version predicted and decided,
`methods.json` the settings that it wrote for each method.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import headstart
from headstart.core.errors import PlanError
from headstart.methods import METHODS, method_from

pytestmark = pytest.mark.slow

OLD = Path(__file__).parent / "format_1"
EXPECTED = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))
RUNS = sorted(path.name for path in (OLD / "runs").iterdir())
LOOSE = 1e-6


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return Path(shutil.copytree(OLD, tmp_path_factory.mktemp("artefacts") / "old"))


@pytest.fixture
def old(copy, tmp_path, monkeypatch) -> Path:
    """A copy of the artefacts, which is the working folder: their paths are relative."""
    monkeypatch.chdir(copy)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    return copy


def folds_of(study: Path) -> int:
    """How many folds were fitted for a study."""
    return sum(line.startswith("fold-") for line in (study / "steps" / "log.tsv").read_text(encoding="utf-8").splitlines())


def new_pictures() -> list[str]:
    return sorted(path.as_posix() for path in Path("data/new").glob("*/*.png"))


def assert_predicted(answer, expected) -> None:
    assert answer.code == 0, answer.err
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert [row["path"] for row in rows] == [path for path, _, _ in expected]
    for row, (path, label, probability) in zip(rows, expected, strict=True):
        assert label in {row["label"], None}, path  # None: refused by that version
        assert row["probability"] == pytest.approx(probability, abs=LOOSE), path


@pytest.mark.parametrize("name", RUNS)
def test_every_file_of_a_run_is_read(old, name):
    run = headstart.Run.load(f"runs/{name}")
    names = {path.stem for path in run.folder.iterdir()}
    assert run.plan.data
    assert len(run.task_summary.classes) >= 2
    for stem in ("ranking", "decision", "sources", "adaptation", "adjustment", "rate_curve", "forgetting", "extension"):
        assert (getattr(run, stem) is not None) == (stem in names), stem
    assert (run.evaluation is not None) == ("evaluation" in names)
    assert (run.predictions is not None) == ("predictions" in names)
    assert (run.unlabeled is not None) == ("unlabeled" in names)
    result = json.loads((run.folder / "result.json").read_text(encoding="utf-8"))
    assert run.result["verdict"] == (run.adaptation.verdict if run.adaptation else result["verdict"])  # it was none once
    assert run.result["evaluation"] == result["evaluation"]
    assert [one["code"] for one in run.result["findings"]] == [one["code"] for one in result["findings"]]


@pytest.mark.parametrize("name", EXPECTED["predict"])
def test_a_model_predicts_new_pictures_as_it_did(old, name, headstart_command):
    answer = headstart_command("predict", f"runs/{name}", *new_pictures(), "--json")
    assert_predicted(answer, EXPECTED["predict"][name])


@pytest.mark.parametrize("name", EXPECTED["evaluate"])
def test_a_model_is_evaluated_as_it_was(old, name, headstart_command):
    answer = headstart_command("evaluate", f"runs/{name}", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)["metrics"]
    assert {metric: found[metric]["value"] for metric in EXPECTED["evaluate"][name]} == pytest.approx(
        EXPECTED["evaluate"][name], abs=LOOSE
    )


@pytest.mark.parametrize("name", EXPECTED["decision"])
def test_a_decision_is_read(old, name):
    decision, expected = headstart.Run.load(f"runs/{name}").decision, EXPECTED["decision"][name]
    assert (decision.verdict, decision.chosen) == (expected["verdict"], expected["chosen"])
    assert [decision.gain.value, decision.gain.low, decision.gain.high] == expected["gain"]
    written = json.loads(decision.to_json())
    assert expected["num_candidates"] in {len(value) for value in written.values() if isinstance(value, list)}


def test_an_adaptation_is_read(old):
    adaptation = headstart.Run.load("runs/adapted").adaptation
    assert list(adaptation.chosen) == EXPECTED["adaptation"]["chosen"]
    assert [adaptation.accuracy.value, adaptation.accuracy.low, adaptation.accuracy.high] == EXPECTED["adaptation"]["accuracy"]


@pytest.mark.parametrize("name", ["embeddings", "adapted", "pictures"])
def test_a_report_is_drawn_of_an_old_run(old, name, headstart_command):
    answer = headstart_command("report", f"runs/{name}")
    assert answer.code == 0, answer.err
    assert Path("runs", name, "report.html").stat().st_size > 10_000


def test_runs_are_listed_and_compared(old, headstart_command):
    answer = headstart_command("runs", "runs", "--json")
    assert answer.code == 0, answer.err
    assert all(f"runs/{name}" in answer.out for name in RUNS)
    assert "damaged" not in answer.err
    answer = headstart_command("compare", "runs/pictures", "runs/tuned")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("path", sorted((OLD / "plans").glob("*.toml")), ids=lambda path: path.stem)
def test_a_plan_is_read_and_written_again(path):
    plan = headstart.Plan.from_toml(path.read_text(encoding="utf-8"), str(path))
    assert headstart.Plan.from_toml(plan.to_toml()) == plan
    method_from(plan.method)


@pytest.mark.parametrize("name", ["ridge", "decided", "by_hand", "gradient"])
def test_a_plan_is_fitted(old, name, headstart_command, tmp_path):
    answer = headstart_command("fit", f"plans/{name}.toml", "-o", tmp_path / "again", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["evaluation"]["metrics"]["accuracy"]["value"] > 0.3


def test_settings_of_every_method_are_read_or_refused_with_what_to_choose_instead():
    written = json.loads((OLD / "methods.json").read_text(encoding="utf-8"))
    assert set(written) <= {*METHODS.names(), *METHODS.removed}
    for kind, settings in written.items():
        if kind in METHODS.removed:
            with pytest.raises(PlanError) as caught:
                method_from(settings)
            instead = METHODS.removed[kind]
            assert str(caught.value) == (
                f'The method "{kind}" was removed. Choose {instead} instead. '
                f"`headstart fit RUN/plan.toml --set method.kind={instead}` fits the plan of an earlier run with it."
            )
        else:
            assert method_from(settings) == METHODS.get(kind)(), kind


@pytest.mark.parametrize("name", EXPECTED["fewshot"])
def test_a_gallery_recognizes_as_it_did_and_takes_a_new_class(old, name, headstart_command):
    assert_predicted(headstart_command("fewshot", "predict", name, *new_pictures(), "--json"), EXPECTED["fewshot"][name])
    answer = headstart_command("fewshot", "enroll", name, "more", "data/pictures/digit0/03.png")
    assert answer.code == 0, answer.err
    answer = headstart_command("fewshot", "forget", name, "more")
    assert answer.code == 0, answer.err
    assert_predicted(headstart_command("fewshot", "predict", name, *new_pictures(), "--json"), EXPECTED["fewshot"][name])


def test_features_in_the_cache_are_taken(old, headstart_command, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(old / "cache"))
    before = sorted(path.name for path in (old / "cache" / "features").rglob("*"))
    answer = headstart_command("evaluate", "runs/pictures", "--json")
    assert answer.code == 0, answer.err
    assert sorted(path.name for path in (old / "cache" / "features").rglob("*")) == before


def test_a_study_that_held_a_fifth_out_is_kept_and_its_folder_refused(old, headstart_command):
    kept = folds_of(old / "study")
    words = ("search", "data/pictures", "--method", "ridge", "--pretrained", "pixels", "--trials", "3", "-o", "study", "--json")
    answer = headstart_command(*words)
    assert answer.code == 2
    assert answer.err.startswith("error: study holds a study of another task or plan, or of data that changed since.")
    assert folds_of(old / "study") == kept


def test_a_pretrained_network_is_transferred_from(old, headstart_command, tmp_path):
    words = ("fit", "data/pictures", "--method", "ridge", "--pretrained", "run:runs/pretrained", "-o", tmp_path / "again")
    answer = headstart_command(*words, "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["evaluation"]["metrics"]["accuracy"]["value"] > 0.8


def test_a_finished_run_that_held_a_fifth_out_is_kept_and_its_folder_refused(old, headstart_command):
    assert headstart_command("report", "runs/embeddings").code == 0  # the report is not among the artefacts
    before = {path.name: path.read_bytes() for path in Path("runs/embeddings").iterdir() if path.is_file()}
    answer = headstart_command("run", "data/vectors.npz", "--minutes", "1", "-o", "runs/embeddings", "--json")
    assert answer.code == 2
    assert answer.err == (
        "error: runs/embeddings holds a run of another version of headstart, whose model is kept and predicts as before. Give "
        "another --out, or delete it.\n"
    )
    assert {path.name: path.read_bytes() for path in Path("runs/embeddings").iterdir() if path.is_file()} == before
