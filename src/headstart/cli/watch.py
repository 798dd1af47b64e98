"""`headstart watch`: whether new images are still like those that a run learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, said, table, told
from headstart.cli._rows import paths_from

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headstart.evaluation.drift import Drift

POSITION = 17


def watch(
    run: options.RunFolder,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="New images, folders, or - for paths on stdin.", show_default=False),
    ],
    num: Annotated[int, typer.Option(min=0, metavar="N", help="How many images to name that a person should label first.")] = 20,
    level: Annotated[float, typer.Option(metavar="P", help="Probability that drift is found where there is none.")] = 0.05,
    seed: options.Seed = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when drift is found.")] = False,
    as_json: options.Json = False,
) -> None:
    """Test whether new images without labels are still like those learned from.

    Compares them with the run's held-out images: how usual they look, how sure the model is, and how often each class is
    predicted. Estimates class shares and accuracy without labels, and names the images to label first. A file that cannot be read
    is left out, with exit code 1.
    """
    from headstart.workflows.watch import watch as watch_images

    found = watch_images(run, paths_from(paths), num=num, level=level, seed=seed)
    drift = found.drift
    blocks: list[RenderableType] = [
        said(drift.sentence, style="bold"),
        "",
        facts(_facts(drift)),
        table(("test", "p-value", "corrected"), _tests(drift)),
    ]
    blocks.append(table(("class", "learned", "estimated", "95 % interval"), _shares(drift), ("learned", "estimated")))
    if found.to_label:
        rows = ((one.path, one.label, f"{one.probability:.3f}", one.reason) for one in found.to_label)
        blocks.append(table(("image", "label", "probability", "reason"), rows, ("probability",), title="Label first"))
    answer(as_json, {**found.to_dict(), "found": drift.found, "sentence": drift.sentence}, *blocks)
    for path, problem in found.unreadable.items():
        told(f"{path}: {problem}")
    if found.unreadable or (strict and drift.found):
        raise typer.Exit(1)


def _facts(drift: Drift) -> list[tuple[str, str]]:
    accuracy, learned = drift.estimated_accuracy, drift.learned_accuracy
    rows = [
        (
            "Accuracy learned",
            f"{learned.value:.1%} [{learned.low:.1%}, {learned.high:.1%}], {drift.num_held_out:,} {drift.split}",
        ),
        ("Accuracy estimated", f"{accuracy.value:.1%} [{accuracy.low:.1%}, {accuracy.high:.1%}], {_how(drift)}"),
    ]
    if drift.unknown:
        one = drift.unknown
        rows.append(("Flagged as unknown", f"{one.value:.1%} [{one.low:.1%}, {one.high:.1%}]; 5 % of known images are"))
    return rows


def _how(drift: Drift) -> str:
    """What the estimated accuracy was taken from."""
    if drift.num_conditions:
        return f"without labels, corrected by {drift.num_conditions} conditions of headstart stress"
    return "without labels; headstart stress RUN would make it closer" if drift.unusual else "without labels"


def _tests(drift: Drift) -> list[tuple[str, str, str]]:
    return [(one.name.replace("_", " "), f"{one.p_value:.3g}", f"{one.corrected:.3g}") for one in drift.tests]


def _shares(drift: Drift) -> list[tuple[str, str, str, str]]:
    return [
        (one.name, f"{one.learned:.1%}", f"{one.estimated.value:.1%}", f"{one.estimated.low:.1%} to {one.estimated.high:.1%}")
        for one in drift.class_shares
    ]
