"""No service, no address, no sign-in: the hub itself keeps what these operations are given."""

from jackfield import Connector

storage = Connector()
