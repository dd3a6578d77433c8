"""Sessions of exec and attach: what a client was promised by HTTP and takes up by WebSocket."""

from __future__ import annotations

import hmac
import secrets
import shlex
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from azdeploy.local.clock import Clock
from azdeploy.local.groups.group import Group
from azdeploy.local.runtime import ContainerNotStartedError, RunningContainer, Session
from azdeploy.local.wire import Json

_GOOD_FOR = timedelta(minutes=5)


class Stream(StrEnum):
    """What a session is; the value is the path that Azure gives it."""

    EXEC = "execstream"
    ATTACH = "logstream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A session that may be opened once, by who knows the password."""

    id: str
    stream: Stream
    group: Group
    container: str
    until: datetime
    command: str = ""
    rows: int = 24
    columns: int = 80
    password: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def answer(self, base: str) -> Json:
        """Return what tells a client where to connect and what to say first."""
        host = base.partition("://")[2]
        size = f"&rows={self.rows}&cols={self.columns}" if self.stream is Stream.EXEC else ""
        where = f"wss://{host}/{self.stream.value}/sessionId/{self.id}?api-version=1.0{size}"
        return {"webSocketUri": where, "password": self.password}

    def open(self) -> Session:
        """Open the session; ContainerNotStartedError where the container does not run or lacks the command."""
        running = self._running()
        match self.stream:
            case Stream.EXEC:
                try:
                    words = shlex.split(self.command)
                except ValueError as error:
                    raise ContainerNotStartedError(f"The command cannot be read: {error}.") from error
                return running.exec(words, rows=self.rows, columns=self.columns)
            case Stream.ATTACH:
                return running.attach()

    def _running(self) -> RunningContainer:
        life = self.group.life()
        one = life.find(self.container) if life is not None else None
        running = one.live() if one is not None else None
        if running is None:
            raise ContainerNotStartedError(f"The container '{self.container}' is not running.")
        return running


class Sessions:
    """The promises that were given and not yet taken up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._promised: dict[str, Promise] = {}
        self._lock = threading.Lock()

    def promise(
        self, stream: Stream, group: Group, container: str, *, command: str = "", size: tuple[int, int] = (24, 80)
    ) -> Promise:
        """Promise a session with a container; ``size`` is the terminal's in rows and columns."""
        now = self._clock.now()
        made = Promise(
            id=str(uuid.uuid4()),
            stream=stream,
            group=group,
            container=container,
            until=now + _GOOD_FOR,
            command=command,
            rows=size[0],
            columns=size[1],
        )
        with self._lock:
            self._promised = {name: one for name, one in self._promised.items() if one.until > now}
            self._promised[made.id] = made
        return made

    def take(self, stream: str, name: str, password: str) -> Promise | None:
        """Return the promise of that id and forget it; None for a wrong password or one that is too old."""
        with self._lock:
            promise = self._promised.get(name.lower())
            if promise is None or promise.stream.value != stream or promise.until <= self._clock.now():
                return None
            if not hmac.compare_digest(promise.password.encode(), password.encode()):
                return None
            return self._promised.pop(promise.id)
