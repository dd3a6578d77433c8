"""Logs as Azure gives them out: the last lines, and when they were written."""

from __future__ import annotations

from datetime import datetime

from azdeploy.local.wire import bad_content

_MOST = 4 * 1024 * 1024  # https://learn.microsoft.com/rest/api/container-instances/containers/list-logs
_DIGITS = 10  # as many as a number of 32 bits may have


def select(text: str, tail: str | None) -> str:
    """Return the last ``tail`` lines of a log, or the last 4 MB of all of it."""
    if tail is None:
        return text[-_MOST:]
    if not tail.isdecimal() or len(tail) > _DIGITS:
        raise bad_content(f"The tail of a log is a number of lines, not '{tail[:60]}'.")
    lines = text.splitlines(keepends=True)
    return "".join(lines[max(len(lines) - int(tail), 0) :])


class Stamps:
    """When the lines of a log were seen first. A runtime tells no times, so they are those of the first look."""

    def __init__(self) -> None:
        self._seen: list[datetime] = []
        self._start = ""

    def apply(self, text: str, now: datetime, start: str) -> str:
        """Return the log with the time before each line; ``start`` names the start that it is of."""
        if start != self._start:
            self._seen, self._start = [], start
        lines = text.splitlines(keepends=True)
        self._seen += [now] * (len(lines) - len(self._seen))
        return "".join(f"{seen:%Y-%m-%dT%H:%M:%S.%f}000Z {line}" for seen, line in zip(self._seen, lines, strict=False))
