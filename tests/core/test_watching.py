"""Watching: whoever watches is told what is done; where nobody does, nothing happens."""

from __future__ import annotations

import pytest

from headstart.core.estimate import Estimate
from headstart.core.progress import progress, stage
from headstart.core.watching import Standing, tell_standing, watched_by, watcher

ACCURACY = Estimate(value=0.9, low=0.8123, high=0.95)


class Noted:
    """Remembers what it is told."""

    def __init__(self):
        self.events = []

    def note_stage(self, description):
        self.events.append(description)

    def note_advance(self, description, done, total):
        self.events.append((description, done, total))

    def note_standing(self, standing):
        self.events.append(standing)


def test_stages_parts_and_standings_are_told_in_their_order():
    noted, standing = Noted(), Standing("ridge", ACCURACY, 1, 9.0)
    with watched_by(noted), stage("deciding"):
        with stage("ridge"), progress(5, "training") as advance:
            advance(2)
            advance(3)
        tell_standing(standing)
    assert noted.events == ["deciding", "ridge", ("training", 2, 5), ("training", 5, 5), "deciding", standing, ""]


def test_the_stage_before_is_told_again_when_one_fails():
    noted = Noted()
    with watched_by(noted), stage("deciding"), pytest.raises(ZeroDivisionError), stage("ridge"):
        raise ZeroDivisionError
    assert noted.events == ["deciding", "ridge", "deciding", ""]


def test_nobody_watches_outside():
    with watched_by(Noted()):
        assert watcher() is not None
    assert watcher() is None
    tell_standing(Standing("ridge", None, 0, 0.0))


def test_a_person_is_told_the_best_and_the_time_left():
    standing = Standing("ridge on stages", ACCURACY, 3, 61.6)
    assert standing.sentence == "Best so far: ridge on stages, 90.0% [81.2%, 95.0%]; about 62 s left at most."
    assert standing.while_trying("lp_ft") == "best 90.0% [81.2%, 95.0%] · lp_ft · 62 s left at most"
    assert Standing("", None, 0, 5.0).while_trying("lp_ft") == "nothing yet · lp_ft · 5 s left at most"
