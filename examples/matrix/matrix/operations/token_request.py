"""Get an access token: with name and password at first, with the refresh token from then on."""

from dataclasses import dataclass
from typing import Any

from jackfield import Http, HttpAnswer

from matrix.connector import matrix

REFUSED = (400, 401, 403)  # a wrong password, a refresh token that is over


@dataclass
class SignIn:
    auth_form_input: dict[str, str]
    refresh_token: str | None = None


@matrix.private(name="#token_request")
def token_request(asked: SignIn, http: Http) -> dict[str, Any]:
    """Sign in, or go on being signed in."""
    answer = _refresh(asked.refresh_token, http) if asked.refresh_token else _sign_in(asked.auth_form_input, http)
    if answer.status in REFUSED:
        # In the words of OAuth: that is how a hub knows that somebody has to sign in again.
        return {"status_code": 400, "headers": {}, "body": {"error": "invalid_grant"}}
    return {"status_code": answer.status, "headers": {}, "body": answer.json()}


def _sign_in(typed: dict[str, str], http: Http) -> HttpAnswer:
    person = {"type": "m.id.user", "user": typed["user"]}
    asked = {"type": "m.login.password", "identifier": person, "password": typed["password"], "refresh_token": True}
    return http.post("/login", json=asked, accept=REFUSED)


def _refresh(refresh_token: str, http: Http) -> HttpAnswer:
    return http.post("/refresh", json={"refresh_token": refresh_token}, accept=REFUSED)
