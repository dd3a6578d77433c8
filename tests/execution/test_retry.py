"""When to look again and when to try again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdeploy.errors import Conflict, Throttled, Unreachable
from azdeploy.execution.retry import LONGEST, LONGEST_WISH, SHORTEST, SystemClock, interval, next_look, pause

TIMES = st.floats(0, 10_000)


def test_the_first_look_comes_soon() -> None:
    assert interval(0) == SHORTEST


@given(TIMES)
def test_looking_costs_at_most_a_fourth_of_what_the_operation_takes(elapsed: float) -> None:
    assert SHORTEST <= interval(elapsed) <= min(max(SHORTEST, elapsed / 4), LONGEST)


@given(TIMES, TIMES)
def test_intervals_only_grow(one: float, other: float) -> None:
    assert interval(min(one, other)) <= interval(max(one, other))


@pytest.mark.parametrize(("wish", "seconds"), [(0, SHORTEST), (1, 1), (45, 45), (1800, LONGEST_WISH)])
def test_the_servers_wish_is_followed_up_to_a_minute(wish: float, seconds: float) -> None:
    assert interval(0, wish) == interval(1000, wish) == seconds


@given(TIMES, st.sampled_from([0.2, 0.4, 1.0, 10.0]))
def test_looks_are_never_early_and_at_most_a_fourth_late(now: float, seconds: float) -> None:
    due = next_look(now, seconds)
    assert now + seconds - 1e-6 <= due <= now + seconds * 1.25 + 1e-6


@given(st.lists(st.floats(100, 110), min_size=1, max_size=200))
def test_however_many_look_they_share_their_looks(starts: list[float]) -> None:
    assert len({next_look(start, 10.0) for start in starts}) <= 6


@pytest.mark.parametrize(
    ("error", "tries", "seconds"),
    [
        (Throttled("", retry_after=7), 1, 7),
        (Throttled("", retry_after=0), 3, 1),
        (Throttled("", retry_after=1800), 1, 60),
        (Conflict(""), 1, 1),
        (Conflict(""), 3, 4),
        (Unreachable(""), 12, 10),
    ],
)
def test_pauses(error: Throttled | Conflict | Unreachable, tries: int, seconds: float) -> None:
    assert pause(error, tries) == seconds


def test_the_systems_clock_passes_at_least_what_it_sleeps() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.01
