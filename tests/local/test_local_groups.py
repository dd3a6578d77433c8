"""Container groups over HTTP, with containers in memory and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_machine import GROUPS, FakeRuntime, HandClock, Program, Served, eventually, group_body, served

from azdeploy.local.home import Home
from azdeploy.local.options import Options

ONE = f"resourceGroups/rg/{GROUPS}/cg"
ADDRESS = {"type": "Public", "ports": [{"port": 80}]}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Served]:
    with served(Home(tmp_path / "home")) as found:
        found.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
        yield found


def test_a_group_is_pending_without_an_address_until_it_runs(machine: Served) -> None:
    created = machine.arm.ask("PUT", ONE, group_body(ipAddress=ADDRESS))
    assert created.status == 201
    assert "location" not in created.headers
    properties = created.body["properties"]
    assert properties["provisioningState"] == "Pending"
    assert properties["instanceView"] == {"events": [], "state": "Pending"}
    assert "instanceView" not in properties["containers"][0]["properties"]
    assert properties["ipAddress"] == {"ports": [{"protocol": "TCP", "port": 80}], "type": "Public"}
    assert machine.arm.done(created).body["status"] == "Succeeded"
    assert machine.group()["properties"]["ipAddress"]["ip"] == "10.0.0.4"


def test_an_operation_names_its_own_api_version_whatever_the_callers_is(machine: Served) -> None:
    created = machine.arm.ask("PUT", ONE, group_body(), version="2021-10-01")
    where = created.headers["azure-asyncoperation"]
    assert "/locations/westus/operations/" in where
    assert where.endswith("?api-version=2018-06-01")
    assert machine.arm.done(created).body.keys() == {"id", "status", "startTime", "properties"}


def test_a_list_holds_no_instance_view_at_either_level(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    for path in (f"resourceGroups/RG/{GROUPS}", GROUPS):
        [listed] = machine.arm.ask("GET", path).body["value"]
        assert "instanceView" not in listed["properties"]
        assert "instanceView" not in listed["properties"]["containers"][0]["properties"]


def test_secrets_reach_the_container_and_no_answer(machine: Served) -> None:
    body = group_body(
        imageRegistryCredentials=[{"server": "r.io", "username": "u", "password": "hush-1"}],
        volumes=[{"name": "v", "secret": {"file": "aHVzaC0y"}}],
    )
    inside = body["properties"]["containers"][0]["properties"]
    inside["environmentVariables"] = [{"name": "KEY", "secureValue": "hush-3"}, {"name": "PLAIN", "value": "seen"}]
    created = machine.arm.ask("PUT", ONE, body)
    machine.arm.done(created)
    answers = [created.body, machine.group(), machine.arm.ask("GET", GROUPS).body, machine.arm.ask("DELETE", ONE).body]
    for answer in answers:
        assert "hush" not in str(answer)
        assert "aHVzaC0y" not in str(answer)
    shown = created.body["properties"]["containers"][0]["properties"]["environmentVariables"]
    assert shown == [{"name": "KEY"}, {"name": "PLAIN", "value": "seen"}]
    assert created.body["properties"]["volumes"] == [{"name": "v", "secret": {}}]
    environment = machine.runtime.started[0].container.environment_variables
    assert environment["KEY"].reveal() == "hush-3"


def test_a_crash_is_not_the_puts_failure(tmp_path: Path) -> None:
    with served(Home(tmp_path / "home"), runtime=FakeRuntime(broken=Program("no!\n", ends=[2]))) as machine:
        machine.arm.make("cg", group_body("broken", policy="Never"))
        eventually(lambda: machine.group()["properties"]["instanceView"]["state"] == "Failed")
        state = machine.container()["currentState"]
        assert (state["state"], state["exitCode"], state["detailStatus"]) == ("Terminated", 2, "Error")
        assert machine.group()["properties"]["provisioningState"] == "Succeeded"
        assert machine.arm.ask("GET", f"{ONE}/containers/one/logs").body == {"content": "no!\n"}


def test_a_container_that_completes_makes_the_group_succeed(tmp_path: Path) -> None:
    with served(Home(tmp_path / "home"), runtime=FakeRuntime(job=Program("done\n", ends=[0]))) as machine:
        machine.arm.make("cg", group_body("job", policy="OnFailure"))
        eventually(lambda: machine.group()["properties"]["instanceView"]["state"] == "Succeeded")
        assert machine.container()["currentState"]["detailStatus"] == "Completed"


def test_a_terminated_group_is_not_updated(tmp_path: Path) -> None:
    with served(Home(tmp_path / "home"), runtime=FakeRuntime(job=Program(ends=[0]))) as machine:
        machine.arm.make("cg", group_body("job", policy="Never"))
        eventually(lambda: machine.group()["properties"]["instanceView"]["state"] == "Succeeded")
        refused = machine.arm.ask("PUT", ONE, group_body("job", policy="Never"))
        assert (refused.status, refused.code) == (400, "InvalidContainerGroupUpdate")


def test_crashes_wait_longer_each_time_and_are_told(tmp_path: Path) -> None:
    clock = HandClock()
    runtime = FakeRuntime(broken=Program("no!\n", ends=[1]))
    with served(Home(tmp_path / "home"), runtime=runtime, clock=clock) as machine:
        machine.arm.make("cg", group_body("broken"))
        waiting = "CrashLoopBackOff: Back-off 10s restarting failed"
        eventually(lambda: machine.container()["currentState"] == {"state": "Waiting", "detailStatus": waiting})
        view = machine.container()
        assert view["restartCount"] == 1
        assert view["previousState"]["exitCode"] == 1
        assert machine.group()["properties"]["instanceView"]["state"] == "Running"
        clock.move(10)
        eventually(lambda: "Back-off 20s" in machine.container()["currentState"]["detailStatus"])
        events = {event["name"]: event for event in machine.container()["events"]}
        assert (events["BackOff"]["type"], events["BackOff"]["count"]) == ("Warning", 2)
        assert events["Started"]["count"] == 3


def test_an_update_restarts_every_container_even_an_identical_one(machine: Served) -> None:
    machine.arm.make("cg", group_body(ipAddress=ADDRESS))
    before = machine.group()["properties"]["ipAddress"]["ip"]
    updated = machine.arm.ask("PUT", ONE, group_body(ipAddress=ADDRESS))
    assert updated.status == 200
    assert machine.arm.done(updated).body["status"] == "Succeeded"
    assert len(machine.runtime.started) == 2
    assert machine.group()["properties"]["ipAddress"]["ip"] == before
    killing = [event["message"] for event in machine.container()["events"] if event["name"] == "Killing"]
    assert killing == [f"Killing container with id {1:064x}."]


def test_what_an_update_leaves_out_reverts(machine: Served) -> None:
    machine.arm.make("cg", group_body(ipAddress=ADDRESS) | {"tags": {"a": "b"}})
    machine.arm.make("cg", group_body())
    assert "ipAddress" not in machine.group()["properties"]
    assert machine.group()["tags"] == {}


@pytest.mark.parametrize(
    "change",
    [
        {"osType": "Windows"},
        {"restartPolicy": "Never"},
        {"sku": "Dedicated"},
        {
            "containers": [
                {
                    "name": "one",
                    "properties": {"image": "alpine:latest", "resources": {"requests": {"cpu": 2, "memoryInGB": 1}}},
                }
            ]
        },
    ],
)
def test_an_update_of_what_is_fixed_is_refused(machine: Served, change: dict[str, Any]) -> None:
    machine.arm.make("cg", group_body())
    body = group_body()
    body["properties"] |= change
    refused = machine.arm.ask("PUT", ONE, body)
    assert (refused.status, refused.code) == (400, "InvalidContainerGroupUpdate")
    assert len(machine.runtime.started) == 1


def test_tags_are_replaced_without_a_restart(machine: Served) -> None:
    machine.arm.make("cg", group_body() | {"tags": {"a": "b"}})
    patched = machine.arm.ask("PATCH", ONE, {"tags": {"c": "d"}})
    assert (patched.status, patched.body["tags"]) == (200, {"c": "d"})
    assert len(machine.runtime.started) == 1


def test_stop_is_synchronous_and_leaves_no_exit_code(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    stopped = machine.arm.ask("POST", f"{ONE}/stop")
    assert stopped.status == 204
    assert "azure-asyncoperation" not in stopped.headers
    properties = machine.group()["properties"]
    assert (properties["provisioningState"], properties["instanceView"]["state"]) == ("Succeeded", "Stopped")
    view = machine.container()
    assert view["currentState"]["detailStatus"] == "Container stopped per client request"
    assert "exitCode" not in view["currentState"]
    assert view["previousState"]["state"] == "Running"
    assert machine.arm.ask("GET", f"{ONE}/containers/one/logs").body["content"] == "hello\nhello\n"


def test_start_has_an_operation_only_when_there_is_work(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    idle = machine.arm.ask("POST", f"{ONE}/start")
    assert (idle.status, "azure-asyncoperation" in idle.headers) == (204, False)
    machine.arm.ask("POST", f"{ONE}/stop")
    started = machine.arm.ask("POST", f"{ONE}/start")
    assert started.status == 202
    machine.arm.done(started)
    assert machine.group()["properties"]["instanceView"]["state"] == "Running"


@pytest.mark.parametrize(("keep", "same"), [(False, False), (True, True)])
def test_a_restart_moves_the_group_unless_addresses_are_kept(tmp_path: Path, keep: bool, same: bool) -> None:
    with served(Home(tmp_path / "home"), options=Options(keep_addresses=keep)) as machine:
        address = machine.arm.make("cg", group_body(ipAddress=ADDRESS)).body["properties"]["ipAddress"]["ip"]
        restarted = machine.arm.ask("POST", f"{ONE}/restart")
        assert restarted.status == 204
        machine.arm.done(restarted)
        assert (machine.group()["properties"]["ipAddress"]["ip"] == address) is same
        messages = [event["message"] for event in machine.container()["events"]]
        assert "Killing container one (platform initiated)." in messages


def test_a_restarting_group_is_updating_and_refuses_changes(tmp_path: Path) -> None:
    with served(Home(tmp_path / "home"), options=Options(latency="recorded")) as machine:
        machine.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
        created = machine.arm.ask("PUT", ONE, group_body())
        refused = machine.arm.ask("POST", f"{ONE}/restart")
        assert (refused.status, refused.code) == (409, "ContainerGroupTransitioning")
        poll = machine.arm.ask("GET", created.headers["azure-asyncoperation"])
        assert (poll.body["status"], poll.headers["retry-after"]) == ("Pending", "1")
        machine.clock.move(32)
        machine.arm.done(created)
        restarted = machine.arm.ask("POST", f"{ONE}/restart")
        assert machine.group()["properties"]["provisioningState"] == "Updating"
        machine.clock.move(32)
        machine.arm.done(restarted)


def test_the_last_event_is_what_happened_last_also_after_a_restart(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    assert [event["name"] for event in machine.container()["events"]] == ["Pulling", "Pulled", "Started"]
    machine.clock.move(60)
    machine.arm.done(machine.arm.ask("POST", f"{ONE}/restart"))
    events = machine.container()["events"]
    assert [event["name"] for event in events] == ["Killing", "Pulling", "Pulled", "Started"]
    assert [event["count"] for event in events] == [1, 2, 2, 2]
    machine.arm.ask("POST", f"{ONE}/stop")
    assert machine.container()["events"][-1]["name"] == "Killing"


def test_deleting_gives_the_last_body_and_then_nothing(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    deleted = machine.arm.ask("DELETE", ONE)
    assert (deleted.status, deleted.body["properties"]["instanceView"]["state"]) == (200, "Running")
    assert machine.runtime.sandboxes[0].closed
    assert machine.runtime.started[0].stopped_with is not None
    assert machine.arm.ask("DELETE", ONE).status == 204
    missing = machine.arm.ask("GET", ONE)
    assert (missing.status, missing.code) == (404, "ResourceNotFound")
    assert missing.headers["x-ms-failure-cause"] == "gateway"


def test_a_group_can_be_deleted_while_it_is_being_created(tmp_path: Path) -> None:
    with served(Home(tmp_path / "home"), options=Options(latency="recorded")) as machine:
        machine.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
        created = machine.arm.ask("PUT", ONE, group_body())

        def delete() -> bool:
            return machine.arm.ask("DELETE", ONE).status == 200

        import threading

        deleting = threading.Thread(target=delete)
        deleting.start()
        eventually(lambda: 3.5 in machine.clock.waits)
        machine.clock.move(4)
        deleting.join()
        assert machine.arm.done(created).body["status"] == "Failed"
        assert machine.runtime.started == []


def test_init_containers_run_first_and_one_after_the_other(tmp_path: Path) -> None:
    runtime = FakeRuntime(prepare=Program(ends=[0]))
    with served(Home(tmp_path / "home"), runtime=runtime) as machine:
        init = [{"name": name, "properties": {"image": "prepare"}} for name in ("first", "second")]
        machine.arm.make("cg", group_body(initContainers=init))
        assert [started.container.name for started in runtime.started] == ["first", "second", "one"]
        shown = machine.group()["properties"]["initContainers"]
        assert shown[0]["properties"]["instanceView"]["currentState"]["exitCode"] == 0


def test_an_init_container_that_fails_for_good_keeps_the_others_from_starting(tmp_path: Path) -> None:
    runtime = FakeRuntime(prepare=Program(ends=[3]))
    with served(Home(tmp_path / "home"), runtime=runtime) as machine:
        init = [{"name": "first", "properties": {"image": "prepare"}}]
        machine.arm.make("cg", group_body(policy="Never", initContainers=init))
        assert machine.group()["properties"]["instanceView"]["state"] == "Failed"
        assert [started.container.name for started in runtime.started] == ["first"]


def test_an_init_container_that_crashes_for_ever_shows_its_states_while_the_group_is_pending(tmp_path: Path) -> None:
    clock = HandClock()
    runtime = FakeRuntime(prepare=Program("no!\n", ends=[3]))
    with served(Home(tmp_path / "home"), runtime=runtime, clock=clock) as machine:
        machine.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
        init = [{"name": "first", "properties": {"image": "prepare"}}]
        created = machine.arm.ask("PUT", ONE, group_body(initContainers=init))

        def shown() -> dict[str, Any]:
            return dict(machine.group()["properties"]["initContainers"][0]["properties"].get("instanceView", {}))

        for crashes, wait in enumerate((10, 20, 40), 1):
            waiting = f"CrashLoopBackOff: Back-off {wait}s restarting failed"
            eventually(lambda waiting=waiting: shown().get("currentState", {}).get("detailStatus") == waiting)
            assert shown()["restartCount"] == crashes
            assert shown()["previousState"]["exitCode"] == 3
            clock.move(wait)
        properties = machine.group()["properties"]
        assert (properties["provisioningState"], properties["instanceView"]["state"]) == ("Pending", "Pending")
        waiting = properties["containers"][0]["properties"]["instanceView"]["currentState"]
        assert waiting == {"state": "Waiting", "detailStatus": ""}
        assert machine.arm.ask("GET", f"{ONE}/containers/first/logs").body["content"] == "no!\n"
        poll = machine.arm.ask("GET", created.headers["azure-asyncoperation"]).body
        assert poll["status"] == "Pending"
        assert {"Failed", "BackOff"} & {event["name"] for event in poll["properties"]["events"]}
        assert machine.arm.ask("DELETE", ONE).status == 200
        assert machine.arm.ask("GET", ONE).status == 404


def test_an_image_that_is_not_there_is_refused_before_anything_happens(machine: Served) -> None:
    refused = machine.arm.ask("PUT", ONE, group_body("nosuch:1"))
    assert (refused.status, refused.code) == (400, "InaccessibleImage")
    assert refused.message.startswith("The image 'nosuch:1' in container group 'cg' is not accessible. ")
    assert refused.message.endswith("'nosuch:1' is not among the programs of this test.")
    assert machine.arm.ask("GET", ONE).status == 404


def test_what_the_runtime_cannot_honour_is_refused_in_its_words(machine: Served) -> None:
    machine.runtime.refused = ["No GPUs here; deploy to Azure."]
    refused = machine.arm.ask("PUT", ONE, group_body())
    assert (refused.status, refused.message) == (400, "No GPUs here; deploy to Azure.")


def test_a_command_that_cannot_be_started_is_told_by_state_event_and_log(tmp_path: Path) -> None:
    runtime = FakeRuntime(bad=Program(fails_to_start="There is no '/bin/nothing' in the image."))
    with served(Home(tmp_path / "home"), runtime=runtime) as machine:
        machine.arm.make("cg", group_body("bad", policy="Never"))
        eventually(lambda: machine.container()["currentState"]["state"] == "Terminated")
        assert machine.container()["currentState"]["exitCode"] == 128
        assert "Failed" in [event["name"] for event in machine.container()["events"]]
        content = machine.arm.ask("GET", f"{ONE}/containers/one/logs").body["content"]
        assert content == "There is no '/bin/nothing' in the image.\n"


def test_names_are_published_with_their_addresses(machine: Served) -> None:
    address = ADDRESS | {"dnsNameLabel": "mylabel"}
    body = machine.arm.make("cg", group_body(ipAddress=address)).body["properties"]["ipAddress"]
    assert body["fqdn"] == "mylabel.westus.azurecontainer.io"
    assert body["autoGeneratedDomainNameLabelScope"] == "Unsecure"
    assert machine.runtime.names == {"mylabel.westus.azurecontainer.io": body["ip"]}
    other = f"resourceGroups/rg/{GROUPS}/other"
    refused = machine.arm.ask("PUT", other, group_body(ipAddress=address))
    assert (refused.status, refused.code) == (400, "DnsNameLabelNotAvailable")
    machine.arm.ask("DELETE", ONE)
    assert machine.runtime.names == {}


def test_a_reuse_scope_puts_the_same_hash_into_the_name_each_time(machine: Served) -> None:
    address = ADDRESS | {"dnsNameLabel": "mylabel", "autoGeneratedDomainNameLabelScope": "TenantReuse"}
    first = machine.arm.make("cg", group_body(ipAddress=address)).body["properties"]["ipAddress"]["fqdn"]
    machine.arm.ask("DELETE", ONE)
    second = machine.arm.make("cg", group_body(ipAddress=address)).body["properties"]["ipAddress"]["fqdn"]
    label, between, *rest = first.split(".")
    assert (label, len(between), rest) == ("mylabel", 16, ["westus", "azurecontainer", "io"])
    assert first == second


def test_identities_get_their_ids_and_keep_them(machine: Served) -> None:
    mine = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
    wanted = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {mine: {}}}
    first = machine.arm.make("cg", group_body() | {"identity": wanted}).body["identity"]
    assert first["tenantId"] == machine.state["tenant"]
    assert first["userAssignedIdentities"][mine].keys() == {"principalId", "clientId"}
    second = machine.arm.make("cg", group_body() | {"identity": wanted}).body["identity"]
    assert second["principalId"] == first["principalId"]


def test_the_tail_of_a_log_is_lines(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    logs = f"{ONE}/containers/ONE/logs"
    assert machine.arm.ask("GET", f"{logs}?tail=1").body == {"content": "hello\n"}
    assert machine.arm.ask("GET", f"{logs}?tail=0").body == {"content": ""}
    assert machine.arm.ask("GET", f"{logs}?tail=x").status == 400
    stamped = machine.arm.ask("GET", f"{logs}?timestamps=true&tail=1").body["content"]
    assert stamped == "2026-11-23T12:00:00.437000000Z hello\n"
    assert machine.arm.ask("GET", f"{ONE}/containers/other/logs").status == 404


def test_case_and_doubled_slashes_do_not_matter(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    path = "resourcegroups/RG/providers/microsoft.containerinstance//CONTAINERGROUPS/CG/"
    found = machine.arm.ask("GET", path)
    assert (found.status, found.body["name"]) == (200, "cg")
    assert "/resourceGroups/rg/" in found.body["id"]


def test_newer_api_versions_get_what_they_expect(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    newer = machine.arm.ask("GET", ONE, version="2024-05-01-preview").body["properties"]
    assert newer["isCreatedFromStandbyPool"] is False
    assert newer["containers"][0]["properties"]["configMap"] == {"keyValuePairs": {}}
    assert "isCreatedFromStandbyPool" not in machine.group()["properties"]


def test_a_group_in_a_subnet_needs_that_subnet(machine: Served) -> None:
    network = "resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
    subnet = {"id": machine.arm.full(f"{network}/subnets/s")}
    body = group_body(subnetIds=[subnet], ipAddress={"type": "Private", "ports": [{"port": 80}]})
    assert machine.arm.ask("PUT", ONE, body).code == "InvalidResourceReference"
    machine.arm.ask("PUT", network, {"location": "westus", "properties": {}})
    machine.arm.ask("PUT", f"{network}/subnets/s", {"properties": {"addressPrefix": "10.0.0.0/24"}})
    created = machine.arm.ask("PUT", ONE, body)
    assert "ipAddress" not in created.body["properties"]
    machine.arm.done(created)
    assert machine.group()["properties"]["ipAddress"]["ip"]


def test_a_failing_liveness_probe_ends_the_container(machine: Served) -> None:
    body = group_body(policy="Never")
    probe = {"httpGet": {"port": 1, "path": "/"}, "periodSeconds": 5, "failureThreshold": 1}
    body["properties"]["containers"][0]["properties"]["livenessProbe"] = probe
    machine.runtime.address = lambda taken: "127.0.0.1"
    machine.arm.make("cg", body)
    eventually(lambda: machine.clock.move(5) or machine.container()["currentState"]["state"] == "Terminated")
    unhealthy = [event for event in machine.container()["events"] if event["name"] == "Unhealthy"]
    assert unhealthy[0]["type"] == "Warning"
    assert unhealthy[0]["message"].startswith("Liveness probe failed: GET / on port 1: ")


def test_saying_what_is_the_default_anyway_is_an_update_in_place(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    body = group_body()
    body["properties"] |= {"sku": "Standard", "priority": "Regular", "initContainers": []}
    assert machine.arm.ask("PUT", ONE, body).status == 200


def test_another_container_is_an_update_in_place(machine: Served) -> None:
    machine.arm.make("cg", group_body())
    body = group_body()
    more = {"image": "alpine:latest", "resources": {"requests": {"cpu": 1, "memoryInGB": 1}}}
    body["properties"]["containers"].append({"name": "two", "properties": more})
    assert machine.arm.ask("PUT", ONE, body).status == 200
