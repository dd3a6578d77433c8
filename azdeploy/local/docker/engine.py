"""The connection to a Docker or Podman engine: finding one, speaking to it, and telling what went wrong with it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException
from urllib3.exceptions import HTTPError

from azdeploy.errors import LocalError

# What the client raises: its own errors, those of requests (which are OSErrors), and those of a stream that breaks.
ENGINE_ERRORS = (DockerException, HTTPError, OSError)

_SECONDS = 60
_PROBE_SECONDS = 3


def connect(timeout: float = _SECONDS) -> docker.DockerClient:
    """Connect to the engine that DOCKER_HOST names, else to one at a usual place; LocalError when none answers.

    ``timeout`` is in seconds and holds for every request that is no stream.
    """
    problem = "no engine's socket was found"
    for base_url in _places():
        try:
            _require_listener(base_url)
            if os.environ.get("DOCKER_HOST"):
                return docker.from_env(timeout=int(timeout))
            return docker.DockerClient(base_url=base_url, timeout=int(timeout))
        except ENGINE_ERRORS as error:
            problem = told(error)
    raise LocalError(f"No Docker engine answers: {problem}.", hint="Start Docker or Podman, or use --runtime process.")


def unavailable() -> str | None:
    """Say within seconds why no engine can be used; None when one answers."""
    try:
        client = connect(_PROBE_SECONDS)
    except LocalError as error:
        return error.message
    client.close()
    return None


def available() -> bool:
    """Tell within seconds whether an engine answers."""
    return unavailable() is None


def _require_listener(base_url: str) -> None:
    """Raise OSError when nobody listens at a Unix socket; the client would leave its own socket open then."""
    if base_url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(base_url.removeprefix("unix://"))


def _places() -> Iterator[str]:
    if os.environ.get("DOCKER_HOST"):
        yield os.environ["DOCKER_HOST"]
        return
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", "/run"))
    for path in [
        Path("/var/run/docker.sock"),
        Path("~/.docker/run/docker.sock").expanduser(),
        runtime / "docker.sock",
        runtime / "podman/podman.sock",
        Path("/run/podman/podman.sock"),
    ]:
        if path.exists():
            yield f"unix://{path}"


def told(error: BaseException) -> str:
    """Return an engine's error as it belongs into a sentence: the reason, on one line, without a full stop."""
    text = str(error.explanation) if isinstance(error, APIError) and error.explanation else str(error)
    return " ".join(text.split()).rstrip(".")


class Hijacked:
    """The raw stream that a request for attach or exec turns its connection into."""

    def __init__(self, api: docker.APIClient, path: str, body: object = None) -> None:
        self._response = api.post(
            f"{api.base_url}/v{api.api_version}{path}",
            json=body,
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            stream=True,
            timeout=_SECONDS,
        )
        if self._response.status_code >= HTTPStatus.BAD_REQUEST:
            with self._response:
                raise DockerException(str(self._response.json().get("message", self._response.reason)))
        # The client offers the bare socket only, and loses what was read together with the headers.
        raw: Any = self._response.raw
        self._reader: Any = raw._fp.fp  # noqa: SLF001
        self.socket: socket.socket = self._reader.raw._sock  # noqa: SLF001
        self.socket.settimeout(None)

    def read(self) -> bytes:
        """Block until there is something and return it; empty at the end."""
        return bytes(self._reader.read1(65536))

    def frames(self) -> Iterator[bytes]:
        """Yield what a container without a terminal writes, both its streams in order."""
        while len(header := self._reader.read(8)) == 8:  # noqa: PLR2004 (https://docs.docker.com/reference/api/engine/)
            yield bytes(self._reader.read(int.from_bytes(header[4:], "big")))

    def write(self, data: bytes) -> None:
        """Write to the other side."""
        self.socket.sendall(data)

    def interrupt(self) -> None:
        """End the stream, so that who is blocked in reading it returns."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """Let go of the connection; nobody may be reading from it."""
        self._response.close()
        self._reader.close()
        self.socket.close()
