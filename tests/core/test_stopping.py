"""Trying ends at one Ctrl-C or at its deadline, and nothing else does."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from headstart.core.stopping import (
    StoppedError,
    Stopper,
    interruptible,
    keep_seconds,
    seconds_until_over,
    stop_if_asked,
    stoppable,
    unstoppable,
)


def test_outside_of_trying_nothing_stops():
    stop_if_asked()
    assert seconds_until_over() is None


@pytest.mark.parametrize(("stopper", "reason"), [(Stopper(interrupted=True), "interrupted"), (Stopper(deadline=0.0), "over")])
def test_inside_it_does_for_that_reason(stopper, reason):
    with stoppable(stopper), pytest.raises(StoppedError) as caught:
        stop_if_asked()
    assert caught.value.reason == reason


def test_reasons_that_do_not_count_are_passed_over():
    with stoppable(Stopper(deadline=0.0)):
        stop_if_asked("interrupted")


def test_the_time_left_is_that_to_the_deadline():
    with stoppable(Stopper(deadline=time.monotonic() + 60)):
        stop_if_asked()
        assert 59 < seconds_until_over() <= 60
    with stoppable(Stopper()):
        assert seconds_until_over() is None


def test_the_first_interrupt_is_noted_and_the_second_raises():
    before, stopper = signal.getsignal(signal.SIGINT), Stopper()
    with interruptible(stopper):
        signal.raise_signal(signal.SIGINT)
        assert stopper.interrupted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_signals_stay_as_they_are():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with interruptible(Stopper()):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_process_that_ignores_interrupts_goes_on_ignoring_them():
    before, stopper = signal.signal(signal.SIGINT, signal.SIG_IGN), Stopper()
    try:
        with interruptible(stopper):
            signal.raise_signal(signal.SIGINT)
        assert not stopper.interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def test_trying_leaves_time_for_what_follows_it() -> None:
    stopper = Stopper(deadline=time.monotonic() + 60)
    with stoppable(stopper):
        keep_seconds(20)
        keep_seconds(50)  # in place of the 20
        assert 9 < (seconds_until_over() or 0) <= 10
        keep_seconds(60)
        with pytest.raises(StoppedError) as caught:
            stop_if_asked()
        with unstoppable():
            stop_if_asked()
    assert caught.value.reason == "over"
    keep_seconds(30)  # outside there is nothing to end
