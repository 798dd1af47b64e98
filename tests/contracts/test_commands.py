"""Every command on one small real run: readable in 80 columns, one JSON document, the agreed exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from headstart.cli import _application as application
from headstart.cli import main

COUNTS = {"one": (1, 27), "seven": (7, 31), "zero": (0, 25)}
METRICS = {"accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "log_loss", "ece"}
SECONDS = {"inspect", "rank", "decide", "fit", "evaluate"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def written_digits(folder: Path, skipped: int = 0) -> Path:
    digits = load_digits()
    for name, (digit, count) in COUNTS.items():
        (folder / name).mkdir(parents=True)
        for row in np.flatnonzero(digits.target == digit)[skipped : skipped + count]:
            pixels = (digits.images[row] * (255 / 16)).astype(np.uint8)
            Image.fromarray(pixels).resize((16, 16)).save(folder / name / f"{row}.png")
    return folder


def written_vectors(path: Path) -> None:
    """Feature vectors of two classes."""
    random = np.random.default_rng(3)
    labels = np.arange(61) % 3 == 0
    features = random.normal(size=(61, 5)) + 2 * labels[:, None]
    np.savez(path, features=features.astype(np.float32), labels=np.where(labels, "high", "low"))


def written_domains(path: Path) -> None:
    """Feature vectors of two domains, few enough that all ways to adapt are tried soon."""
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, 43)
    domains = np.repeat(["here", "there"], [23, 20])
    features = labels[:, None] * 4.0 + random.normal(size=(43, 3)) + (domains == "there")[:, None]
    np.savez(
        path,
        features=features.astype(np.float32),
        labels=np.where(domains == "here", np.array(["a", "b"])[labels], ""),
        domain=domains,
    )


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    written_digits(folder / "more", skipped=30)
    written_domains(folder / "domains.npz")
    written_vectors(folder / "vectors.npz")
    return written_digits(folder / "digits")


@pytest.fixture(scope="session")
def runs(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three runs: `own`, whose network the others use, `first` by the whole chain and `second` of one plan."""
    folder = tmp_path_factory.mktemp("runs")
    own = ("pretrain", place, "--method", "vic_reg", "--set", "training.epochs=3", "-o", folder / "own")
    chain = ("run", place, "--pretrained", f"run:{folder / 'own'}", "--only", "transfer", "-o", folder / "first")
    single = ("fit", place, "--method", "nearest_mean", "--pretrained", f"run:{folder / 'own'}", "-o", folder / "second")
    for words in (own, chain, single):
        with pytest.raises(SystemExit) as exit_of:
            main([str(word) for word in words])
        assert exit_of.value.code == 0
    return folder


def arguments_of(command: str, place: Path, runs: Path, folder: Path) -> list[str | Path]:
    """A command line of each command that finishes soon."""
    if command == "serve":
        pytest.importorskip("fastapi")
    image, vectors, model = next((place / "one").iterdir()), place.parent / "vectors.npz", f"run:{runs / 'own'}"
    return {
        "run": [place, "--pretrained", model, "--only", "transfer", "-o", runs / "first"],
        "inspect": [place],
        "embed": [place, "--pretrained", "pixels", "-o", folder / "features.npz"],
        "rank": [place, "--pretrained", model],
        "decide": [vectors, "-o", folder / "plan.toml"],
        "fit": [place, "--method", "nearest_mean", "--pretrained", model, "-o", folder / "run"],
        "evaluate": [runs / "first"],
        "compare": [runs / "first", runs / "second"],
        "predict": [runs / "first", image],
        "label": [place.parent / "domains.npz", "--target-domain", "there", "--num", "3", "-o", folder / "to_label.csv"],
        "fewshot": ["enroll", folder / "gallery", "one", image, "--pretrained", model],
        "report": [runs / "first"],
        "export": [runs / "second", "--to", "openvino", "-o", folder / "bundle"],
        "push": [runs / "second", folder / "repository"],
        "track": [runs / "second", "--to", "tensorboard"],
        "pretrain": [place, "--method", "vic_reg", "--set", "training.epochs=1", "-o", folder / "own"],
        "adjust": [runs / "first", "--minutes", "0.05", "-o", folder / "adjusted"],
        "extend": [runs / "second", place.parent / "more", "-o", folder / "extended"],
        "search": [vectors, "--method", "knn", "--trials", "2", "-o", folder / "study"],
        "serve": [runs / "first", "--port", "0", "--check"],
        "verify": [runs / "second"],
        "watch": [runs / "first", place],
        "explain": [runs / "first", image],
        "stress": [runs / "second", "--corruption", "mirror", "--corruption", "crop"],
        "models": [],
        "methods": [],
        "datasets": [],
        "runs": [runs],
        "cache": [],
        "cluster": ["simulate", runs / "first"],
    }[command]


@pytest.mark.parametrize("command", application.COMMANDS.names())
def test_every_command_answers_in_80_columns(command, place, runs, tmp_path, headstart_command):
    answer = headstart_command(command, *arguments_of(command, place, runs, tmp_path))
    assert answer.code == 0, answer.err
    assert answer.out.strip()
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.parametrize("command", application.COMMANDS.names())
def test_every_command_prints_one_json_document(command, place, runs, tmp_path, headstart_command):
    answer = headstart_command(command, *arguments_of(command, place, runs, tmp_path), "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out) is not None


@pytest.fixture
def first_result(place, runs, headstart_command) -> dict:
    return json.loads(headstart_command("run", *arguments_of("run", place, runs, runs), "--json").out)


def test_the_result_of_a_run_has_the_agreed_form(first_result, runs):
    assert set(first_result) >= {"run", "verdict", "decision", "audit", "evaluation", "findings", "seconds"}
    assert first_result["verdict"] in {"transfer", "scratch", "no difference", "not judged"}
    assert set(first_result["decision"]) >= {"pretrained", "method", "gain", "reasons", "rejected"}
    assert set(first_result["decision"]["gain"]) == {"value", "low", "high"}
    assert set(first_result["seconds"]) == {*SECONDS, "first_model"}
    assert json.loads((runs / "first" / "result.json").read_text(encoding="utf-8")) == first_result


def test_an_evaluation_has_the_agreed_form(first_result, runs):
    evaluation = json.loads((runs / "first" / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation.pop("checksum")
    assert evaluation == first_result["evaluation"]
    assert set(evaluation["metrics"]) >= METRICS
    assert all(value["low"] <= value["value"] <= value["high"] for value in evaluation["metrics"].values())
    assert {row["class"] for row in evaluation["per_class"]} == set(COUNTS) == set(evaluation["confusion"]["classes"])
    assert sum(map(sum, evaluation["confusion"]["counts"])) == evaluation["num_images"]


def test_a_ranking_has_the_agreed_form(place, runs, headstart_command):
    ranking = json.loads(headstart_command("rank", *arguments_of("rank", place, runs, runs), "--json").out)
    assert set(ranking) >= {"candidates", "chosen", "audit"}
    assert set(ranking["candidates"][0]) >= {"name", "scores", "rank", "estimate", "seconds"}


def test_a_decided_plan_can_be_fitted(place, runs, tmp_path, headstart_command):
    assert headstart_command("decide", *arguments_of("decide", place, runs, tmp_path)).code == 0
    answer = headstart_command("fit", tmp_path / "plan.toml", "-o", tmp_path / "run", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["evaluation"]["metrics"]["accuracy"]["value"] > 0.6


def test_predict_labels_files_and_names_those_it_cannot_read(place, runs, tmp_path, headstart_command):
    image = next((place / "zero").iterdir())
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    answer = headstart_command("predict", runs / "first", image, tmp_path / "text.png", tmp_path / "absent.png", "--json")
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert answer.code == 1
    assert [row["path"] for row in rows] == [str(image), str(tmp_path / "text.png"), str(tmp_path / "absent.png")]
    assert set(rows[0]) == {"path", "label", "probability", "probs", "unknown"}
    assert sum(rows[0]["probs"].values()) == pytest.approx(1)
    assert all(set(row) == {"path", "error"} and row["error"].endswith(".") for row in rows[1:])


def test_predict_walks_folders_and_writes_files(place, runs, tmp_path, headstart_command):
    answer = headstart_command("predict", runs / "first", place / "one", "-o", tmp_path / "out.csv")
    assert (answer.code, answer.out) == (0, "")
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 1 + COUNTS["one"][1]


def test_evaluate_on_other_images(runs, tmp_path, headstart_command):
    other = written_digits(tmp_path / "other", skipped=40)
    evaluation = json.loads(headstart_command("evaluate", runs / "first", other, "--json").out)
    assert evaluation["num_images"] == sum(count for _, count in COUNTS.values())
    assert evaluation["metrics"]["accuracy"]["value"] > 0.6


def test_evaluate_on_a_class_that_the_model_does_not_know(place, runs, tmp_path, headstart_command):
    (tmp_path / "other" / "zeroo").mkdir(parents=True)
    (tmp_path / "other" / "one").mkdir()
    for name in ("zeroo", "one"):
        picture = next((place / "one").iterdir()).read_bytes()
        (tmp_path / "other" / name / "a.png").write_bytes(picture)
    answer = headstart_command("evaluate", runs / "first", tmp_path / "other")
    expected = (
        f'{tmp_path / "other"} has a class "zeroo" that the model does not know. Did you mean "zero"? Known: one, seven, zero.'
    )
    assert (answer.code, answer.out, answer.err) == (2, "", f"error: {expected}\n")


def test_strict_findings_exit_with_1(place, tmp_path, headstart_command):
    damaged = tmp_path / "damaged"
    for name in COUNTS:
        (damaged / name).mkdir(parents=True)
        for picture in (place / name).iterdir():
            (damaged / name / picture.name).write_bytes(picture.read_bytes())
    (damaged / "one" / "broken.png").write_bytes(b"\x89PNG\r\n")
    assert headstart_command("inspect", damaged).code == 0
    assert headstart_command("inspect", damaged, "--strict").code == 1


def refusals() -> list[tuple[str, Callable[[Path, Path], list[str | Path]], str]]:
    return [
        ("no such data", lambda place, runs: ["inspect", place / "absent"], "does not exist"),
        ("no such run", lambda place, runs: ["evaluate", place], "holds no finished run"),
        ("no such method", lambda place, runs: ["fit", place, "--method", "rigde"], 'Did you mean "ridge"?'),
        ("no method for data", lambda place, runs: ["fit", place], "--method KIND is needed"),
        (
            "no such setting",
            lambda place, runs: ["fit", place, "--method", "ridge", "--set", "training.lrr=1"],
            'Did you mean "lr"?',
        ),
        (
            "no such part",
            lambda place, runs: ["fit", place, "--method", "ridge", "--set", "trainin.lr=1"],
            'Did you mean "training"?',
        ),
        ("no such plan", lambda place, runs: ["fit", place / "plan.toml"], "cannot be read"),
        ("no such model", lambda place, runs: ["rank", place, "--pretrained", "efficientnet_lite9"], "is not a pretrained model"),
        ("no such side", lambda place, runs: ["run", place, "--only", "both"], "is not a side"),
        ("weights without a model", lambda place, runs: ["run", place, "--weights", "x.pth"], "exactly one --pretrained"),
        ("another format", lambda place, runs: ["predict", runs / "first", place / "one", "-o", "x.xls"], "Choose one of .csv"),
        ("empty folder", lambda place, runs: ["predict", runs / "first", runs / "first" / "steps"], "No images in"),
    ]


@pytest.mark.parametrize(("words_of", "part"), [row[1:] for row in refusals()], ids=[row[0] for row in refusals()])
def test_a_refusal_is_one_sentence_on_stderr(words_of, part, place, runs, headstart_command):
    answer = headstart_command(*words_of(place, runs))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert part in answer.err
