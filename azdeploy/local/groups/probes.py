"""Liveness probes: a container that fails them is ended, and its restart policy decides what comes next."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

from azdeploy.definitions.container_group import Exec, HttpGet, Probe, Scheme
from azdeploy.local.clock import Clock
from azdeploy.local.runtime import ContainerNotStartedError, RunningContainer

_WELL = range(200, 400)
_MARK = "azdeploy-probe-exit"
# https://learn.microsoft.com/azure/container-instances/container-instances-liveness-probe
_PERIOD, _FAILURES, _TIMEOUT = 10, 3, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is probed: the container's probe, its address, how to reach its current start and how to end that."""

    probe: Probe
    address: str
    clock: Clock
    current: Callable[[], RunningContainer | None]
    kill: Callable[[str], None]


class Prober:
    """Probes one container again and again, in the background, until it is told to end."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="liveness probe", daemon=True)

    def start(self) -> None:
        """Begin to probe."""
        self._thread.start()

    def stop(self) -> None:
        """End probing."""
        self._end.set()

    def _go_on(self) -> None:
        probe, clock = self._subject.probe, self._subject.clock
        probed: RunningContainer | None = None
        failures = 0
        while True:
            current = self._subject.current()
            fresh = current is not probed
            probed, failures = current, 0 if fresh else failures
            wait = (probe.initial_delay_seconds or 0) if fresh else (probe.period_seconds or _PERIOD)
            if clock.wait(self._end, max(wait, 1 if current is None else 0)):
                return
            if current is None or current is not self._subject.current():
                continue
            problem = check(probe, self._subject.address, current)
            failures = failures + 1 if problem else 0
            if failures >= (probe.failure_threshold or _FAILURES):
                self._subject.kill(f"Liveness probe failed: {problem}")
                failures = 0


def check(probe: Probe, address: str, container: RunningContainer) -> str:
    """Probe once; return what is wrong, empty when all is well."""
    if probe.exec is not None:
        return _by_command(probe.exec, container)
    if probe.http_get is not None:
        return _by_http(probe.http_get, address, probe.timeout_seconds or _TIMEOUT)
    return ""


def _by_http(target: HttpGet, address: str, timeout: float) -> str:
    connection = _connection(target, address, timeout)
    try:
        connection.request("GET", target.path, headers=dict(target.http_headers))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"GET {target.path} on port {target.port}: {error}"
    finally:
        connection.close()
    return "" if status in _WELL else f"HTTP probe failed with statuscode: {status}"


def _connection(target: HttpGet, address: str, timeout: float) -> http.client.HTTPConnection:
    match target.scheme:
        case Scheme.HTTP:
            return http.client.HTTPConnection(address, target.port, timeout=timeout)
        case Scheme.HTTPS:
            # Probes take any certificate, as the kubelet does: the container proves that it lives, not who it is.
            context = ssl._create_unverified_context()  # noqa: S323, SLF001 - see above
            return http.client.HTTPSConnection(address, target.port, timeout=timeout, context=context)


def _by_command(target: Exec, container: RunningContainer) -> str:
    """Run the command through a shell that tells its exit code, which a session does not."""
    told = f'"$@"; printf "\\n{_MARK}=%s\\n" "$?"'
    try:
        session = container.exec(["/bin/sh", "-c", told, "sh", *map(str, target.command)], rows=24, columns=200)
    except ContainerNotStartedError as error:
        return str(error)
    written = b""
    while received := session.receive():
        written += received
    session.close()
    code = written.decode(errors="replace").rpartition(f"{_MARK}=")[2].strip()
    return "" if code == "0" else f"the command ended with {code or 'no exit code'}"
