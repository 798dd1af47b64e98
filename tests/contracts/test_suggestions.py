"""Every command that a message, a report, a page or a docstring suggests is one that the program takes, and works on the run."""

from __future__ import annotations

import ast
import html
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from rich.console import Console

import headstart
from headstart.backbones.providers.base import GIVE_FILE
from headstart.cli import _application as application
from headstart.cli import main
from headstart.cli._summary import summary_view
from headstart.core.errors import PlanError
from headstart.core.language import speaking
from headstart.methods import METHODS
from headstart.planning.plan import Partner, Plan
from headstart.runs.run import Run
from headstart.workflows.decide import Request
from headstart.workflows.plans import changed

ROOT = Path(__file__).parents[2]
SOURCE = Path(headstart.__file__).parent
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:console|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARKED = re.compile(r"`(headstart [^`]+)`|<code>(headstart [^<]+)</code>")
BARE = re.compile(r"(?:^|: )(headstart (?!has no)[a-z]+\b[^.;`\n]*)")
FIELD = "FIELD"
"""Stands for what a message fills in: a run, a file, a name."""
WORDS = {"M": "5", "N": "3", "P": "0.05", "SHARE": "0.2", "S": "1", "KEY=VALUE": "method.kind=ridge", "...": ""}
"""What placeholders stand for where a number is needed."""


def texts_of(path: Path) -> Iterator[str]:
    """The texts of a module, docstrings included; fields of f-strings and templates are FIELD; neighboring parts are one text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - {
        id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else FIELD for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield re.sub(r"\{[a-z_]+\}", FIELD, node.value)  # a template


def commands_in(text: str) -> list[str]:
    found = [first or second for first, second in MARKED.findall(text)]
    return [" ".join(one.split()) for one in found]


def commands_of_report(page: str) -> list[str]:
    """The command lines in the blocks of a report."""
    blocks = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    lines = [html.unescape(re.sub(r"<[^>]+>", "", line)) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("headstart ")]


def suggested() -> list[tuple[str, str]]:
    """Every command line with the file that suggests it."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for body in BLOCK.findall(text) for line in body.splitlines() if line.startswith("headstart ")]
        found += [(page.name, line) for line in lines + commands_in(re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))]
    for path in SOURCE.rglob("*.py"):
        for text in texts_of(path):
            bare = [] if "\n" in text else [one.strip() for one in BARE.findall(MARKED.sub("", text))]
            found += [(path.name, line) for line in commands_in(text) + bare]
    for path in SOURCE.rglob("*.j2"):
        plain = re.sub(r"\{\{.*?\}\}", FIELD, re.sub(r"\{%.*?%\}", "", path.read_text(encoding="utf-8")))
        found += [(path.name, line) for line in commands_of_report(plain) + commands_in(plain)]
    return sorted(set(found))


SUGGESTED = suggested()


def parsed(line: str) -> typer.Context | None:
    """The context of a command line; None where it asks for help. A usage error says what is wrong with it."""
    words = [WORDS.get(word.strip("[]"), word.strip("[]")) for word in shlex.split(line, comments=True)[1:]]
    name, *rest = [word for word in words if word]
    if name == "--language":
        name, *rest = rest[1:]
    if name.startswith("-"):
        assert name in {"--help", "--version"}
        return None
    assert name in application.COMMANDS.names(), f"{line}: no such command"
    command = application.Commands(name="headstart").get_command(None, name)
    if rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        subcommand = command.get_command(None, rest[0])
        assert subcommand is not None, f"{line}: no such command"
        command, rest = subcommand, rest[1:]
    try:
        with speaking():
            return command.make_context(name, rest)
    except typer.Exit:
        return None
    except application.UsageError as error:
        # a command that is named without its arguments, as in "`headstart label` says which", names no wrong option
        if not rest and ("Missing" in error.format_message() or type(error).__name__ == "NoArgsIsHelpError"):
            return None
        raise


def test_suggestions_are_found() -> None:
    origins = {origin for origin, _ in SUGGESTED}
    assert {"README.md", "how-to-choose.md", "use.html.j2", "verdict.html.j2", "run.py", "origin.py"} <= origins
    assert len(SUGGESTED) > 150
    assert ("open_set.py", "headstart predict RUN IMAGES --refuse SHARE") in SUGGESTED
    assert ("origin.py", f"headstart fit DATA --method ridge --pretrained run:{FIELD}") in SUGGESTED


@pytest.mark.parametrize(("origin", "line"), SUGGESTED, ids=[f"{origin}: {line}" for origin, line in SUGGESTED])
def test_every_suggested_command_is_taken(origin: str, line: str) -> None:
    context = parsed(line)
    if context is not None and any(FIELD not in pair for pair in context.params.get("settings") or ()):
        check_settings(context, line)


def check_settings(context: typer.Context, line: str) -> None:
    """Refuse settings that the method named beside them does not have; those of a plan hold for a plan of any method."""
    settings = dict(pair.partition("=")[::2] for pair in context.params["settings"] if FIELD not in pair)
    method = context.params.get("method")
    if method is None and line.startswith("headstart run"):
        Request(place="DATA", settings=settings).check()
        return
    kinds = [method] if method else ["ridge", "lp_ft"]
    for kind in kinds:
        changed(Plan(data="DATA", pretrained="efficientnet_lite0", input_pixels=8, method={"kind": kind}), settings)
        assert kind in METHODS.names()


@pytest.mark.parametrize(
    "line",
    ["headstart run flowers/ --nonsense 3", "headstart frobnicate", "headstart fewshot enrol G a.png", "headstart rank --x"],
)
def test_the_check_refuses_what_the_program_does_not_take(line: str) -> None:
    with pytest.raises((application.UsageError, AssertionError)):
        parsed(line)


def test_the_check_refuses_settings_that_have_no_effect() -> None:
    line = "headstart fit plan.toml --set training.epochs=24"
    context = parsed(line)
    assert context is not None
    with pytest.raises(PlanError):
        check_settings(context, line)


OF_OTHERS = {"--batch", "--timing", "--logdir", "--nproc", "--head"}
"""Options of the script of an exported bundle, of TensorBoard, torchrun and Ray."""


def test_every_option_that_a_message_names_is_one_of_a_command() -> None:
    known = {"--help", "--version", *OF_OTHERS}
    for name in application.COMMANDS.names():
        command = application.Commands(name="headstart").get_command(None, name)
        for one in [command, *getattr(command, "commands", {}).values()]:
            known |= {option for parameter in one.params for option in parameter.opts}
    named = {
        (path.name, option)
        for path in SOURCE.rglob("*.py")
        for text in texts_of(path)
        if "python -m" not in text
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text)
    }
    assert {(name, option) for name, option in named if option not in known} == set()


ON_PICTURES = ("--pretrained", "pixels")
KINDS = {
    "ridge": ("pictures", "--method", "ridge", *ON_PICTURES),
    "trained": (
        *("pictures", "--method", "fine_tune", "--pretrained", "small_cnn", "--weights", "none"),
        *("--set", "training.epochs=1", "--set", "input_pixels=16"),
    ),
    "embeddings": ("vectors.npz", "--method", "ridge"),
}
"""A run of each kind, and what `headstart fit` makes it of."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of two classes in folders, and feature vectors in a file."""
    random, folder = np.random.default_rng(3), tmp_path_factory.mktemp("data")
    for name, brightness in (("dark", 60), ("light", 180)):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(7):
            noise = random.normal(brightness, 25, (16, 16, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(noise).save(folder / "pictures" / name / f"{number}.png")
    labels = np.arange(31) % 2
    features = random.normal(size=(31, 5)) + 3 * labels[:, None]
    np.savez(folder / "vectors.npz", features=features.astype(np.float32), labels=np.where(labels == 1, "high", "low"))
    return folder


@pytest.fixture(scope="module", params=[*KINDS, "ensemble"])
def run(request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one kind."""
    folder = tmp_path_factory.mktemp("runs") / request.param
    if request.param == "ensemble":
        plan = Plan(data=str(data / "pictures"), pretrained="pixels", input_pixels=16, method={"kind": "ridge"})
        partner = Partner(pretrained="pixels", input_pixels=8, method={"kind": "nearest_mean"})
        plan = plan.model_copy(update={"partners": (partner,), "shares": (0.5, 0.5)})
        folder.parent.joinpath("plan.toml").write_text(plan.to_toml(), encoding="utf-8")
        words = ["fit", folder.parent / "plan.toml"]
    else:
        place, *options = KINDS[request.param]
        words = ["fit", data / place, *options]
    _call([*map(str, words), "-o", str(folder)])
    return folder


def _call(words: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_of:
        main(words)
    assert exit_of.value.code == 0, words


def test_every_command_that_a_run_suggests_works_on_it(run: Path, data: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    finished = Run.load(run)
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(summary_view(finished))
    (then,) = [line.removeprefix("Next").strip() for line in captured.get().splitlines() if line.startswith("Next")]
    lines = [then, *commands_of_report((run / "report.html").read_text(encoding="utf-8"))]
    assert len(lines) >= 4
    pictures, vectors = data / "pictures", data / "vectors.npz"
    named = {
        "NEW_IMAGES": pictures / "dark", "photo.jpg": pictures / "dark" / "0.png", "more-photos/": pictures / "light",
        "LABELED-FOLDER": pictures, "NEW_FEATURES.npz": vectors, "new.npz": vectors, "labeled.npz": vectors,
        "DATA": vectors if "embeddings" in run.name else pictures,
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for line in lines:
        _call([str(named.get(word, word)) for word in shlex.split(line)[1:]])
        capsys.readouterr()


@pytest.mark.parametrize("command", ["run", "rank", "decide", "fit"])
def test_the_commands_that_are_said_to_take_weights_take_them(command: str) -> None:
    assert f"`{command}`" in GIVE_FILE.replace("headstart ", "")
    assert parsed(f"headstart {command} DATA --pretrained torchvision/resnet50 --weights FILE") is not None
