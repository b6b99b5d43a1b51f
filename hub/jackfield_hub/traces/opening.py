"""Traces are switched on by a setting. Without it there is nothing, and no library is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield_hub.settings import Settings

if TYPE_CHECKING:
    from jackfield_hub.traces.spans import Traces


def open_traces(settings: Settings) -> Traces | None:
    """Return what makes spans, or None when nobody wants any. Close it in the end."""
    if not settings.traces_url:
        return None
    from jackfield_hub.traces.spans import Traces

    return Traces(settings)
