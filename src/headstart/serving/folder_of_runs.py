"""Folder of runs: what a page compares, finished runs with their metrics and costs, and unfinished ones with what they do."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headstart.core.errors import DataError, PlanError, did_you_mean
from headstart.core.language import Language
from headstart.core.progress import note, silent
from headstart.features.extract import seconds_an_image
from headstart.planning.fitting import candidate_of
from headstart.planning.improving.prediction_cost import prediction_cost
from headstart.runs.run import MODEL, Run
from headstart.runs.unfinished import UnfinishedRun, unfinished_runs
from headstart.serving.folders import ShownRuns
from headstart.serving.refusals import RefusedError, without_folders
from headstart.serving.versions import Stamp, stamp_of

SHOWN = ("accuracy", "balanced_accuracy", "ece", "log_loss")
"""Metrics of a run that the page shows, each with its interval."""
FOLDERS = re.compile(r"(?<=\s)[^\s']*/(?=[^\s'/])")
"""What stands before the last part of a path in a command."""
NOT_YET = {"cost": "not yet", "megabytes": None, "milliseconds": None}
UNKNOWN = {**NOT_YET, "cost": "unknown"}
WITHOUT_LABELS = "The two runs share no labeled image, and without labels neither can be called better. Label some and fit again."


class FolderOfRuns(ShownRuns):
    """The runs of a folder. What was read of finished ones is kept until they are fitted or evaluated again.

    Args:
        folder: That contains run folders.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._facts: dict[Path, tuple[Stamp, dict[str, Any]]] = {}
        self._costs: dict[Path, tuple[Stamp, dict[str, Any]]] = {}
        self._compared: dict[tuple[Path, Stamp, Path, Stamp], dict[str, Any]] = {}
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self._measuring: threading.Thread | None = None

    def all_runs(self, language: Language) -> dict[str, Any]:
        """All runs, with sentences in a language; the cost of a run is there a while after it was listed first."""
        places = list(self._finished())
        finished = [row for place, stamp in places if (row := self._described(place, stamp, language)) is not None]
        unfinished = [self._unfinished(one, language) for one in unfinished_runs(self.folder)]
        if any(self._lacks_cost(place, stamp) for place, stamp in places):
            self._begin_measuring()
        return {"folder": self.folder.resolve().name, "finished": finished, "unfinished": unfinished}

    def compared(self, first: str, second: str) -> dict[str, Any]:
        """The first of two runs against the second, on the images that both predicted; `RefusedError` where there are none."""
        places = {place.name: (place, stamp) for place, stamp in self._finished()}
        for name in (first, second):
            if name not in places:
                raise RefusedError(404, "no-run", f'There is no finished run "{name}".{did_you_mean(name, places)}')
        key = (*places[first], *places[second])
        if key not in self._compared:
            try:
                (made,) = Run.load(key[0]).compare(key[2])
            except (DataError, PlanError) as error:
                raise RefusedError(409, "not-comparable", self._said(str(error))) from None
            current = set(places.values())
            self._compared = {old: found for old, found in self._compared.items() if {old[:2], old[2:]} <= current}
            if made.paired is None:
                raise RefusedError(409, "not-comparable", WITHOUT_LABELS)
            self._compared[key] = {"verdict": made.verdict, **made.paired.to_dict()}
        return {"first": first, "second": second, **self._compared[key]}

    def close(self) -> None:
        """End the thread that finds out costs, after the run that it is at."""
        with self._starting:
            self._stopped.set()
        if self._measuring is not None:
            self._measuring.join()

    def _begin_measuring(self) -> None:
        """Start a thread that finds out costs, unless there is one or this is closed."""
        with self._starting:
            if not self._stopped.is_set() and (self._measuring is None or not self._measuring.is_alive()):
                self._measuring = threading.Thread(target=self._measure_costs, name="costs of runs", daemon=True)
                self._measuring.start()

    def _measure_costs(self) -> None:
        """Find out what a prediction of each run costs."""
        for place, stamp in self._finished():
            if self._stopped.is_set():
                return
            if self._lacks_cost(place, stamp):
                self._costs[place] = stamp, _cost_of(Run(place))

    def _lacks_cost(self, place: Path, stamp: Stamp) -> bool:
        return place not in self._costs or not self._costs[place][0].of_same_model(stamp)

    def _finished(self) -> Iterator[tuple[Path, Stamp]]:
        """Folders with a final model, the newest first."""
        found = []
        for path in self.folder.glob(f"*/{MODEL}/model.json"):
            stamp = stamp_of(path.parent.parent)
            if stamp is not None:
                found.append((path.parent.parent, stamp))
        yield from sorted(found, key=lambda one: one[1].model, reverse=True)

    def _described(self, place: Path, stamp: Stamp, language: Language) -> dict[str, Any] | None:
        """What is shown of a finished run; None where it is gone. Damage may be mended, and is looked for again each time."""
        known = self._facts.get(place)
        if known is None or known[0] != stamp:
            known = stamp, self._facts_of(Run(place), stamp)
            if "damage" not in known[1]:
                self._facts[place] = known
            elif stamp_of(place) is None:
                return None
        facts, cost = known[1], NOT_YET if self._lacks_cost(place, stamp) else self._costs[place][1]
        said = {name: language.sentence(facts[name]) for name in ("chosen", "sentence", "damage") if facts.get(name)}
        return {**facts, **said, **cost}

    def _facts_of(self, run: Run, stamp: Stamp) -> dict[str, Any]:
        """What a finished run says of itself; why it cannot be read where it cannot."""
        about = {"name": run.folder.name, "date": datetime.fromtimestamp(stamp.model[0] / 1e9, UTC).isoformat()}
        try:
            decision, evaluation, task = run.decision, run.evaluation, run.task_summary
            metrics = evaluation.metrics if evaluation else {}
            return about | {
                "task": self._said(task.name, task.place),
                "verdict": run.verdict,
                "chosen": self._said(decision.chosen if decision else candidate_of(run.plan).name, run.plan.data),
                "sentence": self._said(run.verdict_sentence, task.place),
                "metrics": {name: metrics[name].to_dict() for name in SHOWN if name in metrics},
                "num_images": evaluation.num_images if evaluation else None,
                "seconds": sum(run.seconds.values()),
            }
        except OSError as error:
            return about | {"damage": f"{Path(error.filename or run.folder).name}: cannot be read ({error.strerror})."}
        except (PlanError, UnicodeDecodeError) as error:
            return about | {"damage": self._said(str(error))}

    def _unfinished(self, one: UnfinishedRun, language: Language) -> dict[str, Any]:
        """What an unfinished run does, or how to go on with it; times are seconds before or after now."""
        doing, now = one.doing, time.time()
        advice = FOLDERS.sub("", one.advice) if one.state.startswith("interrupted") else self._said(one.advice)
        about: dict[str, Any] = {"name": one.folder.name, "state": one.state, "advice": language.sentence(advice)}
        about |= self._first_of(Run(one.folder), language)
        if doing is None:
            return about
        if doing.accuracy is not None:
            about |= {"best": language.sentence(self._said(doing.best)), "accuracy": doing.accuracy.to_dict()}
        return about | {
            "stage": language.sentence(self._said(doing.stage)),
            "part": language.sentence(self._said(doing.part)),
            "done": doing.done,
            "total": doing.total,
            "num_tried": doing.num_tried,
            "left_seconds": None if doing.until is None else max(0.0, doing.until - now),
            "running_seconds": now - doing.begun,
            "silent_seconds": now - doing.written,
            "ended": language.sentence(self._said(doing.ended)),
        }

    def _first_of(self, run: Run, language: Language) -> dict[str, Any]:
        """The first model, which is the best until candidates are tried."""
        with suppress(PlanError, UnicodeDecodeError, OSError):  # it is being written, unreadable, or of another version
            if run.first is not None and run.first.accuracy is not None:
                return {"best": language.sentence(self._said(run.first.name)), "accuracy": run.first.accuracy.to_dict()}
        return {"best": "", "accuracy": None}

    def _said(self, text: str, *places: str) -> str:
        return without_folders(text, (str(self.folder), *places))


def _cost_of(run: Run) -> dict[str, Any]:
    """Megabytes of weights, and predicted milliseconds an image on this machine, reading included."""
    try:
        with silent():
            networks = run.model.backbones
            milliseconds = 1000 * sum(seconds_an_image(one) for one in networks)
            return {"cost": "known", "megabytes": prediction_cost(networks).megabytes, "milliseconds": milliseconds}
    except Exception as error:  # noqa: BLE001  weights that are gone, or a package: the page goes on without, and says so
        note(f"{run.folder.name}: what a prediction costs is not known. {error}")
        return dict(UNKNOWN)
