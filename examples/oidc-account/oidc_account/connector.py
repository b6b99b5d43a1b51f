"""Where the provider is, and how a person signs in there: in a browser, with PKCE, and with refresh tokens that rotate.

The endpoints are those of node's oidc-provider; a service environment names those of another one. The provider may be
any, so each auth brings the client id and secret of an app there: one secret for all would be sent to any address.
"""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Connector, Field
from jackfield.oauth import ClientOwner, OAuth2Code


@dataclass
class Provider:
    provider: Annotated[
        str, Field(title="Provider", description="Its issuer.", examples=("https://login.example.com",))
    ]


oidc_account = Connector(
    "{provider}",
    user_data=Provider,
    sign_in=OAuth2Code(
        authorize_url="{provider}/auth",
        token_url="{provider}/token",
        client_owner=ClientOwner.AUTH,
        scopes=("openid", "offline_access"),
        # Most providers give a refresh token only to those who ask for consent in so many words.
        authorize_parameters={"prompt": "consent"},
    ),
)
