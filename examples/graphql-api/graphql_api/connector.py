"""Where the API is, and how one signs in there: as at a Parse app. Another API wants other headers here."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import ApiKey, Connector, Field


@dataclass
class Api:
    endpoint: Annotated[
        str, Field(title="Endpoint", description="The whole address.", examples=("https://app.example/graphql",))
    ]
    application: Annotated[str, Field(title="Application id", description="The Parse app whose API this is.")]


graphql_api = Connector(
    "{endpoint}",
    sign_in=ApiKey("X-Parse-REST-API-Key"),
    headers={"X-Parse-Application-Id": "{application}"},
    user_data=Api,
)
