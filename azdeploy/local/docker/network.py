"""The engine's network that the groups of one endpoint are in: their addresses and their names."""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import threading
from collections.abc import Collection, Mapping, Sequence

import docker
from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool, NetworkingConfig

from azdeploy.errors import LocalError

# 1024 networks of 4094 addresses each; the engine says which of them overlap with what the machine has.
_POOL = ipaddress.IPv4Network("10.64.0.0/10")
_PREFIX = 20
_ATTEMPTS = 64


class Network:
    """A bridge network of ours; ``name`` is its name at the engine, ``labels`` mark it as ours."""

    def __init__(self, api: docker.APIClient, name: str, labels: Mapping[str, str]) -> None:
        self.name = name
        self._api = api
        self._labels = dict(labels)
        self._lock = threading.Lock()
        self._next = itertools.count(2)  # The first host is the engine's gateway.

    def subnet(self) -> ipaddress.IPv4Network:
        """Return the network's range, after making the network where it does not exist."""
        with self._lock:
            try:
                pools = self._api.inspect_network(self.name)["IPAM"]["Config"]
                return ipaddress.IPv4Network(pools[0]["Subnet"])
            except NotFound:
                return self._create()

    def address(self, taken: Collection[str]) -> str:
        """Return the next address that is not taken, going round so that one is not used again at once."""
        subnet = self.subnet()
        for number in itertools.islice(self._next, subnet.num_addresses):
            offset = number % subnet.num_addresses
            address = str(subnet[offset])
            if 1 < offset < subnet.num_addresses - 1 and address not in taken:
                return address
        raise LocalError(f"All addresses of {subnet} are taken.", hint="Delete a container group.")

    def remove(self) -> None:
        """Remove the network; it does not matter whether there is one."""
        try:
            self._api.remove_network(self.name)
        except NotFound:
            return

    def endpoint(self, address: str, names: Sequence[str]) -> NetworkingConfig:
        """Return how a container joins the network with an address and under names."""
        config = self._api.create_endpoint_config(ipv4_address=address, aliases=list(names))
        return NetworkingConfig({self.name: config})  # type: ignore[arg-type] # the stubs forget the names

    def rename(self, container: str, address: str, names: Sequence[str]) -> None:
        """Give a container other names; for that it leaves the network for a moment."""
        self._api.disconnect_container_from_network(container, self.name, force=True)
        self._api.connect_container_to_network(container, self.name, ipv4_address=address, aliases=list(names))

    def _create(self) -> ipaddress.IPv4Network:
        candidates = list(_POOL.subnets(new_prefix=_PREFIX))
        start = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "big")
        for attempt in range(_ATTEMPTS):
            subnet = candidates[(start + attempt) % len(candidates)]
            ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))])
            try:
                self._api.create_network(self.name, driver="bridge", ipam=ipam, labels=self._labels)
            except APIError as error:
                if "overlap" not in str(error).lower():
                    raise
            else:
                return subnet
        raise LocalError(
            f"The engine has no room for a network in {_POOL}.", hint="Remove unused ones: docker network prune."
        )
