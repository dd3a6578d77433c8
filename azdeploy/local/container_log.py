"""What a container wrote: the last 4 MB of it, and who follows it."""

from __future__ import annotations

import threading

# Azure keeps as much: https://learn.microsoft.com/azure/container-instances/container-instances-get-logs
LIMIT = 4 * 1024 * 1024


class ContainerLog:
    """A log that is written by one thread and read by any number; beyond its limit the oldest bytes are dropped."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._end = 0
        self._closed = False
        self._changed = threading.Condition()

    def append(self, data: bytes) -> None:
        """Add what was written."""
        with self._changed:
            self._kept += data
            self._end += len(data)
            # Not at every write: moving 4 MB for each line would cost more than all else.
            if len(self._kept) > self._limit * 2:
                del self._kept[: len(self._kept) - self._limit]
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def text(self) -> str:
        """Return what is kept; bytes that are no UTF-8 show as replacement characters."""
        with self._changed:
            return bytes(self._kept[-self._limit :]).decode("utf-8", errors="replace")

    def follow(self) -> Follower:
        """Return a session that gets all that is written from now on."""
        with self._changed:
            return Follower(self, self._end)

    def read(self, position: int, follower: Follower) -> tuple[bytes, int]:
        """Block until something stands behind ``position``; return that and the new position, nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._end > position or self._closed or follower.closed)
            if follower.closed:
                return b"", position
            start = max(0, len(self._kept) - (self._end - position))
            return bytes(self._kept[start:]), self._end

    def release(self) -> None:
        """Wake up the followers, so that one that was closed notices it."""
        with self._changed:
            self._changed.notify_all()


class Follower:
    """A session on a container's log: it can only listen."""

    def __init__(self, log: ContainerLog, position: int) -> None:
        self._log = log
        self._position = position
        self.closed = False

    def send(self, data: bytes) -> None:
        """Do nothing: a container of a group has no standard input."""

    def receive(self) -> bytes:
        """Block until the container wrote something and return that; empty once it has ended."""
        data, self._position = self._log.read(self._position, self)
        return data

    def resize(self, rows: int, columns: int) -> None:
        """Do nothing: there is no terminal."""

    def close(self) -> None:
        """Stop following."""
        self.closed = True
        self._log.release()
