"""Container groups as JSON: nothing gets lost, Azure's documents and models agree, secrets stay where they belong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, cast

import pytest
from azure.mgmt.containerinstance.models import ContainerGroup as Model
from full_group import FULL_GROUP, HIDDEN
from hypothesis import given
from strategies import GROUPS

from azdeploy.arm.codec import FaultyBodyError, masked
from azdeploy.arm.container_group import CODEC
from azdeploy.definitions.container_group import (
    ContainerGroup,
    Extension,
    IpAddressType,
    OsType,
    Protocol,
    RestartPolicy,
)
from azdeploy.definitions.record import Record
from azdeploy.definitions.secret import Secret
from azdeploy.errors import DefinitionError

SHARED = Path(__file__).parents[3] / "shared"
GOLDEN = Path(__file__).parents[1] / "golden" / "arm"
DOCUMENT = (
    "specs/specification/containerinstance/resource-manager/Microsoft.ContainerInstance/stable/2023-05-01/"
    "containerInstance.json"
)
ACI = "Microsoft.ContainerInstance/containerGroups"


def encoded(group: ContainerGroup) -> dict[str, Any]:
    return CODEC.encode(group, "westus")


def over_the_wire(body: object) -> Any:
    return json.loads(json.dumps(body))


def container_body(**properties: Any) -> dict[str, Any]:
    known = {"image": "nginx", "resources": {"requests": {"cpu": 1, "memoryInGB": 1.5}}}
    return {"name": "web", "properties": known | properties}


def body_of(container: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    containers = [container or container_body()]
    return {"name": "g", "location": "westus", "properties": {"containers": containers, "osType": "Linux"} | properties}


# Round trips


@given(GROUPS)
def test_a_group_survives_the_way_to_json_and_back(group: ContainerGroup) -> None:
    again = CODEC.decode(over_the_wire(encoded(group)), name=group.name)
    assert again == replace(group, location=group.location or "westus")


@given(GROUPS)
def test_azures_own_model_keeps_every_property_that_we_send(group: ContainerGroup) -> None:
    body = encoded(group)
    assert Model.deserialize(body).serialize() == body


def fields_of(value: object) -> Iterator[tuple[str, str, bool]]:
    """Yield each field of each record in a value: the type, the name, and whether it differs from its default."""
    match value:
        case Record():
            for field in fields(cast("Any", value)):
                inner = getattr(value, field.name)
                default = field.default if field.default_factory is MISSING else field.default_factory()
                yield type(value).__name__, field.name, inner != default
                yield from fields_of(inner)
        case Mapping():
            yield from (found for item in value.values() for found in fields_of(item))
        case tuple():
            yield from (found for item in value for found in fields_of(item))


def test_the_full_group_sets_every_field_and_keeps_it() -> None:
    known = list(fields_of(FULL_GROUP))
    assert {(kind, name) for kind, name, _ in known} == {(kind, name) for kind, name, is_set in known if is_set}
    assert len({kind for kind, _, _ in known}) == 25
    assert CODEC.decode(over_the_wire(encoded(FULL_GROUP)), name="full-group") == FULL_GROUP


def test_the_body_of_the_full_group_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    golden = GOLDEN / "full-group.json"
    text = json.dumps(encoded(FULL_GROUP), indent=2) + "\n"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert golden.read_text() == text


# Azure's published document


def writable(schema: dict[str, Any], known: dict[str, Any], at: str = "") -> Iterator[str]:
    """Yield the paths of what a request may hold, as the OpenAPI document says it."""
    schema = resolved(schema, known)
    for name, member in schema.get("properties", {}).items():
        target = resolved(member, known)
        if member.get("readOnly") or target.get("readOnly"):
            continue
        inner = target["items"] if target.get("type") == "array" else target
        yield f"{at}.{name}"
        yield from writable(inner, known, f"{at}.{name}")


def resolved(schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    if reference := schema.get("$ref"):
        schema = known[reference.rpartition("/")[2]]
    merged = dict(schema)
    for parent in schema.get("allOf", []):
        whole = resolved(parent, known)
        merged["properties"] = whole.get("properties", {}) | merged.get("properties", {})
    return merged


def present(body: object, at: str = "") -> Iterator[str]:
    match body:
        case dict():
            for name, value in body.items():
                yield f"{at}.{name}"
                yield from present(value, f"{at}.{name}")
        case list():
            for item in body:
                yield from present(item, at)


def test_every_property_of_the_published_document_has_its_place(conformance: Path) -> None:
    known = json.loads((conformance / DOCUMENT).read_text())["definitions"]
    wanted = set(writable(known["ContainerGroup"], known))
    assert len(wanted) > 100
    assert wanted - set(present(encoded(FULL_GROUP))) == set()


def every_group(conformance: Path) -> Iterator[dict[str, Any]]:
    """Yield each body of a container group in the document's examples and in the recorded traffic."""
    for example in sorted((conformance / DOCUMENT).parent.glob("examples/*.json")):
        found = json.loads(example.read_text())
        yield from groups_in(found["parameters"].get("containerGroup"))
        for response in found["responses"].values():
            yield from groups_in(response.get("body"))
    for recording in sorted((conformance / "traffic").glob("container.*.json")):
        for exchange in json.loads(recording.read_text()):
            yield from groups_in(exchange["request"].get("body"))
            yield from groups_in(exchange["response"].get("body"))


def groups_in(body: Any) -> Iterator[dict[str, Any]]:
    match body:
        case {"properties": {"containers": _}}:
            yield body
        case {"value": list(values)}:
            for item in values:
                yield from groups_in(item)


def test_every_published_and_recorded_group_survives_the_round_trip(conformance: Path) -> None:
    seen = 0
    for body in every_group(conformance):
        group = CODEC.decode(body, name="g")
        assert CODEC.decode(over_the_wire(CODEC.encode(group, "")), name="g") == group
        seen += 1
    assert seen > 40


def test_the_requests_that_az_recorded_are_sent_back_but_for_azures_defaults(conformance: Path) -> None:
    seen = 0
    for recording in sorted((conformance / "traffic").glob("container.*.json")):
        for exchange in json.loads(recording.read_text()):
            if exchange["request"]["method"] == "PUT" and ACI in exchange["request"]["url"]:
                body = exchange["request"]["body"]
                assert without_defaults(CODEC.encode(CODEC.decode(body, name="g"), "")) == without_defaults(body)
                seen += 1
    assert seen >= 6


def without_defaults(body: Any) -> Any:
    """Leave out what says no more than its absence would."""
    defaults = {
        "restartPolicy": "Always",
        "protocol": "TCP",
        "autoGeneratedDomainNameLabelScope": "Unsecure",
        "command": [],
        "tags": {},
    }
    match body:
        case dict():
            return {
                name: without_defaults(value)
                for name, value in body.items()
                if name not in defaults or value != defaults[name]
            }
        case list():
            return [without_defaults(item) for item in body]
        case _:
            return body


@pytest.mark.parametrize("name", ["socket-server", "socket-client"])
def test_the_articles_bodies_come_back_as_they_are(name: str) -> None:
    path = SHARED / "articles" / f"{name}.json"
    if not path.is_file():
        pytest.skip("no articles beside the checkout")
    text = path.read_text()
    group = CODEC.decode(json.loads(text), name=name)
    assert CODEC.encode(group, "") == json.loads(text.replace("memoryInGb", "memoryInGB"))


# Leniency


def test_names_and_enum_values_are_read_in_any_case() -> None:
    body = {
        "LOCATION": "West US",
        "Tags": {"Team": "One"},
        "PROPERTIES": {
            "Containers": [
                {
                    "NAME": "web",
                    "Properties": {
                        "IMAGE": "nginx",
                        "Ports": [{"PORT": "80", "protocol": "udp"}],
                        "resources": {"REQUESTS": {"Cpu": "1.5", "memoryInGb": 2}},
                    },
                }
            ],
            "ostype": "LINUX",
            "restartpolicy": "onfailure",
        },
    }
    group = CODEC.decode(body, name="g")
    web = group.containers[0]
    assert (group.os_type, group.restart_policy) == (OsType.LINUX, RestartPolicy.ON_FAILURE)
    assert (group.location, group.tags) == ("westus", {"Team": "One"})
    assert (web.ports[0].port, web.ports[0].protocol) == (80, Protocol.UDP)
    assert (web.resources.requests.cpu, web.resources.requests.memory_in_gb) == (1.5, 2.0)


def test_null_and_unknown_properties_mean_nothing() -> None:
    body = body_of(container_body(command=None, configMap={"keyValuePairs": {}}), volumes=None, isCreatedFromPool=False)
    assert CODEC.decode(body) == CODEC.decode(body_of())


def test_a_request_that_has_no_name_decodes_and_a_told_name_wins() -> None:
    body = body_of()
    assert CODEC.decode(body, name="told").name == "told"
    del body["name"]
    assert CODEC.decode(body).name == ""


def test_the_location_of_the_stack_is_sent_unless_the_group_has_its_own() -> None:
    group = CODEC.decode(body_of())
    assert encoded(replace(group, location=None))["location"] == "westus"
    assert encoded(replace(group, location="West Europe"))["location"] == "westeurope"


def test_the_assigned_public_address_is_no_part_of_the_definition_but_a_private_one_is() -> None:
    ports = [{"port": 80}]
    public = CODEC.decode(body_of(ipAddress={"type": "public", "ip": "20.1.2.3", "ports": ports}))
    private = CODEC.decode(body_of(ipAddress={"type": "Private", "ip": "10.0.0.4", "ports": ports}))
    assert public.ip_address is not None
    assert private.ip_address is not None
    assert (public.ip_address.type, public.ip_address.ip) == (IpAddressType.PUBLIC, None)
    assert private.ip_address.ip == "10.0.0.4"


# Secrets


def test_what_azure_withholds_decodes_to_empty_secrets() -> None:
    group = CODEC.decode(
        body_of(
            container_body(environmentVariables=[{"name": "KEY"}, {"name": "PLAIN", "value": ""}]),
            volumes=[{"name": "secrets", "secret": {}}],
            imageRegistryCredentials=[{"server": "r", "username": "u"}],
        )
    )
    assert group.containers[0].environment_variables == {"KEY": Secret(""), "PLAIN": ""}
    assert group.volumes[0].secret == {}
    assert group.image_registry_credentials[0].password is None


def test_the_secrets_of_a_request_decode_to_their_values() -> None:
    variable = {"Name": "KEY", "secureVALUE": "s"}
    credential = {"server": "r", "username": "u", "password": "p"}
    group = CODEC.decode(
        body_of(container_body(environmentVariables=[variable]), imageRegistryCredentials=[credential])
    )
    assert group.containers[0].environment_variables == {"KEY": Secret("s")}
    assert group.image_registry_credentials[0].password == Secret("p")


def test_a_masked_body_holds_no_secret_and_all_else() -> None:
    body = encoded(FULL_GROUP)
    shown = masked(body)
    assert json.dumps(body).count(HIDDEN) == 7
    assert HIDDEN not in json.dumps(shown)
    assert set(present(shown)) >= set(present(body)) - {path for path in present(body) if "protectedSettings." in path}
    assert shown["properties"]["volumes"][2]["secret"] == {"key": "***"}
    assert shown["tags"] == {"team": "one"}
    assert masked({"password": None, "pair": ({"secureValue": "x"},)}) == {
        "password": None,
        "pair": [{"secureValue": "***"}],
    }


def test_protected_settings_that_are_no_json_are_refused_without_showing_them() -> None:
    extension = Extension(name="e", extension_type="t", version="1", protected_settings=Secret("hush {"))
    group = replace(CODEC.decode(body_of()), extensions=[extension])
    with pytest.raises(DefinitionError, match="protected_settings") as caught:
        encoded(group)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# Faulty bodies

RESOURCES = "properties.containers[0].properties.resources"
FAULTS = [
    ({"name": "g"}, "properties.containers", "is missing."),
    ({"properties": []}, "properties", "must be an object."),
    ({"properties": {"containers": {}}}, "properties.containers", "must be a list."),
    ({"properties": {"containers": ["web"]}}, "properties.containers[0]", "must be an object."),
    ({"properties": {"containers": [{"properties": {}}]}}, "properties.containers[0].name", "is missing."),
    (body_of(container_body(image=None)), "properties.containers[0].properties.image", "is missing."),
    (body_of(container_body(image=7)), "properties.containers[0].properties.image", "must be a text."),
    (body_of(container_body(resources=None)), RESOURCES, "is missing."),
    (body_of(container_body(resources={"requests": {"cpu": 1}})), f"{RESOURCES}.requests.memoryInGB", "is missing."),
    (body_of(osType="Linus"), "properties.osType", "must be one of Linux, Windows."),
    (body_of(osType=1), "properties.osType", "must be one of Linux, Windows."),
    (body_of(osType=None), "properties.osType", "is missing."),
    (body_of(tags=1, ipAddress={"ports": []}), "properties.ipAddress.type", "is missing."),
    (body_of() | {"tags": ["a"]}, "tags", "must be an object."),
    (body_of() | {"tags": {"a": 1}}, "tags.a", "must be a text."),
    (body_of() | {"identity": {"type": "UserAssigned", "userAssignedIdentities": {"/i": 1}}}, "identity", "an object"),
    (body_of(volumes=[{"name": "share", "emptyDir": 1}]), "properties.volumes[0].emptyDir", "must be an object."),
]


@pytest.mark.parametrize(("body", "where", "what"), FAULTS)
def test_a_faulty_body_is_told_by_its_path_and_what_is_expected(body: Any, where: str, what: str) -> None:
    with pytest.raises(FaultyBodyError) as caught:
        CODEC.decode(body)
    assert caught.value.problem.where.startswith(where)
    assert what in caught.value.problem.what


@pytest.mark.parametrize("port", [True, "http", 80.5, None, [], float("nan"), float("inf"), 10**400])
def test_a_port_must_be_a_whole_number(port: object) -> None:
    with pytest.raises(FaultyBodyError, match=r"ports\[0\]\.port"):
        CODEC.decode(body_of(container_body(ports=[{"port": port}])))


@pytest.mark.parametrize("flag", ["true", 1, {}])
def test_a_flag_must_be_true_or_false(flag: object) -> None:
    mount = {"name": "share", "mountPath": "/", "readOnly": flag}
    with pytest.raises(FaultyBodyError, match="true or false"):
        CODEC.decode(body_of(container_body(volumeMounts=[mount])))


def test_a_variable_that_is_there_twice_is_a_fault() -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    with pytest.raises(FaultyBodyError, match=r"environmentVariables\[1\]\.name: is 'A'"):
        CODEC.decode(body_of(container_body(environmentVariables=twice)))


def test_a_header_may_lack_a_value() -> None:
    probe = {"httpGet": {"port": 80, "httpHeaders": [{"name": "A"}, {"name": "B", "value": "1"}]}}
    group = CODEC.decode(body_of(container_body(livenessProbe=probe)))
    read = group.containers[0].liveness_probe
    assert read is not None
    assert read.http_get is not None
    assert read.http_get.http_headers == {"A": "", "B": "1"}


def test_the_error_of_a_secure_value_does_not_show_it() -> None:
    with pytest.raises(FaultyBodyError) as caught:
        CODEC.decode(body_of(container_body(environmentVariables=[{"name": "A", "secureValue": ["hush"]}])))
    assert "hush" not in str(caught.value)
    assert "secureValue: must be a text." in str(caught.value)


def test_what_a_part_needs_is_missed_with_its_path() -> None:
    with pytest.raises(FaultyBodyError, match=r"properties\.encryptionProperties\.vaultBaseUrl"):
        CODEC.decode(body_of(encryptionProperties={}))
