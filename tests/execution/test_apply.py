"""Walking a plan: order, parallelism, waits, failures, and what is told of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from threading import Barrier, Lock
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_stacks import STACK, group, salt, stack

from azdeploy.definitions.container_group import ContainerGroup
from azdeploy.definitions.stack import Definition, Stack
from azdeploy.errors import (
    AzdeployError,
    ContainerFailed,
    Denied,
    DeploymentFailed,
    OperationFailed,
    Throttled,
    TimedOut,
    Unreachable,
)
from azdeploy.execution.apply import Deployment, Manner, apply
from azdeploy.execution.events import Failed, Finished, Progressed, Retrying, Skipped, Started
from azdeploy.execution.target import Operation, Status
from azdeploy.planning.plan import Action, Existing, State
from azdeploy.planning.planner import plan
from azdeploy.testing import InMemoryTarget, RecordingObserver, VirtualClock

CRASH = ContainerFailed("It crashed.", exit_code=3)


class Site:
    """A target in memory, and everything that a deployment to it is given and tells."""

    def __init__(self, target: InMemoryTarget | None = None) -> None:
        self.target = target or InMemoryTarget()
        self.clock = VirtualClock()
        self.seen = RecordingObserver()

    def deploy(self, *groups: ContainerGroup, **options: Any) -> Deployment:
        wanted = stack(*groups)
        planned = plan(wanted, self.target.existing(STACK, [one.name for one in groups]), salt)
        self.seen.events.clear()
        self.target.requests.clear()
        manner = Manner(observer=self.seen, clock=self.clock, new_salt=salt, **options)
        return apply(planned, wanted, self.target, manner)

    def actions(self) -> dict[str, Action]:
        return {event.name: event.change.action for event in self.seen.of(Finished)}


@pytest.fixture
def site() -> Site:
    return Site()


SERVER, CLIENT = group("server"), group("client", "server")


class TestWalk:
    def test_what_needs_an_output_is_told_it(self, site: Site) -> None:
        done = site.deploy(CLIENT, SERVER)
        address = done["server"]["ip"]
        assert site.target.requests == ["put server", "put client"]
        assert site.target.sent["client"].containers[0].environment_variables == {"SERVER_HOST": address}
        assert [change.name for change in done.changes] == ["client", "server"]
        assert done.outputs["server"]["port"] == "80"

    def test_events_tell_the_whole_story(self, site: Site) -> None:
        site.deploy(SERVER)
        assert [type(event) for event in site.seen.events] == [Started, Progressed, Finished]
        started, progressed, finished = site.seen.events
        assert isinstance(started, Started)
        assert started.action is Action.CREATE
        assert isinstance(progressed, Progressed)
        assert (progressed.detail, progressed.elapsed) == ("Pending", 0.2)
        assert isinstance(finished, Finished)
        assert finished.elapsed == 0.4
        assert finished.outputs == site.target.existing(STACK)["server"].outputs

    def test_nothing_is_sent_where_nothing_changes(self, site: Site) -> None:
        site.deploy(SERVER, CLIENT)
        done = site.deploy(SERVER, CLIENT)
        assert site.target.requests == []
        assert [change.action for change in done.changes] == [Action.NOOP, Action.NOOP]
        assert [type(event) for event in site.seen.events] == [Finished, Finished]
        assert done["server"]["ip"]

    def test_a_moved_address_updates_only_what_was_told_it(self, site: Site) -> None:
        site.deploy(SERVER, CLIENT)
        site.target.move("server", "10.9.9.9")
        done = site.deploy(SERVER, CLIENT)
        assert site.target.requests == ["put client"]
        assert done.changes[1].reasons[0].startswith("server.ip is now 10.9.9.9, was ")

    def test_a_planned_update_turns_out_to_be_none_when_the_output_stays(self, site: Site) -> None:
        site.deploy(SERVER, CLIENT)
        address = group("server").ip_address
        assert address
        labelled = group("server", ip_address=type(address)(ports=address.ports, dns_name_label="a-label"))
        planned = plan(stack(labelled, CLIENT), site.target.existing(STACK), salt)
        assert [change.action for change in planned.changes] == [Action.UPDATE, Action.UPDATE]
        site.deploy(labelled, CLIENT)
        assert site.target.requests == ["put server"]
        assert site.actions() == {"server": Action.UPDATE, "client": Action.NOOP}

    def test_a_replacement_is_deleted_first_and_its_users_follow(self, site: Site) -> None:
        site.deploy(SERVER, CLIENT)
        site.deploy(group("server", zones=["1"]), CLIENT)
        assert site.target.requests == ["delete server", "put server", "put client"]
        assert site.actions() == {"server": Action.REPLACE, "client": Action.UPDATE}

    def test_tags_alone_are_one_request_that_restarts_nothing(self, site: Site) -> None:
        site.deploy(SERVER)
        done = site.deploy(group("server", tags={"team": "blue"}))
        assert site.target.requests == ["tag server"]
        assert site.target.existing(STACK)["server"].definition.tags["team"] == "blue"
        assert done["server"]["ip"]

    def test_what_the_stack_lacks_is_deleted_after_its_users_changed(self, site: Site) -> None:
        site.deploy(group("old"), group("client", "old"))
        done = site.deploy(group("client"))
        assert site.target.requests == ["put client", "delete old"]
        assert sorted(site.target.existing(STACK)) == ["client"]
        assert done.outputs["old"] == {}

    def test_a_plan_can_be_walked_on_the_machines_own_clock(self) -> None:
        target = InMemoryTarget(latency=0)
        assert apply(plan(stack(SERVER), {}, salt), stack(SERVER), target)["server"]["ip"]

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=10), st.sets(st.integers(0, 5)))
    def test_nothing_starts_before_what_it_needs_and_failures_skip_dependents_only(
        self, pairs: list[tuple[int, int]], broken: set[int]
    ) -> None:
        needs = {number: {low for low, high in pairs if high == number and low < high} for number in range(6)}
        site = Site()
        for number in broken:
            site.target.fail(f"g{number}", CRASH)
        groups = [group(f"g{number}", *(f"g{low}" for low in sorted(needs[number]))) for number in range(6)]
        lost: set[int] = set()
        for number in range(6):
            if needs[number] & (lost | broken):
                lost.add(number)
        if broken:
            with pytest.raises(DeploymentFailed) as failed:
                site.deploy(*groups)
            assert set(failed.value.causes) == {f"g{number}" for number in broken - lost}
            assert set(failed.value.skipped) == {f"g{number}" for number in lost}
        else:
            site.deploy(*groups)
        assert {event.name for event in site.seen.of(Finished)} == {f"g{n}" for n in set(range(6)) - lost - broken}
        order = [(type(event), event.name) for event in site.seen.events]
        for event in site.seen.of(Started):
            started = order.index((Started, event.name))
            assert all(order.index((Finished, f"g{need}")) < started for need in needs[int(event.name[1:])])


class Counting(InMemoryTarget):
    """Counts how many requests go on at a time; each waits for as many others as there are to be."""

    def __init__(self, together: int) -> None:
        super().__init__()
        self.most = 0
        self._now = 0
        self._count = Lock()
        self._barrier = Barrier(together)

    def put(self, definition: Definition, location: str) -> Operation:
        with self._count:
            self._now += 1
            self.most = max(self.most, self._now)
        self._barrier.wait(timeout=30)
        with self._count:
            self._now -= 1
        return super().put(definition, location)


class TestParallelism:
    def test_independent_resources_start_together_and_no_more_than_allowed(self) -> None:
        site = Site(Counting(together=3))
        site.deploy(*(group(f"g{number}") for number in range(6)), parallelism=3)
        assert isinstance(site.target, Counting)
        assert site.target.most == 3

    def test_reads_do_not_grow_with_the_resources(self) -> None:
        def reads(count: int) -> int:
            site = Site(InMemoryTarget(latency=20))
            site.deploy(*(group(f"g{number}") for number in range(count)))
            return site.target.reads

        assert reads(60) <= reads(1) + 2


class TestNoWait:
    def test_only_what_others_need_is_waited_for(self, site: Site) -> None:
        done = site.deploy(SERVER, CLIENT, wait=False)
        assert site.target.existing(STACK)["client"].state is State.CHANGING
        assert [change.action for change in done.changes] == [Action.CREATE, Action.CREATE]
        assert sorted(done.outputs) == ["server"]
        last = site.seen.events[-1]
        assert isinstance(last, Progressed)
        assert (last.name, last.detail) == ("client", "started and left to itself")

    def test_a_replacement_is_waited_for_until_it_can_start_again(self, site: Site) -> None:
        site.deploy(SERVER)
        site.deploy(group("server", zones=["1"]), wait=False)
        assert site.target.requests == ["delete server", "put server"]
        assert site.target.existing(STACK)["server"].state is State.CHANGING

    def test_what_is_still_changing_is_left_alone(self, site: Site) -> None:
        site.deploy(SERVER, wait=False)
        reads = site.target.reads
        site.deploy(SERVER, wait=False)
        assert (site.target.requests, site.target.reads) == ([], reads + 1)


class Settling(InMemoryTarget):
    """Has a server that somebody's earlier operation still changes, for some looks."""

    def __init__(self, looks: int, then: State | None) -> None:
        super().__init__()
        self.looks = looks
        self.then = then

    def existing(self, stack: str, names: Collection[str] = ()) -> Mapping[str, Existing]:
        found = dict(super().existing(stack, names))
        if "server" in found:
            self.looks -= 1
            if self.looks == 0 and self.then:
                self.change("server", self.then)
            if self.looks == 0 and not self.then:
                return {}
        return found


class TestEarlierOperations:
    """What an interrupted deployment, or one that nobody waited for, left in flight."""

    def settling(self, looks: int, then: State | None) -> Site:
        site = Site(Settling(1000, None))
        site.deploy(SERVER)
        site.target.change("server", State.CHANGING)
        assert isinstance(site.target, Settling)
        site.target.looks, site.target.then = looks, then
        return site

    def test_they_are_waited_for_before_their_outputs_are_used(self) -> None:
        site = self.settling(3, State.RUNNING)
        site.deploy(SERVER, CLIENT)
        assert site.target.requests == ["put client"]
        waits = [event for event in site.seen.of(Progressed) if event.name == "server"]
        assert {event.detail for event in waits} == {"busy with an earlier change"}

    def test_a_failed_one_is_made_anew(self) -> None:
        site = self.settling(3, State.FAILED)
        site.deploy(SERVER)
        assert site.actions() == {"server": Action.REPLACE}

    def test_one_that_vanishes_is_a_failure(self) -> None:
        site = self.settling(3, None)
        with pytest.raises(DeploymentFailed, match="server vanished while it was waited for"):
            site.deploy(SERVER)


class TestFailures:
    def test_a_failure_skips_dependents_only(self, site: Site) -> None:
        site.target.fail("server", CRASH)
        with pytest.raises(DeploymentFailed) as failed:
            site.deploy(SERVER, CLIENT, group("tail", "client"), group("other"))
        assert failed.value.causes == {"server": CRASH}
        assert failed.value.skipped == ("client", "tail")
        assert site.seen.of(Failed) == [Failed(name="server", error=CRASH)]
        assert site.seen.of(Skipped) == [
            Skipped(name="client", because="server"),
            Skipped(name="tail", because="server"),
        ]
        assert site.actions() == {"other": Action.CREATE}

    def test_a_refused_request_is_a_failure_at_once(self, site: Site) -> None:
        site.target.refuse("server", Denied("No.", code="AuthorizationFailed", status=403))
        with pytest.raises(DeploymentFailed, match="server: AuthorizationFailed: No"):
            site.deploy(SERVER)
        assert site.target.requests == ["put server"]

    def test_what_failed_is_made_anew_by_the_next_deployment(self, site: Site) -> None:
        site.target.fail("server", CRASH)
        with pytest.raises(DeploymentFailed):
            site.deploy(SERVER, CLIENT)
        site.deploy(SERVER, CLIENT)
        assert site.actions() == {"server": Action.REPLACE, "client": Action.CREATE}

    def test_an_output_that_is_missing_is_named_with_who_needs_it(self, site: Site) -> None:
        with pytest.raises(DeploymentFailed, match="client: server has no ip, which client needs"):
            site.deploy(group("server", ip_address=None), CLIENT)

    def test_a_bug_is_not_swallowed(self, site: Site) -> None:
        class Buggy(InMemoryTarget):
            def put(self, definition: Definition, location: str) -> Operation:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            Site(Buggy()).deploy(SERVER)


class TestPatience:
    def test_throttling_is_waited_out_and_told(self, site: Site) -> None:
        site.target.throttle("server", retry_after=17, times=2)
        site.deploy(SERVER)
        assert site.target.requests == ["put server"] * 3
        assert site.seen.of(Retrying) == [Retrying(name="server", reason="Too many requests.", wait=17)] * 2
        assert site.clock.now >= 34

    def test_a_wish_without_measure_is_capped(self, site: Site) -> None:
        site.target.throttle("server", retry_after=1800)
        site.deploy(SERVER)
        assert [event.wait for event in site.seen.of(Retrying)] == [60]

    def test_a_conflict_is_waited_out_longer_and_longer(self, site: Site) -> None:
        site.target.conflict("server", times=6)
        site.deploy(SERVER)
        assert [event.wait for event in site.seen.of(Retrying)] == [1, 2, 4, 8, 10, 10]

    def test_patience_has_an_end(self, site: Site) -> None:
        site.target.conflict("server", times=10_000)
        with pytest.raises(DeploymentFailed, match="still transitioning"):
            site.deploy(SERVER)
        assert sum(event.wait for event in site.seen.of(Retrying)) <= 600

    def test_others_go_on_while_one_waits(self, site: Site) -> None:
        site.target.throttle("server", retry_after=50)
        site.deploy(SERVER, group("other"))
        ended = [event.name for event in site.seen.of(Finished)]
        assert ended == ["other", "server"]


class Mute(InMemoryTarget):
    """Answers some polls with errors."""

    def __init__(self, *errors: AzdeployError) -> None:
        super().__init__()
        self.errors = list(errors)

    def poll(self, operations: Collection[Operation]) -> Mapping[Operation, Status]:
        if self.errors:
            raise self.errors.pop(0)
        return super().poll(operations)


class TestUnansweredPolls:
    def test_they_are_asked_again_for_the_operation_goes_on(self) -> None:
        site = Site(Mute(Unreachable("no answer"), Throttled("too many", retry_after=5)))
        site.deploy(SERVER)
        assert [(event.reason, event.wait) for event in site.seen.of(Retrying)] == [("no answer", 1), ("too many", 5)]

    def test_they_are_not_asked_for_ever(self) -> None:
        site = Site(Mute(*[Unreachable("no answer")] * 1000))
        with pytest.raises(DeploymentFailed, match="server: no answer"):
            site.deploy(SERVER, CLIENT)
        assert site.clock.now < 700

    def test_a_lasting_error_ends_everything_that_was_asked_about(self) -> None:
        site = Site(Mute(Denied("signed out")))
        with pytest.raises(DeploymentFailed) as failed:
            site.deploy(SERVER, group("other"))
        assert set(failed.value.causes) == {"server", "other"}


class TestTimeout:
    def test_it_names_what_is_unfinished_and_its_last_word(self, site: Site) -> None:
        site.target.slow("server", 10_000)
        with pytest.raises(TimedOut) as late:
            site.deploy(SERVER, CLIENT, timeout=30)
        assert str(late.value) == (
            "server: not finished after 30 seconds; the last word was: Pending. "
            "What was started goes on; deploy again with a longer timeout."
        )
        assert site.seen.of(Skipped) == [Skipped(name="client", because="server")]
        assert site.clock.now == pytest.approx(30)

    def test_it_ends_the_wait_for_a_throttled_request_too(self, site: Site) -> None:
        site.target.throttle("server", retry_after=60)
        with pytest.raises(TimedOut, match="server: not finished after 5 seconds"):
            site.deploy(SERVER, timeout=5)

    def test_beside_a_failure_it_is_one_more_cause(self, site: Site) -> None:
        site.target.slow("server", 10_000)
        site.target.fail("other", OperationFailed("It failed."))
        with pytest.raises(DeploymentFailed) as failed:
            site.deploy(SERVER, group("other"), timeout=30)
        assert [type(error) for error in failed.value.causes.values()] == [TimedOut, OperationFailed]


class Interrupting(VirtualClock):
    """Lets the user press Ctrl-C while somebody sleeps."""

    def sleep(self, seconds: float) -> None:
        if self.now > 1:
            raise KeyboardInterrupt
        super().sleep(seconds)


def test_an_interrupt_leaves_what_was_started_and_the_next_deployment_takes_it_up() -> None:
    site = Site(InMemoryTarget(latency=50))
    site.clock = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        site.deploy(SERVER, CLIENT)
    assert site.target.existing(STACK)["server"].state is State.CHANGING
    site.target.change("server", State.RUNNING)
    site.target.move("server", "10.0.0.9")
    site.clock = VirtualClock()
    site.deploy(SERVER, CLIENT)
    assert site.actions() == {"server": Action.NOOP, "client": Action.CREATE}


def test_a_thousand_resources_are_no_trouble() -> None:
    site = Site()
    wanted = Stack(name=STACK, resources=[group(f"g{number}") for number in range(1000)])
    done = site.deploy(*wanted.resources)
    assert len(done.outputs) == 1000
    assert site.target.reads < 100
