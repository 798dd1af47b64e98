from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.core.errors import DataError
from headstart.data.class_names import aligned, canonical, check_distinct


def test_a_decomposed_name_is_composed_and_stripped():
    assert canonical(" cafe\u0301\t") == "caf\u00e9"


@given(st.text())
def test_the_unicode_form_that_a_system_stores_does_not_matter(name):
    assert canonical(unicodedata.normalize("NFD", name)) == canonical(name) == canonical(canonical(name))


def test_distinct_names_pass_and_a_repeated_name_is_one():
    check_distinct(["a", "b", "a", "ab"], "set")


@pytest.mark.parametrize(("first", "second"), [("Cat", "cat"), ("cat", "cat "), ("STRASSE", "straße"), ("e\u0301", "\u00e9")])
def test_names_that_look_the_same_are_refused(first, second):
    with pytest.raises(DataError) as caught:
        check_distinct([first, "other", second], "set")
    low, high = sorted([first, second])
    assert str(caught.value) == (
        f"set: the classes {low!a} and {high!a} have the same name but for case or accents' form. Rename one."
    )


def test_names_of_several_places_are_one_where_only_their_form_differs():
    target, first, second = aligned([{"Hot dog", "cat"}, {"hot_dog", "Emu-bird"}, {"HOTDOG", "emu bird", "cat"}])
    assert target == {"Hot dog": "Hot dog", "cat": "cat"}
    assert first == {"hot_dog": "Hot dog", "Emu-bird": "Emu-bird"}
    assert second == {"HOTDOG": "Hot dog", "emu bird": "Emu-bird", "cat": "cat"}


def test_names_that_one_place_has_both_of_stay_apart():
    target, source = aligned([{"a b", "ab"}, {"A-B", "ab"}])
    assert target == {"a b": "a b", "ab": "ab"}
    assert source == {"A-B": "A-B", "ab": "ab"}
    assert aligned([{"a b", "ab"}, {"A-B"}])[1] == {"A-B": "A-B"}
