"""Follow logs that can only be read whole: each line once, in order, whatever the target cuts off or begins again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from azdeploy.execution.retry import Clock

_SHORTEST = 0.5  # seconds between two looks while there is news
_LONGEST = 4.0  # seconds between two looks when there has been none for long


@dataclass(frozen=True, slots=True)
class Log:
    """The whole log of a container as it was read.

    ``start`` names the start of the container that wrote it, such as its restart count: where it is another one the log
    began again, even if it reads the same.
    """

    text: str
    start: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a container's log, without its end."""

    container: str
    text: str


def new_lines(previous: str, current: str) -> tuple[str, ...]:
    """Return the complete lines of a log that it did not have when it read ``previous``.

    A log that lost its front, for the service keeps only 4 MB, is recognised by the longest end of ``previous`` that it
    begins with. One that has nothing in common with ``previous`` began again, and all of it is new.
    """
    old, new = _complete(previous), _complete(current)
    return tuple(_lines(new[_overlap(old, new) :]))


def follow(read: Callable[[], Mapping[str, Log]], clock: Clock, until: Callable[[], bool]) -> Iterator[Line]:
    """Yield the lines of several containers' logs as they come, each once and in its container's order.

    ``read`` returns the whole logs by container. A last line without an end is held back until it is complete, the log
    begins again, or ``until`` says after a look that this was the last.
    """
    seen: dict[str, Log] = {}
    pause = _SHORTEST
    while True:
        logs = read()
        last = until()
        news = [line for name, log in logs.items() for line in _news(name, seen.get(name, Log("", log.start)), log)]
        yield from news
        seen.update(logs)
        if last:
            break
        pause = _SHORTEST if news else min(pause * 2, _LONGEST)
        clock.sleep(pause)
    for name, log in seen.items():
        yield from _rest(name, log)


def _news(name: str, previous: Log, current: Log) -> Iterator[Line]:
    same_start = previous.start == current.start
    old, new = _complete(previous.text), _complete(current.text)
    known = _overlap(old, new) if same_start else 0
    if not (same_start and (known or current.text.startswith(previous.text))):
        yield from _rest(name, previous)  # the log began again, so this line gets no end any more
    for text in _lines(new[known:]):
        yield Line(name, text)


def _rest(name: str, log: Log) -> Iterator[Line]:
    if rest := log.text[len(_complete(log.text)) :]:
        yield Line(name, rest)


def _complete(text: str) -> str:
    return text[: text.rfind("\n") + 1]


def _lines(complete: str) -> list[str]:
    return [line.removesuffix("\r") for line in complete.split("\n")[:-1]]


def _overlap(old: str, new: str) -> int:
    """Return the length of the longest end of ``old`` that ``new`` begins with; both end with a line's end.

    Every candidate ends where the last line of ``old`` ends in ``new``, and it is compared only where it also begins as
    ``new`` does, so that logs of megabytes take no time worth mentioning.
    """
    if new.startswith(old):
        return len(old)
    anchor = old[old.rfind("\n", 0, -1) + 1 :]
    head = new[: new.find("\n") + 1]
    end = min(len(old), len(new))
    while (at := new.rfind(anchor, 0, end)) >= 0:
        length = at + len(anchor)
        if old.startswith(head, len(old) - length) and old.endswith(new[:length]):
            return length
        end = length - 1
    return len(head) if old.endswith(head) else 0
