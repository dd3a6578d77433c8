"""One start of one container as a process of this machine."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Sequence
from dataclasses import replace

from azdeploy.local.container_log import ContainerLog, Follower
from azdeploy.local.process.child import Child, Command
from azdeploy.local.process.root import Root
from azdeploy.local.process.terminal import Terminal
from azdeploy.local.runtime import ContainerNotStartedError

_DRAIN_SECONDS = 1.0  # that what was written gets to arrive when the command has ended


class ProcessContainer:
    """A running command with its log; starting it is making one."""

    def __init__(self, command: Command, root: Root, stop_signal: signal.Signals) -> None:
        self.id = secrets.token_hex(32)
        self._command = command
        self._root = root
        self._stop_signal = stop_signal
        self._log = ContainerLog()
        self._exit_code: int | None = None
        self._ended = threading.Event()
        self._sessions: list[Terminal] = []
        self._opening = threading.Lock()
        self._is_ending = False
        reading, writing = os.pipe()
        try:
            self._child = Child(command, output=writing)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        threading.Thread(target=self._watch, args=(reading,), name=f"container {self.id[:12]}", daemon=True).start()

    def wait(self, timeout: float | None = None) -> int | None:
        """Block up to ``timeout`` seconds for its end; return the exit code, None while it runs."""
        self._ended.wait(timeout)
        return self._exit_code

    def logs(self) -> str:
        """Return what it wrote, at most the last 4 MB."""
        return self._log.text()

    def attach(self) -> Follower:
        """Follow what it writes from now on."""
        return self._log.follow()

    def exec(self, command: Sequence[str], *, rows: int, columns: int) -> Terminal:
        """Run another command in the same folder and environment, with a terminal."""
        if self._ended.is_set() or not command:
            raise ContainerNotStartedError("The container is not running, so no command can run in it.")
        environment = {"TERM": "xterm-256color", **self._command.environment}
        argv = self._root.located(command, environment["PATH"])
        inside = replace(self._command, argv=argv, environment=environment)
        with self._opening:
            if self._is_ending:
                raise ContainerNotStartedError("The container is being stopped, so no command can run in it.")
            session = Terminal(inside, rows=rows, columns=columns)
            self._sessions = [*(one for one in self._sessions if not one.has_ended), session]
        return session

    def stop(self, grace: float) -> None:
        """Send the image's stop signal, and kill all its processes after ``grace`` seconds."""
        if grace > 0:
            self._child.signal(self._stop_signal)
            self._ended.wait(grace)
        self._child.finish()
        self._end_sessions()
        self._ended.wait()

    def _watch(self, output: int) -> None:
        """Wait for the shim's end, not for that of its output: what escaped a shim that was killed may keep it open."""
        reader = threading.Thread(target=self._read, args=(output,), name=f"output {self.id[:12]}", daemon=True)
        reader.start()
        self._exit_code = self._child.wait()
        self._end_sessions()
        reader.join(_DRAIN_SECONDS)
        self._log.close()
        self._ended.set()

    def _end_sessions(self) -> None:
        """End what exec runs in the container, as with an engine, where the first process takes all others along."""
        with self._opening:
            self._is_ending = True
            for session in self._sessions:
                session.end()

    def _read(self, output: int) -> None:
        with os.fdopen(output, "rb", buffering=0) as stream:
            while data := stream.read(65536):
                self._log.append(data)
