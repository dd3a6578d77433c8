"""exec and attach over WebSocket: the first message is the password, then bytes go both ways until one side ends."""

from __future__ import annotations

import asyncio
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from azdeploy.local.groups.sessions import Promise, Sessions
from azdeploy.local.runtime import ContainerNotStartedError, Session

_REFUSED = 1008
_AT_ONCE = 1000  # each open session blocks one thread that waits for output


class Streams:
    """Serves the sessions that were promised."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._threads = CapacityLimiter(_AT_ONCE)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection from the password to the end."""
        await socket.accept()
        promise = await self._promised(socket)
        if promise is None:
            await socket.close(_REFUSED)
            return
        try:
            session = await to_thread.run_sync(promise.open, limiter=self._threads)
        except ContainerNotStartedError as error:
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
            return self._sessions.take(stream, name, await _receive_text(socket))
        except WebSocketDisconnect:
            return None

    async def _connect(self, socket: WebSocket, session: Session) -> None:
        outward = asyncio.create_task(self._send(socket, session))
        inward = asyncio.create_task(self._take(socket, session))
        try:
            await asyncio.wait({outward, inward}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            inward.cancel()
            await to_thread.run_sync(session.close, limiter=self._threads)
            await asyncio.gather(outward, inward, return_exceptions=True)

    async def _send(self, socket: WebSocket, session: Session) -> None:
        while written := await to_thread.run_sync(session.receive, limiter=self._threads):
            await socket.send_bytes(written)
        await socket.close()

    async def _take(self, socket: WebSocket, session: Session) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            typed = message.get("bytes") or (message.get("text") or "").encode()
            if typed:
                await to_thread.run_sync(partial(session.send, typed), limiter=self._threads)


async def _receive_text(socket: WebSocket) -> str:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return message.get("text") or (message.get("bytes") or b"").decode(errors="replace")
