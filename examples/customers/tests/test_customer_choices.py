"""The customers, for a drop-down."""

from pathlib import Path

from jackfield.connector import Connector
from jackfield.project import find_project
from jackfield.testing import Recorded

from customers.operations.customer_choices import customer_choices


def test_every_customer_is_an_entry(recorded: Recorded) -> None:
    choices = recorded.run(customer_choices)["result"]

    assert {"text": "Ada Mensah", "value": "ada"} in choices
    assert len(choices) == 5


def test_update_and_delete_let_people_choose(connector: Connector) -> None:
    manifest = connector.manifest(find_project(Path(__file__)).metadata)

    for name in ("update_customer", "delete_customer"):
        field = manifest.operations[name].input_schema["properties"]["customer_id"]
        assert field["lookup"] == {"operation": "customer_choices", "input": {}, "authRequired": True}
