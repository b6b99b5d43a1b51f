"""No service, no address, no sign-in: these operations only compute."""

from jackfield import Connector

text_tools = Connector()
