"""exec and attach over WebSocket, as az and others speak it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_machine import GROUPS, Answer, FakeRuntime, Program, Served, eventually, group_body, served
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from azdeploy.local.home import Home
from azdeploy.local.options import Options

ONE = f"resourceGroups/rg/{GROUPS}/cg"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Served]:
    with served(Home(tmp_path / "home"), runtime=FakeRuntime(job=Program("no\n", ends=[2]))) as found:
        found.arm.make("cg", group_body())
        yield found


def execute(machine: Served, command: str = "/bin/sh -c 'a b'") -> Answer:
    body = {"command": command, "terminalSize": {"rows": 50, "cols": 132}}
    return machine.arm.ask("POST", f"{ONE}/containers/one/exec", body)


def open_stream(machine: Served, uri: str, **headers: str) -> ClientConnection:
    context = ssl.create_default_context(cafile=str(machine.home.ca))
    return connect(uri, ssl=context, additional_headers=headers, close_timeout=1)


def test_bytes_go_both_ways_until_the_command_ends(machine: Served) -> None:
    promised = execute(machine).body
    assert promised["webSocketUri"].startswith(machine.state["url"].replace("https", "wss") + "/execstream/sessionId/")
    assert promised["webSocketUri"].endswith("?api-version=1.0&rows=50&cols=132")
    with open_stream(machine, promised["webSocketUri"]) as stream:
        stream.send(promised["password"])
        assert stream.recv() == b"$ "
        stream.send(b"typed \x00\xff")
        assert stream.recv() == b"typed \x00\xff"
        stream.send(b"exit\n")
        with pytest.raises(ConnectionClosed):
            stream.recv(timeout=5)
    assert machine.runtime.started[0].commands == [(["/bin/sh", "-c", "a b"], 50, 132)]


def test_a_wrong_password_opens_nothing(machine: Served) -> None:
    promised = execute(machine).body
    with open_stream(machine, promised["webSocketUri"]) as stream:
        stream.send("guess")
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert machine.runtime.started[0].commands == []


def test_a_session_opens_once_and_in_time(machine: Served) -> None:
    used, late = execute(machine).body, execute(machine).body
    with open_stream(machine, used["webSocketUri"]) as stream:
        stream.send(used["password"])
        assert stream.recv() == b"$ "
    machine.clock.move(301)
    for promised in (used, late):
        with open_stream(machine, promised["webSocketUri"]) as stream:
            stream.send(promised["password"])
            with pytest.raises(ConnectionClosed):
                stream.recv(timeout=5)
    assert len(machine.runtime.started[0].commands) == 1


def test_attach_takes_the_password_as_a_header(machine: Served) -> None:
    promised = machine.arm.ask("POST", f"{ONE}/containers/one/attach").body
    assert "/logstream/sessionId/" in promised["webSocketUri"]
    with open_stream(machine, promised["webSocketUri"], Authorization=promised["password"]) as stream:
        assert stream.recv() == b"log line\n"


@pytest.mark.parametrize(
    ("command", "told"),
    [("nothing", "There is no 'nothing' in the container."), ("a 'b", "The command cannot be read")],
)
def test_a_command_that_cannot_be_run_says_so(machine: Served, command: str, told: str) -> None:
    promised = execute(machine, command).body
    with open_stream(machine, promised["webSocketUri"]) as stream:
        stream.send(promised["password"])
        assert str(stream.recv()).startswith(told)


def test_a_container_that_ended_is_promised_and_then_told(machine: Served) -> None:
    machine.arm.make("ended", group_body("job", policy="Never"))
    eventually(lambda: machine.group("ended")["properties"]["instanceView"]["state"] == "Failed")
    for verb, body in (("exec", {"command": "ls"}), ("attach", None)):
        promised = machine.arm.ask("POST", f"resourceGroups/rg/{GROUPS}/ended/containers/one/{verb}", body).body
        with open_stream(machine, promised["webSocketUri"]) as stream:
            stream.send(promised["password"])
            assert stream.recv() == "The container 'one' is not running.\r\n"


def test_a_stopped_group_has_no_sessions(machine: Served) -> None:
    machine.arm.ask("POST", f"{ONE}/stop")
    for refused in (execute(machine), machine.arm.ask("POST", f"{ONE}/containers/one/attach")):
        assert (refused.status, refused.code) == (409, "ContainerGroupStopped")
        assert refused.message == "Container Group 'cg' in resource group 'rg' is stopped."
    machine.arm.done(machine.arm.ask("POST", f"{ONE}/start"))
    assert execute(machine).status == 200


def test_a_group_that_has_not_been_started_yet_has_no_sessions(tmp_path: Path) -> None:
    with served(Home(tmp_path / "home"), options=Options(latency="recorded")) as machine:
        machine.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
        created = machine.arm.ask("PUT", ONE, group_body())
        for refused in (execute(machine), machine.arm.ask("POST", f"{ONE}/containers/one/attach")):
            assert (refused.status, refused.code) == (409, "ContainerGroupDeploymentNotReady")
            assert "'cg' is not ready yet" in refused.message
        machine.clock.move(32)
        machine.arm.done(created)
        assert execute(machine).status == 200


def test_a_client_that_leaves_ends_the_session(machine: Served) -> None:
    promised = execute(machine).body
    with open_stream(machine, promised["webSocketUri"]) as stream:
        stream.send(promised["password"])
        assert stream.recv() == b"$ "
    eventually(lambda: execute(machine).status == 200)


def test_exec_needs_a_command(machine: Served) -> None:
    assert machine.arm.ask("POST", f"{ONE}/containers/one/exec", {"command": " "}).code == "InvalidCommand"
