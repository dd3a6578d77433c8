"""Which handler answers which path: ARM's rules for paths, api-versions and unknown providers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from azdeploy.errors import LocalError
from azdeploy.local.wire import FROM_GATEWAY, Refusal, Reply, Request

Handler = Callable[[Request], Reply]

_PARAMETER = re.compile(r"\\\{(\w+)\\\}")
_PROVIDER = re.compile(r".*/providers/(?P<namespace>[^/]+)(?:/(?P<type>[^/]+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path template such as ``/subscriptions/{subscription}/resourceGroups/{group}``."""

    method: str
    template: str
    handler: Handler
    needs_version: bool = True


class Router:
    """Finds the handler of a request. Paths come as they were sent, and are compared without regard to case."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(_pattern(route.template), route) for route in routes]
        self._namespaces = {_namespace(route.template) for _, route in self._routes} - {""}

    def answer(self, request: Request) -> Reply:
        """Return what the handler of that path and method says; an error of ARM becomes an answer."""
        try:
            return self._find(replace(request, path=tidy(request.path)))
        except Refusal as refusal:
            return refusal.reply()
        except LocalError as trouble:
            return Refusal(500, "InternalServerError", str(trouble)).reply()

    def _find(self, request: Request) -> Reply:
        matching = [(found, route) for pattern, route in self._routes if (found := pattern.fullmatch(request.path))]
        if not matching:
            raise self._unknown(request)
        for found, route in matching:
            if route.method == request.method:
                params = {name: unquote(value) for name, value in found.groupdict().items()}
                return _call(route, replace(request, params=params))
        message = f"The requested resource does not support http method '{request.method}'."
        allowed = ", ".join(sorted({route.method for _, route in matching}))
        raise Refusal(405, "MethodNotAllowed", message, headers={"Allow": allowed})

    def _unknown(self, request: Request) -> Refusal:
        path = unquote(request.path)
        found = _PROVIDER.fullmatch(path) or _PROVIDER.match(path)
        if found is None:
            return Refusal(404, "NotFound", f"No resource or operation is at '{path}'.", headers=FROM_GATEWAY)
        if found["namespace"].lower() not in self._namespaces:
            message = f"The resource namespace '{found['namespace']}' is invalid."
            return Refusal(404, "InvalidResourceNamespace", message, headers=FROM_GATEWAY)
        message = (
            f"The resource type '{found['type'] or ''}' could not be found in the namespace '{found['namespace']}' "
            f"for api version '{request.api_version}'."
        )
        return Refusal(404, "InvalidResourceType", message, headers=FROM_GATEWAY)


def tidy(path: str) -> str:
    """Return a path without doubled and trailing slashes; az sends both."""
    return re.sub(r"/{2,}", "/", path).rstrip("/") or "/"


def _call(route: Route, request: Request) -> Reply:
    if route.needs_version and not request.api_version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refusal(400, "MissingApiVersionParameter", message)
    return route.handler(request)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", re.escape(template)), re.IGNORECASE)


def _namespace(template: str) -> str:
    found = _PROVIDER.match(template)
    return found["namespace"].lower() if found else ""


def filter_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return the equalities of an OData ``$filter`` joined by ``and``; Refusal for one that says anything else."""
    text = query.get("$filter", "").strip()
    if not text:
        return {}
    wanted = {}
    for clause in re.split(r"\s+and\s+", text, flags=re.IGNORECASE):
        found = re.fullmatch(r"(\w+)\s+eq\s+'((?:[^']|'')*)'", clause.strip(), flags=re.IGNORECASE)
        if not found:
            raise Refusal(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string.")
        wanted[found[1].lower()] = found[2].replace("''", "'")
    return wanted
