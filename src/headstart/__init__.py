"""Transfer learning with evidence: is it worth it, from what, how, and how good is the result.

The public names load on first use, so that `import headstart` costs next to nothing:

    task = headstart.read_task("flowers/", seed=0)
    ranking = headstart.rank(task, headstart.pretrained(license="permissive"))
    plan = headstart.decide(task, ranking, minutes=5)
    run = headstart.fit(task, plan)
    headstart.predict(run, ["new.jpg"])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.applying import predict
    from headstart.backbones.catalog import pretrained
    from headstart.backbones.loading import load_backbone
    from headstart.chain import decide, fit, run
    from headstart.checks.inspection import inspect
    from headstart.core.evaluation import Evaluation
    from headstart.core.findings import Finding
    from headstart.core.predictions import Predictions
    from headstart.data.splitting import read_task
    from headstart.data.task import Task
    from headstart.evaluation.compare import compare
    from headstart.evaluation.protocols import evaluate
    from headstart.extending import extend
    from headstart.gallery import Gallery
    from headstart.improving import adjust, search
    from headstart.methods.model import Model
    from headstart.planning.plan import Plan
    from headstart.planning.rank import rank
    from headstart.runs import Run

__version__ = "0.1.0"

_PLACES = {
    "Evaluation": "headstart.core.evaluation",
    "Finding": "headstart.core.findings",
    "Gallery": "headstart.gallery",
    "Model": "headstart.methods.model",
    "Plan": "headstart.planning.plan",
    "Predictions": "headstart.core.predictions",
    "Run": "headstart.runs",
    "Task": "headstart.data.task",
    "adjust": "headstart.improving",
    "compare": "headstart.evaluation.compare",
    "decide": "headstart.chain",
    "evaluate": "headstart.evaluation.protocols",
    "extend": "headstart.extending",
    "fit": "headstart.chain",
    "inspect": "headstart.checks.inspection",
    "load_backbone": "headstart.backbones.loading",
    "predict": "headstart.applying",
    "pretrained": "headstart.backbones.catalog",
    "rank": "headstart.planning.rank",
    "read_task": "headstart.data.splitting",
    "run": "headstart.chain",
    "search": "headstart.improving",
}

__all__ = [
    "Evaluation",
    "Finding",
    "Gallery",
    "Model",
    "Plan",
    "Predictions",
    "Run",
    "Task",
    "__version__",
    "adjust",
    "compare",
    "decide",
    "evaluate",
    "extend",
    "fit",
    "inspect",
    "load_backbone",
    "predict",
    "pretrained",
    "rank",
    "read_task",
    "run",
    "search",
]


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"headstart has no {name!r}; public names: {', '.join(_PLACES)}")
    value = getattr(importlib.import_module(place), name)
    if name == "Task":  # a record imports no reader, so its constructor is set here
        value.from_folder = staticmethod(__getattr__("read_task"))
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
