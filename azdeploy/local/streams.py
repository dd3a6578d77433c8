"""exec and attach over WebSocket: the first message is the password, then bytes go both ways until one side ends."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from azdeploy.errors import LocalError
from azdeploy.local.groups.sessions import Promise, Sessions
from azdeploy.local.runtime import ContainerNotStartedError, Session

_REFUSED, _TOO_MUCH = 1008, 1009
_AT_ONCE = 1000  # each open session blocks one thread that waits for output, and now and then one that types
_MOST_TYPED = 16 * 1024 * 1024  # bytes that may wait for a command that does not read
_PASSWORD_SECONDS = 60.0


class Streams:
    """Serves the sessions that were promised."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        # Of their own, so that sessions can be closed however many others wait for their commands.
        self._listening = CapacityLimiter(_AT_ONCE)
        self._typing = CapacityLimiter(_AT_ONCE)
        self._short = CapacityLimiter(_AT_ONCE)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection from the password to the end; a client may leave at any time."""
        with contextlib.suppress(WebSocketDisconnect):
            await self._serve(socket)

    async def _serve(self, socket: WebSocket) -> None:
        await socket.accept()
        promise = await self._promised(socket)
        if promise is None:
            await socket.close(_REFUSED)
            return
        try:
            session = await to_thread.run_sync(promise.open, limiter=self._short)
        except (ContainerNotStartedError, LocalError, OSError) as error:
            await socket.send_text(f"{error}\r\n")
            await socket.close()
            return
        await self._connect(socket, session)

    async def _promised(self, socket: WebSocket) -> Promise | None:
        """Take up the promise by the password, which az sends as a message and others in a header."""
        stream, name = socket.path_params["stream"].lower(), socket.path_params["name"]
        if (header := socket.headers.get("authorization")) is not None:
            return self._sessions.take(stream, name, header)
        try:
            async with asyncio.timeout(_PASSWORD_SECONDS):
                return self._sessions.take(stream, name, await _receive_text(socket))
        except TimeoutError:
            return None

    async def _connect(self, socket: WebSocket, session: Session) -> None:
        typed = _Typed()
        outward = asyncio.create_task(self._send(socket, session))
        inward = asyncio.create_task(_take(socket, typed))
        typing = asyncio.create_task(self._type(session, typed))
        try:
            await asyncio.wait({outward, inward}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (inward, typing):
                task.cancel()
            await to_thread.run_sync(session.close, limiter=self._short)
            # Nobody is there for what the command wrote last, unless it is the command that ended first.
            outward.cancel()
            await asyncio.gather(outward, inward, typing, return_exceptions=True)

    async def _send(self, socket: WebSocket, session: Session) -> None:
        while written := await to_thread.run_sync(session.receive, limiter=self._listening):
            await socket.send_bytes(written)
        await socket.close()

    async def _type(self, session: Session, typed: _Typed) -> None:
        while True:
            await to_thread.run_sync(partial(session.send, await typed.get()), limiter=self._typing)


class _Typed:
    """What a client has typed and the command has not read yet."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._changed = asyncio.Event()

    def put(self, data: bytes) -> bool:
        """Add something; False where there is too much already."""
        self._waiting += data
        self._changed.set()
        return len(self._waiting) <= _MOST_TYPED

    async def get(self) -> bytes:
        """Return what has been typed, as soon as there is something."""
        await self._changed.wait()
        self._changed.clear()
        data = bytes(self._waiting)
        self._waiting.clear()
        return data


async def _take(socket: WebSocket, typed: _Typed) -> None:
    """Take what the client types until it leaves; the connection is always listened to, or that went unnoticed."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if not typed.put(message.get("bytes") or (message.get("text") or "").encode()):
            await socket.close(_TOO_MUCH)
            return


async def _receive_text(socket: WebSocket) -> str:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return message.get("text") or (message.get("bytes") or b"").decode(errors="replace")
