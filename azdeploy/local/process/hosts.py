"""The file that processes see as /etc/hosts: the names of groups beside those that the machine knows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_MACHINE = Path("/etc/hosts")


def write_hosts(path: Path, address: str, names: Mapping[str, str]) -> None:
    """Write a hosts file in place, so that a process which sees it through a mount sees the change.

    ``localhost`` is the group's own address first: its containers reach each other by that name, as on Azure.
    """
    known = [f"{address} localhost", *_machine_lines()]
    published = [f"{where} {name}" for name, where in sorted(names.items())]
    text = "\n".join([*published, *known, ""]).encode()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        # First the new text, then the new length: a reader in between finds every name.
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))
    finally:
        os.close(descriptor)


def _machine_lines() -> list[str]:
    try:
        return _MACHINE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ["127.0.0.1 localhost"]
