"""Split money."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, TypedDict

from jackfield import Field, InvalidInput

from text_tools.connector import text_tools


@dataclass
class Bill:
    amount: Annotated[
        str, Field(title="Amount", description="As a text, so that no cent is lost: 100.00", examples=("100.00",))
    ]
    shares: Annotated[
        list[int],
        Field(title="Shares", description="How many parts each one takes: 1, 1, 2 means the last takes half."),
    ]
    decimals: Annotated[
        int, Field(title="Decimals", description="Two for euros, none for yen.", minimum=0, maximum=6, is_advanced=True)
    ] = 2


class Shares(TypedDict):
    """What each one takes, in the same order. Together it is exactly the amount."""

    amounts: list[str]


@text_tools.operation
def split_money(bill: Bill) -> Shares:
    """Split an amount by shares without losing a cent: what cannot be split goes to the first ones."""
    smallest = Decimal(1).scaleb(-bill.decimals)
    units = _units(bill, smallest)
    total = sum(bill.shares)
    if total <= 0 or min(bill.shares) < 0:
        raise InvalidInput("Shares are whole numbers that are not negative, at least one of them above 0.")
    parts = [abs(units) * share // total for share in bill.shares]
    takers = [index for index, share in enumerate(bill.shares) if share]
    for index in takers[: abs(units) - sum(parts)]:
        parts[index] += 1
    return {"amounts": [str((part if units >= 0 else -part) * smallest) for part in parts]}


def _units(bill: Bill, smallest: Decimal) -> int:
    """Return the amount counted in its smallest coin."""
    try:
        units = Decimal(bill.amount) / smallest
    except InvalidOperation:
        raise InvalidInput(f"{bill.amount!r} is no amount. Write it like 100.00, without a currency.") from None
    if not units.is_finite() or units != int(units):
        raise InvalidInput(f"{bill.amount} has more than {bill.decimals} decimals. Round it first.")
    return int(units)
