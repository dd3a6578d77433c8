"""The command line as a user runs it, in this process so that coverage sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from azdeploy.cli import main


@dataclass(frozen=True)
class Told:
    """What a command printed and returned."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Run ``azdeploy`` with arguments and return what it told."""

    def run(*arguments: str) -> Told:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = capsys.readouterr()
        return Told(int(ended.value.code or 0), told.out, told.err)

    return run
