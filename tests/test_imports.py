"""The public names: all there, loaded only when used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import headstart
from headstart.cli._application import COMMANDS
from headstart.core.errors import DataError


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


@pytest.mark.slow
def test_one_public_name_loads_only_what_it_needs():
    program = "import sys, headstart; headstart.Plan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_every_command_is_a_public_function_of_the_same_name():
    commands = {*COMMANDS.names(), "enroll", "simulate"} - {"fewshot", "cluster"}
    assert {name for name in commands if not callable(getattr(headstart, name))} == set()


def test_packages_that_have_the_name_of_a_verb_are_called_as_the_verb(tmp_path):
    import headstart.report.html

    assert headstart.runs(tmp_path) == []
    assert headstart.methods("ridge")[0]["cost"] == "closed form"
    with pytest.raises(DataError, match=r" holds no finished run\. "):
        headstart.report(tmp_path)
