"""What the tests of this folder share: modules beside them, and commands that were given once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from prepared import Prepared, prepared_in


@pytest.fixture(scope="session")
def _prepared_before() -> dict[str, Prepared]:
    return {}


@pytest.fixture
def prepared(request: pytest.FixtureRequest, _prepared_before: dict[str, Prepared], tmp_path_factory) -> Prepared:
    """The command that the test is for, prepared once for all tests, in whatever order they come."""
    name = request.param
    if name not in _prepared_before:
        _prepared_before[name] = prepared_in(tmp_path_factory.mktemp(name), name)
    return _prepared_before[name]
