"""ARM's errors: which of ours they become, whatever shape the body has, and what to do about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdeploy.arm.faults import fault, operation_fault
from azdeploy.errors import (
    AzdeployError,
    Conflict,
    CredentialError,
    Denied,
    NotFound,
    OperationFailed,
    TargetError,
    Throttled,
)


def wrapped(code: str, message: str = "It is so.", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message} | more}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "ResourceNotFound", NotFound),
        (404, "ResourceGroupNotFound", NotFound),
        (404, "SubscriptionNotFound", TargetError),
        (401, "ExpiredAuthenticationToken", CredentialError),
        (403, "AuthorizationFailed", Denied),
        (409, "ContainerGroupTransitioning", Conflict),
        (400, "ContainerGroupTransitioning", Conflict),
        (409, "AnotherOperationInProgress", Conflict),
        (409, "ServiceUnavailable", TargetError),
        (409, "MissingSubscriptionRegistration", Conflict),
        (429, "TooManyRequests", Throttled),
        (400, "InaccessibleImage", TargetError),
        (500, "InternalServerError", TargetError),
    ],
)
def test_status_and_code_choose_the_error(status: int, code: str, kind: type[AzdeployError]) -> None:
    error = fault(status, {}, wrapped(code))
    assert type(error) is kind
    assert code in str(error)
    assert "It is so." in str(error)


@pytest.mark.parametrize(
    "body",
    [
        wrapped("NotFound", "Gone"),
        {"code": "NotFound", "message": "Gone.", "subcode": "x"},
        json.dumps({"code": "NotFound", "message": "Gone."}),
        b"\xef\xbb\xbf" + json.dumps(wrapped("NotFound", " Gone ")).encode(),
        {"error": "NotFound", "error_description": "Gone."},
    ],
)
def test_wrapped_flat_text_and_bytes_say_the_same(body: object) -> None:
    error = fault(404, {}, body)
    assert isinstance(error, NotFound)
    assert (error.code, error.message, error.status) == ("NotFound", "Gone.", 404)


@pytest.mark.parametrize(
    "body", ["", None, b"", [], "<html>\n<h1>Bad gateway</h1>", {}, {"error": {}}, {"error": None}]
)
def test_an_answer_that_explains_nothing_is_told_by_its_status(body: object) -> None:
    error = fault(502, {}, body)
    assert isinstance(error, TargetError)
    assert (error.code, error.message) == ("", "The answer is HTTP status 502 without an explanation.")


def test_an_answer_that_is_no_json_is_told_by_its_beginning() -> None:
    error = fault(400, {}, "Invalid\n  host " + "x" * 1000)
    assert str(error).startswith("Invalid host xxx")
    assert len(str(error)) == 500


def test_the_request_id_is_told() -> None:
    assert "(request id westus:1)" in str(fault(404, {"X-MS-Request-ID": "westus:1"}, wrapped("A")))
    assert "(request id 2)" in str(fault(404, {"x-ms-correlation-request-id": "2"}, wrapped("A")))
    assert "(request id 3)" in str(fault(401, {"x-ms-request-id": "3"}, {}))
    assert "request id" not in str(fault(401, {}, wrapped("A")))


@pytest.mark.parametrize(
    ("header", "seconds"), [({"Retry-After": "7"}, 7.0), ({}, 10.0), ({"retry-after": "soon"}, 10.0)]
)
def test_a_throttled_answer_says_when_to_come_back(header: dict[str, str], seconds: float) -> None:
    error = fault(429, header, wrapped("TooManyRequests"))
    assert isinstance(error, Throttled)
    assert (error.retry_after, error.status) == (seconds, 429)
    assert error.hint


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("InaccessibleImage", "image"),
        ("inaccessibleimage", "image"),
        ("ServiceUnavailable", "location"),
        ("ContainerGroupQuotaReached", "quota"),
        ("MissingSubscriptionRegistration", "az provider register"),
        ("AuthorizationFailed", "role"),
        ("RegistryErrorResponse", "credentials"),
        ("DnsNameLabelNotAvailable", "label"),
        ("InvalidContainerGroupUpdate", "-/+"),
        ("SubscriptionNotFound", "--subscription"),
        ("ResourceGroupNotFound", "--resource-group"),
        ("ExpiredAuthenticationToken", "az login"),
    ],
)
def test_a_known_code_says_what_next(code: str, hint: str) -> None:
    assert hint in fault(400, {}, wrapped(code)).hint


def test_a_code_that_nobody_knows_has_no_hint() -> None:
    assert fault(400, {}, wrapped("Strange")).hint == ""


def test_details_are_told_once_and_give_the_hint() -> None:
    image = {"code": "InaccessibleImage", "message": "The image 'a' is not accessible"}
    error = fault(400, {}, wrapped("MultipleErrorsOccurred", details=[image, image, "odd"], innererror={"code": 7}))
    assert isinstance(error, TargetError)
    assert error.code == "MultipleErrorsOccurred"
    assert error.message == "It is so. The image 'a' is not accessible."
    assert "registry" in error.hint


def test_an_operation_that_failed_tells_its_error() -> None:
    error = operation_fault({"status": "Failed"} | wrapped("RegistryErrorResponse"), {"x-ms-request-id": "9"})
    assert isinstance(error, OperationFailed)
    assert (error.code, error.request_id) == ("RegistryErrorResponse", "9")
    assert "credentials" in error.hint
    assert operation_fault({"status": "Canceled"}).message == "The operation ended badly and does not say why."


def test_every_recorded_error_is_understood(conformance: Path) -> None:
    seen = 0
    for recording in sorted((conformance / "traffic").glob("*.json")):
        for exchange in json.loads(recording.read_text()):
            answer = exchange["response"]
            if answer["status"] >= 400 and answer.get("body"):
                error = fault(answer["status"], answer["headers"], answer["body"])
                assert isinstance(error, TargetError)
                assert error.code
                seen += 1
    assert seen


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "message", "details", "innererror"]), inner)
    ),
    max_leaves=8,
)


@given(st.integers(400, 599), ANYTHING | st.binary(max_size=9))
def test_no_answer_is_too_strange(status: int, body: object) -> None:
    assert str(fault(status, {}, body))
