"""Shapes: whether arrays that were read are those that are wanted, by names, axes and finite values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from headstart.core.errors import DamagedError
from headstart.core.types import Floats


def check_arrays(arrays: Mapping[str, Floats], axes: Mapping[str, str], sizes: Mapping[str, int]) -> dict[str, int]:
    """The size of each axis of named arrays, which have to agree with each other and hold finite numbers.

    Args:
        arrays: Those that were read; others than the described ones are looked at for finite numbers only.
        axes: The axes of each array, as words: "feature class".
        sizes: Of those axes that are known before.

    Returns:
        The sizes, those known before among them.

    Raises:
        KeyError: An array is missing; see `naming_damage`.
        ValueError: An array has other axes, or holds a value that is not finite.

    >>> check_arrays({"weight": np.zeros((5, 3)), "bias": np.zeros(3)}, {"weight": "feature class", "bias": "class"}, {})
    {'feature': 5, 'class': 3}
    """
    found = dict(sizes)
    for name, words in axes.items():
        if name not in arrays:
            raise KeyError(name)
        shape, wanted = arrays[name].shape, words.split()
        for word, size in zip(wanted, shape, strict=False):
            found.setdefault(word, size)
        if len(shape) != len(wanted) or any(found[word] != size for word, size in zip(wanted, shape, strict=True)):
            needed = ", ".join(f"{found[word]} {word}" if word in found else word for word in wanted)
            raise ValueError(f"{name} has shape {list(shape)}, and [{needed}] is needed")
    for name, array in arrays.items():
        check_finite(name, array)
    return found


def check_finite(name: str, array: Floats) -> None:
    """Refuse an array that is none of numbers, or holds one that is not finite, with a `ValueError`."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds no numbers but {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds {int((~np.isfinite(array)).sum()):,} values that are not finite")


def check_range(name: str, array: Any, least: float, most: float) -> None:
    """Refuse an array of numbers, or one number, outside of [least, most] with a `ValueError`."""
    array = np.asarray(array)
    if array.dtype.kind not in "iuf" or (array.size and not (least <= array.min() and array.max() <= most)):
        shown = f"{array.min()} to {array.max()}" if array.size > 1 and array.dtype.kind in "iuf" else str(array)
        raise ValueError(f"{name} is {shown}, and {least} to {most} are allowed")


def check_positive(name: str, array: Any) -> None:
    """Refuse an array of numbers, or one number, that are not all finite and above zero, with a `ValueError`."""
    array = np.asarray(array)
    if array.dtype.kind not in "iuf" or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"{name} is {array}, and finite numbers above zero are allowed")


@contextmanager
def naming_damage(path: Path, advice: str) -> Iterator[None]:
    """Inside, what reading a file may raise becomes a `DamagedError` that names it and says what to do."""
    try:
        yield
    except DamagedError as error:
        raise DamagedError.of(path, error.reason or error, advice) from None
    except KeyError as error:
        raise DamagedError.of(path, f"{error} is missing", advice) from None
    except (OSError, ValueError, TypeError, AttributeError, IndexError, OverflowError, SafetensorError) as error:
        raise DamagedError.of(path, error, advice) from None
