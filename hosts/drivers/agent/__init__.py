"""The guest agent: a small static daemon in the guest, spoken to over a virtio port.

It gives a clone its identity in one message of a few milliseconds, runs commands with their output as it
comes, ends whole process trees, and moves files. The guest is not trusted: whatever it sends is checked
and bounded, and a wrong answer is an Unreachable, never a wait without end.

Example::

    install(ssh_guest, agent_binary(cache))
    with AgentGuest(folder) as guest:
        guest.wait_ready(timeout_s=60)
        guest.identify(identity, os.urandom(128), machine_id=spec.uuid)
        print(guest.run("hostname").stdout)
"""

from hosts.drivers.agent.build import agent_binary
from hosts.drivers.agent.client import AgentGuest
from hosts.drivers.agent.identity import IdentityAck, StepAck
from hosts.drivers.agent.install import install
from hosts.drivers.agent.neighbour import qga_awake

__all__ = ["AgentGuest", "IdentityAck", "StepAck", "agent_binary", "install", "qga_awake"]
