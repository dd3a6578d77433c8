"""Starts, finds and ends Azure on this machine, which runs in the background. Light to import: clients do it often."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from azdeploy.errors import LocalError
from azdeploy.local import signin
from azdeploy.local.home import Home, home, make_folder, require_extra, using
from azdeploy.local.options import Latency, Options, RuntimeChoice

__all__ = ["Connection", "Latency", "Options", "RuntimeChoice", "environment", "find", "reset", "start", "stop"]

_START_SECONDS, _STOP_SECONDS = 60.0, 60.0
_TICK = 0.02
_ANSWER_SECONDS = 5.0

# Windows would open one for the endpoint; elsewhere there is no such flag.
_WITHOUT_WINDOW = 0
if sys.platform == "win32":
    _WITHOUT_WINDOW = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP

# Endpoints that this very process started: it has to collect them when they end.
_children: dict[int, subprocess.Popen[bytes]] = {}


@atexit.register
def _outlive() -> None:
    """Let go of the endpoints that go on when this process ends; that is no resource forgotten."""
    for child in _children.values():
        if child.poll() is None:
            child.returncode = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach the running endpoint. ``token`` is good for our own client; others sign in with the secret.

    ``not_back`` says in a sentence each which stored container groups could not be started with it, because its runtime
    is another one than before.
    """

    url: str
    ca_file: Path
    token: str = field(repr=False)
    subscription: str
    tenant: str
    client_id: str
    secret_file: Path
    pid: int
    runtime: str
    since: str
    keep_addresses: bool
    latency: str
    time_scale: float
    not_back: tuple[str, ...]


def start(options: Options | None = None) -> Connection:
    """Start the endpoint in the background, or find the one that runs; LocalError where that cannot be.

    Two starts at once give one endpoint. Choices of a second start that the running one does not meet are refused.
    """
    wanted = options or Options()
    running = find() or _start(wanted)
    _require_same(running, wanted)
    return running


def _start(options: Options) -> Connection:
    require_extra()
    where = home()
    with _one_at_a_time(where):
        return find() or _launch(where, options)


def find() -> Connection | None:
    """Return the running endpoint of this user, None where none answers."""
    found = _told(home())
    return found if found and _answers(found) else None


def _told(where: Home) -> Connection | None:
    """Return what the last endpoint told about itself, whether it still answers or not."""
    try:
        told = json.loads(where.state.read_bytes())
        told["not_back"] = tuple(told["not_back"])
        return Connection(ca_file=where.ca, secret_file=where.secret, **told)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def stop() -> bool:
    """End the endpoint and its containers, and return when that is done; False where none was running."""
    where = home()
    with using(where.path):
        if not where.path.is_dir():
            return False
    require_extra()
    with _one_at_a_time(where):
        if not _lives(where):
            return False
        pid = _pid(where)
        if pid is None:
            raise LocalError("Azure on this machine is just starting or ending.", hint="Try again in a moment.")
        _terminate(pid)
        _await_end(where, pid)
        return True


def reset() -> None:
    """End the endpoint and remove everything it had: resources, containers, identity and certificate."""
    stop()
    where = home()
    if not where.path.is_dir():
        return
    result = subprocess.run(_command(["--sweep"]), env=_environment(), capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if result.returncode:
        raise LocalError(f"What the endpoint left behind cannot be removed: {_last_line(result.stderr)}")
    _remove(where)


def environment() -> list[str]:
    """Return what other clients need to sign in, as lines for a shell; LocalError where nothing runs."""
    running = find()
    if running is None:
        raise LocalError("Azure on this machine is not running.", hint="`azdeploy local start` starts it.")
    return signin.lines(
        running.url,
        client_id=running.client_id,
        secret_file=running.secret_file,
        subscription=running.subscription,
        ca_file=running.ca_file,
    )


def _remove(where: Home) -> None:
    """Remove the endpoint's own files, and the folder when nothing else is in it."""
    import shutil

    shutil.rmtree(where.runtime, ignore_errors=True)
    with using(where.path):
        for file in where.files():
            file.unlink(missing_ok=True)
        if not any(where.path.iterdir()):
            where.path.rmdir()


@contextmanager
def _one_at_a_time(where: Home) -> Iterator[None]:
    from filelock import FileLock, Timeout

    make_folder(where.path)
    lock = FileLock(where.start_lock, timeout=_START_SECONDS + _STOP_SECONDS, mode=0o600)
    with using(where.path):
        try:
            lock.acquire()
        except Timeout as error:
            message = "Another command has been starting or stopping Azure on this machine for too long."
            raise LocalError(message) from error
    try:
        yield
    finally:
        lock.release()


def _launch(where: Home, options: Options) -> Connection:
    for _ in _ticks(_ANSWER_SECONDS):  # a former one may be ending just now
        if not _lives(where):
            break
    else:
        raise LocalError(
            "An endpoint of this state folder runs, but does not answer.",
            hint="Wait for it, or `azdeploy local stop` ends it.",
        )
    with using(where.path):
        descriptor = os.open(where.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as log:
        begins = log.tell()
        child = subprocess.Popen(  # noqa: S603 - our own module
            _command(options.arguments()),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            creationflags=_WITHOUT_WINDOW,
        )
    _children[child.pid] = child
    for _ in _ticks(_START_SECONDS):
        if child.poll() is not None:
            del _children[child.pid]
            with where.log.open("rb") as log:
                log.seek(begins)
                raise LocalError(_last_line(log.read().decode(errors="replace")) or "The endpoint ended at once.")
        if (running := _told(where)) and running.pid == child.pid and _answers(running):
            return running
    child.terminate()
    raise LocalError(f"The endpoint does not answer after {_START_SECONDS:.0f} seconds.", hint=f"See {where.log}.")


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-P", "-m", "azdeploy.local", *arguments]  # -P: not what lies in the working directory


def _environment() -> dict[str, str]:
    """Return the environment of the endpoint: it has to find this very package, wherever the caller found it."""
    package = str(Path(__file__).resolve().parents[2])
    others = [str(Path(path).resolve()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return os.environ | {"PYTHONPATH": os.pathsep.join([package, *others])}


def _ticks(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(_TICK)


def _require_same(running: Connection, wanted: Options) -> None:
    """Let choices pass that the running endpoint meets; what was not chosen is met by any."""
    if wanted.runtime not in (RuntimeChoice.AUTO, running.runtime):
        raise _other(f"with the runtime '{running.runtime}'", "start it with another one")
    if wanted.port and not running.url.endswith(f":{wanted.port}"):
        raise _other(f"at {running.url}", "start it at another port")
    if wanted.latency not in (None, running.latency):
        raise _other(f"with the latency '{running.latency}'", "start it with another one")
    if wanted.time_scale not in (None, running.time_scale):
        raise _other(f"with the time scale {running.time_scale:g}", "start it with another one")
    if wanted.keep_addresses not in (None, running.keep_addresses):
        how = "keeps addresses" if running.keep_addresses else "does not keep addresses"
        raise _other(f"and {how} when a group restarts", "start it the other way")


def _other(how: str, way_out: str) -> LocalError:
    return LocalError(
        f"Azure on this machine runs already, {how}.", hint=f"`azdeploy local stop` ends it; then {way_out}."
    )


def _answers(found: Connection) -> bool:
    """Tell whether it is our endpoint that has the port: only that one has our certificate."""
    import socket
    import ssl
    from urllib.parse import urlsplit

    where = urlsplit(found.url)
    try:
        context = ssl.create_default_context(cafile=str(found.ca_file))
        with (
            socket.create_connection((where.hostname, where.port or 0), timeout=_ANSWER_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=where.hostname),
        ):
            return True
    except OSError:
        return False


def _pid(where: Home) -> int | None:
    """Return the endpoint's process id, also where another version of azdeploy started it and told other things."""
    try:
        return int(json.loads(where.state.read_bytes())["pid"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _lives(where: Home) -> bool:
    """Tell whether an endpoint of this state folder is there at all: it holds a lock as long as it lives."""
    from filelock import FileLock, Timeout

    with using(where.path):
        try:
            FileLock(where.run_lock, timeout=0, mode=0o600).acquire().lock.release()
        except Timeout:
            return True
    return False


def _terminate(pid: int) -> None:
    import signal

    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise LocalError(f"The endpoint (process {pid}) belongs to another user.") from error


def _await_end(where: Home, pid: int) -> None:
    """Wait until the endpoint gave up its lock, which is the last thing it does."""
    from filelock import FileLock, Timeout

    try:
        FileLock(where.run_lock, timeout=_STOP_SECONDS, mode=0o600).acquire().lock.release()
    except Timeout as error:
        raise LocalError(f"The endpoint (process {pid}) does not end.", hint=f"See {where.log}.") from error
    where.state.unlink(missing_ok=True)
    if (child := _children.pop(pid, None)) is not None:
        child.wait()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
