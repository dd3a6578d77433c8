"""Commands with a terminal of their own, for exec in the process runtime."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import threading

from azdeploy.local.process.child import Child, Command

_LOOK_MILLISECONDS = 200  # how long nobody may notice that the session was closed


class Terminal:
    """A session on a command that was started on a pseudo-terminal."""

    def __init__(self, command: Command, *, rows: int, columns: int) -> None:
        self._ours, theirs = pty.openpty()
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._ended = False
        # A command that does not read must not hold up those who want to end it.
        os.set_blocking(self._ours, False)
        try:
            self.resize(rows, columns)
            self._child = Child(command, terminal=theirs)
        except BaseException:
            os.close(self._ours)
            raise
        finally:
            os.close(theirs)

    @property
    def has_ended(self) -> bool:
        """Whether the command has ended and all was read, or the session was closed."""
        return self._ended

    def send(self, data: bytes) -> None:
        """Type something, as fast as the command reads it; does nothing once the command has ended."""
        while data and not self._closing.is_set():
            with self._writing:
                if self._ended:
                    return
                try:
                    data = data[os.write(self._ours, data) :]
                except BlockingIOError:
                    pass
                except OSError:
                    return
                else:
                    continue
            self._is_ready(select.POLLOUT)

    def receive(self) -> bytes:
        """Block until it wrote something and return that; empty once it has ended and all was read."""
        with self._reading:
            while not self._ended:
                if self._closing.is_set():
                    self._end()
                elif self._is_ready(select.POLLIN):
                    if data := self._read():
                        return data
                    self._end()
            return b""

    def resize(self, rows: int, columns: int) -> None:
        """Tell the terminal's new size."""
        with self._writing:
            if not self._ended:
                fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self) -> None:
        """End the command and all that it started; what it wrote can still be read."""
        self._child.finish()

    def close(self) -> None:
        """End the command and let go of the terminal, whoever else still has it."""
        self._closing.set()
        self.end()
        self.receive()

    def _is_ready(self, wanted: int) -> bool:
        terminal = select.poll()
        terminal.register(self._ours, wanted)
        return bool(terminal.poll(_LOOK_MILLISECONDS))

    def _read(self) -> bytes:
        try:
            return os.read(self._ours, 65536)
        except OSError:  # How Linux says that nobody has the other side open any more.
            return b""

    def _end(self) -> None:
        with self._writing:
            self._ended = True
            os.close(self._ours)
        self.end()
