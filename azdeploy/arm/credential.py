"""Who signs in: a ready token, or what azure-identity finds; and what it means when nobody can."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from azdeploy.errors import CredentialError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_SIGN_IN = "Run `az login`, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET."
# Entra ID's own words about a sign-in that it refused; https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_REFUSED = re.compile(r"(AADSTS\d+: [^\r\n]*?[.!](?=\s|$)|AADSTS\d+[^\r\n]*)")
# What azure-identity says of a credential that was there but did not work, for instance without a network.
_FAILED = re.compile(r"(?P<which>\w+Credential): Authentication failed: (?P<why>[^\r\n]{1,300})")
_LIFE = 24 * 3600  # seconds; whoever gave the token knows when it really ends
_log = logging.getLogger(__name__)


class GivenToken:
    """A bearer token that somebody else obtained, as a credential; its repr does not show it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return the token, whatever the scopes and options: it was made for one endpoint."""
        del scopes, options
        return AccessToken(self._token, int(time.time()) + _LIFE)


def signer(token: str | TokenCredential | None) -> TokenCredential:
    """Return the credential that a ready token is, the one given, or the default one."""
    match token:
        case None:
            return default()
        case str():
            return GivenToken(token)
        case _:
            return token


def default() -> TokenCredential:
    """Return azure-identity's DefaultAzureCredential, without a browser; CredentialError where it is misconfigured."""
    from azure.identity import DefaultAzureCredential

    try:
        return DefaultAzureCredential(exclude_interactive_browser_credential=True)
    except ValueError as error:
        _log.debug("no credential can be made: %s", error)
        reason = str(error).partition("\n")[0].rstrip(".")
        raise CredentialError(f"The sign-in settings of the environment make no sense: {reason}.") from error


def refusal(error: ClientAuthenticationError) -> CredentialError:
    """Say in one sentence why there is no token; azure-identity says it in several paragraphs, which are logged."""
    told = str(error.message)
    _log.debug("no token: %s", told)
    if refused := _REFUSED.search(told):
        return CredentialError(f"Azure refused the sign-in: {refused[0].rstrip('.')}.", hint=_SIGN_IN)
    if failed := _FAILED.search(told):
        why = failed["why"].rstrip(".")
        return CredentialError(f"Signing in to Azure by {failed['which']} failed: {why}.", hint=_SIGN_IN)
    return CredentialError("Nobody is signed in to Azure.", hint=_SIGN_IN)


def keep_quiet() -> None:
    """Keep warnings of Azure's libraries off the terminal; whoever configures logging still gets them."""
    for name in ("azure", "msal"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
