"""Split money."""

from typing import Any

import pytest
from jackfield import InvalidInput
from jackfield.testing import FakeService, run

from text_tools.operations.split_money import Bill, split_money

NOBODY = FakeService()


@pytest.mark.parametrize(
    ("bill", "amounts"),
    [
        (Bill("100.00", [1, 1, 1]), ["33.34", "33.33", "33.33"]),
        (Bill("-0.05", [1, 1]), ["-0.03", "-0.02"]),
        (Bill("1000", [0, 1, 2], decimals=0), ["0", "334", "666"]),
    ],
)
def test_no_cent_is_lost(bill: Bill, amounts: list[str]):
    assert run(split_money, bill, service=NOBODY) == {"amounts": amounts}


@pytest.mark.parametrize(
    ("amount", "shares", "said"),
    [("ten", [1], "is no amount"), ("NaN", [1], "decimals"), ("1.005", [1], "Round it"), ("1", [], "at least one")],
)
def test_what_cannot_be_split_is_refused(amount: str, shares: list[Any], said: str):
    with pytest.raises(InvalidInput, match=said):
        run(split_money, Bill(amount, shares), service=NOBODY)
