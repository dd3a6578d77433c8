"""What ARM's error bodies mean: from a status, headers and a body to one of our errors, with a hint where one is known.

Bodies are wrapped in ``error`` (ARM, most providers), flat (some of AKS's), or no JSON at all (gateways).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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

# Without a Retry-After: ARM's token buckets refill within seconds.
# https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
_RETRY_AFTER = 10.0
_LONGEST_TEXT = 500

# What passes when whatever is going on with the resource has ended.
_BUSY_CODES = ("anotheroperationinprogress", "transitioning")
# A 404 that is no sign of the resource being gone, and a 409 (of ACI) that no waiting helps: no capacity there.
_PLAIN = frozenset({"subscriptionnotfound", "serviceunavailable"})

_IMAGE = "Check the image's name and tag, and the credentials of its registry."
_ELSEWHERE = "Try another location, fewer CPUs or less memory, or try again later."
_QUOTA = "Delete what is not needed, use another location, or ask for a higher quota in the portal."
_REGISTER = "Register it: az provider register --namespace Microsoft.ContainerInstance --wait"
_ROLE = "Ask for a role that allows it, such as Contributor on the resource group; a new role takes minutes to work."
_SIGN_IN = "Sign in again: az login"
_BUSY = "Wait until the operation that is going on has ended."
_RECREATE = "It must be deleted first and created anew; the plan shows this as -/+."
_LABEL = "Choose another DNS label, or a reuse scope such as TenantReuse."
_REGISTRY_LIMIT = (
    "Anonymous pulls are throttled: give credentials of the registry, or import the image into one of yours."
)
_OTHERS = "Others use the same subscription; it passes by itself."

# Codes are compared in lower case.
# Sources: https://learn.microsoft.com/azure/container-instances/container-instances-troubleshooting
# and https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
_HINTS = {
    "inaccessibleimage": _IMAGE,
    "invalidimage": _IMAGE,
    "failedtopullimage": _IMAGE,
    "registryerrorresponse": _REGISTRY_LIMIT,
    "invalidimageregistrycredentialtype": "A registry is reached with a password or a user-assigned identity.",
    "invalidimageregistryidentity": "List that identity among the user-assigned identities of the group.",
    "moreimageregistrycredentialsthancontainers": "Leave out the credentials that no container needs.",
    "serviceunavailable": _ELSEWHERE,
    "skunotavailable": _ELSEWHERE,
    "locationnotavailableforresourcetype": "Choose a location that the service is in: --location",
    "containergroupquotareached": _QUOTA,
    "quotaexceeded": _QUOTA,
    "missingsubscriptionregistration": _REGISTER,
    "subscriptionnotregistered": _REGISTER,
    "authorizationfailed": _ROLE,
    "linkedauthorizationfailed": _ROLE,
    "requestdisallowedbypolicy": "A policy of the subscription forbids it; its owner can make an exception.",
    "scopelocked": "Remove the lock on the resource or its group first: az lock list",
    "subscriptionnotfound": "Check --subscription, and that you are signed in to its tenant: az account list",
    "invalidsubscriptionid": "Check --subscription: az account list",
    "resourcegroupnotfound": "Check --resource-group and --subscription.",
    "resourcegroupbeingdeleted": "Wait until the resource group is gone, or use another one.",
    "resourcenotfound": "Check the name and --resource-group.",
    "containergroupnotfound": "Check the name and --resource-group.",
    "expiredauthenticationtoken": _SIGN_IN,
    "invalidauthenticationtoken": _SIGN_IN,
    "invalidauthenticationtokentenant": "The subscription is in another tenant: az login --tenant TENANT",
    "authenticationfailed": _SIGN_IN,
    "anotheroperationinprogress": _BUSY,
    "containergrouptransitioning": _BUSY,
    "invalidcontainergroupupdate": _RECREATE,
    "osversionnotsupported": "Use an image built on Windows Server 2019 (ltsc2019).",
    "unsupportedwindowsversion": "Use an image built on Windows Server 2019 (ltsc2019).",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    code: str
    message: str
    codes: tuple[str, ...]  # its own and those of its details, from the outside in

    @property
    def hint(self) -> str:
        return next(filter(None, map(_hint, reversed(self.codes))), "")

    @property
    def passes(self) -> bool:
        return any(code.lower().endswith(_BUSY_CODES) for code in self.codes)


def fault(status: int, headers: Mapping[str, str], body: object) -> AzdeployError:
    """Return the error that an answer stands for; ``body`` is text, bytes or what its JSON held."""
    known = {name.lower(): value for name, value in headers.items()}
    told = _told(body, f"The answer is HTTP status {status} without an explanation.")
    request_id = _request_id(known)
    match status:
        case 401:
            asked = f" (request id {request_id})" if request_id else ""
            return CredentialError(f"{told.code or 'Unauthorized'}: {told.message}{asked}", hint=told.hint or _SIGN_IN)
        case 429:
            wait = _seconds(known.get("retry-after", ""))
            return Throttled(
                told.message, retry_after=wait, code=told.code, request_id=request_id, hint=told.hint or _OTHERS
            )
        case _:
            kind = _kind(status, told)
            return kind(told.message, code=told.code, status=status, request_id=request_id, hint=told.hint)


def operation_fault(body: object, headers: Mapping[str, str] | None = None) -> OperationFailed:
    """Return the error of a long-running operation whose status is Failed or Canceled."""
    known = {name.lower(): value for name, value in (headers or {}).items()}
    told = _told(body, "The operation ended badly and does not say why.")
    return OperationFailed(told.message, code=told.code, request_id=_request_id(known), hint=told.hint)


def _request_id(headers: Mapping[str, str]) -> str:
    return headers.get("x-ms-request-id") or headers.get("x-ms-correlation-request-id") or ""


def _hint(code: str) -> str:
    return _LABEL if code.lower().startswith("dns") else _HINTS.get(code.lower(), "")


def _kind(status: int, told: _Told) -> type[TargetError]:
    match status:
        case _ if told.code.lower() in _PLAIN:
            return TargetError
        case 404:
            return NotFound
        case 403:
            return Denied
        case 409:
            return Conflict
        case _:
            return Conflict if told.passes else TargetError


def _told(body: object, otherwise: str) -> _Told:
    parsed = _parsed(body)
    if not isinstance(parsed, Mapping):
        return _Told(code="", message=_excerpt(parsed) or otherwise, codes=())
    error = parsed.get("error")
    flat = {"code": error, "message": parsed.get("error_description")} if isinstance(error, str) else error
    found = flat if isinstance(flat, Mapping) else parsed
    levels = list(_levels(found))
    messages = dict.fromkeys(message for _, message in levels if message)
    return _Told(
        code=levels[0][0],
        message=" ".join(messages) or otherwise,
        codes=tuple(code for code, _ in levels if code),
    )


def _levels(error: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield code and message of an error and of all that it consists of."""
    yield _word(error.get("code")), _sentence(_word(error.get("message")))
    inner = error.get("innererror")
    details = error.get("details")
    for item in (*(details if isinstance(details, list) else ()), inner):
        if isinstance(item, Mapping):
            yield from _levels(item)


def _word(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _parsed(body: object) -> object:
    if isinstance(body, bytes):
        body = body.decode("utf-8-sig", errors="replace")
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except ValueError:
        return body


def _excerpt(body: object) -> str:
    """Return the beginning of an answer that is no JSON, on one line; a gateway's page of HTML says nothing useful."""
    text = " ".join(body.split()) if isinstance(body, str) else ""
    return "" if text.startswith("<") else text[:_LONGEST_TEXT]


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else _RETRY_AFTER
