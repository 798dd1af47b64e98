"""What was left out, what it would take, and how to go on."""

from __future__ import annotations

import pytest

from headstart.planning.left_out import LeftOutCandidates, Price

OVER = "The time was over before everything was tried."
NO_ROOM = "The budget had no room for everything."


def test_minutes_have_room_for_what_was_tried_and_a_candidate_and_are_more_than_those_given():
    left_out = LeftOutCandidates()
    assert left_out.add("a", Price(200.0), 50.0, 100.0) == "would take about 200 s; give --minutes 5"  # 15 + 50 + 200 s
    assert left_out.add("b", Price(0.5), 50.0, 105.0) == "give --minutes 3"
    assert left_out.add("c", Price(100.0, in_vain=40.0), 50.0, 100.0) == "would take about 100 s; give --minutes 3"
    assert left_out.add("d", Price(10.0, budget=600.0), 50.0, 100.0) == "would take about 10 s; give --minutes 11"
    assert LeftOutCandidates(subject="it ").add("a", Price(9.0), 0.0, 0.0) == "it would take about 9 s; give --minutes 1"


def test_the_fewest_minutes_that_have_room_for_one_more_are_suggested_with_its_name():
    left_out = LeftOutCandidates()
    assert left_out.sentence() == ""
    for name, seconds in (("large", 9_000.0), ("first", 200.0), ("equal", 201.0)):
        left_out.add(name, Price(seconds), 585.0, 585.0)
    assert left_out.sentence() == f"{NO_ROOM} The same command with --minutes 14 goes on from here, with room for first."
    assert left_out.sentence("The usual budget").startswith("The usual budget had no room for everything. ")


@pytest.mark.parametrize(("done", "said"), [("", " before"), (" after 3 of 9 steps", " after 3 of 9 steps")])
def test_what_was_cut_says_what_ended_it(done, said):
    left_out = LeftOutCandidates()
    assert left_out.cut("a", "over", Price(30.0), 0.0, 45.0, done) == (
        f"the time was over{done}: would take about 30 s; give --minutes 2"
    )
    assert left_out.stopped == "over"
    assert left_out.sentence() == f"{OVER} The same command with --minutes 2 goes on from here, with room for a."
    assert left_out.cut("b", "interrupted", Price(30.0), 0.0, 45.0, done) == f"Ctrl-C ended the trying{said}"
    assert left_out.sentence() == "Ctrl-C ended the trying. The same command goes on from here."
