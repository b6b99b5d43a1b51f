"""Whose job is next: those who want work done take turns, however much of it each of them has waiting."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

NOBODY = ""  #: the share of jobs that are done for the hub itself


@dataclass(frozen=True, slots=True)
class Range:
    """Shares above one name and below another; None has no end on that side."""

    above: str | None
    below: str | None


class Turns:
    """The turns in jobs of one kind. A share is an organization's id."""

    def __init__(self) -> None:
        self._last: str | None = None

    def served(self, share: str) -> None:
        """The next turn is that of who comes after this one."""
        self._last = share

    def order(self, busy: Collection[str]) -> Iterator[Range]:
        """Yield where to look for the next, the first place first; never among those who are busy enough.

        Ranges, because somebody who is busy may have ten thousand more waiting: a search must not walk past them.
        """
        if self._last is not None:
            yield from _between(self._last, busy)
        yield from _between(None, busy)


def _between(above: str | None, busy: Collection[str]) -> Iterator[Range]:
    for share in sorted(busy):
        if above is None or share > above:
            yield Range(above, share)
            above = share
    yield Range(above, None)
