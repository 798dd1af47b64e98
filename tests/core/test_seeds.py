"""Each purpose has a stream of its own, the same on every machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.core.seeds import generator_for, seed_for


def test_seeds_are_those_of_every_earlier_run():
    assert seed_for(0, "split") == 3769940940748469125
    assert seed_for(1, "max_rows", 3) == 5037835174022208205


@pytest.mark.slow
@given(st.integers(0, 2**31), st.text(max_size=9), st.integers(0, 999))
def test_a_seed_fits_every_generator_and_depends_on_all_it_is_given(seed, purpose, index):
    value = seed_for(seed, purpose, index)
    assert 0 <= value < 2**63
    assert value == seed_for(seed, purpose, index)
    assert len({value, seed_for(seed + 1, purpose, index), seed_for(seed, purpose + "x", index), seed_for(seed, purpose)}) == 4


def test_a_draw_for_one_purpose_changes_no_other():
    first = generator_for(0, "folds").random(3)
    generator_for(0, "split").random(5)
    assert (generator_for(0, "folds").random(3) == first).all()
