"""The model card: what a model is for, what it was trained on, how good it is, where it ends, and whose weights and data it has.

A run, a bundle and a repository each have a page of their own, and what they say of the model is the same.

The template is English. The card is translated line by line into the language that is spoken, as sentences that a run keeps are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from headstart.backbones.catalog import provider_of
from headstart.backbones.engines.machine import this_machine
from headstart.backbones.extractor import Extractor
from headstart.core.exported import Export
from headstart.core.language import Language, spoken
from headstart.core.printable import printable
from headstart.data.built_in import UNKNOWN_LICENSE, built_in_licenses
from headstart.data.corruptions import title_of
from headstart.data.summary import TaskSummary
from headstart.data.task import Task
from headstart.evaluation.metrics import all_metrics
from headstart.evaluation.protocols import with_test_as_train
from headstart.export.formats.base import Format
from headstart.methods.model_graph import unique_networks
from headstart.novelty.detector import UNUSUAL
from headstart.planning.fitting import learns_test
from headstart.report.plain_words import in_plain_words
from headstart.runs.run import Run

TEMPLATES = Path(__file__).parent / "templates"
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"#+ |- ")
"""What a line of Markdown may begin with."""
MOST_CLASSES = 30
"""Classes that the card names; all are in classes.json."""


def model_card(run: Run, task: Task, made: Export, kind: type[Format], outputs: tuple[str, ...]) -> str:
    """The card of a bundle as Markdown; the task is the one that the run was fitted to."""
    text = rendered(
        "card.md.j2",
        **facts_of(run, task),
        made=made,
        parity=made.parity,
        kind=kind,
        has_p_values="p_values" in outputs,
        classes_file="classes.json",
        machine=this_machine(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
    )
    return in_language(text, spoken())


def run_card(run: Run, task: Task | None, *, has_manifest: bool) -> str:
    """The card of a run's folder as Markdown; without the task, as with any card, a test by default is not counted.

    It names the manifest where there is or will be one.
    """
    page = rendered(
        "run.md.j2",
        **facts_of(run, task),
        has_p_values=run.model.detector_model is not None,
        classes_file="task.json",
        has_manifest=has_manifest,
    )
    return in_language(page, spoken())


def in_language(text: str, language: Language) -> str:
    """A card in a language; blocks of code, and what the catalog has no entry for, stay as they are."""
    prose, code = FENCED.split(text)[::2], FENCED.split(text)[1::2]
    said = ["\n".join(_said(line, language) for line in one.split("\n")) for one in prose]
    return "".join(one for pair in zip(said, [*code, ""], strict=True) for one in pair)


def _said(line: str, language: Language) -> str:
    if line.startswith("|"):
        return line if "---" in line else _row(line, language)
    mark = MARK.match(line)
    start = mark[0] if mark else ""
    return start + language.sentence(line[len(start) :])


def _row(line: str, language: Language) -> str:
    cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
    return f"| {' | '.join(map(language.sentence, cells))} |"


def in_markdown(text: str) -> str:
    r"""A text that may hold names, as it stands in Markdown: no HTML, no link and no unprintable character comes of it.

    >>> print(in_markdown("<b>, [a](javascript:b)"))
    &lt;b>, [a]\(javascript:b)
    """
    return printable(text).replace("<", "&lt;").replace("](", "]\\(")


def rendered(template: str, **facts: Any) -> str:
    """A page of this folder's templates, Markdown."""
    environment = Environment(  # noqa: S701  Markdown, not HTML
        loader=FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        finalize=lambda value: in_markdown(value) if isinstance(value, str) else value,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    return environment.get_template(template).render(facts)


def facts_of(run: Run, task: Task | None) -> dict[str, Any]:
    """What every card says of a run; without the task, pictures of a test by default are not counted among those learned from."""
    whole = with_test_as_train(task).summary() if task and learns_test(task, run.plan) else run.task_summary
    return {
        "run": run,
        "task": run.task_summary,
        "plan": run.plan,
        "evaluation": run.evaluation,
        "metrics": metrics_in_order(run),
        "learned": learned_from(whole),
        "plain": in_plain_words(run),
        "embedded": not provider_of(run.model.backbone.card).takes_pictures,
        "networks": started_from(unique_networks(run.model)),
        "data_licenses": data_licenses(run.task_summary.name, run.task_summary.place, run.plan.sources),
        "stress": run.stress,
        "corruptions": [(title_of(one.name), one.accuracy) for one in run.stress.means] if run.stress else [],
        "methods": methods_of(run),
        "num_members": 1 + len(run.model.partners),
        "least_p_value": run.model.least_p_value,
        "unusual": UNUSUAL,
        "warnings": [one for one in run.findings or () if one.severity != "info"],
        "most_classes": MOST_CLASSES,
        "version": version("headstart"),
    }


def methods_of(run: Run) -> list[str]:
    """The kinds of the methods that its model was made by, each once."""
    return list(dict.fromkeys(one.method["kind"] for one in (run.plan, *run.plan.partners)))


def learned_from(task: TaskSummary) -> str:
    """The pictures that a model was fitted to, as they are counted in a sentence.

    Pictures of a class are not counted where there is a validation split: `train_counts` leaves its rows out.
    """
    labeled, in_classes = task.num_train + task.num_validation, task.train_counts or (0,)
    least, most = min(in_classes), max(in_classes)
    each = f"{most} of each class" if least == most else f"{least} to {most} of each class"
    counts = "" if task.num_validation else f" ({each})"
    found = [f"{labeled:,} labeled pictures of {task.name}{counts}"] if labeled else []
    if not task.classes:  # all rows are learned from without labels, wherever they stand
        found = [f"{labeled + task.num_unlabeled:,} unlabeled pictures of {task.name}"]
    elif task.num_unlabeled:
        found.append(f"{task.num_unlabeled:,} unlabeled {'ones' if labeled else f'pictures of {task.name}'}")
    if task.num_source:
        found.append(f"{task.num_source:,} labeled ones of {' and '.join(task.source_domains) or 'other domains'}")
    return ", and ".join(found)


def data_licenses(name: str, place: str, sources: Sequence[str] = ()) -> list[tuple[str, str]]:
    """The name of each set of pictures that was learned from, with its license as far as built-in sets know theirs.

    Args:
        name: Of the task.
        place: Where its pictures lie.
        sources: The places of its sources.

    Returns:
        Names and licenses.
    """
    known = built_in_licenses()
    rows = [(name, known.get(place, UNKNOWN_LICENSE)), *((one, known[one]) for one in sources if one in known)]
    others = [("other domains", UNKNOWN_LICENSE)] if any(one not in known for one in sources) else []
    return list(dict.fromkeys([*rows, *others]))


def metrics_in_order(run: Run) -> list[tuple[str, Any]]:
    """Name and estimate of each metric, in the order of the metrics."""
    found = run.evaluation.metrics if run.evaluation else {}
    return [(name, found[name]) for name in all_metrics() if name in found]


def started_from(networks: Iterable[Extractor]) -> list[dict[str, Any]]:
    """Each network of a model once: its name, side, start, and the license of the weights it started from."""
    rows = []
    for one in networks:
        start, license_of = f"weights learned from {one.card.source}", one.card.license
        if one.card.num_parameters == 0:
            start, license_of = "no weights: the picture itself", "none"
        elif one.weights == "none":
            start, license_of = "random weights, trained on this task alone", "none: no weights of others"
        rows.append({"name": one.card.name, "pixels": one.transform.pixels, "start": start, "license": license_of})
    return list({tuple(row.items()): row for row in rows}.values())
