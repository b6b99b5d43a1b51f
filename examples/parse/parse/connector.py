"""Where the app's backend is, and how one signs in there: an id that everybody may know, and a key."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import ApiKey, Connector, Field


@dataclass
class App:
    server: Annotated[
        str,
        Field(title="Server", description="Where the backend answers.", examples=("https://parseapi.back4app.com",)),
    ]
    application: Annotated[
        str, Field(title="Application id", description="In the dashboard under App Settings, Security & Keys.")
    ]


parse = Connector(
    "{server}/parse",
    sign_in=ApiKey("X-Parse-REST-API-Key"),
    headers={"X-Parse-Application-Id": "{application}"},
    user_data=App,
)
