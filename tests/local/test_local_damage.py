"""An endpoint that is silent, and a state folder that is damaged: told in a sentence, and never made worse."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from azdeploy.errors import LocalError
from azdeploy.local import endpoint
from azdeploy.local.home import Home, home, make_folder

PROCESS = endpoint.Options(runtime=endpoint.RuntimeChoice.PROCESS)


@pytest.fixture
def machine() -> Iterator[endpoint.Connection]:
    yield endpoint.start(PROCESS)
    endpoint.reset()


def test_a_silent_endpoint_is_not_lost(machine: endpoint.Connection) -> None:
    os.kill(machine.pid, signal.SIGSTOP)
    try:
        with pytest.raises(LocalError, match="does not answer"):
            endpoint.start(PROCESS)
    finally:
        os.kill(machine.pid, signal.SIGCONT)

    assert endpoint.start(PROCESS).pid == machine.pid
    assert endpoint.stop()
    assert endpoint.find() is None


def test_an_endpoint_of_another_version_can_be_stopped(machine: endpoint.Connection) -> None:
    home().state.write_text(json.dumps({"url": machine.url, "pid": machine.pid}))

    assert endpoint.find() is None
    assert endpoint.stop()
    assert endpoint.start(PROCESS).pid != machine.pid


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("identity.json", b"junk"),
        ("client-secret", b""),
        ("signing-key", b""),
        ("store-key", b"junk"),
        ("resources.sqlite", b"junk"),
        ("ca.pem", b"junk"),
        ("server.pem", b""),
    ],
)
def test_a_damaged_file_is_told_and_a_reset_mends_it(name: str, content: bytes) -> None:
    endpoint.start(PROCESS)
    endpoint.stop()
    (home().path / name).write_bytes(content)

    with pytest.raises(LocalError, match=r"is damaged .* `azdeploy local reset` forgets it all"):
        endpoint.start(PROCESS)
    endpoint.reset()
    assert endpoint.start(PROCESS)
    endpoint.reset()


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755

    make_folder(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert Home(tmp_path).path == tmp_path
