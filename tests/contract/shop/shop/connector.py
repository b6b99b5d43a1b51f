"""A shop signed in to with a key."""

from jackfield import ApiKey, Connector

shop = Connector("{server}", sign_in=ApiKey("X-Api-Key"))
