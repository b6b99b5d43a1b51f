"""Signing in with OAuth: the ways as data, and every dance as requests and answers. Nothing here opens a connection."""

from jackfield.oauth.clients import Client, ClientOwner, ClientPlace
from jackfield.oauth.ways import (
    Expiry,
    OAuth1,
    OAuth2ClientCredentials,
    OAuth2Code,
    OAuth2Password,
    SignatureMethod,
    TokenBody,
    TokenRequest,
)

__all__ = [
    "Client",
    "ClientOwner",
    "ClientPlace",
    "Expiry",
    "OAuth1",
    "OAuth2ClientCredentials",
    "OAuth2Code",
    "OAuth2Password",
    "SignatureMethod",
    "TokenBody",
    "TokenRequest",
]
