"""What the endpoint takes up after its own restart, and how it is served and ended in the foreground."""

from __future__ import annotations

import http.server
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from local_machine import (
    GROUPS,
    Arm,
    EchoSession,
    FakeContainer,
    FakeRuntime,
    HandClock,
    Program,
    eventually,
    group_body,
    served,
)

from azdeploy.definitions.container_group import Container, Exec, HttpGet, Probe, Scheme
from azdeploy.errors import LocalError
from azdeploy.local import endpoint
from azdeploy.local.__main__ import main
from azdeploy.local.groups.inventory import last_runtime
from azdeploy.local.groups.naming import fqdn
from azdeploy.local.groups.probes import check
from azdeploy.local.home import Home, home
from azdeploy.local.options import Options, RuntimeChoice
from azdeploy.local.runtime import ContainerNotStartedError
from azdeploy.local.runtimes import choose
from azdeploy.local.server import run
from azdeploy.local.store import Store

ONE = f"resourceGroups/rg/{GROUPS}/cg"


def test_what_ran_is_started_again_where_it_was(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    address = {"type": "Public", "ports": [{"port": 80}], "dnsNameLabel": "mylabel"}
    with served(where) as before:
        first = before.arm.make("cg", group_body(ipAddress=address)).body["properties"]["ipAddress"]
    assert before.runtime.sandboxes[0].closed
    with served(where) as after:
        assert after.runtime.swept
        eventually(lambda: after.group()["properties"]["provisioningState"] == "Succeeded")
        assert after.group()["properties"]["ipAddress"] == first
        assert after.runtime.names == {first["fqdn"]: first["ip"]}
        assert after.state["url"] == before.state["url"]


def test_what_had_ended_is_not_started_again_and_still_shows_how(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where, runtime=FakeRuntime(job=Program("done\n", ends=[0]))) as before:
        before.arm.make("cg", group_body("job", policy="Never"))
        eventually(lambda: before.group()["properties"]["instanceView"]["state"] == "Succeeded")
    with served(where) as after:
        assert after.group()["properties"]["instanceView"]["state"] == "Succeeded"
        assert after.container()["currentState"]["exitCode"] == 0
        assert after.arm.ask("GET", f"{ONE}/containers/one/logs").body == {"content": "done\n"}
        assert after.runtime.started == []


def test_an_image_that_is_gone_fails_the_group_and_not_the_endpoint(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where, runtime=FakeRuntime(mine=Program())) as before:
        before.arm.make("cg", group_body("mine"))
    with served(where) as after:
        eventually(lambda: after.group()["properties"]["provisioningState"] == "Failed")
        assert after.group()["properties"]["instanceView"]["state"] == "Failed"


def test_an_operation_can_be_polled_after_a_restart_whether_it_was_over_or_not(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where, options=Options(latency="recorded")) as before:
        before.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
        over = before.arm.ask("PUT", ONE, group_body())
        before.clock.move(32)
        told = before.arm.done(over).body
        pending = before.arm.ask("PUT", f"{ONE}-2", group_body())
        assert before.arm.ask("GET", pending.headers["azure-asyncoperation"]).body["status"] == "Pending"
    for _ in range(2):
        with served(where) as after:
            assert after.arm.ask("GET", over.headers["azure-asyncoperation"]).body == told
            assert after.arm.done(pending).body["status"] == "Succeeded"
            assert after.group("cg-2")["properties"]["provisioningState"] == "Succeeded"


def test_an_operation_that_failed_says_why_after_a_restart_too(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where, runtime=FakeRuntime(mine=Program())) as before:
        before.arm.make("cg", group_body("mine"))
        before.arm.ask("POST", f"{ONE}/stop")
        del before.runtime.programs["mine"]
        started = before.arm.ask("POST", f"{ONE}/start")
        failed = before.arm.done(started).body
        assert (failed["status"], failed["error"]["code"]) == ("Failed", "InaccessibleImage")
    with served(where) as after:
        assert after.arm.ask("GET", started.headers["azure-asyncoperation"]).body == failed


def test_an_operation_that_nobody_takes_up_after_a_restart_has_failed(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where) as before:
        before.arm.make("cg", group_body())
        before.arm.ask("POST", f"{ONE}/stop")
    with served(where, options=Options(latency="recorded")) as before:
        started = before.arm.ask("POST", f"{ONE}/start")
        assert before.arm.ask("GET", started.headers["azure-asyncoperation"]).body["status"] == "Pending"
    with served(where) as after:
        poll = after.arm.ask("GET", started.headers["azure-asyncoperation"]).body
        assert (poll["status"], poll["error"]["code"]) == ("Failed", "OperationCancelled")


def test_the_deletion_of_a_resource_group_can_be_polled_after_a_restart(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where) as before:
        before.arm.make("cg", group_body())
        polls = [before.arm.ask("DELETE", "resourceGroups/rg").headers["location"] for _ in range(2)]
    with served(where) as after:
        assert [after.arm.ask("GET", poll).status for poll in polls] == [202, 202]
        after.clock.move(1)
        for poll in polls:
            eventually(lambda poll=poll: after.arm.ask("GET", poll).status == 200)
    with served(where) as again:
        assert [again.arm.ask("GET", poll).status for poll in polls] == [200, 200]


class Other(FakeRuntime):
    """Another runtime with other images."""

    name = "other"


def test_what_another_runtime_does_not_bring_back_is_told_at_the_start_and_by_the_group(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where = Home(tmp_path / "home")
    with served(where, runtime=FakeRuntime(mine=Program())) as before:
        before.arm.make("cg", group_body("mine"))
        before.arm.make("fine", group_body())
        assert before.state["not_back"] == []
    with served(where, runtime=Other(), options=Options(latency="recorded")) as after:
        [told] = after.state["not_back"]
        assert told.startswith(
            "The container group 'cg' in resource group 'rg' does not come back: it ran with the runtime 'fake', and "
            "with 'other' it cannot be started. The image 'mine' in container group 'cg' is not accessible."
        )
        assert told in caplog.text
        view = after.group()["properties"]["instanceView"]
        assert view["state"] == "Failed"
        assert [(event["name"], event["type"], event["message"]) for event in view["events"]] == [
            ("Failed", "Warning", told)
        ]
        assert after.group("fine")["properties"]["instanceView"] == {"events": [], "state": "Running"}
    with served(where, runtime=FakeRuntime(mine=Program())) as again:
        eventually(lambda: again.group()["properties"]["instanceView"]["state"] == "Running")
        assert again.group()["properties"]["instanceView"]["events"] == []


def test_a_group_that_another_runtime_cannot_honour_does_not_come_back(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where) as before:
        before.arm.make("cg", group_body())
    other = Other()
    other.refused = ["No GPUs here; deploy to Azure."]
    with served(where, runtime=other) as after:
        [told] = after.state["not_back"]
        assert told.endswith("No GPUs here; deploy to Azure.")
        assert other.started == []


def test_a_group_that_comes_back_with_another_runtime_gets_an_address_of_that(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    body = group_body(ipAddress={"type": "Public", "ports": [{"port": 80}]})
    with served(where) as before:
        first = [before.arm.make(name, body).body["properties"]["ipAddress"]["ip"] for name in ("a", "b", "c")]
    with served(where, runtime=Other()) as after:
        second = [after.group(name)["properties"]["ipAddress"]["ip"] for name in ("a", "b", "c")]
        assert len(set(second)) == 3
        assert all(before != after for before, after in zip(first, second, strict=True))


def test_the_runtime_of_the_stored_groups_is_what_most_of_them_ran_with(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where) as before:
        before.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
    assert stored_runtime(where) == ""
    with served(where) as before:
        before.arm.make("one", group_body())
        before.arm.make("two", group_body())
    with served(where, runtime=Other()) as after:
        assert stored_runtime(where) == "other"
        after.arm.ask("DELETE", f"resourceGroups/rg/{GROUPS}/two")
    with served(where, runtime=FakeRuntime()) as again:
        again.arm.make("three", group_body())
        again.arm.make("four", group_body())
    assert stored_runtime(where) == "fake"


def stored_runtime(where: Home) -> str:
    store = Store(where.resources, where.store_key)
    try:
        return last_runtime(store)
    finally:
        store.close()


def test_a_resource_group_that_was_going_goes(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where) as before:
        before.arm.make("cg", group_body())
        before.arm.ask("DELETE", "resourceGroups/rg")
    with served(where) as after:
        after.clock.move(1)
        eventually(lambda: after.arm.ask("HEAD", "resourceGroups/rg").status == 404)


def test_a_taken_port_of_the_last_run_gives_another_one(tmp_path: Path) -> None:
    where = Home(tmp_path / "home")
    with served(where) as first:
        where_else = Home(tmp_path / "other")
        where_else.path.mkdir()
        where_else.last_port.write_text(first.state["url"].rpartition(":")[2])
        with served(where_else) as second:
            assert second.state["url"] != first.state["url"]


def test_tenant_subscription_and_regions_are_listed(tmp_path: Path) -> None:
    with served(Home(tmp_path / "home")) as machine:
        [tenant] = machine.arm.ask("GET", "/tenants").body["value"]
        assert tenant["tenantId"] == machine.state["tenant"]
        assert machine.arm.ask("GET", "").body["state"] == "Enabled"
        locations = machine.arm.ask("GET", "locations").body["value"]
        assert {"name": "westus", "displayName": "West US"}.items() <= next(
            one for one in locations if one["name"] == "westus"
        ).items()
        usages = machine.arm.ask("GET", "providers/Microsoft.ContainerInstance/locations/atlantis/usages")
        assert usages.code == "NoRegisteredProviderFound"


def test_a_signal_ends_it_after_its_containers_and_main_tells_what_is_wrong(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "image"
    image.mkdir()
    (image / "Dockerfile").write_text('FROM scratch\nCMD ["/bin/sh", "-c", "while true; do sleep 1; done"]\n')
    told: list[int] = []

    def use() -> None:
        try:
            found = eventually(endpoint.find)
            arm = Arm(url=found.url, ca=found.ca_file, subscription=found.subscription, token=found.token)
            arm.make("cg", group_body(str(image)))
            told.append(main(["--runtime", "process"]))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    using = threading.Thread(target=use)
    using.start()
    run(home(), Options(runtime="process"))
    using.join()
    assert told == [1]
    assert "runs already with this state folder" in capfd.readouterr().err
    assert not home().state.exists()
    assert main(["--sweep", "--runtime", "process"]) == 0
    endpoint.reset()


def test_choices_that_make_no_sense_end_main_with_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--port", "70000"])
    assert "port must be from 0 to 65535" in capsys.readouterr().err


def test_without_an_engine_the_runtime_is_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    assert choose(RuntimeChoice.AUTO, tmp_path).name == "process"
    with pytest.raises(LocalError, match="No Docker engine answers"):
        choose(RuntimeChoice.DOCKER, tmp_path)


def test_the_runtime_of_what_is_stored_is_taken_again_and_never_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    assert choose(RuntimeChoice.AUTO, tmp_path, "process").name == "process"
    with pytest.raises(
        LocalError, match=r"ran with the runtime 'docker'. No Docker engine answers: .* --runtime process"
    ):
        choose(RuntimeChoice.AUTO, tmp_path, "docker")
    assert choose(RuntimeChoice.PROCESS, tmp_path, "docker").name == "process"


def test_a_reuse_scope_decides_who_gets_the_same_name() -> None:
    owners = [("t", "s", "g"), ("t", "s", "other"), ("t", "other", "g"), ("other", "s", "g")]
    same = {
        scope: [fqdn("label", scope, "westus", owner) == fqdn("label", scope, "westus", owners[0]) for owner in owners]
        for scope in ("Unsecure", "TenantReuse", "SubscriptionReuse", "ResourceGroupReuse", "Noreuse")
    }
    assert same == {
        "Unsecure": [True, True, True, True],
        "TenantReuse": [True, True, True, False],
        "SubscriptionReuse": [True, True, False, False],
        "ResourceGroupReuse": [True, False, False, False],
        "Noreuse": [False, False, False, False],
    }


class Answering(FakeContainer):
    """A container whose commands write what they are made to."""

    def __init__(self, written: bytes) -> None:
        super().__init__(1, Container(name="one", image="i"), Program(), None)
        self._written = written

    def exec(self, command: Sequence[str], *, rows: int, columns: int) -> EchoSession:
        if not self._written:
            raise ContainerNotStartedError("There is no shell.")
        session = EchoSession(self._written)
        session.send(b"exit")
        return session


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (b"fine\nazdeploy-probe-exit=0\n", ""),
        (b"no\nazdeploy-probe-exit=7\r\n", "the command ended with 7"),
        (b"", "There is no shell."),
    ],
)
def test_a_probe_by_command_looks_at_the_exit_code(written: bytes, problem: str) -> None:
    probe = Probe(exec=Exec(command=["cat", "healthy"]))
    assert check(probe, "127.0.0.1", Answering(written)) == problem


@pytest.fixture
def web_server() -> Iterator[int]:
    """Serve 200 at /good and 500 elsewhere; give the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/good" and self.headers["X-Probe"] == "1" else 500)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its parent's word
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_probe_by_http_looks_at_the_status(web_server: int, tmp_path: Path) -> None:
    def probe(path: str, port: int = web_server, scheme: Scheme = Scheme.HTTP) -> str:
        target = HttpGet(port=port, path=path, scheme=scheme, http_headers={"X-Probe": "1"})
        return check(Probe(http_get=target), "127.0.0.1", Answering(b""))

    assert probe("/good") == ""
    assert probe("/bad") == "HTTP probe failed with statuscode: 500"
    assert check(Probe(), "127.0.0.1", Answering(b"")) == ""
    with served(Home(tmp_path / "home"), clock=HandClock()) as machine:
        port = int(machine.state["url"].rpartition(":")[2])
        assert "statuscode: 401" in probe("/", port, Scheme.HTTPS)
