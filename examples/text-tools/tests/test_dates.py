"""Move date."""

from datetime import datetime
from typing import Any

import pytest
from jackfield import InvalidInput
from jackfield.testing import FakeService, run

from text_tools.operations.move_date import DateToMove, MonthEnd, Step, move_date
from text_tools.operations.time_zone_choices import time_zone_choices

NOBODY = FakeService()


def moved(moment: str, by: Step | MonthEnd, zone: str = "UTC") -> Any:
    return run(move_date, DateToMove(datetime.fromisoformat(moment), by, zone), service=NOBODY)


def test_a_month_later_the_31st_is_the_last_day():
    assert moved("2026-01-31T09:00:00", Step(1, "months")) == {
        "moment": "2026-02-28T09:00:00+00:00",
        "weekday": "Saturday",
    }


def test_a_day_keeps_the_time_on_the_clock_and_an_hour_does_not():
    before_spring = "2026-03-28T12:00:00"

    assert moved(before_spring, Step(1, "days"), "Europe/Zurich")["moment"] == "2026-03-29T12:00:00+02:00"
    assert moved(before_spring, Step(24, "hours"), "Europe/Zurich")["moment"] == "2026-03-29T13:00:00+02:00"


def test_a_moment_may_go_to_the_end_of_its_month():
    assert moved("2028-02-03T00:00:00+00:00", MonthEnd("end_of_month"))["moment"] == "2028-02-29T00:00:00+00:00"


def test_a_zone_nobody_knows_is_refused():
    with pytest.raises(InvalidInput, match="Europe/Zurich"):
        moved("2026-01-31T09:00:00", Step(1), "Mars/Olympus")


def test_the_end_of_time_is_refused():
    with pytest.raises(InvalidInput, match="smaller step"):
        moved("9999-12-31T09:00:00", Step(1, "years"))


def test_zones_are_listed_by_name():
    choices = run(time_zone_choices, service=NOBODY)["result"]

    assert {"text": "America/New York", "value": "America/New_York"} in choices
