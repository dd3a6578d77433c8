"""The target that is Azure: what exists, what is sent, what the command line shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_arm import (
    CRASHED,
    SCOPE,
    SUBSCRIPTION,
    TYPE,
    Reply,
    World,
    error,
    group,
    listing,
    path,
    place,
    scripted_arm,
)

from azdeploy.arm import client, container_group
from azdeploy.definitions.container_group import Container, ContainerGroup
from azdeploy.definitions.secret import Secret
from azdeploy.errors import Conflict, ContainerFailed, CredentialError, Denied, NotFound, UsageError
from azdeploy.execution.target import Verb
from azdeploy.planning.plan import Action, Change, Existing, Plan

EVERYWHERE = f"{SCOPE}/providers/{TYPE}"
HERE = f"{place()}/providers/{TYPE}"
URL = f"{SCOPE}/providers/Microsoft.ContainerInstance/locations/westus/operations/1?api-version=2018-06-01&t=1"
SERVER = ContainerGroup(
    name="server",
    containers=[Container(name="server", image="alpine:3.20", environment_variables={"KEY": Secret("hush")})],
    tags={"azdeploy-stack": "pair"},
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with scripted_arm(tmp_path) as arm:
        yield World(arm=arm)


def existing(name: str) -> Existing:
    return container_group.existing(group(name))


def test_what_carries_the_stacks_tag_exists_with_its_outputs(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("server"), group("other", stack="another")))
    world.arm.on("GET", path("server"), Reply(body=group("server")))
    found = world.target().existing("pair", ["server", "other"])
    assert list(found) == ["other", "server"]
    assert found["server"].outputs == {"ip": "20.1.2.3", "port": "1337"}
    assert (found["server"].stack, found["other"].stack) == ("pair", "another")


def test_a_foreign_group_in_another_resource_group_does_not_matter(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("server", stack=None, resource_group="elsewhere")))
    assert world.target().existing("pair", ["server"]) == {}


def test_a_foreign_group_without_tags_belongs_to_no_stack(world: World) -> None:
    body = group("server", stack=None)
    del body["tags"]
    world.arm.on("GET", HERE, listing(body))
    assert world.target("pair").existing("pair", ["server"])["server"].stack is None


def test_nothing_exists_in_a_resource_group_that_does_not(world: World) -> None:
    world.arm.on("GET", HERE, error(404, "ResourceGroupNotFound"))
    assert world.target("pair").existing("pair", ["server"]) == {}


def test_nothing_exists_in_a_subscription_that_is_not_registered(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, error(409, "MissingSubscriptionRegistration"))
    assert world.target().existing("pair", ["server"]) == {}


def test_a_list_that_conflicts_otherwise_is_an_error(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, error(409, "Busy"))
    with pytest.raises(Conflict):
        world.target().existing("pair", ["server"])


def test_a_group_that_goes_between_two_reads_does_not_exist(world: World) -> None:
    world.arm.on("GET", HERE, listing(group("server")))
    world.arm.on("GET", path("server"), error(404, "ContainerGroupNotFound"))
    assert world.target("pair").existing("pair") == {}


def test_every_page_of_a_list_is_read(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("a"), next_link=f"{world.arm.url}{SCOPE}/more?page=2"))
    world.arm.on("GET", f"{SCOPE}/more", listing(group("b")))
    assert [body["name"] for body in world.target().groups()] == ["a", "b"]


def test_a_stack_in_several_resource_groups_needs_one_to_be_named(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("a", resource_group="one"), group("b", resource_group="two")))
    with pytest.raises(UsageError, match=r"in several resource groups: one, two\. Choose one with --resource-group"):
        world.target().existing("pair")


def test_what_is_put_joins_the_stack_where_it_was_found(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("client", resource_group="Elsewhere")))
    world.arm.on("GET", path("client", "Elsewhere"), Reply(body=group("client", resource_group="Elsewhere")))
    world.arm.on("PUT", path("server", "Elsewhere"), Reply(status=201, body=group("server")))
    target = world.target()
    target.existing("pair")
    target.put(SERVER, "westus")
    assert world.arm.asked[-1].path == path("server", "Elsewhere")


def test_what_is_no_stacks_needs_a_resource_group(world: World) -> None:
    untagged = replace(SERVER, tags={})
    with pytest.raises(UsageError, match="server carries no stack's tag"):
        world.target().put(untagged, "westus")
    world.arm.on("PUT", path("server", "mine"), Reply(status=201, body=group("server")))
    world.target("mine").put(untagged, "westus")
    assert world.arm.asked[-1].path == path("server", "mine")


def test_a_put_sends_what_the_dry_run_shows_but_for_the_secrets(world: World) -> None:
    world.arm.on("PUT", path("server"), Reply(status=201, body=group("server")))
    target = world.target()
    target.put(SERVER, "westus")
    plan = Plan(stack="pair", location="westus", changes=())
    (shown,) = target.requests(Change(action=Action.CREATE, name="server", after=SERVER), plan)
    asked = world.arm.asked[-1]
    assert (asked.method, asked.path, asked.query) == (shown.method, shown.path, {"api-version": shown.api_version})
    assert json.dumps(asked.body).replace("hush", "***") == json.dumps(shown.body)
    assert asked.headers["authorization"] == "Bearer made-up-token"
    assert asked.headers["content-type"] == "application/json"


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
def test_a_change_is_shown_as_its_requests(world: World, action: Action, methods: list[str]) -> None:
    change = Change(action=action, name="server", before=existing("server"), after=SERVER)
    shown = world.target().requests(change, Plan(stack="pair", location="westus", changes=()))
    assert [request.method for request in shown] == methods
    assert {request.path for request in shown} <= {path("server")}


def test_a_put_starts_an_operation_and_does_not_wait(world: World) -> None:
    world.arm.on("PUT", path("server"), Reply(status=201, body=group("server"), headers={"Azure-AsyncOperation": URL}))
    operation = world.target().put(SERVER, "westus")
    assert (operation.verb, operation.name) == (Verb.PUT, "server")
    assert json.loads(operation.monitor) == {"id": path("server"), "url": URL}
    assert world.arm.lines == [f"PUT {path('server')}"]
    assert world.clock.slept == []


def test_tags_are_patched_alone(world: World) -> None:
    world.arm.on("PATCH", path("server"), Reply(body=group("server")))
    assert world.target().tag(SERVER).name == "server"
    assert world.arm.asked[-1].body == {"tags": {"azdeploy-stack": "pair"}}


@pytest.mark.parametrize("reply", [Reply(body=group("server")), Reply(status=204), error(404, "ResourceNotFound")])
def test_deleting_what_is_gone_is_no_error(world: World, reply: Reply) -> None:
    world.arm.on("DELETE", path("server"), reply)
    assert world.target().delete(existing("server")).verb is Verb.DELETE


def test_an_unregistered_subscription_is_registered_once_and_the_put_is_to_be_tried_again(world: World) -> None:
    register = f"{SCOPE}/providers/Microsoft.ContainerInstance/register"
    world.arm.on("PUT", path("server"), error(409, "MissingSubscriptionRegistration"))
    world.arm.on("POST", register, Reply(body={"namespace": "Microsoft.ContainerInstance"}))
    target = world.target()
    for _ in range(2):
        with pytest.raises(Conflict, match=r"is being registered for Microsoft\.ContainerInstance"):
            target.put(SERVER, "westus")
    assert world.arm.lines.count(f"POST {register}") == 1


def test_any_other_conflict_is_left_to_the_caller(world: World) -> None:
    world.arm.on("PUT", path("server"), error(409, "ContainerGroupTransitioning", "Still transitioning."))
    with pytest.raises(Conflict, match="ContainerGroupTransitioning: Still transitioning"):
        world.target().put(SERVER, "westus")


def test_an_error_names_code_message_request_and_what_to_do(world: World) -> None:
    world.arm.on("PUT", path("server"), error(403, "AuthorizationFailed", "You may not.", x_ms_request_id="r-1"))
    with pytest.raises(Denied, match=r"AuthorizationFailed: You may not\. .*\(request id r-1\)"):
        world.target().put(SERVER, "westus")


def test_a_stacks_groups_are_found_with_their_instance_views(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("b"), group("a")))
    world.arm.on("GET", path("a"), Reply(body=group("a")))
    world.arm.on("GET", path("b"), Reply(body=group("b")))
    found = world.target().find("pair")
    assert [body["name"] for body in found] == ["a", "b"]
    assert all("instanceView" in body["properties"] for body in found)


def test_a_group_is_shown_where_the_resource_group_is_named(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server")))
    assert world.target("pair").group("server")["id"] == path("server")
    assert world.arm.lines == [f"GET {path('server')}"]


def test_a_group_is_shown_wherever_it_is(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("server", resource_group="x"), group("client")))
    world.arm.on("GET", path("server", "x"), Reply(body=group("server", resource_group="x")))
    assert world.target().group("SERVER")["id"] == path("server", "x")


def test_a_group_that_is_nowhere_is_not_found(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing())
    with pytest.raises(NotFound, match="There is no container group server"):
        world.target().group("server")


def test_a_name_in_several_resource_groups_needs_one_to_be_named(world: World) -> None:
    both = group("server", resource_group="two"), group("server", resource_group="one")
    world.arm.on("GET", EVERYWHERE, listing(*both))
    with pytest.raises(UsageError, match="server in several resource groups: one, two"):
        world.target().logs("server", "server")


def test_logs_are_of_the_group_that_was_dealt_with(world: World) -> None:
    logs = f"{path('server')}/containers/main/logs"
    world.arm.on("PUT", path("server"), Reply(status=201, body=group("server")))
    world.arm.on("GET", logs, Reply(body={"content": "hello\nhello\n"}))
    target = world.target()
    target.put(SERVER, "westus")
    assert target.logs("server", "main") == "hello\nhello\n"
    assert target.logs("server", "main", tail=5) == "hello\nhello\n"
    assert [asked.query.get("tail") for asked in world.arm.asked[1:]] == [None, "5"]


def test_a_log_without_content_is_empty(world: World) -> None:
    world.arm.on("GET", f"{path('server')}/containers/server/logs", Reply(body={"content": None}))
    assert world.target("pair").logs("server", "server") == ""


def test_checking_a_healthy_group_says_nothing(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server")))
    world.target("pair").check("server")


def test_checking_a_crashed_group_tells_exit_code_and_last_lines(world: World) -> None:
    world.arm.on("GET", path("server"), Reply(body=group("server", view=CRASHED)))
    world.arm.on("GET", f"{path('server')}/containers/server/logs", Reply(body={"content": "port\ntaken\n"}))
    with pytest.raises(ContainerFailed, match="Container server of server crashed with exit code 2") as failure:
        world.target("pair").check("server")
    assert failure.value.last_lines == ("port", "taken")
    assert failure.value.container_exit_code == 2


def test_connecting_takes_a_token_and_an_authority(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing())
    target = client.connect(
        subscription=SUBSCRIPTION, endpoint=f"{world.arm.url}/", ca_file=world.arm.ca_file, token="another"
    )
    assert target.groups() == []
    assert world.arm.asked[-1].headers["authorization"] == "Bearer another"


def test_connecting_without_a_subscription_says_how_to_choose_one() -> None:
    with pytest.raises(CredentialError, match=r"No Azure subscription is chosen\. Run `az login`"):
        client.connect()
