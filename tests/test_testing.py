"""The public fakes: what they promise to whoever tests a provisioning script with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_stacks import STACK, existing, group, stack

from azdeploy.definitions.container_group import (
    AzureFile,
    Extension,
    ImageRegistryCredential,
    InitContainer,
    IpAddress,
    IpAddressType,
    LogAnalytics,
    Port,
    Volume,
)
from azdeploy.definitions.secret import Secret
from azdeploy.deployment import deploy
from azdeploy.errors import NotFound
from azdeploy.planning.diff import secrets
from azdeploy.planning.plan import State
from azdeploy.testing import InMemoryTarget, RecordingObserver, VirtualClock

HIDDEN = Secret("hidden")


def test_virtual_time_passes_only_by_sleeping() -> None:
    clock = VirtualClock()
    clock.sleep(3600)
    assert (clock.monotonic(), clock.slept) == (3600, [3600])


def test_operations_take_as_many_polls_as_they_are_told() -> None:
    azure = InMemoryTarget()
    azure.slow("server", 2)
    operation = azure.put(group("server"), "westus")
    kinds = [type(azure.poll([operation])[operation]).__name__ for _ in range(3)]
    assert kinds == ["Pending", "Pending", "Done"]


def test_addresses_are_of_the_kind_that_was_asked_for() -> None:
    azure = InMemoryTarget()
    private = IpAddress(ports=[Port(port=80)], type=IpAddressType.PRIVATE)
    nowhere = IpAddress(ports=[])
    wanted = [group("public"), group("private", ip_address=private), group("nowhere", ip_address=nowhere)]
    operations = [azure.put(one, "westus") for one in wanted]
    azure.poll(operations)
    azure.poll(operations)
    found = {name: one.outputs for name, one in azure.existing("", ["public", "private", "nowhere"]).items()}
    assert found["public"]["ip"].startswith("203.")
    assert found["private"]["ip"].startswith("10.")
    assert "port" not in found["nowhere"]


def test_no_secret_of_any_kind_comes_back() -> None:
    azure = InMemoryTarget()
    share = AzureFile(share_name="s", storage_account_name="a", storage_account_key=HIDDEN)
    full = group(
        "server",
        env={"KEY": HIDDEN},
        init_containers=[InitContainer(name="first", image="i", environment_variables={"KEY": HIDDEN})],
        volumes=[Volume(name="secrets", secret={"key": HIDDEN}), Volume(name="share", azure_file=share)],
        image_registry_credentials=[ImageRegistryCredential(server="r", username="u", password=HIDDEN)],
        log_analytics=LogAnalytics(workspace_id="w", workspace_key=HIDDEN),
        extensions=[Extension(name="e", extension_type="t", version="1", protected_settings=HIDDEN)],
    )
    azure.put(full, "westus")
    returned = azure.existing("", ["server"])["server"].definition
    assert set(secrets(returned).values()) == {""}
    assert azure.sent["server"] == full


def test_tagging_what_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound):
        InMemoryTarget().tag(group("server"))


def test_what_a_test_adds_exists() -> None:
    azure = InMemoryTarget()
    azure.add(existing(group("server")))
    azure.change("server", State.STOPPED)
    assert azure.existing(STACK)["server"].state is State.STOPPED


def test_an_observer_that_records_sorts_by_kind() -> None:
    seen = RecordingObserver()
    deploy(stack(group("server")), InMemoryTarget(), observer=seen, clock=VirtualClock())
    assert seen.of(type(seen.events[0])) == seen.events[:1]


def test_pytest_gives_every_test_an_azure_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["azdeploy.testing"]\n')
    (tmp_path / "test_script.py").write_text(
        "def test_first(azure):\n    azure.prepare('a', 'westus')\n    assert azure.requests\n"
        "def test_second(azure):\n    assert azure.requests == []\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


def test_the_fakes_need_no_pytest() -> None:
    program = "import sys; sys.modules['pytest'] = None; import azdeploy.testing"
    root = str(Path(__file__).parent.parent)
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": root}, check=True)
