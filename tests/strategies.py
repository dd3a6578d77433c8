"""Random definitions for property tests: groups of every possible shape, and groups and stacks that Azure accepts."""

from __future__ import annotations

import base64
import json
import string
from typing import TypeVar

from hypothesis import strategies as st

from azdeploy.definitions.container_group import (
    AzureFile,
    Capabilities,
    Container,
    ContainerGroup,
    DnsConfig,
    DnsNameLabelScope,
    EncryptionProperties,
    Exec,
    Extension,
    GitRepo,
    Gpu,
    GpuSku,
    HttpGet,
    Identity,
    IdentityType,
    ImageRegistryCredential,
    InitContainer,
    IpAddress,
    IpAddressType,
    LogAnalytics,
    LogType,
    OsType,
    Port,
    Priority,
    Probe,
    Protocol,
    ResourceLimits,
    ResourceRequests,
    Resources,
    RestartPolicy,
    Scheme,
    SecurityContext,
    Sku,
    SubnetId,
    Volume,
    VolumeMount,
)
from azdeploy.definitions.secret import Secret
from azdeploy.definitions.stack import Stack

T = TypeVar("T")

# Surrogates are no characters: no file and no request can hold them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.text(string.ascii_letters + string.digits + "-_.${}", min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
SECRETS = st.builds(Secret, TEXTS)
NUMBERS = st.integers(0, 40000)
AMOUNTS = st.integers(1, 400).map(lambda tenths: tenths / 10)


def maybe(values: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | values


def few(values: st.SearchStrategy[T], most: int = 2) -> st.SearchStrategy[list[T]]:
    return st.lists(values, max_size=most)


def by_name(values: st.SearchStrategy[T], names: st.SearchStrategy[str] = WORDS) -> st.SearchStrategy[dict[str, T]]:
    return st.dictionaries(names, values, max_size=2)


JSON_OBJECTS = by_name(
    st.recursive(st.none() | st.booleans() | NUMBERS | TEXTS, lambda inner: few(inner) | by_name(inner), max_leaves=4)
)

PORTS = st.builds(Port, port=NUMBERS, protocol=st.sampled_from(Protocol))
GPUS = st.builds(Gpu, count=NUMBERS, sku=st.sampled_from(GpuSku))
RESOURCES = st.builds(
    Resources,
    requests=st.builds(ResourceRequests, cpu=AMOUNTS, memory_in_gb=AMOUNTS, gpu=maybe(GPUS)),
    limits=maybe(st.builds(ResourceLimits, cpu=maybe(AMOUNTS), memory_in_gb=maybe(AMOUNTS), gpu=maybe(GPUS))),
)
MOUNTS = st.builds(VolumeMount, name=WORDS, mount_path=TEXTS, read_only=st.booleans())
HTTP_GETS = st.builds(HttpGet, port=NUMBERS, path=TEXTS, scheme=st.sampled_from(Scheme), http_headers=by_name(TEXTS))
PROBES = st.builds(
    Probe,
    exec=maybe(st.builds(Exec, command=few(TEXTS))),
    http_get=maybe(HTTP_GETS),
    initial_delay_seconds=maybe(NUMBERS),
    period_seconds=maybe(NUMBERS),
    failure_threshold=maybe(NUMBERS),
    success_threshold=maybe(NUMBERS),
    timeout_seconds=maybe(NUMBERS),
)
SECURITY_CONTEXTS = st.builds(
    SecurityContext,
    privileged=maybe(st.booleans()),
    allow_privilege_escalation=maybe(st.booleans()),
    capabilities=maybe(st.builds(Capabilities, add=few(WORDS), drop=few(WORDS))),
    run_as_group=maybe(NUMBERS),
    run_as_user=maybe(NUMBERS),
    seccomp_profile=maybe(TEXTS),
)
CONTAINERS = st.builds(
    Container,
    name=WORDS,
    image=WORDS,
    command=few(TEXTS),
    ports=few(PORTS),
    environment_variables=by_name(TEXTS | SECRETS),
    resources=RESOURCES,
    volume_mounts=few(MOUNTS),
    liveness_probe=maybe(PROBES),
    readiness_probe=maybe(PROBES),
    security_context=maybe(SECURITY_CONTEXTS),
)
INIT_CONTAINERS = st.builds(
    InitContainer,
    name=WORDS,
    image=maybe(WORDS),
    command=few(TEXTS),
    environment_variables=by_name(TEXTS | SECRETS),
    volume_mounts=few(MOUNTS),
    security_context=maybe(SECURITY_CONTEXTS),
)
ADDRESSES = st.builds(
    IpAddress,
    ports=few(PORTS),
    type=st.just(IpAddressType.PUBLIC),
    dns_name_label=maybe(WORDS),
    auto_generated_domain_name_label_scope=st.sampled_from(DnsNameLabelScope),
) | st.builds(IpAddress, ports=few(PORTS), type=st.just(IpAddressType.PRIVATE), ip=maybe(WORDS))
AZURE_FILES = st.builds(
    AzureFile,
    share_name=WORDS,
    storage_account_name=WORDS,
    storage_account_key=maybe(SECRETS),
    read_only=st.booleans(),
)
VOLUMES = st.builds(
    Volume,
    name=WORDS,
    azure_file=maybe(AZURE_FILES),
    empty_dir=st.booleans(),
    secret=maybe(by_name(SECRETS)),
    git_repo=maybe(st.builds(GitRepo, repository=WORDS, directory=maybe(TEXTS), revision=maybe(TEXTS))),
)
CREDENTIALS = st.builds(
    ImageRegistryCredential,
    server=WORDS,
    username=maybe(TEXTS),
    password=maybe(SECRETS),
    identity=maybe(TEXTS),
    identity_url=maybe(TEXTS),
)
IDENTITIES = st.builds(
    Identity,
    type=st.sampled_from(IdentityType),
    user_assigned_identities=st.lists(WORDS, max_size=2, unique=True),
)
LOG_ANALYTICS = st.builds(
    LogAnalytics,
    workspace_id=WORDS,
    workspace_key=maybe(SECRETS),
    log_type=maybe(st.sampled_from(LogType)),
    metadata=by_name(TEXTS),
    workspace_resource_id=maybe(TEXTS),
)
EXTENSIONS = st.builds(
    Extension,
    name=WORDS,
    extension_type=WORDS,
    version=WORDS,
    settings=maybe(JSON_OBJECTS),
    protected_settings=maybe(JSON_OBJECTS.map(lambda settings: Secret(json.dumps(settings)))),
)

# Groups of every shape that the types allow: for codecs and parsers, which judge nothing.
GROUPS = st.builds(
    ContainerGroup,
    name=NAMES,
    containers=few(CONTAINERS),
    init_containers=few(INIT_CONTAINERS, 1),
    os_type=st.sampled_from(OsType),
    restart_policy=st.sampled_from(RestartPolicy),
    ip_address=maybe(ADDRESSES),
    volumes=few(VOLUMES),
    image_registry_credentials=few(CREDENTIALS, 1),
    identity=maybe(IDENTITIES),
    subnet_ids=few(st.builds(SubnetId, id=WORDS, name=maybe(TEXTS)), 1),
    dns_config=maybe(st.builds(DnsConfig, name_servers=few(WORDS), search_domains=maybe(TEXTS), options=maybe(TEXTS))),
    log_analytics=maybe(LOG_ANALYTICS),
    sku=st.sampled_from(Sku),
    priority=st.sampled_from(Priority),
    encryption_properties=maybe(
        st.builds(EncryptionProperties, vault_base_url=WORDS, key_name=WORDS, key_version=WORDS, identity=maybe(TEXTS))
    ),
    confidential_cce_policy=maybe(TEXTS),
    extensions=few(EXTENSIONS, 1),
    zones=few(WORDS),
    location=maybe(st.sampled_from(["westus", "West Europe"])),
    tags=by_name(TEXTS),
)


@st.composite
def valid_groups(draw: st.DrawFn, name: str = "") -> ContainerGroup:
    """Draw a Linux group that Azure accepts: some containers, each with its own ports, and volumes that fit."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    free = draw(st.lists(st.integers(1100, 3000), min_size=len(names), max_size=len(names), unique=True))
    content = base64.b64encode(draw(st.binary(max_size=8))).decode()
    volumes = [Volume(name="scratch", empty_dir=True), Volume(name="secrets", secret={"key": Secret(content)})]
    containers = [
        Container(
            name=container,
            image=draw(st.sampled_from(["nginx:1.27", "socket-server", "registry.example/a/b@sha256:00"])),
            ports=[Port(port=port)],
            environment_variables=draw(by_name(TEXTS | SECRETS, st.from_regex("[A-Z_]{1,8}", fullmatch=True))),
            resources=Resources(requests=ResourceRequests(cpu=1.0, memory_in_gb=draw(st.sampled_from([1.0, 1.5])))),
            volume_mounts=draw(few(st.just(VolumeMount(name="scratch", mount_path="/scratch")), 1)),
        )
        for container, port in zip(names, free, strict=True)
    ]
    ports = [Port(port=port) for port in free]
    addresses = st.builds(IpAddress, ports=st.just(ports), dns_name_label=maybe(st.just("a-label")))
    return ContainerGroup(
        name=name or draw(NAMES), containers=containers, ip_address=draw(maybe(addresses)), volumes=volumes
    )


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    """Draw a stack that Azure accepts, whose later groups refer to the addresses of earlier ones."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    groups: list[ContainerGroup] = []
    for name in names:
        group = draw(valid_groups(name=name))
        known = [earlier for earlier in groups if earlier.ip_address is not None]
        if known and draw(st.booleans()):
            server = draw(st.sampled_from(known))
            client = Container(name="client", image="c", environment_variables={"SERVER": f"{server.ip}:{server.port}"})
            group = ContainerGroup(name=name, containers=[client])
        groups.append(group)
    return Stack(name=draw(NAMES), resources=groups, location=draw(st.sampled_from(["westus", "West Europe"])))
