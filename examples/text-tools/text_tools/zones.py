"""Time zones."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jackfield import InvalidInput


def zone_called(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInput(f"There is no time zone {name!r}. Choose one like Europe/Zurich or UTC.") from None


def in_zone(moment: datetime, name: str) -> datetime:
    """Return the moment as the clocks there show it; a moment that names no zone is taken to be there already."""
    zone = zone_called(name)
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
