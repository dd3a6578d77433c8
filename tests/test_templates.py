"""Samples and templates are found by name, in a checkout and in a wheel."""

from __future__ import annotations

import pytest

from azdeploy.errors import UsageError
from azdeploy.templates import sample, template


def test_what_is_there_is_found() -> None:
    assert (sample("socket-server") / "Dockerfile").is_file()
    assert template("README.md").is_file()


def test_what_is_not_there_is_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"no 'nothing' among the samples.*provisioning, socket-client, socket-server"):
        sample("nothing")
