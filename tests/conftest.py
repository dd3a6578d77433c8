"""Every test runs in a clean environment and reaches nothing beyond loopback."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


def _only_loopback(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    host = str(arguments[1][0]).partition("%")[0]
    if host == "localhost" or ipaddress.ip_address(host).is_loopback:
        return
    raise PermissionError(f"a test tried to reach {host}; tests stay on loopback")


sys.addaudithook(_only_loopback)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test without the user's credentials, configuration, proxies and local endpoint."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "AZDEPLOY_", "ARM_")) or name.lower().endswith("_proxy"):
            if not name.startswith("AZDEPLOY_TEST_"):
                monkeypatch.delenv(name)
    monkeypatch.setenv("AZDEPLOY_LOCAL_HOME", str(tmp_path / "azdeploy-local"))
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
    monkeypatch.setenv("NO_COLOR", "1")
    yield


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder with Azure's OpenAPI documents and recorded traffic; skips where it is missing."""
    folder = SHARED / "conformance"
    if not folder.is_dir():
        pytest.skip("no conformance folder beside the checkout")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """Golden files are rewritten on request; the commit that does so says why."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what the code gives")
