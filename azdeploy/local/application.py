"""The endpoint over HTTP: who may ask, what was asked, and the headers that ARM puts on every answer."""

from __future__ import annotations

import urllib.parse
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as HttpRoute
from starlette.routing import WebSocketRoute

from azdeploy.local.clock import Clock
from azdeploy.local.identity import ADFS, Authority, cloud_endpoints, openid_configuration
from azdeploy.local.json_text import encode, parse
from azdeploy.local.recording import Exchange, Recorder
from azdeploy.local.router import Router, tidy
from azdeploy.local.streams import Streams
from azdeploy.local.wire import Refusal, Reply, Request

_METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]
_LARGEST = (
    4 * 1024 * 1024
)  # https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
_AT_ONCE = 200
_REGION = "local"
_ALWAYS = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
_LEFT = {
    "DELETE": ("x-ms-ratelimit-remaining-subscription-deletes", "14999"),
    "GET": ("x-ms-ratelimit-remaining-subscription-reads", "11999"),
    "HEAD": ("x-ms-ratelimit-remaining-subscription-reads", "11999"),
}
_WRITES = ("x-ms-ratelimit-remaining-subscription-writes", "1199")


class Application:
    """Everything that the endpoint answers. ``hosts`` are the values of the Host header that are its own."""

    def __init__(
        self, router: Router, authority: Authority, streams: Streams, *, clock: Clock, recorder: Recorder | None = None
    ) -> None:
        self.hosts: frozenset[str] = frozenset()
        self._router = router
        self._authority = authority
        self._clock = clock
        self._recorder = recorder
        self._streams = streams
        self._threads = CapacityLimiter(_AT_ONCE)

    def listens_on(self, port: int) -> None:
        """Say at which port the endpoint is; requests to any other host or port are refused (DNS rebinding)."""
        self.hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))

    def asgi(self) -> Starlette:
        """Return the application for the HTTP server."""
        return Starlette(
            routes=[
                WebSocketRoute("/{stream}/sessionId/{name}", self._stream),
                HttpRoute("/{path:path}", self._handle, methods=_METHODS),
            ],
            exception_handlers={Exception: _broken},
        )

    async def _stream(self, socket: Any) -> None:
        if socket.headers.get("host", "").lower() not in self.hosts:
            await socket.close(1008)
            return
        await self._streams.serve(socket)

    async def _handle(self, http: HttpRequest) -> Response:
        content = await _read(http)
        exchange = partial(self._exchange, http.method, _path(http), http.url.query, dict(http.headers), content)
        return await to_thread.run_sync(exchange, limiter=self._threads)

    def _exchange(
        self, method: str, path: str, query: str, headers: Mapping[str, str], content: bytes | None
    ) -> Response:
        host = headers.get("host", "").lower()
        base = f"https://{host}"
        try:
            self._require_own(host)
            reply = self._answer(_Asked(method, tidy(path), query, headers, _of_some_size(content), base))
        except Refusal as refusal:
            reply = refusal.reply()
        told = self._headers(method, headers) | dict(reply.headers)
        if self._recorder is not None:
            url = f"{base}{path}" + (f"?{query}" if query else "")
            self._recorder.add(Exchange(method, url, content or b"", reply.status, told, reply.body))
        return _response(reply, told)

    def _require_own(self, host: str) -> None:
        if host not in self.hosts:
            raise Refusal(400, "InvalidHost", "The endpoint answers on its own loopback address only.")

    def _answer(self, asked: _Asked) -> Reply:
        if public := self._public(asked):
            return public
        self._authority.check(asked.base, asked.headers.get("authorization"))
        request = Request(
            method=asked.method,
            path=asked.path,
            base=asked.base,
            query=_query(asked.query),
            body=parse(asked.content),
        )
        return self._router.answer(request)

    def _public(self, asked: _Asked) -> Reply | None:
        """Answer what needs no token: where to sign in, and signing in."""
        parts = asked.path.lower().strip("/").split("/")
        match (asked.method, *parts):
            case ("GET", "metadata", "endpoints"):
                tenant = self._authority.identity.tenant
                version = _query(asked.query).get("api-version", "")
                return Reply(body=cloud_endpoints(asked.base, tenant, version))
            case ("GET", tenant, *version, ".well-known", "openid-configuration") if version in ([], ["v2.0"]):
                return Reply(body=openid_configuration(asked.base, self._tenant(tenant)))
            case ("GET", "adfs", tenant, "v2.0", ".well-known", "openid-configuration"):  # az looks a tenant up there
                return Reply(body=openid_configuration(asked.base, self._tenant(tenant)))
            case ("POST", tenant, "oauth2", *version, "token") if version in ([], ["v2.0"]):
                self._tenant(tenant)
                form = dict(urllib.parse.parse_qsl(asked.content.decode(errors="replace")))
                return self._authority.grant(asked.base, form)
        return None

    def _tenant(self, name: str) -> str:
        """Return a tenant that is ours under that name; else the error that Entra has for it."""
        if name in (self._authority.identity.tenant, ADFS, "common", "organizations"):
            return name
        raise Refusal(400, "invalid_tenant", f"AADSTS90002: Tenant '{name}' not found.")

    def _headers(self, method: str, asked: Mapping[str, str]) -> dict[str, str]:
        request_id = str(uuid.uuid4())
        correlation = asked.get("x-ms-correlation-request-id", request_id)
        moment = f"{self._clock.now():%Y%m%dT%H%M%SZ}"
        told = {
            **_ALWAYS,
            "x-ms-request-id": request_id,
            "x-ms-correlation-request-id": correlation,
            "x-ms-routing-request-id": f"{_REGION.upper()}:{moment}:{request_id}",
        }
        name, left = _LEFT.get(method, _WRITES)
        told[name] = left
        if asked.get("x-ms-return-client-request-id", "").lower() == "true" and "x-ms-client-request-id" in asked:
            told["x-ms-client-request-id"] = asked["x-ms-client-request-id"]
        return told


class _Asked:
    """One request as it came in."""

    __slots__ = ("base", "content", "headers", "method", "path", "query")

    def __init__(
        self, method: str, path: str, query: str, headers: Mapping[str, str], content: bytes, base: str
    ) -> None:
        self.method, self.path, self.query = method, path, query
        self.headers, self.content, self.base = headers, content, base


async def _broken(_http: HttpRequest, _error: Exception) -> Response:
    """Answer what should not have happened; the server writes its traceback into the endpoint's log."""
    refusal = Refusal(500, "InternalServerError", "The endpoint ran into an error of its own; its log says which.")
    return _response(refusal.reply(), _ALWAYS)


def _path(http: HttpRequest) -> str:
    """Return the path as it was sent: %2F is part of a name, and the router has to see it as such."""
    raw: bytes = http.scope["raw_path"]
    return raw.decode("ascii", errors="replace")


async def _read(http: HttpRequest) -> bytes | None:
    """Return the content of a request, None where it is too large."""
    content = b""
    async for part in http.stream():
        content += part
        if len(content) > _LARGEST:
            return None
    return content


def _of_some_size(content: bytes | None) -> bytes:
    if content is None:
        raise Refusal(413, "RequestContentTooLarge", f"The request content is larger than {_LARGEST} bytes.")
    return content


def _query(text: str) -> dict[str, str]:
    return {
        "api-version" if name.lower() == "api-version" else name: value
        for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True)
    }


def _response(reply: Reply, headers: Mapping[str, str]) -> Response:
    if reply.body is None:
        return Response(status_code=reply.status, headers=dict(headers))
    content = encode(reply.body)
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Response(content, status_code=reply.status, headers={**headers, **kind})
