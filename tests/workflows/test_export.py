"""Export: a bundle that predicts what the run predicts, by itself; what cannot be exported; and no half-written folder."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

import headstart
from headstart.core.errors import DataError, ExportError, MissingExtraError, PlanError
from headstart.core.exported import Parity
from headstart.core.language import language_named
from headstart.data.summary import TaskSummary
from headstart.export import bundle, parity
from headstart.export.card import in_language, learned_from
from headstart.export.formats import FORMATS
from headstart.export.formats.torch import Torch
from headstart.export.script import predict_script
from headstart.methods.heads import LinearHead

CLASSES = ("dark", "light")
MADE = {"onnx": "onnxruntime", "openvino": "openvino", "torch": "torch"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        draw = np.random.default_rng(0)
        for level, name in enumerate(CLASSES):
            (Path("shades") / name).mkdir(parents=True)
            for row in range(14):
                size = (*draw.integers(15, 40, 2), 3) if row % 3 else (16, 16, 3)
                pixels = (90 * level + draw.integers(0, 150, size)).astype(np.uint8)
                Image.fromarray(pixels).save(Path("shades") / name / f"{row}.{'jpg' if row % 2 else 'png'}")
        labels = np.repeat(CLASSES, 12)
        np.savez("vectors.npz", features=draw.normal(size=(24, 5)) + (labels == "dark")[:, None], labels=labels)
        headstart.fit("shades", method="ridge", pretrained="pixels", out="own")
        headstart.fit("vectors.npz", method="ridge", out="vectors")
        yield Path.cwd()


@pytest.mark.parametrize("to", sorted(MADE))
def test_a_bundle_predicts_by_itself_what_the_run_predicts(to, home):
    for package in (*FORMATS.get(to).packages, MADE[to]):
        pytest.importorskip(package)
    made = headstart.export("own", to)
    folder = Path(f"own-{to}")
    assert made.folder == str(folder)
    assert made.model_bytes == sum(file.stat().st_size for file in folder.glob("model.*"))
    assert made.parity.num_pictures == made.parity.num_same == 28
    assert made.parity.largest_difference < 1e-3
    assert made.parity.own_same is None
    assert made.parity.model_milliseconds > 0
    assert [path for path in home.iterdir() if path.name.startswith(".")] == []
    words = [sys.executable, "-I", folder / "predict.py", "shades/dark", "absent.png"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    *rows, last = map(json.loads, done.stdout.splitlines())
    wanted = headstart.predict("own", "shades/dark")
    assert [row["label"] for row in rows] == [row["label"] for row in wanted]
    assert [row["path"] for row in rows] == [row["path"] for row in wanted]
    assert rows[3]["unknown"]["p_value"] == pytest.approx(wanted[3]["unknown"]["p_value"], abs=0.05)
    assert last["path"] == "absent.png"
    assert "cannot be read" in last["error"]
    assert json.loads((folder / "classes.json").read_text()) == list(CLASSES)
    assert json.loads((folder / "bundle.json").read_text())["outputs"] == ["probs", "p_values"]


def test_the_card_says_what_the_model_is(home):
    run = headstart.Run.load("own")
    made = run.export("openvino", out="carded", precision="fp16")
    card = Path("carded/README.md").read_text()
    assert card.startswith("# shades: which of 2 classes a picture shows\n")
    for said in (
        "pip install numpy pillow openvino",
        "- Classes: dark, light.",
        "- Learned from 28 labeled pictures of shades (14 of each class).",
        "- One model, by ridge.",
        f"| pixels | {run.model.backbone.transform.pixels} pixels | no weights: the picture itself | none |",
        f"| accuracy | {run.evaluation.accuracy.value:.3f} | {run.evaluation.accuracy.low:.3f} |",
        run.evaluation.protocol,
        f"in a process with openvino alone: {made.parity.num_same} have the same label.",
        "ms a picture one at a time",
        "openvino, fp16,",
    ):
        assert said in card
    assert "{{" not in card
    assert "\n\n\n" not in card
    chinese = in_language(card, language_named("zh"))
    assert chinese.startswith("# shades：图片属于 2 个类别中的哪一个\n")
    assert "```sh\npip install numpy pillow openvino\npython predict.py PICTURE_OR_FOLDER...\n```\n" in chinese
    assert f"| 像素 | {run.model.backbone.transform.pixels} 像素 | 没有权重：图片本身 | 无 |\n" in chinese
    assert "- 从 shades 的 28 张带标签图片（每类 14 张）学习。\n" in chinese
    assert [line for line in chinese.splitlines() if re.search("[a-z]{2,} [a-z]{2,} [a-z]{2,}", line)] == [
        "pip install numpy pillow openvino"
    ]


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"train_counts": (3, 5), "num_train": 8}, "8 labeled pictures of t (3 to 5 of each class)"),
        (
            {"train_counts": (2, 2), "num_train": 4, "num_unlabeled": 1_234},
            "4 labeled pictures of t (2 of each class), and 1,234 unlabeled ones",
        ),
        ({"train_counts": (2, 2), "num_train": 4, "num_validation": 3}, "7 labeled pictures of t"),
        (
            {"num_unlabeled": 9, "num_source": 7, "source_domains": ("a", "b")},
            "9 unlabeled pictures of t, and 7 labeled ones of a and b",
        ),
    ],
)
def test_the_card_counts_what_was_learned_from(counts, told):
    nothing = {"train_counts": (0, 0), "num_train": 0, "num_validation": 0, "num_test": 0, "num_unlabeled": 0}
    about = {"name": "t", "place": "t", "classes": CLASSES, "native_pixels": 16, "channels": 3, "seed": 0, "task_fingerprint": ""}
    assert learned_from(TaskSummary(**(about | nothing | counts))) == told


def test_the_card_counts_a_test_by_default_that_was_learned_too(home, monkeypatch):
    monkeypatch.setattr("headstart.data.split_assignment.HOLDOUT_ROWS", 20)
    run = headstart.fit("shades", method="ridge", pretrained="pixels", out="tested")
    assert run.task_summary.num_test > 0
    run.export("torch", out="tested-torch")
    assert "- Learned from 28 labeled pictures of shades (14 of each class).\n" in Path("tested-torch/README.md").read_text()


def test_the_card_of_a_run_without_evaluation_says_so_alone(home):
    shutil.copytree("own", "unevaluated")
    Path("unevaluated/evaluation.json").unlink()
    headstart.Run.load("unevaluated").export("torch", out="unjudged")
    card = Path("unjudged/README.md").read_text()
    assert "\n\nIt was not evaluated.\n\n" in card
    assert "\n\nNot known: it was not evaluated.\n" in card


def test_a_file_name_that_is_not_utf_8_is_answered(home):
    headstart.export("own", "torch", out="named")
    name = os.fsencode(home) + b"/\xff\xe4.png"
    Path(os.fsdecode(name)).write_bytes(next(Path("shades/dark").glob("*.png")).read_bytes())
    done = subprocess.run([sys.executable, "-I", "named/predict.py", name], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert os.fsencode(json.loads(done.stdout)["path"]) == name


def test_a_script_imports_no_headstart():
    for name, kind in FORMATS.all().items():
        script = predict_script(kind)
        assert "headstart" not in script, name
        assert "noqa" not in script
        compile(script, "predict.py", "exec")


def refused(kind, sentence, call):
    with pytest.raises(kind) as raised:
        call()
    assert str(raised.value) == sentence


def test_what_cannot_be_exported_is_refused_in_one_sentence(home, monkeypatch):
    refused(
        DataError,
        "vectors was fitted on feature vectors, and a bundle takes pictures. Export a run that was fitted on pictures.",
        lambda: headstart.export("vectors"),
    )
    refused(
        DataError,
        "absent holds no finished run. `headstart runs` lists those there are; an unfinished one goes on with `run`.",
        lambda: headstart.export("absent"),
    )
    refused(
        PlanError,
        '"onxn" is not a format. Did you mean "onnx"? Known: onnx, openvino, torch.',
        lambda: headstart.export("own", "onxn"),
    )
    refused(
        PlanError,
        'precision = "int8" is not offered by torch. It offers float32, fp16.',
        lambda: headstart.export("own", "torch", precision="int8"),
    )
    refused(
        ExportError,
        "shades exists already. Name another folder with --out, or delete it.",
        lambda: headstart.export("own", "torch", out="shades"),
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refused(
        MissingExtraError,
        'onnx is not installed. Install it with `pip install "headstart[export]"`.',
        lambda: headstart.export("own", "onnx"),
    )


def test_a_format_that_cannot_hold_the_model_leaves_nothing_behind(home, monkeypatch):
    def write(*_):
        raise RuntimeError("Unsupported: aten::strange\nno operator of that name.")

    monkeypatch.setattr(Torch, "write", write)
    refused(
        ExportError,
        "torch cannot hold this model (no operator of that name). Nothing was written; choose --to onnx or openvino.",
        lambda: headstart.export("own", "torch", out="unheld"),
    )
    assert not Path("unheld").exists()
    assert [path for path in home.iterdir() if path.name.startswith(".")] == []


def test_a_head_of_elsewhere_that_is_no_graph_is_refused(home, monkeypatch):
    monkeypatch.delattr(LinearHead, "graph")
    refused(
        ExportError,
        "torch cannot hold this model ('LinearHead' object has no attribute 'graph'). Nothing was written; choose --to onnx or "
        "openvino.",
        lambda: headstart.export("own", "torch", out="strange"),
    )


def test_a_full_disk_is_one_sentence_and_leaves_nothing_behind(home, monkeypatch):
    def write(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Torch, "write", write)
    refused(
        ExportError,
        "full: cannot be written (No space left on device). Free space or name another with --out.",
        lambda: headstart.export("own", "torch", out="full"),
    )
    assert not Path("full").exists()
    assert [path for path in home.iterdir() if path.name.startswith(".")] == []


def test_a_bundle_that_disagrees_is_refused_with_the_figures(home, monkeypatch):
    expected = parity.expected

    def other(*args):
        found = expected(*args)
        return replace(found, probs=found.probs[:, ::-1])

    monkeypatch.setattr(bundle, "expected", other)
    with pytest.raises(ExportError) as raised:
        headstart.export("own", "openvino", out="unequal")
    assert str(raised.value).startswith("The bundle is not the model: 0 of 28 pictures have the same label, and a probability ")
    assert str(raised.value).endswith(
        "float32 needs all of the labels and a difference of at most 0.01. Nothing was written. Choose another format with --to."
    )
    assert not Path("unequal").exists()


def test_what_a_precision_may_lose_is_bounded():
    made = Parity(
        num_pictures=100, num_same=95, largest_difference=0.3, mean_difference=0.01, largest_p_difference=None,
        model_milliseconds=1, batch_milliseconds=1, reading_milliseconds=1,
    )  # fmt: skip
    parity.check(made, "int8")
    refused(
        ExportError,
        "The bundle is not the model: 95 of 100 pictures have the same label, and a probability differs by up to 0.300; fp16 "
        "needs 98% of the labels and a difference of at most 0.05. Nothing was written. Choose --precision float32.",
        lambda: parity.check(made, "fp16"),
    )
    refused(
        ExportError,
        "The bundle is not the model: 85 of 100 pictures have the same label, and a probability differs by up to 0.300; int8 "
        "needs 90% of the labels. Nothing was written. Choose --precision float32.",
        lambda: parity.check(made.model_copy(update={"num_same": 85}), "int8"),
    )


def test_a_bundle_that_does_not_run_by_itself_is_refused(home, monkeypatch):
    monkeypatch.setattr(bundle, "predict_script", lambda kind: "import headstart\n")
    with pytest.raises(ExportError) as raised:
        headstart.export("own", "openvino", out="unable")
    assert str(raised.value) == (
        "The bundle does not run by itself (ModuleNotFoundError: import of headstart halted; None in sys.modules). Nothing was "
        "written; choose another format with --to."
    )


def test_data_that_are_gone_are_asked_for(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = home / "own"
    refused(
        DataError,
        f"The data of {run} (shades) are gone or have changed since. Put them back as they were.",
        lambda: headstart.export(run, "torch", out=tmp_path / "x"),
    )


def test_the_command_prints_the_figures(home, headstart_command):
    answer = headstart_command("export", "own", "--to", "openvino", "-o", "told", "--archive")
    assert answer.code == 0, answer.err
    assert "28 of 28 pictures" in answer.out
    assert "told.zip" in answer.out
    assert "told/predict.py" in ZipFile("told.zip").namelist()
    assert not list(Path().glob(".told*"))
    again = headstart_command("export", "own", "--to", "openvino", "-o", "told.zip", "--archive")
    assert again == (2, "", "error: told.zip exists already. Name another folder with --out, or delete it.\n")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import sys; print('loading'); sys.exit('no such file')", "no such file"),
        ("print('loading')", "what it prints is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("print('{}')", "what it prints is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("", "no reason given"),
    ],
)
def test_a_script_that_does_not_do_its_work_is_refused_in_one_sentence(script, reason, tmp_path):
    (tmp_path / "predict.py").write_text(script)
    refused(
        ExportError,
        f"The bundle does not run by itself ({reason}). Nothing was written; choose another format with --to.",
        lambda: parity.predicted_rows(tmp_path, [tmp_path / "0.png"], 1, "torch"),
    )


def test_answers_end_at_line_feeds_alone(tmp_path):
    row = {"path": "a\u2028b.png"}
    line = f"{json.dumps(row, ensure_ascii=False)}\n".encode()
    (tmp_path / "predict.py").write_text(f"import sys; sys.stdout.buffer.write({line!r}); sys.stderr.write('{{}}')")
    assert parity.predicted_rows(tmp_path, [tmp_path / "0.png"], 1, "torch") == ([row], {})


@pytest.mark.parametrize("wrong", [0, 1])
def test_p_values_that_are_no_numbers_are_refused(wrong, tmp_path, monkeypatch):
    rows = [[{"probs": {"a": 0.9, "b": 0.1}, "unknown": {"p_value": value}}] for value in (0.5, 0.5)]
    rows[wrong][0]["unknown"]["p_value"] = float("nan")
    answers = iter(rows)
    monkeypatch.setattr(parity, "predicted_rows", lambda *_: (next(answers), {"model": 1.0, "reading": 1.0}))
    monkeypatch.setattr(parity, "files_of", lambda *_: [tmp_path])
    found = parity.measured_parity(tmp_path, parity.Expected(None, np.array([[0.9, 0.1]]), np.array([0.5])), "torch")
    refused(
        ExportError,
        "The bundle is not the model: a novelty p-value differs by up to nan on 1 pictures; float32 allows 0.05. Nothing was "
        "written. Choose another format with --to.",
        lambda: parity.check(found, "float32"),
    )
