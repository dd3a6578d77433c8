"""Who may ask, what is no ARM request, and the resources beside container groups."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import jwt
import pytest
from local_machine import GROUPS, Answer, FakeRuntime, Served, eventually, group_body, served

from azdeploy.local.home import Home
from azdeploy.local.runtime import Image

ONE = f"resourceGroups/rg/{GROUPS}/cg"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Served]:
    with served(Home(tmp_path / "home")) as found:
        yield found


def sign_in(machine: Served, tenant: str = "", path: str = "oauth2/v2.0/token", **changes: str) -> Answer:
    form = {
        "grant_type": "client_credentials",
        "client_id": machine.state["client_id"],
        "client_secret": machine.home.secret.read_text(),
        "scope": f"{machine.state['url']}/.default",
    }
    target = f"/{tenant or machine.state['tenant']}/{path}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return machine.arm.send("POST", target, urlencode(form | changes).encode(), headers)


@pytest.mark.parametrize("tenant", ["", "common", "organizations", "adfs"])
def test_the_client_secret_gives_a_token_that_is_good(machine: Served, tenant: str) -> None:
    granted = sign_in(machine, tenant, "oauth2/token" if tenant == "adfs" else "oauth2/v2.0/token")
    assert granted.body.keys() == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    token = granted.body["access_token"]
    assert (
        machine.arm.send("GET", "/subscriptions?api-version=1", None, {"Authorization": f"Bearer {token}"}).status
        == 200
    )
    claims = jwt.decode(token, options={"verify_signature": False})
    assert {"aud", "iss", "tid", "appid", "oid", "exp", "iat", "nbf"} <= claims.keys()
    assert claims["aud"] == machine.state["url"]


def test_a_wrong_secret_client_grant_or_tenant_is_refused(machine: Served) -> None:
    wrong = sign_in(machine, client_secret="guess")
    assert (wrong.status, wrong.body["error"]) == (401, "invalid_client")
    assert wrong.body["error_description"].startswith("AADSTS7000215: ")
    assert sign_in(machine, client_id="somebody").body["error"] == "unauthorized_client"
    assert sign_in(machine, grant_type="password").body["error"] == "unsupported_grant_type"
    assert sign_in(machine, "11111111-1111-1111-1111-111111111111").status == 400


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "AuthenticationFailed"),
        ("Basic YTpi", "AuthenticationFailedInvalidHeader"),
        ("Bearer rubbish", "InvalidAuthenticationToken"),
        (
            f"Bearer {jwt.encode({'tid': 'x', 'exp': 9e9, 'iss': 'x'}, 'k' * 64, algorithm='HS256')}",
            "InvalidAuthenticationToken",
        ),
        (
            f"Bearer {jwt.encode({'tid': 'x', 'exp': 9e9, 'iss': 'x'}, '', algorithm='none')}",
            "InvalidAuthenticationToken",
        ),
    ],
)
def test_without_a_good_token_nothing_is_told(machine: Served, header: str, code: str) -> None:
    refused = machine.arm.send("GET", "/subscriptions?api-version=1", None, {"Authorization": header})
    assert (refused.status, refused.code) == (401, code)
    assert refused.headers["www-authenticate"].startswith("Bearer authorization_uri=")


def test_a_token_expires(machine: Served) -> None:
    token = sign_in(machine).body["access_token"]
    machine.clock.move(3601)
    refused = machine.arm.send("GET", "/subscriptions?api-version=1", None, {"Authorization": f"Bearer {token}"})
    assert (refused.status, refused.code) == (401, "ExpiredAuthenticationToken")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1"])
def test_another_host_is_refused_even_with_a_token(machine: Served, host: str) -> None:
    port = machine.state["url"].rpartition(":")[2]
    headers = {"Authorization": f"Bearer {machine.arm.token}", "Host": host.format(port=port)}
    refused = machine.arm.send("GET", "/subscriptions?api-version=1", None, headers)
    assert (refused.status, refused.code) == (400, "InvalidHost")


def test_urls_in_answers_name_the_host_that_was_asked(machine: Served) -> None:
    port = machine.state["url"].rpartition(":")[2]
    told = machine.arm.send("GET", "/metadata/endpoints?api-version=2022-09-01", None, {"Host": f"localhost:{port}"})
    assert told.body["resourceManager"] == f"https://localhost:{port}"
    older = machine.arm.send("GET", "/metadata/endpoints?api-version=2019-05-01", None, {})
    assert isinstance(older.body, list)


def test_where_to_sign_in_is_told_to_everybody(machine: Served) -> None:
    for path, issuer in (("common/v2.0", "common/v2.0"), ("adfs", "adfs"), ("adfs/adfs/v2.0", "adfs")):
        told = machine.arm.send("GET", f"/{path}/.well-known/openid-configuration", None, {})
        assert told.body["token_endpoint"].startswith(machine.state["url"])
        assert told.body["issuer"] == f"{machine.state['url']}/{issuer}"


def test_what_is_no_arm_request_is_told_so(machine: Served) -> None:
    arm = machine.arm
    token = {"Authorization": f"Bearer {arm.token}"}
    assert arm.send("GET", "/subscriptions", None, token).code == "MissingApiVersionParameter"
    assert arm.ask("PUT", "resourceGroups/rg", raw=b'{"location":').code == "InvalidRequestContent"
    assert arm.ask("PUT", "resourceGroups/rg", raw=b"[1]").code == "InvalidRequestContent"
    assert arm.ask("PUT", "resourceGroups/rg", raw=b"").code == "InvalidRequestContent"
    assert arm.ask("PUT", "resourceGroups/rg", raw=b" " * (4 * 1024 * 1024 + 1)).status == 413
    assert arm.ask("PUT", "resourceGroups/rg", {}).code == "LocationRequired"
    assert arm.ask("GET", "resourceGroups?$filter=name+gt+1").code == "InvalidFilterInQueryString"
    assert arm.ask("GET", "nothing").code == "NotFound"
    assert arm.ask("GET", "resourceGroups/rg/providers/Microsoft.Nothing/things").code == "InvalidResourceNamespace"
    assert arm.ask("GET", "resourceGroups/rg/providers/Microsoft.Network/things").code == "InvalidResourceType"
    refused = arm.ask("DELETE", GROUPS)
    assert (refused.status, refused.headers["allow"]) == (405, "GET")


def test_another_subscription_is_not_found(machine: Served) -> None:
    missing = machine.arm.ask("GET", "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups")
    assert (missing.status, missing.code) == (404, "SubscriptionNotFound")
    assert "11111111-1111-1111-1111-111111111111" in missing.message


def test_every_answer_carries_arms_headers(machine: Served) -> None:
    asked = {"x-ms-client-request-id": "mine", "x-ms-return-client-request-id": "true"}
    told = machine.arm.ask("GET", "/subscriptions", headers=asked | {"x-ms-correlation-request-id": "together"}).headers
    assert told["x-ms-client-request-id"] == "mine"
    assert told["x-ms-correlation-request-id"] == "together"
    assert {"x-ms-request-id", "x-ms-routing-request-id", "x-ms-ratelimit-remaining-subscription-reads"} <= told.keys()
    assert (told["cache-control"], told["x-content-type-options"]) == ("no-cache", "nosniff")
    assert told["content-type"] == "application/json; charset=utf-8"
    assert "server" not in told


def test_a_resource_group_goes_with_all_that_is_in_it(machine: Served) -> None:
    arm = machine.arm
    arm.make("cg", group_body())
    arm.ask("PUT", "resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v", {"location": "westus"})
    assert [one["name"] for one in arm.ask("GET", "resourceGroups/rg/resources").body["value"]] == ["cg", "v"]
    deleted = arm.ask("DELETE", "resourceGroups/RG")
    assert (deleted.status, deleted.body) == (202, None)
    assert arm.ask("GET", "resourceGroups/rg").body["properties"]["provisioningState"] == "Deleting"
    assert arm.ask("PUT", "resourceGroups/rg", {"location": "westus"}).code == "ResourceGroupBeingDeleted"
    poll = arm.ask("GET", deleted.headers["location"])
    assert (poll.status, poll.headers["location"]) == (202, deleted.headers["location"])
    machine.clock.move(1)
    eventually(lambda: arm.ask("GET", deleted.headers["location"]).status == 200)
    assert arm.ask("HEAD", "resourceGroups/rg").status == 404
    assert arm.ask("GET", "resources").body == {"value": []}
    assert machine.runtime.sandboxes[0].closed
    assert arm.ask("GET", ONE).code == "ResourceGroupNotFound"


def test_a_resource_groups_location_is_fixed(machine: Served) -> None:
    machine.arm.ask("PUT", "resourceGroups/rg", {"location": "West US"})
    refused = machine.arm.ask("PUT", "resourceGroups/rg", {"location": "eastus"})
    assert (refused.status, refused.code) == (409, "InvalidResourceGroupLocation")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bad%2Frg", "name 'bad/rg' has these invalid characters: '/'."),
        ("a%20b*%20", "name 'a b* ' has these invalid characters: ' *'."),
        ("rg.", "name 'rg.' has these invalid characters: '.'."),
        ("x" * 91, "has a length of '91' which exceeds the maximum length of '90'."),
    ],
)
def test_a_resource_groups_name_is_refused_as_arm_does(machine: Served, name: str, told: str) -> None:
    refused = machine.arm.ask("PUT", f"resourceGroups/{name}", {"location": "westus"})
    assert (refused.status, refused.code) == (400, "InvalidResourceGroup")
    assert told in refused.message
    assert machine.arm.ask("GET", "resourceGroups").body == {"value": []}


def test_a_resource_groups_name_may_be_as_long_and_as_odd_as_on_azure(machine: Served) -> None:
    for name in ("x" * 90, "a.b-(c)_d"):
        assert machine.arm.ask("PUT", f"resourceGroups/{name}", {"location": "westus"}).status == 201
    umlaut = machine.arm.ask("PUT", "resourceGroups/gr%C3%BC%C3%9Fe", {"location": "West US"})
    assert (umlaut.status, umlaut.body["name"], umlaut.body["location"]) == (201, "grüße", "westus")


def test_a_location_that_is_no_region_is_refused_as_arm_does(machine: Served) -> None:
    refused = machine.arm.ask("PUT", "resourceGroups/rg", {"location": "atlantis"})
    assert (refused.status, refused.code) == (400, "LocationNotAvailableForResourceGroup")
    told = "The provided location 'atlantis' is not available for resource group. List of available regions is '"
    assert refused.message.startswith(told)
    assert ",westus," in refused.message
    machine.arm.make("cg", group_body())
    network = "resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
    for path, body in ((f"resourceGroups/rg/{GROUPS}/other", group_body()), (network, {})):
        refused = machine.arm.ask("PUT", path, body | {"location": "Atlantis"})
        assert (refused.status, refused.code) == (400, "LocationNotAvailableForResourceType")
        assert "'atlantis' is not available for resource type 'Microsoft." in refused.message


def test_what_is_in_a_resource_group_that_is_missing_is_not_found(machine: Served) -> None:
    for path in (GROUPS, "providers/Microsoft.Network/virtualNetworks", "resources"):
        missing = machine.arm.ask("GET", f"resourceGroups/gone/{path}")
        assert (missing.status, missing.code) == (404, "ResourceGroupNotFound")
        assert missing.message == "Resource group 'gone' could not be found."
        assert missing.headers["x-ms-failure-cause"] == "gateway"


def test_resources_are_found_by_tag_and_type(machine: Served) -> None:
    machine.arm.make("cg", group_body() | {"tags": {"Stack": "one"}})
    machine.arm.make("other", group_body())
    kind = "Microsoft.ContainerInstance/containerGroups"
    for wanted in ("tagName eq 'stack' and tagValue eq 'one'", f"resourceType eq '{kind}' and name eq 'CG'"):
        found = machine.arm.ask("GET", "resources?" + urlencode({"$filter": wanted})).body["value"]
        assert [one["name"] for one in found] == ["cg"]
        assert found[0].keys() == {"id", "name", "type", "location", "tags"}


def test_an_exported_template_has_no_secret(machine: Served) -> None:
    body = group_body()
    inside = body["properties"]["containers"][0]["properties"]
    inside["environmentVariables"] = [{"name": "KEY", "secureValue": "hush"}]
    machine.arm.make("cg", body)
    template = machine.arm.ask("POST", "resourceGroups/rg/exportTemplate", {"resources": ["*"]}).body["template"]
    assert [one["name"] for one in template["resources"]] == ["cg"]
    assert "hush" not in json.dumps(template)


def test_a_provider_that_is_not_registered_is_refused_until_it_is(machine: Served) -> None:
    arm = machine.arm
    arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
    provider = "providers/microsoft.containerinstance"
    assert arm.ask("POST", f"{provider}/unregister").body["registrationState"] == "NotRegistered"
    refused = arm.ask("PUT", ONE, group_body())
    assert (refused.status, refused.code) == (409, "MissingSubscriptionRegistration")
    assert refused.body["error"]["details"][0]["target"] == "Microsoft.ContainerInstance"
    assert arm.ask("POST", f"{provider}/register").body["registrationState"] == "Registered"
    assert arm.ask("PUT", ONE, group_body()).status == 201
    assert arm.ask("GET", "providers/Microsoft.Nothing").code == "InvalidResourceNamespace"


def test_networks_come_and_go(machine: Served) -> None:
    arm = machine.arm
    arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
    network = "resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
    subnets = {"subnets": [{"name": "a", "properties": {"addressPrefix": "10.0.0.0/24"}}]}
    created = arm.ask("PUT", network, {"location": "westus", "tags": {"a": "b"}, "properties": subnets})
    assert (created.status, created.body["properties"]["provisioningState"]) == (201, "Updating")
    assert arm.done(created).body == {"status": "Succeeded"}
    assert arm.ask("PUT", network, {"location": "westus", "properties": subnets}).status == 200
    assert [one["name"] for one in arm.ask("GET", f"{network}/subnets").body["value"]] == ["a"]
    assert arm.ask("GET", f"{network}/subnets/b").code == "ResourceNotFound"
    assert arm.ask("DELETE", f"{network}/subnets/a").status == 202
    assert arm.ask("DELETE", f"{network}/subnets/a").status == 204
    assert arm.ask("GET", f"{network}/providers/Microsoft.Authorization/roleAssignments").body == {"value": []}
    assert len(arm.ask("GET", "providers/Microsoft.Network/virtualNetworks").body["value"]) == 1
    assert arm.ask("DELETE", network).status == 202
    assert arm.ask("DELETE", network).status == 204
    assert arm.ask("GET", "resourceGroups/rg/providers/Microsoft.Network/virtualNetworks").body == {"value": []}


def test_puts_at_once_make_one_group(machine: Served) -> None:
    machine.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(machine.arm.ask("PUT", ONE, group_body()))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(answer.status for answer in answers)
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    assert len(machine.arm.ask("GET", GROUPS).body["value"]) == 1


def test_groups_made_at_once_have_addresses_of_their_own(machine: Served) -> None:
    machine.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
    body = group_body(ipAddress={"type": "Public", "ports": [{"port": 80}]})
    threads = [threading.Thread(target=machine.arm.make, args=(f"cg-{number}", body)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listed = machine.arm.ask("GET", GROUPS).body["value"]
    addresses = {group["properties"]["ipAddress"]["ip"] for group in listed}
    assert (len(listed), len(addresses)) == (12, 12)


def test_an_error_of_the_endpoints_own_is_told_without_its_words(tmp_path: Path) -> None:
    class Broken(FakeRuntime):
        def image(self, name: str) -> Image:
            raise RuntimeError("hush")

    with served(Home(tmp_path / "broken"), runtime=Broken()) as machine:
        machine.arm.ask("PUT", "resourceGroups/rg", {"location": "westus"})
        told = machine.arm.ask("PUT", ONE, group_body())
        assert (told.status, told.code) == (500, "InternalServerError")
        assert "hush" not in told.message
        assert machine.arm.ask("GET", GROUPS).body == {"value": []}
