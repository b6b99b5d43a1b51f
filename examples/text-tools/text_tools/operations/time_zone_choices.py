"""The time zones, for a drop-down."""

from zoneinfo import available_timezones

from jackfield import Choice

from text_tools.connector import text_tools


@text_tools.choices
def time_zone_choices() -> list[Choice]:
    """Time zones by name."""
    return [{"text": name.replace("_", " "), "value": name} for name in sorted(available_timezones())]
