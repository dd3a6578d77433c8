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
class Settings:
    """How a running endpoint behaves: what was chosen, and Azure's way for the rest."""

    keep_addresses: bool
    latency: Latency
    time_scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The choices at a start; None is no choice, and neither are ``auto`` and port 0.

    ``runtime`` is a RuntimeChoice or its text, ``latency`` a Latency or its text; ValueError for one that is none.
    AUTO takes the runtime that stored container groups ran with, else the engine where one answers. Port 0 takes the
    one of the last run, or any that is free. ``time_scale`` multiplies every wait of the endpoint: 0.1 makes a back-off
    of ten seconds last one.
    """

    runtime: str = RuntimeChoice.AUTO
    port: int = 0
    keep_addresses: bool | None = None
    latency: str | None = None
    time_scale: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "runtime", RuntimeChoice(self.runtime))
        if self.latency is not None:
            object.__setattr__(self, "latency", Latency(self.latency))
        if not 0 <= self.port <= _LAST_PORT:
            raise ValueError(f"port must be from 0 to {_LAST_PORT}, not {self.port}")
        if self.time_scale is not None and self.time_scale < 0:
            raise ValueError(f"time_scale must not be negative, not {self.time_scale}")

    @property
    def settings(self) -> Settings:
        """These choices with the defaults for what was not chosen."""
        return Settings(
            keep_addresses=bool(self.keep_addresses),
            latency=Latency(self.latency or Latency.NONE),
            time_scale=1.0 if self.time_scale is None else self.time_scale,
        )

    def arguments(self) -> list[str]:
        """Return these choices as the arguments of ``python -m azdeploy.local``."""
        chosen = self.settings
        told = ["--runtime", str(self.runtime), "--port", str(self.port), "--latency", str(chosen.latency)]
        keep = ["--keep-addresses"] if chosen.keep_addresses else []
        return [*told, "--time-scale", str(chosen.time_scale), *keep]
