"""What the azure-mgmt SDKs can do with container groups and resource groups, done against an endpoint."""

from __future__ import annotations

import json
from typing import Any

from azure.identity import ClientSecretCredential
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from local_machine import Served, group_body

BODY: dict[str, Any] = group_body(
    ipAddress={"type": "Public", "ports": [{"port": 80}], "dnsNameLabel": "mylabel"},
    volumes=[{"name": "v", "secret": {"file": "aHVzaA=="}}, {"name": "e", "emptyDir": {}}],
    initContainers=[{"name": "first", "properties": {"image": "job"}}],
    imageRegistryCredentials=[{"server": "r.io", "username": "u", "password": "hush"}],
)


def use_sdk(machine: Served) -> None:
    """Do with the SDKs whatever they can do with container groups and resource groups."""
    state = machine.state
    about = {"connection_verify": str(machine.home.ca)}
    credential = ClientSecretCredential(
        state["tenant"],
        state["client_id"],
        machine.home.secret.read_text(),
        authority=state["url"],
        disable_instance_discovery=True,
        **about,
    )
    scopes = [f"{state['url']}/.default"]
    subscription = state["subscription"]
    with (
        ResourceManagementClient(
            credential,
            subscription,
            base_url=state["url"],
            api_version="2022-09-01",  # the one that Azure's document at hand describes
            credential_scopes=scopes,
            **about,
        ) as resources,
        ContainerInstanceManagementClient(
            credential, subscription, base_url=state["url"], credential_scopes=scopes, **about
        ) as instances,
        credential,
    ):
        use_resource_groups(resources)
        use_container_groups(instances)
        resources.resource_groups.begin_delete("rg").result()


def use_resource_groups(client: ResourceManagementClient) -> None:
    groups = client.resource_groups
    assert not groups.check_existence("rg")
    groups.create_or_update("rg", {"location": "westus", "tags": {"a": "b"}})
    assert groups.check_existence("rg")
    groups.update("rg", {"tags": {"c": "d"}})
    assert [group.name for group in groups.list(filter="tagName eq 'c' and tagValue eq 'd'")] == ["rg"]
    assert groups.get("RG").name == "rg"
    assert client.providers.get("Microsoft.ContainerInstance").registration_state == "Registered"
    client.providers.unregister("Microsoft.ContainerInstance")  # the next client registers it by itself
    assert len(list(client.providers.list())) > 1


def use_container_groups(client: ContainerInstanceManagementClient) -> None:
    groups, containers = client.container_groups, client.containers
    created = groups.begin_create_or_update("rg", "cg", json.dumps(BODY).encode()).result()
    assert created.instance_view.state == "Running"
    assert groups.update("rg", "cg", {"tags": {"c": "d"}}).tags == {"c": "d"}
    assert [group.name for group in groups.list()] == ["cg"]
    assert [group.name for group in groups.list_by_resource_group("rg")] == ["cg"]
    assert containers.list_logs("rg", "cg", "one", tail=1).content == "hello\n"
    assert containers.attach("rg", "cg", "one").password
    assert containers.execute_command("rg", "cg", "one", {"command": "ls"}).web_socket_uri.startswith("wss://")
    groups.begin_restart("rg", "cg").result()
    groups.stop("rg", "cg")
    assert groups.get("rg", "cg").instance_view.state == "Stopped"
    groups.begin_start("rg", "cg").result()
    assert list(groups.get_outbound_network_dependencies_endpoints("rg", "cg")) == []
    location = client.location
    assert {usage.name.value for usage in location.list_usage("westus")} == {"ContainerGroups", "StandardCores"}
    assert [image.image for image in location.list_cached_images("westus")] == ["alpine:latest"]
    assert {one.os_type for one in location.list_capabilities("westus")} == {"Linux"}
    assert len(list(client.operations.list())) > 3
    groups.begin_delete("rg", "cg").result()
