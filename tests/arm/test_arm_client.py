"""The target that is Azure: what exists, what is sent, what the command line shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_arm import (
    SCOPE,
    SUBSCRIPTION,
    TYPE,
    Reply,
    World,
    error,
    group,
    listing,
    path,
    place,
    scripted_arm,
)

EVERYWHERE = f"{SCOPE}/providers/{TYPE}"
HERE = f"{place()}/providers/{TYPE}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with scripted_arm(tmp_path) as arm:
        yield World(arm=arm)


def test_what_carries_the_stacks_tag_exists_with_its_outputs(world: World) -> None:
    world.arm.on("GET", EVERYWHERE, listing(group("server"), group("other", stack="another")))
    world.arm.on("GET", path("server"), Reply(body=group("server")))
    found = world.target().existing("pair")
    assert list(found) == ["server"]
    assert found["server"].outputs == {"ip": "20.1.2.3", "port": "1337"}
    assert found["server"].stack == "pair"
