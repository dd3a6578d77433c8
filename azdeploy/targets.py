"""Where stacks go: Azure, or Azure on this machine. The one place that chooses between the two."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from azdeploy.errors import UsageError

if TYPE_CHECKING:
    from azdeploy.arm.client import ArmTarget


def connect(*, resource_group: str | None = None, subscription: str | None = None) -> ArmTarget:
    """Return Azure as a target, signed in by azure-identity's DefaultAzureCredential.

    Without a resource group each stack has one of its own, named like the stack and made when missing. The subscription
    is AZURE_SUBSCRIPTION_ID or az's current one when not given. CredentialError where nobody is signed in, UsageError
    where the environment holds the credentials of Azure on this machine.
    """
    from azdeploy.arm import client

    authority = urlsplit(os.environ.get("AZURE_AUTHORITY_HOST", "")).hostname or ""
    if authority.startswith(("127.", "localhost")):
        hint = "Add --local (in Python: connect_local), or use a shell without them."
        raise UsageError("The environment's credentials are those of Azure on this machine.", hint=hint)
    return client.connect(subscription=subscription, resource_group=resource_group)


def connect_local(
    *, resource_group: str | None = None, subscription: str | None = None, runtime: str | None = None
) -> ArmTarget:
    """Return Azure on this machine as a target, started in the background when it is not running.

    ``runtime`` is ``process``, ``docker`` or ``auto`` (Docker where an engine answers). LocalError where it cannot be
    started, for instance without the extra ``local``, or runs already with another runtime.
    """
    from azdeploy.arm import client
    from azdeploy.local import endpoint

    machine = endpoint.start(endpoint.Options(runtime=runtime) if runtime else endpoint.Options())
    return client.connect(
        subscription=subscription or machine.subscription,
        resource_group=resource_group,
        endpoint=machine.url,
        ca_file=str(machine.ca_file),
        token=machine.token,
    )
