"""Golden runs: small whole runs whose numbers must not change, to the last bit.

Each case runs on the exact engine with one thread and a budget that cuts nothing, and is compared with `fixtures/CASE.json`. A
fixture holds for one kind of processor and one version of torch and numpy, which it names: elsewhere sums differ in their last
bits, so that numbers are compared to 1e-6 and labels exactly. Each test prints which comparison it made.

A change that is meant to change numbers rewrites the fixtures, and its commit message says so:
`HEADSTART_GOLDEN=write pytest tests/golden`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import headstart
from headstart.core.errors import PlanError
from headstart.methods import METHODS, method_from
from headstart.training.settings import Training

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MINUTES = 60
"""A budget that cuts nothing; what is tried then does not depend on clocks."""


@pytest.fixture(autouse=True)
def _inside(data, monkeypatch):
    """In the folder of the data, so that no path depends on where that lies; with a cache that no other test fills.

    Training is in float32 as on processors without bf16.
    """
    monkeypatch.chdir(data)
    monkeypatch.setattr("headstart.training.loop.has_bf16", lambda: False)
    monkeypatch.setenv("HEADSTART_CACHE", str(data / "cache"))


@pytest.fixture
def pretrained(headstart_command) -> str:
    """A small network trained on the source without labels, by its name."""
    if not Path("pretrained").exists():
        words = ("pretrain", "source", "--method", "sim_clr", "--set", "training.epochs=6", "-o", "pretrained", "--json")
        answer = headstart_command(*words)
        assert answer.code == 0, answer.err
    return "run:pretrained"


def test_a_class_folder(extract):
    run = headstart.run("folder", pretrained=["efficientnet_lite0"], minutes=MINUTES, out=Path("run-folder"))
    extract.check("class_folder", extract.outcome(run.folder))


def test_a_manifest_with_groups(extract, pretrained):
    run = headstart.run(
        "groups",
        pretrained=[pretrained],
        only="transfer",
        settings={"training.epochs": 4},
        minutes=MINUTES,
        out=Path("run-groups"),
    )
    extract.check("manifest_with_groups", extract.outcome(run.folder))


def test_embeddings(extract):
    run = headstart.run("vectors.npz", minutes=MINUTES, out=Path("run-embeddings"))
    extract.check("embeddings", extract.outcome(run.folder))


def test_given_splits(extract, pretrained):
    run = headstart.run("splits", pretrained=[pretrained], only="transfer", minutes=MINUTES, out=Path("run-splits"))
    extract.check("given_splits", extract.outcome(run.folder))


def test_a_method_on_given_splits(extract, headstart_command, pretrained):
    words = ("fit", "splits", "--method", "fix_match", "--pretrained", pretrained, "--set", "training.epochs=3", "-o", "run-fit")
    answer = headstart_command(*words, "--json")
    assert answer.code == 0, answer.err
    extract.check("fit_on_given_splits", extract.outcome(Path("run-fit")))


def test_a_source_without_target_labels(extract):
    run = headstart.run("unlabeled.npz", source=["source.npz", "unhelpful.npz"], minutes=MINUTES, out=Path("run-unlabeled"))
    extract.check("source_without_target_labels", extract.outcome(run.folder))


def test_sources_of_pictures_without_target_labels(extract, pretrained):
    run = headstart.run(
        "target", source=["source", "other_source"], per_class=0, pretrained=[pretrained], settings={"training.epochs": 3},
        minutes=MINUTES, out=Path("run-target"),
    )  # fmt: skip
    extract.check("sources_of_pictures_without_target_labels", extract.outcome(run.folder))


@pytest.mark.parametrize(("name", "source"), [("few", "wide_source"), ("few_of_many", "source")])
def test_a_source_with_few_target_labels(extract, name, source):
    run = headstart.run(f"{name}.npz", source=[f"{source}.npz"], minutes=MINUTES, out=Path(f"run-{name}"))
    extract.check(f"source_with_few_labels_{name}", extract.outcome(run.folder))


@pytest.mark.parametrize("wishes", [(), ("--source", "many_classes", "--method", "proto_net")], ids=["plain", "meta_trained"])
def test_a_few_shot_gallery(extract, headstart_command, pretrained, wishes, request):
    name = request.node.callspec.id
    for digit in (0, 1, 2):
        shots = [f"shots/digit{digit}/{index:03}.png" for index in range(3)]
        answer = headstart_command(
            "fewshot", "enroll", f"gallery-{name}", f"digit{digit}", *shots, "--pretrained", pretrained, *wishes
        )
        wishes = ()
        assert answer.code == 0, answer.err
    headstart_command("fewshot", "forget", f"gallery-{name}", "digit1")
    headstart_command("fewshot", "enroll", f"gallery-{name}", "digit1", "shots/digit1/003.png")
    queries = sorted(path.as_posix() for path in Path("shots").glob("*/00[5-8].png"))
    answer = headstart_command("fewshot", "predict", f"gallery-{name}", *queries, "--json")
    assert answer.code == 0, answer.err
    rows = [extract.prediction(json.loads(line)) for line in answer.out.splitlines()]
    extract.check(f"few_shot_gallery_{name}", {"rows": rows})


def test_pretraining_then_a_fit(extract, headstart_command, pretrained):
    words = (
        "fit",
        "folder",
        "--method",
        "fine_tune",
        "--pretrained",
        pretrained,
        "--set",
        "training.epochs=4",
        "-o",
        "run-tuned",
    )
    answer = headstart_command(*words, "--json")
    assert answer.code == 0, answer.err
    extract.check("pretrain_then_fit", extract.outcome(Path("run-tuned")))
    queries = sorted(path.as_posix() for path in Path("shots").glob("digit[01]/00[5-8].png"))
    answer = headstart_command("predict", "run-tuned", *queries, "--json")
    assert answer.code == 0, answer.err
    extract.check("pretrain_then_predict", {"rows": [extract.prediction(json.loads(line)) for line in answer.out.splitlines()]})


@pytest.mark.parametrize("letters", ["a-c", "d-f", "g-m", "n-r", "s-z"])
def test_every_method(extract, letters):
    first, last = letters.split("-")
    found = {}
    task = headstart.read_task("target", sources=["source", "other_source"])
    for kind in METHODS.names():
        if not first <= kind[0] <= last:
            continue
        small = headstart.load_backbone("small_cnn", "none", 8, seed=1)
        small.weights = "pretrained"
        try:
            model = method_from({"kind": kind}).fit(task, small, Training(epochs=2, batch_size=13, ema=0.5, seed=3))
        except PlanError:  # it needs the classifier of a pretrained network
            lite = headstart.load_backbone("efficientnet_lite0", input_pixels=32)
            model = method_from({"kind": kind}).fit(task, lite, Training(epochs=1, batch_size=13, ema=0.5, seed=3))
        predictions = model.predict(task.test)
        found[kind] = extract.probabilities(predictions.probs) | {"raw": extract.probabilities(predictions.raw_probs)["digest"]}
        found[kind]["temperature"] = model.temperature
    extract.check(f"methods_{letters}", found)
