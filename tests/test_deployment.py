"""The verbs of the library: preview, deploy, destroy."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from small_stacks import STACK, existing, group, stack

from azdeploy.definitions.container_group import Container
from azdeploy.definitions.secret import Secret
from azdeploy.deployment import deploy, destroy, preview
from azdeploy.errors import AzdeployError, DefinitionError, Denied, DeploymentFailed, OperationFailed, OwnershipError
from azdeploy.execution.events import Finished, Started
from azdeploy.execution.target import Released
from azdeploy.planning.plan import Action, Existing
from azdeploy.testing import InMemoryTarget, RecordingObserver, VirtualClock

PAIR = stack(group("server"), group("client", "server"))


@pytest.fixture
def azure() -> InMemoryTarget:
    return InMemoryTarget()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def test_a_preview_sends_nothing_that_changes_anything(azure: InMemoryTarget) -> None:
    plan = preview(PAIR, azure)
    assert [change.action for change in plan.changes] == [Action.CREATE, Action.CREATE]
    assert (azure.requests, azure.reads) == ([], 1)


def test_a_deployment_does_what_the_preview_says(azure: InMemoryTarget, clock: VirtualClock) -> None:
    seen = RecordingObserver()
    done = deploy(PAIR, azure, observer=seen, clock=clock)
    assert azure.requests == [f"prepare {STACK} in westus", "put server", "put client"]
    assert done.stack == STACK
    assert done["client"]["ip"]
    assert [event.name for event in seen.of(Finished)] == ["server", "client"]
    assert preview(PAIR, azure).is_empty


def test_a_second_deployment_sends_nothing(azure: InMemoryTarget, clock: VirtualClock) -> None:
    deploy(PAIR, azure, clock=clock)
    azure.requests.clear()
    deploy(PAIR, azure, clock=clock)
    assert azure.requests == []


def test_everything_wrong_with_a_stack_is_told_before_anything_is_asked_or_sent(azure: InMemoryTarget) -> None:
    wrong = stack(group("a", "b"), group("b", "a"), group("c", "nowhere"), group("Upper"))
    with pytest.raises(DefinitionError) as refused:
        deploy(wrong, azure)
    told = str(refused.value)
    assert all(part in told for part in ("a → b → a", "nowhere", "'Upper'"))
    assert (azure.requests, azure.reads) == ([], 0)


def test_what_somebody_else_made_is_not_touched(azure: InMemoryTarget) -> None:
    azure.add(existing(group("server"), owner="other"))
    with pytest.raises(OwnershipError):
        deploy(PAIR, azure)
    assert azure.requests == []


def test_a_secret_reaches_the_target_and_nothing_else(azure: InMemoryTarget, clock: VirtualClock) -> None:
    def with_key(value: str) -> None:
        seen = RecordingObserver()
        wanted = stack(group("server", env={"KEY": Secret(value), "OTHER": "visible"}))
        told = [str(preview(wanted, azure)), str(deploy(wanted, azure, observer=seen, clock=clock)), str(seen.events)]
        assert value not in "".join(told)
        key = azure.sent["server"].containers[0].environment_variables["KEY"]
        assert isinstance(key, Secret)
        assert key.reveal() == value

    with_key("hidden-one")
    with_key("hidden-two")
    assert azure.requests.count("put server") == 2


class TestDestroy:
    def test_users_go_before_what_they_use_and_the_place_last(self, azure: InMemoryTarget, clock: VirtualClock) -> None:
        deploy(PAIR, azure, clock=clock)
        azure.requests.clear()
        seen = RecordingObserver()
        gone = destroy(STACK, azure, observer=seen, clock=clock)
        assert azure.requests == ["delete client", "delete server", f"release {STACK}"]
        assert [name.rpartition("/")[2] for name in gone.deleted] == ["client", "server"]
        assert {event.action for event in seen.of(Started)} == {Action.DELETE}

    def test_there_being_nothing_is_no_error(self, azure: InMemoryTarget) -> None:
        assert destroy(STACK, azure).deleted == ()

    def test_what_is_foreign_stays(self, azure: InMemoryTarget, clock: VirtualClock) -> None:
        deploy(PAIR, azure, clock=clock)
        azure.add(existing(group("foreign"), owner=None))
        destroy(STACK, azure, clock=clock)
        assert list(azure.existing(STACK, ["foreign", "server"])) == ["foreign"]
        assert f"release {STACK}" not in azure.requests

    def test_what_cannot_be_deleted_is_a_failure_that_keeps_what_it_uses(
        self, azure: InMemoryTarget, clock: VirtualClock
    ) -> None:
        deploy(PAIR, azure, clock=clock)
        error: AzdeployError = Denied("Locked.")
        azure.refuse("client", error)
        with pytest.raises(DeploymentFailed) as failed:
            destroy(STACK, azure, clock=clock)
        assert failed.value.causes == {"client": error}
        assert failed.value.skipped == ("server",)

    def test_what_is_listed_afterwards_is_no_success(self) -> None:
        class Haunted(InMemoryTarget):
            def existing(self, stack: str, names: Collection[str] = ()) -> Mapping[str, Existing]:
                return {}

            def release(self, stack: str) -> Released:
                return Released(left=["/subscriptions/test/ghost"])

        with pytest.raises(OperationFailed, match="still there: /subscriptions/test/ghost"):
            destroy(STACK, Haunted())


def test_containers_that_change_between_two_deployments_are_deleted_and_made(
    azure: InMemoryTarget, clock: VirtualClock
) -> None:
    deploy(PAIR, azure, clock=clock)
    smaller = stack(group("server"))
    done = deploy(smaller, azure, clock=clock)
    assert [change.action for change in done.changes] == [Action.NOOP, Action.DELETE]
    assert isinstance(azure.sent["server"].containers[0], Container)
