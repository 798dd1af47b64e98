"""The public functions, by name: for classes below them that offer them as methods, and for packages of the same name.

`headstart.report(run)` is a call, beside the modules in `headstart.report`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _Verb(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Any:
        package, _, name = self.__name__.rpartition(".")
        return getattr(importlib.import_module(f"{package}.workflows.{name}"), name)(*args, **options)


def make_callable(package: str) -> None:
    """Let calls of a package be calls of the function in `workflows` that has its name."""
    sys.modules[package].__class__ = _Verb


def public(name: str) -> Any:
    """The public function of that name, loaded now: a method such as `run.report()` calls what lies on a higher floor."""
    return getattr(importlib.import_module("headstart"), name)
