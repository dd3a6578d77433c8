"""Requests and answers of the endpoint, and the errors of ARM that end a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

# The gateway in front of the providers marks what it answers itself.
FROM_GATEWAY = {"x-ms-failure-cause": "gateway"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: ``path`` as it was sent, ``params`` its parts without percent-encoding, ``base`` our own URL."""

    method: str
    path: str
    base: str
    query: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    body: Json | None = None

    @property
    def api_version(self) -> str:
        """The API version that the caller asked for; empty where it named none."""
        return self.query.get("api-version", "")

    def content(self) -> Json:
        """Return the body of a request that needs one; Refusal where there is none."""
        if self.body is None:
            raise bad_content("The request content is empty; a JSON object was expected.")
        return self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer; ``body`` None sends none."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An error of ARM: ends the request with this status, code and message."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None, details: Any = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.details = details

    @property
    def error(self) -> Json:
        """The error object as it stands in answers and in failed operations."""
        told: Json = {"code": self.code, "message": self.message}
        return told if self.details is None else {**told, "details": self.details}

    def reply(self) -> Reply:
        """Return the answer that tells this error."""
        return Reply(status=self.status, body={"error": self.error}, headers=self.headers)


def bad_content(message: str) -> Refusal:
    """Return the error of a body that cannot be read as what it should be."""
    return Refusal(400, "InvalidRequestContent", message)


def resource_missing(kind: str, name: str, resource_group: str) -> Refusal:
    """Return ARM's error for a resource that does not exist; ``kind`` is its full type."""
    message = (
        f"The Resource '{kind}/{name}' under resource group '{resource_group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return Refusal(404, "ResourceNotFound", message, headers=FROM_GATEWAY)


def group_missing(resource_group: str) -> Refusal:
    """Return ARM's error for a resource group that does not exist."""
    message = f"Resource group '{resource_group}' could not be found."
    return Refusal(404, "ResourceGroupNotFound", message, headers=FROM_GATEWAY)


def tags_of(body: Json) -> dict[str, str] | None:
    """Return a body's tags, None where it has none; Refusal where they are no texts, or too many or too long."""
    tags = body.get("tags")
    if tags is None:
        return None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise bad_content("The tags of a resource are an object whose values are texts.")
    _check_tags(tags)
    return dict(tags)


_TAGS, _TAG_NAME, _TAG_VALUE = (
    50,
    512,
    256,
)  # https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > _TAGS:
        raise Refusal(400, "InvalidTagCount", f"The number of tags must not exceed {_TAGS}; there are {len(tags)}.")
    for name, value in tags.items():
        if len(name) > _TAG_NAME or len(value) > _TAG_VALUE:
            limits = f"{_TAG_NAME} characters for the name and {_TAG_VALUE} for the value"
            raise Refusal(400, "InvalidTag", f"The tag '{name[:60]}' is too long: {limits} are the limit.")
