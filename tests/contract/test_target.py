"""One suite for every target: what a deployment relies on, whatever it deploys to.

A target joins by a Site in SITES: how to get one that holds nothing of the stack, and which image runs there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from azdeploy import deployment
from azdeploy.arm import client
from azdeploy.definitions.container_group import Container, ContainerGroup, IpAddress, Port
from azdeploy.definitions.secret import Secret
from azdeploy.definitions.stack import STACK_TAG, Stack
from azdeploy.execution.retry import Clock, SystemClock
from azdeploy.execution.target import Broken, Done, Operation, Pending, Status, Target, Verb
from azdeploy.local import endpoint
from azdeploy.planning.diff import diff, secrets
from azdeploy.planning.plan import Action, State
from azdeploy.templates import sample
from azdeploy.testing import InMemoryTarget, VirtualClock

STACK = "contract"
LOCATION = "westus"
PORT = 1337


@dataclass(frozen=True, kw_only=True)
class Site:
    """A target that holds nothing of the stack, the clock that it goes by, and an image that runs on it for good."""

    target: Target
    clock: Clock
    image: str

    def group(self, name: str, **more: Any) -> ContainerGroup:
        """Return a group that is the stack's, as the executor would put it."""
        container = Container(name=name, image=self.image, ports=[Port(port=PORT)])
        container = replace(container, **more.pop("container", {}))
        tags = {STACK_TAG: STACK, **more.pop("tags", {})}
        more.setdefault("ip_address", IpAddress(ports=[Port(port=PORT)]))
        return ContainerGroup(name=name, containers=[container], tags=tags, location=LOCATION, **more)

    def ended(self, operation: Operation, within: float = 600.0) -> Status:
        """Poll an operation until it ended."""
        deadline = self.clock.monotonic() + within
        while self.clock.monotonic() < deadline:
            status = self.target.poll([operation])[operation]
            if not isinstance(status, Pending):
                return status
            self.clock.sleep(0.2)
        raise AssertionError(f"{operation} has not ended after {within} seconds")

    def put(self, definition: ContainerGroup) -> None:
        """Put a group and wait until it is there."""
        self.target.prepare(STACK, LOCATION)
        status = self.ended(self.target.put(definition, LOCATION))
        assert isinstance(status, Done), status


@contextmanager
def machine_home(folder: Path) -> Iterator[None]:
    """Keep the state of Azure on this machine in that folder."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AZDEPLOY_LOCAL_HOME", str(folder))
        yield


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[endpoint.Connection]:
    """Start Azure on this machine, once for all tests."""
    folder = tmp_path_factory.mktemp("machine")
    with machine_home(folder):
        started = endpoint.start(endpoint.Options(runtime=endpoint.RuntimeChoice.PROCESS))
    yield started
    with machine_home(folder):
        endpoint.stop()


def in_memory(request: pytest.FixtureRequest) -> Site:
    return Site(target=InMemoryTarget(), clock=VirtualClock(), image="image")


def on_this_machine(request: pytest.FixtureRequest) -> Site:
    machine: endpoint.Connection = request.getfixturevalue("machine")
    target = client.connect(
        subscription=machine.subscription,
        resource_group=STACK,
        endpoint=machine.url,
        ca_file=str(machine.ca_file),
        token=machine.token,
    )
    return Site(target=target, clock=SystemClock(), image=str(sample("socket-server")))


def on_azure(request: pytest.FixtureRequest) -> Site:
    """Return Azure itself: ``pytest -m azure``, with a subscription and a token of its management API to pay for it."""
    target = client.connect(
        subscription=os.environ["AZDEPLOY_TEST_SUBSCRIPTION"],
        resource_group=f"azdeploy-{STACK}",
        token=os.environ["AZDEPLOY_TEST_TOKEN"],
    )
    return Site(target=target, clock=SystemClock(), image="mcr.microsoft.com/azuredocs/aci-helloworld")


SITES: dict[str, Callable[[pytest.FixtureRequest], Site]] = {
    "in-memory": in_memory,
    "this-machine": on_this_machine,
    "azure": on_azure,
}


@pytest.fixture(params=["in-memory", "this-machine", pytest.param("azure", marks=pytest.mark.azure)])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    made = SITES[request.param](request)
    yield made
    deployment.destroy(STACK, made.target, clock=made.clock, timeout=600)


def test_there_is_nothing_at_first(site: Site) -> None:
    assert site.target.existing(STACK, ["server"]) == {}


def test_releasing_what_was_never_prepared_is_no_error(site: Site) -> None:
    assert list(site.target.release(STACK).left) == []


def test_preparing_twice_is_no_error(site: Site) -> None:
    site.target.prepare(STACK, LOCATION)
    site.target.prepare(STACK, LOCATION)


def test_what_was_put_is_found_with_its_stack_its_state_and_its_outputs(site: Site) -> None:
    site.put(site.group("server"))
    found = site.target.existing(STACK)["server"]
    assert (found.name, found.stack, found.state) == ("server", STACK, State.RUNNING)
    assert found.id.endswith("/server")
    assert found.outputs["ip"]
    assert found.outputs["port"] == str(PORT)


def test_an_ended_operation_tells_what_exists_now(site: Site) -> None:
    site.target.prepare(STACK, LOCATION)
    operation = site.target.put(site.group("server"), LOCATION)
    assert (operation.verb, operation.name) == (Verb.PUT, "server")
    status = site.ended(operation)
    assert isinstance(status, Done)
    assert status.existing == site.target.existing(STACK)["server"]


def test_a_group_without_an_address_has_no_outputs_to_tell(site: Site) -> None:
    site.put(site.group("server", ip_address=None))
    assert "ip" not in site.target.existing(STACK)["server"].outputs


def test_a_label_gives_a_name(site: Site) -> None:
    site.put(site.group("server", ip_address=IpAddress(ports=[Port(port=PORT)], dns_name_label="contract-test")))
    fqdn = site.target.existing(STACK)["server"].outputs["fqdn"]
    assert fqdn.startswith("contract-test.")
    assert fqdn.endswith(".azurecontainer.io")


def test_what_was_put_comes_back_without_a_difference(site: Site) -> None:
    wanted = site.group("server", container={"environment_variables": {"A": "1", "KEY": Secret("hidden")}})
    site.put(wanted)
    assert diff(site.target.existing(STACK)["server"].definition, wanted) == ()


def test_secrets_do_not_come_back(site: Site) -> None:
    site.put(site.group("server", container={"environment_variables": {"KEY": Secret("hidden")}}))
    found = site.target.existing(STACK)["server"].definition
    assert "hidden" not in secrets(found).values()
    assert "KEY" in found.containers[0].environment_variables


def test_names_find_what_belongs_to_nobody_or_to_another_stack(site: Site) -> None:
    foreign = replace(site.group("foreign"), tags={})
    site.put(foreign)
    site.put(site.group("other", tags={STACK_TAG: "another"}))
    assert site.target.existing(STACK) == {}
    found = site.target.existing(STACK, ["foreign", "other", "missing"])
    assert {name: one.stack for name, one in found.items()} == {"foreign": None, "other": "another"}
    for one in found.values():
        site.ended(site.target.delete(one))


def test_an_update_keeps_the_address_and_changes_the_definition(site: Site) -> None:
    site.put(site.group("server"))
    before = site.target.existing(STACK)["server"]
    site.put(site.group("server", container={"environment_variables": {"A": "2"}}))
    after = site.target.existing(STACK)["server"]
    assert after.definition.containers[0].environment_variables == {"A": "2"}
    assert after.id == before.id


def test_tagging_replaces_the_tags_and_nothing_else(site: Site) -> None:
    site.put(site.group("server", tags={"old": "1"}))
    before = site.target.existing(STACK)["server"]
    tagged = site.target.tag(replace(before.definition, tags={STACK_TAG: STACK, "new": "2"}))
    assert tagged.definition.tags == {STACK_TAG: STACK, "new": "2"}
    assert site.target.existing(STACK)["server"] == tagged
    assert replace(tagged.definition, tags={}) == replace(before.definition, tags={})
    assert tagged.outputs == before.outputs


def test_deleting_takes_it_away_and_deleting_again_is_no_error(site: Site) -> None:
    site.put(site.group("server"))
    found = site.target.existing(STACK)["server"]
    for _ in range(2):
        assert site.ended(site.target.delete(found)) == Done(existing=None)
        assert site.target.existing(STACK, ["server"]) == {}


def test_operations_are_polled_together(site: Site) -> None:
    site.target.prepare(STACK, LOCATION)
    operations = [site.target.put(site.group(name), LOCATION) for name in ("one", "two")]
    assert set(site.target.poll(operations)) == set(operations)
    for operation in operations:
        assert not isinstance(site.ended(operation), Broken)


def test_releasing_tells_what_is_still_there(site: Site) -> None:
    site.put(site.group("server"))
    assert list(site.target.release(STACK).left) == [site.target.existing(STACK)["server"].id]


def test_a_stack_goes_up_stays_and_comes_down(site: Site) -> None:
    server = site.group("server")
    client = site.group("client", container={"environment_variables": {"UPSTREAM": server.ip}})
    stack = Stack(name=STACK, location=LOCATION, resources=[client, server])
    done = deployment.deploy(stack, site.target, clock=site.clock, timeout=60)
    told = site.target.existing(STACK)["client"].definition.containers[0].environment_variables
    assert told == {"UPSTREAM": done["server"]["ip"]}
    again = deployment.deploy(stack, site.target, clock=site.clock, timeout=60)
    assert [change.action for change in again.changes] == [Action.NOOP, Action.NOOP]
    assert len(deployment.destroy(STACK, site.target, clock=site.clock, timeout=60).deleted) == 2
    assert site.target.existing(STACK, ["server", "client"]) == {}
