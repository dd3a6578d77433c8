"""Containers that are processes: whatever is done to them, nothing of them lives on and no file but theirs changes."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from local_machine import GROUPS, Served, eventually, group_body, served
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from azdeploy.definitions.container_group import Container, ContainerGroup
from azdeploy.local.clock import SystemClock
from azdeploy.local.home import Home
from azdeploy.local.process.container import ProcessContainer
from azdeploy.local.process.runtime import ProcessRuntime
from azdeploy.local.process.terminal import Terminal
from azdeploy.local.runtime import ContainerNotStartedError, ImageNotAccessibleError, Sandbox

SHELL = "FROM alpine:latest\nWORKDIR /app\nCOPY . .\n"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ProcessRuntime]:
    running = ProcessRuntime(tmp_path / "state")
    yield running
    running.sweep([])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(SHELL, encoding="utf-8")
    return folder


def start(runtime: ProcessRuntime, image: Path, *command: str, name: str = "one") -> tuple[Sandbox, ProcessContainer]:
    one = Container(name=name, image=str(image), command=command)
    sandbox = runtime.open("key", ContainerGroup(name="group", containers=[one]), runtime.address([]))
    started = sandbox.run(one, runtime.image(str(image)))
    assert isinstance(started, ProcessContainer)
    return sandbox, started


def pid_in(started: ProcessContainer, name: str) -> int:
    """Return the process id that a command told in its log after a name."""
    found = eventually(lambda: re.search(rf"{name}=(\d+)\n", started.logs()))
    return int(found[1])


def await_end(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(descriptor) as ending:
        assert select.select([ending], [], [], 10)[0], f"process {pid} lives on"


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


@linux_only
def test_a_container_ends_with_all_its_processes_when_its_parent_is_killed(
    runtime: ProcessRuntime, image: Path
) -> None:
    sandbox, started = start(runtime, image, "sh", "-c", "echo own=$$; sleep 6543 & echo child=$!; wait")
    child = pid_in(started, "child")
    os.kill(parent_of(pid_in(started, "own")), signal.SIGKILL)
    assert started.wait(10) == 137
    await_end(child)
    sandbox.close()


@linux_only
def test_a_process_that_escaped_does_not_keep_its_container_from_ending(runtime: ProcessRuntime, image: Path) -> None:
    script = "echo own=$$; setsid sh -c 'echo child=$$; exec sleep 6544' & wait"
    sandbox, started = start(runtime, image, "sh", "-c", script)
    child = pid_in(started, "child")
    os.kill(parent_of(pid_in(started, "own")), signal.SIGKILL)
    assert started.wait(10) == 137
    sandbox.close()
    os.kill(child, signal.SIGKILL)


@linux_only
def test_a_container_whose_parent_is_stuck_is_stopped_nevertheless(runtime: ProcessRuntime, image: Path) -> None:
    sandbox, started = start(runtime, image, "sh", "-c", "echo own=$$; exec sleep 6545")
    own = pid_in(started, "own")
    os.kill(parent_of(own), signal.SIGSTOP)
    started.stop(0)
    await_end(own)
    sandbox.close()


def written(session: Terminal, expected: str) -> re.Match[str]:
    """Read from a session until it wrote something that matches."""
    text = ""
    while (found := re.search(expected, text)) is None:
        received = session.receive()
        assert received, f"it ended after writing {text!r}"
        text += received.decode()
    return found


def in_time(work: Callable[[], object], seconds: float = 20.0) -> None:
    """Do something that must not wait for ever; what hangs does not keep the test."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it waits for ever"


def test_what_exec_runs_ends_with_its_container(runtime: ProcessRuntime, image: Path) -> None:
    sandbox, started = start(runtime, image, "sleep", "6546")
    session = started.exec(["sh", "-c", "echo pid=$$; exec sleep 6547"], rows=24, columns=80)
    pid = int(written(session, r"pid=(\d+)\r")[1])
    in_time(lambda: started.stop(0))
    await_end(pid)
    in_time(session.receive)
    with pytest.raises(ContainerNotStartedError, match="not running"):
        started.exec(["true"], rows=24, columns=80)
    sandbox.close()


def test_what_exec_runs_ends_when_its_container_ends_by_itself(runtime: ProcessRuntime, image: Path) -> None:
    sandbox, started = start(runtime, image, "sh", "-c", "while ! test -e done; do sleep 0.05; done")
    session = started.exec(["sh", "-c", "echo pid=$$; touch done; exec sleep 6548"], rows=24, columns=80)
    pid = int(written(session, r"pid=(\d+)\r")[1])
    assert started.wait(10) == 0
    await_end(pid)
    session.close()
    sandbox.close()


def test_a_session_whose_command_does_not_read_can_be_closed(runtime: ProcessRuntime, image: Path) -> None:
    sandbox, started = start(runtime, image, "sleep", "6549")
    session = started.exec(["sh", "-c", "stty raw -echo; echo ready; exec sleep 6550"], rows=24, columns=80)
    written(session, "ready")
    typing = threading.Thread(target=session.send, args=(b"x" * 1_000_000,), daemon=True)
    typing.start()
    in_time(session.close)
    in_time(typing.join)
    sandbox.close()


@linux_only
def test_a_session_can_be_closed_whoever_still_has_its_terminal(runtime: ProcessRuntime, image: Path) -> None:
    sandbox, started = start(runtime, image, "sleep", "6551")
    script = "echo own=$$; setsid sh -c 'echo child=$$; trap \"\" HUP; exec sleep 6552' & wait"
    session = started.exec(["sh", "-c", script], rows=24, columns=80)
    told = written(session, r"(?s)own=(\d+)\r.*child=(\d+)\r")
    os.kill(parent_of(int(told[1])), signal.SIGKILL)
    in_time(session.close)
    sandbox.close()
    os.kill(int(told[2]), signal.SIGKILL)


@pytest.fixture
def machine(tmp_path: Path, image: Path) -> Iterator[Served]:
    with served(Home(tmp_path / "home"), runtime=ProcessRuntime(tmp_path / "state"), clock=SystemClock()) as found:
        body = group_body(str(image))
        body["properties"]["containers"][0]["properties"]["command"] = ["sleep", "6553"]
        found.arm.make("cg", body)
        yield found


@contextmanager
def opened(machine: Served, command: str, *, silent: bool = False) -> Iterator[ClientConnection]:
    promised = machine.arm.ask("POST", f"resourceGroups/rg/{GROUPS}/cg/containers/one/exec", {"command": command}).body
    context = ssl.create_default_context(cafile=str(machine.home.ca))
    with connect(promised["webSocketUri"], ssl=context, close_timeout=1) as stream:
        if not silent:
            stream.send(promised["password"])
        yield stream


def told_pid(stream: ClientConnection) -> int:
    text = ""
    while (found := re.search(r"pid=(\d+)\s", text)) is None:
        received = stream.recv(timeout=10)
        assert isinstance(received, bytes)
        text += received.decode()
    return int(found[1])


def test_a_client_that_vanishes_ends_a_silent_command(machine: Served) -> None:
    with opened(machine, "sh -c 'echo pid=$$; exec sleep 6554'") as stream:
        pid = told_pid(stream)
        stream.socket.shutdown(socket.SHUT_RDWR)
        await_end(pid)


def test_a_client_that_vanishes_is_noticed_while_its_command_does_not_read(machine: Served) -> None:
    with opened(machine, "sh -c 'stty raw -echo; echo pid=$$; exec sleep 6555'") as stream:
        pid = told_pid(stream)
        for _ in range(8):
            stream.send(b"x" * 100_000)
        stream.socket.shutdown(socket.SHUT_RDWR)
        await_end(pid)


def test_a_command_that_ends_closes_the_connection_of_a_silent_client(machine: Served) -> None:
    with opened(machine, "true") as stream, pytest.raises(ConnectionClosed):
        stream.recv(timeout=10)


def test_an_endpoint_ends_in_time_whatever_sessions_are_open(tmp_path: Path, image: Path) -> None:
    with ExitStack() as ending:
        runtime = ProcessRuntime(tmp_path / "state")
        machine = ending.enter_context(served(Home(tmp_path / "home"), runtime=runtime, clock=SystemClock()))
        body = group_body(str(image))
        body["properties"]["containers"][0]["properties"]["command"] = ["sleep", "6556"]
        machine.arm.make("cg", body)
        with opened(machine, "sh -c 'echo pid=$$; exec sleep 6557'") as stream, opened(machine, "true", silent=True):
            pid = told_pid(stream)
            in_time(ending.close)
            await_end(pid)


def refused(runtime: ProcessRuntime, image: Path, dockerfile: str | bytes) -> str:
    content = dockerfile if isinstance(dockerfile, bytes) else f"FROM x\n{dockerfile}".encode()
    (image / "Dockerfile").write_bytes(content)
    with pytest.raises(ImageNotAccessibleError) as error:
        runtime.image(str(image))
    return str(error.value)


def output(runtime: ProcessRuntime, image: Path, *command: str, name: str = "one") -> str:
    sandbox, started = start(runtime, image, *command, name=name)
    started.wait(10)
    sandbox.close()
    return started.logs()


@pytest.fixture
def victim(tmp_path: Path, image: Path) -> Path:
    """A folder of the user's that a link of the image leads to."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "f.txt").write_text("mine", encoding="utf-8")
    (image / "f.txt").write_text("overwritten", encoding="utf-8")
    (image / "link").symlink_to(folder)
    return folder


@pytest.mark.parametrize(
    "steps",
    [
        "COPY link /data\nCOPY f.txt /data/f.txt\n",
        "COPY link /data\nCOPY f.txt /data/deep/f.txt\n",
        "WORKDIR /app\nCOPY link .\nCOPY f.txt link/\n",
        "COPY . /app\nCOPY f.txt /app/link/f.txt\n",
    ],
)
def test_nothing_is_copied_through_a_link_that_leads_out(
    runtime: ProcessRuntime, image: Path, victim: Path, steps: str
) -> None:
    told = refused(runtime, image, steps)
    assert re.search(r"line \d: copying to '/\S+' through the link '/\S+' cannot be honoured .* use --runtime", told)
    assert [path.read_text(encoding="utf-8") for path in victim.iterdir()] == ["mine"]


def test_nothing_is_copied_through_links_that_lead_out_together(
    runtime: ProcessRuntime, image: Path, victim: Path
) -> None:
    (image / "second").symlink_to("data")
    steps = "FROM x\nCOPY link /data\nCOPY second /second\nCOPY f.txt /second/f.txt\n"
    (image / "Dockerfile").write_text(steps, encoding="utf-8")
    with pytest.raises(ContainerNotStartedError, match=r"a link leads out of the container, to .*/victim"):
        start(runtime, image, "true")
    assert (victim / "f.txt").read_text(encoding="utf-8") == "mine"


def test_a_link_itself_and_what_a_link_inside_leads_to_are_copied(
    runtime: ProcessRuntime, image: Path, victim: Path
) -> None:
    (image / "real").mkdir()
    (image / "inner").symlink_to("real")
    steps = "FROM x\nCOPY . /app\nCOPY f.txt /app/inner/f.txt\nCOPY f.txt /app/link\nWORKDIR /app\n"
    (image / "Dockerfile").write_text(steps, encoding="utf-8")
    assert output(runtime, image, "cat", "real/f.txt", "link") == "overwritten" * 2
    assert (victim / "f.txt").read_text(encoding="utf-8") == "mine"


def test_two_dots_lead_nowhere(runtime: ProcessRuntime, image: Path, tmp_path: Path) -> None:
    (image / "f.txt").write_text("copied", encoding="utf-8")
    steps = "FROM x\nWORKDIR ../../../../up\nCOPY f.txt ../../../../../f.txt\nCOPY f.txt ..\n"
    (image / "Dockerfile").write_text(steps, encoding="utf-8")
    assert output(runtime, image, "sh", "-c", "cat ../f.txt; pwd").startswith("copied" + str(tmp_path / "state"))
    assert not list(tmp_path.glob("f.txt"))
    assert "is outside of the image's folder" in refused(runtime, image, "COPY ../victim /x\n")
    assert "is outside of the image's folder" in refused(runtime, image, "COPY a/../../victim /x\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"FROM x\nENV A=\xff\n", "cannot be read as a Dockerfile in UTF-8"),
        (b"FROM x\nCMD " + b"[" * 100_000, ""),
        (b'FROM x\nCOPY ["\\ud800", "/x"]\n', "to copy in"),
        (b"FROM x\nCOPY a\x00b /x\n", "to copy in"),
    ],
    ids=["bytes", "deep", "half a character", "zero"],
)
def test_a_dockerfile_that_makes_no_sense_is_refused_in_a_sentence(
    runtime: ProcessRuntime, image: Path, content: bytes, told: str
) -> None:
    if not told:
        (image / "Dockerfile").write_bytes(content)
        assert runtime.image(str(image)).digest
    else:
        assert told in refused(runtime, image, content)


def test_a_folder_that_cannot_be_made_keeps_the_container_from_starting(runtime: ProcessRuntime, image: Path) -> None:
    (image / "Dockerfile").write_bytes(b'FROM x\nVOLUME ["/\\ud800"]\n')
    with pytest.raises(ContainerNotStartedError, match="cannot be copied"):
        start(runtime, image, "true")


def test_names_of_files_may_be_any_bytes(runtime: ProcessRuntime, image: Path) -> None:
    Path(os.fsdecode(os.fsencode(image) + b"/\xff")).write_text("odd", encoding="utf-8")
    assert output(runtime, image, "sh", "-c", "cat ?") == "odd"


def test_a_container_may_be_called_like_the_groups_own_files(runtime: ProcessRuntime, image: Path) -> None:
    assert output(runtime, image, "echo", "well", name="hosts") == "well\n"
