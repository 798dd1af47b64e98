"""Minutes: the budget of a run when the user names none."""

from __future__ import annotations

from headstart.data.task import Task

FIRST_MINUTES = 0.15
ROWS_A_MINUTE = 2_500
MOST_MINUTES = 4.0


def default_minutes(task: Task, restricted: bool = False) -> float:
    """What ranking, deciding and fitting may take: nine seconds, a minute for each 2,500 images, four at most.

    On two cores EfficientNet-Lite0 looks at 2,500 JPEG files in 13 seconds, 195 a second; the rest is for further networks and
    for what is fitted on top.

    Args:
        task: What is to be learned.
        restricted: The user named what is to be tried: that gets four minutes, whatever the rows.

    Returns:
        Minutes.
    """
    if restricted:
        return MOST_MINUTES
    num_rows = len(task.labeled) + (len(task.unlabeled) if task.unlabeled else 0)
    return min(FIRST_MINUTES + num_rows / ROWS_A_MINUTE, MOST_MINUTES)
