"""Commands with a terminal of their own, for exec in the process runtime."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading

from azdeploy.local.process.child import Child, Command


class Terminal:
    """A session on a command that was started on a pseudo-terminal."""

    def __init__(self, command: Command, *, rows: int, columns: int) -> None:
        self._ours, theirs = pty.openpty()
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._ended = False
        self.resize(rows, columns)
        try:
            self._child = Child(command, terminal=theirs)
        except BaseException:
            os.close(self._ours)
            raise
        finally:
            os.close(theirs)

    def send(self, data: bytes) -> None:
        """Type something; does nothing once the command has ended."""
        with self._writing:
            while data and not self._ended:
                try:
                    data = data[os.write(self._ours, data) :]
                except OSError:
                    return

    def receive(self) -> bytes:
        """Block until it wrote something and return that; empty once it has ended and all was read."""
        with self._reading:
            if self._ended:
                return b""
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # How Linux says that nobody has the other side open any more.
                data = b""
            if not data:
                self._end()
            return data

    def resize(self, rows: int, columns: int) -> None:
        """Tell the terminal's new size."""
        with self._writing:
            if not self._ended:
                fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        """End the command and let go of the terminal."""
        self._child.end()
        while self.receive():
            pass  # The end comes behind what nobody has read.

    def _end(self) -> None:
        with self._writing:
            self._ended = True
            os.close(self._ours)
        self._child.end()
        self._child.wait()
