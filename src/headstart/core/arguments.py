"""Arguments of public functions: each is turned into what the function works with, or refused in one sentence.

The annotation of a parameter says what it may be: a plain type, a union, or `Annotated[TYPE, Accepts(...)]`.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import operator
import os
import types
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from headstart.core.errors import ArgumentError, did_you_mean

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
MOST_SHOWN = 60
"""Characters of a refused value that a message shows."""


class NotAcceptedError(Exception):
    """Raised by a conversion for a value that the argument may not be; `checked` makes the sentence of it.

    Args:
        value: What was met.
        place: Where in the argument it stands, such as "[2]"; empty for the argument itself.
    """

    def __init__(self, value: Any, place: str = "") -> None:
        super().__init__()
        self.value = value
        self.place = place


@dataclass(frozen=True)
class Accepts:
    """What an argument may be, in words and as a conversion.

    Attributes:
        allowed: The words that follow "Give".
        convert: Turns the value into what the function works with; raises `NotAcceptedError` where it cannot be used.
    """

    allowed: str
    convert: Callable[[Any], Any]


def checked(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function, which converts each argument as its annotation says before it runs.

    An argument that the function does not take, that is missing, or whose type is not accepted is an `ArgumentError`: what was
    met, what is allowed.
    """
    signature = inspect.signature(function)
    name_of_function = function.__qualname__

    @functools.cache
    def hints() -> dict[str, Any]:
        return get_type_hints(function, include_extras=True)

    @functools.wraps(function)
    def call(*args: Parameters.args, **options: Parameters.kwargs) -> Result:
        bound = _bound(name_of_function, signature, args, options)
        for name, value in bound.arguments.items():
            if name not in hints():
                continue
            several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            convert = functools.partial(_argument, name_of_function, name, hints()[name])
            bound.arguments[name] = tuple(map(convert, value)) if several else convert(value)
        return function(*bound.args, **bound.kwargs)

    return call


def _bound(function: str, signature: inspect.Signature, args: Any, options: Mapping[str, Any]) -> inspect.BoundArguments:
    """The arguments by the names of their parameters."""
    try:
        return signature.bind(*args, **options)
    except TypeError as error:
        names = [name for name in signature.parameters if name not in ("self", "cls")]
        unknown = next((name for name in options if name not in names), None)
        fault = f"{error}." if unknown is None else f"there is no argument {unknown}.{did_you_mean(unknown, names)}"
        raise ArgumentError(f"{function}: {fault} It takes {', '.join(names) or 'none'}.") from None


def _argument(function: str, name: str, hint: Any, value: Any) -> Any:
    try:
        return _converted(hint, value)
    except NotAcceptedError as refused:
        met = refused.value
        is_what = "is None" if met is None else f"= {_shown(met)} is {with_article(type(met).__name__)}"
        raise ArgumentError(f"{function}: {name}{refused.place} {is_what}. Give {_allowed(hint)}.") from None


def _converted(hint: Any, value: Any) -> Any:
    """The value as the annotation has it."""
    if hint is Any:
        return value
    mark = _mark_of(hint)
    if mark is not None:
        return mark.convert(value)
    if _is_union(hint):
        return _first_accepted(get_args(hint), value)
    plain = _plain(hint)
    if plain is not None:
        return plain.convert(value)
    if not isinstance(value, _class_of(hint)):
        raise NotAcceptedError(value)
    return value


def _first_accepted(hints: tuple[Any, ...], value: Any) -> Any:
    """The value as the first member of a union that accepts it; what is refused inside of it tells more than the whole."""
    refused = NotAcceptedError(value)
    for hint in hints:
        try:
            return _converted(hint, value)
        except NotAcceptedError as error:
            refused = error if error.place else refused
    raise refused


def _allowed(hint: Any) -> str:
    """What an annotation accepts, in words."""
    mark = _mark_of(hint) or _plain(hint)
    if mark is not None:
        return mark.allowed
    if _is_union(hint):
        *others, last = dict.fromkeys(map(_allowed, get_args(hint)))
        return f"{', '.join(others)} or {last}" if others else last
    return with_article(_class_of(hint).__name__)


def _mark_of(hint: Any) -> Accepts | None:
    if get_origin(hint) is not Annotated:
        return None
    return next((mark for mark in hint.__metadata__ if isinstance(mark, Accepts)), None)


def _plain(hint: Any) -> Accepts | None:
    return PLAIN.get(hint) or PLAIN.get(get_origin(hint))


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _class_of(hint: Any) -> type:
    """The class that values of an annotation have; those of a literal are texts, which the function itself looks up."""
    origin = get_origin(hint) or hint
    return str if origin is Literal else origin


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."


def with_article(name: str) -> str:
    """The name of a kind of thing after "a" or "an"."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def instance_of(kinds: type | tuple[type, ...], convert: Callable[[Any], Any] = lambda value: value) -> Callable[[Any], Any]:
    """A conversion of instances of a class, or of one of several; truth values are no numbers."""

    def converted(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and convert in (operator.index, float)):
            raise NotAcceptedError(value)
        return convert(value)

    return converted


def path_given(value: Any) -> str | Path:
    """The path as it was given, but for a "~" at its beginning, which is the home folder; a text may be a name, too."""
    if isinstance(value, bytes) or not isinstance(value, str | os.PathLike):
        raise NotAcceptedError(value)
    given = os.path.expanduser(os.fspath(value))  # noqa: PTH111  a text stays a text
    return given if isinstance(value, str) else Path(given)


def several(value: Any) -> tuple[Any, ...]:
    """One value, several, or none, as a tuple."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes) else (value,)


def each(convert: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """A conversion of one value, of several, or of none, to a tuple."""

    def converted(value: Any) -> tuple[Any, ...]:
        found = several(value)
        if len(found) == 1 and found[0] is value:
            return (convert(value),)
        made = []
        for row, one in enumerate(found):
            try:
                made.append(convert(one))
            except NotAcceptedError as refused:
                raise NotAcceptedError(refused.value, f"[{row}]") from None
        return tuple(made)

    return converted


PLAIN: dict[Any, Accepts] = {
    int: Accepts("a whole number", instance_of(numbers.Integral, operator.index)),
    float: Accepts("a number", instance_of(numbers.Real, float)),
    bool: Accepts("True or False", instance_of(bool)),
    str: Accepts("a text", instance_of(str)),
    dict: Accepts("a dict", instance_of(Mapping, dict)),
    tuple: Accepts("a tuple", instance_of((tuple, list), tuple)),
    type(None): Accepts("None", instance_of(type(None))),
}
"""What the plain types accept: numbers of NumPy are numbers, too."""

AnyPath: TypeAlias = Annotated[str | Path, Accepts("a path", path_given)]
"""A path, as a text or an object."""
Paths: TypeAlias = Annotated[str | Path | Sequence[str | Path] | None, Accepts("a path, or a list of paths", each(path_given))]
"""One path, many, or none."""
Texts: TypeAlias = Annotated[str | Sequence[str] | None, Accepts("a text, or a list of texts", each(instance_of(str)))]
"""One text, many, or none."""
