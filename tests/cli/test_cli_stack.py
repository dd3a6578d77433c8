"""What is deployed, seen and removed from the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


@pytest.fixture
def deployed(run, machine):
    """A deployed pair, taken down afterwards."""
    assert run("aci", "socket-pair", "--local", "--connections", "5").code == 0
    yield
    run("down", "socket-pair", "--local")


@pytest.mark.usefixtures("deployed")
def test_list_shows_where_each_group_is_and_whose(run) -> None:
    lines = run("aci", "list", "--local").stdout.splitlines()

    assert lines[0].split() == ["NAME", "RESOURCE", "GROUP", "STACK", "PROVISIONING", "ADDRESS", "IMAGES"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["socket-client", "socket-pair", "socket-pair"],
        ["socket-server", "socket-pair", "socket-pair"],
    ]


@pytest.mark.usefixtures("deployed")
def test_show_tells_the_group_and_its_containers(run) -> None:
    text = run("aci", "show", "socket-client", "--local").stdout

    assert text.startswith("socket-client  Running\n")
    assert "environment SOCKET_SERVER_PORT=1337" in text
    assert run("aci", "show", "socket-client", "--local", "-o", "json").json["name"] == "socket-client"


@pytest.mark.usefixtures("deployed")
def test_status_tells_states_addresses_and_restarts(run) -> None:
    told = run("status", "socket-pair", "--local", "-o", "json").json

    assert [group["state"] for group in told] == ["Running", "Running"]
    assert [container["restarts"] for group in told for container in group["containers"]] == [0, 0]
    rows = run("status", "socket-pair", "--local").stdout.splitlines()
    assert re.fullmatch(r"socket-client +socket-client +Running +127\.\S+ +0 +Started container", rows[1])


@pytest.mark.usefixtures("deployed")
def test_yaml_is_yaml(run) -> None:
    assert "name: socket-client" in run("aci", "list", "--local", "-o", "yaml").stdout


@pytest.mark.usefixtures("deployed")
def test_logs_name_the_container_of_each_line(run) -> None:
    lines = run("logs", "socket-pair", "--local", "--tail", "2").stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["socket-client", "socket-client", "socket-server", "socket-server"]
    assert lines[1] == "socket-client  5 of 5 connections answered"
    only = run("logs", "socket-pair", "socket-server", "--local", "--tail", "1").stdout
    assert only.startswith("socket-server  ")


@pytest.mark.usefixtures("deployed")
def test_logs_of_what_is_not_there_say_what_is(run) -> None:
    told = run("logs", "socket-pair", "database", "--local")

    assert told.code == 1
    assert "socket-client, socket-server" in told.stderr


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("command", [("status", "nothing"), ("logs", "nothing"), ("aci", "show", "nothing")])
def test_what_is_not_there_is_one_sentence(run, command: tuple[str, ...]) -> None:
    told = run(*command, "--local")

    assert told.code == 1
    assert told.stderr.startswith("azdeploy: There is no")
    assert not told.stdout


@pytest.mark.usefixtures("machine")
def test_there_being_nothing_to_delete_is_success(run) -> None:
    told = run("down", "nothing", "--local", "-o", "json")

    assert told.code == 0
    assert told.json == {"stack": "nothing", "deleted": [], "resourceGroup": None}
    assert run("down", "nothing", "--local").stdout == "There is nothing of stack nothing to delete.\n"


def test_status_of_this_machine(run, machine: Path) -> None:
    told = run("local", "status", "-o", "json").json

    assert told["running"]
    assert told["runtime"] == "process"
    assert run("local", "status").stdout.startswith("Azure on this machine is up at https://127.0.0.1:")
    assert "process runtime" in run("local", "start").stdout
    assert (machine / "client-secret").read_text() not in run("local", "env").stdout


def test_nothing_runs_before_it_is_started(run) -> None:
    assert run("local", "status").stdout.startswith("Azure on this machine is not running")
    assert run("local", "stop").stdout == "It was not running.\n"
    assert run("local", "reset").code == 0
    told = run("local", "env")
    assert told.code == 1
    assert "azdeploy local start" in told.stderr


def test_another_runtime_than_the_running_one_is_refused(run, machine: Path) -> None:
    told = run("aci", "list", "--local")
    assert told.code == 0
    told = run("local", "start", "--runtime", "docker")
    assert told.code == 1
    assert "local stop" in told.stderr


def test_the_endpoints_settings_are_shown_and_not_changed_in_silence(run) -> None:
    assert run("local", "start", "--runtime", "process", "--latency", "recorded", "--time-scale", "0.01").code == 0

    assert "may change at a restart; latency recorded, times by 0.01" in run("local", "status").stdout
    assert run("local", "start").code == 0
    refused = run("local", "start", "--keep-addresses")
    assert refused.code == 1
    assert "local stop" in refused.stderr
    assert "all that was deployed to it is gone" in run("local", "reset", "--yes").stdout
