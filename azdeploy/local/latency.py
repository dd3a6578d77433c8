"""How long the endpoint lets things take: as short as possible, or the medians recorded of Azure."""

from __future__ import annotations

from enum import Enum

from azdeploy.local.options import Latency


class Step(Enum):
    """What takes time, with the seconds that Azure took: medians of azure-cli's recordings, on a 30-second grid.

    A restart was not recorded to its end; it is taken to last as long as a creation. A resource group's deletion was
    seen over after six polls of 15 seconds.
    """

    CREATE_GROUP = "create", 32.0
    CREATE_GROUP_IN_SUBNET = "create in a subnet", 126.0
    DELETE_GROUP = "delete", 3.5
    RESTART_GROUP = "restart", 32.0
    DELETE_RESOURCE_GROUP = "delete a resource group", 90.0

    @property
    def recorded(self) -> float:
        """The seconds that Azure took."""
        return self.value[1]


# A resource group is seen in its Deleting state even by who asks at once, as on Azure.
_LEAST = {Step.DELETE_RESOURCE_GROUP: 0.2}


def seconds(step: Step, latency: Latency) -> float:
    """Return how long a step takes at least."""
    match latency:
        case Latency.RECORDED:
            return step.recorded
        case Latency.NONE:
            return _LEAST.get(step, 0.0)
