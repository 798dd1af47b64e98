from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.data.reading import read_task
from headstart.planning.deciding.trained import scratch_network


@pytest.mark.parametrize(("side", "name"), [(8, "small_cnn"), (47, "small_cnn"), (48, "small_resnet"), (300, "small_resnet")])
def test_the_network_from_scratch_is_residual_from_a_side_of_48_on(side: int, name: str) -> None:
    assert scratch_network(replace(read_task("digits", per_class=2), native_pixels=side)) == name
