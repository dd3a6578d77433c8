"""Processes that end with this one: the near side of the shim, which see for what it does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from azdeploy.local.runtime import ContainerNotStartedError

_SHIM = Path(__file__).with_name("shim.py")
_END_SECONDS = 2.0  # that a shim gets for ending everything; a small part of one is enough
_ROUNDS = 20  # of looking for processes to kill; each may have started others meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command and all that it sees; secrets are in ``environment``, so this has no repr."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    working_directory: Path
    hosts: Path | None = None

    def __repr__(self) -> str:
        return f"Command({self.argv[0]!r})"


class Child:
    """A command with its shim. It writes both its streams to ``output``, or to the terminal where it has one."""

    def __init__(self, command: Command, *, output: int | None = None, terminal: int | None = None) -> None:
        reading, writing = os.pipe()
        self._control = threading.Lock()
        passed = [writing] if terminal is None else [writing, terminal]
        with os.fdopen(reading, "rb") as status:
            try:
                self._shim = _start_shim(subprocess.DEVNULL if output is None else output, passed)
            finally:
                os.close(writing)
            self._send(encoded(command, writing, terminal))
            told = status.read().decode(errors="replace")
        # A command is the leader of a session, which is named by its process id.
        self._session = int(told) if told.isdecimal() else None
        if self._session is None:
            self.finish()
            problem = told or "its parent process was ended"
            raise ContainerNotStartedError(f"The command '{command.argv[0]}' cannot be started: {problem}.")

    def signal(self, number: int) -> None:
        """Send a signal to the command; does nothing once it has ended."""
        self._send(bytes([number]))

    def end(self) -> None:
        """Kill the command and all that it started."""
        with self._control:
            _stdin(self._shim).close()

    def wait(self, timeout: float | None = None) -> int | None:
        """Block up to ``timeout`` seconds for the end; return the exit code, 128 and the number for a signal's end.

        A shim that was killed could not end what it had started, so that is done here.
        """
        try:
            code = self._shim.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self.end()
        if code >= 0:
            return code
        if self._session is not None:
            _kill_session(self._session)
        return 128 - code

    def finish(self) -> None:
        """Kill the command and all that it started, and return when that is done, even where the shim is stuck."""
        self.end()
        if self.wait(_END_SECONDS) is None:
            self._shim.kill()
            self.wait()

    def _send(self, data: bytes) -> None:
        with self._control:
            if not _stdin(self._shim).closed:
                try:
                    _stdin(self._shim).write(data)
                except BrokenPipeError:
                    return


def _kill_session(session: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)
    for _ in range(_ROUNDS):
        left = [pid for pid in _processes() if _session_of(pid) == session]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _processes() -> list[int]:
    """Return the ids of all processes, where the system tells them."""
    proc = Path("/proc")
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal()] if proc.is_dir() else []


def _session_of(pid: int) -> int | None:
    """Return a process's session; None where it has ended, zombies included."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if state[0] == b"Z" else int(state[3])
    except (OSError, ValueError, IndexError):
        return None


def _start_shim(output: int, passed: Sequence[int]) -> subprocess.Popen[bytes]:
    # An interpreter may need it to find its own libraries; nothing else of this environment is anybody's business.
    environment = {name: os.environ[name] for name in ["LD_LIBRARY_PATH"] if name in os.environ}
    return subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-I", "-S", str(_SHIM)],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        env=environment,
        cwd="/",
        pass_fds=passed,
        start_new_session=True,
        bufsize=0,
    )


def encoded(command: Command, status: int, terminal: int | None) -> bytes:
    """Return the order that a shim begins with; ``status`` and ``terminal`` are descriptors that it was passed."""
    body = json.dumps(
        {
            "argv": list(command.argv),
            "cwd": str(command.working_directory),
            "environment": dict(command.environment),
            "hosts": None if command.hosts is None else str(command.hosts),
            "status": status,
            "terminal": terminal,
        }
    ).encode()
    return struct.pack("!I", len(body)) + body


def _stdin(shim: subprocess.Popen[bytes]) -> IO[bytes]:
    if shim.stdin is None:  # Never: it was asked for a pipe; the type does not say so.
        raise ContainerNotStartedError("A process was started without its control pipe.")
    return shim.stdin
