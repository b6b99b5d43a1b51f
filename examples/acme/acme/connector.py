"""Where Acme is, and how one signs in to it."""

from jackfield import Connector

acme = Connector("https://api.acme.example")
