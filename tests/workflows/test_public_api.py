"""Every public function takes every kind of input that it accepts, and refuses another one in one sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import headstart
from headstart.backbones.catalog import card_of
from headstart.cli._application import COMMANDS
from headstart.core.errors import ArgumentError, DataError
from headstart.planning.fitting import task_of_plan
from headstart.workflows.arguments import reading_of
from headstart.workflows.plans import plan_and_task

SIDE = 16
CLASSES = ("dark", "light")
NET = "run:net"


def shaded(folder: Path, count: int, seed: int) -> None:
    """Pictures of two classes, dark and light."""
    draw = np.random.default_rng(seed)
    for level, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            pixels = (120 * level + draw.integers(0, 120, (SIDE, SIDE, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{row}.png")


class Home(NamedTuple):
    """What the calls are made of."""

    task: headstart.Task
    run: headstart.Run
    vectors: headstart.Run
    plan: headstart.Plan
    gallery: headstart.Gallery
    ranking: Any
    sources: headstart.Task


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        shaded(Path("shades"), 12, 0)
        shaded(Path("more"), 44, 1)
        for name in CLASSES:
            lines = [f"shades/{name}/{row}.png,{name}" for row in range(12)]
            with Path("shades.csv").open("a") as stream:
                stream.write("\n".join((["path,label"] if name == "dark" else []) + lines) + "\n")
        draw = np.random.default_rng(2)
        labels = np.repeat(CLASSES, 12)
        np.savez("vectors.npz", features=draw.normal(size=(24, 5)) + (labels == "dark")[:, None], labels=labels)
        headstart.pretrain("more", settings={"training.epochs": 1}, out="net")
        task = headstart.read_task("shades")
        run = headstart.fit(task, method="ridge", pretrained="pixels", out="own")
        vectors = headstart.fit("vectors.npz", method="ridge", out="vectors")
        Path("plan.toml").write_text(run.plan.to_toml())
        gallery, _ = headstart.enroll("gallery", "dark", "more/dark", pretrained="pixels")
        sources = headstart.read_task("shades", per_class=0, sources=["more"])
        yield Home(task, run, vectors, run.plan, gallery, headstart.rank(task, NET), sources)


A = "shades/dark/0.png"
FOUR = (A, "shades/dark/1.png", "shades/light/0.png", "shades/light/1.png")


def pillow(path: str = A) -> Image.Image:
    return Image.open(path)


def array(path: str = A) -> np.ndarray:
    return np.asarray(pillow(path))


def tensor(path: str = A) -> torch.Tensor:
    return torch.tensor(array(path)).permute(2, 0, 1)


# By function, calls that must work, each with what must come back.
RIDGE = {"method": "ridge", "pretrained": "pixels"}
FAST = {"pretrained": NET, "minutes": 0.01, "only": "transfer"}
DATA: list[Callable[[Home], Any]] = [lambda _: "shades", lambda _: Path("shades"), lambda home: home.task]
RUNS: list[Callable[[Home], Any]] = [lambda _: "own", lambda _: Path("own"), lambda home: home.run]
IMAGES: list[Callable[[Home], Any]] = [
    lambda _: A, lambda _: Path(A), lambda _: [A, Path(A)], lambda _: "shades/dark", lambda _: (one for one in [A]),
    lambda _: pillow(), lambda _: [pillow(), A], lambda _: array(), lambda _: [array()], lambda _: np.stack([array()] * 2),
    lambda _: array()[..., 0], lambda _: tensor(), lambda _: tensor()[None], lambda _: [tensor(), pillow()],
    lambda home: home.task.train, lambda home: home.task.train.images,
]  # fmt: skip
VECTORS: list[Callable[[Home], Any]] = [
    lambda _: "vectors.npz", lambda _: [Path("vectors.npz")], lambda _: np.zeros((2, 5)), lambda _: np.zeros(5),
    lambda _: torch.zeros(2, 5),
]  # fmt: skip


def with_each(kinds: list[Callable[[Home], Any]], call: Callable[[Home, Any], Any]) -> list[Callable[[Home], Any]]:
    """The call with each kind of a value."""
    return [lambda home, kind=kind: call(home, kind(home)) for kind in kinds]


def enrolled(home: Home, gallery: Any, images: Any) -> dict[str, int]:
    """The classes of the gallery with a new one, which is forgotten again."""
    opened, left_out = headstart.enroll(gallery, "new", images)
    assert left_out == []
    classes = opened.classes()
    home.gallery.forget("new")
    return classes


def loaded(home: Home, run: Any) -> dict[str, Any]:
    """What would be served of a run and a gallery."""
    pytest.importorskip("fastapi")
    return headstart.serve(run, gallery=home.gallery.folder, port=0, check=True)


WORK: dict[str, list[Callable[[Home], Any]]] = {
    "adjust": with_each(RUNS, lambda _, run: headstart.adjust(run)),
    "audit_runs": [lambda _: headstart.audit_runs() is None, lambda _: headstart.audit_runs(Path()) is None],
    "cache": [lambda _: headstart.cache(), lambda _: headstart.cache(keep="5GB"), lambda _: headstart.cache(keep=10**9)],
    "compare": [
        *with_each(RUNS, lambda home, run: headstart.compare(run, home.run, "own")),
        lambda home: home.run.compare(home.run),
    ],
    "datasets": [lambda _: headstart.datasets()],
    "decide": [
        *with_each(DATA, lambda home, data: headstart.decide(data, home.ranking, minutes=0.01, only="transfer")),
        lambda _: headstart.decide("shades", **FAST, evidence=Path("evidence")),
    ],
    "embed": [
        *with_each(DATA, lambda _, data: headstart.embed(data, "features.npz", pretrained="pixels")),
        lambda _: headstart.embed("shades", Path("features.parquet"), pretrained=card_of("pixels")),
    ],
    "enroll": [
        *with_each(IMAGES, lambda home, images: enrolled(home, "gallery", images)),
        lambda home: enrolled(home, home.gallery, A),
        lambda home: enrolled(home, Path("gallery"), A),
    ],
    "evaluate": with_each(RUNS, lambda _, run: headstart.evaluate(run))
    + with_each(DATA, lambda home, data: headstart.evaluate(home.run, data))
    + [lambda home: home.run.evaluate("more"), lambda _: headstart.evaluate("own", "shades.csv")],
    "explain": [lambda home: headstart.explain(home.run, ["more/dark/0.png"], by="occlusion", num=1, out="maps")],
    "export": [
        lambda _: headstart.export("own", "openvino", out="bundle"),
        lambda home: home.run.export("openvino", out=Path("bundle in half"), precision="fp16"),
    ],
    "extend": [
        *with_each(RUNS, lambda _, run: headstart.extend(run, "more", out="longer")),
        lambda _: headstart.extend("own", headstart.read_task("more"), out=Path("longer")),
    ],
    "fit": [
        *with_each(DATA, lambda _, data: headstart.fit(data, out="own", **RIDGE)),
        lambda home: headstart.fit(home.plan, out=Path("own")),
        lambda _: headstart.fit("plan.toml", out="own"),
        lambda home: headstart.fit(home.task, "plan.toml", "own"),
        lambda home: headstart.fit(home.task, home.plan, out="own"),
        lambda _: headstart.fit("shades", Path("plan.toml"), out="own"),
        lambda _: headstart.fit("shades", method="ridge", pretrained=card_of("pixels"), settings={"blocks": "pixels"}, out="pix"),
    ],
    "inspect": with_each(DATA, lambda _, data: headstart.inspect(data)),
    "label": [lambda home: headstart.label(home.sources, num=2, pretrained="pixels")],
    "list_runs": [lambda _: headstart.list_runs("."), lambda _: headstart.list_runs(Path())],
    "load_backbone": [lambda _: headstart.load_backbone("pixels"), lambda _: headstart.load_backbone(card_of("pixels"), "none")],
    "methods": [lambda _: headstart.methods(), lambda _: headstart.methods("ridge")],
    "models": [lambda _: headstart.models(), lambda _: headstart.models(license="permissive", provider="timm")],
    "predict": with_each(RUNS, lambda _, run: headstart.predict(run, A))
    + with_each(IMAGES, lambda home, images: headstart.predict(home.run, images))
    + with_each(IMAGES, lambda home, images: home.run.predict(images))
    + with_each(VECTORS, lambda home, rows: home.vectors.predict(rows)),
    "pretrain": with_each(
        [lambda _: "more", lambda _: Path("more"), lambda _: headstart.read_task("more")],
        lambda _, source: headstart.pretrain(source, settings={"training.epochs": 1}, out="net"),
    ),
    "pretrained": [lambda _: headstart.pretrained(), lambda _: headstart.pretrained(license="permissive")],
    "push": [
        *with_each(RUNS, lambda _, run: headstart.push(run, "repository", thumbnails=True)),
        lambda home: home.run.push(Path("repository"), license="mit", thumbnails=True),
    ],
    "rank": [
        *with_each(DATA, lambda _, data: headstart.rank(data, NET)),
        lambda home: headstart.rank(home.task, [card_of(NET)]),
        lambda home: headstart.rank(home.task, pretrained=Path(NET)),
    ],
    "read_arrays": [
        lambda _: headstart.read_arrays(np.stack([array(name) for name in FOUR]), [0, 0, 1, 1], name="four"),
        lambda _: headstart.read_arrays(
            [pillow(), FOUR[1], array(FOUR[2]), tensor(FOUR[3])], ["x", "x", "y", "y"], groups=range(4)
        ),
    ],
    "read_task": [lambda _: headstart.read_task("shades"), lambda _: headstart.read_task(Path("shades"), 1, test=0.2)],
    "report": [*with_each(RUNS, lambda _, run: headstart.report(run)), lambda home: home.run.report()],
    "run": with_each(DATA, lambda _, data: headstart.run(data, out="whole", **FAST)),
    "runs": [lambda _: headstart.runs("."), lambda _: headstart.runs(Path())],
    "search": [
        *with_each(DATA, lambda _, data: headstart.search(data, out="study", trials=1, **RIDGE)),
        lambda home: headstart.search(home.plan, out=Path("study"), trials=1),
    ],
    "serve": with_each(RUNS, loaded),
    "simulate": with_each(RUNS, lambda _, run: headstart.simulate(run, workers=[1, 2])),
    "stress": with_each(RUNS, lambda _, run: headstart.stress(run, corruption="mirror"))
    + with_each(DATA, lambda home, data: headstart.stress(home.run, data, corruption=["gray"])),
    "track": [
        *with_each(RUNS, lambda _, run: headstart.track(run, "tensorboard")),
        lambda home: headstart.track(home.run, to=["tensorboard"]),
    ],
    "Evaluation": [lambda home: home.run.evaluation],
    "Features": [lambda _: headstart.Features("pixels", pretrained="pixels", weights="none").fit_transform([A])],
    "Finding": [lambda _: headstart.Finding.info("code", "A title.")],
    "Gallery": [
        lambda _: headstart.Gallery.open("gallery"),
        lambda _: headstart.Gallery.open(Path("gallery")),
        lambda _: headstart.Gallery.create("empty", card_of("pixels"), pillow()),
        *with_each(IMAGES, lambda home, images: home.gallery.predict(images)),
        *with_each(IMAGES, lambda home, images: (home.gallery.enroll({"new": images}), home.gallery.forget("new"))),
    ],
    "Model": [lambda home: home.run.model.predict(home.task.train)],
    "Plan": [lambda _: headstart.Plan.from_toml(Path("plan.toml").read_text())],
    "Predictions": [lambda home: home.run.predictions],
    "Run": [
        lambda _: headstart.Run.load("own"),
        lambda _: headstart.Run.load(Path("own")),
        lambda home: headstart.Run.load(home.run),
    ],
    "TransferClassifier": [
        lambda _: headstart.TransferClassifier(pretrained="pixels", weights="none").fit([A, "shades/light/0.png"], CLASSES),
        lambda _: headstart.TransferClassifier().fit(np.eye(4), [0, 1, 0, 1]).predict(np.eye(4)),
    ],
    "Task": [
        lambda _: headstart.Task.from_folder("shades", 1, test=0.2),
        lambda _: headstart.Task.from_csv(Path("shades.csv")),
        lambda home: home.task.show(2),
    ],
    "verify": [
        *with_each(RUNS, lambda _, run: headstart.verify(run)),
        *with_each(DATA, lambda home, data: headstart.verify(home.run, data)),
        lambda home: home.run.verify("shades"),
    ],
    "watch": [lambda home: headstart.watch(home.run, "more"), lambda home: headstart.watch("own", home.sources.source)],
}

# By function, a call that must be refused, and the sentence.
A_TASK = "a task, a path or the name of a built-in set"
A_PLACE = "a task, a path, the name of a built-in set, a frame or a Dataset"
A_TASK_SHOWN = '<Task "shades": 24 labeled images of 2 classes>'
A_RUN = "a run, or the path of its folder"
AN_IMAGE = "paths of images, Pillow images, arrays or tensors: one, or a list of such"
A_NAME = "a name, a file or a card of `headstart.models`"
REFUSED: dict[str, tuple[Callable[[Home], Any], str]] = {
    "adjust": (lambda home: headstart.adjust(home.task), f"run = {A_TASK_SHOWN} is a Task. Give {A_RUN}."),
    "audit_runs": (lambda _: headstart.audit_runs(3), "folder = 3 is an int. Give a path."),
    "cache": (lambda _: headstart.cache(keep=0.5), "keep = 0.5 is a float. Give a text, a whole number or None."),
    "compare": (lambda home: headstart.compare(home.run, 3), f"others = 3 is an int. Give {A_RUN}."),
    "datasets": (lambda _: headstart.datasets(3), "too many positional arguments. It takes none."),
    "decide": (lambda _: headstart.decide("shades", "own"), "ranking = 'own' is a str. Give a Ranking or None."),
    "embed": (lambda home: headstart.embed(home.run, "x.npz"), f"data = Run(folder=PosixPath('own')) is a Run. Give {A_PLACE}."),
    "enroll": (lambda _: headstart.enroll("gallery", "x", 3), f"images = 3 is an int. Give {AN_IMAGE}."),
    "evaluate": (lambda _: headstart.evaluate("own", 3), f"data = 3 is an int. Give {A_PLACE} or None."),
    "explain": (lambda _: headstart.explain("own", 3), f"images = 3 is an int. Give {AN_IMAGE}."),
    "export": (lambda _: headstart.export("own", 3), "to = 3 is an int. Give a text."),
    "extend": (lambda _: headstart.extend("own", ["more"]), f"data = ['more'] is a list. Give {A_TASK}."),
    "fit": (lambda _: headstart.fit("shades", metod="ridge"), 'there is no argument metod. Did you mean "method"? It takes data, '
            "plan, out, method, pretrained, weights, settings, find_rate, source, target_domain, seed, per_class, test, track, "
            "cluster."),
    "inspect": (lambda _: headstart.inspect(None), f"data is None. Give {A_PLACE}."),
    "label": (lambda home: headstart.label(home.task, num="3"), "num = '3' is a str. Give a whole number."),
    "list_runs": (lambda _: headstart.list_runs(None), "folder is None. Give a path."),
    "load_backbone": (lambda _: headstart.load_backbone(3), f"name = 3 is an int. Give {A_NAME}."),
    "methods": (lambda _: headstart.methods(3), "name = 3 is an int. Give a text or None."),
    "models": (lambda _: headstart.models(license=3), "license = 3 is an int. Give a text or None."),
    "predict": (lambda _: headstart.predict("own", [A, 3]), f"images[1] = 3 is an int. Give {AN_IMAGE}."),
    "pretrain": (lambda _: headstart.pretrain(3), f"source = 3 is an int. Give {A_TASK}."),
    "pretrained": (lambda _: headstart.pretrained(3), "license = 3 is an int. Give a text or None."),
    "push": (lambda _: headstart.push("own", 3), "place = 3 is an int. Give a path."),
    "rank": (lambda home: headstart.rank(home.task, [3]), f"pretrained[0] = 3 is an int. Give {A_NAME}, or a list of such."),
    "read_arrays": (
        lambda _: headstart.read_arrays(array(), "dark"),
        "labels = 'dark' is a str. Give a name or a whole number for each picture.",
    ),
    "read_task": (lambda _: headstart.read_task("shades", "0"), "seed = '0' is a str. Give a whole number."),
    "report": (lambda _: headstart.report(3), f"run = 3 is an int. Give {A_RUN}."),
    "run": (lambda _: headstart.run("shades", minutes="5"), "minutes = '5' is a str. Give a number or None."),
    "runs": (lambda _: headstart.runs(3), "folder = 3 is an int. Give a path."),
    "search": (lambda _: headstart.search("shades", trials=0.5), "trials = 0.5 is a float. Give a whole number or None."),
    "serve": (lambda _: headstart.serve("own", port="80"), "port = '80' is a str. Give a whole number."),
    "stress": (lambda _: headstart.stress("own", 3), f"data = 3 is an int. Give {A_PLACE} or None."),
    "simulate": (lambda _: headstart.simulate(3), f"run = 3 is an int. Give {A_RUN}."),
    "track": (lambda _: headstart.track("own", 3), "to = 3 is an int. Give a text, or a list of texts."),
    "verify": (lambda _: headstart.verify("own", 3), f"data = 3 is an int. Give {A_PLACE} or None."),
    "watch": (lambda _: headstart.watch("own", 3), f"images = 3 is an int. Give {AN_IMAGE}."),
}  # fmt: skip
CLASSES_OF_VALUES = {"Evaluation", "Finding", "Model", "Plan", "Predictions"}
"""Records: pydantic and NumPy say what is wrong with their fields."""
ESTIMATORS = {"Features", "TransferClassifier"}
"""scikit-learn keeps their arguments as they are until `fit`, which refuses them: see `test_estimators`."""
CALLS = [(name, place) for name, calls in WORK.items() for place in range(len(calls))]


def test_every_public_name_is_called_and_refuses_something():
    public = {name for name in headstart.__all__ if callable(getattr(headstart, name))}
    assert set(WORK) == public
    assert set(REFUSED) == public - CLASSES_OF_VALUES - ESTIMATORS - {"Gallery", "Run", "Task"}


@pytest.mark.parametrize(("name", "place"), CALLS)
def test_a_public_function_takes_what_it_accepts(name, place, home):
    assert WORK[name][place](home) is not None


@pytest.mark.parametrize("name", REFUSED)
def test_a_public_function_refuses_another_type_in_a_sentence(name, home):
    call, sentence = REFUSED[name]
    with pytest.raises(ArgumentError) as caught:
        call(home)
    assert str(caught.value) == f"{name}: {sentence}"


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """The defaults of a function's parameters; nothing, none and () are the same."""
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default or None for one in parameters if one.default is not inspect.Parameter.empty}


@pytest.mark.parametrize("name", sorted(set(COMMANDS.names()) & set(headstart.__all__)))
def test_an_option_of_the_command_line_has_the_same_default_in_python(name):
    command, function = defaults(COMMANDS.get(name)), defaults(getattr(headstart, name))
    shared = (command.keys() & function.keys()) - ({"out"} if name == "label" else set())  # a function returns what it writes
    assert {key: command[key] for key in shared} == {key: function[key] for key in shared}


@pytest.mark.parametrize("options", [{}, {"per_class": 4, "seed": 3}, {"test": 0.25}, {"sources": ["more"], "per_class": 0}])
def test_a_plan_for_a_task_reads_the_same_task_again(options, home):
    task = headstart.read_task("shades", **options)
    _, plan = plan_and_task(task, home.plan)
    assert task_of_plan(plan).fingerprint == task.fingerprint


def test_a_task_and_its_place_are_the_same_request(home):
    task = headstart.read_task("shades", seed=3, per_class=5)
    assert reading_of(task) == reading_of("shades", seed=3, per_class=5)
    assert reading_of(home.sources) == reading_of(Path("shades"), ["more"], per_class=0)


def test_another_model_is_evaluated_on_a_task_whose_classes_stand_in_another_order(home):
    task = headstart.read_task("shades", test=0.25)
    turned = replace(task.test, classes=task.classes[::-1], hidden_labels=1 - task.test.hidden_labels)
    evaluations = [headstart.evaluate(home.run, replace(task, test=task.test)), headstart.evaluate(home.run, task)]
    evaluations.append(headstart.evaluate(home.run, replace(task, classes=task.classes[::-1], test=turned)))
    assert len({evaluation.to_json() for evaluation in evaluations}) == 1
    with pytest.raises(DataError, match=r'^shades has a class "lite" that the model does not know\. Did you mean "light"\?'):
        headstart.evaluate(home.run, replace(task, classes=("dark", "lite")))


def test_a_task_that_was_read_from_no_place_has_none_to_read_again(home):
    with pytest.raises(DataError, match=r'^The task "shades" was not read from a place, and one is needed\. Give the path of'):
        headstart.extend(home.run, replace(home.task, place=""))
