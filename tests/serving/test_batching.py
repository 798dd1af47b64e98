"""Batching: what waits is computed together, in order, and is finished before the end."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from headstart.serving.batching import MOST_TOGETHER, Batcher
from headstart.serving.limits import Limits
from headstart.serving.pictures import DecodedPicture
from headstart.serving.refusals import RefusedError


def pictures(count, name="p"):
    return [DecodedPicture(f"{name}{number}", "", {}) for number in range(count)]


class Recorded:
    """A function of pictures that remembers its calls; the first one waits until it may go on."""

    def __init__(self):
        self.sizes = []
        self.begun, self.goes_on = threading.Event(), threading.Event()

    def __call__(self, given):
        self.sizes.append(len(given))
        self.begun.set()
        assert self.goes_on.wait(20)
        return [{"path": one.name} for one in given]


@pytest.fixture
def batcher():
    made = Batcher("m", Limits(), threading.Lock(), lambda size: None)
    yield made
    if made.works:
        made.close()


async def waiting(batcher, compute, counts, deadline=20.0):
    """The results of so many requests, of which all but the first wait while that is computed."""
    first = asyncio.ensure_future(batcher.rows(compute, pictures(1, "first"), time.monotonic() + deadline))
    await asyncio.to_thread(compute.begun.wait, 20)
    others = [
        asyncio.ensure_future(batcher.rows(compute, pictures(count, f"{place}-"), time.monotonic() + deadline))
        for place, count in enumerate(counts)
    ]
    await asyncio.sleep(0.05)
    compute.goes_on.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


def test_requests_that_wait_are_computed_together_and_get_their_own_rows(batcher):
    compute = Recorded()
    results = asyncio.run(waiting(batcher, compute, [2, 1, 3]))
    assert compute.sizes == [1, 6]
    assert [[row["path"] for row in rows] for rows in results[1:]] == [["0-0", "0-1"], ["1-0"], ["2-0", "2-1", "2-2"]]


def test_no_more_are_computed_together_than_is_useful(batcher):
    compute = Recorded()
    asyncio.run(waiting(batcher, compute, [MOST_TOGETHER - 1, 1, 5, MOST_TOGETHER]))
    assert compute.sizes == [1, MOST_TOGETHER, 5, MOST_TOGETHER]


def test_what_is_asked_of_another_model_is_computed_apart(batcher):
    one, other = Recorded(), Recorded()
    other.goes_on.set()

    async def both():
        asked = asyncio.ensure_future(waiting(batcher, one, [1]))
        await asyncio.to_thread(one.begun.wait, 20)
        return await asyncio.gather(asked, batcher.rows(other, pictures(2), time.monotonic() + 20))

    asyncio.run(both())
    assert (sorted(one.sizes), other.sizes) == ([1, 1], [2])


def test_what_nobody_waits_for_any_more_is_not_computed(batcher):
    compute = Recorded()

    async def impatient():
        first = asyncio.ensure_future(batcher.rows(compute, pictures(1), time.monotonic() + 20))
        await asyncio.to_thread(compute.begun.wait, 20)
        with pytest.raises(RefusedError, match=r"^There was no answer within 10 seconds\."):
            await batcher.rows(compute, pictures(5), time.monotonic() + 0.05)
        compute.goes_on.set()
        await first
        await batcher.rows(compute, pictures(2), time.monotonic() + 20)

    asyncio.run(impatient())
    assert compute.sizes == [1, 2]


def test_a_failure_reaches_whoever_waits_and_the_next_ones_are_answered(batcher):
    async def both():
        with pytest.raises(ZeroDivisionError):
            await batcher.rows(lambda given: [1 / 0], pictures(1), time.monotonic() + 20)
        return await batcher.rows(lambda given: [{"path": "fine"}], pictures(1), time.monotonic() + 20)

    assert asyncio.run(both()) == [{"path": "fine"}]


def test_closing_answers_what_waits(batcher):
    compute = Recorded()

    async def closing():
        asked = asyncio.ensure_future(waiting(batcher, compute, [1, 1]))
        await asyncio.to_thread(compute.begun.wait, 20)
        await asyncio.sleep(0.02)
        await asyncio.to_thread(batcher.close)
        return await asked

    assert [len(rows) for rows in asyncio.run(closing())] == [1, 1, 1]
    assert not batcher.works


def test_the_time_until_there_is_room_follows_from_the_rate(batcher):
    with batcher.admitted(250):
        with pytest.raises(RefusedError, match=r"^250 pictures are waiting already\. Try again in 5 seconds\.$") as refused:
            batcher.check_room(7)
        assert refused.value.headers == {"Retry-After": "5"}
        batcher.check_room(6)
    assert batcher.waiting == 0
