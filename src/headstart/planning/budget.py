"""The budget of a run when the user names none."""

from __future__ import annotations

from headstart.data.task import Task

FIRST_MINUTES = 0.15
"""Nine seconds for loading and ranking, whatever the rows. Chosen, not measured."""
ROWS_A_MINUTE = 2_500
"""On two cores EfficientNet-Lite0 takes the features of 2,500 JPEG files in 13 seconds, 195 a second; the rest of the minute is
for further networks and for what is fitted on top."""
MOST_MINUTES = 4.0
"""Also what is given when the user names what is to be tried. Chosen, not measured."""


def default_minutes(task: Task, restricted: bool = False) -> float:
    """Minutes for ranking, deciding and fitting: 0.15, one more for each 2,500 images, four at most.

    `restricted` says that the user named the method or the side that is tried: that gets four minutes, whatever the rows.
    """
    if restricted:
        return MOST_MINUTES
    num_rows = len(task.labeled) + (len(task.unlabeled) if task.unlabeled else 0)
    return min(FIRST_MINUTES + num_rows / ROWS_A_MINUTE, MOST_MINUTES)
