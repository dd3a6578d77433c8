"""Every test runs in a clean environment and reaches nothing beyond loopback."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

# How long an example takes says more about a busy machine than about the code.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


def _only_loopback(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    host = str(arguments[1][0]).partition("%")[0]
    if host == "localhost" or ipaddress.ip_address(host).is_loopback:
        return
    raise PermissionError(f"a test tried to reach {host}; tests stay on loopback")


if "AZDEPLOY_TEST_SUBSCRIPTION" not in os.environ:  # whoever names one runs the tests marked azure, on Azure
    sys.addaudithook(_only_loopback)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test without the user's credentials, configuration, proxies and local endpoint."""
    for name in list(os.environ):
        ours = name.startswith(("AZURE_", "AZDEPLOY_", "ARM_")) and not name.startswith("AZDEPLOY_TEST_")
        if ours or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZDEPLOY_LOCAL_HOME", str(tmp_path / "azdeploy-local"))
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session")
def machine_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of one endpoint with the process runtime, which all tests of the command line share."""
    home = tmp_path_factory.mktemp("machine") / "home"
    environment = {**os.environ, "AZDEPLOY_LOCAL_HOME": str(home)}
    azdeploy = str(Path(sys.executable).with_name("azdeploy"))
    subprocess.run([azdeploy, "local", "start", "--runtime", "process"], env=environment, check=True)
    yield home
    subprocess.run([azdeploy, "local", "reset", "--yes"], env=environment, check=True)


@pytest.fixture
def machine(machine_home: Path, clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Azure on this machine, up and with the process runtime; a test takes down what it deploys."""
    monkeypatch.setenv("AZDEPLOY_LOCAL_HOME", str(machine_home))
    return machine_home


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder with Azure's OpenAPI documents and recorded traffic; skips where it is missing."""
    folder = SHARED / "conformance"
    if not folder.is_dir():
        pytest.skip("no conformance folder beside the checkout")
    return folder


@pytest.fixture(scope="session")
def articles() -> Path:
    """The folder with the articles' own files; skips where it is missing."""
    folder = SHARED / "articles"
    if not folder.is_dir():
        pytest.skip("no folder of articles beside the checkout")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """Golden files are rewritten on request; the commit that does so says why."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what the code gives")
