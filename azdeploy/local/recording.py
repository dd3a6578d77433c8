"""Writes the traffic of a run as Azure's recorded traffic is written, for a judge to read; no secret gets into it."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azdeploy.local.home import write_private

RECORD_VARIABLE = "AZDEPLOY_LOCAL_RECORD"
_HIDDEN = "<scrubbed>"
_SECRET = frozenset(
    {
        "access_token",
        "client_secret",
        "password",
        "protectedsettings",
        "securevalue",
        "storageaccountkey",
        "workspacekey",
    }
)
_SECRETS = "secret"  # an object whose values are all secret
_ARM = ("/subscriptions", "/providers", "/tenants")
_HEADERS = ("azure-asyncoperation", "content-type", "location", "retry-after", "www-authenticate", "x-ms-")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    method: str
    url: str
    content: bytes = field(repr=False)
    status: int
    headers: Mapping[str, str]
    body: Any = field(repr=False)


class Recorder:
    """Keeps a file that is a whole JSON list after every exchange."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        write_private(path, b"[]")
        self._end = 1
        self._first = True

    def add(self, exchange: Exchange) -> None:
        """Write one more exchange; signing in is none of ARM's, and no document describes it."""
        if not urllib.parse.urlsplit(exchange.url).path.lower().startswith(_ARM):
            return
        text = ("" if self._first else ",") + "\n" + json.dumps(_shown(exchange)) + "\n]"
        with self._lock, self._path.open("r+b") as file:
            file.seek(self._end)
            file.write(text.encode())
            self._end = file.tell() - len("\n]")
            self._first = False


def _shown(exchange: Exchange) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in exchange.headers.items()}
    kept = {name: value for name, value in sorted(headers.items()) if name.startswith(_HEADERS)}
    return {
        "request": {"method": exchange.method, "url": exchange.url, "body": scrubbed(_request_body(exchange.content))},
        "response": {"status": exchange.status, "headers": kept, "body": scrubbed(exchange.body)},
    }


def _request_body(content: bytes) -> Any:
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return _HIDDEN  # a form with the client secret, or nothing that can be read


def scrubbed(value: Any) -> Any:
    """Return a body with every secret value in it replaced."""
    match value:
        case dict():
            return {name: _scrubbed_item(name.lower(), item) for name, item in value.items()}
        case list():
            return [scrubbed(item) for item in value]
        case _:
            return value


def _scrubbed_item(name: str, value: Any) -> Any:
    if name in _SECRET and value is not None:
        return _HIDDEN
    if name == _SECRETS and isinstance(value, dict):
        return dict.fromkeys(value, _HIDDEN)
    return scrubbed(value)
