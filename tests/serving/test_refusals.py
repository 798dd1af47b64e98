"""What refusals repeat of a server."""

from __future__ import annotations

import pytest

from headstart.serving.refusals import without_folders


@pytest.mark.parametrize("place", ["", ".", "..", "/"])
def test_a_place_without_a_name_leaves_a_text_as_it_is(place):
    assert without_folders("It was 0.5. Try again ...", (place,)) == "It was 0.5. Try again ..."


@pytest.mark.parametrize(
    "path",
    [
        "s3://bucket/secret/x.png",
        "file:///home/me/x.png",
        "C:\\Users\\me\\x.png",
        "C:/Users/me/x.png",
        "/home/me/my own pictures/x.png",
        "~/my pictures/x.png",
        "/x.png",
    ],
)
def test_of_a_path_the_last_part_is_left(path):
    for before, after in [("", ": cannot be read."), ("There is ", ", and no other."), ('"', '" is not a folder.')]:
        assert without_folders(before + path + after) == f"{before}x.png{after}"


def test_what_is_no_path_is_left_as_it_is():
    text = "Ask /metrics and /ready either way: 3 and/or 4, https://shop.example, at 127.0.0.1:80."
    assert without_folders(text) == text.replace("/metrics", "metrics").replace("/ready", "ready")
