"""Deploy containers to Azure from Python.

A stack of container groups is a value, a plan says what must change, deploying it wires what is known only afterwards
(addresses, names, ports) into the environment of other groups, and destroying it leaves nothing behind.

Importing this package loads nothing heavy: a name's module is imported when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azdeploy.definitions.container_group import (
        Container,
        ContainerGroup,
        IpAddress,
        OsType,
        Port,
        Protocol,
        ResourceRequests,
        Resources,
        RestartPolicy,
    )
    from azdeploy.definitions.output import Output
    from azdeploy.definitions.secret import Secret
    from azdeploy.definitions.stack import Stack
    from azdeploy.deployment import Deployment, deploy, destroy, preview
    from azdeploy.errors import AzdeployError
    from azdeploy.targets import connect, connect_local

__version__ = "0.1.0"

__all__ = [
    "AzdeployError",
    "Container",
    "ContainerGroup",
    "Deployment",
    "IpAddress",
    "OsType",
    "Output",
    "Port",
    "Protocol",
    "ResourceRequests",
    "Resources",
    "RestartPolicy",
    "Secret",
    "Stack",
    "connect",
    "connect_local",
    "deploy",
    "destroy",
    "preview",
]

_MODULE = {
    "AzdeployError": "errors",
    "Deployment": "deployment",
    "Output": "definitions.output",
    "Secret": "definitions.secret",
    "Stack": "definitions.stack",
    "connect": "targets",
    "connect_local": "targets",
    "deploy": "deployment",
    "destroy": "deployment",
    "preview": "deployment",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'azdeploy' has no attribute {name!r}")
    module = import_module(f"azdeploy.{_MODULE.get(name, 'definitions.container_group')}")
    value: object = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
