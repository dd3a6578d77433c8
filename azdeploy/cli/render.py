"""How plans and events look: pure functions from values to text, and the observer that prints progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, assert_never

import typer

from azdeploy.errors import TimedOut
from azdeploy.execution.events import Event, Failed, Finished, Progressed, Retrying, Skipped, Started
from azdeploy.planning.plan import Action, Plan

if TYPE_CHECKING:
    from azdeploy.arm.codec import Request

_DONE = {
    Action.NOOP: "unchanged",
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.TAG: "tagged",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
}
_DOING = {
    Action.NOOP: "is being compared",
    Action.CREATE: "is being created",
    Action.UPDATE: "is being updated",
    Action.TAG: "is being tagged",
    Action.REPLACE: "is being replaced",
    Action.DELETE: "is being deleted",
}
_SILENCE = 10.0  # seconds between two lines about one state
_COLOUR = {
    Action.NOOP: None,
    Action.CREATE: typer.colors.GREEN,
    Action.UPDATE: typer.colors.YELLOW,
    Action.TAG: typer.colors.YELLOW,
    Action.REPLACE: typer.colors.RED,
    Action.DELETE: typer.colors.RED,
}


def plan_text(plan: Plan) -> str:
    """Return a plan for people, with a colour for each action where the terminal has them."""
    lines = [plan.title]
    for change in plan.changes:
        lines += [typer.style(line, fg=_COLOUR[change.action]) for line in plan.lines(change)]
    return "\n".join(lines)


def plan_document(
    plan: Plan, preparation: Sequence[Request], requests: Mapping[str, Sequence[Request]]
) -> dict[str, Any]:
    """Return a plan for programs, with the requests that come first, and by resource those that carry it out."""
    return {
        "stack": plan.stack,
        "location": plan.location,
        "preparation": [_request(request) for request in preparation],
        "changes": [
            {
                "name": change.name,
                "action": change.action.name.lower(),
                "reasons": list(change.reasons),
                "properties": [
                    {"path": item.path, "before": _plain(item.before), "after": _plain(item.after)}
                    for item in change.properties
                ],
                "requests": [_request(request) for request in requests[change.name]],
            }
            for change in plan.changes
        ],
    }


def _request(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.path,
        "apiVersion": request.api_version,
        "body": request.body,
    }


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


class Progress:
    """Tells on stderr what happens; an observer. A state that lasts is told again only now and then."""

    def __init__(self) -> None:
        self._told: dict[str, Progressed] = {}

    def __call__(self, event: Event) -> None:
        """Tell of an event, unless it says what was just told."""
        if not (isinstance(event, Progressed) and self._is_old(event)):
            typer.echo(event_text(event), err=True)

    def _is_old(self, event: Progressed) -> bool:
        last = self._told.get(event.name)
        if last and last.detail == event.detail and event.elapsed - last.elapsed < _SILENCE:
            return True
        self._told[event.name] = event
        return False


def event_text(event: Event) -> str:
    """Return one line for an event."""
    match event:
        case Started():
            return f"  {event.action:>3} {event.name} {_DOING[event.action]}"
        case Progressed():
            return f"      {event.name} is {event.detail or 'not there yet'} after {event.elapsed:.1f} s"
        case Retrying():
            return f"      {event.name} waits {event.wait:.0f} s: {event.reason}"
        case Finished():
            where = f" at {event.outputs['ip']}" if event.outputs.get("ip") else ""
            return (
                f"  {event.change.action:>3} {event.name} {_DONE[event.change.action]}{where} in {event.elapsed:.1f} s"
            )
        case Failed():
            return f"    ! {event.name} {'is not finished' if isinstance(event.error, TimedOut) else 'failed'}"
        case Skipped():
            return f"    ! {event.name} skipped because of {event.because}"
        case _:
            assert_never(event)
