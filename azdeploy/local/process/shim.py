"""The resident parent of one container's processes: they end with it, and it ends with whoever started it.

Runs as a program of its own and needs nothing but the standard library. Its standard input begins with four bytes of
length and that many bytes of JSON: ``argv``, ``cwd``, ``environment``, ``hosts`` (a file that the processes see as
/etc/hosts, or null), ``status`` (a descriptor that gets the command's process id, or the reason why it cannot be
started) and ``terminal`` (a descriptor, or null). Each byte after that is the number of a signal for the command.
When the input ends, so does everything here. Nothing of it is on the command line, where others could read it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

# From linux/sched.h, linux/mount.h and linux/prctl.h.
_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_BIND = 4096
_MS_REC = 16384
_MS_PRIVATE = 1 << 18
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_CONTROL = 0
_LINUX = sys.platform == "linux"
_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    """Run one command to its end and return its exit code, 128 and the signal's number when a signal ended it."""
    (size,) = struct.unpack("!I", _read_exactly(4))
    wanted: dict[str, Any] = json.loads(_read_exactly(size))
    waking = _watch_children()
    status = wanted["status"]
    try:
        command = _start(wanted)
    except (OSError, ValueError) as error:
        os.write(status, str(error).encode())
        return 127
    os.write(status, str(command).encode())
    for descriptor in [status, wanted["terminal"]]:
        if descriptor is not None:
            os.close(descriptor)
    _let_go_of_output()
    code = _supervise(command, waking)
    _end_the_rest(command)
    return code


def _read_exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(_CONTROL, size - len(data))
        if not more:
            sys.exit(1)
        data += more
    return data


def _watch_children() -> int:
    """Return a descriptor that can be read from when a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    if _LINUX:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return reading


def _start(wanted: dict[str, Any]) -> int:
    if wanted["hosts"] is not None:
        _see_as_hosts(wanted["hosts"])
    terminal = wanted["terminal"]
    parent = os.getpid()

    def prepare() -> None:
        if _LINUX:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        if terminal is not None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    command = subprocess.Popen(  # noqa: S603 (running what the image says is what this is for)
        wanted["argv"],
        cwd=wanted["cwd"],
        env=wanted["environment"],
        stdin=subprocess.DEVNULL if terminal is None else terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509 (unsafe with threads only, and there are none here)
    )
    command.returncode = 0  # It is waited for below, with all other children.
    return command.pid


def _see_as_hosts(path: str) -> None:
    """Put a file in the place of /etc/hosts, for this process and its children only."""
    user, group = os.getuid(), os.getgid()
    if _LIBC.unshare(_CLONE_NEWNS) != 0:
        _check(_LIBC.unshare(_CLONE_NEWNS | _CLONE_NEWUSER))
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    _check(_LIBC.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))
    _check(_LIBC.mount(os.fsencode(path), b"/etc/hosts", None, ctypes.c_ulong(_MS_BIND), None))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _let_go_of_output() -> None:
    """Close the output here, so that its reader sees the end when the command's processes have ended."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _supervise(command: int, waking: int) -> int:
    while True:
        ready, _, _ = select.select([_CONTROL, waking], [], [])
        if waking in ready:
            os.read(waking, 4096)
            code = _reap(command)
            if code is not None:
                return code
        if _CONTROL in ready:
            numbers = os.read(_CONTROL, 64)
            if not numbers:
                return 128 + signal.SIGKILL
            for number in numbers:
                os.kill(
                    command, number
                )  # Not its group: as in a container, it is the command's business to tell others.


def _reap(command: int) -> int | None:
    """Collect the children that have ended; return the command's exit code when it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == command:
            ended = os.waitstatus_to_exitcode(status)
            code = ended if ended >= 0 else 128 - ended


def _end_the_rest(command: int) -> None:
    """Kill what the command left behind, in its process group and, on Linux, wherever it went."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(command, signal.SIGKILL)
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(-1, 0)


def _children() -> list[int]:
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in own.read_text(encoding="ascii").split()] if own.exists() else []


if __name__ == "__main__":
    sys.exit(main())
