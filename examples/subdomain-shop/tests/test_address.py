"""Where a shop is."""

import pytest
from jackfield import InvalidInput
from jackfield.egress.templates import resolve_template

from subdomain_shop.connector import subdomain_shop


def test_a_shop_has_a_host_of_its_own():
    assert resolve_template(subdomain_shop.base_url, {"shop": "mugs"}).startswith("https://mugs.shops.example/v1/")


@pytest.mark.parametrize(
    "shop", ["evil.example/", "evil.example#", "a@evil.example", "mugs.evil", "mugs:80", "..", "", "múgs", "a%2e"]
)
def test_a_shop_never_leads_to_another_host(shop: str):
    with pytest.raises(InvalidInput):
        resolve_template(subdomain_shop.base_url, {"shop": shop})
