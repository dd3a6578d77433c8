"""What other clients need to sign in to this machine: exports for the SDKs, commands for az. No secret is in it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

CLOUD = "azdeploy-local"
# The name that Active Directory Federation Services go by in place of a tenant. MSAL, which azure-identity and az sign
# in with, asks login.microsoftonline.com about any other authority that it does not know.
TENANT = "adfs"


def exports(url: str, *, client_id: str, secret_file: Path, subscription: str, ca_file: Path) -> dict[str, str]:
    """Return the environment variables of azure-identity and what it stands on, as shell words.

    The secret is read from its file by the shell, so that neither the screen nor a script holds it.
    """
    secret, ca = shlex.quote(str(secret_file)), shlex.quote(str(ca_file))
    return {
        "AZURE_AUTHORITY_HOST": url,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": client_id,
        "AZURE_CLIENT_SECRET": f'"$(cat {secret})"',
        "AZURE_SUBSCRIPTION_ID": subscription,
        "REQUESTS_CA_BUNDLE": ca,
        "WEBSOCKET_CLIENT_CA_BUNDLE": ca,
    }


def az_commands(url: str, *, client_id: str, secret_file: Path) -> Sequence[str]:
    """Return the commands that sign az in to this machine, for a shell that has the exports.

    They may be given again: a cloud that az knows already is told where the endpoint is now.
    """
    secret = shlex.quote(f"@{secret_file}")  # az reads the file, so that the secret is on no command line
    cloud = f"--name {CLOUD} --endpoint-resource-manager {url} --endpoint-active-directory {url}/{TENANT}"
    return (
        f"az cloud register {cloud} 2>/dev/null || az cloud update {cloud}",
        f"az cloud set --name {CLOUD}",
        f"az login --service-principal --tenant {TENANT} --username {client_id} --password {secret}",
    )


def lines(url: str, *, client_id: str, secret_file: Path, subscription: str, ca_file: Path) -> list[str]:
    """Return all of it as lines for a shell: what is no command is a comment."""
    variables = exports(url, client_id=client_id, secret_file=secret_file, subscription=subscription, ca_file=ca_file)
    return [
        '# For the Azure SDKs and for az:  eval "$(azdeploy local env)"',
        f"# In Python: base_url='{url}', credential_scopes=['{url}/.default'].",
        *(f"export {name}={value}" for name, value in variables.items()),
        "# REQUESTS_CA_BUNDLE takes the place of every other certificate authority in this shell; to undo all of it:",
        f"# unset {' '.join(variables)}",
        "# For az, after the exports; again when the endpoint was reset or has another port.",
        "# (az cloud set --name AzureCloud goes back.)",
        *(f"#   {command}" for command in az_commands(url, client_id=client_id, secret_file=secret_file)),
    ]
