"""What refusals repeat of a server."""

from __future__ import annotations

import pytest

from headstart.serving.refusals import without_folders


@pytest.mark.parametrize("place", ["", ".", "..", "/"])
def test_a_place_without_a_name_leaves_a_text_as_it_is(place):
    assert without_folders("It was 0.5. Try again ...", (place,)) == "It was 0.5. Try again ..."
