"""Processes that end with this one: the near side of the shim, which see for what it does."""

from __future__ import annotations

import json
import os
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
            problem = status.read().decode(errors="replace")
        if problem:
            self.end()
            self.wait()
            raise ContainerNotStartedError(f"The command '{command.argv[0]}' cannot be started: {problem}.")

    def signal(self, number: int) -> None:
        """Send a signal to the command; does nothing once it has ended."""
        self._send(bytes([number]))

    def end(self) -> None:
        """Kill the command and all that it started."""
        with self._control:
            _stdin(self._shim).close()

    def wait(self) -> int:
        """Block until the command has ended; return its exit code, 128 and the number where a signal ended it."""
        code = self._shim.wait()
        self.end()
        return code

    def _send(self, data: bytes) -> None:
        with self._control:
            if not _stdin(self._shim).closed:
                try:
                    _stdin(self._shim).write(data)
                except BrokenPipeError:
                    return


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
