"""An ARM endpoint that plays what a test tells it to, over real HTTPS on loopback, and remembers what it was asked."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme

from azdeploy.arm.client import ArmTarget
from azdeploy.arm.credential import GivenToken
from azdeploy.arm.transport import Place, Transport
from azdeploy.testing import RecordingObserver, VirtualClock

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
TYPE = "Microsoft.ContainerInstance/containerGroups"
TOKEN = "made-up-token"


def place(resource_group: str = "pair") -> str:
    return f"{SCOPE}/resourceGroups/{resource_group}"


def path(name: str, resource_group: str = "pair") -> str:
    return f"{place(resource_group)}/providers/{TYPE}/{name}"


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    drop: bool = False


def error(status: int, code: str, message: str = "So it is.", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body={"error": {"code": code, "message": message}}, headers=named)


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


class ScriptedArm:
    """Answers a request with the next reply of its line; the last one is repeated."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._replies: dict[str, list[Reply]] = {}
        self.url = ""
        self.ca_file = ""

    def on(self, method: str, path: str, *replies: Reply) -> None:
        self._replies[f"{method} {path}".lower()] = list(replies)

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        script = self._replies.get(asked.line.lower())
        if script is None:
            return error(418, "NotScripted", asked.line)
        return script.pop(0) if len(script) > 1 else script[0]

    @property
    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self.server.script.reply(
            Asked(
                method=self.command,
                path=re.sub("/resourcegroups/", "/resourceGroups/", url.path, flags=re.IGNORECASE),
                query={name: values[0] for name, values in parse_qs(url.query).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=json.loads(content) if content else None,
            )
        )
        if reply.drop:
            self.close_connection = True
            return
        text = reply.raw if reply.raw is not None else b"" if reply.body is None else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **reply.headers}.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: ScriptedArm, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.socket = context.wrap_socket(self.socket, server_side=True)


@contextmanager
def scripted_arm(folder: Path) -> Iterator[ScriptedArm]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    script = ScriptedArm()
    with _Server(script, context) as server:
        script.url = f"https://127.0.0.1:{server.server_port}"
        script.ca_file = str(ca_file)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield script
        server.shutdown()
        thread.join()


@dataclass(kw_only=True)
class World:
    """A target at a scripted endpoint, its clock, and the events that it told."""

    arm: ScriptedArm
    clock: VirtualClock = field(default_factory=VirtualClock)
    observer: RecordingObserver = field(default_factory=RecordingObserver)

    def transport(self) -> Transport:
        place = Place(endpoint=self.arm.url, subscription=SUBSCRIPTION, ca_file=self.arm.ca_file)
        return Transport(place, GivenToken(TOKEN), self.clock, self.observer)

    def target(self, resource_group: str | None = None) -> ArmTarget:
        return ArmTarget(self.transport(), resource_group)


def group(
    name: str,
    *,
    resource_group: str = "pair",
    stack: str | None = "pair",
    provisioning: str = "Succeeded",
    ip: str | None = "20.1.2.3",
    view: dict[str, Any] | None = None,
    state: str = "Running",
) -> dict[str, Any]:
    """Return a group as Azure answers with it; ``view`` is its container's instance view."""
    container: dict[str, Any] = {
        "image": "alpine:3.20",
        "ports": [{"protocol": "TCP", "port": 1337}],
        "environmentVariables": [],
        "resources": {"requests": {"memoryInGB": 1.5, "cpu": 1.0}},
        "instanceView": view or {"restartCount": 0, "currentState": {"state": "Running", "detailStatus": ""}},
    }
    address = {"ports": [{"protocol": "TCP", "port": 1337}], "type": "Public", **({"ip": ip} if ip else {})}
    return {
        "id": path(name, resource_group),
        "name": name,
        "type": TYPE,
        "location": "westus",
        "tags": {"azdeploy-stack": stack} if stack else {},
        "properties": {
            "sku": "Standard",
            "provisioningState": provisioning,
            "containers": [{"name": name, "properties": container}],
            "initContainers": [],
            "restartPolicy": "Always",
            "ipAddress": address,
            "osType": "Linux",
            "instanceView": {"events": [], "state": state},
        },
    }


def listing(*bodies: dict[str, Any], next_link: str | None = None) -> Reply:
    """Return a list as Azure answers with it: without any instance view."""
    value = json.loads(json.dumps(bodies))
    for body in value:
        body["properties"].pop("instanceView")
        for container in body["properties"]["containers"]:
            container["properties"].pop("instanceView")
    return Reply(body={"value": value, **({"nextLink": next_link} if next_link else {})})


CRASHED: dict[str, Any] = {
    "restartCount": 3,
    "currentState": {"state": "Waiting", "detailStatus": "CrashLoopBackOff: Back-off 10s restarting failed"},
    "previousState": {"state": "Terminated", "exitCode": 2, "detailStatus": "Error"},
}
