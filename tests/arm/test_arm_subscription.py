"""Which subscription is meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azdeploy.arm import subscription
from azdeploy.errors import CredentialError, UsageError

ONE = "00000000-0000-0000-0000-000000000001"
TWO = "00000000-0000-0000-0000-000000000002"


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where az's profile is, in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    folder = tmp_path / "az"
    folder.mkdir()
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(folder))
    return folder / "azureProfile.json"


def write(profile: Path, *entries: Any) -> None:
    # az writes a byte order mark.
    profile.write_text(json.dumps({"subscriptions": entries}), encoding="utf-8-sig")


def test_the_one_given_is_meant(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", TWO)
    assert subscription.choose(ONE) == ONE


def test_the_environments_is_meant_before_azs(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(profile, {"id": ONE, "isDefault": True})
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", f" {TWO} ")
    assert subscription.choose(None) == TWO


def test_azs_current_one_is_meant_otherwise(profile: Path) -> None:
    write(profile, {"id": TWO, "isDefault": False}, {"id": ONE, "isDefault": True})
    assert subscription.choose(None) == ONE


def test_azs_profile_is_found_in_the_home_folder(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_CONFIG_DIR")
    folder = profile.parent.parent / ".azure"
    folder.mkdir()
    write(folder / "azureProfile.json", {"id": ONE, "isDefault": True})
    assert subscription.choose(None) == ONE


def test_a_name_that_az_knows_will_do(profile: Path) -> None:
    write(profile, {"id": TWO, "name": "other"}, {"id": ONE, "name": "Pay As You Go"})
    assert subscription.choose("pay as you go") == ONE


def test_a_name_that_nobody_knows_is_a_usage_error(profile: Path) -> None:
    write(profile, {"id": ONE, "name": "Pay As You Go", "isDefault": True})
    with pytest.raises(
        UsageError, match="'mine' is neither the id of a subscription nor the name of one that az knows"
    ):
        subscription.choose("mine")


def test_subscriptions_of_other_clouds_are_not_azures(profile: Path) -> None:
    write(profile, {"id": ONE, "isDefault": True, "environmentName": "azdeploy-local"})
    with pytest.raises(CredentialError):
        subscription.choose(None)


@pytest.mark.parametrize(
    "text", ["", "[]", "7", '{"subscriptions": 7}', "{}", '{"subscriptions": [7, {"isDefault": true}]}']
)
def test_a_profile_that_cannot_be_read_names_none(profile: Path, text: str) -> None:
    profile.write_text(text)
    with pytest.raises(CredentialError, match="No Azure subscription is chosen"):
        subscription.choose(None)
