"""The sequences that were recorded of Azure, replayed as requests: same statuses, same shapes, same values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from docker_images import engine_missing, make_images
from local_machine import Answer, FakeRuntime, Program, Served, eventually, served

from azdeploy.local.clock import SystemClock
from azdeploy.local.docker.runtime import DockerRuntime
from azdeploy.local.home import Home
from azdeploy.local.runtime import Runtime

_CASES = [
    "container.test_container_create",
    "container.test_container_create_spot_priority",
    "container.test_container_create_with_vnet",
    "container.test_container_create_with_zone",
    "container.test_container_exec",
    "container.test_container_export",
    "resource.test_resource_group",
    "resource.test_resource_group_no_wait",
]
# Those that can be replayed with containers that really run: the others read logs that are written 20 seconds apart.
_RUN_FOR_REAL = [
    case for case in _CASES if case.startswith("container.") and not case.endswith(("_create", "_priority"))
]
_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
# What is another one each time.
_VOLATILE = frozenset(
    {"ip", "startTime", "finishTime", "firstTimestamp", "lastTimestamp", "etag", "resourceGuid", "message"}
    | {"webSocketUri", "password", "count"}
)
_MAY_BE_MISSING = frozenset({"events"})  # Azure leaves them out now and then
_OURS_TOO = ("azure-asyncoperation", "location", "etag", "x-ms-failure-cause")


class Replay:
    """Sends the requests of one recording and compares the answers."""

    def __init__(self, machine: Served) -> None:
        self._machine = machine
        self._urls: dict[str, str] = {}

    def prepare(self, exchanges: list[dict[str, Any]]) -> None:
        """Make the resource group that the recording starts with, as its first answers show it."""
        name = re.search(r"/resourcegroups/([^/?]+)", exchanges[0]["request"]["url"], re.IGNORECASE)
        assert name is not None
        bodies = [exchange["response"]["body"] or {} for exchange in exchanges]
        shown = next((body for body in bodies if body.get("type") == "Microsoft.Resources/resourceGroups"), {})
        location = next((body["location"] for body in bodies if "location" in body), "westus")
        wanted = {"location": shown.get("location", location), **({"tags": shown["tags"]} if "tags" in shown else {})}
        assert self._machine.arm.ask("PUT", f"resourceGroups/{name[1]}", wanted).status == 201

    def exchange(self, recorded: Mapping[str, Any]) -> None:
        """Send one request until the answer is the recorded one; fail with the last difference when it never is."""
        request, expected = recorded["request"], recorded["response"]
        last: list[str] = []

        def same() -> bool:
            answer = self._send(request)
            last[:] = list(self._differences(expected, answer))
            if not last:
                self._learn(expected, answer)
            return not last

        if request["method"] not in ("GET", "HEAD"):
            assert same(), (request["method"], request["url"], last)
            return
        try:
            eventually(same, patience=3)
        except AssertionError:
            raise AssertionError((request["url"], last)) from None

    def _send(self, request: Mapping[str, Any]) -> Answer:
        url = self._urls.get(request["url"], request["url"])
        url = url.replace("https://management.azure.com", self._machine.arm.url)
        body = json.loads(self._ours(json.dumps(request["body"])))
        return self._machine.arm.ask(request["method"], self._ours(url), body)

    def _ours(self, text: str) -> str:
        return text.replace(_SUBSCRIPTION, self._machine.arm.subscription)

    def _learn(self, expected: Mapping[str, Any], answer: Answer) -> None:
        for name in ("azure-asyncoperation", "location"):
            if name in expected["headers"]:
                self._urls[expected["headers"][name]] = answer.headers[name]

    def _differences(self, expected: Mapping[str, Any], answer: Answer) -> Iterator[str]:
        if expected["status"] != answer.status:
            yield f"status {answer.status}, recorded {expected['status']}"
        for name in _OURS_TOO:
            if (name in expected["headers"]) != (name in answer.headers):
                yield f"header {name}: {answer.headers.get(name)}, recorded {expected['headers'].get(name)}"
        kinds = [headers.get("content-type") for headers in (expected["headers"], answer.headers)]
        if kinds[0] != kinds[1]:
            yield f"content-type {kinds[1]}, recorded {kinds[0]}"
        yield from _unlike("", json.loads(self._ours(json.dumps(expected["body"]))), answer.body)


def _unlike(path: str, recorded: Any, ours: Any) -> Iterator[str]:
    match recorded, ours:
        case dict(), dict():
            yield from _unlike_objects(path, recorded, ours)
        case list(), list():
            if len(recorded) != len(ours):
                yield f"{path}: {len(ours)} items, recorded {len(recorded)}"
            for index, (one, other) in enumerate(zip(recorded, ours, strict=False)):
                yield from _unlike(f"{path}[{index}]", one, other)
        case _ if path.rpartition(".")[2] in _VOLATILE and type(recorded) is type(ours):
            return
        case _:
            if recorded != ours:
                yield f"{path}: {ours!r}, recorded {recorded!r}"


def _unlike_objects(path: str, recorded: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    names = [[name for name in body if name not in _MAY_BE_MISSING] for body in (recorded, ours)]
    if names[0] != names[1]:  # Azure's order is ours as well
        yield f"{path}: {names[1]}, recorded {names[0]}"
        return
    for name in names[0]:
        yield from _unlike(f"{path}.{name}", recorded[name], ours[name])
    for event in ours.get("events", []):
        yield from _unlike_event(path, event)


def _unlike_event(path: str, event: Mapping[str, Any]) -> Iterator[str]:
    if list(event) != ["count", "firstTimestamp", "lastTimestamp", "name", "message", "type"]:
        yield f"{path}: an event {event}"


@pytest.mark.parametrize("case", _CASES)
def test_a_recorded_sequence_gets_the_recorded_answers(conformance: Path, tmp_path: Path, case: str) -> None:
    exchanges = json.loads((conformance / "traffic" / f"{case}.json").read_text())
    crashes = case.endswith("_exec")
    runtime = FakeRuntime(**{"alpine:latest": Program("hello\nhello\n", ends=[2] if crashes else [None])})
    replay(tmp_path, runtime, exchanges)


@pytest.mark.docker
@pytest.mark.parametrize("case", _RUN_FOR_REAL)
def test_a_recorded_sequence_gets_the_recorded_answers_of_real_containers(
    conformance: Path, tmp_path: Path, case: str
) -> None:
    if missing := engine_missing():
        pytest.skip(missing)
    make_images()
    exchanges = json.loads((conformance / "traffic" / f"{case}.json").read_text())
    runtime = DockerRuntime(tmp_path / "home" / "runtime")
    try:
        replay(tmp_path, runtime, exchanges)
    finally:
        runtime.sweep(())
        runtime.close()


def replay(folder: Path, runtime: Runtime, exchanges: list[dict[str, Any]]) -> None:
    """Send all requests of a recording to an endpoint with that runtime."""
    with served(Home(folder / "home"), runtime=runtime, clock=SystemClock()) as machine:
        sequence = Replay(machine)
        sequence.prepare(exchanges)
        for recorded in exchanges:
            if not _is_an_intermediate_poll(recorded):
                sequence.exchange(recorded)


def _is_an_intermediate_poll(recorded: Mapping[str, Any]) -> bool:
    """Tell whether a poll found the operation still under way: here it may be over at the first one."""
    request, response = recorded["request"], recorded["response"]
    is_poll = request["method"] == "GET" and re.search("/operation", unquote(request["url"])) is not None
    return is_poll and (response["status"] == 202 or (response["body"] or {}).get("status") == "Pending")
