"""Decorated functions become operations, and mistakes are told by the function's name."""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest

from jackfield import Basic, Choice, Connector, Field, Http, UserData, choices_from
from jackfield.connector import ConnectorMistake, operation_name
from jackfield.manifest import Manifest, Metadata, OperationKind
from jackfield.shapes import ShapeMistake

SHOP = Metadata.from_json({"name": "shop", "version": "1.0", "service": {"name": "shop", "version": "1"}})


@dataclass
class OrderRef:
    order_id: str


class Order(TypedDict):
    status: str


def test_name_title_and_description_come_from_the_function():
    shop = Connector("https://shop.example")

    @shop.operation
    def get_order(ref: OrderRef, http: Http) -> Order:
        """Read one order."""
        return http.get(f"/orders/{ref.order_id}").json()

    operation = shop.manifest(SHOP).operations["get_order"]
    assert (operation.title, operation.description) == ("Get order", "Read one order.")
    assert operation.kind is OperationKind.PUBLIC
    assert operation.input_schema["required"] == ["order_id"]
    assert operation.output_schema["properties"]["status"]["type"] == "string"


def test_a_decorated_function_is_still_a_function():
    shop = Connector()

    @shop.operation
    def double(ref: OrderRef) -> Order:
        return {"status": ref.order_id * 2}

    assert double(OrderRef("a")) == {"status": "aa"}
    assert operation_name(double) == "double"


def test_keywords_say_otherwise():
    shop = Connector()

    @shop.operation(name="cancel", title="Cancel an order", description="For good.", is_idempotent=True)
    def cancel_order(ref: OrderRef) -> None: ...

    operation = shop.manifest(SHOP).operations["cancel"]
    assert (operation.title, operation.description, operation.is_idempotent) == ("Cancel an order", "For good.", True)


def test_a_name_with_a_number_sign_is_private_however_it_was_decorated():
    shop = Connector()

    @shop.operation(name="#token_request")
    def token_request() -> None: ...

    assert shop.manifest(SHOP).operations["#token_request"].kind is OperationKind.PRIVATE


def test_choices_answer_with_text_and_value():
    shop = Connector()

    @shop.choices
    def list_houses() -> list[Choice]:
        return []

    operation = shop.manifest(SHOP).operations["list_houses"]
    assert operation.kind is OperationKind.DDL
    assert operation.output_schema["required"] == ["result"]


@pytest.mark.parametrize(("sign_in", "required"), [(None, False), (Basic(), True)])
def test_a_drop_down_requires_an_auth_only_where_people_sign_in(sign_in: Any, required: bool):
    shop = Connector(sign_in=sign_in)

    @shop.choices
    def list_houses() -> list[Choice]:
        return []

    @dataclass
    class Booking:
        house: Annotated[str, choices_from(list_houses)]

    @shop.operation
    def book(booking: Booking) -> None: ...

    lookup = shop.manifest(SHOP).operations["book"].input_schema["properties"]["house"]["lookup"]
    assert lookup == {"operation": "list_houses", "input": {}, "authRequired": required}


def test_a_drop_down_that_depends_on_no_field_of_its_form_is_refused():
    shop = Connector()

    @shop.choices
    def list_rooms(ref: OrderRef) -> list[Choice]:
        return []

    @dataclass
    class Booking:
        room: Annotated[str, choices_from(list_rooms, order_id="nowhere")]

    @shop.operation
    def book(booking: Booking) -> None: ...

    with pytest.raises(ConnectorMistake, match="nowhere"):
        shop.manifest(SHOP)


def test_a_drop_down_must_fill_what_its_operation_requires():
    shop = Connector()

    @shop.choices
    def list_rooms(ref: OrderRef) -> list[Choice]:
        return []

    @dataclass
    class Booking:
        room: Annotated[str, choices_from(list_rooms)]

    @shop.operation
    def book(booking: Booking) -> None: ...

    with pytest.raises(ConnectorMistake, match='order_id="a field"'):
        shop.manifest(SHOP)


def test_a_parameter_without_a_meaning_is_refused_with_advice():
    shop = Connector()

    with pytest.raises(ConnectorMistake, match="order_id"):

        @shop.operation
        def get_order(order_id: str) -> Order: ...


def test_two_operations_cannot_share_a_name():
    shop = Connector()

    @shop.operation(name="get")
    def one() -> None: ...

    with pytest.raises(ConnectorMistake, match="two functions"):

        @shop.operation(name="get")
        def two() -> None: ...


def test_a_shape_that_has_no_schema_is_refused_by_the_name_of_its_operation():
    shop = Connector()

    @shop.operation
    def list_orders() -> list[str]: ...

    with pytest.raises(ShapeMistake, match=r"^list_orders: an output must be an object"):
        shop.manifest(SHOP)


def test_choices_must_return_choices():
    shop = Connector()

    with pytest.raises(ConnectorMistake, match=r"list\[Choice\]"):

        @shop.choices
        def list_houses() -> list[str]: ...


def test_user_data_fields_come_from_the_templates():
    shop = Connector("https://{subdomain}.shop.example/v1", sign_in=Basic(), hosts=["files.shop.example"])

    manifest = shop.manifest(SHOP)

    assert manifest.hosts == ("{subdomain}.shop.example", "files.shop.example")
    assert manifest.user_data_schema["required"] == ["subdomain"]


@dataclass
class Site:
    subdomain: Annotated[str, Field(title="Shop", description="What comes before .shop.example.", max_length=40)]


def test_user_data_fields_say_what_a_dataclass_says_about_them():
    shop = Connector("https://{subdomain}.shop.example/{region}", user_data=Site)

    schema = shop.manifest(SHOP).user_data_schema

    assert schema["required"] == ["subdomain", "region"]
    assert schema["properties"] == {
        "subdomain": {
            "type": "string",
            "title": "Shop",
            "description": "What comes before .shop.example.",
            "minLength": 1,
            "maxLength": 40,
        },
        "region": {"type": "string", "title": "Region", "minLength": 1},
    }


def test_described_user_data_must_be_a_text_of_some_address():
    @dataclass
    class Numbered:
        number: int

    with pytest.raises(ConnectorMistake, match="'subdomain' is in no address"):
        Connector("https://shop.example", user_data=Site).manifest(SHOP)
    with pytest.raises(ConnectorMistake, match="'number' must be a text"):
        Connector("https://{number}.shop.example", user_data=Numbered).manifest(SHOP)


def test_a_handler_may_ask_for_user_data():
    shop = Connector("{server}")

    @shop.operation
    def where(given: UserData) -> Order:
        return {"status": given["server"]}

    assert shop.manifest(SHOP).hosts == ("{server}",)


def test_a_manifest_survives_the_way_to_json_and_back():
    shop = Connector("https://shop.example", sign_in=Basic())

    @shop.operation
    def get_order(ref: OrderRef) -> Order: ...

    manifest = shop.manifest(SHOP)

    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize(
    ("base_url", "hosts"),
    [
        ("shop.example", []),
        ("https://shop.example?tenant=1", []),
        ("https://shop.example", ["http://bad host"]),
        ("https://{broken.shop.example", []),
    ],
)
def test_an_address_that_cannot_work_is_refused_before_it_is_deployed(base_url: str, hosts: list[str]):
    shop = Connector(base_url, hosts=hosts)

    with pytest.raises(ConnectorMistake, match="base URL or one of its hosts"):
        shop.manifest(SHOP)
