"""What Azure refuses about containers, sizes, volumes and Windows: each rule with an offender and its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from limit_cases import (
    DIGITS,
    EXEC,
    INIT,
    SCRATCH,
    Rule,
    check,
    container,
    group,
    label,
    mounting,
    probed,
    sized,
    variables,
    with_volume,
)

from azdeploy.definitions.container_group import (
    AzureFile,
    ContainerGroup,
    Exec,
    GitRepo,
    Gpu,
    GpuSku,
    HttpGet,
    InitContainer,
    OsType,
    Priority,
    Probe,
    ResourceLimits,
    ResourceRequests,
    Resources,
    Sku,
    Volume,
)
from azdeploy.definitions.secret import Secret

CONTAINER_RULES: list[Rule] = [
    ("Web.name", "'Web' is not a valid group name", group(name="Web"), [group(name="web-1")]),
    ("container group.name", "'' is not a valid group name", group(name=""), [group(name="w")]),
    ("-a.name", "'-a'", group(name="-a"), [group(name="a-a")]),
    (f"{'a' * 64}.name", "not a valid group name", group(name="a" * 64), [group(name="a" * 63)]),
    (
        "web.containers[a_b].name",
        "'a_b' is not a valid container name",
        group(container("a_b")),
        [group(container("a-b"))],
    ),
    ("web.containers[0].name", "'' is not a valid container name", group(container("")), [group(container("a"))]),
    (
        "web.init_containers[I].name",
        "'I'",
        group(init_containers=[InitContainer(name="I", image="i")]),
        [group(init_containers=[INIT])],
    ),
    ("web.containers", "there is no container", ContainerGroup(name="web", containers=[]), [group()]),
    (
        "web.containers",
        "there are 61 containers",
        replace(group(), containers=[container(name, resources=sized(0.5, 0.5)) for name in DIGITS]),
        [replace(group(), containers=[container(name, resources=sized(0.5, 0.5)) for name in DIGITS[:60]])],
    ),
    (
        "web.containers",
        "2 containers are named 'web'",
        group(container(), container()),
        [group(container(), container("b"))],
    ),
    ("web.containers", "2 containers are named 'init'", group(container("init"), init_containers=[INIT]), []),
    ("web.containers[web].image", "'' is not an image", group(container(image="")), [group(container(image="a/b:1"))]),
    (
        "web.containers[web].image",
        "is not an image",
        group(container(image="a b")),
        [group(container(image="${a.ip}/b"))],
    ),
    ("web.init_containers[init].image", "is not an image", group(init_containers=[InitContainer(name="init")]), []),
    (
        "web.containers[web].environment_variables[1A]",
        "'1A' is not a valid environment",
        variables("1A"),
        [variables("A1", "_A")],
    ),
    ("web.containers[web].environment_variables[A-B]", "'A-B'", variables("A-B"), [variables("A" * 63)]),
    ("web.containers[web].volume_mounts[other]", "no volume 'other'", mounting("/a", name="other"), [mounting("/a")]),
    ("web.containers[web].volume_mounts[scratch].mount_path", "'C:/' is not a path", mounting("C:/"), [mounting("/c")]),
    ("web.containers[web].volume_mounts[scratch].mount_path", "'' is not a path", mounting(""), []),
    (
        "web.containers[web].volume_mounts",
        "2 volumes are mounted on '/a'",
        mounting("/a", "/a"),
        [mounting("/a", "/b")],
    ),
    (
        "web.containers[web].liveness_probe",
        "just one of exec and http_get",
        probed(),
        [probed(exec=EXEC), probed(http_get=HttpGet(port=80))],
    ),
    ("web.containers[web].liveness_probe", "just one of", probed(exec=EXEC, http_get=HttpGet(port=80)), []),
    ("web.containers[web].liveness_probe.exec.command", "no command", probed(exec=Exec()), []),
    (
        "web.containers[web].liveness_probe.http_get.port",
        "0 is not a port",
        probed(http_get=HttpGet(port=0)),
        [probed(http_get=HttpGet(port=65535))],
    ),
    (
        "web.containers[web].liveness_probe.period_seconds",
        "0 is too low",
        probed(exec=EXEC, period_seconds=0),
        [probed(exec=EXEC, initial_delay_seconds=0, period_seconds=1)],
    ),
    (
        "web.containers[web].readiness_probe",
        "just one",
        group(container(readiness_probe=Probe())),
        [group(container(readiness_probe=Probe(exec=EXEC)))],
    ),
]

SIZE_RULES: list[Rule] = [
    (
        "web",
        "request 0.5 cores of CPU",
        group(container(resources=sized(0.5, 1))),
        [group(container("a", resources=sized(0.5, 0.5)), container("b", resources=sized(0.5, 0.5)))],
    ),
    (
        "web",
        "request 0.9 GB of memory",
        group(container(resources=sized(1, 0.9))),
        [group(*(container(name, resources=sized(0.1, 0.1)) for name in DIGITS[:10]))],
    ),
    (
        "web",
        "Use 1 to 31 cores for a standard group",
        group(container(resources=sized(31.5, 2))),
        [group(container(resources=sized(31, 240)))],
    ),
    ("web", "request 241 GB", group(container(resources=sized(1, 241))), []),
    (
        "web",
        "for a confidential group",
        group(container(resources=sized(1, 181)), sku=Sku.CONFIDENTIAL),
        [group(container(resources=sized(1, 180)), sku=Sku.CONFIDENTIAL)],
    ),
    (
        "web",
        "Use 1 to 4 cores for a Spot group",
        group(container(resources=sized(5, 16)), priority=Priority.SPOT),
        [group(container(resources=sized(4, 16)), priority=Priority.SPOT)],
    ),
    (
        "web.containers[a].resources.requests.cpu",
        "0 is not an amount",
        group(container("a", resources=sized(0, 1)), container("b")),
        [],
    ),
    (
        "web.containers[web].resources.requests.memory_in_gb",
        "nan is not an amount",
        group(container(resources=sized(1, float("nan")))),
        [],
    ),
    (
        "web.containers[web].resources.limits.cpu",
        "the limit 0.5 cannot be kept",
        group(container(resources=sized(1, 1, cpu=0.5))),
        [group(container(resources=sized(1, 1, cpu=1)))],
    ),
    (
        "web.containers[web].resources.limits.memory_in_gb",
        "the limit 3 cannot be kept",
        group(container(resources=sized(1, 1, memory_in_gb=3))),
        [group(container(resources=sized(1, 1, memory_in_gb=2)), container("b", resources=sized(1, 1)))],
    ),
    (
        "web.containers[web].resources",
        "no GPUs any more",
        group(container(resources=Resources(requests=ResourceRequests(gpu=Gpu(count=1, sku=GpuSku.V100))))),
        [],
    ),
    (
        "web.containers[web].resources",
        "no GPUs any more",
        group(container(resources=Resources(limits=ResourceLimits(gpu=Gpu(count=1, sku=GpuSku.K80))))),
        [],
    ),
]

VOLUME_RULES: list[Rule] = [
    (
        "web.volumes[data].name",
        "'data' is not a valid volume name",
        with_volume("data", empty_dir=True),
        [with_volume("my-data", empty_dir=True)],
    ),
    ("web.volumes[my--data].name", "'my--data'", with_volume("my--data", empty_dir=True), []),
    ("web.volumes", "2 volumes are named 'scratch'", group(volumes=[SCRATCH, SCRATCH]), []),
    (
        "web.volumes",
        "there are 21 volumes",
        group(volumes=[Volume(name=f"volume{n}", empty_dir=True) for n in range(21)]),
        [group(volumes=[Volume(name=f"volume{n}", empty_dir=True) for n in range(20)])],
    ),
    ("web.volumes[share]", "one kind, not 0", with_volume(), [with_volume(secret={})]),
    ("web.volumes[share]", "one kind, not 2", with_volume(empty_dir=True, secret={}), []),
    (
        "web.volumes[share].secret[key]",
        "not base64",
        with_volume(secret={"key": Secret("hush!")}),
        [with_volume(secret={"key": Secret("aHVzaA==")}), with_volume(secret={"key": Secret("${a.ip}")})],
    ),
    (
        "web.volumes[share].secret[key]",
        "not base64",
        with_volume(secret={"key": Secret("é")}),
        [with_volume(secret={"key": Secret("")})],
    ),
    (
        "web.volumes[share].azure_file.share_name",
        "is empty",
        with_volume(azure_file=AzureFile(share_name="", storage_account_name="a")),
        [with_volume(azure_file=AzureFile(share_name="s", storage_account_name="a"))],
    ),
    (
        "web.volumes[share].git_repo.repository",
        "is empty",
        with_volume(git_repo=GitRepo(repository="")),
        [with_volume(git_repo=GitRepo(repository="r", directory="."))],
    ),
    (
        "web.volumes[share].git_repo.directory",
        "'../x' leaves the volume",
        with_volume(git_repo=GitRepo(repository="r", directory="../x")),
        [],
    ),
    (
        "web.containers",
        "a Windows group has just one container",
        group(container("a"), container("b"), os_type=OsType.WINDOWS),
        [group(os_type=OsType.WINDOWS)],
    ),
    (
        "web.init_containers",
        "no init containers",
        group(init_containers=[INIT], os_type=OsType.WINDOWS),
        [group(init_containers=[INIT])],
    ),
    (
        "web.volumes",
        "a Windows group has no volumes",
        group(volumes=[SCRATCH], os_type=OsType.WINDOWS),
        [group(volumes=[SCRATCH])],
    ),
    (
        "web.sku",
        "cannot be confidential",
        group(os_type=OsType.WINDOWS, sku=Sku.CONFIDENTIAL),
        [group(sku=Sku.CONFIDENTIAL)],
    ),
]


@pytest.mark.parametrize(
    ("where", "what", "offender", "neighbours"), CONTAINER_RULES + SIZE_RULES + VOLUME_RULES, ids=label
)
def test_each_rule_refuses_its_offender_and_lets_its_neighbours_pass(
    where: str, what: str, offender: ContainerGroup, neighbours: Sequence[ContainerGroup]
) -> None:
    check(where, what, offender, neighbours)
