"""Get product."""

import pytest
from jackfield import NotFound
from jackfield.testing import FakeService, Recorded, run

from acme.operations.get_product import ProductRef, get_product


def test_a_product_has_a_title_and_a_price(recorded: Recorded) -> None:
    product = recorded.run(get_product, ProductRef(product_id=1))

    assert product["title"] == "Kettle"
    assert product["price"] == 24.5


def test_a_product_that_is_gone_says_so() -> None:
    acme = FakeService()
    acme.get("/products/404", status=404)

    with pytest.raises(NotFound):
        run(get_product, ProductRef(product_id=404), service=acme)
