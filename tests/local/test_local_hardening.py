"""What must not bring the endpoint down: requests at the same time, and requests that nobody sends by accident."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from full_group import FULL_GROUP
from hypothesis import given, settings
from hypothesis import strategies as st
from local_machine import GROUPS, Answer, FakeRuntime, FakeSandbox, HandClock, Served, eventually, group_body, served

from azdeploy.arm.container_group import CODEC
from azdeploy.definitions.container_group import ContainerGroup, IpAddress, OsType, Port, Priority
from azdeploy.local.groups.inventory import Inventory
from azdeploy.local.groups.record import Place
from azdeploy.local.home import Home
from azdeploy.local.json_text import encode
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


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Served]:
    with served(Home(tmp_path / "home")) as found:
        found.arm.make("cg", group_body())
        yield found


def test_half_a_character_is_refused_and_poisons_nothing(machine: Served) -> None:
    for raw in (rb'{"tags": {"a": "\ud800"}}', rb'{"tags": {"\udfff": "a"}}', rb'{"tags": {"a": ["\ud800"]}}'):
        refused = machine.arm.ask("PATCH", ONE, raw=raw)
        assert (refused.status, refused.code) == (400, "InvalidRequestContent")
    assert machine.arm.ask("PATCH", ONE, {"tags": {"a": "\N{PILE OF POO}"}}).status == 200
    assert machine.arm.ask("GET", GROUPS).body["value"][0]["tags"] == {"a": "\N{PILE OF POO}"}
    assert machine.arm.ask("DELETE", ONE).status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b'{"tags": {"a": NaN}}',
        b'{"tags": {"a": -Infinity}}',
        b'{"properties": {"x": 1e999}}',
        b'{"tags": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a": ' + b"[" * 500_000 + b"]" * 500_000 + b"}",
        b'{"a": ' * 65 + b"1" + b"}" * 65,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\xff"}',
        b"[]",
        b"{",
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_is_no_sound_json_object_is_refused(machine: Served, raw: bytes) -> None:
    for method, path in (("PUT", ONE), ("PATCH", ONE), ("PUT", "resourceGroups/other")):
        refused = machine.arm.ask(method, path, raw=raw)
        assert (refused.status, refused.code) == (400, "InvalidRequestContent")


@pytest.mark.parametrize("number", [10**400, "1e400", "nan", -(10**400), 2**31, 1.5, True, "x", [], {}])
def test_a_port_is_a_whole_number(machine: Served, number: Any) -> None:
    refused = machine.arm.ask("PUT", ONE, group_body(ipAddress={"type": "Public", "ports": [{"port": number}]}))
    assert (refused.status, refused.code) == (400, "InvalidRequestContent")
    assert "'properties.ipAddress.ports[0].port' should be a whole number of 32 bits" in refused.message


@pytest.mark.parametrize("amount", [10**400, "infinity", "nan", True, {}])
def test_an_amount_is_a_number(machine: Served, amount: Any) -> None:
    body = group_body()
    body["properties"]["containers"][0]["properties"]["resources"]["requests"]["cpu"] = amount
    refused = machine.arm.ask("PUT", ONE, body)
    assert (refused.status, refused.code) == (400, "InvalidRequestContent")
    assert "cpu' should be a number" in refused.message


def test_a_tail_is_a_number_of_lines(machine: Served) -> None:
    for tail in ("9" * 5000, "-1", "x"):
        assert machine.arm.ask("GET", f"{ONE}/containers/one/logs?tail={tail}").code == "InvalidRequestContent"
    assert machine.arm.ask("GET", f"{ONE}/containers/one/logs?tail=9999999999").body["content"] == "hello\nhello\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"command": "sh", "terminalSize": "big"}, "InvalidRequestContent"),
        ({"command": "sh", "terminalSize": {"rows": "many"}}, "InvalidRequestContent"),
        ({"command": "sh", "terminalSize": {"cols": 10**400}}, "InvalidRequestContent"),
        ({"command": ["sh"]}, "InvalidRequestContent"),
        ({"command": None}, "InvalidCommand"),
        ({"command": "\ud800"}, "InvalidRequestContent"),
    ],
)
def test_a_request_for_exec_is_what_it_should_be(machine: Served, body: Any, code: str) -> None:
    refused = machine.arm.ask("POST", f"{ONE}/containers/one/exec", body)
    assert (refused.status, refused.code) == (400, code)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ({"rows": 1_000_000, "cols": 65536}, "&rows=65535&cols=65535"),
        ({"ROWS": -1, "Cols": 0}, "&rows=24&cols=80"),
        (None, "&rows=24&cols=80"),
    ],
)
def test_a_terminal_is_as_large_as_one_can_be(machine: Served, size: Any, told: str) -> None:
    promised = machine.arm.ask("POST", f"{ONE}/containers/one/exec", {"command": "sh", "terminalSize": size})
    assert promised.body["webSocketUri"].endswith(told)


def test_every_answer_can_be_written() -> None:
    assert encode({"a": "\udcff\u20ac"}) == '{"a":"\\udcff€"}'.encode()


ANYTHING = st.one_of(
    st.sampled_from(
        [None, True, 0, -1, 1.5, 10**400, "", "\x00", "Linux", [], [[]], [None], {}, {"": {}}, {"name": 1}]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    st.dictionaries(st.sampled_from(["name", "properties", "id", "x"]), st.none() | st.text("a/\x00"), max_size=2),
)
LINUX = replace(
    FULL_GROUP,
    os_type=OsType.LINUX,
    priority=Priority.REGULAR,
    subnet_ids=(),
    ip_address=IpAddress(ports=[Port(port=80)], dns_name_label="label"),
)
FULL = CODEC.encode(LINUX, "westus")
FULL["properties"]["subnetIds"] = []


class AnyImage(FakeRuntime):
    """A runtime that has every image."""

    def image(self, name: str) -> Image:
        return Image(name="nginx", digest=f"sha256:{0:064x}")


def places(body: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a body."""
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [path, *(found for name, inner in items for found in places(inner, (*path, name)))]


def with_value(body: Any, path: Sequence[Any], value: Any) -> Any:
    if not path:
        return value
    copied = body.copy()
    copied[path[0]] = with_value(body[path[0]], path[1:], value)
    return copied


def test_whatever_stands_anywhere_in_a_body_is_taken_or_refused(tmp_path: Path) -> None:
    with served(Home(tmp_path / "home"), runtime=AnyImage()) as machine:
        machine.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})

        assert machine.arm.ask("PUT", ONE, FULL).status == 201

        @settings(max_examples=150)
        @given(path=st.sampled_from(places(FULL)), value=ANYTHING)
        def put(path: Sequence[Any], value: Any) -> None:
            answer = machine.arm.ask("PUT", ONE, with_value(FULL, path, value))
            assert answer.status < 500, (path, value)
            assert machine.arm.ask("GET", GROUPS).status == 200

        put()


@pytest.mark.parametrize("name", ["abc%0A", "a%00b", "%2561", "a%7Fb", "a%250Ab", "%FF"])
def test_a_name_is_what_it_is_once_decoded(machine: Served, name: str) -> None:
    refused = machine.arm.ask("PUT", f"resourceGroups/rg/{GROUPS}/{name}", group_body())
    assert (refused.status, refused.code) == (400, "InvalidContainerGroupName")
    refused = machine.arm.ask("PUT", f"resourceGroups/{name}", {"location": "westus"})
    assert (refused.status, refused.code) == (400, "InvalidResourceGroup")
    for path in (f"resourceGroups/rg/{GROUPS}/{name}", f"resourceGroups/{name}"):
        assert machine.arm.ask("GET", path).status == 404


@pytest.mark.parametrize("amounts", [{"cpu": -1, "memoryInGB": 1}, {"cpu": 1, "memoryInGB": -0.5}, {"cpu": 0}])
def test_what_a_container_asks_for_is_more_than_nothing(machine: Served, amounts: dict[str, float]) -> None:
    body = group_body()
    body["properties"]["containers"][0]["properties"]["resources"] = {"requests": {"memoryInGB": 1, **amounts}}
    refused = machine.arm.ask("PUT", f"resourceGroups/rg/{GROUPS}/other", body)
    assert (refused.status, refused.code) == (400, "ResourceRequestsNotSpecified")


@pytest.mark.parametrize("manager", [1, [], {}, True])
def test_the_manager_of_a_resource_group_is_a_text(machine: Served, manager: Any) -> None:
    for method, path in (("PUT", "resourceGroups/other"), ("PATCH", "resourceGroups/rg")):
        refused = machine.arm.ask(method, path, {"location": "westus", "managedBy": manager})
        assert (refused.status, refused.code) == (400, "InvalidRequestContent")


@pytest.mark.parametrize(
    "body",
    [
        {"properties": True},
        {"properties": {"subnets": [1]}},
        {"properties": {"subnets": [{"properties": {"delegations": [{"properties": []}]}}]}},
        {"location": 1},
    ],
)
def test_a_networks_body_is_what_it_should_be(machine: Served, body: Any) -> None:
    path = "resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/net"
    refused = machine.arm.ask("PUT", path, {"location": "westus", **body})
    assert (refused.status, refused.code) == (400, "InvalidRequestContent")
