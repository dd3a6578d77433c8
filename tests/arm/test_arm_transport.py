"""What becomes of requests that go wrong: patience with reads, and only our errors."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from scripted_arm import (
    SCOPE,
    SUBSCRIPTION,
    TYPE,
    Reply,
    World,
    error,
    group,
    listing,
    path,
    place,
    scripted_arm,
)

from azdeploy.arm.client import ArmTarget
from azdeploy.arm.container_group import put
from azdeploy.arm.credential import GivenToken
from azdeploy.arm.groups import Groups
from azdeploy.arm.resource_id import ResourceId
from azdeploy.arm.transport import Place, Transport
from azdeploy.definitions.container_group import Container, ContainerGroup
from azdeploy.definitions.secret import Secret
from azdeploy.errors import CredentialError, TargetError, Throttled, Unreachable
from azdeploy.execution.events import Retrying, ignore
from azdeploy.testing import VirtualClock

EVERYWHERE = f"{SCOPE}/providers/{TYPE}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with scripted_arm(tmp_path) as arm:
        yield World(arm=arm)


@dataclass
class Unsigned:
    """A credential that cannot sign in."""

    told: str

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise ClientAuthenticationError(message=self.told)


def reaching(endpoint: str, ca_file: str | None = None, signer: Any = None) -> ArmTarget:
    place = Place(endpoint=endpoint, subscription=SUBSCRIPTION, ca_file=ca_file)
    return ArmTarget(Transport(place, signer or GivenToken("t"), VirtualClock(), ignore), None)


@pytest.mark.parametrize("passing", [error(429, "TooManyRequests"), error(503, "ServerBusy"), Reply(drop=True)])
def test_a_read_is_repeated_and_each_wait_is_seen(world: World, passing: Reply) -> None:
    world.arm.on("GET", EVERYWHERE, passing, passing, listing(group("server")))
    assert len(world.target().groups()) == 1
    assert world.clock.slept == [0.5, 1.0]
    waits = [(event.name, event.wait) for event in world.observer.of(Retrying)]
    assert waits == [("containerGroups", 0.5), ("containerGroups", 1.0)]


def test_a_retry_after_is_obeyed_up_to_a_minute(world: World) -> None:
    busy = [error(429, "TooManyRequests", Retry_After="3"), error(429, "TooManyRequests", Retry_After="1800")]
    world.arm.on("GET", EVERYWHERE, *busy, listing())
    world.target().groups()
    assert world.clock.slept == [3.0, 60.0]


def test_a_retry_after_that_is_no_number_is_passed_over(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, error(429, "TooManyRequests", Retry_After="tomorrow"), listing())
    world.target().groups()
    assert world.clock.slept == [0.5]


def test_patience_ends_after_five_tries(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, error(429, "TooManyRequests", Retry_After="2"))
    with pytest.raises(Throttled) as failure:
        world.target().groups()
    assert failure.value.retry_after == 2
    assert len(world.arm.asked) == 5


def test_a_broken_connection_is_unreachable_in_the_end(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, Reply(drop=True))
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+ gives no answer: Remote end closed connection"):
        world.target().groups()
    assert len(world.arm.asked) == 5


def test_a_write_is_never_repeated_here(world: World) -> None:
    definition = ContainerGroup(name="server", containers=[Container(name="c", image="i")])
    request = put(definition, ResourceId(subscription=SUBSCRIPTION, resource_group="pair"), "westus")
    world.arm.on("PUT", path("server"), error(429, "TooManyRequests", Retry_After="1800"))
    with pytest.raises(Throttled) as failure:
        Groups(world.transport()).send(request)
    assert failure.value.retry_after == 1800
    assert (len(world.arm.asked), world.clock.slept) == (1, [])


def test_a_refused_token_is_one_sentence(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, error(401, "InvalidAuthenticationToken", "The access token is invalid."))
    with pytest.raises(CredentialError, match=r"InvalidAuthenticationToken: The access token is invalid\."):
        world.target().groups()


@pytest.mark.parametrize("resource_group", [None, "pair"])
def test_a_subscription_that_does_not_exist_is_not_merely_empty(world: World, resource_group: str | None) -> None:
    missing = error(404, "SubscriptionNotFound", "The subscription could not be found.")
    world.arm.on("GET", EVERYWHERE, missing)
    world.arm.on("GET", f"{place()}/providers/{TYPE}", missing)
    with pytest.raises(TargetError, match=r"SubscriptionNotFound: .* Check --subscription"):
        world.target(resource_group).groups()


def test_a_gateways_page_is_no_answer_of_arm(world: World) -> None:
    page = Reply(raw=b"<html>welcome</html>", headers={"Content-Type": "text/html"})
    world.arm.on("GET", EVERYWHERE, page)
    with pytest.raises(TargetError, match="answered with something that no ARM endpoint says"):
        world.target().groups()


@pytest.mark.parametrize("raw", [b'{"value": [', b"[]", b'{"other": 1}', b"7"])
def test_an_answer_that_makes_no_sense_is_one_error_of_ours(world: World, raw: bytes) -> None:
    world.arm.on("GET", EVERYWHERE, Reply(raw=raw))
    with pytest.raises(TargetError, match="answered with something that no ARM endpoint says"):
        world.target().groups()


def test_a_gateways_error_is_an_error_with_its_status(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, Reply(status=400, raw=b"<html>bad</html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(TargetError, match="400") as failure:
        world.target().groups()
    assert failure.value.status == 400


def test_nobody_listening_is_unreachable_without_a_retry() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(Unreachable, match=rf"127\.0\.0\.1:{port} gives no answer: Connection refused\."):
            reaching(f"https://127.0.0.1:{port}").groups()


def test_an_authority_that_is_not_trusted_is_unreachable(world: World) -> None:
    with pytest.raises(Unreachable, match="certificate verify failed"):
        reaching(world.arm.url).groups()


def test_an_authority_that_cannot_be_read_is_unreachable(world: World, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="invalid path"):
        reaching(world.arm.url, str(tmp_path / "missing.pem")).groups()


def test_plain_http_gets_no_token() -> None:
    with pytest.raises(Unreachable, match="not permitted for non-TLS"):
        reaching("http://127.0.0.1:9").groups()


def test_nobody_signed_in_is_one_sentence_and_the_details_are_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    told = "DefaultAzureCredential failed to retrieve a token.\nAttempted credentials:\n\tEnvironmentCredential: no"
    with caplog.at_level(logging.DEBUG, logger="azdeploy"), pytest.raises(CredentialError) as failure:
        reaching(world.arm.url, world.arm.ca_file, Unsigned(told)).groups()
    assert str(failure.value).startswith("Nobody is signed in to Azure. Run `az login`")
    assert "\n" not in str(failure.value)
    assert "EnvironmentCredential: no" in caplog.text
    assert world.arm.asked == []


def test_loopback_is_reached_past_any_proxy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    world.arm.on("GET", EVERYWHERE, listing())
    assert world.target().groups() == []


def test_neither_token_nor_secret_is_in_any_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    variables = {"KEY": Secret("hush-hush")}
    definition = ContainerGroup(
        name="server", containers=[Container(name="c", image="i", environment_variables=variables)]
    )
    scope = ResourceId(subscription=SUBSCRIPTION, resource_group="pair")
    world.arm.on("PUT", path("server"), error(400, "InvalidRequest"))
    with caplog.at_level(logging.DEBUG), pytest.raises(TargetError):
        Groups(world.transport()).send(put(definition, scope, "westus"))
    assert "hush-hush" in str(world.arm.asked[0].body)
    assert "hush-hush" not in caplog.text
    assert "made-up-token" not in caplog.text


def test_warnings_of_azures_libraries_stay_off_the_terminal(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.transport()
    world.transport()
    logging.getLogger("azure.identity").warning("several paragraphs")
    assert capfd.readouterr().err == ""
    assert len(logging.getLogger("msal").handlers) == 1


def test_many_threads_share_one_pipeline(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("server")))
    target = world.target()
    barrier = threading.Barrier(4)

    def read(_: int) -> int:
        barrier.wait()
        return len(target.groups())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(4))) == [1, 1, 1, 1]
