"""The examples of deployment keep to their schemas, call what exists, and give every node the same image and paths.

The compose file is checked against the schema of the compose specification, pod templates and objects of Kubernetes against the
models of its client, and the fields of a RayCluster against those of its v1 API in KubeRay 1.3. Nothing is started.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from headstart.cli import _application as application
from headstart.core.language import speaking

FOLDER = Path(__file__).parents[1] / "examples" / "cluster"
OBJECTS = [
    document
    for name in ("volumes", "raycluster", "job", "serve")
    for document in yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
]
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
CLUSTER_FIELDS = {"rayVersion", "enableInTreeAutoscaling", "headGroupSpec", "workerGroupSpecs"}
GROUP_FIELDS = {
    "headGroupSpec": {"rayStartParams", "template"},
    "workerGroupSpecs": {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"},
}


def named(kind: str) -> dict[str, Any]:
    (found,) = [one for one in OBJECTS if one["kind"] == kind]
    return found


def groups() -> list[tuple[str, dict[str, Any]]]:
    spec = named("RayCluster")["spec"]
    return [("headGroupSpec", spec["headGroupSpec"]), *(("workerGroupSpecs", one) for one in spec["workerGroupSpecs"])]


def pods() -> list[dict[str, Any]]:
    """The pod templates of all objects."""
    return [group["template"] for _, group in groups()] + [named(kind)["spec"]["template"] for kind in ("Job", "Deployment")]


def containers() -> list[dict[str, Any]]:
    return [one for pod in pods() for one in pod["spec"]["containers"]]


def faults(value: Any, kind: str) -> list[str]:
    """The fields of a value that a type of the Kubernetes API does not know, lacks, or has of another type."""
    model = getattr(pytest.importorskip("kubernetes.client"), kind)
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors()]
    return []


def test_the_compose_file_keeps_to_the_specification():
    pytest.importorskip("check_jsonschema")
    jsonschema = pytest.importorskip("jsonschema")
    text = files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)
    broken = {**COMPOSE, "services": {**COMPOSE["services"], "worker": {**COMPOSE["services"]["worker"], "unknown": []}}}
    assert not jsonschema.Draft202012Validator(schema).is_valid(broken)


@pytest.mark.parametrize(
    "thing", [one for one in OBJECTS if one["kind"] != "RayCluster"], ids=lambda one: one["metadata"]["name"]
)
def test_objects_of_kubernetes_are_those_of_its_api(thing):
    assert faults(thing, f"V1{thing['kind']}") == []


def test_a_ray_cluster_has_fields_of_its_api_and_pods_of_kubernetes():
    cluster = named("RayCluster")
    assert (cluster["apiVersion"], set(cluster["spec"]) - CLUSTER_FIELDS) == ("ray.io/v1", set())
    for kind, group in groups():
        assert set(group) - GROUP_FIELDS[kind] == set()
        assert {"rayStartParams", "template"} <= set(group)
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        assert faults(group["template"], "V1PodTemplateSpec") == []


def test_a_wrong_field_or_type_is_found():
    pod = {"spec": {"containers": [{"imagee": "b", "ports": [{"containerPort": "80"}]}]}}
    assert [one.rpartition(".")[2] for one in faults(pod, "V1PodTemplateSpec")] == [
        "name: missing", "containerPort: int_type", "imagee: extra_forbidden",
    ]  # fmt: skip


def commands() -> list[list[str]]:
    found = [one["command"] for one in containers() if "command" in one]
    return found + [service["command"] for service in COMPOSE["services"].values()]


@pytest.mark.parametrize("words", [words for words in commands() if words[0] == "headstart"], ids=lambda words: words[1])
def test_commands_of_headstart_are_taken_and_reach_the_client_port_of_the_head(words):
    command = application.Commands(name="headstart").get_command(None, words[1])
    with speaking():
        given = command.make_context(words[1], [*words[2:]]).params
    assert given["cluster"] in ("ray://head:10001", f"ray://{named('RayCluster')['metadata']['name']}-head-svc:10001")


@pytest.mark.parametrize("words", [words for words in commands() if words[0] == "ray"], ids=["head", "worker"])
def test_options_of_ray_are_known(words):
    start = pytest.importorskip("ray.scripts.scripts").start
    assert words[:2] == ["ray", "start"]
    known = {option for parameter in start.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in words[2:]} <= known
    for _, group in groups():
        assert {f"--{name}" for name in group["rayStartParams"]} <= known


def test_every_node_and_driver_has_one_image_and_sees_the_cache_under_one_path():
    assert {one["image"].partition(":")[0] for one in containers()} == {"headstart-cluster"}
    assert {one["image"] for one in COMPOSE["services"].values()} == {"headstart-cluster"}
    cache = re.search(r"HEADSTART_CACHE=(\S+)", (FOLDER / "Dockerfile").read_text(encoding="utf-8"))[1]
    for one in containers():
        assert cache in [mount["mountPath"] for mount in one["volumeMounts"]]
    for service in COMPOSE["services"].values():
        assert f"cache:{cache}" in service["volumes"]


def test_volumes_that_are_mounted_are_claimed():
    claimed = {one["metadata"]["name"] for one in OBJECTS if one["kind"] == "PersistentVolumeClaim"}
    for pod in pods():
        volumes = {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in pod["spec"]["volumes"]}
        assert set(volumes.values()) <= claimed
        assert {mount["name"] for one in pod["spec"]["containers"] for mount in one["volumeMounts"]} <= set(volumes)


def test_the_image_is_made_of_what_the_build_is_sent():
    ignored = (FOLDER.parents[1] / ".dockerignore").read_text(encoding="utf-8").splitlines()
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert [word for word in copied if f"!{word}" not in ignored] == []
    assert '".[cluster,serve,remote]"' in text
