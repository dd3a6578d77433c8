"""Resource groups: made for a stack when missing, removed with it only when they are ours and empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_arm import SCOPE, TYPE, Reply, World, error, group, listing, path, place, scripted_arm

from azdeploy.errors import TimedOut
from azdeploy.execution.events import Progressed
from azdeploy.execution.target import Released
from azdeploy.planning.plan import Action, Change, Plan

EVERYWHERE = f"{SCOPE}/providers/{TYPE}"
MISSING = error(404, "ResourceGroupNotFound")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with scripted_arm(tmp_path) as arm:
        yield World(arm=arm)


def made(stack: str | None = "pair", state: str = "Succeeded") -> Reply:
    tags = {"Azdeploy-Stack": stack} if stack else None
    body: dict[str, Any] = {"id": place(), "name": "pair", "location": "westus", "tags": tags}
    return Reply(body={**body, "properties": {"provisioningState": state}})


def test_a_missing_resource_group_is_made_and_tagged(world: World) -> None:
    world.arm.on("GET", place(), MISSING)
    world.arm.on("PUT", place(), Reply(status=201, body={"id": place(), "name": "pair", "location": "westus"}))
    world.target().prepare("pair", "westus")
    assert world.arm.asked[-1].body == {"location": "westus", "tags": {"azdeploy-stack": "pair"}}


def test_a_resource_group_that_is_there_is_left_alone(world: World) -> None:
    world.arm.on("GET", place("mine"), made(stack=None))
    world.target("mine").prepare("pair", "westus")
    assert world.arm.lines == [f"GET {place('mine')}"]


def test_a_resource_group_that_is_going_is_waited_for_and_made_anew(world: World) -> None:
    world.arm.on("GET", place(), made(state="Deleting"), made(state="Deleting"), MISSING)
    world.arm.on("PUT", place(), Reply(status=201, body={"id": place(), "name": "pair", "location": "westus"}))
    world.target().prepare("pair", "westus")
    assert world.observer.events == [Progressed(name="pair", detail="Deleting", elapsed=0.0)]
    assert world.arm.lines[-1] == f"PUT {place()}"


def test_an_emptied_resource_group_of_ours_is_deleted(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("foreign", resource_group="elsewhere", stack=None)))
    world.arm.on("GET", place(), made(), made(state="Deleting"), MISSING)
    world.arm.on("GET", f"{place()}/resources", Reply(body={"value": []}))
    world.arm.on("DELETE", place(), Reply(status=202, headers={"Location": f"{world.arm.url}{SCOPE}/result"}))
    assert world.target().release("pair") == Released(left=[], place="pair")
    assert f"DELETE {place()}" in world.arm.lines
    assert world.observer.events == [Progressed(name="pair", detail="Deleting", elapsed=0.0)]


def test_a_group_that_azures_index_still_shows_does_not_hold_the_resource_group(world: World) -> None:
    world.arm.on("GET", f"{place()}/providers/{TYPE}", listing())
    world.arm.on("GET", place(), made(), MISSING)
    stale = {"id": path("server"), "name": "server", "type": TYPE}
    world.arm.on("GET", f"{place()}/resources", Reply(body={"value": [stale]}))
    world.arm.on("DELETE", place(), Reply(status=200))
    world.target("pair").release("pair")
    assert f"DELETE {place()}" in world.arm.lines


def test_what_is_left_of_the_stack_is_told_and_keeps_the_resource_group(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("server"), group("client")))
    released = world.target().release("pair")
    assert (released.left, released.kept) == ([path("client"), path("server")], "it holds client, server")
    assert world.arm.lines == [f"GET {EVERYWHERE}"]


def test_a_foreign_container_group_keeps_the_resource_group(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("foreign", stack=None)))
    assert world.target().release("pair") == Released(left=[], place="pair", kept="it holds foreign")
    assert world.arm.lines == [f"GET {EVERYWHERE}"]


def test_a_foreign_resource_keeps_the_resource_group(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing())
    world.arm.on("GET", place(), made())
    disk = {"id": f"{place()}/providers/Microsoft.Compute/disks/d", "name": "d", "type": "Microsoft.Compute/disks"}
    world.arm.on("GET", f"{place()}/resources", Reply(body={"value": [disk]}))
    assert world.target().release("pair") == Released(left=[], place="pair", kept="it holds d")
    assert f"DELETE {place()}" not in world.arm.lines


@pytest.mark.parametrize("stack", [None, "another"])
def test_a_resource_group_of_somebody_else_stays(world: World, stack: str | None) -> None:
    world.arm.on("GET", EVERYWHERE, listing())
    world.arm.on("GET", place(), made(stack=stack))
    kept = "azdeploy did not make it for this stack"
    assert world.target().release("pair") == Released(left=[], place="pair", kept=kept)
    assert world.arm.lines[-1] == f"GET {place()}"


def test_a_deletion_that_is_going_on_is_only_waited_for(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing())
    world.arm.on("GET", place(), made(state="Deleting"), made(state="Deleting"), MISSING)
    world.arm.on("GET", f"{place()}/resources", Reply(body={"value": []}))
    assert world.target().release("pair") == Released(left=[], place="pair")
    assert world.clock.slept == [0.2]


def test_releasing_a_resource_group_that_is_gone_does_nothing(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing())
    world.arm.on("GET", place(), MISSING)
    assert world.target().release("pair") == Released(left=[])


def test_a_deletion_of_a_resource_group_that_does_not_end_is_not_waited_for_forever(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing())
    world.arm.on("GET", place(), made())
    world.arm.on("GET", f"{place()}/resources", Reply(body={"value": []}))
    world.arm.on("DELETE", place(), Reply(status=202))
    with pytest.raises(TimedOut, match="Resource group pair is still being deleted"):
        world.target().release("pair")
    assert 900 < world.clock.now < 920


def test_the_request_for_a_missing_resource_group_is_told_and_not_sent(world: World) -> None:
    world.arm.on("GET", place(), MISSING)
    creation = Change(action=Action.CREATE, name="server")
    request = world.target().preparation(Plan(stack="pair", location="westus", changes=(creation,)))
    assert request is not None
    assert (request.method, request.path) == ("PUT", place())
    assert request.body == {"location": "westus", "tags": {"azdeploy-stack": "pair"}}
    assert world.arm.lines == [f"GET {place()}"]


def test_a_resource_group_that_is_there_or_not_needed_takes_no_request(world: World) -> None:
    world.arm.on("GET", place(), made())
    creation = Change(action=Action.CREATE, name="server")
    assert world.target().preparation(Plan(stack="pair", location="westus", changes=(creation,))) is None
    assert world.target().preparation(Plan(stack="pair", location="westus", changes=())) is None
    assert world.arm.lines == [f"GET {place()}"]
