"""`headstart predict`: labels and probabilities for new images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options
from headstart.cli._output_views import show_outputs
from headstart.cli._printing import plain, said, told
from headstart.cli._rows import check_format, paths_from, print_rows, write_rows
from headstart.core.errors import ExportError, PlanError

if TYPE_CHECKING:
    from headstart.methods.model import Model
    from headstart.runs.run import Run

POSITION = 16


Paths = Annotated[
    list[str],
    typer.Argument(metavar="PATH...", help="Images, folders, files of embeddings, or - for paths on stdin.", show_default=False),
]
Refuse = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="Give no label to images with a p-value below P: to about a share P of the known images, and to more of the others.",
        show_default=False,
    ),
]
Adapt = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Adapt the model to these images first: batch_norm or tent. Needs many images of all classes.",
        show_default=False,
    ),
]
Sets = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Give each image a set of classes, which holds the true one for this share of images: 0.9.",
        show_default=False,
    ),
]
SetScore = Annotated[
    str, typer.Option(metavar="NAME", help="What sets are made by: lac (smallest on average), aps or raps (never empty).")
]
SetsByClass = Annotated[bool, typer.Option("--sets-by-class", help="Hold the true class for this share of each class's images.")]
AtAccuracy = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Give a label only where the model is sure enough for this share of labels to be right, approximately with 95 % "
        "confidence, for images like the labeled ones: 0.95.",
        show_default=False,
    ),
]

Raw = Annotated[
    bool, typer.Option("--raw", help="In CSV, leave cells that a spreadsheet would compute as they are: for programs.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Write a .csv, .parquet or .jsonl file instead of printing.", show_default=False
    ),
]


Interval = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Of a run that predicts numbers: give intervals that hold the true number for this share of images: 0.9.",
        show_default=False,
    ),
]


def predict(
    run: options.RunFolder,
    paths: Paths,
    out: Out = None,
    refuse: Refuse = None,
    adapt: Adapt = None,
    sets: Sets = None,
    set_score: SetScore = "lac",
    sets_by_class: SetsByClass = False,
    at_accuracy: AtAccuracy = None,
    interval: Interval = None,
    raw: Raw = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Label new images. Each gets the most probable class, and a p-value.

    The p-value tests whether an image is like the known ones: 0.2 means that a fifth of the known images are no more similar. It
    does not depend on the other images. Below 0.05 the image is flagged as unknown: perhaps it shows no class of the model.

    A file that cannot be read gives a row with the error, and exit code 1.
    """
    from headstart.runs.run import Run
    from headstart.runs.run_folder import holds_outputs

    if out:
        check_format(out)
    asked = {"refuse": refuse, "adapt": adapt, "sets": sets, "sets_by_class": sets_by_class, "at_accuracy": at_accuracy}
    if holds_outputs(run):
        _predict_outputs(run, paths, out, interval, asked | {"set_score": set_score != "lac"}, as_json, raw)
        return
    if interval is not None:
        raise PlanError("--interval is for a run that predicts numbers, and this one predicts classes. Ask for --sets instead.")
    _predict_classes(Run.load(run, first=True), paths, out, asked | {"set_score": set_score}, as_json, raw)


def _predict_classes(finished: Run, paths: list[str], out: Path | None, asked: dict[str, Any], as_json: bool, raw: bool) -> None:
    """Predict with a run of classes."""
    refuse, sets, at_accuracy = (asked[name] for name in ("refuse", "sets", "at_accuracy"))
    if finished.has_first_model:
        told(f"{finished.folder} is unfinished: its first model predicts. `headstart run` goes on with it.")
    rows = finished.predict(paths_from(paths), **asked)
    if out:
        _write(out, rows, print_too=as_json, raw=raw)
        told(f"{out}: {_counts(rows)}")
    else:
        show_predictions(rows, as_json)
    tell_if_none_can_be_flagged(finished.model, refuse)
    if at_accuracy is not None:
        _tell_threshold(finished.folder, at_accuracy)
    if sets is not None:
        tell_of_sets(rows, sets, len(finished.model.classes))
    if any("error" in row for row in rows):
        raise typer.Exit(1)


def _predict_outputs(
    run: Path, paths: list[str], out: Path | None, interval: float | None, asked: dict[str, Any], as_json: bool, raw: bool
) -> None:
    """Predict with a run of several labels or numbers; `asked` are options that have no meaning for it."""
    from headstart.workflows.outputs import predict_with_outputs

    rows = predict_with_outputs(run, paths_from(paths), interval, asked)
    if out:
        _write(out, rows, print_too=as_json, raw=raw)
        told(f"{out}: {len(rows):,} rows")
    else:
        show_outputs(rows, as_json)
    if any("error" in row for row in rows):
        raise typer.Exit(1)


def show_predictions(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print the rows of `headstart.predict`."""
    tested, in_sets = any(row.get("unknown") for row in rows), any("set" in row for row in rows)
    columns = ("label", "probability", *(["p-value"] if tested else []), *(["set"] if in_sets else []))
    print_rows(rows, as_json, columns, lambda row: tuple(_cells(row)[name] for name in columns), right=("probability", "p-value"))


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    """What a table shows of a row, by column."""
    unknown = row["unknown"]
    if row["label"] is None:
        label = said(f"unknown (best guess: {row['best_guess']})")
    else:
        label = plain(row["label"], "bold")
        label.append(said(" (perhaps unknown)" if unknown and unknown["flag"] else "", style="yellow"))
    return {
        "label": label,
        "probability": f"{row['probability']:.3f}",
        "p-value": f"{unknown['p_value']:.3f}" if unknown else "",
        "set": ", ".join(row.get("set", ())),
    }


def _counts(rows: Sequence[dict[str, Any]]) -> str:
    """How many images got a label, how many were flagged or refused and how many could not be read."""
    read = [row for row in rows if "error" not in row]
    labeled = sum(row["label"] is not None for row in read)
    flagged = sum(bool(row["unknown"] and row["unknown"]["flag"]) for row in read)
    counts = [(labeled, "labeled"), (len(read) - labeled, "without a label"), (flagged, "flagged as perhaps unknown")]
    counts.append((len(rows) - len(read), "unreadable"))
    return ", ".join(f"{number:,} {what}" for number, what in counts if number or what == "labeled")


def _write(out: Path, rows: Sequence[dict[str, Any]], print_too: bool, raw: bool) -> None:
    """Write the rows; print them as JSON where that is asked for, or where they would be lost."""
    if print_too:
        show_outputs(rows, as_json=True)
    try:
        write_rows(out, rows, raw)
    except ExportError:
        if not print_too:
            show_outputs(rows, as_json=True)
        raise


def _tell_threshold(folder: Path, at_accuracy: float) -> None:
    """Say on stderr from which probability on images get a label, and what that gave out of fold."""
    from headstart.evaluation.selective import answered_at
    from headstart.runs.calibrated import calibration_in

    calibration = calibration_in(folder)
    if calibration is not None:
        found = answered_at(calibration, at_accuracy)
        told(
            f"Images get a label from a probability of {found.threshold:.3g} on: {found.coverage:.1%} of the labeled images "
            f"reach it, and {found.accuracy:.1%} of these are right out of fold."
        )


def tell_of_sets(rows: Sequence[dict[str, Any]], share: float, num_classes: int) -> None:
    """Say on stderr where sets say little: many hold every class, or none."""
    sizes = [len(row["set"]) for row in rows if "set" in row]
    full, empty = (sum(size == wanted for size in sizes) for wanted in (num_classes, 0))
    if num_classes > 1 and full > len(sizes) / 2:
        told(
            f"{full:,} of {len(sizes):,} sets hold every class: with these labels the model cannot leave any out at {share:g}. "
            "Ask for a smaller share, or label more images."
        )
    if empty:
        told(
            f"{empty:,} of {len(sizes):,} sets are empty: labels alone are right more often than {share:g}, so that the least "
            "sure images are given none. Ask for a larger share, or for `--set-score aps`."
        )


def tell_if_none_can_be_flagged(model: Model, refuse: float | None) -> None:
    """Say on stderr why no image can be flagged as unknown, or refused where that was asked for."""
    from headstart.novelty.detector import UNUSUAL

    level, least = UNUSUAL if refuse is None else refuse, model.least_p_value
    if level and model.detector_model is None:
        told("No image can be flagged as unknown: the model was saved without a novelty detector.")
    elif level and level <= least:
        what = "flagged as unknown" if refuse is None else f"refused at {refuse:g}"
        told(f"No image can be {what}: the fit had so few images that no p-value is below {least:.2g}.")
