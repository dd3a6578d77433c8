"""A plan's text is the preview that people read."""

from __future__ import annotations

from azdeploy.definitions.container_group import Container, ContainerGroup
from azdeploy.planning.plan import Action, Change, Existing, Plan, PropertyChange

GROUP = ContainerGroup(name="client", containers=[Container(name="client", image="image:1")])


def plan(*changes: Change) -> Plan:
    return Plan(stack="pair", location="westus", changes=changes)


def test_it_says_what_is_done_what_differs_and_why() -> None:
    change = Change(
        action=Action.UPDATE,
        name="client",
        before=Existing(definition=GROUP, id="/client", stack="pair"),
        after=GROUP,
        properties=(PropertyChange("containers[client].image", None, "image:1"),),
        reasons=("server.ip is now 10.0.0.5, was 10.0.0.4",),
    )

    assert str(plan(Change(action=Action.NOOP, name="a-server"), change)).splitlines() == [
        "Stack pair (westus):",
        "      a-server  unchanged",
        "    ~ client    will be updated in place; its containers restart",
        "        containers[client].image: (not set) -> image:1",
        "        because server.ip is now 10.0.0.5, was 10.0.0.4",
    ]


def test_a_creation_needs_no_reason() -> None:
    change = Change(action=Action.CREATE, name="client", after=GROUP, reasons=("it does not exist yet",))

    assert str(plan(change)).splitlines() == ["Stack pair (westus):", "    + client  will be created"]


def test_an_empty_plan_is_one_line() -> None:
    assert str(plan(Change(action=Action.NOOP, name="client"))) == "Stack pair: nothing to change."


def test_lists_and_what_is_not_set_are_readable() -> None:
    assert str(PropertyChange("command", (), ("sleep", "9"))) == "command: [] -> [sleep, 9]"
    assert str(PropertyChange("zones", None, "1")) == "zones: (not set) -> 1"
