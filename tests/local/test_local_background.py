"""The endpoint as a process of its own: started, found, restarted, killed and removed."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_images import engine_missing
from local_machine import GROUPS, Arm, eventually, group_body

from azdeploy.errors import LocalError
from azdeploy.local import endpoint
from azdeploy.local.endpoint import Connection, Options
from azdeploy.local.home import Home, home

PROCESS = Options(runtime="process")
_PROGRAM = 'echo "secret is $KEY"; while true; do sleep 1; done'


@pytest.fixture
def image(tmp_path: Path) -> str:
    """Return an image for the process runtime: a folder with a Dockerfile whose command is a shell."""
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM scratch\nCMD {json.dumps(['/bin/sh', '-c', _PROGRAM])}\n")
    return str(folder)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """End whatever a test started."""
    yield
    endpoint.reset()
    assert not home().path.exists()


def arm(found: Connection) -> Arm:
    return Arm(url=found.url, ca=found.ca_file, subscription=found.subscription, token=found.token)


def deployed(found: Connection, image: str) -> None:
    body = group_body(image, ipAddress={"type": "Public", "ports": [{"port": 80}]})
    inside = body["properties"]["containers"][0]["properties"]
    inside["environmentVariables"] = [{"name": "KEY", "secureValue": "hush-hush"}]
    arm(found).make("cg", body)


def logs(found: Connection) -> str:
    answer = arm(found).ask("GET", f"resourceGroups/rg/{GROUPS}/cg/containers/one/logs")
    return str(answer.body["content"]) if answer.status == 200 else ""


def test_a_start_is_found_and_a_second_one_finds_it() -> None:
    assert endpoint.find() is None
    started = endpoint.start(PROCESS)
    assert endpoint.start() == started == endpoint.find()
    assert re.fullmatch(r"https://127\.0\.0\.1:\d+", started.url)
    assert arm(started).ask("GET", "/subscriptions").body["value"][0]["subscriptionId"] == started.subscription
    assert started.token not in repr(started)
    assert endpoint.stop() is True
    assert endpoint.stop() is False
    assert endpoint.find() is None


def test_a_client_that_keeps_its_connection_does_not_hold_up_the_end() -> None:
    found = endpoint.start(PROCESS)
    context = ssl.create_default_context(cafile=str(found.ca_file))
    port = int(found.url.rpartition(":")[2])
    line = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    line.request("GET", "/metadata/endpoints?api-version=2022-09-01")
    assert line.getresponse().read()
    began = time.monotonic()
    assert endpoint.stop() is True
    assert time.monotonic() - began < 1.5  # uvicorn waits two seconds for connections that do not close
    line.close()


def test_two_starts_at_once_give_one_endpoint() -> None:
    code = "from azdeploy.local import endpoint as e; print(e.start(e.Options(runtime='process')).pid)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    told = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert told[0][0] == told[1][0]


def test_what_ran_runs_again_at_the_same_address_and_port_with_its_secrets(image: str) -> None:
    first = endpoint.start(PROCESS)
    deployed(first, image)
    eventually(lambda: "secret is hush-hush" in logs(first))
    before = arm(first).ask("GET", f"resourceGroups/rg/{GROUPS}/cg").body
    endpoint.stop()
    second = endpoint.start(PROCESS)
    assert (second.url, second.subscription) == (first.url, first.subscription)
    eventually(lambda: "secret is hush-hush" in logs(second))
    after = arm(second).ask("GET", f"resourceGroups/rg/{GROUPS}/cg").body
    assert after["properties"]["ipAddress"] == before["properties"]["ipAddress"]
    assert after["properties"]["provisioningState"] == "Succeeded"


def test_a_start_without_a_choice_takes_the_runtime_of_what_is_stored(
    image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(endpoint.start(PROCESS), image)
    endpoint.stop()
    second = endpoint.start()
    assert (second.runtime, second.not_back) == ("process", ())
    eventually(lambda: "secret is hush-hush" in logs(second))
    endpoint.stop()
    monkeypatch.setenv("DOCKER_HOST", "unix:///nothing.sock")
    endpoint.reset()
    assert endpoint.start().runtime == "process"


@pytest.mark.docker
def test_a_start_with_the_other_runtime_tells_what_does_not_come_back(image: str) -> None:
    if missing := engine_missing():
        pytest.skip(missing)
    (Path(image) / "Dockerfile").write_text(f"FROM azdeploy-nowhere:1\nCMD {json.dumps(['/bin/sh', '-c', _PROGRAM])}\n")
    deployed(endpoint.start(PROCESS), image)
    endpoint.stop()
    second = endpoint.start(Options(runtime="docker"))
    [told] = second.not_back
    assert (
        "'cg' in resource group 'rg' does not come back: it ran with the runtime 'process', and with 'docker'" in told
    )
    assert told in home().log.read_text()
    endpoint.stop()
    third = endpoint.start()
    assert (third.runtime, third.not_back) == ("process", ())
    eventually(lambda: "secret is hush-hush" in logs(third))


def test_what_lies_in_the_working_directory_is_not_taken_for_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "azdeploy").mkdir()
    (tmp_path / "azdeploy/__init__.py").write_text("raise SystemExit('not this one')\n")
    monkeypatch.chdir(tmp_path)
    assert endpoint.start(PROCESS) == endpoint.find()


def test_a_stopped_group_stays_stopped_and_shows_how_it_ended(image: str) -> None:
    first = endpoint.start(PROCESS)
    deployed(first, image)
    eventually(lambda: logs(first))
    arm(first).ask("POST", f"resourceGroups/rg/{GROUPS}/cg/stop")
    endpoint.stop()
    second = endpoint.start(PROCESS)
    properties = arm(second).ask("GET", f"resourceGroups/rg/{GROUPS}/cg").body["properties"]
    assert properties["instanceView"]["state"] == "Stopped"
    assert properties["containers"][0]["properties"]["instanceView"]["currentState"]["state"] == "Terminated"
    assert "secret is" in logs(second)


def test_a_killed_endpoint_is_replaced_and_its_groups_run_again(image: str) -> None:
    first = endpoint.start(PROCESS)
    deployed(first, image)
    eventually(lambda: logs(first))
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: endpoint.find() is None)
    second = endpoint.start(PROCESS)
    assert second.pid != first.pid
    eventually(lambda: "secret is hush-hush" in logs(second))


def test_no_file_can_be_read_by_others_and_none_holds_a_secret_in_clear(image: str) -> None:
    found = endpoint.start(PROCESS)
    deployed(found, image)
    eventually(lambda: logs(found))
    endpoint.stop()
    where = home().path
    assert stat.S_IMODE(where.stat().st_mode) == 0o700
    for file in where.rglob("*"):
        if file.is_file():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
            assert b"hush-hush" not in file.read_bytes(), file
    assert found.token not in home().log.read_text()


def test_a_port_that_is_taken_is_refused_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LocalError) as refused:
            endpoint.start(Options(runtime="process", port=port))
    assert (
        str(refused.value)
        == f"Port {port} of 127.0.0.1 is in use by another program. Choose another with --port, or leave it out."
    )


def test_a_second_start_with_other_choices_is_refused() -> None:
    found = endpoint.start(PROCESS)
    with pytest.raises(LocalError, match="runs already, with the runtime 'process'"):
        endpoint.start(Options(runtime="docker"))
    port = int(found.url.rpartition(":")[2])
    with pytest.raises(LocalError, match="runs already, at https"):
        endpoint.start(Options(port=port % 60000 + 1))


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (Options(latency="none"), "with the latency 'recorded'"),
        (Options(time_scale=1), "with the time scale 0.5"),
        (Options(keep_addresses=False), "and keeps addresses when a group restarts"),
    ],
)
def test_a_second_start_that_wants_other_behaviour_is_refused(choice: Options, told: str) -> None:
    chosen = Options(runtime="process", latency="recorded", time_scale=0.5, keep_addresses=True)
    found = endpoint.start(chosen)
    assert (found.latency, found.time_scale, found.keep_addresses) == ("recorded", 0.5, True)
    assert endpoint.start(chosen) == endpoint.start() == found
    with pytest.raises(LocalError, match=f"runs already, {told}"):
        endpoint.start(choice)


def test_what_was_not_chosen_is_azures_way() -> None:
    found = endpoint.start(PROCESS)
    assert (found.latency, found.time_scale, found.keep_addresses) == ("none", 1.0, False)
    assert endpoint.start(Options(latency="none", time_scale=1.0, keep_addresses=False)) == found


def test_a_second_endpoint_in_the_same_folder_ends_at_once() -> None:
    endpoint.start(PROCESS)
    second = subprocess.run(
        [sys.executable, "-m", "azdeploy.local", "--runtime", "process"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode == 1
    assert second.stderr.startswith("Azure on this machine runs already with this state folder.")


def test_what_is_in_the_folder_and_not_the_endpoints_survives_a_reset() -> None:
    endpoint.start(PROCESS)
    foreign = home().path / "mine.txt"
    foreign.write_text("keep me")
    endpoint.reset()
    assert list(home().path.iterdir()) == [foreign]
    foreign.unlink()
    endpoint.reset()


def test_a_client_that_does_not_know_the_authority_does_not_connect() -> None:
    found = endpoint.start(PROCESS)
    with pytest.raises(urllib.error.URLError) as refused:
        urllib.request.urlopen(f"{found.url}/metadata/endpoints", timeout=5)  # noqa: S310 - it is https
    assert isinstance(refused.value.reason, ssl.SSLCertVerificationError)


def test_a_stranger_at_the_port_is_not_taken_for_the_endpoint() -> None:
    found = endpoint.start(PROCESS)
    state = home().state.read_bytes()
    endpoint.stop()
    with socket.create_server(("127.0.0.1", int(found.url.rpartition(":")[2]))) as stranger:
        home().state.write_bytes(state)

        def hang_up() -> None:
            stranger.accept()[0].close()

        closing = threading.Thread(target=hang_up)
        closing.start()
        assert endpoint.find() is None
        closing.join()


def test_importing_the_module_loads_nothing_heavy() -> None:
    code = "import azdeploy.local.endpoint, sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert loaded.isdisjoint(
        {"starlette", "uvicorn", "docker", "cryptography", "jwt", "ssl", "http", "asyncio", "azure"}
    )


def test_the_lines_for_a_shell_sign_in_and_hold_no_secret() -> None:
    with pytest.raises(LocalError, match="is not running"):
        endpoint.environment()
    found = endpoint.start(PROCESS)
    lines = "\n".join(endpoint.environment())
    assert found.secret_file.read_text() not in lines
    code = (
        "from azure.identity import DefaultAzureCredential as C; import os;"
        "print(len(C().get_token(os.environ['AZURE_AUTHORITY_HOST'] + '/.default').token) > 100)"
    )
    script = f'{lines}\n{sys.executable} -W error -c "{code}"\n'
    result = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stdout.strip()) == (0, "True"), result.stderr
    [undo] = [line.removeprefix("# ") for line in lines.splitlines() if line.startswith("# unset ")]
    script = f"{lines}\n{undo}\nenv"
    left = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout
    assert "\nREQUESTS_CA_BUNDLE=" not in f"\n{left}"
    assert "\nAZURE_CLIENT_SECRET=" not in f"\n{left}"


def test_the_home_is_where_the_variable_says_or_where_the_platform_keeps_such_things(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert home() == Home(Path(os.environ["AZDEPLOY_LOCAL_HOME"]))
    named = os.environ["AZDEPLOY_LOCAL_HOME"]
    monkeypatch.delenv("AZDEPLOY_LOCAL_HOME")
    assert home().path.parts[-2:] == ("azdeploy", "local")
    monkeypatch.setenv("AZDEPLOY_LOCAL_HOME", named)


def test_a_groups_port_that_another_program_has_is_refused_and_nothing_is_left(image: str) -> None:
    found = endpoint.start(PROCESS)
    with socket.create_server(("0.0.0.0", 0)) as other:  # noqa: S104 - it is there to be in the way
        port = other.getsockname()[1]
        body = group_body(image, ipAddress={"type": "Public", "ports": [{"port": port}]})
        body["properties"]["containers"][0]["properties"]["ports"] = [{"port": port}]
        arm(found).ask("PUT", "resourceGroups/rg", {"location": "westus"})
        refused = arm(found).ask("PUT", f"resourceGroups/rg/{GROUPS}/cg", body)
    assert (refused.status, refused.code) == (400, "PortNotAvailable")
    assert f"Port {port} of 127." in refused.message
    assert arm(found).ask("GET", GROUPS).body == {"value": []}
