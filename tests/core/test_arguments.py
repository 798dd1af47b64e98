"""Arguments are converted by the annotation of their parameter, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from headstart.core.arguments import Accepts, AnyPath, Paths, Texts, checked, instance_of
from headstart.core.errors import ArgumentError, PlanError


class Thing:
    """Something that an argument may be."""


ONE = Annotated[int | str, Accepts("a number or its name", instance_of((int, str), str))]


@checked
def verb(
    whole: int = 0,
    real: float | None = None,
    sure: bool = False,
    settings: dict[str, Any] | None = None,
    three: tuple[float, float, float] | None = None,
    side: Literal["left", "right"] = "left",
    thing: Thing | None = None,
    one: ONE = "",
    path: AnyPath | None = None,
    paths: Paths = (),
    texts: Texts = (),
    anything: Any = None,
) -> dict[str, Any]:
    return locals()


@checked
def sum_of(first: int, *others: int) -> int:
    return sum(others, first)


class Owner:
    @checked
    def method(self, number: int) -> int:
        return number


def refused(call) -> str:
    with pytest.raises(ArgumentError) as caught:
        call()
    assert isinstance(caught.value, PlanError)
    assert isinstance(caught.value, TypeError)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("whole", np.int64(3), 3),
        ("real", 2, 2.0),
        ("real", np.float32(0.5), 0.5),
        ("real", None, None),
        ("sure", True, True),
        ("settings", {"a": 1}, {"a": 1}),
        ("three", [1.0, 2.0, 3.0], (1.0, 2.0, 3.0)),
        ("side", "up", "up"),
        ("one", 4, "4"),
        ("path", "here", "here"),
        ("path", Path("~/here"), Path.home() / "here"),
        ("path", "~/here", str(Path.home() / "here")),
        ("paths", "one", ("one",)),
        ("paths", [Path("one"), "two"], (Path("one"), "two")),
        ("paths", None, ()),
        ("texts", {"one"}, ("one",)),
        ("anything", print, print),
    ],
)
def test_a_value_that_is_accepted_is_converted(name, given, taken):
    assert verb(**{name: given})[name] == taken
    assert type(verb(**{name: given})[name]) is type(taken)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("whole", "3", "verb: whole = '3' is a str. Give a whole number."),
        ("whole", True, "verb: whole = True is a bool. Give a whole number."),
        ("whole", 0.5, "verb: whole = 0.5 is a float. Give a whole number."),
        ("whole", None, "verb: whole is None. Give a whole number."),
        ("real", "x", "verb: real = 'x' is a str. Give a number or None."),
        ("sure", 1, "verb: sure = 1 is an int. Give True or False."),
        ("settings", [("a", 1)], "verb: settings = [('a', 1)] is a list. Give a dict or None."),
        ("three", 3, "verb: three = 3 is an int. Give a tuple or None."),
        ("side", 3, "verb: side = 3 is an int. Give a str."),
        ("thing", 3, "verb: thing = 3 is an int. Give a Thing or None."),
        ("one", 0.5, "verb: one = 0.5 is a float. Give a number or its name."),
        ("path", b"x", "verb: path = b'x' is a bytes. Give a path or None."),
        ("paths", ["x", 3], "verb: paths[1] = 3 is an int. Give a path, or a list of paths."),
        ("texts", 3, "verb: texts = 3 is an int. Give a text, or a list of texts."),
        ("thing", "x" * 99, f"verb: thing = '{'x' * 56}... is a str. Give a Thing or None."),
    ],
)
def test_another_type_is_refused_in_a_sentence(name, given, sentence):
    assert refused(lambda: verb(**{name: given})) == sentence


def test_an_unknown_argument_a_missing_one_and_one_too_many_are_told():
    names = "whole, real, sure, settings, three, side, thing, one, path, paths, texts, anything"
    assert refused(lambda: verb(hole=3)) == f'verb: there is no argument hole. Did you mean "whole"? It takes {names}.'
    assert refused(lambda: Owner().method()) == "Owner.method: missing a required argument: 'number'. It takes number."
    assert refused(lambda: Owner().method(1, 2)) == "Owner.method: too many positional arguments. It takes number."


def test_each_of_several_arguments_is_looked_at():
    assert sum_of(1, np.int64(2), 3) == 6
    assert refused(lambda: sum_of(1, 2, "3")) == "sum_of: others = '3' is a str. Give a whole number."


def test_the_function_keeps_its_name_its_documentation_and_its_parameters():
    import inspect

    assert (verb.__name__, list(inspect.signature(verb).parameters)[:2]) == ("verb", ["whole", "real"])
