"""The GraphQL API of a parse-server."""

from examples.servers.parse import running_graphql as running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    page = call("list_records", records="customers", fields=["name", "city"], limit=2)
    call("list_records", records="customers", fields=["name", "city"], limit=2, cursor=page["next_cursor"])
    greet = "mutation ($email: String) { createCustomer(input: {fields: {email: $email}}) { customer { email } } }"
    call("run_query", query=greet, variables={"email": "femi@example.com"})
