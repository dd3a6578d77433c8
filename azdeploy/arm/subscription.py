"""Which subscription is meant: the one named, the environment's, or the one that az uses."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from azdeploy.errors import CredentialError, UsageError

_VARIABLE = "AZURE_SUBSCRIPTION_ID"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PROFILE = "azureProfile.json"
_PUBLIC_CLOUD = "AzureCloud"
_CHOOSE = "Run `az login`, set AZURE_SUBSCRIPTION_ID, or name it (--subscription); or stay on this machine (--local)."


def choose(given: str | None) -> str:
    """Return the id of the subscription: ``given`` (also a name that az knows), AZURE_SUBSCRIPTION_ID, or az's current.

    CredentialError where none is known, UsageError for a text that is neither an id nor a name.
    """
    wanted = given or os.environ.get(_VARIABLE, "").strip()
    if _ID.fullmatch(wanted):
        return wanted.lower()
    known = _known()
    if not wanted:
        return _current(known)
    for subscription in known:
        if str(subscription.get("name", "")).casefold() == wanted.casefold():
            return str(subscription["id"])
    raise UsageError(f"{wanted!r} is neither the id of a subscription nor the name of one that az knows.", hint=_CHOOSE)


def _current(known: list[Mapping[str, Any]]) -> str:
    for subscription in known:
        if subscription.get("isDefault"):
            return str(subscription["id"])
    raise CredentialError("No Azure subscription is chosen.", hint=_CHOOSE)


def _known() -> list[Mapping[str, Any]]:
    """Return the subscriptions in az's profile, which starts with a byte order mark; none where it cannot be read."""
    folder = os.environ.get("AZURE_CONFIG_DIR")
    profile = (Path(folder) if folder else Path.home() / ".azure") / _PROFILE
    try:
        found = json.loads(profile.read_text(encoding="utf-8-sig"))["subscriptions"]
        return [entry for entry in found if isinstance(entry, dict) and "id" in entry and _in_public_cloud(entry)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _in_public_cloud(entry: Mapping[str, Any]) -> bool:
    # az also keeps the subscriptions of clouds that were registered with it, such as Azure on this machine.
    return str(entry.get("environmentName", _PUBLIC_CLOUD)) == _PUBLIC_CLOUD
