"""Names of uploaded files, and texts of the server: no place of either machine is repeated."""

from __future__ import annotations

import pytest

from headstart.serving.pictures import Upload
from headstart.serving.refusals import without_folders


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.png", "a.png"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\b.png", "b.png"),
        ("a\x00\x1b\u0085.png", "a.png"),
        ("", "images[3]"),
        (None, "images[3]"),
        ("x/", "images[3]"),
        ("\ud800.png", ".png"),
        ("图" * 200 + ".png", "图" * 116 + ".png"),
    ],
    ids=["plain", "path", "Windows path", "control", "empty", "none", "folder", "surrogate", "long"],
)
def test_a_file_is_called_by_the_last_part_of_its_name(given, name):
    assert Upload.of(given, b"", 3).name == name


@pytest.mark.parametrize(
    ("text", "places", "expected"),
    [
        ("Transfer from run:/home/a/own, not ./b/c/ and ~/d.", (), "Transfer from run:own, not c and d."),
        ("held out of sets/flowers", ("sets/flowers", ""), "held out of flowers"),
        ("ridge on stages+pixels, 3/4 of all", (), "ridge on stages+pixels, 3/4 of all"),
        ("/a/b: cannot be read", (), "b: cannot be read"),
    ],
)
def test_paths_are_cut_down_to_their_last_part(text, places, expected):
    assert without_folders(text, places) == expected
