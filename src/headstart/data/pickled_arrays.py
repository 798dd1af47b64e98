"""Pickles of plain values and number arrays, read without running anything they ask for."""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from headstart.core.errors import DataError

KINDS: Final = frozenset({"b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"})
MULTIARRAY: Final = ("numpy.core.multiarray", "numpy._core.multiarray")
NUMERIC: Final = ("numpy.core.numeric", "numpy._core.numeric")


class _RefusedError(pickle.UnpicklingError):
    """What the pickle holds is not read."""


class _Kind:
    """Stands for numpy.dtype while a pickle is read."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else str(code)
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else str(state[1])
        self.order = ">" if order == ">" else "<"

    def real(self) -> np.dtype[Any]:
        if self.code not in KINDS:
            raise _RefusedError(f"an array of type {self.code!r}")
        return np.dtype(self.order + self.code)


class _Array:
    """Stands for numpy.ndarray while a pickle is read: holds what is to become one."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.kind: Any = None
        self.fortran = False
        self.raw: Any = b""

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.kind, self.fortran, self.raw = state

    def real(self) -> NDArray[Any]:
        kind = self.kind.real() if isinstance(self.kind, _Kind) else None
        sound = isinstance(self.raw, bytes | bytearray | memoryview) and all(
            type(side) is int and side >= 0 for side in self.shape
        )
        if kind is None or not sound or math.prod(self.shape) * kind.itemsize != len(self.raw):
            raise _RefusedError("an array whose parts do not fit")
        return np.frombuffer(self.raw, dtype=kind).reshape(self.shape, order="F" if self.fortran else "C")


def _from_buffer(raw: Any, kind: Any, shape: Any, order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", raw))
    return array


def _scalar(kind: Any, raw: Any) -> Any:
    array = _Array()
    array.__setstate__((1, (), kind, False, raw))
    return array.real().item()


ALLOWED: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    **{(module, "_reconstruct"): lambda *_: _Array() for module in MULTIARRAY},
    **{(module, "scalar"): _scalar for module in MULTIARRAY},
    **{(module, "_frombuffer"): _from_buffer for module in NUMERIC},
    ("numpy", "ndarray"): lambda *_: _Array(),
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): lambda text, _: text.encode("latin1"),
    ("__builtin__", "bytes"): lambda *_: b"",
    ("builtins", "bytes"): lambda *_: b"",
}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        made = ALLOWED.get((module, name))
        if made is None:
            raise _RefusedError(f"{module}.{name}")
        # A fresh function each time: a pickle can set attributes of whatever it is given, and these die with the load.
        return lambda *arguments: made(*arguments)  # noqa: PLW0108

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError("a persistent id")


def load_plain(content: bytes, name: str) -> Any:
    """The value in a pickle, of Python 2 or 3, of dicts, lists, texts, numbers and number arrays; messages call it by the name.

    Python 2's texts come back as bytes, and arrays are read-only. Raises `DataError` where the pickle is damaged or holds
    anything else.
    """
    try:
        _check_memo(content)
        return _real(_Plain(io.BytesIO(content), encoding="bytes").load(), depth=0)
    except _RefusedError as error:
        raise DataError(
            f"{name}: is a pickle that holds {error}, and only plain values and number arrays are read. "
            "Get the file from its authors."
        ) from None
    except Exception:  # noqa: BLE001  a hostile or damaged pickle raises anything
        raise DataError(f"{name}: is a damaged pickle. Get the file again.") from None


def _check_memo(content: bytes) -> None:
    """Refuse a pickle that numbers its parts beyond its own length: a few bytes would make the unpickler fill the memory."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in {"PUT", "BINPUT", "LONG_BINPUT"} and int(argument or 0) > len(content):
            raise _RefusedError(f"a part numbered {argument}")


def _real(value: Any, depth: int) -> Any:
    """The value with arrays in place of their stand-ins, which CIFAR's files hold at the top or in one dictionary."""
    if isinstance(value, _Array):
        return value.real()
    if isinstance(value, dict) and depth == 0:
        return {key: _real(item, depth + 1) for key, item in value.items()}
    return value
