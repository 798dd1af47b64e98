"""The public names: all there, loaded only when used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import headstart


@pytest.mark.parametrize("name", headstart.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(headstart, name) is not None


def test_the_public_names_are_listed():
    assert set(headstart.__all__) <= set(dir(headstart))


def test_an_unknown_name_is_an_attribute_error_that_lists_the_public_ones():
    with pytest.raises(AttributeError, match=r"^headstart has no 'fitt'; public names: .*\bfit\b"):
        _ = headstart.fitt


def test_the_version_is_that_of_the_distribution():
    assert headstart.__version__ == version("headstart")


def test_one_public_name_loads_only_what_it_needs():
    program = "import sys, headstart; headstart.Plan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_task_can_be_read_by_the_function_and_by_the_class():
    assert headstart.Task.from_folder is headstart.read_task
