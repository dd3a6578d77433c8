"""The ready-made pair: what it consists of, and when its connections count as answered."""

from __future__ import annotations

import pytest

from azdeploy.definitions.container_group import DnsNameLabelScope
from azdeploy.definitions.limits import problems
from azdeploy.errors import TimedOut, VerificationFailed
from azdeploy.stacks.socket_pair import answered, client_environment, socket_pair, verify
from azdeploy.testing import VirtualClock


def log(*connections: int) -> str:
    return "".join(f"2026-11-23T12:00:00Z Connection {number} received: hello\n" for number in connections)


def test_it_is_a_stack_that_azure_accepts() -> None:
    assert problems(socket_pair()) == ()
    assert problems(socket_pair(dns_label="my-pair", port=4444, connections=10)) == ()


def test_the_client_is_wired_by_address_and_with_a_label_by_name() -> None:
    outputs = {"socket-server": {"ip": "10.0.0.4", "fqdn": "pair.westus.azurecontainer.io", "port": "1337"}}

    assert client_environment(socket_pair(), outputs)["SOCKET_SERVER_HOST"] == "10.0.0.4"
    named = client_environment(socket_pair(dns_label="pair-1"), outputs)
    assert named == {"SOCKET_SERVER_HOST": "pair.westus.azurecontainer.io", "SOCKET_SERVER_PORT": "1337"}


def test_what_is_not_known_yet_stays_a_reference() -> None:
    assert client_environment(socket_pair(), {})["SOCKET_SERVER_HOST"] == "${socket-server.ip}"


def test_nobody_in_another_tenant_can_take_the_label_over() -> None:
    server = socket_pair(dns_label="pair-1").resources[0]

    assert server.ip_address
    assert server.ip_address.auto_generated_domain_name_label_scope is DnsNameLabelScope.TENANT_REUSE


def test_the_images_are_told_only_what_is_not_their_default() -> None:
    server, client = socket_pair().resources
    assert server.containers[0].environment_variables == {}
    assert set(client.containers[0].environment_variables) == {"SOCKET_SERVER_HOST", "SOCKET_SERVER_PORT"}

    server, client = socket_pair(port=4444, connections=7).resources
    assert server.containers[0].environment_variables == {"PORT": "4444"}
    assert client.containers[0].environment_variables["SOCKET_CONNECTIONS"] == "7"


def test_a_connection_counts_once_however_often_it_was_answered() -> None:
    assert answered(log(0, 1, 2, 1, 0)) == 3


def test_it_waits_until_all_were_answered() -> None:
    logs = iter(["", log(0), log(0, 1), log(0, 1, 2)])
    clock = VirtualClock()

    assert verify(lambda: next(logs), clock, connections=3) == 3
    assert clock.slept == [0.5, 0.5, 0.5]


def test_answers_from_before_do_not_count() -> None:
    old = log(0, 1)
    logs = iter([old, old + log(0), old + log(0, 1)])

    assert verify(lambda: next(logs), VirtualClock(), connections=2, seen=old) == 2
    assert next(logs, None) is None


def test_errors_of_the_client_are_told() -> None:
    refused = log(0) + "Connection 1 has error: connect ECONNREFUSED 10.0.0.4:1337\n"
    with pytest.raises(VerificationFailed, match=r"1 of 2 connections answered.*ECONNREFUSED 10\.0\.0\.4:1337"):
        verify(lambda: refused, VirtualClock(), connections=2, timeout=5)


def test_three_rounds_of_errors_are_enough() -> None:
    refused = "Connection 0 has error: connect ECONNREFUSED 10.0.0.4:1337\n"
    logs = iter([refused, refused * 2, refused * 3])
    with pytest.raises(VerificationFailed, match="0 of 1 connections answered"):
        verify(lambda: next(logs), VirtualClock(), connections=1, timeout=600)


def test_silence_is_a_time_out() -> None:
    with pytest.raises(TimedOut, match="0 of 2 connections answered after 5 seconds"):
        verify(lambda: "", VirtualClock(), connections=2, timeout=5)
