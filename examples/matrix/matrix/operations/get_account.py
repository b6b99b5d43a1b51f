"""Get account."""

from jackfield import Http

from matrix.connector import matrix
from matrix.shapes import Account


@matrix.operation
def get_account(http: Http) -> Account:
    """Say who is signed in."""
    return http.get("/account/whoami").json()
