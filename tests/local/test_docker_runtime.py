"""What is special about containers at an engine."""

from __future__ import annotations

import base64
import ipaddress
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import docker_images
import pytest
import requests
from docker.types import IPAMConfig, IPAMPool

from azdeploy.definitions.container_group import (
    AzureFile,
    Capabilities,
    Container,
    ContainerGroup,
    DnsConfig,
    GitRepo,
    ResourceLimits,
    ResourceRequests,
    Resources,
    SecurityContext,
    Volume,
    VolumeMount,
)
from azdeploy.definitions.secret import Secret
from azdeploy.errors import LocalError
from azdeploy.local.docker.engine import available, unavailable
from azdeploy.local.docker.holder import REPOSITORY, elf_program, holder_image
from azdeploy.local.docker.options import creation
from azdeploy.local.docker.runtime import OWNER_LABEL, DockerRuntime
from azdeploy.local.docker.volumes import Volumes
from azdeploy.local.runtime import ContainerNotStartedError, ImageNotAccessibleError, Sandbox

SHELL = "FROM alpine:latest\nWORKDIR /work\nCOPY . .\n"
pytestmark = pytest.mark.docker


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[DockerRuntime]:
    if docker_images.engine_missing():
        pytest.skip(docker_images.engine_missing())
    docker_images.make_images()
    engine = DockerRuntime(tmp_path / "state")
    yield engine
    engine.sweep([])
    engine.close()


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    connected = docker.from_env()
    yield connected
    connected.close()


def opened(runtime: DockerRuntime, group: ContainerGroup, key: str = "key") -> Sandbox:
    return runtime.open(key, group, runtime.address([]))


def output(runtime: DockerRuntime, group: ContainerGroup) -> str:
    """Run the containers of a group one after the other and return what they wrote."""
    sandbox = opened(runtime, group)
    written = ""
    for container in group.containers:
        started = sandbox.run(container, runtime.image(str(container.image)))
        started.wait()
        written += started.logs()
    sandbox.close()
    return written


def one(*command: str, **options: object) -> Container:
    return Container(name="one", image="alpine", command=command, **options)  # type: ignore[arg-type] # a test's options


def group(*containers: Container, **options: object) -> ContainerGroup:
    return ContainerGroup(name="group", containers=containers, **options)  # type: ignore[arg-type] # a test's options


def ours(client: docker.DockerClient, runtime: DockerRuntime) -> list[str]:
    """Return the names of all containers, volumes and networks that the engine has of this runtime."""
    mine = {"label": f"{OWNER_LABEL}={runtime.prefix.removeprefix('azdeploy-')}"}
    found = [
        *client.containers.list(all=True, filters=mine),
        *client.volumes.list(filters=mine),
        *client.networks.list(filters=mine),
    ]
    return sorted(str(thing.name) for thing in found)


def test_an_unchanged_folder_is_not_built_again(
    runtime: DockerRuntime, client: docker.DockerClient, tmp_path: Path
) -> None:
    folder = tmp_path / "My Image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(SHELL + "RUN date +%N > built\n", encoding="utf-8")
    first = runtime.image(str(folder))
    again = runtime.image(f"file://{str(folder).replace(' ', '%20')}")

    (folder / "new").write_text("x", encoding="utf-8")
    changed = runtime.image(str(folder))

    assert first.digest == again.digest != changed.digest
    for image in [first, changed]:
        assert client.images.get(image.digest).tags[0].startswith("azdeploy-local/my-image:")
        client.images.remove(image.digest, force=True)


def test_a_build_that_fails_shows_its_last_lines(runtime: DockerRuntime, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(SHELL + "RUN echo all is lost && exit 9\n", encoding="utf-8")

    with pytest.raises(ImageNotAccessibleError, match=r"(?s)cannot be built: .* non-zero code: 9\..*\nall is lost"):
        runtime.image(str(tmp_path))


@pytest.mark.parametrize("name", ["localhost:1/nobody/nothing:1", "Not A Name"])
def test_an_image_that_cannot_be_had_is_a_sentence(runtime: DockerRuntime, name: str) -> None:
    with pytest.raises(ImageNotAccessibleError, match=f"^The image '{name}' .*[^.]\\.$"):
        runtime.image(name)


def test_what_an_image_runs_by_itself_is_run(runtime: DockerRuntime) -> None:
    served = one()
    running = opened(runtime, group(served)).run(served, runtime.image("nginx"))
    fetching = running.exec(
        ["sh", "-c", "until wget -qO- http://localhost; do :; done 2>/dev/null"], rows=24, columns=80
    )

    assert fetching.receive().startswith(b"Welcome to nginx!")

    fetching.close()


def test_an_empty_folder_is_shared_and_anybody_may_write(runtime: DockerRuntime) -> None:
    mounts, nobody = [VolumeMount(name="shared", mount_path="/shared")], SecurityContext(run_as_user=65534)
    script = "ls -A /shared; echo written by $(id -u) > /shared/file"
    writer = one("sh", "-c", script, volume_mounts=mounts, security_context=nobody)
    reader = one("cat", "/shared/file", volume_mounts=mounts)
    shared = group(writer, reader, volumes=[Volume(name="shared", empty_dir=True)])

    assert output(runtime, shared) == "written by 65534\n"


def test_secret_files_are_in_memory_and_gone_with_the_group(
    runtime: DockerRuntime, client: docker.DockerClient
) -> None:
    secret = Volume(name="keys", secret={"key": Secret(base64.b64encode(b"sesame").decode())})
    mounts = [VolumeMount(name="keys", mount_path="/keys", read_only=True)]
    reader = one(
        "sh",
        "-c",
        "cat /keys/key; df -t tmpfs /keys | tail -n 1 | cut -c 1-5; touch /keys/x 2>&1",
        volume_mounts=mounts,
    )

    seen = output(runtime, group(reader, volumes=[secret]))

    assert seen.startswith("sesametmpfs\n")
    assert "Read-only file system" in seen
    assert ours(client, runtime) == [runtime.prefix]


def test_a_secret_that_is_not_base64_is_refused_without_showing_it(
    runtime: DockerRuntime, client: docker.DockerClient
) -> None:
    secret = Volume(name="keys", secret={"key": Secret("not base64!")})

    with pytest.raises(LocalError, match="file 'key' of the volume 'keys' is not base64") as refused:
        opened(runtime, group(one("true"), volumes=[secret]))

    assert "not base64!" not in str(refused.value)
    assert ours(client, runtime) == [runtime.prefix]


def repository(folder: Path) -> str:
    """Make a Git repository with two commits that differ in a file."""
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@localhost"]
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=folder, check=True)
    for text in ["old", "new"]:
        (folder / "file").write_text(text, encoding="utf-8")
        subprocess.run(["git", "add", "file"], cwd=folder, check=True)
        subprocess.run(["git", *identity, "commit", "--quiet", "--message", text], cwd=folder, check=True)
    return f"file://{folder}"


def test_a_repository_is_cloned_where_azure_puts_it(runtime: DockerRuntime, tmp_path: Path) -> None:
    url = repository(tmp_path / "site.git")
    mounts = [VolumeMount(name="named", mount_path="/named"), VolumeMount(name="here", mount_path="/here")]
    volumes = [
        Volume(name="named", git_repo=GitRepo(repository=url)),
        Volume(name="here", git_repo=GitRepo(repository=url, directory=".", revision="HEAD~1")),
    ]

    seen = output(
        runtime, group(one("sh", "-c", "cat /named/site/file /here/file", volume_mounts=mounts), volumes=volumes)
    )

    assert seen == "newold"


def test_a_repository_that_is_not_there_is_a_sentence(runtime: DockerRuntime, tmp_path: Path) -> None:
    gone = Volume(name="gone", git_repo=GitRepo(repository=str(tmp_path / "gone")))

    with pytest.raises(LocalError, match=r"The volume 'gone' cannot be cloned: .*does not exist"):
        opened(runtime, group(one("true"), volumes=[gone]))


def test_a_mount_of_no_volume_is_refused(runtime: DockerRuntime) -> None:
    wrong = one("true", volume_mounts=[VolumeMount(name="nowhere", mount_path="/x")])

    with pytest.raises(ContainerNotStartedError, match="no volume 'nowhere'"):
        output(runtime, group(wrong))


def test_azure_files_are_refused(runtime: DockerRuntime) -> None:
    share = Volume(name="share", azure_file=AzureFile(share_name="s", storage_account_name="a"))

    (reason,) = runtime.refusals(group(one("true"), volumes=[share]))

    assert reason.startswith("The volume 'share' is an Azure Files share")


def test_without_git_a_clone_is_refused(runtime: DockerRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    clone = Volume(name="clone", git_repo=GitRepo(repository="https://localhost/x"))

    assert runtime.refusals(group(one("true"), volumes=[clone])) == [
        "The volume 'clone' is a clone, and this machine has no git; install it."
    ]


def test_cpu_and_memory_are_limited(runtime: DockerRuntime, client: docker.DockerClient) -> None:
    requests = ResourceRequests(cpu=0.5, memory_in_gb=0.25)
    sandbox = opened(runtime, group(one("true")))
    limited = one(
        "sleep", "600", resources=Resources(requests=requests, limits=ResourceLimits(cpu=1000, memory_in_gb=0.5))
    )
    plain = one("sleep", "600", resources=Resources(requests=requests))

    hosts = [
        client.containers.get(sandbox.run(container, runtime.image("alpine")).id).attrs["HostConfig"]
        for container in [limited, plain]
    ]

    assert [host["Memory"] for host in hosts] == [2**29, 2**28]
    assert [host["MemoryReservation"] for host in hosts] == [2**28, 2**28]
    assert [host["NanoCpus"] for host in hosts] == [runtime.processors * 10**9, 5 * 10**8]
    sandbox.close()


def test_the_security_context_is_applied(runtime: DockerRuntime) -> None:
    profile = base64.b64encode(json.dumps({"defaultAction": "SCMP_ACT_ALLOW"}).encode()).decode()
    context = SecurityContext(
        allow_privilege_escalation=False,
        capabilities=Capabilities(add=["NET_ADMIN"], drop=["CHOWN"]),
        run_as_user=1000,
        run_as_group=2000,
        seccomp_profile=profile,
    )
    script = "id -u; id -g; grep -E '^(NoNewPrivs|CapBnd)' /proc/self/status"

    seen = output(runtime, group(one("sh", "-c", script, security_context=context))).splitlines()

    assert seen[:2] == ["1000", "2000"]
    bounds = int(next(line for line in seen if line.startswith("CapBnd")).split()[1], 16)
    assert bounds & 1 << 12  # CAP_NET_ADMIN
    assert not bounds & 1  # CAP_CHOWN
    assert "NoNewPrivs:\t1" in seen


def test_privileges_are_asked_for(runtime: DockerRuntime) -> None:
    asking = group(one("true", security_context=SecurityContext(privileged=True)))
    volumes = Volumes(runtime.api, asking, "prefix", {})

    # Not run: where the tests run in a container themselves, the engine has none to give.
    options = creation(asking.containers[0], runtime.api, "holder", volumes, 1)

    assert options["host_config"]["Privileged"] is True


def test_a_broken_seccomp_profile_is_refused(runtime: DockerRuntime) -> None:
    with pytest.raises(ContainerNotStartedError, match="seccomp profile"):
        output(runtime, group(one("true", security_context=SecurityContext(seccomp_profile="%"))))


def test_resolver_settings_reach_the_containers(runtime: DockerRuntime) -> None:
    settings = DnsConfig(name_servers=["127.0.0.2"], search_domains="a.test b.test", options="ndots:3 timeout:1")

    seen = output(runtime, group(one("cat", "/etc/resolv.conf"), dns_config=settings))

    assert "search a.test b.test\n" in seen
    assert "ndots:3" in seen
    assert "timeout:1" in seen


def test_all_that_is_made_is_swept_by_its_label(
    runtime: DockerRuntime, client: docker.DockerClient, tmp_path: Path
) -> None:
    volumes = [Volume(name="data", empty_dir=True)]
    killed = DockerRuntime(tmp_path / "state")
    for key in ["left", "kept"]:
        sandbox = opened(killed, group(one("sleep", "600"), volumes=volumes), key)
        sandbox.run(one("sleep", "600"), killed.image("alpine"))
    killed.close()
    network, kept = runtime.prefix, f"{runtime.prefix}-kept"

    runtime.sweep(["kept"])

    assert ours(client, runtime) == [network, kept, f"{kept}-data", f"{kept}-one-1"]
    other = DockerRuntime(tmp_path / "other")
    other.sweep([])
    other.close()
    assert len(ours(client, runtime)) == 4
    runtime.sweep([])
    assert ours(client, runtime) == []


def test_a_group_that_is_opened_again_begins_afresh(
    runtime: DockerRuntime, client: docker.DockerClient, tmp_path: Path
) -> None:
    volumes = [Volume(name="data", empty_dir=True)]
    first = DockerRuntime(tmp_path / "state")
    address = first.address([])
    first.open("key", group(one("sleep", "600"), volumes=volumes), address).run(
        one("sleep", "600"), first.image("alpine")
    )
    first.close()

    sandbox = runtime.open("key", group(one("sleep", "600"), volumes=volumes), address)

    assert ours(client, runtime) == [runtime.prefix, f"{runtime.prefix}-key", f"{runtime.prefix}-key-data"]
    sandbox.close()


def test_a_container_that_has_ended_is_gone_but_its_log_is_not(
    runtime: DockerRuntime, client: docker.DockerClient
) -> None:
    said = one("echo", "last words")
    sandbox = opened(runtime, group(said))
    started = sandbox.run(said, runtime.image("alpine"))

    started.wait()

    assert started.logs() == "last words\n"
    assert ours(client, runtime) == [runtime.prefix, f"{runtime.prefix}-key"]
    sandbox.close()


def test_a_container_removed_by_somebody_else_has_ended(runtime: DockerRuntime, client: docker.DockerClient) -> None:
    sleeping = one("sleep", "600")
    sandbox = opened(runtime, group(sleeping))
    started = sandbox.run(sleeping, runtime.image("alpine"))

    client.containers.get(started.id).remove(force=True)

    assert started.wait() in {137, 255}
    started.stop(0)
    sandbox.close()


def test_an_address_outside_of_the_network_is_a_sentence(runtime: DockerRuntime, client: docker.DockerClient) -> None:
    with pytest.raises(LocalError, match=r"^The group 'group' cannot be prepared: .*\.$"):
        runtime.open("key", group(one("true")), "192.0.2.1")

    assert ours(client, runtime) == [runtime.prefix]


def test_a_network_gives_way_to_others(runtime: DockerRuntime, client: docker.DockerClient) -> None:
    first = ipaddress.IPv4Network(f"{runtime.address([])}/20", strict=False)
    runtime.sweep([])
    pools = IPAMConfig(pool_configs=[IPAMPool(subnet=str(first))])
    other = client.networks.create(f"{runtime.prefix}-other", ipam=pools)
    try:
        assert ipaddress.IPv4Address(runtime.address([])) not in first
    finally:
        other.remove()


def test_a_network_without_a_free_address_is_a_sentence(runtime: DockerRuntime) -> None:
    all_of_them = ipaddress.IPv4Network(f"{runtime.address([])}/20", strict=False)

    with pytest.raises(LocalError, match=r"^All addresses of 10\.\S+ are taken\."):
        runtime.address([str(address) for address in all_of_them])


def test_a_holder_is_made_once_and_waits_for_ever(runtime: DockerRuntime, client: docker.DockerClient) -> None:
    made = [holder_image(client, client.info()["Architecture"], OWNER_LABEL, tag="test") for _ in range(2)]
    holder = client.containers.run(made[0], detach=True)
    try:
        assert made == [f"{REPOSITORY}:test"] * 2
        assert client.images.get(made[0]).labels == {OWNER_LABEL: "holder"}
        with pytest.raises(requests.exceptions.ConnectionError, match="timed out"):
            holder.wait(timeout=1)
    finally:
        holder.remove(force=True)
        client.images.remove(made[0], force=True)


def test_an_engine_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")

    with pytest.raises(
        LocalError, match=r"^No Docker engine answers: .*Start Docker or Podman, or use --runtime process"
    ):
        DockerRuntime(tmp_path)

    assert not available()
    assert str(unavailable()).startswith("No Docker engine answers")


def test_an_engine_that_answers_is_available(runtime: DockerRuntime) -> None:
    assert available()
    assert unavailable() is None


def test_holders_are_programs_for_the_usual_machines_only() -> None:
    assert elf_program("x86_64")[18:20] == (62).to_bytes(2, "little")
    assert elf_program("aarch64")[18:20] == (183).to_bytes(2, "little")
    with pytest.raises(LocalError, match="no holder for engines on s390x"):
        elf_program("s390x")


def test_what_exec_runs_ends_with_its_container_and_can_be_closed_while_it_does_not_read(
    runtime: DockerRuntime,
) -> None:
    sandbox = opened(runtime, group(one("sleep", "600")))
    started = sandbox.run(one("sleep", "600"), runtime.image("alpine"))
    deaf = started.exec(["sh", "-c", "stty raw -echo; echo ready; exec sleep 600"], rows=24, columns=80)
    while b"ready" not in deaf.receive():
        pass
    typing = threading.Thread(target=deaf.send, args=(b"x" * 10_000_000,), daemon=True)
    typing.start()
    closing = threading.Thread(target=deaf.close, daemon=True)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()
    session = started.exec(["sleep", "600"], rows=24, columns=80)
    started.stop(0)
    reading = threading.Thread(target=session.receive, daemon=True)
    reading.start()
    reading.join(20)
    assert not reading.is_alive()
    session.close()
    sandbox.close()
