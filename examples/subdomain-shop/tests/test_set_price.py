"""Set price."""

from jackfield.testing import FakeService, run

from subdomain_shop.operations.set_price import NewPrice, product_choices, set_price

MUGS = {"shop": "mugs"}


def test_a_price_is_changed_and_nothing_else():
    service = FakeService()
    service.patch("/products/records/m1", json={"data": {"id": "m1", "title": "Mug", "price": 9}})

    assert run(set_price, NewPrice("m1", 9), service=service, user_data=MUGS)["price"] == 9
    assert service.requests[0].json() == {"data": {"price": 9}}


def test_the_drop_down_names_each_product():
    service = FakeService()
    service.get("/products/records", json={"data": [{"id": "m1", "title": "Mug", "price": 12.5}]})

    assert run(product_choices, service=service, user_data=MUGS)["result"] == [{"text": "Mug", "value": "m1"}]
