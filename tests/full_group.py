"""One group in which every property is set to something other than its default, for tests that must miss none."""

from __future__ import annotations

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

# Every secret text in the group, to look for where none may be.
HIDDEN = "hush"
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"

_GPU = Gpu(count=1, sku=GpuSku.V100)
_SECURITY = SecurityContext(
    privileged=True,
    allow_privilege_escalation=False,
    capabilities=Capabilities(add=["NET_ADMIN"], drop=["CHOWN"]),
    run_as_group=1000,
    run_as_user=1001,
    seccomp_profile="e30=",
)
_PROBE = Probe(
    exec=Exec(command=["cat", "/alive"]),
    http_get=HttpGet(port=8080, path="/ready", scheme=Scheme.HTTPS, http_headers={"Host": "web"}),
    initial_delay_seconds=1,
    period_seconds=2,
    failure_threshold=3,
    success_threshold=4,
    timeout_seconds=5,
)
_VARIABLES = {"PLAIN": "seen", "SECURE": Secret(f"{HIDDEN}-variable")}
_MOUNT = VolumeMount(name="share", mount_path="/mnt/share", read_only=True)

FULL_GROUP = ContainerGroup(
    name="full-group",
    containers=[
        Container(
            name="web",
            image="registry.example/web:1",
            command=["serve", "--now"],
            ports=[Port(port=8080), Port(port=53, protocol=Protocol.UDP)],
            environment_variables=_VARIABLES,
            resources=Resources(
                requests=ResourceRequests(cpu=2.0, memory_in_gb=3.5, gpu=_GPU),
                limits=ResourceLimits(cpu=3.0, memory_in_gb=4.5, gpu=_GPU),
            ),
            volume_mounts=[_MOUNT],
            liveness_probe=_PROBE,
            readiness_probe=_PROBE,
            security_context=_SECURITY,
        ),
    ],
    init_containers=[
        InitContainer(
            name="first",
            image="busybox",
            command=["true"],
            environment_variables=_VARIABLES,
            volume_mounts=[_MOUNT],
            security_context=_SECURITY,
        ),
    ],
    os_type=OsType.WINDOWS,
    restart_policy=RestartPolicy.ON_FAILURE,
    ip_address=IpAddress(
        ports=[Port(port=8080)],
        type=IpAddressType.PRIVATE,
        dns_name_label="label",
        auto_generated_domain_name_label_scope=DnsNameLabelScope.NO_REUSE,
        ip="10.0.0.4",
    ),
    volumes=[
        Volume(
            name="share",
            azure_file=AzureFile(
                share_name="files",
                storage_account_name="account",
                storage_account_key=Secret(f"{HIDDEN}-storage"),
                read_only=True,
            ),
        ),
        Volume(name="scratch", empty_dir=True),
        Volume(name="secrets", secret={"key": Secret(f"{HIDDEN}-file")}),
        Volume(name="source", git_repo=GitRepo(repository="https://git.example/r", directory="d", revision="main")),
    ],
    image_registry_credentials=[
        ImageRegistryCredential(
            server="registry.example",
            username="puller",
            password=Secret(f"{HIDDEN}-registry"),
            identity=IDENTITY,
            identity_url="https://identity.example",
        ),
    ],
    identity=Identity(type=IdentityType.BOTH, user_assigned_identities=[IDENTITY]),
    subnet_ids=[SubnetId(id="/subscriptions/s/subnets/default", name="default")],
    dns_config=DnsConfig(name_servers=["10.0.0.53"], search_domains="a.example b.example", options="ndots:2"),
    log_analytics=LogAnalytics(
        workspace_id="workspace",
        workspace_key=Secret(f"{HIDDEN}-workspace"),
        log_type=LogType.CONTAINER_INSIGHTS,
        metadata={"from": "test"},
        workspace_resource_id="/subscriptions/s/workspaces/w",
    ),
    sku=Sku.CONFIDENTIAL,
    priority=Priority.SPOT,
    encryption_properties=EncryptionProperties(
        vault_base_url="https://vault.example", key_name="key", key_version="1", identity=IDENTITY
    ),
    confidential_cce_policy="cG9saWN5",
    extensions=[
        Extension(
            name="proxy",
            extension_type="kube-proxy",
            version="1.0",
            settings={"cidr": "10.240.0.0/16", "nested": {"list": [1, 2]}},
            protected_settings=Secret(f'{{"config": "{HIDDEN}-extension"}}'),
        ),
    ],
    zones=["1"],
    location="westeurope",
    tags={"team": "one"},
)
