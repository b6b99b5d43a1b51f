"""Move date."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypedDict

from jackfield import Field, InvalidInput, choices_from

from text_tools.connector import text_tools
from text_tools.operations.time_zone_choices import time_zone_choices
from text_tools.zones import in_zone


@dataclass
class Step:
    """So many days, months or years."""

    amount: Annotated[int, Field(title="How many", description="A negative number goes back.", minimum=-100_000)]
    unit: Annotated[
        Literal["hours", "days", "weeks", "months", "years"],
        Field(
            title="Of what",
            labels={"hours": "Hours", "days": "Days", "weeks": "Weeks", "months": "Months", "years": "Years"},
        ),
    ] = "days"


@dataclass
class MonthEnd:
    """The last day of the same month."""

    edge: Annotated[Literal["end_of_month"], Field(title="Edge", labels={"end_of_month": "End of the month"})]


@dataclass
class DateToMove:
    moment: Annotated[datetime, Field(title="Date and time")]
    by: Annotated[Step | MonthEnd, Field(title="By")]
    zone: Annotated[
        str, Field(title="Time zone", description="Where the day begins and ends."), choices_from(time_zone_choices)
    ] = "UTC"


class Moment(TypedDict):
    """A date with its time and zone, as in 2026-02-28T09:00:00+01:00."""

    moment: str
    weekday: str


@text_tools.operation
def move_date(given: DateToMove) -> Moment:
    """Find the date some time before or after another."""
    start = in_zone(given.moment, given.zone)
    try:
        moved = _end_of_month(start) if isinstance(given.by, MonthEnd) else _moved(start, given.by)
    except (OverflowError, ValueError):
        raise InvalidInput("That date would not be between the years 1 and 9999. Go a smaller step.") from None
    return {"moment": moved.isoformat(), "weekday": moved.strftime("%A")}


def _moved(start: datetime, step: Step) -> datetime:
    if step.unit in ("months", "years"):
        return _months_later(start, step.amount * (12 if step.unit == "years" else 1))
    if step.unit == "hours":  # an hour is an hour, also in the night when the clocks change
        return datetime.fromtimestamp(start.timestamp() + step.amount * 3600, start.tzinfo)
    return start + timedelta(**{step.unit: step.amount})


def _months_later(start: datetime, months: int) -> datetime:
    """Return the same day of another month; the 31st becomes the last day where there is none."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def _end_of_month(start: datetime) -> datetime:
    return start.replace(day=monthrange(start.year, start.month)[1])
