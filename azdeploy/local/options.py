"""How Azure on this machine is started: the choices a user has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_LAST_PORT = 65535


class RuntimeChoice(StrEnum):
    """What runs the containers; AUTO takes the engine where one answers."""

    AUTO = "auto"
    PROCESS = "process"
    DOCKER = "docker"


class Latency(StrEnum):
    """How long operations take: as short as possible, or what was recorded of Azure."""

    NONE = "none"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The choices at a start. ``port`` 0 takes the one of the last run, or any that is free.

    ``runtime`` is a RuntimeChoice or its text, ``latency`` a Latency or its text; ValueError for one that is none.
    ``time_scale`` multiplies every wait of the endpoint: 0.1 makes a back-off of ten seconds last one.
    """

    runtime: str = RuntimeChoice.AUTO
    port: int = 0
    keep_addresses: bool = False
    latency: str = Latency.NONE
    time_scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "runtime", RuntimeChoice(self.runtime))
        object.__setattr__(self, "latency", Latency(self.latency))
        if not 0 <= self.port <= _LAST_PORT:
            raise ValueError(f"port must be from 0 to {_LAST_PORT}, not {self.port}")
        if self.time_scale < 0:
            raise ValueError(f"time_scale must not be negative, not {self.time_scale}")

    def arguments(self) -> list[str]:
        """Return these choices as the arguments of ``python -m azdeploy.local``."""
        keep = ["--keep-addresses"] if self.keep_addresses else []
        chosen = ["--runtime", str(self.runtime), "--port", str(self.port), "--latency", str(self.latency)]
        return [*chosen, "--time-scale", str(self.time_scale), *keep]
