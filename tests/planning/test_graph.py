"""Who waits for whom, and what a circle of references is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_stacks import existing, group, stack

from azdeploy.definitions.stack import DEPENDS_ON_TAG
from azdeploy.planning import graph

NAMES = [f"n{number}" for number in range(8)]


def test_a_resource_waits_for_those_whose_outputs_its_texts_use() -> None:
    found = graph.dependencies(stack(group("client", "server", "proxy"), group("proxy", "server"), group("server")))
    assert found == {
        "client": frozenset({"server", "proxy"}),
        "proxy": frozenset({"server"}),
        "server": frozenset(),
    }


def test_what_the_stack_lacks_and_the_resource_itself_are_waited_for_by_nobody() -> None:
    assert graph.dependencies(stack(group("a", "nowhere", "a"))) == {"a": frozenset()}


def test_escaped_references_and_shell_variables_are_no_dependencies() -> None:
    found = graph.dependencies(stack(group("a", env={"X": "$${b.ip}", "Y": "${HOME}"}), group("b")))
    assert found["a"] == frozenset()


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_the_order_puts_everything_after_what_it_waits_for(pairs: list[tuple[int, int]]) -> None:
    edges = {name: frozenset(NAMES[a] for a, b in pairs if a < b and NAMES[b] == name) for name in NAMES}
    order = graph.order(edges)
    assert sorted(order) == NAMES
    assert all(order.index(needed) < order.index(name) for name, needs in edges.items() for needed in needs)


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ([group("a", "b"), group("b", "a")], ["a → b → a"]),
        ([group("b", "a"), group("a", "b")], ["b → a → b"]),
        ([group("x"), group("c", "a"), group("a", "b", "x"), group("b", "c")], ["c → a → b → c"]),
        ([group("a", "b"), group("b", "a"), group("c", "d"), group("d", "c")], ["a → b → a", "c → d → c"]),
        ([group("a", "b"), group("b")], []),
    ],
)
def test_circles_are_told_from_the_resource_that_the_stack_names_first(groups: list, told: list[str]) -> None:
    problems = graph.cycles(stack(*groups))
    assert [problem.what for problem in problems] == [
        f"needs itself to be deployed first: {circle}." for circle in told
    ]
    assert [problem.where for problem in problems] == [circle[0] for circle in told]


def tagged(name: str, *needs: str) -> tuple[str, object]:
    return name, existing(group(name, tags={DEPENDS_ON_TAG: ",".join(needs)} if needs else {}))


def test_removal_goes_by_the_tags_users_first() -> None:
    found = graph.removal(dict([tagged("server"), tagged("client", "server"), tagged("proxy", "server", "gone")]))
    assert found == {"client": frozenset(), "proxy": frozenset(), "server": frozenset({"client", "proxy"})}
    assert graph.order(found)[-1] == "server"


def test_what_stays_is_changed_before_what_it_used_is_removed() -> None:
    found = graph.removal(dict([tagged("server"), tagged("client", "server")]), kept=["client"])
    assert found == {"server": frozenset({"client"})}


def test_a_circle_in_tags_that_somebody_edited_does_not_stop_a_removal() -> None:
    found = graph.removal(dict([tagged("a", "b"), tagged("b", "c"), tagged("c", "a", "c")]))
    assert sorted(graph.order(found)) == ["a", "b", "c"]
