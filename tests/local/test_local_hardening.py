"""What must not bring the endpoint down: requests at the same time, and requests that nobody sends by accident."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from local_machine import GROUPS, Answer, FakeRuntime, FakeSandbox, HandClock, eventually, group_body, served

from azdeploy.definitions.container_group import ContainerGroup
from azdeploy.local.groups.inventory import Inventory
from azdeploy.local.groups.record import Place
from azdeploy.local.home import Home
from azdeploy.local.machine import Machine
from azdeploy.local.operations import Operations
from azdeploy.local.runtime import Image
from azdeploy.local.store import Store
from azdeploy.local.wire import Refusal

PLACE = Place(subscription="s", resource_group="rg", name="cg")
ONE = f"resourceGroups/rg/{GROUPS}/cg"


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    store = Store(tmp_path / "resources", tmp_path / "key")
    clock = HandClock()
    yield Inventory(Machine(runtime=FakeRuntime(), clock=clock, operations=Operations(clock)), store, "tenant")
    store.close()


def at_once(work: Sequence[Callable[[], Any]], seconds: float = 20.0) -> None:
    """Do all of that at the same time; fails where it does not end in time. What hangs does not keep the test."""
    threads = [threading.Thread(target=one, daemon=True) for one in work]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))
    assert not any(thread.is_alive() for thread in threads), "the requests wait for each other"


def repeated(times: int, work: Callable[[], Any]) -> Callable[[], None]:
    def again() -> None:
        for _ in range(times):
            try:
                work()
            except Refusal as refusal:
                assert refusal.code == "ContainerGroupTransitioning"  # noqa: PT017 - others are no answer to this

    return again


def test_changes_of_one_group_at_the_same_time_never_wait_for_each_other(inventory: Inventory) -> None:
    group, operation, _ = inventory.put(PLACE, group_body(), "westus")
    operation.hold(10)
    tagging = repeated(200, lambda: group.tag({"a": "b"}))
    putting = repeated(200, lambda: inventory.put(PLACE, group_body(), "westus"))
    at_once([tagging, putting] * 3)
    inventory.close()


class SlowSandbox(FakeSandbox):
    """A group's place that is given up only when the test lets it."""

    def __init__(self, runtime: SlowRuntime, key: str, group: ContainerGroup, address: str) -> None:
        super().__init__(runtime, key, group, address)
        self._may_end = runtime.may_end

    def close(self) -> None:
        assert self._may_end.wait(20)
        super().close()


class SlowRuntime(FakeRuntime):
    """A runtime whose groups and images take as long as a test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end, self.may_find, self.is_looking = threading.Event(), threading.Event(), threading.Event()
        self.may_find.set()

    def open(self, key: str, group: ContainerGroup, address: str) -> FakeSandbox:
        return SlowSandbox(self, key, group, address)

    def image(self, name: str) -> Image:
        self.is_looking.set()
        assert self.may_find.wait(20)
        return super().image(name)


def test_a_group_takes_a_deleted_ones_place_only_when_that_has_ended(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    runtime = SlowRuntime()
    with served(home, runtime=runtime) as machine:
        machine.arm.make("cg", group_body())
        deleting = threading.Thread(target=machine.arm.ask, args=("DELETE", ONE), daemon=True)
        deleting.start()
        eventually(lambda: machine.arm.ask("GET", ONE).status == 404)
        refused = machine.arm.ask("PUT", ONE, group_body())
        assert (refused.status, refused.code) == (409, "ContainerGroupTransitioning")
        runtime.may_end.set()
        deleting.join(20)
        machine.arm.make("cg", group_body())
    with served(home) as machine:
        assert machine.arm.ask("GET", ONE).status == 200


def test_a_group_is_forgotten_on_disk_as_soon_as_it_is_deleted(tmp_path: Path, inventory: Inventory) -> None:
    runtime = SlowRuntime()
    inventory.machine = replace(inventory.machine, runtime=runtime)
    _, operation, _ = inventory.put(PLACE, group_body(), "westus")
    operation.hold(10)
    deleting = threading.Thread(target=inventory.delete, args=(PLACE,), daemon=True)
    deleting.start()
    eventually(lambda: inventory.find(PLACE) is None)
    again = Store(tmp_path / "resources", tmp_path / "key")
    assert not again.all("container group")
    again.close()
    runtime.may_end.set()
    deleting.join(20)


def test_no_group_outlives_its_resource_group(tmp_path: Path) -> None:
    runtime = SlowRuntime()
    runtime.may_end.set()
    with served(Home(tmp_path / "home"), runtime=runtime) as machine:
        machine.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
        runtime.may_find.clear()
        answers: list[Answer] = []
        putting = threading.Thread(target=lambda: answers.append(machine.arm.ask("PUT", ONE, group_body())))
        putting.start()
        assert runtime.is_looking.wait(20)
        machine.arm.ask("DELETE", "resourceGroups/rg")
        eventually(lambda: machine.clock.waits)
        machine.clock.move(60)
        eventually(lambda: machine.arm.ask("GET", "resourceGroups/rg").status == 404)
        runtime.may_find.set()
        putting.join(20)
        assert [(answer.status, answer.code) for answer in answers] == [(404, "ResourceGroupNotFound")]
        assert machine.arm.ask("GET", GROUPS).body == {"value": []}
