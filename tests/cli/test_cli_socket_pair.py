"""The main job on the command line: what it prints, what it returns, and how it says no."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

import azdeploy
from azdeploy.templates import sample

GUEST = str(sample("socket-server"))
CRASHING = 'FROM scratch\nCMD ["sh", "-c", "echo one; echo two >&2; exit 3"]\n'


def client(resource_group: str):
    """Return Azure's own client for container groups, at the endpoint on this machine."""
    return azdeploy.connect_local(resource_group=resource_group)._groups._transport.containers


@pytest.fixture
def crashing(tmp_path: Path) -> Path:
    folder = tmp_path / "crashing"
    folder.mkdir()
    (folder / "Dockerfile").write_text(CRASHING)
    return folder


@pytest.fixture
def pair(run, machine):
    """Run the main job on this machine, and take down what it left."""
    yield lambda *options: run("aci", "socket-pair", "--local", *options)
    assert run("down", "socket-pair", "--local", "--yes").code == 0
    assert run("aci", "list", "--local", "-o", "json").json == []


def test_it_ends_with_the_connections_that_were_answered(pair) -> None:
    told = pair()

    assert told.code == 0
    server, client, answered = told.stdout.splitlines()
    address = server.removeprefix("server  ").removesuffix(":1337")
    assert client == f"client  SOCKET_SERVER_HOST={address} SOCKET_SERVER_PORT=1337"
    assert answered == "200 of 200 connections answered"


def test_json_is_one_document_and_progress_goes_to_stderr(pair) -> None:
    told = pair("-o", "json", "--connections", "20")

    assert told.json["connections"] == {"opened": 20, "answered": 20}
    assert told.json["changes"] == {"socket-server": "create", "socket-client": "create"}
    assert told.json["clientEnvironment"]["SOCKET_SERVER_HOST"] == told.json["outputs"]["socket-server"]["ip"]
    assert "socket-server created at" in told.stderr


def test_a_dry_run_shows_the_requests_and_sends_none(pair, run) -> None:
    told = pair("--dry-run", "--exit-code", "-o", "json")

    assert told.code == 3
    assert [request["path"].rpartition("/")[2] for request in told.json["preparation"]] == ["socket-pair"]
    requests = [request for change in told.json["changes"] for request in change["requests"]]
    assert [request["method"] for request in requests] == ["PUT", "PUT"]
    assert requests[0]["path"].endswith("/containerGroups/socket-server")
    environment = requests[1]["body"]["properties"]["containers"][0]["properties"]["environmentVariables"]
    assert {"name": "SOCKET_SERVER_HOST", "value": "${socket-server.ip}"} in environment
    assert run("aci", "list", "--local", "-o", "json").json == []


def test_a_dry_run_for_people_says_all_on_stdout(pair) -> None:
    told = pair("--dry-run")

    assert told.stdout.splitlines() == [
        "Resource group socket-pair will be made.",
        "Stack socket-pair (westus):",
        "    + socket-server  will be created",
        "    + socket-client  will be created",
        "Dry run: 2 to change, nothing was sent.",
    ]
    assert told.code == 0


def test_another_number_of_connections_updates_the_client_only(pair) -> None:
    pair("--connections", "10")
    told = pair("--connections", "15", "-o", "json")

    assert told.json["changes"] == {"socket-server": "noop", "socket-client": "update"}
    assert told.json["connections"]["answered"] == 15


def test_an_unknown_image_is_refused_and_leaves_nothing_running(pair) -> None:
    told = pair("--server-image", "no.such.registry/nothing:1")

    assert told.code == 1
    assert "no.such.registry/nothing:1" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_server_that_crashes_is_reported_with_its_exit_code_and_last_lines(pair, crashing: Path) -> None:
    told = pair("--server-image", str(crashing))

    assert told.code == 1
    assert "exit code 3" in told.stderr
    assert "two" in told.stderr


def test_a_port_in_use_is_named(pair) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 - every address is the point
        taken.listen()
        port = taken.getsockname()[1]
        told = pair("--port", str(port))

    assert told.code in (1, 4)
    assert str(port) in told.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--dns-label", "no_underscores"), "no_underscores"),
        (("--port", "3390"), "3390"),
    ],
)
def test_what_azure_would_refuse_is_refused_before_sending(pair, options: tuple[str, ...], word: str) -> None:
    told = pair(*options)

    assert told.code == 4
    assert word in told.stderr


def test_a_wrong_subscription_is_one_sentence(pair) -> None:
    told = pair("--subscription", "11111111-2222-3333-4444-555555555555")

    assert told.code == 1
    assert "11111111-2222-3333-4444-555555555555" in told.stderr
    assert len(told.stderr.splitlines()) <= 2


def test_a_stopped_server_is_started_again(pair) -> None:
    pair("--no-verify")
    client("socket-pair").container_groups.stop("socket-pair", "socket-server")
    told = pair("-o", "json")

    assert told.json["changes"]["socket-server"] == "update"
    assert "because it is stopped, and deploying starts it" in told.stderr
    assert told.json["connections"]["answered"] == 200


def test_a_moved_server_costs_one_update_of_the_client(pair) -> None:
    before = pair("-o", "json").json["outputs"]["socket-server"]["ip"]
    client("socket-pair").container_groups.begin_restart("socket-pair", "socket-server", polling_interval=0.1).result()
    told = pair("-o", "json")

    after = told.json["outputs"]["socket-server"]["ip"]
    assert after != before
    assert told.json["changes"] == {"socket-server": "noop", "socket-client": "update"}
    assert f"because socket-server.ip is now {after}, was {before}" in told.stderr


def test_down_leaves_a_resource_group_that_holds_something_foreign(pair, run) -> None:
    pair("--no-verify")
    guest = azdeploy.Stack(
        name="guest",
        resources=[azdeploy.ContainerGroup(name="guest", containers=[azdeploy.Container(name="guest", image=GUEST)])],
    )
    target = azdeploy.connect_local(resource_group="socket-pair")
    azdeploy.deploy(guest, target)
    told = run("down", "socket-pair", "--local")

    assert "Resource group socket-pair stays: it holds guest." in told.stdout
    assert [group["name"] for group in run("aci", "list", "--local", "-o", "json").json] == ["guest"]
    azdeploy.destroy("guest", target)
    assert "Resource group socket-pair is deleted." in run("down", "socket-pair", "--local").stdout


def test_no_wait_returns_at_once_and_verifies_nothing(pair) -> None:
    told = pair("--no-wait", "-o", "json")

    assert told.code == 0
    assert told.json["connections"]["answered"] is None


def test_nobody_signed_in_is_one_sentence(run) -> None:
    told = run("aci", "socket-pair", "--subscription", "11111111-2222-3333-4444-555555555555")

    assert told.code == 1
    assert "az login" in told.stderr
    assert "Traceback" not in told.stderr


def test_no_subscription_is_one_sentence(run) -> None:
    told = run("aci", "socket-pair")

    assert told.code == 1
    assert "--subscription" in told.stderr


def test_a_folder_is_no_image_on_azure(run, crashing: Path) -> None:
    told = run("aci", "socket-pair", "--server-image", str(crashing))

    assert told.code == 2
    assert "--local" in told.stderr


def test_a_runtime_without_this_machine_is_a_usage_error(run) -> None:
    told = run("aci", "socket-pair", "--runtime", "docker")

    assert told.code == 2
    assert "--local" in told.stderr


@pytest.mark.parametrize(
    "options",
    [("--no-such-option",), ("--port", "70000"), ("--port", "many"), ("--exit-code",), ("--connections", "0")],
)
def test_options_that_make_no_sense_are_usage_errors(run, options: tuple[str, ...]) -> None:
    assert run("aci", "socket-pair", "--local", *options).code == 2


def test_a_resource_group_that_azure_refuses_is_refused_before_sending(run, machine: Path) -> None:
    told = run("aci", "socket-pair", "--local", "-g", "bad/rg")

    assert told.code == 4
    assert "bad/rg" in told.stderr


def test_local_credentials_are_not_taken_to_azure(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://127.0.0.1:4433")
    told = run("aci", "list", "--subscription", "11111111-2222-3333-4444-555555555555")

    assert told.code == 2
    assert "Add --local" in told.stderr


ARTICLE = (
    ("--server-image", "containerinstance/socket-server:20180802"),
    ("--client-image", "containerinstance/socket-client:20180802"),
)


def comparable(value):
    """Return JSON as ARM reads it: names without case, and without what is Azure's default anyway."""
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if not isinstance(value, dict):
        return value
    items = {name.lower(): comparable(item) for name, item in value.items()}
    defaults = {"command": [], "restartpolicy": "Always", "sku": "Standard", "protocol": "TCP"}
    return {name: item for name, item in items.items() if name not in defaults or item != defaults[name]}


def test_with_the_articles_images_the_requests_are_the_articles(pair, articles: Path) -> None:
    told = pair("--dry-run", "-o", "json", *[word for option in ARTICLE for word in option])
    bodies = {change["name"]: change["requests"][0]["body"] for change in told.json["changes"]}

    for name, body in bodies.items():
        expected = json.loads((articles / f"{name}.json").read_text())
        for variable in expected["properties"]["containers"][0]["properties"].get("environmentVariables", []):
            variable["value"] = {
                "SOCKET_SERVER_HOST": "${socket-server.ip}",
                "SOCKET_SERVER_PORT": "1337",
            }[variable["name"]]
        assert set(body.pop("tags")) <= {"azdeploy-stack", "azdeploy-depends-on"}
        assert comparable(body) == comparable(expected)
