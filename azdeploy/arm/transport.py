"""How a request gets to Azure and an answer back: one pipeline for both of Azure's clients, one place for its errors.

Azure's own retry policy sleeps in silence and without a limit, so it is not in the pipeline: what only reads is asked
again by Patience, whose waits are events; all else is the executor's to repeat.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.paging import ItemPaged
from azure.core.pipeline import Pipeline, PipelineRequest, PipelineResponse, policies
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy, ARMHttpLoggingPolicy

from azdeploy.arm import credential, faults
from azdeploy.errors import AzdeployError, TargetError, Unreachable
from azdeploy.execution.events import Observer, Retrying
from azdeploy.execution.retry import Clock

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.mgmt.resource.resources import ResourceManagementClient

_CONNECT_TIMEOUT = 15.0  # seconds
_READ_TIMEOUT = 100.0
_READING = frozenset({"GET", "HEAD"})
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_WAITS = (0.5, 1.0, 2.0, 4.0)  # seconds before the second, third ... try, where the server names no time
_LONGEST_WAIT = 60.0
_FAILURE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Azure answered: the status, the headers in lower case, and the JSON (None where there was no body)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def retry_after(self) -> float | None:
        """The seconds after which the server wants to be asked again, where it says so."""
        return seconds(self.headers.get("retry-after", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the requests go: the endpoint's URL, the subscription, and the authority that vouches for the endpoint."""

    endpoint: str
    subscription: str
    ca_file: str | None = None

    @property
    def host(self) -> str:
        """The endpoint's host and port, as errors name it."""
        return urlsplit(self.endpoint).netloc


class Patience(policies.HTTPPolicy[Any, Any]):
    """Asks again, a few times, for what only reads when Azure is busy or the connection broke; a wait is an event."""

    def __init__(self, clock: Clock, observe: Observer) -> None:
        super().__init__()
        self._clock = clock
        self._observe = observe

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send the request on, and again while its failure may pass."""
        for wait in _WAITS if request.http_request.method in _READING else ():
            try:
                response = self.next.send(request)
            except (ServiceResponseError, IncompleteReadError):
                self._wait(request, "the connection broke", wait)
                continue
            status = response.http_response.status_code
            if status not in _PASSING:
                return response
            asked = seconds(response.http_response.headers.get("Retry-After", ""))
            self._wait(request, f"Azure answered with HTTP {status}", wait if asked is None else asked)
        return self.next.send(request)

    def _wait(self, request: PipelineRequest[Any], reason: str, wait: float) -> None:
        name = urlsplit(request.http_request.url).path.rpartition("/")[2]
        self._observe(Retrying(name=name, reason=reason, wait=min(wait, _LONGEST_WAIT)))
        self._clock.sleep(min(wait, _LONGEST_WAIT))


class Transport:
    """Azure's two clients over one pipeline, and the calls through them: raw JSON comes back, only our errors leave."""

    def __init__(self, place: Place, signer: TokenCredential, clock: Clock, observe: Observer) -> None:
        credential.keep_quiet()
        self.place = place
        self.clock = clock
        self.observe = observe
        self._signer = signer
        self._scopes = [f"{place.endpoint}/.default"]

    @cached_property
    def containers(self) -> ContainerInstanceManagementClient:
        """Azure's client for container groups."""
        return ContainerInstanceManagementClient(
            self._signer,
            self.place.subscription,
            base_url=self.place.endpoint,
            credential_scopes=self._scopes,
            pipeline=self._pipeline,
        )

    @cached_property
    def resources(self) -> ResourceManagementClient:
        """Azure's client for resource groups and providers, imported only when one of them is needed."""
        from azure.mgmt.resource.resources import ResourceManagementClient

        return ResourceManagementClient(
            self._signer,
            self.place.subscription,
            base_url=self.place.endpoint,
            credential_scopes=self._scopes,
            pipeline=self._pipeline,
        )

    @cached_property
    def _pipeline(self) -> Pipeline[Any, Any]:
        place = self.place
        # A proxy cannot reach this machine's loopback, and requests would ask it all the same.
        loopback = (urlsplit(place.endpoint).hostname or "").startswith(("127.", "localhost"))
        sender = RequestsTransport(
            connection_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
            connection_verify=place.ca_file or True,
            use_env_settings=not loopback,
        )
        chain: list[policies.HTTPPolicy[Any, Any] | policies.SansIOHTTPPolicy[Any, Any]] = [
            policies.RequestIdPolicy(),
            policies.UserAgentPolicy(base_user_agent="azdeploy"),
            policies.CustomHookPolicy(),
            policies.ContentDecodePolicy(),
            Patience(self.clock, self.observe),
            ARMChallengeAuthenticationPolicy(self._signer, *self._scopes),
            ARMHttpLoggingPolicy(),
        ]
        return Pipeline(sender, chain)

    def call(self, operation: Callable[..., Any], *arguments: object, **options: object) -> Answer:
        """Call one of the clients' operations and return what came over the wire; only our errors get out."""
        return self._exchanges(operation, *arguments, **options)[-1]

    def listing(self, operation: Callable[..., Any], *arguments: object) -> Answer:
        """Call an operation that lists; the answer is the last page's, its body the items of all pages."""
        pages = self._exchanges(operation, *arguments)
        return replace(pages[-1], body=[item for page in pages for item in page.body["value"]])

    def fetch(self, url: str) -> Answer:
        """Get an address that Azure gave us, whole and as it is."""
        return self.call(self._get, url)

    def _get(self, url: str, **options: Any) -> None:
        self._pipeline.run(HttpRequest("GET", url), **options).http_response.raise_for_status()

    def _exchanges(self, operation: Callable[..., Any], *arguments: object, **options: object) -> list[Answer]:
        seen: list[PipelineResponse[Any, Any]] = []
        try:
            result = operation(*arguments, raw_response_hook=seen.append, **options)
            if isinstance(result, ItemPaged):
                deque(result, maxlen=0)  # pages are fetched as they are read
            return [_answer(response.http_response) for response in seen]
        except (AzureError, OSError, ValueError, TypeError) as error:
            raise ours(error, self.place.host) from error


def ours(error: Exception, host: str) -> AzdeployError:
    """Return what an error of Azure's libraries is for us."""
    match error:
        case ClientAuthenticationError(response=None):
            return credential.refusal(error)
        case ServiceRequestError() | ServiceResponseError() | IncompleteReadError() | OSError():
            return Unreachable(
                f"{host} gives no answer: {_reason(error)}.", hint="Is the network up, and a proxy needed?"
            )
        case HttpResponseError(status_code=int(status)) if status >= _FAILURE:
            answer: Any = error.response
            return faults.fault(status, answer.headers, answer.text())
        case _:
            return TargetError(f"{host} answered with something that no ARM endpoint says: {_reason(error)}.")


def seconds(text: str) -> float | None:
    """Read a Retry-After in seconds; None for anything else."""
    return float(text) if text.isdecimal() else None


def _answer(response: Any) -> Answer:
    text = response.text()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=json.loads(text) if text else None)


def _reason(error: BaseException) -> str:
    """Return the innermost cause in its own words: the layers around it only repeat it."""
    while cause := _cause(error):
        error = cause
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return told.partition("\n")[0].rstrip(".")


def _cause(error: BaseException) -> BaseException | None:
    inner = error.inner_exception if isinstance(error, AzureError) else None
    return inner or error.__cause__ or error.__context__
