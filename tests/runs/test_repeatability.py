"""What a run's record says of giving its command again, and of calls that worked on it elsewhere."""

from __future__ import annotations

from headstart.runs.repeatability import repeatability_of, with_earlier

HERE = {"processor": "Zen 4", "threads": 2, "gpu": None, "engine": "auto", "python": "3.11.2", "packages": {"numpy": "2.3.0"}}


def test_the_same_bytes_are_guaranteed_for_threads_and_engine():
    assert repeatability_of(HERE, 7, stopped=False) == (
        "The same command with seed 7, given on the same machine with as many threads (2) and the same engine (the one that was "
        "chosen), gives the same bytes, but for measured times and memory. With others labels may differ: of 947 that were "
        "measured, 0 did with other threads or float32 engines, and 7 with bf16."
    )
    assert "(openvino-bf16)" in repeatability_of(HERE | {"engine": "openvino-bf16"}, 7, stopped=False)


def test_nothing_is_guaranteed_of_what_a_clock_ended_or_a_graphics_card_computed():
    assert repeatability_of(HERE, 7, stopped=True).startswith("A clock or Ctrl-C ended this run")
    assert repeatability_of(HERE | {"gpu": "H100"}, 7, stopped=False).startswith("Sums on a graphics card")
    assert repeatability_of({}, 7, stopped=False) == ""


def test_what_differed_in_earlier_calls_is_kept():
    before = HERE | {"threads": 1, "packages": {"numpy": "2.2.0"}, "peak_memory_bytes": 5}
    once = with_earlier(before, HERE)
    assert once["earlier"] == [{"threads": 1, "numpy": "2.2.0"}]
    assert once["peak_memory_bytes"] == 5
    assert with_earlier(once, HERE)["earlier"] == once["earlier"]
    assert "earlier" not in with_earlier(HERE, HERE)
