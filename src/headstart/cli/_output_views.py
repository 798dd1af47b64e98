"""Views of runs of several labels or numbers on the terminal, each made from its JSON form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from headstart.cli._printing import facts, interval, plain, said, table
from headstart.cli._rows import print_rows
from headstart.cli._views import worse_slices

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headstart.multioutput.run import OutputRun

MOST_LABELS = 40
"""A longer table of labels is left to the report."""


def show_outputs(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print the rows of a prediction of labels or of numbers."""
    if any("value" in row for row in rows):
        print_rows(rows, as_json, ("value", "interval"), _number_cells)
    else:
        print_rows(rows, as_json, ("labels",), _label_cells, right=())


def _number_cells(row: dict[str, Any]) -> tuple[Any, ...]:
    ends = row.get("interval")
    return f"{row['value']:.4g}", f"{ends['low']:.4g} to {ends['high']:.4g}" if ends else "-"


def _label_cells(row: dict[str, Any]) -> tuple[Any, ...]:
    shown = ", ".join(f"{name} {row['probs'][name]:.2f}" for name in row["labels"])
    return (plain(shown) if shown else said("none", style="dim"),)


def task_of_outputs(summary: dict[str, Any]) -> RenderableType:
    """What a task of outputs consists of."""
    counts, quantiles = summary["counts"], summary["quantiles"]
    images = f"{summary['num_labeled']:,} labeled, {summary['num_test']:,} sealed for the test"
    rows: list[tuple[str, RenderableType]] = [("Data", f"{summary['name']} ({summary['place']})"), ("Images", images)]
    if counts:
        rows.append(("Labels", f"{len(counts)}; {min(counts):,} to {max(counts):,} images each"))
    else:
        least, _, median, _, most = quantiles
        rows.append(("Numbers", f"from {least:.4g} to {most:.4g}, median {median:.4g}"))
    return facts(rows)


def summary_of_outputs(run: OutputRun) -> RenderableType:
    """The outcome: verdict, evaluation, what was left out, and where everything lies."""
    from headstart.multioutput.metrics import metrics_for

    decision, evaluation = run.decision, run.evaluation
    metrics = metrics_for(evaluation.kind)
    shown = ", ".join(f"{metrics[name].title} {value}" for name, value in list(evaluation.metrics.items())[:3])
    left = [one for one in decision.results if one.status != "fitted"]
    rows: list[tuple[str, RenderableType]] = [
        ("Verdict", said(decision.verdict, style="bold")),
        ("", decision.sentence),
        *(("", reason) for reason in decision.reasons),
        ("Model", decision.chosen),
        ("Result", f"{shown} on {evaluation.num_images:,} images ({evaluation.split})"),
        ("", evaluation.guarantee),
        ("Left out", " ".join(f"{one.name}: {one.reason}." for one in left)),
        *(("Findings" if place == 0 else "", one.title) for place, one in enumerate(run.findings[:3])),
        ("Report", f"{run.folder}/report.html"),
        ("Next", f"headstart predict {run.folder} PICTURES"),
    ]
    return facts([row for row in rows if str(row[1])])


def list_of_outputs(runs: Sequence[OutputRun]) -> Iterator[RenderableType]:
    """One line a run."""
    if not runs:
        return
    from headstart.multioutput.metrics import metrics_for

    rows = []
    for run in runs:
        name, value = next(iter(run.evaluation.metrics.items()))
        title = metrics_for(run.evaluation.kind)[name].title
        rows.append((plain(run.folder.name, "bold"), said(run.decision.verdict), run.decision.chosen, f"{title} {value}"))
    yield from ("", table(("run", "verdict", "model", "result"), rows, title="Several labels and numbers"))


def evaluation_of_outputs(evaluation: dict[str, Any]) -> RenderableType:
    """Metrics with their intervals beside what is best said without images, then one line a label."""
    from rich.console import Group

    from headstart.multioutput.metrics import metrics_for

    titles = {name: metric.title for name, metric in metrics_for(evaluation["kind"]).items()}
    without = evaluation["without_images"]
    rows = [
        (
            said(titles.get(name, name)),
            f"{value['value']:.3f}",
            interval(value),
            f"{without[name]['value']:.3f}" if name in without else "-",
        )
        for name, value in evaluation["metrics"].items()
    ]
    blocks: list[RenderableType] = [
        table(("metric", "value", "95 % interval", "no image"), rows, right=("value", "no image"), title=_counted(evaluation)),
        "",
    ]
    if 0 < len(evaluation["per_output"]) <= MOST_LABELS:
        blocks += [_labels(evaluation["per_output"]), ""]
    if evaluation["guarantee"]:
        blocks.append(evaluation["guarantee"])
    worse = worse_slices(evaluation)
    blocks += [*worse, evaluation["right"]] if worse else []
    return Group(*map(_text, blocks), said(evaluation["protocol"], style="dim"))


def _text(block: RenderableType) -> RenderableType:
    return said(block) if isinstance(block, str) and block else block


def _labels(rows: Sequence[dict[str, Any]]) -> RenderableType:
    shown = []
    for row in rows:
        values = [f"{row[key]['value']:.3f}" if row[key] else "-" for key in ("average_precision", "f1")]
        shares = [f"{row[key]:.3f}" for key in ("precision", "recall", "threshold")]
        shown.append((row["name"], *values, *shares, f"{row['support']:,}"))
    columns = ("label", "AP", "f1", "precision", "recall", "threshold", "images")
    return table(columns, shown, right=columns[1:])


def _counted(evaluation: dict[str, Any]) -> str:
    split = {"out of fold": "out-of-fold"}.get(evaluation["split"], evaluation["split"])
    return f"{evaluation['num_images']:,} {split} images"
