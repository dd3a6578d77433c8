"""One start of one container at the engine, and commands that run in it."""

from __future__ import annotations

import math
import os
import select
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from azdeploy.errors import LocalError
from azdeploy.local.container_log import ContainerLog, Follower
from azdeploy.local.docker.engine import ENGINE_ERRORS, Hijacked, told
from azdeploy.local.runtime import ContainerNotStartedError

# What a container's end is called when the engine itself went away and nobody knows more.
_ENGINE_LOST = 255
# How long a command may take to appear in a container, and how often the engine is asked, in seconds.
_EXEC_SECONDS, _EXEC_INTERVAL = 10.0, 0.02
_RESIZES = 25
_LAST_WORDS_SECONDS = 1.0
# A terminal's signs for "interrupt" and "end of input".
_INTERRUPT, _END_OF_INPUT = b"\x03", b"\x04"


class DockerContainer:
    """A container that was created and is started by making this; once it has ended the engine forgets it."""

    def __init__(self, api: docker.APIClient, identity: str) -> None:
        self.id = identity
        self._api = api
        self._log = ContainerLog()
        self._exit_code: int | None = None
        self._ended = threading.Event()
        output = None
        try:
            # Attached before the start, so that not even the first line is missed.
            output = Hijacked(api, f"/containers/{identity}/attach?stream=1&stdout=1&stderr=1")
            api.start(identity)
        except ENGINE_ERRORS as error:
            if output is not None:
                output.close()
            self._remove()
            raise ContainerNotStartedError(f"The container cannot be started: {told(error)}.") from error
        threading.Thread(target=self._watch, args=(output,), name=f"container {identity[:12]}", daemon=True).start()

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

    def exec(self, command: Sequence[str], *, rows: int, columns: int) -> DockerExec:
        """Run another command in the container, with a terminal."""
        if self._ended.is_set() or not command:
            raise ContainerNotStartedError("The container is not running, so no command can run in it.")
        try:
            return DockerExec(self._api, self.id, command, rows=rows, columns=columns)
        except ENGINE_ERRORS as error:
            raise ContainerNotStartedError(f"The command '{command[0]}' cannot be started: {told(error)}.") from error

    def stop(self, grace: float) -> None:
        """Send the image's stop signal, and kill it after ``grace`` seconds, rounded up to whole ones."""
        if self._ended.is_set():
            return
        try:
            self._api.stop(self.id, timeout=math.ceil(grace))
        except ENGINE_ERRORS as error:
            if not self._ended.wait(_EXEC_SECONDS):  # It may have ended by itself just now.
                raise LocalError(f"The container {self.id[:12]} cannot be stopped: {told(error)}.") from error
        self._ended.wait()

    def _watch(self, output: Hijacked) -> None:
        try:
            for data in output.frames():
                self._log.append(data)
            self._exit_code = int(self._api.wait(self.id)["StatusCode"])
        except ENGINE_ERRORS as error:
            self._log.append(f"The engine lost this container: {told(error)}.\n".encode())
            self._exit_code = _ENGINE_LOST
        output.close()
        self._remove()
        self._log.close()
        self._ended.set()

    def _remove(self) -> None:
        try:
            self._api.remove_container(self.id, v=True, force=True)
        except ENGINE_ERRORS:
            return  # It is gone, or is swept later: it has our labels.


class DockerExec:
    """A session on a command in a container."""

    def __init__(
        self, api: docker.APIClient, container: str, command: Sequence[str], *, rows: int, columns: int
    ) -> None:
        self._api = api
        self._container = container
        self._reading = threading.Lock()
        self._closed = False
        self._id = str(api.exec_create(container, list(command), stdin=True, tty=True)["Id"])
        # Engines before API 1.42 ignore the size, so it is told again below.
        start = {"Tty": True, "Detach": False, "ConsoleSize": [rows, columns]}
        self._stream = Hijacked(api, f"/exec/{self._id}/start", start)
        try:
            self._process = self._await_start(command[0])
            self._await_terminal(rows, columns)
        except BaseException:
            self._stream.close()
            raise

    def send(self, data: bytes) -> None:
        """Type something; does nothing once the command has ended."""
        try:
            self._stream.write(data)
        except OSError:
            return

    def receive(self) -> bytes:
        """Block until it wrote something and return that; empty once it has ended and all was read."""
        with self._reading:
            if self._closed:
                return b""
            try:
                data = self._stream.read()
            except (OSError, ValueError):
                data = b""
            if not data:
                self._closed = True
                self._stream.close()
            return data

    def resize(self, rows: int, columns: int) -> None:
        """Tell the terminal's new size; a command that has just ended has none."""
        try:
            self._api.exec_resize(self._id, height=rows, width=columns)
        except APIError:
            return

    def close(self) -> None:
        """End the command when it still runs. The engine has no request for that, so its terminal asks first."""
        if self._state()["Running"]:
            # A command that does not read must not hold up its end.
            self._stream.socket.settimeout(_LAST_WORDS_SECONDS)
            self.send(_INTERRUPT + _END_OF_INPUT)
            self._kill()
        self._stream.interrupt()
        while self.receive():
            pass

    def _await_terminal(self, rows: int, columns: int) -> None:
        """Set the size as soon as there is a terminal, which is a moment after there is a process."""
        for _ in range(_RESIZES):
            try:
                self._api.exec_resize(self._id, height=rows, width=columns)
            except APIError:
                if not self._state()["Running"]:
                    return
                select.select([self._stream.socket], [], [], _EXEC_INTERVAL)
            else:
                return

    def _await_start(self, program: str) -> int:
        """Wait until the command runs or ran, and return its process id; else the engine says why not on the stream."""
        deadline = time.monotonic() + _EXEC_SECONDS
        while time.monotonic() < deadline:
            state = self._state()
            if state["Pid"]:
                return int(state["Pid"])
            if state["ExitCode"] is not None and not state["Running"]:
                reason = self._stream.read().decode(errors="replace").strip()
                raise ContainerNotStartedError(f"The command '{program}' cannot be started: {reason}.")
            select.select([self._stream.socket], [], [], _EXEC_INTERVAL)
        raise ContainerNotStartedError(f"The command '{program}' did not start within {_EXEC_SECONDS:.0f} seconds.")

    def _state(self) -> dict[str, Any]:
        try:
            return dict(self._api.exec_inspect(self._id))
        except ENGINE_ERRORS:
            return {"Running": False, "Pid": 0, "ExitCode": None}

    def _kill(self) -> None:
        """Kill the command where the engine runs on this machine, which its process being in that container proves."""
        try:
            if self._container in Path(f"/proc/{self._process}/cgroup").read_text(encoding="utf-8"):
                os.kill(self._process, signal.SIGKILL)
        except OSError:
            return
