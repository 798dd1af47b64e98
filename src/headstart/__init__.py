"""Transfer learning with evidence: is it worth it, from what, how, and how good is the result.

Every verb of the command line is a function here. It takes a path wherever it takes a task, a folder wherever it takes a run, and
one image wherever it takes many: a path, a Pillow image, an array or a tensor. The names load on first use, so that
`import headstart` costs next to nothing:

    run = headstart.run("flowers/", minutes=5)
    run.predict("new.jpg")

or step by step:

    task = headstart.read_task("flowers/", seed=0)
    ranking = headstart.rank(task, headstart.models(license="permissive"))
    plan = headstart.decide(task, ranking, minutes=5)
    run = headstart.fit(task, plan)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.backbones.catalog import pretrained
    from headstart.backbones.loading import load_backbone
    from headstart.core.evaluation import Evaluation
    from headstart.core.findings import Finding
    from headstart.core.predictions import Predictions
    from headstart.data.arrays import read_arrays
    from headstart.data.reading import read_task
    from headstart.data.task import Task
    from headstart.gallery import Gallery
    from headstart.methods.model import Model
    from headstart.planning.plan import Plan
    from headstart.runs.finished import list_runs
    from headstart.runs.run import Run
    from headstart.workflows.adjust import adjust
    from headstart.workflows.cache import cache
    from headstart.workflows.compare import compare
    from headstart.workflows.datasets import datasets
    from headstart.workflows.decide import decide
    from headstart.workflows.embed import embed
    from headstart.workflows.enroll import enroll
    from headstart.workflows.estimators import Features, TransferClassifier
    from headstart.workflows.evaluate import evaluate
    from headstart.workflows.explain import explain
    from headstart.workflows.export import export
    from headstart.workflows.extend import extend
    from headstart.workflows.fit import fit
    from headstart.workflows.inspect import inspect
    from headstart.workflows.label import label
    from headstart.workflows.methods import methods
    from headstart.workflows.models import models
    from headstart.workflows.predict import predict
    from headstart.workflows.pretrain import pretrain
    from headstart.workflows.push import push
    from headstart.workflows.rank import rank
    from headstart.workflows.report import report
    from headstart.workflows.run import run
    from headstart.workflows.runs import audit_runs, runs
    from headstart.workflows.search import search
    from headstart.workflows.serve import serve
    from headstart.workflows.simulate import simulate
    from headstart.workflows.stress import stress
    from headstart.workflows.track import track
    from headstart.workflows.verify import verify
    from headstart.workflows.watch import watch

__version__ = "0.1.0"

_VERBS = (
    "adjust", "cache", "compare", "datasets", "decide", "embed", "enroll", "evaluate", "explain", "export", "extend", "fit",
    "inspect", "label", "methods", "models", "predict", "pretrain", "push", "rank", "report", "run", "runs", "search", "serve",
    "simulate", "stress", "track", "verify", "watch",
)  # fmt: skip
_MODULES = {
    "Evaluation": "headstart.core.evaluation",
    "Features": "headstart.workflows.estimators",
    "Finding": "headstart.core.findings",
    "Gallery": "headstart.gallery",
    "Model": "headstart.methods.model",
    "Plan": "headstart.planning.plan",
    "Predictions": "headstart.core.predictions",
    "Run": "headstart.runs.run",
    "Task": "headstart.data.task",
    "TransferClassifier": "headstart.workflows.estimators",
    "audit_runs": "headstart.workflows.runs",
    "list_runs": "headstart.runs.finished",
    "load_backbone": "headstart.backbones.loading",
    "pretrained": "headstart.backbones.catalog",
    "read_arrays": "headstart.data.arrays",
    "read_task": "headstart.data.reading",
    **{verb: f"headstart.workflows.{verb}" for verb in _VERBS},
}
"""The module of each public name."""

__all__ = [
    "Evaluation", "Features", "Finding", "Gallery", "Model", "Plan", "Predictions", "Run", "Task", "TransferClassifier",
    "__version__", "adjust", "audit_runs", "cache", "compare", "datasets", "decide", "embed", "enroll", "evaluate", "explain",
    "export", "extend", "fit", "inspect", "label", "list_runs", "load_backbone", "methods", "models", "predict", "pretrain",
    "pretrained", "push", "rank", "read_arrays", "read_task", "report", "run", "runs", "search", "serve",
    "simulate", "stress", "track", "verify", "watch",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"headstart has no {name!r}; public names: {', '.join(sorted(_MODULES))}")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
