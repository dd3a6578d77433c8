"""Every error that azdeploy raises on purpose, so that a caller can tell them apart.

    AzdeployError                      1   anything below
    ├── UsageError                     2   a call or an option that makes no sense
    ├── DefinitionError                4   refused before anything was sent; holds every Problem found
    ├── OwnershipError                 4   a resource of that name belongs to somebody else
    ├── CredentialError                1   nobody to sign in as, or the sign-in was refused
    ├── TargetError                    1   the target answered with an error
    │   ├── NotFound                       it does not exist (any more)
    │   ├── Denied                         signed in, but not allowed
    │   ├── Conflict                       busy or in a state that forbids it; may pass
    │   ├── Throttled                      too many requests; says when to come back
    │   ├── Unreachable                    no answer at all
    │   └── OperationFailed                a long-running operation ended badly
    ├── ContainerFailed                1   a container crashed; holds its exit code and last lines
    ├── DeploymentFailed               1   root causes of a deployment that did not finish
    ├── VerificationFailed             1   it runs, but does not do what it should
    ├── TimedOut                       1   it may still come, but nobody waits any longer
    └── LocalError                     1   Azure on this machine: endpoint or runtime cannot do that

The number is the exit code of the command line. A message says what is wrong and where; ``hint`` says what next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a definition: where it is, what it is, what to do about it."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.where}: {self.what}", self.hint) if part)


class AzdeployError(Exception):
    """Anything that azdeploy raises on purpose; ``exit_code`` is what the command line returns for it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class UsageError(AzdeployError):
    """A call or an option that makes no sense."""

    exit_code = 2


class DefinitionError(AzdeployError):
    """A stack that Azure would refuse; nothing was sent."""

    exit_code = 4

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class OwnershipError(AzdeployError):
    """A resource of that name exists and does not belong to the stack; nothing was sent."""

    exit_code = 4


class CredentialError(AzdeployError):
    """Nobody to sign in as, or the sign-in was refused."""


class TargetError(AzdeployError):
    """The target answered with an error: ARM's code, the HTTP status (0 where there was none) and the request id."""

    def __init__(self, message: str, *, code: str = "", status: int = 0, request_id: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        told = f"{self.code}: {self.message}" if self.code else self.message
        asked = f"(request id {self.request_id})" if self.request_id else ""
        return " ".join(part for part in (told, self.hint, asked) if part)


class NotFound(TargetError):
    """It does not exist, or not any more."""


class Denied(TargetError):
    """Signed in, but not allowed to do that."""


class Conflict(TargetError):
    """The resource is busy or in a state that forbids it; it may pass."""


class Throttled(TargetError):
    """Too many requests; ``retry_after`` is in seconds."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float,
        code: str = "",
        status: int = 429,
        request_id: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, code=code, status=status, request_id=request_id, hint=hint)
        self.retry_after = retry_after


class Unreachable(TargetError):
    """The target gave no answer at all."""


class OperationFailed(TargetError):
    """A long-running operation ended in Failed or Canceled."""


class ContainerFailed(AzdeployError):
    """A container crashed: its exit code (None where it never started) and the last lines it wrote."""

    def __init__(self, message: str, *, exit_code: int | None, last_lines: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.container_exit_code = exit_code
        self.last_lines = tuple(last_lines)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"    {line}" for line in self.last_lines)])


class DeploymentFailed(AzdeployError):
    """A deployment that did not finish: the root causes by resource, and what was skipped because of them."""

    def __init__(self, causes: Mapping[str, AzdeployError], skipped: Sequence[str] = ()) -> None:
        super().__init__("\n".join(f"{name}: {cause}" for name, cause in causes.items()))
        self.causes = dict(causes)
        self.skipped = tuple(skipped)


class VerificationFailed(AzdeployError):
    """Everything runs, but does not do what it was deployed for."""


class TimedOut(AzdeployError):
    """It may still come, but nobody waits for it any longer."""


class LocalError(AzdeployError):
    """Azure on this machine cannot do that: the endpoint does not answer, or the runtime lacks something."""
