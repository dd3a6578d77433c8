"""A machine for tests of the endpoint: containers in memory, a clock that is moved by hand, an endpoint in a thread."""

from __future__ import annotations

import http.client
import json
import queue
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azdeploy.definitions.container_group import Container, ContainerGroup, InitContainer
from azdeploy.local.home import Home
from azdeploy.local.options import Options
from azdeploy.local.runtime import ContainerNotStartedError, Image, ImageNotAccessibleError
from azdeploy.local.server import Endpoint, Setup

GROUPS = "providers/Microsoft.ContainerInstance/containerGroups"
_PATIENCE = 10.0


def eventually(claim: Callable[[], Any], patience: float = _PATIENCE) -> Any:
    """Wait until a claim holds, and return what it gave; fails when it never does."""
    never = threading.Event()
    for _ in range(int(patience / 0.01)):
        if found := claim():
            return found
        never.wait(0.01)
    raise AssertionError("it never came true")


class HandClock:
    """A clock that stands still until it is moved; waiting ends when it is moved far enough."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 23, 12, 0, 0, 437_000, tzinfo=UTC)
        self._moved = threading.Condition()
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self._now

    def wait(self, until: threading.Event, seconds: float) -> bool:
        with self._moved:
            end = self._now + timedelta(seconds=seconds)
            self.waits.append(seconds)
            while self._now < end and not until.is_set():
                self._moved.wait(0.01)
        return until.is_set()

    def move(self, seconds: float) -> None:
        with self._moved:
            self._now += timedelta(seconds=seconds)
            self._moved.notify_all()


class EchoSession:
    """A session that gives back what it is sent, and ends on ``exit``."""

    def __init__(self, greeting: bytes = b"") -> None:
        self._written: queue.Queue[bytes] = queue.Queue()
        self.closed = False
        if greeting:
            self._written.put(greeting)

    def send(self, data: bytes) -> None:
        self._written.put(b"" if data.strip() == b"exit" else data)

    def receive(self) -> bytes:
        return self._written.get()

    def resize(self, rows: int, columns: int) -> None:
        """Nothing to resize."""

    def close(self) -> None:
        self.closed = True
        self._written.put(b"")


@dataclass
class Program:
    """What an image does: what it writes, and how each of its starts ends (None runs until it is stopped)."""

    writes: str = ""
    ends: Sequence[int | None] = (None,)
    fails_to_start: str = ""


class FakeContainer:
    """One start of a container in memory."""

    def __init__(self, number: int, container: Container | InitContainer, program: Program, code: int | None) -> None:
        self.id = f"{number:064x}"
        self.container = container
        self.stopped_with: float | None = None
        self.commands: list[tuple[list[str], int, int]] = []
        self._program = program
        self._code = code
        self._ended = threading.Event()
        if code is not None:
            self._ended.set()

    def finish(self, code: int) -> None:
        self._code = code
        self._ended.set()

    def wait(self, timeout: float | None = None) -> int | None:
        return self._code if self._ended.wait(timeout) else None

    def logs(self) -> str:
        return self._program.writes

    def exec(self, command: Sequence[str], *, rows: int, columns: int) -> EchoSession:
        if command[0] == "nothing":
            raise ContainerNotStartedError("There is no 'nothing' in the container.")
        self.commands.append((list(command), rows, columns))
        return EchoSession(b"$ ")

    def attach(self) -> EchoSession:
        return EchoSession(b"log line\n")

    def stop(self, grace: float) -> None:
        if not self._ended.is_set():
            self.stopped_with = grace
            self.finish(137)


class FakeSandbox:
    """A group's place in memory."""

    def __init__(self, runtime: FakeRuntime, key: str, group: ContainerGroup, address: str) -> None:
        self.address = address
        self.key = key
        self.group = group
        self.closed = False
        self._runtime = runtime

    def run(self, container: Container | InitContainer, image: Image) -> FakeContainer:
        return self._runtime.run(container, image)

    def close(self) -> None:
        self.closed = True


class FakeRuntime:
    """Containers in memory. ``programs`` tells what images do; all others are not accessible."""

    name = "fake"

    def __init__(self, **programs: Program) -> None:
        self.programs = {"alpine:latest": Program("hello\nhello\n"), "nginx": Program(), "nginx:latest": Program()}
        self.programs |= programs
        self.started: list[FakeContainer] = []
        self.sandboxes: list[FakeSandbox] = []
        self.names: Mapping[str, str] = {}
        self.swept = False
        self.refused: list[str] = []
        self._starts: dict[str, int] = {}
        self._lock = threading.Lock()

    def refusals(self, group: ContainerGroup) -> Sequence[str]:
        return self.refused

    def image(self, name: str) -> Image:
        if name not in self.programs:
            raise ImageNotAccessibleError(f"'{name}' is not among the programs of this test.")
        return Image(name=name, digest=f"sha256:{len(name):064x}")

    def address(self, taken: Collection[str]) -> str:
        return next(found for n in range(4, 250) if (found := f"10.0.0.{n}") not in taken)

    def open(self, key: str, group: ContainerGroup, address: str) -> FakeSandbox:
        sandbox = FakeSandbox(self, key, group, address)
        self.sandboxes.append(sandbox)
        return sandbox

    def publish(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)

    def sweep(self, keys: Collection[str]) -> None:
        self.swept = True

    def run(self, container: Container | InitContainer, image: Image) -> FakeContainer:
        program = self.programs[image.name]
        if program.fails_to_start:
            raise ContainerNotStartedError(program.fails_to_start)
        with self._lock:
            start = self._starts.get(container.name, 0)
            self._starts[container.name] = start + 1
            code = program.ends[min(start, len(program.ends) - 1)]
            started = FakeContainer(len(self.started) + 1, container, program, code)
            self.started.append(started)
        return started


@dataclass(frozen=True)
class Answer:
    """What the endpoint said; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])


@dataclass(frozen=True)
class Arm:
    """Speaks plain ARM to an endpoint."""

    url: str
    ca: Path
    subscription: str
    token: str = field(repr=False)
    version: str = "2023-05-01"

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        version: str | None = None,
    ) -> Answer:
        """Send a request; a path that is no URL is below the subscription."""
        where = urlsplit(path if path.startswith("https:") else f"{self.url}{self.full(path)}")
        query = (
            where.query
            if "api-version" in where.query
            else "&".join(part for part in (where.query, f"api-version={version or self.version}") if part)
        )
        content = raw if raw is not None else (None if body is None else json.dumps(body).encode())
        told = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **(headers or {})}
        return self.send(method, f"{where.path}?{query}", content, told)

    def send(self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send exactly this; a header without text is left out."""
        where = urlsplit(self.url)
        context = ssl.create_default_context(cafile=str(self.ca))
        line = http.client.HTTPSConnection(where.hostname or "", where.port, context=context, timeout=30)
        try:
            line.request(method, target, content, {name: text for name, text in headers.items() if text})
            response = line.getresponse()
            answer = response.read()
            told = {name.lower(): text for name, text in response.getheaders()}
            return Answer(response.status, told, json.loads(answer) if answer else None)
        finally:
            line.close()

    def full(self, path: str) -> str:
        return path if path.startswith("/") else f"/subscriptions/{self.subscription}/{path}"

    def done(self, answer: Answer) -> Answer:
        """Poll the operation of an answer to its end; return the last poll."""
        where = answer.headers["azure-asyncoperation"]

        def ended() -> Answer | None:
            poll = self.ask("GET", where)
            return poll if poll.body["status"] not in ("Pending", "InProgress") else None

        return eventually(ended)  # type: ignore[no-any-return]

    def make(self, name: str, body: Any, group: str = "rg") -> Answer:
        """Create a container group in a resource group made for it; return it as it is once it stands."""
        self.ask("PUT", f"resourceGroups/{group}", {"location": "westus"})
        created = self.ask("PUT", f"resourceGroups/{group}/{GROUPS}/{name}", body)
        assert created.status in (200, 201), created.body
        assert self.done(created).body["status"] == "Succeeded"
        return self.ask("GET", f"resourceGroups/{group}/{GROUPS}/{name}")


def group_body(image: str = "alpine:latest", *, policy: str = "Always", **properties: Any) -> dict[str, Any]:
    """Return the request body of a group with one container named ``one``."""
    container = {
        "name": "one",
        "properties": {"image": image, "resources": {"requests": {"cpu": 1.0, "memoryInGB": 1.0}}},
    }
    given = {"containers": [container], "osType": "Linux", "restartPolicy": policy}
    return {"location": "westus", "properties": {**given, **properties}}


@dataclass
class Served:
    """An endpoint in a thread of this process."""

    arm: Arm
    runtime: Any
    clock: Any
    home: Home
    state: dict[str, Any]

    def group(self, name: str = "cg", group: str = "rg") -> dict[str, Any]:
        return dict(self.arm.ask("GET", f"resourceGroups/{group}/{GROUPS}/{name}").body)

    def container(self, name: str = "cg") -> dict[str, Any]:
        return dict(self.group(name)["properties"]["containers"][0]["properties"]["instanceView"])


@contextmanager
def served(
    home: Home, *, runtime: Any = None, clock: Any = None, options: Options | None = None, record: Path | None = None
) -> Iterator[Served]:
    """Serve an endpoint from a thread of this process."""
    runtime, clock = runtime or FakeRuntime(), clock or HandClock()
    endpoint = Endpoint(Setup(home=home, options=options or Options(), runtime=runtime, clock=clock, record=record))
    thread = threading.Thread(target=endpoint.serve, name="endpoint")
    thread.start()
    try:
        eventually(home.state.exists)
        state = json.loads(home.state.read_bytes())
        arm = Arm(url=state["url"], ca=home.ca, subscription=state["subscription"], token=state["token"])
        yield Served(arm, runtime, clock, home, state)
    finally:
        endpoint.stop()
        thread.join()
