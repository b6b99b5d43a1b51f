"""Attacks on the jail, as data: a name, what is attacked, and a function that tries it.

They are safe by construction: each aims only at things made for the test (`Canaries`), asks for nothing it would not
give back, and runs in a worker. An attempt returns True when it got through; an error means that the jail held.
"""

from jackfield_hub.sandbox.probes import files, kernel, limits, network, processes
from jackfield_hub.sandbox.probes.attack import CANARY, PROBES, Canaries, Probe, is_open

__all__ = ["CANARY", "PROBES", "Canaries", "Probe", "files", "is_open", "kernel", "limits", "network", "processes"]
