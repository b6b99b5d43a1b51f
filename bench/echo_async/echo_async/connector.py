"""A third party that answers everything, signed in with a key."""

from jackfield import ApiKey, Connector

echo = Connector("{server}", sign_in=ApiKey("X-Api-Key"))
