"""List products."""

import pytest
from jackfield import NotFound
from jackfield.testing import FakeService, run

from subdomain_shop.operations.list_products import ProductQuery, list_products

MUG = {"id": "m1", "title": "Mug", "price": 12.5}


def test_products_come_from_the_shops_own_host():
    service = FakeService()
    service.get("/products/records?_sort=-price&_limit=20", json={"data": [MUG]})

    listed = run(list_products, ProductQuery("-price"), service=service, user_data={"shop": "mugs"})

    assert listed == {"shop": "mugs", "products": [MUG]}


def test_a_shop_that_is_not_there_is_said_so():
    service = FakeService()
    service.get("/products/records", status=404)

    with pytest.raises(NotFound, match="no shop 'mugs' at this address"):
        run(list_products, ProductQuery(), service=service, user_data={"shop": "mugs"})
