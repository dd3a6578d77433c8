"""What both runtimes promise, on real processes and at a real engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import docker_images
import pytest

from azdeploy.definitions.container_group import (
    Container,
    ContainerGroup,
    Gpu,
    GpuSku,
    InitContainer,
    OsType,
    Port,
    ResourceRequests,
    Resources,
)
from azdeploy.definitions.secret import Secret
from azdeploy.local.docker.runtime import DockerRuntime
from azdeploy.local.process.runtime import ProcessRuntime
from azdeploy.local.runtime import (
    ContainerNotStartedError,
    ImageNotAccessibleError,
    RunningContainer,
    Runtime,
    Sandbox,
    Session,
)

SAMPLES = Path(__file__).parents[2] / "samples"
SHELL = "FROM alpine:latest\nENV GREETING=hello\nWORKDIR /work\nCOPY . .\n"


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    if request.param == "process":
        running: Runtime = ProcessRuntime(tmp_path / "state")
        yield running
        running.sweep([])
        return
    if docker_images.engine_missing():
        pytest.skip(docker_images.engine_missing())
    docker_images.make_images()
    engine = DockerRuntime(tmp_path / "state")
    yield engine
    engine.sweep([])
    engine.close()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., str]:
    """Make an image: a folder with a Dockerfile and other files."""

    def make(dockerfile: str = SHELL, **files: str) -> str:
        image = tmp_path / f"image-{len(list(tmp_path.iterdir()))}"
        image.mkdir()
        (image / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        for name, text in files.items():
            (image / name).write_text(text, encoding="utf-8")
        return str(image)

    return make


def group(
    image: str, *command: str, name: str = "one", port: int | None = None, **variables: str | Secret
) -> ContainerGroup:
    ports = [Port(port=port)] if port else []
    container = Container(name=name, image=image, command=command, ports=ports, environment_variables=variables)
    return ContainerGroup(name=name, containers=[container])


class Opened:
    """A group whose first container was started."""

    def __init__(self, runtime: Runtime, wanted: ContainerGroup, taken: list[str] | None = None) -> None:
        self.address = runtime.address(taken or [])
        self.group = wanted
        self._runtime = runtime
        self.sandbox: Sandbox = runtime.open(wanted.name, wanted, self.address)
        self.container = self.start()

    def start(self) -> RunningContainer:
        wanted = self.group.containers[0]
        return self.sandbox.run(wanted, self._runtime.image(str(wanted.image)))


def await_text(container: RunningContainer, text: str) -> None:
    follower = container.attach()
    while text not in container.logs():
        assert follower.receive(), f"it ended with {container.wait(0)}: {container.logs()}"
    follower.close()


def everything(session: Session) -> str:
    """Read a session to its end, as the text that its terminal would show."""
    received = b""
    while data := session.receive():
        received += data
    session.close()
    return received.decode().replace("\r\n", "\n")


def test_the_samples_talk_by_address(runtime: Runtime) -> None:
    server = Opened(runtime, group(str(SAMPLES / "socket-server"), name="server", port=1337))
    await_text(server.container, "listening on ")
    wiring = {"SOCKET_SERVER_HOST": server.address, "SOCKET_SERVER_PORT": "1337"}
    client = Opened(runtime, group(str(SAMPLES / "socket-client"), name="client", port=80, **wiring), [server.address])

    await_text(client.container, "\n200 of 200 connections answered\n")

    assert client.address != server.address
    assert client.container.logs().count(" received: ") >= 200
    await_text(server.container, " 199: Hello, server!")
    client.sandbox.close()
    server.sandbox.close()


def test_a_name_published_before_or_after_the_start_is_resolved(runtime: Runtime, folder: Callable[..., str]) -> None:
    early, late = "early.westus.azurecontainer.io", "late.westus.azurecontainer.io"
    where = "const find = name => require('dns').lookup(name, (problem, address) => address ? "
    program = where + "console.log(name, address) : setTimeout(find, 20, name)); process.argv.slice(2).forEach(find)"
    image = folder("FROM node:24-alpine\nWORKDIR /work\nCOPY find.js ./\n", **{"find.js": program})
    waiting = group(folder(), "sleep", "600", name="waiting")
    runtime.publish({early: runtime.address([])})
    owner = Opened(runtime, waiting)
    runtime.publish({early: owner.address})
    asking = Opened(runtime, group(image, "node", "find.js", early, late, name="asking"), [owner.address])
    await_text(asking.container, f"{early} {owner.address}\n")
    assert late not in asking.container.logs()

    runtime.publish({early: owner.address, late: owner.address})

    await_text(asking.container, f"{late} {owner.address}\n")
    asking.sandbox.close()
    owner.sandbox.close()


def test_a_container_gets_the_images_environment_and_its_own(runtime: Runtime, folder: Callable[..., str]) -> None:
    image = folder(SHELL + 'CMD echo "$GREETING $WHO $LENGTH ${#HIDDEN}"')
    running = Opened(runtime, group(image, WHO="world", LENGTH="$GREETING", HIDDEN=Secret("sesame")))

    assert running.container.wait() == 0

    assert running.container.logs() == "hello world $GREETING 6\n"
    running.sandbox.close()


def test_a_container_does_not_get_the_callers_environment(
    runtime: Runtime, folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_TOKEN", "sesame")
    running = Opened(runtime, group(folder(), "env"))

    assert running.container.wait() == 0

    assert "SOMEBODYS_TOKEN" not in running.container.logs()
    running.sandbox.close()


def test_secrets_are_in_no_command_line(runtime: Runtime, folder: Callable[..., str]) -> None:
    lines = "for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $file; echo; done 2>/dev/null | grep -c sesa[m]e; env"
    running = Opened(runtime, group(folder(), "sh", "-c", lines, HIDDEN=Secret("sesame")))

    running.container.wait()

    assert running.container.logs().startswith("0\n")
    assert "HIDDEN=sesame\n" in running.container.logs()
    running.sandbox.close()


def test_a_groups_command_takes_the_place_of_entrypoint_and_cmd(runtime: Runtime, folder: Callable[..., str]) -> None:
    image = folder(SHELL + 'ENTRYPOINT ["echo", "entrypoint"]\nCMD ["cmd"]\n')
    plain, other = (
        Opened(runtime, group(image, name="plain")),
        Opened(runtime, group(image, "echo", "mine", name="other")),
    )

    assert plain.container.wait() == other.container.wait() == 0

    assert plain.container.logs() == "entrypoint cmd\n"
    assert other.container.logs() == "mine\n"
    plain.sandbox.close()
    other.sandbox.close()


def test_exit_codes_are_told(runtime: Runtime, folder: Callable[..., str]) -> None:
    failing = Opened(runtime, group(folder(), "sh", "-c", "echo broken >&2; exit 3"))
    killed = Opened(runtime, group(folder(), "sh", "-c", "sh -c 'kill -9 $PPID'; sleep 600", name="killed"))

    assert failing.container.wait() == 3

    assert failing.container.logs() == "broken\n"
    killed.container.stop(0)
    assert killed.container.wait() == 137
    failing.sandbox.close()
    killed.sandbox.close()


def test_both_streams_are_logged_in_order(runtime: Runtime, folder: Callable[..., str]) -> None:
    script = "i=0; while [ $i -lt 50 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
    running = Opened(runtime, group(folder(), "sh", "-c", script))

    running.container.wait()

    lines = running.container.logs().splitlines()
    assert [line for line in lines if line.startswith("out")] == [f"out {number}" for number in range(50)]
    assert [line for line in lines if line.startswith("err")] == [f"err {number}" for number in range(50)]
    running.sandbox.close()


def test_stopping_sends_the_stop_signal_first(runtime: Runtime, folder: Callable[..., str]) -> None:
    script = "trap 'echo asked; exit 7' USR1; echo ready; while :; do sleep 0.05; done"
    running = Opened(runtime, group(folder(SHELL + "STOPSIGNAL SIGUSR1\n"), "sh", "-c", script))
    await_text(running.container, "ready")

    running.container.stop(30)

    assert running.container.wait(0) == 7
    assert running.container.logs() == "ready\nasked\n"
    running.sandbox.close()


def test_stopping_kills_what_does_not_listen(runtime: Runtime, folder: Callable[..., str]) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    running = Opened(runtime, group(folder(), "sh", "-c", script))
    await_text(running.container, "ready")
    assert running.container.wait(0.01) is None

    running.container.stop(1)

    assert running.container.wait(0) == 137
    running.container.stop(1)
    running.sandbox.close()


def test_each_start_is_a_new_container_with_fresh_files(runtime: Runtime, folder: Callable[..., str]) -> None:
    running = Opened(runtime, group(folder(), "sh", "-c", "ls; touch written"))
    first = running.container
    first.wait()

    second = running.start()

    assert second.wait() == 0
    assert "written" not in second.logs()
    assert first.id != second.id
    assert re.fullmatch("[0-9a-f]{64}", first.id)
    running.sandbox.close()


def test_what_a_container_writes_leaves_the_image_alone(runtime: Runtime, folder: Callable[..., str]) -> None:
    image = folder(SHELL, data="old")
    running = Opened(runtime, group(image, "sh", "-c", "cat data; echo new > data; echo; cat data"))

    running.container.wait()

    assert running.container.logs() == "old\nnew\n"
    assert (Path(image) / "data").read_text(encoding="utf-8") == "old"
    running.sandbox.close()


def test_a_restart_keeps_the_groups_address_and_its_neighbours(runtime: Runtime, folder: Callable[..., str]) -> None:
    address = runtime.address([])
    server = Container(name="server", image=str(SAMPLES / "socket-server"), ports=[Port(port=1337)])
    beside = Container(
        name="client",
        image=str(SAMPLES / "socket-client"),
        environment_variables={
            "SOCKET_SERVER_HOST": "localhost",
            "SOCKET_SERVER_PORT": "1337",
            "SOCKET_CONNECTIONS": "5",
        },
    )
    both = ContainerGroup(name="both", containers=[server, beside])
    sandbox = runtime.open("both", both, address)
    first = sandbox.run(server, runtime.image(str(server.image)))
    await_text(first, "listening on ")
    first.stop(5)

    again = sandbox.run(server, runtime.image(str(server.image)))
    await_text(again, "listening on ")
    client = sandbox.run(beside, runtime.image(str(beside.image)))

    await_text(client, "5 of 5 connections answered")
    assert sandbox.address == address
    sandbox.close()


def test_exec_has_a_terminal_of_the_asked_size(runtime: Runtime, folder: Callable[..., str]) -> None:
    running = Opened(runtime, group(folder(), "sleep", "600", WHO="me"))
    session = running.container.exec(["sh"], rows=31, columns=83)
    session.resize(40, 100)
    session.send(b"stty size; pwd; echo $WHO $GREETING; test -t 0 && echo interactive; exit\n")

    seen = everything(session)

    assert "40 100\n" in seen
    assert "/work\n" in seen
    assert "me hello\n" in seen
    assert "\ninteractive\n" in seen
    running.sandbox.close()


def test_closing_an_exec_session_ends_its_command(runtime: Runtime, folder: Callable[..., str]) -> None:
    running = Opened(
        runtime, group(folder(), "sh", "-c", "while [ ! -e there ]; do sleep 0.02; done; echo seen; sleep 600")
    )
    session = running.container.exec(["sh", "-c", "touch there; exec sleep 599"], rows=24, columns=80)
    await_text(running.container, "seen")

    session.close()

    assert session.receive() == b""
    session.send(b"nobody reads this")
    session.resize(1, 1)
    counting = running.container.exec(["sh", "-c", "ps -ef 2>/dev/null | grep -c '[s]leep 599'"], rows=24, columns=80)
    assert everything(counting) == "0\n"
    running.sandbox.close()


def test_exec_of_an_unknown_program_is_refused(runtime: Runtime, folder: Callable[..., str]) -> None:
    running = Opened(runtime, group(folder(), "sleep", "600"))

    with pytest.raises(ContainerNotStartedError, match="no-such-program"):
        running.container.exec(["no-such-program"], rows=24, columns=80)

    running.container.stop(0)
    with pytest.raises(ContainerNotStartedError, match="not running"):
        running.container.exec(["true"], rows=24, columns=80)
    running.sandbox.close()


def test_attach_follows_from_now_to_the_end(runtime: Runtime, folder: Callable[..., str]) -> None:
    script = "echo before; while [ ! -e go ]; do sleep 0.02; done; echo after"
    running = Opened(runtime, group(folder(), "sh", "-c", script))
    await_text(running.container, "before")
    session = running.container.attach()
    running.container.exec(["touch", "go"], rows=24, columns=80).receive()

    assert everything(session) == "after\n"

    session.send(b"ignored")
    session.resize(1, 1)
    running.sandbox.close()


def test_an_unknown_program_is_refused(runtime: Runtime, folder: Callable[..., str]) -> None:
    wanted = group(folder(), "no-such-program")
    sandbox = runtime.open("one", wanted, runtime.address([]))

    with pytest.raises(ContainerNotStartedError, match="no-such-program"):
        sandbox.run(wanted.containers[0], runtime.image(str(wanted.containers[0].image)))

    sandbox.close()


def test_a_missing_folder_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(ImageNotAccessibleError, match="does not exist"):
        runtime.image(str(tmp_path / "nowhere"))
    with pytest.raises(ImageNotAccessibleError, match="no readable Dockerfile"):
        runtime.image(f"file://{tmp_path}")


def test_an_images_digest_follows_its_contents(runtime: Runtime, folder: Callable[..., str]) -> None:
    image = folder(SHELL, data="1")
    first, again = runtime.image(image), runtime.image(image)
    (Path(image) / "data").write_text("2", encoding="utf-8")

    changed = runtime.image(image)

    assert first == again
    assert first.digest != changed.digest
    assert re.fullmatch("sha256:[0-9a-f]{64}", changed.digest)


def test_init_containers_run_in_the_group(runtime: Runtime, folder: Callable[..., str]) -> None:
    image = folder()
    running = Opened(runtime, group(image, "sleep", "600"))
    first = InitContainer(name="first", image=image, command=["echo", "prepared"])

    started = running.sandbox.run(first, runtime.image(image))

    assert started.wait() == 0
    assert started.logs() == "prepared\n"
    running.sandbox.close()


def test_a_closed_group_starts_nothing(runtime: Runtime, folder: Callable[..., str]) -> None:
    running = Opened(runtime, group(folder(), "sleep", "600"))

    running.sandbox.close()

    assert running.container.wait(0) is not None
    with pytest.raises(ContainerNotStartedError, match="removed"):
        running.start()
    running.sandbox.close()


def test_windows_and_gpus_are_refused_in_a_sentence(runtime: Runtime, folder: Callable[..., str]) -> None:
    resources = Resources(requests=ResourceRequests(gpu=Gpu(count=1, sku=GpuSku.V100)))
    container = Container(name="big", image=folder(), resources=resources)

    reasons = runtime.refusals(ContainerGroup(name="other", containers=[container], os_type=OsType.WINDOWS))

    assert len(reasons) == 2
    assert any("Windows" in reason for reason in reasons)
    assert any("GPU" in reason for reason in reasons)
    assert all(reason.endswith(".") for reason in reasons)


def test_addresses_are_not_given_twice(runtime: Runtime) -> None:
    taken: list[str] = []
    for _ in range(5):
        taken.append(runtime.address(taken))

    assert len(set(taken)) == 5
