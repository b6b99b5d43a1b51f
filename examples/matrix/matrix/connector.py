"""Where the rooms are, and how one signs in there."""

from jackfield import Connector
from jackfield.oauth import Expiry, TokenRequest

# Matrix has a sign-in of its own: `operations/token_request.py` speaks it. Access tokens end after minutes.
matrix = Connector(
    "{server}/_matrix/client/v3",
    sign_in=TokenRequest(
        fields=["user", "password"],
        secret_fields=["password"],
        expires_in_field="expires_in_ms",
        expiry=Expiry.MILLISECONDS,
    ),
)
