"""The one writer of run folders: who may use a folder, and that nothing else writes into one."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest

import headstart
from headstart.core.errors import ExportError, PlanError
from headstart.planning.plan import Plan
from headstart.runs import workspace as module
from headstart.runs.run import ENVIRONMENT, FAILURE, FILES, KNOWN, POOL_PREDICTIONS, STATISTICS, TEST_PREDICTIONS, file_of
from headstart.runs.workspace import CARD, IMAGES, LEARNED, MADE_OF_FIT, REPORT, REQUEST, RESULT, Workspace

SOURCE = Path(headstart.__file__).parent
PLAN = Plan(data="flowers", pretrained="pixels", input_pixels=8, method={"kind": "ridge"})
TASK = SimpleNamespace(fingerprint="f")
RUN_FILES = {
    *FILES.values(), CARD, ENVIRONMENT, FAILURE, IMAGES, KNOWN, LEARNED, POOL_PREDICTIONS, REPORT, REQUEST, RESULT, STATISTICS,
    TEST_PREDICTIONS,
}  # fmt: skip
WRITES = {"write_atomically", "write", "write_text", "write_bytes", "save", "open"}
OTHERS = {"planning/improving/search.py"}
"""It writes a plan into the folder of a study."""


def test_only_the_workspace_writes_files_of_a_run():
    writers, knowing = set(), set()
    for path in SOURCE.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        name = path.relative_to(SOURCE).as_posix()
        for node in nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] in WRITES:
                writers |= {name for part in ast.walk(node) if isinstance(part, ast.Constant) and part.value in RUN_FILES}
        words = {node.value for node in nodes if isinstance(node, ast.Constant)}
        if words & {REQUEST, RESULT, STATISTICS, KNOWN, ENVIRONMENT, FAILURE, "evaluation.json"}:
            knowing.add(name)
    assert writers == OTHERS
    assert knowing == {
        "runs/run.py",
        "multioutput/run.py",
    }


CLAIMS = {
    "run": (
        lambda space: space.claim_request("request", PLAN, TASK),
        "a run of another version of headstart",
        REQUEST,
    ),
    "pretraining": (lambda space: space.claim_request("pretraining", PLAN, TASK), "something else than this pretraining", "x"),
    "fit": (
        lambda space: space.claim_fit({}),
        "the fit of another plan, of data that changed since, or of an earlier version of headstart",
        "steps/fit-0.json",
    ),
    "adjustment": (lambda space: space.claim_adjustment(Path("run"), None), "something else than an adjusted run", "x"),
    "adjustment of another": (lambda space: space.claim_adjustment(Path("run"), None), "another run", file_of(Plan)),
    "extension": (lambda space: space.claim_extension(Path("run"), "f"), "another run", file_of(Plan)),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_folder_is_taken_once(tmp_path, monkeypatch, claim):
    take, held, file = CLAIMS[claim]
    folder = tmp_path / "run"
    take(Workspace(folder))
    take(Workspace(folder))  # the same again goes on
    other = tmp_path / "other"
    (other / file).parent.mkdir(parents=True)
    (other / file).write_text('{"else": 1}', encoding="utf-8")
    refused(PlanError, lambda: take(Workspace(other)), f"{other} holds {held}. Give another --out, or delete it.")
    (tmp_path / "file").touch()
    refused(PlanError, lambda: take(Workspace(tmp_path / "file")), f"{tmp_path / 'file'} is a file. Give another --out.")
    monkeypatch.setattr(module.os, "access", lambda *_: False)
    folder.mkdir(exist_ok=True)
    refused(ExportError, lambda: take(Workspace(folder)), f"{folder} is read-only. Choose another folder with --out.")


def refused(error, call, text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_a_pretraining_that_came_to_nothing_leaves_the_folder_free(tmp_path):
    space = Workspace(tmp_path)
    space.claim_request("pretraining", PLAN, TASK)
    space.claim_request("pretraining", PLAN.model_copy(update={"seed": 1}), TASK)
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "fit-0.json").touch()
    refused(
        PlanError,
        lambda: space.claim_request("pretraining", PLAN, TASK),
        f"{tmp_path} holds something else than this pretraining. Give another --out, or delete it.",
    )


def test_a_folder_is_named_after_what_the_run_is_about(tmp_path):
    one, again, other = (Workspace.named(None, Path("runs") / "flowers", content) for content in ([1], [1], [2]))
    assert one == again
    assert one.folder != other.folder
    assert one.folder.parent == Path("runs")
    assert one.folder.name.startswith("flowers-")
    assert Workspace.named(str(tmp_path), Path("runs") / "flowers", [1]).folder == tmp_path


def test_a_kill_while_a_first_model_is_deleted_leaves_none(tmp_path, monkeypatch):
    folder = tmp_path / "first_model"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    space = Workspace(tmp_path)
    assert space.run.has_first_model

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        space.write_first_model(SimpleNamespace())
    assert not space.run.has_first_model


def test_another_fit_leaves_nothing_that_was_made_of_the_one_before(tmp_path):
    space, inputs = Workspace(tmp_path), [{"plan": number} for number in (1, 2)]
    (tmp_path / "steps").mkdir()
    stems = [space.steps.stem(name, inputs[0]) for name in ("fit", *MADE_OF_FIT)]
    made = [
        "evaluation.json",
        "pool_audit.json",
        "forgetting.json",
        TEST_PREDICTIONS,
        POOL_PREDICTIONS,
        STATISTICS,
        KNOWN,
        LEARNED,
    ]
    (tmp_path / "model").mkdir()
    made.append("model/calibration.safetensors")
    for name in [*made, "decision.json", *(f"steps/{stem}.json" for stem in stems)]:
        (tmp_path / name).write_text("{}")
    space.forget_other_fits(inputs[0])
    assert all((tmp_path / name).exists() for name in made)
    space.forget_other_fits(inputs[1])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["decision.json", "model", "steps"]


def test_a_corrected_manifest_of_labels_outlives_the_next_fit(tmp_path):
    space = Workspace(tmp_path)
    assert space.write_label_manifest("first") == space.write_label_manifest("second") == "label_errors.csv"
    space.path("label_errors.csv").write_text("corrected", encoding="utf-8")
    space.path("steps").mkdir(exist_ok=True)
    for word in ("third", "fourth"):
        (tmp_path / "steps" / f"fit-{word}.json").write_text("{}", encoding="utf-8")
        space.forget_other_fits({})
        assert space.path("label_errors.csv").read_text(encoding="utf-8") == "corrected"
        assert not space.path("label_errors-2.csv").exists()
        assert space.write_label_manifest(word) == "label_errors-2.csv"
        assert space.path("label_errors-2.csv").read_text(encoding="utf-8") == word


def test_a_manifest_of_labels_of_an_earlier_version_is_kept(tmp_path):
    space = Workspace(tmp_path)
    space.path("label_errors.csv").write_text("perhaps corrected", encoding="utf-8")
    assert space.write_label_manifest("new") == "label_errors-2.csv"
    assert space.path("label_errors.csv").read_text(encoding="utf-8") == "perhaps corrected"


def test_a_half_written_file_that_a_kill_has_left_takes_no_folder(tmp_path):
    (tmp_path / f".request.json.{'0' * 32}").touch()
    Workspace(tmp_path).claim_request("pretraining", PLAN, TASK)
    assert (tmp_path / REQUEST).exists()
