"""Contents: what is written about a finished run or search, in the same words for every tracker."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from headstart.core.estimate import Estimate
from headstart.core.evaluation import Evaluation
from headstart.core.records import fingerprint_of
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.improving.study import Found
from headstart.planning.plan import Plan
from headstart.planning.results import CandidateResult
from headstart.runs.run import ENVIRONMENT, RESULT, Run, file_of
from headstart.runs.workspace import REPORT

Value: TypeAlias = str | int | float | bool

NO_PARAMETERS = {"verdict", "reasons", "rejected"}
"""Fields of a plan that say what it was chosen for; they are no settings."""
RUN_FILES = (REPORT, RESULT, file_of(Plan), file_of(Evaluation), ENVIRONMENT)
STUDY_FILES = (file_of(Plan), "found.json")


class Table(NamedTuple):
    """Rows of texts and numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Contents:
    """What is written once, at the end.

    Attributes:
        parameters: What it was made of, by dotted name.
        metrics: Numbers by the project's names; `NAME_low` and `NAME_high` are the ends of the 95 % interval of `NAME`.
        texts: The verdict and sentences, by what they are about.
        tables: By name.
        files: The report first.
    """

    parameters: dict[str, Value]
    metrics: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Changes when anything changes but the content of the files."""
        return fingerprint_of(asdict(self))


def contents_of_run(run: Run) -> Contents:
    """What a finished run was made of and came to."""
    evaluation, decision, task = run.evaluation, run.decision, run.task_summary
    counts = {name: getattr(task, name) for name in ("num_train", "num_validation", "num_test", "num_unlabeled", "num_source")}
    facts = {"task": {"name": task.name, "num_classes": len(task.classes), **counts}, "environment": run.environment}
    estimates: dict[str, Estimate] = dict(evaluation.metrics) if evaluation else {}
    texts = {"protocol": evaluation.protocol} if evaluation else {}
    tables = {}
    if decision is not None:
        estimates["gain"] = decision.gain
        texts |= {"verdict": decision.verdict, "decision": decision.sentence, "reasons": "\n".join(decision.reasons)}
        tables["candidates"] = _table(map(_candidate_row, decision.results))
    if run.adaptation is not None:
        estimates["estimated_accuracy"] = run.adaptation.likely_accuracy
        texts |= {"verdict": run.adaptation.verdict, "decision": run.adaptation.sentence}
        texts["reasons"] = "\n".join(run.adaptation.reasons)
        tables["candidates"] = _table(_adapted_rows(run.adaptation))
    seconds = {f"{stage}_seconds": spent for stage, spent in run.seconds.items()}
    return Contents(
        parameters=_parameters(run.plan) | dict(_flat(facts)),
        metrics=_numbers(estimates) | seconds,
        texts=texts,
        tables=tables,
        files=_files(run.folder, RUN_FILES),
    )


def contents_of_search(found: Found, folder: Path) -> Contents:
    """What a search tried and found; the parameters are those of the plan to fit."""
    settings = list(dict.fromkeys(name for trial in found.trials for name in trial.settings))
    rows = [
        {
            "trial": number,
            "outcome": trial.outcome,
            "log_loss": trial.log_losses[-1] if trial.log_losses else "",
            "seconds": trial.seconds,
            **{name: _plain(trial.settings.get(name, "")) for name in settings},
            "origin": trial.origin,
            "reason": trial.reason,
        }
        for number, trial in enumerate(found.trials)
    ]
    gains = {} if found.comparison is None else {
        "accuracy_gain": found.comparison.accuracy_gain, "log_loss_gain": found.comparison.log_loss_gain,
    }  # fmt: skip
    return Contents(
        parameters=_parameters(found.plan),
        metrics=_numbers(gains) | {"num_trials": float(len(found.trials))},
        texts={"decision": found.sentence},
        tables={"trials": _table(rows)},
        files=_files(folder, STUDY_FILES),
    )


def _parameters(plan: Plan) -> dict[str, Value]:
    """The settings of a plan; those of a training that nothing reads are left out."""
    left_out = NO_PARAMETERS if plan.reads_training else NO_PARAMETERS | {"training"}
    return dict(_flat(plan.model_dump(mode="json", exclude_none=True, exclude=left_out)))


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Value]]:
    """The values of nested mappings by dotted name; lists of mappings are counted from 0, other lists are joined."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield from _flat({str(place): one for place, one in enumerate(value)}, f"{before}{name}.")
        elif value not in (None, [], ""):
            yield f"{before}{name}", _plain(value)


def _plain(value: Any) -> Value:
    return value if isinstance(value, str | int | float | bool) else ", ".join(map(str, value))


def _numbers(estimates: Mapping[str, Estimate]) -> dict[str, float]:
    """Each value and both ends of its interval; what is no number is left out."""
    found: dict[str, float] = {}
    for name, one in estimates.items():
        found |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _candidate_row(result: CandidateResult) -> dict[str, Value]:
    measured = {"accuracy": result.accuracy, "log_loss": result.log_loss}
    numbers = _numbers({name: one for name, one in measured.items() if one is not None})
    ends = [f"{name}{end}" for name in measured for end in ("", "_low", "_high")]
    return {
        "candidate": result.name,
        "family": result.family,
        "status": result.status,
        **{name: numbers.get(name, "") for name in ends},
        "num_rows": result.num_rows,
        "num_folds": result.num_folds,
        "seconds": result.seconds,
        "reason": result.reason,
    }


def _adapted_rows(adaptation: Adaptation) -> Iterator[dict[str, Value]]:
    scores = list(dict.fromkeys(name for one in adaptation.candidates for name in one.scores))
    for one in adaptation.candidates:
        known = {name: one.scores.get(name) for name in scores}
        shown = {name: "" if score is None else score for name, score in known.items()}
        chosen = "chosen" if one.name in adaptation.chosen else ""
        yield {"candidate": one.name, "status": chosen, **shown, "seconds": one.seconds, "reason": one.rejection}


def _table(rows: Iterable[Mapping[str, Value]]) -> Table:
    listed = list(rows)
    return Table(tuple(listed[0]) if listed else (), tuple(tuple(row.values()) for row in listed))


def _files(folder: Path, names: Iterable[str]) -> tuple[Path, ...]:
    return tuple(path for path in (folder / name for name in names) if path.exists())
