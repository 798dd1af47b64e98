"""Limits: those of the options, and room for the pixels of pictures that are decoded at the same time."""

from __future__ import annotations

import io
import threading
import time

import pytest
from PIL import Image

from headstart.core.errors import PlanError
from headstart.core.limit_options import LimitOptions
from headstart.serving import pictures as module
from headstart.serving.limits import Limits, Room
from headstart.serving.pictures import Unreadable, Upload, decoded


def test_options_become_limits():
    found = Limits.of(LimitOptions(max_megabytes=1.5, max_files=3, max_megapixels=0.25, queue=4, deadline=2.0))
    expected = {"max_bytes": 1_500_000, "max_files": 3, "max_pixels": 250_000, "queue_pictures": 4, "deadline_seconds": 2.0}
    assert expected.items() <= found.to_dict().items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"max_files": 9, "queue": 8},
            r"^--max-files 9 is more than --queue 8: such a request would always be refused\. Raise --queue\.$",
        ),
        ({"deadline": 0.0}, r"^serve: deadline_seconds = 0\.0: input should be greater than 0\.$"),
    ],
)
def test_options_that_are_impossible_are_refused(options, message):
    with pytest.raises(PlanError, match=message):
        Limits.of(LimitOptions(**options))


def taken_by_threads(room, sizes):
    """The most pixels that so many threads had at the same time, and the order in which they got them."""
    lock, now, most, order = threading.Lock(), [0], [0], []

    def work(size):
        with room.taken(size):
            with lock:
                now[0] += size
                most[0] = max(most[0], now[0])
                order.append(size)
            time.sleep(0.002)
            with lock:
                now[0] -= size

    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return most[0], order


def test_threads_have_no_more_pixels_together_than_there_is_room_for():
    room = Room(100)
    most, order = taken_by_threads(room, [60, 30, 50, 20, 90, 10] * 5)
    assert most <= 100
    assert len(order) == 30
    assert room.num_taken == 0


def test_a_picture_larger_than_all_room_is_alone():
    assert taken_by_threads(Room(10), [50, 50])[1] == [50, 50]


def test_small_pictures_do_not_pass_a_large_one():
    room, order = Room(100), []

    def work(size):
        with room.taken(size):
            order.append(size)

    with room.taken(50):
        large = threading.Thread(target=work, args=(90,))
        large.start()
        while not room._next.locked():
            time.sleep(0.001)
        small = threading.Thread(target=work, args=(10,))
        small.start()
        small.join(0.05)
        assert order == []
    for thread in (large, small):
        thread.join(20)
    assert order == [90, 10]


def content(size, kind, **options):
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "options", "pixels"),
    [("PNG", {}, 320 * 240), ("JPEG", {}, 40 * 30), ("JPEG", {"progressive": True}, 320 * 240)],
    ids=["PNG", "JPEG", "progressive"],
)
def test_a_picture_takes_as_much_room_as_decoding_it_takes(monkeypatch, kind, options, pixels):
    asked, decode = [], module.decode_opened

    def noted(opened, name):
        asked.append((opened.num_pixels, room.num_taken))
        return decode(opened, name)

    monkeypatch.setattr(module, "decode_opened", noted)
    room = Room(100_000)
    decoded(Upload("a", content((320, 240), kind, **options)), (24,), room)
    assert asked == [(pixels, pixels)]


def test_a_decompression_bomb_is_refused_by_its_header(monkeypatch):
    monkeypatch.setattr(module, "decode_opened", lambda *_: pytest.fail("it was decoded"))
    bomb = content((8_000, 8_000), "PNG")
    assert len(bomb) < 1_000_000
    found = decoded(Upload("bomb.png", bomb), (24,), Room(50_000_000))
    assert isinstance(found, Unreadable)
    assert (found.status, found.code) == (422, "too-many-pixels")
    assert found.sentence.startswith("bomb.png: has 8000 x 8000 pixels, more than the 50,000,000 allowed.")
