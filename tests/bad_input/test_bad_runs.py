"""Everything that may be wrong with a request, a plan, a place to write or a run: one sentence, exit code 2, nothing lost."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from headstart.core import records

pytestmark = pytest.mark.slow

PLAN = 'data = "vectors.npz"\npretrained = "embeddings"\ninput_pixels = 1\n[method]\nkind = "ridge"\nblocks = "penultimate"\n'


def vectors(path: Path, width: int = 5, names: str = "ab", seed: int = 3) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(41) % len(names)
    features = rng.normal(size=(41, width)) + 2.0 * labels[:, None]
    np.savez(path, features=features.astype(np.float32), labels=np.array(list(names))[labels])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A place with vectors, pictures and one finished run."""
    root = tmp_path_factory.mktemp("prepared")
    vectors(root / "vectors.npz")
    vectors(root / "wide.npz", width=7)
    vectors(root / "other.npz", names="xyz")
    (root / "plan.toml").write_text(PLAN)
    for name in ("a", "b"):
        (root / "pictures" / name).mkdir(parents=True)
        for number in range(3):
            Image.fromarray(np.random.default_rng([number, ord(name)]).integers(0, 255, (9, 8, 3), np.uint8)).save(
                root / "pictures" / name / f"{name}{number}.png"
            )
    (root / "unlabeled" / "unlabeled").mkdir(parents=True)
    shutil.copy(root / "pictures" / "a" / "a0.png", root / "unlabeled" / "unlabeled")
    (root / "empty").mkdir()
    (root / "binary.toml").write_bytes(b"\xff\xfe\0")
    (root / "open.toml").write_text("data = [\n")
    (root / "blank.toml").write_text("")
    (root / "deep.toml").write_text(f"data = {'[' * 50_000}")
    (root / "digits.toml").write_text(PLAN.replace("input_pixels = 1", f"input_pixels = {'9' * 5_000}"))
    (root / "large.toml").write_text(f"{PLAN}# {'x' * 2**20}")
    (root / "typos.toml").write_text(
        PLAN.replace('"ridge"', '"rigde"') + "[training]\nlrr = 3\nepochs = -1\nprecision = 'half'\n"
    )
    (root / "gone.toml").write_text(PLAN.replace("vectors.npz", "gone.npz"))
    return root


@pytest.fixture
def place(prepared, tmp_path, monkeypatch):
    root = tmp_path / "place"
    shutil.copytree(prepared, root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("HEADSTART_QUIET", "1")
    return root


REFUSED: dict[str, tuple[str, str]] = {
    "command: misspelled": ("predcit r x", '"predcit" is not a command. Did you mean "predict"?'),
    "option: unknown": ("run vectors.npz --bogus", "No such option: --bogus"),
    "source: not there": ("run vectors.npz --source x", '"x" does not exist'),
    "argument: missing": ("compare r", "Missing argument"),
    "minutes: negative": ("run vectors.npz --minutes -1", "greater than or equal to 0.01"),
    "minutes: text": ("run vectors.npz --minutes long", "'--minutes'"),
    "minutes: nan": ("run vectors.npz --minutes nan", "--minutes"),
    "seed: negative": ("run vectors.npz --seed -1", "'--seed'"),
    "per-class: none": ("run vectors.npz --per-class 0", "per_class = 0: at least 1 labeled image a class is needed."),
    "side: unknown": ("run vectors.npz --only transfr", '--only "transfr" is not a side.'),
    "place: empty word": ("run ''", '"" names no place.'),
    "method: misspelled": ("run vectors.npz --method rigde", '"rigde" is not a method. Did you mean "ridge"?'),
    "method: to describe, misspelled": ("methods rigde", 'Did you mean "ridge"?'),
    "method: missing for data": ("fit vectors.npz", "vectors.npz is data, so --method KIND is needed."),
    "method: misspelled, before data are looked for": (
        "fit nowhere --method rigde",
        '"rigde" is not a method. Did you mean "ridge"?',
    ),
    "method: in a search, misspelled": ("search nowhere --method rigde -o s", '"rigde" is not a method. Did you mean "ridge"?'),
    "set: in a fit, before data are looked for": ("fit nowhere --method knn --set k=-1", "--set: method.k is not a field."),
    "method: beside a plan": ("fit plan.toml --method knn", "plan.toml names its own method and model."),
    "method: of pictures, given vectors": ("fit vectors.npz --method lp_ft -o x", "lp_ft trains on pictures."),
    "method: in run, of pictures, given vectors": ("run vectors.npz --method lp_ft", "needs pictures"),
    "model: misspelled": ("run vectors.npz --pretrained efficientnet_lit0", 'Did you mean "efficientnet_lite0"?'),
    "model: of pictures, given vectors": (
        "fit vectors.npz --method ridge --pretrained pixels -o x",
        "and the rest are feature vectors, and pixels takes pictures.",
    ),
    "model: of vectors, given pictures": (
        "fit pictures --method ridge --pretrained embeddings -o x",
        "are pictures, and embeddings takes feature vectors.",
    ),
    "license: none": ("models --license GPL-4.0", '"GPL-4.0" is the license of no model here.'),
    "provider: unknown": ("models --provider tim", '"tim" is not a provider. Did you mean "timm"?'),
    "weights: for no model": ("run vectors.npz --weights w.pth", "needs exactly one --pretrained NAME"),
    "set: no value": ("run vectors.npz --set lr", '--set "lr" has no form key=value.'),
    "set: no such training field": ("run vectors.npz --set training.lrr=1", 'lrr is not a field. Did you mean "lr"?'),
    "set: no such part": ("fit plan.toml --set trainin.lr=1", 'no such part of a plan. Did you mean "training"?'),
    "set: text for a number": ("fit plan.toml --set training.lr=fast", "--set: training.lr = 'fast': input should be"),
    "set: out of range": ("fit plan.toml --set training.momentum=2", "--set: training.momentum = 2: input should be"),
    "set: method of no plan": ("run vectors.npz --set blocks=pixels", "--set blocks needs --method KIND"),
    "set: unknown method": ("fit plan.toml --set method.kind=fixmach", '--set: method.kind = "fixmach" is not a method.'),
    "set: unknown model": ("fit plan.toml --set pretrained=resnet5", '"resnet5" is not a pretrained model.'),
    "set: pixels of vectors": ("fit plan.toml --set method.blocks=pixels -o x", "these rows are feature vectors."),
    "set: temperature below zero": ("fit plan.toml --set temperature=-1 -o x", "temperature = -1 must be above zero."),
    "plan: gone": ("fit nope.toml", "nope.toml: cannot be read (No such file or directory)."),
    "plan: a folder": ("fit empty.toml/", "empty.toml"),
    "plan: no text": ("fit binary.toml", "binary.toml: cannot be read (not UTF-8 text)."),
    "plan: no TOML": ("fit open.toml", "open.toml: not valid TOML"),
    "plan: blank": ("fit blank.toml", "pretrained is missing. input_pixels is missing. method is missing. data is missing."),
    "plan: deep": ("fit deep.toml", "deep.toml: more than 100 lists and tables lie inside each other."),
    "plan: an integer of 5,000 digits": ("fit digits.toml", "digits.toml: not valid TOML"),
    "plan: large": ("fit large.toml", "large.toml: cannot be read (it has 1,048,"),
    "plan: of data that is gone": ("fit gone.toml", '"gone.npz" does not exist'),
    "out: below a file": ("fit plan.toml -o plan.toml/r", "cannot be written (Not a directory)."),
    "out: a file": ("fit plan.toml -o wide.npz", "wide.npz is a file. Give another --out."),
    "out: where nothing can be made": ("fit plan.toml -o /proc/headstart", "cannot be written"),
    "out: of a decision, below a file": ("decide vectors.npz -o plan.toml/p.toml", "cannot be written"),
    "run: none there": ("predict empty pictures", "empty holds no finished run."),
    "run: to report, none there": ("report empty", "empty holds no finished run."),
    "run: to evaluate, none there": ("evaluate nope", "nope holds no finished run."),
}


def check_refusal(answer, words: str) -> None:
    assert answer.code == 2, answer.err
    (line,) = [line for line in answer.err.splitlines() if line]
    assert line.startswith("error: ")
    assert words in line
    assert line.endswith((".", "?"))
    assert "Traceback" not in line


@pytest.mark.parametrize("kind", REFUSED)
def test_a_request_that_cannot_be_served_is_refused_in_a_sentence(place, headstart_command, kind):
    words, sentence = REFUSED[kind]
    check_refusal(headstart_command(*[word.strip("'") for word in words.split()]), sentence)


def test_all_errors_of_a_plan_are_said_at_once(place, headstart_command):
    answer = headstart_command("fit", "typos.toml")
    check_refusal(answer, "typos.toml: ")
    for words in ('training.lrr is not a field. Did you mean "lr"?', "training.epochs = -1", "training.precision = 'half'"):
        assert words in answer.err
    assert 'method.kind = "rigde" is not a method. Did you mean "ridge"?' in answer.err


@pytest.fixture
def finished(place, headstart_command):
    """A finished run of the vectors."""
    assert headstart_command("fit", "plan.toml", "-o", "r").code == 0
    return place / "r"


def test_a_damaged_run_beside_others_is_named_and_stops_nothing(finished, headstart_command):
    shutil.copytree(finished, finished.parent / "runs" / "whole")
    shutil.copytree(finished, finished.parent / "runs" / "half")
    (finished.parent / "runs" / "half" / "task.json").write_text("{")
    answer = headstart_command("runs", "--json")
    assert answer.code == 0
    assert [(run["folder"], run["state"]) for run in json.loads(answer.out)] == [("runs/whole", "finished")]
    assert answer.err.startswith("warning: runs/half is left out: runs/half/task.json: not valid JSON (")
    assert headstart_command("search", "vectors.npz", "--method", "knn", "--trials", "1", "-o", "study").code == 0


OF_A_RUN: dict[str, tuple[str, str]] = {
    "another plan in its folder": ("fit plan.toml --set seed=5 -o r", "r holds the fit of another plan"),
    "pictures for a model of vectors": (
        "predict r pictures",
        "pictures: holds no feature vectors, and the model was fitted on",
    ),
    "no vectors": ("predict r empty", "empty: holds no feature vectors, and the model was fitted on such."),
    "no file of vectors": (
        "predict r absent.npz",
        "absent.npz: does not exist. Give a .npz or .parquet file with feature vectors.",
    ),
    "unknown format": ("predict r pictures -o labels.xls", 'labels.xls ends in ".xls". Choose one of .csv,'),
    "other classes": ("evaluate r other.npz", 'other.npz has a class "x" that the model does not know.'),
    "other width": ("evaluate r wide.npz", "The features are 7 wide, and the model was fitted on 5."),
    "no labels": ("evaluate r unlabeled", "unlabeled holds no readable image with a label."),
    "nothing there to evaluate": ("evaluate r nope", '"nope" does not exist'),
    "nothing there to compare": ("compare r nope", "nope holds no finished run."),
}


@pytest.mark.parametrize("kind", OF_A_RUN)
def test_a_run_that_cannot_be_used_so_says_why(finished, headstart_command, kind):
    words, sentence = OF_A_RUN[kind]
    check_refusal(headstart_command(*words.split()), sentence)


def test_another_request_in_the_folder_is_refused_and_leaves_it_as_it_was(place, headstart_command):
    assert headstart_command("run", "vectors.npz", "--out", "r").code == 0
    before = {path: path.read_bytes() for path in Path("r").rglob("*") if path.is_file()}
    check_refusal(headstart_command("run", "vectors.npz", "--seed", "2", "--out", "r"), "r holds a run of another request")
    assert {path: path.read_bytes() for path in Path("r").rglob("*") if path.is_file()} == before


def test_models_of_other_classes_are_not_compared(finished, headstart_command):
    assert headstart_command("fit", "other.npz", "--method", "ridge", "-o", "s").code == 0
    check_refusal(headstart_command("compare", "r", "s"), "The two models know different classes (a, b, x, y, z).")


@pytest.mark.parametrize("name", ["model/model.json", "model/head.safetensors"])
def test_a_damaged_model_is_one_sentence(finished, headstart_command, name):
    (finished / name).write_bytes(b"{")
    check_refusal(headstart_command("evaluate", "r", "vectors.npz"), "holds no whole model")


def writes_that_fail(monkeypatch: pytest.MonkeyPatch, code: int, after: int = 0) -> Callable[[], None]:
    """Let writing fail from that write on, as on a full or read-only disk; the superuser meets no permissions."""
    real, count = Path.open, [0]

    def open_file(self: Path, mode: str = "r", *args: Any, **named: Any) -> Any:
        writes = "w" in mode or "x" in mode
        count[0] += writes
        if writes and count[0] > after:
            raise OSError(code, {errno.ENOSPC: "No space left on device", errno.EROFS: "Read-only file system"}[code])
        return real(self, mode, *args, **named)

    monkeypatch.setattr(Path, "open", open_file)
    return lambda: monkeypatch.setattr(Path, "open", real)


@pytest.mark.parametrize("command", ["run vectors.npz --out", "fit plan.toml -o", "decide vectors.npz -o"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
def test_a_disk_that_takes_nothing_is_one_sentence(place, monkeypatch, headstart_command, command, code):
    (place / "out").mkdir()
    writes_that_fail(monkeypatch, code)
    answer = headstart_command(*command.split(), f"out/{uuid4().hex}")
    check_refusal(answer, "No space left on device" if code == errno.ENOSPC else "Read-only file system")


@pytest.mark.parametrize("after", [2, 5, 9])
def test_a_disk_that_fills_up_loses_nothing_and_the_run_goes_on(place, monkeypatch, headstart_command, after):
    freed = writes_that_fail(monkeypatch, errno.ENOSPC, after)
    check_refusal(headstart_command("run", "vectors.npz", "--out", "r"), "(No space left on device).")
    kept = {path.name: path.read_bytes() for path in Path("r/steps").glob("*.json")}
    assert not list(Path("r").rglob(".*")), "half-written files are left"
    freed()
    assert headstart_command("run", "vectors.npz", "--out", "r").code == 0
    assert kept.items() <= {path.name: path.read_bytes() for path in Path("r/steps").glob("*.json")}.items()


def test_predictions_that_cannot_be_written_are_printed(place, monkeypatch, headstart_command):
    assert headstart_command("fit", "pictures", "--method", "ridge", "--pretrained", "pixels", "-o", "p").code == 0
    writes_that_fail(monkeypatch, errno.ENOSPC)
    answer = headstart_command("predict", "p", "pictures", "-o", "labels.csv")
    check_refusal(answer, "labels.csv: cannot be written (No space left on device).")
    assert [json.loads(line)["label"] for line in answer.out.splitlines()] == ["a"] * 3 + ["b"] * 3


def test_a_decision_that_cannot_be_written_is_printed(place, headstart_command):
    answer = headstart_command("decide", "vectors.npz", "-o", "plan.toml/p.toml", "--json")
    check_refusal(answer, "cannot be written")
    assert json.loads(answer.out)["plan"]["data"] == "vectors.npz"


def test_writing_names_the_option_that_chooses_another_place():
    with pytest.raises(records.ExportError, match="choose another folder with --out"):
        records.write_atomically(Path("/proc/x/y"), "z")
