"""Definitions as values: settled, walkable, with texts that can be replaced, and references made of plain text."""

from __future__ import annotations

from full_group import FULL_GROUP, HIDDEN
from hypothesis import given
from hypothesis import strategies as st
from strategies import GROUPS, TEXTS, stacks

from azdeploy.definitions.container_group import Container, ContainerGroup, OsType, Port, VolumeMount
from azdeploy.definitions.output import Output, escape, references, resolve
from azdeploy.definitions.record import located, texts, with_texts
from azdeploy.definitions.secret import Secret
from azdeploy.definitions.stack import Stack, outputs_used

SERVER = ContainerGroup(name="socket-server", containers=[Container(name="server", image="server")])
NEAR_REFERENCES = st.lists(st.sampled_from(["$", "$$", "${a.b}", "${", "}", "a.b", "${HOME}", "${A-1.ip}", "x"])).map(
    "".join
)


def nothing(_: Output) -> None:
    return None


# References


def test_a_reference_is_text_wherever_it_is_written() -> None:
    assert str(SERVER.ip) == "${socket-server.ip}"
    assert f"http://{SERVER.fqdn}:{SERVER.port}" == "http://${socket-server.fqdn}:${socket-server.port}"
    assert f"{SERVER.ip:>20}" == " ${socket-server.ip}"
    container = Container(name="c", image="c", environment_variables={"HOST": SERVER.ip}, command=[SERVER.port])
    assert container.environment_variables == {"HOST": "${socket-server.ip}"}
    assert container.command == ("${socket-server.port}",)


def test_only_the_dotted_form_is_a_reference() -> None:
    text = "${HOME} $${a.ip} ${a.IP} ${-a.ip} {a.ip} ${a.ip} ${B2.fqdn}"
    assert list(references(text)) == [Output("a", "ip"), Output("B2", "fqdn")]


def test_a_text_is_resolved_step_by_step_and_unescaped_at_the_end() -> None:
    text = "${a.ip}:${b.port} $${a.ip} ${HOME}"
    once = resolve(text, {Output("a", "ip"): "10.0.0.1"}.get)
    assert once == "10.0.0.1:${b.port} $${a.ip} ${HOME}"
    assert resolve(once, {Output("b", "port"): "80"}.get) == "10.0.0.1:80 ${a.ip} ${HOME}"


def test_an_empty_value_is_a_value() -> None:
    assert resolve("<${a.ip}>", lambda _: "") == "<>"
    assert resolve("<${a.ip}${b.ip}>", {Output("a", "ip"): ""}.get) == "<${b.ip}>"


@given(TEXTS | NEAR_REFERENCES)
def test_an_escaped_text_means_itself(text: str) -> None:
    assert not list(references(escape(text)))
    assert resolve(escape(text), nothing) == text


@given(TEXTS | NEAR_REFERENCES)
def test_unknown_references_stay_and_known_ones_go(text: str) -> None:
    if list(references(text)):
        assert resolve(text, nothing) == text
    marked = resolve(text, lambda _: "<known>")
    assert marked.count("<known>") - text.count("<known>") == len(list(references(text)))


@given(stacks())
def test_every_reference_of_a_stack_is_found(stack: Stack) -> None:
    known = {group.name for group in stack.resources}
    for group in stack.resources:
        assert {output.resource for output in outputs_used(group)} <= known - {group.name}


# Records


def test_lists_and_mappings_are_settled_at_construction() -> None:
    ports = [Port(port=80)]
    variables = {"A": "1"}
    container = Container(name="c", image="c", ports=ports, environment_variables=variables)
    ports.append(Port(port=81))
    variables["B"] = "2"
    assert container.ports == (Port(port=80),)
    assert container.environment_variables == {"A": "1"}


def test_a_location_is_known_by_its_display_name_too() -> None:
    assert ContainerGroup(name="g", containers=[], location="West US 2").location == "westus2"
    assert ContainerGroup(name="g", containers=[]).location is None
    assert Stack(name="s", resources=[], location="West US").location == "westus"


def test_texts_are_walked_in_order_secrets_included_and_enums_not() -> None:
    found = list(texts(FULL_GROUP))
    assert found[:4] == ["full-group", "web", "registry.example/web:1", "serve"]
    assert f"{HIDDEN}-registry" in found
    assert not {"Windows", "TCP", "Spot"} & set(found)


def test_texts_are_located_by_name_or_index() -> None:
    where = dict(located(FULL_GROUP, "group"))
    assert where["group.containers[web].environment_variables[SECURE]"] == f"{HIDDEN}-variable"
    assert where["group.containers[web].command[1]"] == "--now"
    assert where["group.image_registry_credentials[0].server"] == "registry.example"


@given(GROUPS)
def test_replacing_each_text_by_itself_changes_nothing(group: ContainerGroup) -> None:
    assert with_texts(group, str) == group


def test_texts_are_replaced_everywhere_but_in_names_of_mappings() -> None:
    changed = with_texts(FULL_GROUP, str.upper)
    assert changed.containers[0].environment_variables == {
        "PLAIN": "SEEN",
        "SECURE": Secret(f"{HIDDEN}-variable".upper()),
    }
    assert changed.os_type is OsType.WINDOWS
    assert changed.tags == {"team": "ONE"}
    assert changed.containers[0].resources == FULL_GROUP.containers[0].resources


def test_a_record_reads_as_what_is_set_in_it() -> None:
    assert str(Port(port=80)) == "80/TCP"
    assert str(VolumeMount(name="data", mount_path="/data")) == "name=data, mount_path=/data"
