"""Finished: the runs in a folder that have a model."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from headstart.core.arguments import AnyPath, checked
from headstart.core.errors import PlanError
from headstart.runs.run import MODEL, Run


@checked
def list_runs(folder: AnyPath = "runs") -> list[Run]:
    """The finished runs in a folder, oldest first; those that `damaged_runs` names are left out."""
    return [run for run in _runs_in(folder) if not _damage(run)]


def damaged_runs(folder: str | Path = "runs") -> dict[str, str]:
    """The runs in a folder that cannot be read, each with a sentence that says why."""
    return {str(run.folder): damage for run in _runs_in(folder) if (damage := _damage(run))}


def _runs_in(folder: str | Path) -> list[Run]:
    found = [path.parent.parent for path in Path(folder).glob(f"*/{MODEL}/model.json")]
    changed = {}
    for path in found:
        with suppress(OSError):  # deleted meanwhile
            changed[path] = (path / MODEL / "model.json").stat().st_mtime
    return [Run(path) for path in sorted(changed, key=lambda path: changed[path])]


def _damage(run: Run) -> str:
    """Why plan, task or result cannot be read; empty where they can."""
    try:
        _ = run.plan, run.task_summary, run.result
    except OSError as error:
        return f"{error.filename or run.folder}: cannot be read ({error.strerror})."
    except (PlanError, UnicodeDecodeError) as error:
        return str(error) if isinstance(error, PlanError) else f"{run.folder}: a file is not UTF-8 text. Restore or delete it."
    return ""
