"""How operations are doing: few requests, and every way in which one ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_arm import CRASHED, SCOPE, TYPE, Reply, World, error, group, listing, path, place, scripted_arm

from azdeploy.arm.progress import Monitor
from azdeploy.errors import ContainerFailed, OperationFailed, Throttled
from azdeploy.execution.target import Broken, Done, Operation, Pending, Status, Verb
from azdeploy.planning.plan import State

HERE = f"{place()}/providers/{TYPE}"
OPERATION = f"{SCOPE}/providers/Microsoft.ContainerInstance/locations/westus/operations/1"
LOGS = f"{path('server')}/containers/server/logs"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with scripted_arm(tmp_path) as arm:
        yield World(arm=arm)


def operation(world: World, verb: Verb, name: str, resource_group: str = "pair", *, url: bool = True) -> Operation:
    where = f"{world.arm.url}{OPERATION}?api-version=2018-06-01&s=signed" if url else ""
    return Operation(verb=verb, name=name, monitor=Monitor(id=path(name, resource_group), url=where).text())


def poll(world: World, operation: Operation) -> Status:
    return world.target().poll([operation])[operation]


def broken(status: Status) -> Exception:
    assert isinstance(status, Broken)
    return status.error


def test_several_operations_in_a_resource_group_cost_one_list(world: World) -> None:
    operations = [operation(world, Verb.PUT, f"g{number}") for number in range(50)]
    bodies = [group(f"g{number}", provisioning="Creating") for number in range(50)]
    world.arm.on("GET", HERE, listing(*bodies))
    statuses = world.target().poll(operations)
    assert set(statuses.values()) == {Pending(detail="Creating")}
    assert world.arm.lines == [f"GET {HERE}"]


def test_each_resource_group_has_a_list_of_its_own(world: World) -> None:
    operations = [operation(world, Verb.PUT, name, where) for where in ("pair", "two") for name in ("a", "b")]
    for where in ("pair", "two"):
        bodies = [group(name, resource_group=where, provisioning="Pending") for name in ("a", "b")]
        world.arm.on("GET", f"{place(where)}/providers/{TYPE}", listing(*bodies))
    assert len(world.target().poll(operations)) == 4
    assert len(world.arm.asked) == 2


def test_what_has_ended_in_the_list_is_looked_at_itself(world: World) -> None:
    ended, going = operation(world, Verb.PUT, "server"), operation(world, Verb.PUT, "client")
    world.arm.on("GET", HERE, listing(group("server"), group("client", provisioning="Creating")))
    world.arm.on("GET", path("server"), Reply(body=group("server")))
    statuses = world.target().poll([ended, going])
    assert isinstance(statuses[ended], Done)
    assert statuses[going] == Pending(detail="Creating")
    assert world.arm.lines == [f"GET {HERE}", f"GET {path('server')}"]


def test_a_group_that_the_list_does_not_show_yet_is_looked_at_itself(world: World) -> None:
    new, going = operation(world, Verb.PUT, "server"), operation(world, Verb.PUT, "client")
    world.arm.on("GET", HERE, listing(group("client", provisioning="Creating")))
    world.arm.on("GET", path("server"), Reply(body=group("server", provisioning="Pending")))
    assert world.target().poll([new, going])[new] == Pending(detail="Pending")


def test_deletions_end_when_the_list_no_longer_shows_them(world: World) -> None:
    gone, going = operation(world, Verb.DELETE, "server"), operation(world, Verb.DELETE, "client")
    world.arm.on("GET", HERE, listing(group("client", provisioning="Deleting")))
    assert world.target().poll([gone, going]) == {gone: Done(), going: Pending(detail="Deleting")}


def test_the_servers_wish_is_passed_on(world: World) -> None:
    reply = Reply(body=group("server", provisioning="Creating"), headers={"Retry-After": "7"})
    world.arm.on("GET", path("server"), reply)
    assert poll(world, operation(world, Verb.PUT, "server")) == Pending(detail="Creating", retry_after=7)


def test_a_group_that_runs_is_done_with_its_outputs(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server")))
    status = poll(world, operation(world, Verb.PUT, "server"))
    assert isinstance(status, Done)
    assert status.existing is not None
    assert status.existing.outputs["ip"] == "20.1.2.3"


def test_a_running_group_without_its_address_is_not_done(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server", ip=None)))
    assert poll(world, operation(world, Verb.PUT, "server")) == Pending(detail="waiting for its address")


def test_a_group_that_ended_well_is_done_without_an_address(world: World) -> None:
    ended = {"restartCount": 0, "currentState": {"state": "Terminated", "exitCode": 0, "detailStatus": "Completed"}}
    world.arm.on("GET", path("server"), Reply(body=group("server", ip=None, view=ended, state="Succeeded")))
    status = poll(world, operation(world, Verb.PUT, "server"))
    assert isinstance(status, Done)
    assert status.existing is not None
    assert status.existing.state is State.TERMINATED


def test_a_crash_is_told_with_exit_code_and_the_last_twenty_lines(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server", view=CRASHED)))
    world.arm.on("GET", LOGS, Reply(body={"content": "".join(f"line {number}\n" for number in range(30))}))
    failure = broken(poll(world, operation(world, Verb.PUT, "server")))
    assert isinstance(failure, ContainerFailed)
    assert failure.container_exit_code == 2
    assert failure.last_lines == tuple(f"line {number}" for number in range(10, 30))
    assert world.arm.asked[-1].query["tail"] == "20"


def test_a_crash_is_told_even_when_the_log_cannot_be_read(world: World) -> None:
    waiting = {
        "restartCount": 0,
        "currentState": {"state": "Waiting", "detailStatus": "ImagePullBackOff: no such image"},
    }
    world.arm.on("GET", path("server"), Reply(body=group("server", view=waiting)))
    world.arm.on("GET", LOGS, error(404, "ContainerNotFound"))
    failure = broken(poll(world, operation(world, Verb.PUT, "server")))
    assert str(failure) == "Container server of server did not start (ImagePullBackOff: no such image)."


def test_a_crash_without_a_word_from_azure_is_told_plainly(world: World) -> None:
    view = {"restartCount": 1, "currentState": {"state": "Terminated", "exitCode": 139}}
    world.arm.on("GET", path("server"), Reply(body=group("server", view=view)))
    world.arm.on("GET", LOGS, Reply(body={"content": ""}))
    failure = broken(poll(world, operation(world, Verb.PUT, "server")))
    assert str(failure) == "Container server of server crashed with exit code 139."


def test_former_containers_do_not_count_while_the_group_changes(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server", view=CRASHED, provisioning="Updating")))
    assert poll(world, operation(world, Verb.PUT, "server")) == Pending(detail="Updating")


def test_a_failed_creation_is_explained_by_its_operation(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server", provisioning="Failed")))
    reason = {"code": "InaccessibleImage", "message": "The image is not accessible."}
    world.arm.on("GET", OPERATION, Reply(body={"status": "Failed", "error": reason}))
    failure = broken(poll(world, operation(world, Verb.PUT, "server")))
    assert isinstance(failure, OperationFailed)
    assert str(failure).startswith("InaccessibleImage: The image is not accessible.")
    assert world.arm.asked[-1].query == {"api-version": "2018-06-01", "s": "signed"}


@pytest.mark.parametrize("known", [True, False])
def test_a_failed_creation_is_explained_by_the_last_event_otherwise(world: World, known: bool) -> None:
    body = group("server", provisioning="Failed")
    body["properties"]["instanceView"]["events"] = [{"message": "Pulling."}, {"message": "No capacity."}]
    world.arm.on("GET", path("server"), Reply(body=body))
    world.arm.on("GET", OPERATION, error(404, "OperationNotFound"))
    failure = broken(poll(world, operation(world, Verb.PUT, "server", url=known)))
    assert str(failure) == "Failed: No capacity."


def test_a_failed_creation_without_any_explanation_says_so(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server", provisioning="Canceled")))
    world.arm.on("GET", OPERATION, Reply(body={"status": "Canceled"}))
    failure = broken(poll(world, operation(world, Verb.PUT, "server")))
    assert str(failure) == "Canceled: The operation ended badly and does not say why."


def test_a_failed_creation_is_explained_by_its_container_when_that_crashed(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server", provisioning="Failed", view=CRASHED)))
    world.arm.on("GET", LOGS, Reply(body={"content": ""}))
    assert isinstance(broken(poll(world, operation(world, Verb.PUT, "server"))), ContainerFailed)


def test_a_group_deleted_by_somebody_while_it_is_made_is_broken(world: World) -> None:
    world.arm.on("GET", path("server"), error(404, "ContainerGroupNotFound"))
    failure = broken(poll(world, operation(world, Verb.PUT, "server")))
    assert str(failure) == "NotFound: server was deleted while it was being made."


def test_a_deletion_is_done_when_the_group_is_gone(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server")), error(404, "ResourceNotFound"))
    deletion = operation(world, Verb.DELETE, "server")
    assert poll(world, deletion) == Pending(detail="Succeeded")
    assert poll(world, deletion) == Done()


def test_a_poll_that_azure_refuses_for_long_is_throttled(world: World) -> None:
    world.arm.on("GET", path("server"), error(429, "TooManyRequests", Retry_After="600"))
    with pytest.raises(Throttled):
        poll(world, operation(world, Verb.PUT, "server"))
    assert world.clock.slept == [60.0] * 4
