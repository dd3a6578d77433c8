"""The rules without threads or sockets: states, back-off, events, bodies, Azure's refusals, paths, files."""

from __future__ import annotations

import json
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_machine import HandClock, group_body

from azdeploy.definitions.container_group import RestartPolicy
from azdeploy.errors import LocalError
from azdeploy.local.clock import SystemClock, milliseconds_text, seconds_text, ticks_text
from azdeploy.local.groups.checks import check
from azdeploy.local.groups.log_text import Stamps, select
from azdeploy.local.groups.shape import canonical, without_secrets
from azdeploy.local.groups.states import (
    LONGEST_BACK_OFF,
    EventLog,
    back_off,
    backing_off,
    exited,
    group_state,
    running,
    starts_again,
    stopped,
)
from azdeploy.local.home import Home, write_private
from azdeploy.local.latency import Step, seconds
from azdeploy.local.operations import Operations
from azdeploy.local.options import Latency, Options
from azdeploy.local.recording import scrubbed
from azdeploy.local.router import Route, Router
from azdeploy.local.store import Store
from azdeploy.local.wire import Refusal, Reply, Request, tags_of

NOW = datetime(2026, 11, 23, 12, 0, 0, 456_639, tzinfo=UTC)


@pytest.mark.parametrize(
    ("crashes", "wait"), [(1, 0), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 300), (99, 300)]
)
def test_the_first_restart_is_immediate_and_the_next_ones_wait(crashes: int, wait: float) -> None:
    assert back_off(crashes) == wait


@given(st.integers(1, 10_000))
def test_back_off_never_shrinks_and_is_capped(crashes: int) -> None:
    assert back_off(crashes) <= back_off(crashes + 1) <= LONGEST_BACK_OFF


@pytest.mark.parametrize(
    ("policy", "zero", "other"),
    [(RestartPolicy.ALWAYS, True, True), (RestartPolicy.ON_FAILURE, False, True), (RestartPolicy.NEVER, False, False)],
)
def test_the_restart_policy_decides(policy: RestartPolicy, zero: bool, other: bool) -> None:
    assert (starts_again(policy, 0), starts_again(policy, 1)) == (zero, other)


def test_a_groups_state_is_made_of_its_containers() -> None:
    good, bad, live = exited(NOW, 0, NOW), exited(NOW, 1, NOW), running(NOW)
    assert group_state([good, good]) == "Succeeded"
    assert group_state([good, bad]) == "Failed"
    assert group_state([good, bad, live]) == "Running"
    assert group_state([good, stopped(live, NOW)]) == "Stopped"
    assert backing_off(160).body()["detailStatus"] == "CrashLoopBackOff: Back-off 2m40s restarting failed"


def test_events_that_repeat_are_counted() -> None:
    log = EventLog()
    log.add("Pulled", "image", NOW)
    log.add("Started", "container", NOW)
    log.add("Pulled", "image", NOW + timedelta(seconds=9))
    second, first = log.bodies()
    assert (first["count"], first["firstTimestamp"], first["lastTimestamp"]) == (
        2,
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00:09Z",
    )
    assert (second["name"], second["count"]) == ("Started", 1)


def test_times_have_as_many_digits_as_azures() -> None:
    assert seconds_text(NOW) == "2026-11-23T12:00:00Z"
    assert milliseconds_text(NOW) == "2026-11-23T12:00:00.456Z"
    assert ticks_text(NOW) == "2026-11-23T12:00:00.4566390Z"


def test_bodies_are_read_in_any_case_and_answered_in_azures() -> None:
    given = {
        "PROPERTIES": {
            "OsType": "LINUX",
            "restartpolicy": "onfailure",
            "instanceView": {"state": "Running"},
            "containers": [
                {
                    "Name": "one",
                    "properties": {"Image": "i", "ports": [{"Port": "80", "protocol": "tcp"}], "command": None},
                }
            ],
        },
        "Location": "westus",
        "somethingNew": 1,
    }
    container = {"name": "one", "properties": {"image": "i", "ports": [{"protocol": "TCP", "port": 80}]}}
    properties = {"containers": [container], "restartPolicy": "OnFailure", "osType": "Linux"}
    assert canonical(given) == {"properties": properties, "location": "westus"}


@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ({"containers": {}}, "properties.containers"),
        ({"containers": [1]}, "properties.containers[0]"),
        ({"osType": 1}, "properties.osType"),
        ({"ipAddress": {"ports": [{"port": 1.5}]}}, "properties.ipAddress.ports[0].port"),
        ({"ipAddress": {"ports": [{"port": True}]}}, "properties.ipAddress.ports[0].port"),
        ({"volumes": [{"secret": {"a": 1}}]}, "properties.volumes[0].secret"),
        ({"containers": [{"properties": {"resources": {"requests": {"cpu": "x"}}}}]}, "resources.requests.cpu"),
        ({"containers": [{"properties": {"volumeMounts": [{"readOnly": "yes"}]}}]}, "volumeMounts[0].readOnly"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_by_its_path(properties: dict[str, Any], path: str) -> None:
    with pytest.raises(Refusal, match="should be") as refused:
        canonical({"properties": properties})
    assert refused.value.code == "InvalidRequestContent"
    assert path in refused.value.message


@given(st.text(min_size=12, alphabet="abcdefghij"))
def test_no_secret_property_is_shown(secret: str) -> None:
    hidden = f"#{secret}#"
    variables = [{"name": "A", "secureValue": hidden}]
    body = {
        "properties": {
            "containers": [{"name": "c", "properties": {"environmentVariables": variables}}],
            "initContainers": [{"name": "i", "properties": {"environmentVariables": variables}}],
            "volumes": [
                {"name": "s", "secret": {"f": hidden}},
                {"name": "a", "azureFile": {"shareName": "x", "storageAccountKey": hidden}},
            ],
            "imageRegistryCredentials": [{"server": "r", "password": hidden}],
            "diagnostics": {"logAnalytics": {"workspaceId": "w", "workspaceKey": hidden}},
            "extensions": [{"name": "e", "properties": {"protectedSettings": {"k": hidden}}}],
        }
    }
    settled = canonical(body)
    assert str(settled).count(hidden) == 7
    assert hidden not in str(without_secrets(settled))
    assert hidden not in json.dumps(scrubbed(body))


def _container(**properties: Any) -> dict[str, Any]:
    resources = {"requests": {"cpu": 1.0, "memoryInGB": 1.0}}
    return {"name": "one", "properties": {"image": "i", "resources": resources, **properties}}


_PORTS = [{"port": number} for number in range(1, 7)]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"osType": "BeOS"}, "InvalidOsType", "must be one of 'Windows,Linux'"),
        ({"restartPolicy": "Maybe"}, "InvalidRestartPolicy", "'Maybe'"),
        ({"containers": []}, "MissingContainers", "'cg'"),
        ({"containers": [{**_container(), "name": "Not_Good"}]}, "InvalidContainerName", "(e.g. 'my-name')"),
        ({"containers": [_container(image=" ")]}, "InvalidContainerImage", "'one'"),
        ({"containers": [_container(resources={})]}, "ResourceRequestsNotSpecified", "of contain group 'cg'"),
        (
            {"containers": [_container(environmentVariables=[{"name": "1a"}])]},
            "InvalidContainerEnvironmentVariable",
            "'one'",
        ),
        ({"containers": [_container(volumeMounts=[{"name": "v"}])]}, "VolumeNotFound", "'v'"),
        ({"containers": [_container(ports=[{"port": 0}])]}, "InvalidPort", "'0'"),
        ({"containers": [_container(ports=[{"port": 5}, {"port": 5}])]}, "DuplicateContainerPort", "'5' (TCP)"),
        ({"ipAddress": {"ports": []}}, "MissingIpAddressPorts", "cannot be empty"),
        ({"ipAddress": {"ports": _PORTS}}, "TooManyIpAddressPorts", "6"),
        ({"ipAddress": {"ports": _PORTS[:1], "type": "Private"}}, "PrivateIPAddressNotSupported", "network profile"),
        (
            {"ipAddress": {"ports": _PORTS[:1], "type": "Public"}, "subnetIds": [{"id": "s"}]},
            "PublicIPAddressNotSupported",
            "subnet",
        ),
        ({"ipAddress": {"ports": _PORTS[:1], "dnsNameLabel": "node"}}, "InvalidDnsNameLabel", "between 5 and 63"),
        (
            {"priority": "Spot", "ipAddress": {"ports": _PORTS[:1]}},
            "SpotPriorityContainerGroupNotSupportedForInboundConnectivity",
            "'cg'",
        ),
        (
            {"osType": "Windows", "containers": [_container(), {**_container(), "name": "two"}]},
            "MultipleContainersNotSupported",
            "2 containers",
        ),
        ({"imageRegistryCredentials": [{}, {}]}, "MoreImageRegistryCredentialsThanContainers", "'cg'"),
    ],
)
def test_what_azure_refuses_is_refused_with_its_code(change: dict[str, Any], code: str, words: str) -> None:
    body = group_body()
    body["properties"] |= change
    with pytest.raises(Refusal) as refused:
        check("cg", body)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert words in refused.value.message


def test_several_faults_are_told_together() -> None:
    with pytest.raises(Refusal) as refused:
        check("UPPER", {"properties": {"containers": [_container(ports=[{"port": 0}])]}})
    assert refused.value.code == "MultipleErrorsOccurred"
    assert [detail["code"] for detail in refused.value.error["details"]] == [
        "InvalidContainerGroupName",
        "InvalidOsType",
        "InvalidPort",
    ]


def test_tags_have_limits() -> None:
    assert tags_of({}) is None
    for tags in ({"a": 1}, [], {str(n): "" for n in range(51)}, {"a": "b" * 257}, {"a" * 513: ""}):
        with pytest.raises(Refusal):
            tags_of({"tags": tags})


def test_a_log_is_cut_to_its_tail() -> None:
    assert select("a\nb\nc", "2") == "b\nc"
    assert select("a\nb\n", None) == "a\nb\n"
    assert len(select("x" * 5_000_000, None)) == 4 * 1024 * 1024


def test_lines_keep_the_time_they_were_seen_first() -> None:
    stamps = Stamps()
    stamps.apply("a\n", NOW, "start 1")
    later = stamps.apply("a\nb\n", NOW + timedelta(seconds=1), "start 1")
    assert later == "2026-11-23T12:00:00.456639000Z a\n2026-11-23T12:00:01.456639000Z b\n"
    assert stamps.apply("c\n", NOW, "start 2") == "2026-11-23T12:00:00.456639000Z c\n"


def test_the_first_word_on_an_operation_counts() -> None:
    operations = Operations(HandClock())
    operation = operations.begin("/some/id")
    assert operation.body()["status"] == "Pending"
    operation.end(Refusal(409, "Busy", "Not now."))
    operation.end()
    found = operations.find(operation.id.upper())
    assert (found.body()["status"], found.body()["error"]) == ("Failed", {"code": "Busy", "message": "Not now."})
    with pytest.raises(Refusal):
        operations.find("other")


def test_the_oldest_operations_are_forgotten_also_in_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "resources", tmp_path / "key")
    operations = Operations(HandClock(), store)
    first = operations.begin("/some/id")
    first.end()
    for _ in range(1000):
        operations.begin("/some/id").end()
    with pytest.raises(Refusal):
        operations.find(first.id)
    assert len(store.all("operation")) == 1000
    store.close()


def test_recorded_latencies_are_azures_and_none_is_none() -> None:
    assert seconds(Step.CREATE_GROUP, Latency.RECORDED) == 32
    assert seconds(Step.CREATE_GROUP_IN_SUBNET, Latency.RECORDED) == 126
    assert seconds(Step.CREATE_GROUP, Latency.NONE) == 0


def test_the_system_clock_scales_waits_and_is_woken() -> None:
    woken = threading.Event()
    assert SystemClock(scale=0.0).wait(woken, 1000) is False
    woken.set()
    assert SystemClock().wait(woken, 1000) is True


@pytest.mark.parametrize("wrong", [{"port": 65536}, {"time_scale": -1}, {"runtime": "vm"}, {"latency": "high"}])
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|valid"):
        Options(**wrong)


def test_routes_ignore_case_and_decode_once_what_is_between_slashes() -> None:
    router = Router([Route("GET", "/a/{name}/b", lambda request: Reply(body=dict(request.params)))])
    asked = Request(method="GET", path="/A//x%2Fy%252F/B/", base="", query={"api-version": "1"})
    assert router.answer(asked).body == {"name": "x/y%2F"}


def test_an_error_of_the_machine_is_told_as_arms() -> None:
    def broken(request: Request) -> Reply:
        raise LocalError("The engine is gone.", hint="Start it.")

    reply = Router([Route("GET", "/a", broken, needs_version=False)]).answer(Request(method="GET", path="/a", base=""))
    assert (reply.status, reply.body["error"]["message"]) == (500, "The engine is gone. Start it.")


def test_files_are_the_users_alone(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    write_private(file, b"one")
    write_private(file, b"two")
    assert file.read_bytes() == b"two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_what_is_stored_can_be_read_with_the_key_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    store = Store(home.resources, home.store_key)
    store.save("kind", "b", {"value": "hush"})
    store.save("kind", "a", {})
    store.save("other", "c", {})
    store.close()
    assert b"hush" not in home.resources.read_bytes()
    again = Store(home.resources, home.store_key)
    assert list(again.all("kind").items()) == [("a", {}), ("b", {"value": "hush"})]
    again.remove("kind", "a")
    again.close()
    home.store_key.unlink()
    stranger = Store(home.resources, home.store_key)
    with pytest.raises(LocalError, match="cannot be read with the key"):
        stranger.all("kind")
    stranger.close()
