"""Each line of a log once and in order, however it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdeploy.execution.logs import Line, Log, follow, new_lines
from azdeploy.testing import VirtualClock


@pytest.mark.parametrize(
    ("previous", "current", "lines"),
    [
        ("", "", ()),
        ("", "a\nb\n", ("a", "b")),
        ("a\n", "a\nb\n", ("b",)),
        ("a\n", "a\n", ()),
        ("", "a\nb", ("a",)),
        ("a\nb", "a\nbcd\n", ("bcd",)),
        ("a\nb\nc\n", "b\nc\nd\n", ("d",)),
        ("hello\nworld\n", "lo\nworld\nagain\n", ("again",)),
        ("hello\n", "lo\nagain\n", ("again",)),
        ("a\nb\n", "x\ny\n", ("x", "y")),
        ("a\nx\ntick\n", "b\ntick\ntick\n", ("b", "tick", "tick")),
        ("tick\na\ntick\n", "a\ntick\nb\n", ("b",)),
        ("a\nb\n", "", ()),
        ("a\n", "a\nb\r\n\n", ("b", "")),
    ],
)
def test_new_lines(previous: str, current: str, lines: tuple[str, ...]) -> None:
    assert new_lines(previous, current) == lines


class Script:
    """Logs as they are read one look after the other; the last look is the last."""

    def __init__(self, *looks: Mapping[str, Log]) -> None:
        self._looks: Iterator[Mapping[str, Log]] = iter(looks)
        self._left = len(looks)
        self.clock = VirtualClock()

    def read(self) -> Mapping[str, Log]:
        self._left -= 1
        return next(self._looks)

    def over(self) -> bool:
        return self._left == 0

    def lines(self) -> list[Line]:
        return list(follow(self.read, self.clock, self.over))


def texts(*looks: str | Log) -> list[str]:
    script = Script(*({"c": look if isinstance(look, Log) else Log(look)} for look in looks))
    return [line.text for line in script.lines()]


def test_containers_are_told_apart() -> None:
    script = Script({"a": Log("1\n"), "b": Log("1\n")}, {"a": Log("1\n2\n"), "b": Log("1\n")}, {"b": Log("1\n2\n")})
    assert script.lines() == [Line("a", "1"), Line("b", "1"), Line("a", "2"), Line("b", "2")]


def test_a_line_is_held_back_until_its_end_comes() -> None:
    assert texts("one\ntw", "one\ntwo\nth") == ["one", "two", "th"]


def test_a_log_that_begins_again_is_told_again() -> None:
    assert texts("one\ntwo\n", "uno\n", "uno\ndue\n") == ["one", "two", "uno", "due"]


def test_a_restart_that_writes_the_same_is_seen_by_its_start() -> None:
    assert texts(Log("up\n", "0"), Log("up\n", "0"), Log("up\n", "1"), Log("up\n", "1")) == ["up", "up"]


def test_a_line_that_a_restart_cut_off_is_not_lost() -> None:
    assert texts(Log("up\nha", "0"), Log("up\n", "1")) == ["up", "ha", "up"]
    assert texts("ha", "up\n") == ["ha", "up"]


def test_looks_become_rarer_while_nothing_happens() -> None:
    script = Script(*[{"c": Log("a\n")}] * 6, {"c": Log("a\nb\n")}, {"c": Log("a\nb\n")})
    script.lines()
    assert script.clock.slept == [0.5, 1, 2, 4, 4, 4, 0.5]


LINES = st.lists(st.text("abc \r", max_size=6), max_size=30)


@given(LINES, st.lists(st.integers(0, 250), max_size=8))
def test_a_growing_log_is_told_exactly(lines: list[str], cuts: Sequence[int]) -> None:
    whole = "".join(f"{line}\n" for line in lines)
    looks = [whole[:cut] for cut in sorted(cuts)]
    assert texts(*looks, whole) == [line.removesuffix("\r") for line in lines]


@given(st.data())
def test_a_log_that_loses_its_front_is_told_exactly(data: st.DataObject) -> None:
    lines = [f"{number} {word}" for number, word in enumerate(data.draw(LINES.map(lambda ls: [w.strip() for w in ls])))]
    whole = "".join(f"{line}\n" for line in lines)
    looks, front, end = [], 0, 0
    while end < len(whole):
        first_unread = whole.rfind("\n", 0, end) + 1
        # What is cut off is at most what was read, but for the end that tells where the log goes on.
        front = data.draw(st.integers(front, max(front, whole.rfind("\n", 0, max(0, first_unread - 1)) + 1)))
        end = data.draw(st.integers(end + 1, len(whole)))
        looks.append(whole[front:end])
    assert texts(*looks, whole[front:]) == lines


@given(st.lists(st.tuples(LINES, st.integers(1, 3)), max_size=4))
def test_every_start_of_a_container_is_told_exactly(starts: list[tuple[list[str], int]]) -> None:
    looks = [
        Log("".join(f"{line}\n" for line in lines), str(start))
        for start, (lines, times) in enumerate(starts)
        for _ in range(times)
    ]
    wanted = [line.removesuffix("\r") for lines, _ in starts for line in lines]
    assert texts(*looks, *looks[-1:] or [""]) == wanted


def test_megabytes_of_the_same_line_take_no_time_worth_mentioning() -> None:
    ticks = "tick\n" * 400_000
    assert new_lines(f"start\n{ticks}", f"{ticks}end\n") == ("end",)
    assert len(new_lines(f"one\n{ticks}", f"two\n{ticks}")) == 400_001
