"""The logs of a stack's containers, read whole and named so that each line says where it is from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from azdeploy.cli.groups import Group, of_stack
from azdeploy.errors import NotFound
from azdeploy.execution.logs import Log

if TYPE_CHECKING:
    from azdeploy.arm.client import ArmTarget


class StackLogs:
    """Reads the logs of a stack, or of the group or container that ``only`` names, at most ``tail`` lines of each.

    ``tail`` counts for the first look only: what follows is new.
    """

    def __init__(self, target: ArmTarget, stack: str, only: str | None = None, tail: int | None = None) -> None:
        self._target = target
        self._stack = stack
        self._only = only
        self._tail = tail
        self._cut: dict[str, str] = {}
        self.width = 0

    def read(self) -> Mapping[str, Log]:
        """Return the logs by name; NotFound where the stack has nothing of the kind."""
        groups = of_stack(self._stack, self._target)
        found = list(self._containers(groups))
        if not found:
            there = ", ".join(str(group["name"]) for group in groups)
            raise NotFound(f"There is no {self._only} in stack {self._stack}.", hint=f"There is: {there}.")
        self.width = max(len(title) for title, *_ in found)
        return {title: Log(self._text(title, group, container), start) for title, group, container, start in found}

    def _containers(self, groups: Sequence[Group]) -> Iterator[tuple[str, str, str, str]]:
        for group in groups:
            for container in group["properties"]["containers"]:
                names = (str(group["name"]), str(container["name"]))
                if self._only is None or self._only in names:
                    title = names[0] if names[0] == names[1] else "/".join(names)
                    yield title, *names, _start(container)

    def _text(self, title: str, group: str, container: str) -> str:
        text = self._target.logs(group, container)
        if self._tail is None:
            return text
        if title not in self._cut:
            lines = text.splitlines(keepends=True)
            self._cut[title] = "".join(lines[: -self._tail])
        return text.removeprefix(self._cut[title])


def _start(container: Mapping[str, Any]) -> str:
    view = container["properties"].get("instanceView") or {}
    return str((view.get("currentState") or {}).get("startTime", ""))
