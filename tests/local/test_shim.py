"""The parent of a container's processes, spoken to as the endpoint does. Coverage measures it in its own process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from azdeploy.local.process import shim
from azdeploy.local.process.child import Command, encoded

PROGRAM = str(Path(shim.__file__))
MEASURED = [sys.executable, "-P", "-m", shim.__name__]  # coverage knows what is to be measured by the names of modules


class Shim:
    """A running shim with both ends of all that it talks through."""

    def __init__(self, body: Callable[[int], bytes], terminal: int | None = None) -> None:
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            MEASURED,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[writing] if terminal is None else [writing, terminal],
            start_new_session=True,
            bufsize=0,
        )
        os.close(writing)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.control, self.output = self.process.stdin, self.process.stdout
        self.control.write(body(writing))
        with os.fdopen(reading) as status:
            self.status = status.read()

    def end(self) -> int:
        """Wait for its end and let go of it."""
        code = self.process.wait()
        self.control.close()
        self.output.close()
        return code


@pytest.fixture
def run() -> Iterator[Callable[..., Shim]]:
    started: list[Shim] = []

    def start(*argv: str, hosts: Path | None = None, terminal: int | None = None, cwd: Path = Path("/")) -> Shim:
        command = Command(argv=argv, environment={"PATH": os.defpath}, working_directory=cwd, hosts=hosts)
        started.append(Shim(lambda status: encoded(command, status, terminal), terminal))
        return started[-1]

    yield start
    for one in started:
        one.control.close()
        one.process.wait()
        one.output.close()


def test_the_exit_code_and_the_output_are_the_commands(run: Callable[..., Shim]) -> None:
    ran = run("/bin/sh", "-c", "echo out; echo err >&2; exit 5")

    assert ran.status == str(int(ran.status))
    assert ran.output.read() == b"out\nerr\n"
    assert ran.end() == 5


def test_a_signal_ends_with_its_number_added_to_128(run: Callable[..., Shim]) -> None:
    ran = run("/bin/sh", "-c", "echo ready; exec sleep 604")
    assert ran.output.read(6) == b"ready\n"

    ran.control.write(bytes([signal.SIGTERM]))

    assert ran.end() == 128 + signal.SIGTERM


def test_the_end_of_the_input_kills_everything(run: Callable[..., Shim]) -> None:
    ran = run("/bin/sh", "-c", "trap '' TERM HUP INT; (setsid sleep 605; echo never) & echo ready; wait")
    assert ran.output.read(6) == b"ready\n"

    ran.control.close()

    assert ran.process.wait() == 137
    assert ran.output.read() == b""


def test_a_command_that_cannot_be_started_is_explained(run: Callable[..., Shim], tmp_path: Path) -> None:
    assert "No such file" in run("/no/such/program").status
    assert str(tmp_path / "gone") in run("/bin/true", cwd=tmp_path / "gone").status


def test_the_hosts_file_of_the_command_is_another(run: Callable[..., Shim], tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.77.1.1 somewhere\n", encoding="utf-8")
    before = Path("/etc/hosts").read_bytes()

    ran = run("/bin/cat", "/etc/hosts", hosts=hosts)

    if "not permitted" in ran.status:
        pytest.skip("no mount namespaces here")
    assert ran.output.read() == b"127.77.1.1 somewhere\n"
    assert Path("/etc/hosts").read_bytes() == before


def test_a_hosts_file_that_is_not_there_is_explained(run: Callable[..., Shim], tmp_path: Path) -> None:
    assert run("/bin/true", hosts=tmp_path / "gone").status


def test_a_terminal_becomes_the_commands_own(run: Callable[..., Shim]) -> None:
    ours, theirs = os.openpty()
    ran = run("/bin/sh", "-c", "test -t 0 && test -t 1 && tty > /dev/tty", terminal=theirs)
    os.close(theirs)

    assert ran.end() == 0
    assert b"/dev/pts/" in os.read(ours, 100)
    os.close(ours)


def test_without_an_order_it_ends(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, PROGRAM], stdin=subprocess.DEVNULL, check=False)

    assert ended.returncode == 1
