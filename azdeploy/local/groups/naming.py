"""The names under which container groups are found: {label}[.{hash}].{location}.azurecontainer.io."""

from __future__ import annotations

import base64
import hashlib
import secrets

_DOMAIN = "azurecontainer.io"
_HASH_LENGTH = 16


def fqdn(label: str, scope: str, location: str, owner: tuple[str, str, str]) -> str:
    """Return a group's name; ``owner`` is its tenant, subscription and resource group.

    All scopes but Unsecure put a hash of who may use the label again behind it:
    https://learn.microsoft.com/azure/container-instances/how-to-reuse-dns-names
    """
    tenant, subscription, resource_group = (part.lower() for part in owner)
    match scope.lower():
        case "tenantreuse":
            between = [_hash(label, tenant)]
        case "subscriptionreuse":
            between = [_hash(label, tenant, subscription)]
        case "resourcegroupreuse":
            between = [_hash(label, tenant, subscription, resource_group)]
        case "noreuse":
            between = [_hash(label, secrets.token_hex())]
        case _:
            between = []
    return ".".join([label.lower(), *between, location, _DOMAIN])


def _hash(*parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_HASH_LENGTH]
