"""What differs between two definitions, and what does not count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from full_group import FULL_GROUP
from hypothesis import given
from hypothesis import strategies as st
from small_stacks import group
from strategies import GROUPS, valid_groups

from azdeploy.arm.container_group import CODEC
from azdeploy.definitions.container_group import (
    AzureFile,
    Container,
    ContainerGroup,
    Identity,
    IdentityType,
    ImageRegistryCredential,
    IpAddress,
    LogAnalytics,
    Port,
    Probe,
    Protocol,
    SubnetId,
    Volume,
    VolumeMount,
)
from azdeploy.definitions.secret import Secret
from azdeploy.planning.diff import diff, secrets
from azdeploy.planning.plan import PropertyChange

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/one"


def paths(before: ContainerGroup, after: ContainerGroup) -> list[str]:
    return [change.path for change in diff(before, after)]


@given(GROUPS)
def test_a_definition_does_not_differ_from_itself(definition: ContainerGroup) -> None:
    assert diff(definition, definition) == ()


@given(valid_groups())
def test_a_definition_does_not_differ_from_what_the_wire_makes_of_it(definition: ContainerGroup) -> None:
    returned = CODEC.decode({**CODEC.encode(definition, "westus"), "name": definition.name})
    assert paths(returned, replace(definition, location="westus")) == []


@pytest.mark.parametrize("field", [field for field in ContainerGroup.__dataclass_fields__ if field != "name"])
def test_every_property_that_changes_is_named(field: str) -> None:
    plain = ContainerGroup(name=FULL_GROUP.name, containers=[])
    changed = replace(plain, **{field: getattr(FULL_GROUP, field)})
    found = diff(plain, changed)
    if field == "confidential_cce_policy":
        assert paths(changed, plain) == [], "Azure makes a policy where none is given"
    assert found, field
    assert all(change.path.startswith(field) for change in found)


@given(st.permutations(range(3)))
def test_the_order_of_named_items_does_not_matter(order: list[int]) -> None:
    containers = [Container(name=f"c{number}", image="i", ports=[Port(port=80), Port(port=81)]) for number in range(3)]
    before = ContainerGroup(name="g", containers=containers)
    after = ContainerGroup(
        name="g", containers=[replace(containers[at], ports=[Port(port=81), Port(port=80)]) for at in order]
    )
    assert diff(before, after) == ()


def test_a_change_is_named_as_the_definition_writes_it() -> None:
    before, after = group("client", env={"HOST": "10.0.0.1"}), group("client", env={"HOST": "10.0.0.2"})
    assert diff(before, after) == (
        PropertyChange("containers[client].environment_variables[HOST]", "10.0.0.1", "10.0.0.2"),
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"tags": {"a": "1"}}, {"tags": {"b": "2"}}, ["tags[b]", "tags[a]"]),
        ({}, {"zones": ["1"]}, ["zones"]),
        (
            {"ip_address": IpAddress(ports=[Port(port=80)])},
            {"ip_address": IpAddress(ports=[Port(port=80, protocol=Protocol.UDP)])},
            ["ip_address.ports[80/UDP]", "ip_address.ports[80/TCP]"],
        ),
        ({"ip_address": None}, {}, ["ip_address"]),
        (
            {},
            {"image_registry_credentials": [ImageRegistryCredential(server="r.example")]},
            ["image_registry_credentials[r.example]"],
        ),
        ({"subnet_ids": [SubnetId(id="a")]}, {"subnet_ids": [SubnetId(id="b")]}, ["subnet_ids[b]", "subnet_ids[a]"]),
    ],
)
def test_items_are_matched_by_what_names_them(before: dict, after: dict, expected: list[str]) -> None:
    assert paths(group("g", **before), group("g", **after)) == expected


def container(**more: Any) -> ContainerGroup:
    return ContainerGroup(name="g", containers=[Container(name="c", image="i", **more)])


def test_the_order_of_a_command_matters() -> None:
    assert diff(container(command=["a", "b"]), container(command=["b", "a"])) == (
        PropertyChange("containers[c].command", ("a", "b"), ("b", "a")),
    )


def test_a_name_that_comes_twice_loses_nothing() -> None:
    mounts = [VolumeMount(name="data", mount_path="/a"), VolumeMount(name="data", mount_path="/b")]
    moved = [mounts[0], replace(mounts[1], mount_path="/c")]
    assert paths(container(volume_mounts=mounts), container(volume_mounts=moved)) == [
        "containers[c].volume_mounts[data'].mount_path"
    ]


def test_the_case_of_resource_ids_does_not_matter() -> None:
    before = group(
        "g",
        subnet_ids=[SubnetId(id=ID.upper())],
        identity=Identity(type=IdentityType.USER_ASSIGNED, user_assigned_identities=[f"{ID}/2".lower(), ID.upper()]),
    )
    after = group(
        "g",
        subnet_ids=[SubnetId(id=ID)],
        identity=Identity(type=IdentityType.USER_ASSIGNED, user_assigned_identities=[ID, f"{ID}/2"]),
    )
    assert diff(before, after) == ()


def test_what_azure_decides_does_not_differ_where_the_definition_says_nothing() -> None:
    ports = [Port(port=80)]
    before = group("g", ip_address=IpAddress(ports=ports, ip="10.0.0.4"), subnet_ids=[SubnetId(id=ID, name="chosen")])
    after = group("g", ip_address=IpAddress(ports=ports), subnet_ids=[SubnetId(id=ID)])
    assert paths(before, after) == []
    assert paths(after, before) == ["ip_address.ip", f"subnet_ids[{ID}].name"]
    assert paths(container(liveness_probe=Probe(period_seconds=10)), container(liveness_probe=Probe())) == []


class TestSecrets:
    def test_a_secret_is_never_compared_by_its_value(self) -> None:
        assert diff(group("g", env={"KEY": Secret("")}), group("g", env={"KEY": Secret("new")})) == ()

    @pytest.mark.parametrize(
        ("before", "after", "told"),
        [
            ({}, {"KEY": Secret("hidden")}, (None, Secret("***"))),
            ({"KEY": Secret("")}, {}, (Secret("***"), None)),
            ({"KEY": "hidden"}, {"KEY": Secret("hidden")}, (Secret("***"), Secret("***"))),
            ({"KEY": Secret("")}, {"KEY": "shown"}, (Secret("***"), "shown")),
        ],
    )
    def test_a_variable_that_comes_goes_or_turns_secret_is_seen_by_its_name(
        self, before: dict, after: dict, told: tuple
    ) -> None:
        path = "containers[g].environment_variables[KEY]"
        assert diff(group("g", env=before), group("g", env=after)) == (PropertyChange(path, *told),)

    def test_what_the_service_withholds_is_no_difference(self) -> None:
        def full(secret: Secret | None, files: dict[str, Secret]) -> ContainerGroup:
            share = AzureFile(share_name="s", storage_account_name="a", storage_account_key=secret)
            return group(
                "g",
                volumes=[Volume(name="secrets", secret=files), Volume(name="share", azure_file=share)],
                image_registry_credentials=[ImageRegistryCredential(server="r", username="u", password=secret)],
                log_analytics=LogAnalytics(workspace_id="w", workspace_key=secret),
            )

        assert diff(full(None, {}), full(Secret("s"), {"key": Secret("s")})) == ()
        assert paths(full(Secret("s"), {"key": Secret("s")}), full(None, {})) != []

    def test_a_secret_inside_something_new_is_masked_for_good(self) -> None:
        volume = Volume(name="secrets", secret={"key": Secret("hidden")})
        after = replace(container(environment_variables={"A": Secret("hidden")}), volumes=[volume])
        before = ContainerGroup(name="g", containers=[])
        assert secrets(after) == {
            "containers[c].environment_variables[A]": "hidden",
            "volumes[secrets].secret[key]": "hidden",
        }
        for change in diff(before, after):
            assert set(secrets((change.after,)).values()) == {"***"}

    @given(GROUPS, GROUPS)
    def test_no_difference_holds_a_secret(self, before: ContainerGroup, after: ContainerGroup) -> None:
        found = [secrets((change.before, change.after)) for change in diff(before, after)]
        assert {value for values in found for value in values.values()} <= {"***"}
