"""Deploy the socket pair as a library user would, show where the server is, and take it down again.

Run it with ``--local`` for Azure on this machine; without, it deploys to Azure.
"""

import sys

import azdeploy
from azdeploy.templates import sample

on_this_machine = "--local" in sys.argv
target = azdeploy.connect_local() if on_this_machine else azdeploy.connect()
images = {part: str(sample(f"socket-{part}")) for part in ("server", "client")}

port = azdeploy.Port(port=1337)
server = azdeploy.ContainerGroup(
    name="server",
    containers=[azdeploy.Container(name="server", image=images["server"], ports=[port])],
    ip_address=azdeploy.IpAddress(ports=[port]),
)
wiring = {"SOCKET_SERVER_HOST": server.ip, "SOCKET_SERVER_PORT": server.port}
client = azdeploy.ContainerGroup(
    name="client",
    containers=[azdeploy.Container(name="client", image=images["client"], environment_variables=wiring)],
)
deployed = azdeploy.deploy(azdeploy.Stack(name="provisioned", resources=[server, client]), target)
print(f"the server is at {deployed.outputs['server']['ip']}:{deployed.outputs['server']['port']}")
azdeploy.destroy("provisioned", target)
