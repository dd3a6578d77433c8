"""Serves the endpoint in the foreground, from the free port to the last stopped container."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sqlite3
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn
from cryptography.fernet import InvalidToken
from filelock import FileLock, Timeout
from uvicorn.protocols.http.h11_impl import H11Protocol

from azdeploy.errors import LocalError
from azdeploy.local import certificate
from azdeploy.local.assembly import Parts, assemble
from azdeploy.local.clock import Clock, SystemClock
from azdeploy.local.groups.inventory import last_runtime
from azdeploy.local.home import Home, make_folder, using, write_private
from azdeploy.local.options import Options, RuntimeChoice
from azdeploy.local.recording import RECORD_VARIABLE
from azdeploy.local.runtime import Runtime
from azdeploy.local.runtimes import choose, every
from azdeploy.local.store import Store

_ADDRESS = "127.0.0.1"
_WAITING = 128
_GOODBYE = 2  # seconds that open connections get at the end
_FAREWELL = 0.1  # seconds that an idle connection's other end gets to say that it closes, too
_log = logging.getLogger("azdeploy.local")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What an endpoint is made of; tests bring a runtime and a clock of their own."""

    home: Home
    options: Options
    runtime: Runtime
    clock: Clock
    record: Path | None = None


class _Protocol(H11Protocol):
    """HTTP whose idle connections do not hold up the end: clients that keep one open seldom answer its closing."""

    def shutdown(self) -> None:
        """Close the connection now, or once what it asked for last was answered."""
        is_idle = self.cycle is None or self.cycle.response_complete
        super().shutdown()
        if is_idle:
            self.loop.call_later(_FAREWELL, self.transport.abort)


class Endpoint:
    """One running endpoint: listens once it is made, answers while ``serve`` runs."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._socket = _listen(setup.home, setup.options.port)
        self.port = int(self._socket.getsockname()[1])
        certificate.ensure(setup.home)
        setup.runtime.sweep(())
        self._parts: Parts = assemble(setup.home, setup.options, setup.runtime, setup.clock, record=setup.record)
        self._parts.application.listens_on(self.port)
        self._server = uvicorn.Server(self._configuration())

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://{_ADDRESS}:{self.port}"

    def serve(self) -> None:
        """Answer until ``stop`` or a signal; then stop all containers."""
        not_back = self._parts.restore()
        self._socket.listen(_WAITING)
        write_private(self._setup.home.last_port, str(self.port).encode())
        self._announce(not_back)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._setup.home.state.unlink(missing_ok=True)
            self._parts.close()
            self._socket.close()

    def stop(self) -> None:
        """Let ``serve`` return."""
        self._server.should_exit = True

    def _configuration(self) -> uvicorn.Config:
        configuration = uvicorn.Config(
            self._parts.application.asgi(),
            http=_Protocol,
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GOODBYE,
        )
        configuration.load()
        configuration.ssl = certificate.context(self._setup.home)
        return configuration

    def _announce(self, not_back: list[str]) -> None:
        identity = self._parts.authority.identity
        told = {
            "url": self.url,
            "token": self._parts.authority.own_token(self.url),
            "subscription": identity.subscription,
            "tenant": identity.tenant,
            "client_id": identity.client_id,
            "pid": os.getpid(),
            "runtime": self._setup.runtime.name,
            "since": self._setup.clock.now().isoformat(),
            **asdict(self._setup.options.settings),
            "not_back": not_back,
        }
        write_private(self._setup.home.state, json.dumps(told).encode())


def run(home: Home, options: Options) -> None:
    """Serve the endpoint of a state folder until a signal ends it; LocalError where that cannot be."""
    make_folder(home.path)
    with _alone(home), _quiet_signals(), _intact(home):
        home.state.unlink(missing_ok=True)  # of one that was killed
        record = os.environ.get(RECORD_VARIABLE)
        endpoint = Endpoint(
            Setup(
                home=home,
                options=options,
                runtime=_runtime(home, options),
                clock=SystemClock(options.settings.time_scale),
                record=Path(record).absolute() if record else None,
            )
        )
        _log.info("listening at %s", endpoint.url)
        endpoint.serve()
        _log.info("ended")


def sweep(home: Home) -> None:
    """Remove whatever an endpoint of this state folder left behind on the machine, with whichever runtime."""
    for runtime in every(home.runtime):
        runtime.sweep(())


def _runtime(home: Home, options: Options) -> Runtime:
    """Return the runtime to use; what another one left behind is removed."""
    last = _last_runtime(home)
    runtime = choose(RuntimeChoice(options.runtime), home.runtime, last)
    if last not in ("", runtime.name):
        _log.info("the container groups ran with the runtime '%s' before; now it is '%s'", last, runtime.name)
        sweep(home)
    return runtime


def _last_runtime(home: Home) -> str:
    if not home.resources.exists():
        return ""
    store = Store(home.resources, home.store_key)
    try:
        return last_runtime(store)
    finally:
        store.close()


def _listen(home: Home, wanted: int) -> socket.socket:
    """Take the wanted port, or the last run's, or any that is free."""
    if wanted:
        try:
            return _bound(wanted)
        except OSError as error:
            message = f"Port {wanted} of {_ADDRESS} is in use by another program."
            raise LocalError(message, hint="Choose another with --port, or leave it out.") from error
    try:
        return _bound(int(home.last_port.read_text()))
    except (OSError, ValueError):
        return _bound(0)


def _bound(port: int) -> socket.socket:
    # asyncio sends without Nagle's delay (40 ms for each answer) only where the protocol is named.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_ADDRESS, port))
    except OSError:
        listening.close()
        raise
    return listening


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    lock = FileLock(home.run_lock, timeout=0, mode=0o600)
    with using(home.path):
        try:
            lock.acquire()
        except Timeout as error:
            message = "Azure on this machine runs already with this state folder."
            raise LocalError(message, hint="`azdeploy local status` tells where.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _intact(home: Home) -> Iterator[None]:
    """Turn what damaged files in the state folder lead to into a LocalError that says what to do."""
    try:
        yield
    except (ValueError, TypeError, KeyError, sqlite3.Error, ssl.SSLError, InvalidToken) as error:
        _log.exception("the state folder is damaged")
        raise LocalError(
            f"What Azure on this machine keeps in {home.path} is damaged ({type(error).__name__}).",
            hint="`azdeploy local reset` forgets it all.",
        ) from error


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """Keep the signals that end the server from ending the process before its containers are stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(kind, lambda _number, _frame: None) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
