"""Every request of the docker runtime to an engine that has gone away ends in a sentence."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker_images
import pytest

from azdeploy.definitions.container_group import Container, ContainerGroup
from azdeploy.errors import LocalError
from azdeploy.local.docker.runtime import DockerRuntime
from azdeploy.local.runtime import ContainerNotStartedError, Image, ImageNotAccessibleError

pytestmark = pytest.mark.docker
SLEEPING = Container(name="one", image="alpine", command=["sleep", "600"])
GROUP = ContainerGroup(name="group", containers=[SLEEPING])
ENGINE = "/var/run/docker.sock"


class Relay:
    """A socket that leads to the engine until it is cut; then whoever connects is turned away at once."""

    def __init__(self, path: Path) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._intact = True
        self._open: list[socket.socket] = []
        self._pumps = [threading.Thread(target=self._accept)]
        self._pumps[0].start()

    def cut(self) -> None:
        """Break all connections."""
        self._intact = False
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Break all connections and take no new ones."""
        self.cut()
        self._listening.shutdown(socket.SHUT_RDWR)
        for pump in list(self._pumps):
            pump.join()
        for connection in [self._listening, *self._open]:
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if not self._intact:
                    near.close()
                    continue
                far = socket.socket(socket.AF_UNIX)
                far.connect(ENGINE)
                self._open += [near, far]
                for source, target in [(near, far), (far, near)]:
                    self._pumps.append(threading.Thread(target=_pump, args=(source, target)))
                    self._pumps[-1].start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    if docker_images.engine_missing() or not os.path.exists(ENGINE):  # noqa: PTH110 (a socket)
        pytest.skip(docker_images.engine_missing() or "the engine is elsewhere")
    docker_images.make_images()
    made = Relay(tmp_path / "relay.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'relay.sock'}")
    yield made
    made.close()
    monkeypatch.delenv("DOCKER_HOST")
    direct = DockerRuntime(tmp_path / "state")
    direct.sweep([])
    direct.close()


@pytest.fixture
def runtime(relay: Relay, tmp_path: Path) -> Iterator[DockerRuntime]:
    through = DockerRuntime(tmp_path / "state")
    yield through
    through.close()


def test_a_running_container_counts_as_ended(relay: Relay, runtime: DockerRuntime) -> None:
    sandbox = runtime.open("key", GROUP, runtime.address([]))
    running = sandbox.run(SLEEPING, runtime.image("alpine"))
    session = running.exec(["sleep", "600"], rows=24, columns=80)

    relay.cut()

    assert running.wait() == 255
    assert "The engine lost this container: " in running.logs()
    assert session.receive() == b""
    session.send(b"x")
    session.close()
    with pytest.raises(ContainerNotStartedError):
        running.exec(["true"], rows=24, columns=80)
    running.stop(0)
    with pytest.raises(LocalError, match=r"^A group cannot be removed from the engine: .*\.$"):
        sandbox.close()


@pytest.mark.parametrize(
    ("ask", "error", "beginning"),
    [
        (lambda runtime: runtime.address([]), LocalError, "The engine gives no network: "),
        (lambda runtime: runtime.sweep([]), LocalError, "What was left at the engine cannot be removed: "),
        (lambda runtime: runtime.refusals(GROUP), LocalError, "The engine does not answer: "),
        (lambda runtime: runtime.image("alpine"), ImageNotAccessibleError, "The image 'alpine' cannot be had"),
        (lambda runtime: runtime.open("key", GROUP, "10.77.0.9"), LocalError, "The group 'group' cannot be prepared: "),
    ],
)
def test_each_request_is_a_sentence(
    relay: Relay,
    runtime: DockerRuntime,
    ask: Callable[[DockerRuntime], object],
    error: type[Exception],
    beginning: str,
) -> None:
    relay.cut()

    with pytest.raises(error) as raised:
        ask(runtime)

    assert str(raised.value).startswith(beginning)
    assert str(raised.value).endswith(".")


def test_a_group_that_was_opened_neither_starts_nor_gets_names(relay: Relay, runtime: DockerRuntime) -> None:
    sandbox = runtime.open("key", GROUP, runtime.address([]))
    image: Image = runtime.image("alpine")

    relay.cut()

    with pytest.raises(ContainerNotStartedError, match=r"^The container cannot be created: .*\.$"):
        sandbox.run(SLEEPING, image)
    with pytest.raises(LocalError, match=r"^The engine cannot rename a container: .*\.$"):
        runtime.publish({"late.azurecontainer.io": sandbox.address})
