"""What a response says of a group's life, which requests a change takes, and which containers failed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from full_group import FULL_GROUP, HIDDEN

from azdeploy.arm.codec import FaultyBodyError, Request
from azdeploy.arm.container_group import CODEC, existing, requests
from azdeploy.arm.crash import Crash, crash, crashes
from azdeploy.arm.resource_id import ResourceId
from azdeploy.definitions.container_group import Container, ContainerGroup
from azdeploy.planning.plan import Action, Change, Existing, State

SCOPE = ResourceId(subscription="s", resource_group="rg")
PATH = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerInstance/containerGroups/web"
GROUP = ContainerGroup(name="web", containers=[Container(name="web", image="nginx")], tags={"team": "one"})
BEFORE = Existing(definition=GROUP, id=PATH.lower(), stack="pair")


def response(provisioning: str | None = "Succeeded", instance: str | None = None, **properties: Any) -> dict[str, Any]:
    body = CODEC.encode(GROUP, "westus") | {"id": PATH, "name": "web"}
    body["properties"] |= properties
    if provisioning is not None:
        body["properties"]["provisioningState"] = provisioning
    if instance is not None:
        body["properties"]["instanceView"] = {"events": [], "state": instance}
    return body


# State and outputs


@pytest.mark.parametrize(
    ("provisioning", "instance", "state"),
    [
        ("Succeeded", "Running", State.RUNNING),
        ("Succeeded", None, State.RUNNING),
        (None, None, State.RUNNING),
        ("succeeded", "stopped", State.STOPPED),
        ("Succeeded", "Succeeded", State.TERMINATED),
        ("Succeeded", "Failed", State.TERMINATED),
        ("Pending", "Pending", State.CHANGING),
        ("Updating", "Running", State.CHANGING),
        ("SomethingNew", None, State.CHANGING),
        ("Failed", "Running", State.FAILED),
        ("Canceled", None, State.FAILED),
    ],
)
def test_the_state_follows_from_provisioning_and_instances(
    provisioning: str | None, instance: str | None, state: State
) -> None:
    assert CODEC.state(response(provisioning, instance)) is state


def test_outputs_are_those_that_are_there_yet() -> None:
    ports = [{"port": 1337, "protocol": "TCP"}, {"port": 80}]
    address = {"type": "Public", "ports": ports}
    assert CODEC.outputs(response()) == {}
    assert CODEC.outputs(response(ipAddress={"type": "Public", "ports": []})) == {}
    assert CODEC.outputs(response(ipAddress=address)) == {"port": "1337"}
    known = address | {"IP": "20.1.2.3", "fqdn": "label.westus.azurecontainer.io"}
    assert CODEC.outputs(response(ipAddress=known)) == {
        "ip": "20.1.2.3",
        "fqdn": "label.westus.azurecontainer.io",
        "port": "1337",
    }


def test_what_exists_carries_its_id_stack_state_and_outputs() -> None:
    body = response("Succeeded", "Stopped", ipAddress={"type": "Public", "ip": "20.1.2.3", "ports": [{"port": 80}]})
    found = existing(body | {"tags": {"Azdeploy-Stack": "pair"}})
    assert (found.name, found.id, found.stack) == ("web", PATH, "pair")
    assert (found.state, found.outputs) == (State.STOPPED, {"ip": "20.1.2.3", "port": "80"})
    assert existing(body).stack is None


def test_what_has_no_id_is_no_resource() -> None:
    with pytest.raises(FaultyBodyError, match="id: must be a text"):
        existing({name: value for name, value in response().items() if name != "id"})


# Requests


@pytest.mark.parametrize(
    ("action", "methods"),
    [
        (Action.NOOP, []),
        (Action.CREATE, ["PUT"]),
        (Action.UPDATE, ["PUT"]),
        (Action.TAG, ["PATCH"]),
        (Action.REPLACE, ["DELETE", "PUT"]),
        (Action.DELETE, ["DELETE"]),
    ],
)
def test_each_action_is_these_requests(action: Action, methods: list[str]) -> None:
    before = None if action is Action.CREATE else BEFORE
    after = None if action is Action.DELETE else GROUP
    sent = requests(Change(action=action, name="web", before=before, after=after), SCOPE, "westus")
    assert [request.method for request in sent] == methods
    assert all(request.path.lower() == PATH.lower() and request.api_version == "2023-05-01" for request in sent)
    for request in sent:
        bodies = {"PUT": CODEC.encode(GROUP, "westus"), "PATCH": {"tags": {"team": "one"}}, "DELETE": None}
        assert request.body == bodies[request.method]


def test_a_request_shows_no_secret() -> None:
    change = Change(action=Action.CREATE, name="full-group", after=replace(FULL_GROUP, location=None))
    [request] = requests(change, SCOPE, "westus")
    assert HIDDEN in json.dumps(request.body)
    assert HIDDEN not in repr(request)
    shown = request.masked()
    assert HIDDEN not in json.dumps(shown.body)
    assert (shown.method, shown.path) == (request.method, request.path)
    bare = Request(method="DELETE", path="/x", api_version="1")
    assert bare.masked() == bare


# Crashes


def with_views(*views: Any, policy: str | None = "Always", kind: str = "containers") -> dict[str, Any]:
    members = [{"name": f"c{index}", "properties": {"instanceView": view}} for index, view in enumerate(views)]
    properties: dict[str, Any] = {kind: members}
    if policy is not None:
        properties["restartPolicy"] = policy
    return {"properties": properties}


def ended(code: int | None, restarts: int = 0, detail: str = "Error") -> dict[str, Any]:
    state = {"state": "Terminated", "detailStatus": detail} | ({} if code is None else {"exitCode": code})
    return {"restartCount": restarts, "currentState": state}


def waiting(detail: str, **view: Any) -> dict[str, Any]:
    return {"restartCount": 0, "currentState": {"state": "Waiting", "detailStatus": detail}} | view


RUNNING = {"restartCount": 0, "currentState": {"state": "Running", "detailStatus": ""}}
BACK_OFF = "CrashLoopBackOff: Back-off 10s restarting failed"


@pytest.mark.parametrize(
    ("view", "policy", "exit_code", "detail"),
    [
        (waiting(BACK_OFF, previousState={"state": "Terminated", "exitCode": 3}), "Always", 3, BACK_OFF),
        (waiting(BACK_OFF, previousState={"state": "Terminated", "exitCode": 0}), None, 0, BACK_OFF),
        (waiting(BACK_OFF), "OnFailure", None, BACK_OFF),
        (waiting("ImagePullBackOff: x"), "Always", None, "ImagePullBackOff: x"),
        (waiting("errImagePull"), "Always", None, "errImagePull"),
        (ended(2), "Never", 2, "Error"),
        (ended(137, 1), "OnFailure", 137, "Error"),
        (ended(1, 2), "Always", 1, "Error"),
    ],
)
def test_a_failed_container_is_found(view: Any, policy: str | None, exit_code: int | None, detail: str) -> None:
    assert crash(with_views(RUNNING, view, policy=policy)) == Crash(container="c1", exit_code=exit_code, detail=detail)


@pytest.mark.parametrize(
    ("view", "policy"),
    [
        (RUNNING, "Always"),
        (None, "Always"),
        ({}, "Always"),
        (waiting(""), "Always"),
        (waiting("ContainerCreating"), "Always"),
        (ended(0, detail="Completed"), "Never"),
        (ended(None, detail="Container stopped per client request"), "Never"),
        (ended(7147, 1), "Always"),
        (ended(1), "OnFailure"),
        (ended(1), "Always"),
    ],
)
def test_what_may_still_come_or_ended_well_is_no_crash(view: Any, policy: str) -> None:
    assert crash(with_views(view, policy=policy)) is None


def test_init_containers_fail_too_and_every_failure_is_found() -> None:
    body = with_views(ended(5), policy="Never")
    body["properties"]["initContainers"] = with_views(ended(4), policy=None)["properties"]["containers"]
    assert [(found.container, found.exit_code) for found in crashes(body)] == [("c0", 4), ("c0", 5)]


def test_a_list_without_views_tells_of_no_crash() -> None:
    assert crash(response()) is None
    assert crash({"properties": {}}) is None


def test_the_recorded_container_that_ended_with_2_is_found(conformance: Path) -> None:
    exchanges = json.loads((conformance / "traffic" / "container.test_container_exec.json").read_text())
    found = [
        crash(exchange["response"]["body"]) for exchange in exchanges if "containerGroups" in exchange["request"]["url"]
    ]
    assert Crash(container="clicontainer000002", exit_code=2, detail="Error") in found
