"""Tables of findings, rankings, decisions, evaluations and runs, each made from its JSON form."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from headstart.cli._printing import facts, interval, plain, said, table

if TYPE_CHECKING:
    from rich.console import RenderableType

SEVERITY_STYLES = {"info": "cyan", "warning": "yellow", "error": "bold red"}
VERDICT_STYLES = {
    "transfer": "bold green",
    "scratch": "bold blue",
    "no difference": "bold yellow",
    "not judged": "bold yellow",
}
MOST_FILES = 3
"""Files that are named of one finding; the report names more."""
MOST_CLASSES = 40
"""A longer table of classes is left to the report."""
MOST_SUBSETS = 10
"""Domains, or groups, of a table, those with the lowest accuracies; `evaluation.json` has all."""


def findings_view(findings: Sequence[dict[str, Any]], place: str = "") -> RenderableType:
    """Every finding with its advice, gravest first; files are named relative to the place of the data."""
    if not findings:
        return said("Nothing to report about the data.", style="green")
    rows = []
    for row in gravest_first(findings):
        files = named_files(row, place)
        shown = f"{said(row['title'])} ({row['code']}){f': {files}' if files else ''}"
        rows.append((said(row["severity"], style=SEVERITY_STYLES[row["severity"]]), shown, said(row["advice"])))
    return table(("", "finding", "what to do"), rows)


def gravest_first(findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The findings, errors before warnings before others."""
    return sorted(findings, key=lambda finding: -list(SEVERITY_STYLES).index(finding["severity"]))


def named_files(finding: dict[str, Any], place: str = "") -> str:
    """The first three files that a warning or an error is about, relative to a place, and how many more there are.

    >>> named_files({"severity": "warning", "evidence": {"count": 5, "paths": ["d/a.png", "d/b.png", "d/c.png", "d/e.png"]}}, "d")
    'a.png, b.png, c.png and 2 more'
    """
    paths = finding["evidence"].get("paths") if finding["severity"] != "info" else None
    if not paths:
        return ""
    shown = [os.path.relpath(path, place) if place and path.startswith(f"{place.rstrip('/')}/") else path for path in paths]
    more = int(finding["evidence"].get("count", len(paths))) - MOST_FILES
    return f"{', '.join(shown[:MOST_FILES])}{f' and {more:,} more' if more > 0 else ''}"


def ranking_view(ranking: dict[str, Any]) -> RenderableType:
    """Candidates, best first; the shortlist is marked, baselines are dim."""
    rows = []
    for place, row in enumerate(ranking["candidates"], start=1):
        style = "dim" if row["baseline"] else "bold" if row["name"] in ranking["chosen"] else ""
        estimate = row["estimate"]
        first = f"{row['first_probability']:.0%}" if "first_probability" in row else ""
        cells = (place, said(row["name"]), f"{estimate['value']:.3f}", interval(estimate), f"{row['rank']:.1f}", first)
        rows.append([plain(cell, style) for cell in cells])
    columns = ("#", "candidate", "accuracy", "95 % interval", "mean rank", "first")
    return table(columns, rows, right=("#", "accuracy", "mean rank", "first"), title="Ranking (leave-one-out, frozen)")


def sources_view(sources: dict[str, Any]) -> RenderableType:
    """Sources, those in use first, each with its distances and what its labels tell; then why."""
    from rich.console import Group

    rows = []
    for row in sources["sources"]:
        cells = (
            row["name"],
            f"{row['num_images']:,}",
            f"{row['proxy_a']:.2f}",
            f"{row['mmd']:.3f}",
            *("" if row[key] is None else f"{row[key]:.2f}" for key in ("otdd", "leep", "name_overlap")),
            *("" if row[key] is None else f"{row[key]['value']:.2f}" for key in ("own_accuracy", "target_accuracy")),
            f"{row['weight']:g}" if row["weight"] else "-",
        )
        rows.append([plain(cell, "bold" if row["weight"] else "") for cell in cells])
    columns = ("source", "images", "proxy-A", "MMD", "OTDD", "LEEP", "shared", "own", "on target", "weight")
    reasons = [("-", f"{row['name']}: {said(row['reason'] + '.')}") for row in sources["sources"]]
    notes = [("-", note) for note in sources["notes"]]
    return Group(table(columns, rows, right=columns[1:], title="Sources"), "", facts([*reasons, *notes]))


def decision_view(decision: dict[str, Any]) -> RenderableType:
    """Every result on the same folds, then the verdict with its reasons."""
    from rich.console import Group

    fitted = [result for result in decision["results"] if result["accuracy"]]
    differ = len({(result["num_rows"], result["num_folds"]) for result in fitted}) > 1
    rows = []
    for result in decision["results"]:
        style = "bold" if result["name"] == decision["chosen"] else "" if result["status"] == "fitted" else "dim"
        accuracy = result["accuracy"]
        shown = f"{accuracy['value']:.3f}" if accuracy else said(result["status"])
        counts = [f"{result['num_rows']:,}" if accuracy else ""] if differ else []
        cells = (said(result["family"]), said(result["name"]), shown, interval(accuracy), *counts, _cost(result))
        rows.append([plain(cell, style) for cell in cells])
    columns = ("family", "candidate", "accuracy", "95 % interval", *(["judged on"] if differ else []), "seconds")
    title = "Same folds for all; some judged on fewer images" if differ else "Same folds for all"
    title += "; ~ is predicted" if any("~" in _cost(result) for result in decision["results"]) else ""
    results = table(columns, rows, right=("accuracy", "judged on", "seconds"), title=title)
    reasons = facts(("-", reason) for reason in decision["reasons"])
    return Group(results, "", said(decision["sentence"], style=VERDICT_STYLES[decision["verdict"]]), "", reasons)


def _cost(result: dict[str, Any]) -> str:
    """The seconds that a candidate took; of one that was left out those that it was predicted to take."""
    price = result.get("seconds_left_out") or result.get("predicted_seconds")
    return f"~{price:.0f}" if result["status"] == "skipped" and price else f"{result['seconds']:.1f}"


def evaluation_view(evaluation: dict[str, Any]) -> RenderableType:
    """Metrics with their intervals, then one line a class, a domain and a group."""
    from rich.console import Group

    metrics = [(said(name), f"{value['value']:.3f}", interval(value)) for name, value in evaluation["metrics"].items()]
    title = _counted(evaluation)
    blocks: list[RenderableType] = [table(("metric", "value", "95 % interval"), metrics, right=("value",), title=title), ""]
    if len(evaluation["per_class"]) <= MOST_CLASSES:
        rows = [
            (
                row["class"],
                *(f"{row[key]:.3f}" if row["support"] else "–" for key in ("precision", "recall", "f1")),
                f"{row['support']:,}",
            )
            for row in evaluation["per_class"]
        ]
        numbers = ("precision", "recall", "f1", "images")
        blocks += [table(("class", *numbers), rows, right=numbers), ""]
    found = worse_slices(evaluation)
    blocks += _subsets(evaluation)
    blocks += [said(one) for one in found] + ([""] if found else [])
    return Group(*blocks, said(evaluation["protocol"], style="dim"))


def worse_slices(evaluation: dict[str, Any] | None) -> list[str]:
    """A sentence for each slice that is worse than others beyond chance."""
    slices = (evaluation or {}).get("slices")
    return [one["sentence"] for one in slices["worse"]] if slices else []


def worst_group_line(evaluation: dict[str, Any] | None) -> str:
    """The group with the lowest accuracy; empty where groups were not told apart."""
    worst = (evaluation or {}).get("worst_group")
    if not worst:
        return ""
    low = worst["accuracy"]
    return (
        f"worst group {worst['name']} {low['value']:.1%} [{low['low']:.1%}, {low['high']:.1%}] on {worst['num_images']:,} images"
    )


def accuracy_line(evaluation: dict[str, Any] | None) -> str:
    """Accuracy, its 95 % interval and the number of images, in one line."""
    if evaluation is None:
        return "no labeled test images"
    accuracy = evaluation["metrics"]["accuracy"]
    return f"{accuracy['value']:.1%} [{accuracy['low']:.1%}, {accuracy['high']:.1%}] on {_counted(evaluation)}"


def domains_line(evaluation: dict[str, Any] | None) -> str:
    """The mean over domains and the worst one, in one line; empty where domains were not told apart."""
    if evaluation is None or not evaluation.get("per_domain"):
        return ""
    mean, rows = evaluation["domain_mean"], evaluation["per_domain"]
    worst = min(rows, key=lambda row: row["accuracy"]["value"])
    low = worst["accuracy"]
    return (
        f"mean of {len(rows):,} domains {mean['value']:.1%} [{mean['low']:.1%}, {mean['high']:.1%}]; worst {worst['name']} "
        f"{low['value']:.1%} [{low['low']:.1%}, {low['high']:.1%}] on {worst['num_images']:,} images"
    )


def _subsets(evaluation: dict[str, Any]) -> list[RenderableType]:
    """A table of domains, and one of the groups with the lowest accuracies, where they were told apart."""
    blocks: list[RenderableType] = []
    for name, key in (("domain", "per_domain"), ("group", "per_group")):
        rows = sorted(evaluation.get(key, ()), key=lambda row: row["accuracy"]["value"])
        if rows:
            shown = [
                (row["name"], f"{row['accuracy']['value']:.3f}", interval(row["accuracy"]), f"{row['num_images']:,}")
                for row in rows[:MOST_SUBSETS]
            ]
            title = f"The {MOST_SUBSETS} lowest of {len(rows):,}" if len(rows) > MOST_SUBSETS else ""
            right = ("accuracy", "images")
            blocks += [table((name, "accuracy", "95 % interval", "images"), shown, right=right, title=title), ""]
    return blocks


def _counted(evaluation: dict[str, Any]) -> str:
    split = {"out of fold": "out-of-fold"}.get(evaluation["split"], evaluation["split"])
    return f"{evaluation['num_images']:,} {split} images"


def _span(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def task_view(summary: dict[str, Any]) -> RenderableType:
    """What a task consists of."""
    counts = summary["train_counts"]
    splits = ("train", "validation", "test", "unlabeled")
    images = ", ".join(f"{summary[f'num_{split}']:,} {split}" for split in splits if summary[f"num_{split}"])
    sources = f"{summary['num_source']:,} labeled images of {', '.join(summary['source_domains'])}"
    side = f"shorter side {summary['native_pixels']} pixels (median)" if summary["native_pixels"] else "feature vectors"
    rows: list[tuple[str, RenderableType]] = [
        ("Data", f"{summary['name']} ({summary['place']})"),
        ("Images", said(images, "; ", side)),
        ("Sources", sources if summary["num_source"] else ""),
        ("Classes", f"{len(summary['classes'])}; {_span(min(counts), max(counts))} training images each"),
    ]
    return facts([row for row in rows if str(row[1])])
