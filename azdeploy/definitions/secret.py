"""Values that nobody may see: how they are held, and how a change is noticed although Azure never returns them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

_HIDDEN = "***"
_VERSION = "s1"
# 2^14 rounds of 8 blocks: about 50 ms and 16 MiB for one guess.
_COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 24}


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that is sent as a secure value and shown as ``***`` everywhere else, in tracebacks too."""

    value: str

    def reveal(self) -> str:
        """Return the text itself; only what writes the request body has a reason to."""
        return self.value

    def __repr__(self) -> str:
        return f"Secret({_HIDDEN!r})"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return format(_HIDDEN, spec)


def digest(secrets: Mapping[str, str], salt: bytes) -> str:
    """Return a salted scrypt digest of named secrets, short enough for a tag (256 characters)."""
    message = json.dumps(dict(sorted(secrets.items()))).encode()
    key = hashlib.scrypt(message, salt=salt, **_COST)
    return ".".join([_VERSION, _text(salt), _text(key)])


def matches(known: str, secrets: Mapping[str, str]) -> bool:
    """Tell whether a digest was made of just these secrets; False for a digest that cannot be read."""
    try:
        version, salt, _ = known.split(".")
        again = digest(secrets, base64.urlsafe_b64decode(salt))
    except ValueError:
        return False
    return version == _VERSION and hmac.compare_digest(known, again)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()
