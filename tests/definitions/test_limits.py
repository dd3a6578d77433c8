"""What Azure refuses about a group as a whole and a stack: each rule with an offender and its neighbours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from full_group import IDENTITY
from hypothesis import given
from limit_cases import (
    BY_ID,
    BY_USER,
    DIGITS,
    PLAIN,
    SYSTEM,
    Rule,
    check,
    container,
    credential,
    group,
    label,
    ports,
    protected,
    public,
    pulling,
)
from strategies import stacks, valid_groups

from azdeploy.arm.container_group import CODEC
from azdeploy.definitions.container_group import (
    ContainerGroup,
    Identity,
    IdentityType,
    LogAnalytics,
    Volume,
)
from azdeploy.definitions.limits import group_problems, problems
from azdeploy.definitions.secret import Secret
from azdeploy.definitions.stack import Stack

OTHER_RULES: list[Rule] = [
    (
        "web.image_registry_credentials",
        "3 credentials for 2 containers",
        pulling(*(credential(name) for name in DIGITS[:3])),
        [pulling(credential("a"), credential("b"))],
    ),
    (
        "web.image_registry_credentials",
        "2 credentials are named 'registry.example'",
        pulling(credential(), credential()),
        [],
    ),
    ("web.image_registry_credentials[0].server", "is empty", pulling(credential("")), []),
    (
        "web.image_registry_credentials[registry.example]",
        "just one way",
        pulling(credential(username="u")),
        [pulling(credential())],
    ),
    (
        "web.image_registry_credentials[registry.example]",
        "just one way",
        pulling(credential(username="u", password=Secret("p"), identity=IDENTITY), identity=BY_USER),
        [pulling(BY_ID, identity=BY_USER)],
    ),
    (
        "web.image_registry_credentials[registry.example].identity",
        "does not have that user-assigned identity",
        pulling(BY_ID),
        [pulling(credential(identity="${identity.id}"))],
    ),
    (
        "web.identity",
        "type UserAssigned and the listed ids do not match",
        group(identity=Identity(type=IdentityType.USER_ASSIGNED)),
        [group(identity=BY_USER), group(identity=SYSTEM)],
    ),
    (
        "web.identity",
        "type SystemAssigned and",
        group(identity=replace(SYSTEM, user_assigned_identities=[IDENTITY])),
        [],
    ),
    (
        "web.extensions[e].protected_settings",
        "not the JSON text of an object",
        group(extensions=[protected("{")]),
        [group(extensions=[protected("{}"), PLAIN])],
    ),
    ("web.extensions[e].protected_settings", "not the JSON text of an object", group(extensions=[protected("[]")]), []),
    ("web.extensions", "2 extensions are named 'plain'", group(extensions=[PLAIN, PLAIN]), []),
    ("web.location", "'' is not a valid location", group(location=""), [group(location="West US 2")]),
    (
        "web.log_analytics.workspace_key",
        "is missing",
        group(log_analytics=LogAnalytics(workspace_id="w")),
        [group(log_analytics=LogAnalytics(workspace_id="w", workspace_key=Secret("k")))],
    ),
    (
        "web.tags",
        "there are 48 tags",
        group(tags={f"t{n}": "" for n in range(48)}),
        [group(tags={f"t{n}": "" for n in range(47)})],
    ),
    ("web.tags[a/b]", "not a valid tag name", group(tags={"a/b": ""}), [group(tags={"a b": ""})]),
    ("web.tags[]", "not a valid tag name", group(tags={"": ""}), []),
    (
        "web.tags[a]",
        "the value has 257 characters",
        group(tags={"a": "x" * 257}),
        [group(tags={"a": "x" * 256, "b": "${a.ip}" + "x" * 256})],
    ),
]


@pytest.mark.parametrize(("where", "what", "offender", "neighbours"), OTHER_RULES, ids=label)
def test_each_rule_refuses_its_offender_and_lets_its_neighbours_pass(
    where: str, what: str, offender: ContainerGroup, neighbours: Sequence[ContainerGroup]
) -> None:
    check(where, what, offender, neighbours)


@given(valid_groups())
def test_valid_groups_have_no_problem(valid: ContainerGroup) -> None:
    assert group_problems(valid) == ()


def test_what_az_sent_to_azure_has_no_problem(conformance: Path) -> None:
    seen = 0
    for recording in sorted((conformance / "traffic").glob("container.*.json")):
        for exchange in json.loads(recording.read_text()):
            request = exchange["request"]
            if request["method"] == "PUT" and "containerGroups" in request["url"]:
                name = request["url"].rpartition("/")[2].partition("?")[0]
                assert group_problems(CODEC.decode(request["body"], name=name)) == ()
                seen += 1
    assert seen >= 6


# Stacks


def stack(*resources: ContainerGroup, **properties: Any) -> Stack:
    return Stack(**{"name": "pair", "resources": resources} | properties)


def using(*texts: object, name: str = "client") -> ContainerGroup:
    values: Mapping[str, Any] = {f"V{index}": text for index, text in enumerate(texts)}
    return group(container("client", environment_variables=values), name=name)


SERVER = replace(public(1337, dns_name_label="server-label"), name="server")
WITHOUT_LABEL = replace(public(1337), name="server")
WITHOUT_ADDRESS = group(name="server")
AT = "client.containers[client].environment_variables[V0]"


@given(stacks())
def test_valid_stacks_have_no_problem(valid: Stack) -> None:
    assert problems(valid) == ()


@pytest.mark.parametrize(
    ("where", "what", "offender"),
    [
        ("stack.name", "'' is not a valid stack name", stack(SERVER, name="")),
        ("stack.name", "'a.' is not a valid stack name", stack(SERVER, name="a.")),
        ("stack.location", "'' is not a valid location", stack(SERVER, location="")),
        ("stack.resources", "2 resources are named 'server'", stack(SERVER, SERVER)),
        (AT, "${nobody.ip} refers to 'nobody', which the stack lacks", stack(SERVER, using("${nobody.ip}"))),
        (AT, "It has client, server", stack(SERVER, using("${nobody.ip}"))),
        (AT, "${client.ip} refers to the resource itself", stack(using("${client.ip}"))),
        (AT, "${server.color} refers to an output that does not exist", stack(SERVER, using("${server.color}"))),
        (AT, "${server.fqdn} refers to a name", stack(WITHOUT_LABEL, using("${server.fqdn}"))),
        (AT, "${server.fqdn} refers to a name", stack(WITHOUT_ADDRESS, using("${server.fqdn}"))),
        (AT, "${server.ip} refers to an address", stack(WITHOUT_ADDRESS, using("${server.ip}"))),
        (AT, "${server.port} refers to an address", stack(WITHOUT_ADDRESS, using(Secret("${server.port}")))),
    ],
)
def test_a_stack_is_refused_for_its_names_and_its_references(where: str, what: str, offender: Stack) -> None:
    found = [problem for problem in problems(offender) if problem.where == where and what in str(problem)]
    assert len(found) == 1, [str(problem) for problem in problems(offender)]


@pytest.mark.parametrize(
    "valid",
    [
        stack(SERVER, using(SERVER.ip, SERVER.fqdn, f"http://{SERVER.fqdn}:{SERVER.port}")),
        stack(WITHOUT_LABEL, using(WITHOUT_LABEL.ip)),
        stack(using("$${nobody.ip}", "${HOME}")),
        stack(name="a" * 90, location="West Europe"),
    ],
)
def test_references_that_lead_somewhere_and_literals_are_fine(valid: Stack) -> None:
    assert [str(problem) for problem in problems(valid)] == []


def test_everything_is_told_at_once() -> None:
    offender = stack(group(container("A", image="", ports=ports(0, 22)), name="B"), using("${x.ip}"), name="")
    assert [problem.where for problem in problems(offender)] == [
        "stack.name",
        "B.name",
        "B.containers[A].name",
        "B.containers[A].image",
        "B.containers[A].ports[0]",
        "B.containers[A].ports[1]",
        AT,
    ]


def test_no_problem_shows_a_secret() -> None:
    offender = group(
        volumes=[Volume(name="share", secret={"key": Secret("hush!")})],
        extensions=[protected("hush {")],
        containers=[container(environment_variables={"1": Secret("hush")})],
    )
    assert len(group_problems(offender)) == 3
    assert "hush" not in "".join(map(str, group_problems(offender)))
