"""The workflows parse, have few rights, pin what they use, and call what exists."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from headstart.cli import _application as application
from headstart.core.language import speaking

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PINNED = re.compile(r"[\w.-]+/[\w.-]+(?:/[\w.-]+)*@(?:v\d+(?:\.\d+)*|release/v\d+|[0-9a-f]{40})")


def steps_of(name: str) -> list[dict[str, Any]]:
    return [step for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"]]


def commands_of(name: str) -> list[list[str]]:
    lines = [line for step in steps_of(name) for line in step.get("run", "").splitlines()]
    return [shlex.split(line) for line in lines]


def test_there_is_a_workflow_for_tests_for_a_release_and_for_the_documentation():
    assert set(WORKFLOWS) == {"tests", "release", "documentation"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_rights_are_few_and_given_to_single_jobs(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    given = {job: set(one.get("permissions", {})) - {"contents"} for job, one in workflow["jobs"].items()}
    allowed = {"attest": {"attestations", "id-token"}, "publish": {"id-token"}, "deploy": {"pages", "id-token"}}
    assert given == {job: allowed.get(job, set()) for job in given}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_and_a_checkout_keeps_no_credentials(name):
    used = [step for step in steps_of(name) if "uses" in step]
    assert [step["uses"] for step in used if not PINNED.fullmatch(step["uses"])] == []
    checkouts = [step for step in used if step["uses"].startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_release_is_attested_with_the_bill_of_materials_that_its_audit_writes():
    jobs = WORKFLOWS["release"]["jobs"]
    used = {step["uses"].partition("@")[0]: step.get("with", {}) for step in jobs["attest"]["steps"]}
    bill = Path(used["actions/attest-sbom"]["sbom-path"]).name
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\naudit:")[2].partition("\nbench:")[0]
    assert f"-o build/{bill}" in recipe
    assert "pip-audit --requirement build/requirements.txt" in recipe
    assert "--generate-hashes" in recipe


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_target_and_every_command_that_is_called_exists(name):
    called = {words[1] for words in commands_of(name) if words[0] == "make"}
    assert called
    assert called <= TARGETS
    for words in commands_of(name):
        if words[0] == "headstart":
            command = application.Commands(name="headstart").get_command(None, words[1])
            with speaking():
                command.make_context(words[1], words[2:])


def test_tests_and_first_commands_run_on_every_python_that_is_supported():
    supported = SpecifierSet(PROJECT["requires-python"])
    versions = [f"3.{minor}" for minor in range(20) if f"3.{minor}" in supported]
    assert versions == ["3.11", "3.12", "3.13"]
    for job in WORKFLOWS["tests"]["jobs"].values():
        assert job["strategy"]["matrix"]["python"] == versions
    assert [f"Programming Language :: Python :: {one}" in PROJECT["classifiers"] for one in versions] == [True] * 3


def test_the_first_commands_are_those_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```console\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert [shlex.split(line) for line in block[1].splitlines()] == [
        words for words in commands_of("tests") if words[0] in {"pip", "headstart"}
    ]


def test_a_release_is_built_checked_attested_and_published_in_this_order():
    jobs = WORKFLOWS["release"]["jobs"]
    assert [jobs[name].get("needs") for name in ("build", "attest", "publish")] == [None, "build", "attest"]
    called = [words[1] for words in commands_of("release") if words[0] == "make"]
    assert called == ["wheel", "fresh", "audit"]
    assert not any("password" in step.get("with", {}) or "secrets." in str(step) for step in steps_of("release"))
