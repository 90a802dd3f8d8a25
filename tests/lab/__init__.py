"""Real hosts, routers and firewalls in network namespaces. See README.md here."""

from tests.lab.anchor import LabError, unavailable
from tests.lab.firewall import Action, Policy, Rule, count, loss, reset_limit
from tests.lab.process import Process
from tests.lab.topology import Host, Lab, Network, Router

__all__ = [
    "Action",
    "Host",
    "Lab",
    "LabError",
    "Network",
    "Policy",
    "Process",
    "Router",
    "Rule",
    "count",
    "loss",
    "reset_limit",
    "unavailable",
]
