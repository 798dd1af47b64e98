"""Leave one domain out: how good a way of learning is on a domain that it has not seen, source by source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from headstart.core.errors import DataError
from headstart.core.evaluation import Evaluation
from headstart.data.task import Task
from headstart.evaluation.protocols import Predicts, evaluate


def leave_one_domain_out(task: Task) -> dict[str, Task]:
    """For each source domain the task of learning from the others alone, with it as the sealed test.

    No row of the target is in any of them. Rows of a group that stands in several domains are left out of the sources where one
    of them is tested.

    Args:
        task: Has a source of two domains or more.

    Returns:
        Tasks by the domain that is left out, in the order of the source's rows.

    Raises:
        DataError: The source has fewer than two domains.

    Reference: Gulrajani & Lopez-Paz, "In Search of Lost Domain Generalization", ICLR 2021, section 3 (leave-one-domain-out).
    """
    names = tuple(dict.fromkeys(task.source.domains)) if task.source else ()
    if len(names) < 2 or task.source is None:
        met = f"one, {names[0]}" if names else "none"
        raise DataError(
            f"Leaving one domain out needs two source domains, and {task.name} has {met}. Name several sources with --source."
        )
    found = {}
    domains = np.array(task.source.domains)
    for name in names:
        held = domains == name
        known = ~held & ~np.isin(task.source.groups, task.source.groups[held])
        found[name] = replace(
            task,
            name=f"{task.name} without {name}",
            train=task.train.take([]),
            validation=None,
            test=replace(task.source.take(held), sealed=True),
            unlabeled=None,
            source=task.source.take(known),
        )
    return found


def on_unseen_domains(task: Task, fit: Callable[[Task], Predicts]) -> dict[str, Evaluation]:
    """The evaluation on each source domain of what was learned from the others.

    Args:
        task: As for `leave_one_domain_out`.
        fit: Learns from a task's source.

    Returns:
        Evaluations by domain.

    Raises:
        DataError: The source has fewer than two domains, or nothing is left of the others.
    """
    evaluations = {}
    for name, part in leave_one_domain_out(task).items():
        if not part.source or part.test is None:
            raise DataError(f"All other source images share groups with {name}. Name sources of different objects.")
        evaluations[name] = evaluate(fit(part), part.test, name)[0]
    return evaluations
