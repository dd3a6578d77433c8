"""From a stack and what exists to a plan."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from small_stacks import STACK, existing, group, salt, stack
from strategies import stacks

from azdeploy.definitions.container_group import ContainerGroup
from azdeploy.definitions.stack import DEPENDS_ON_TAG, Stack
from azdeploy.errors import DefinitionError, OwnershipError
from azdeploy.planning.plan import Action, Existing, Plan
from azdeploy.planning.planner import plan, removals


def actions(found: Plan) -> dict[str, Action]:
    return {change.name: change.action for change in found.changes}


def host(found: Plan, name: str) -> str:
    after = next(change.after for change in found.changes if change.name == name)
    assert after
    return str(after.containers[0].environment_variables["SERVER_HOST"])


def as_deployed(*groups: ContainerGroup, ip: str = "10.0.0.1") -> dict[str, Existing]:
    """Return what exists once these groups are deployed, all at the same address."""
    found = plan(stack(*groups), {}, salt)
    outputs = {"ip": ip, "port": "80"}
    known = {group.name: existing(group, ip=ip) for group in groups}
    for _ in groups:
        known = {change.name: existing(change.after, outputs=outputs) for change in found.changes if change.after}
        found = plan(stack(*groups), known, salt)
    return known


def test_changes_come_in_the_order_of_the_stack_whatever_waits_for_what() -> None:
    found = plan(stack(group("client", "server"), group("server")), {}, salt)
    assert list(actions(found)) == ["client", "server"]
    assert found.dependencies == {"client": frozenset({"server"}), "server": frozenset()}
    assert (found.stack, found.location) == (STACK, "westus")


def test_what_is_deployed_leaves_an_empty_plan() -> None:
    groups = (group("server"), group("client", "server"))
    assert plan(stack(*groups), as_deployed(*groups), salt).is_empty


def test_outputs_of_what_stays_are_known_in_a_preview() -> None:
    found = plan(stack(group("server", image="image:2"), group("client", "server")), as_deployed(group("server")), salt)
    assert actions(found) == {"server": Action.UPDATE, "client": Action.CREATE}
    assert host(found, "client") == "10.0.0.1"


def test_outputs_of_what_is_made_anew_stay_references() -> None:
    groups = (group("server"), group("client", "server"))
    found = plan(stack(group("server", zones=["1"]), groups[1]), as_deployed(*groups), salt)
    assert actions(found) == {"server": Action.REPLACE, "client": Action.UPDATE}
    assert host(found, "client") == "${server.ip}"
    assert found.changes[1].reasons == ("server.ip is not known yet, was 10.0.0.1",)


def test_what_the_stack_lacks_by_now_is_deleted_after_its_users_changed() -> None:
    known = as_deployed(group("old"), group("server"), group("client", "server", "old"))
    found = plan(stack(group("client", "server"), group("server")), known, salt)
    assert actions(found) == {"client": Action.UPDATE, "server": Action.NOOP, "old": Action.DELETE}
    assert found.dependencies["old"] == {"client"}
    assert found.changes[2].reasons == ("the stack does not hold it any more",)


def test_a_circle_is_refused() -> None:
    with pytest.raises(DefinitionError, match="a → b → a"):
        plan(stack(group("a", "b"), group("b", "a")), {}, salt)


def test_everything_that_is_somebody_elses_is_named_at_once() -> None:
    known = {name: existing(group(name), owner=owner) for name, owner in {"a": "other", "b": None, "c": STACK}.items()}
    with pytest.raises(OwnershipError) as refused:
        plan(stack(group("a"), group("b"), group("c"), group("d")), known, salt)
    assert "a exists already and belongs to stack other" in str(refused.value)
    assert "b exists already and carries no stack's tag" in str(refused.value)


def test_a_removal_deletes_only_what_carries_the_stacks_tag() -> None:
    known = {
        "server": existing(group("server")),
        "client": existing(group("client", tags={DEPENDS_ON_TAG: "server"})),
        "foreign": existing(group("foreign"), owner="other"),
    }
    found = removals(STACK, known)
    assert [change.name for change in found.changes] == ["client", "server"]
    assert set(actions(found).values()) == {Action.DELETE}


@settings(max_examples=20, deadline=None)
@given(stacks())
def test_a_first_plan_creates_everything_and_orders_it(drawn: Stack) -> None:
    found = plan(drawn, {}, salt)
    assert set(actions(found).values()) == {Action.CREATE}
    assert not found.is_empty
    assert set(found.dependencies) == {definition.name for definition in drawn.resources}
