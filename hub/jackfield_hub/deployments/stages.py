"""The stages of a build, and what stops one.

unpack ─ check ─ install ─ describe ─ store ─ publish        (every stage may run again from its beginning)
"""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where a build is, and where it failed."""

    UNPACK = "unpack"  #: the source becomes files in a work folder of this attempt
    CHECK = "check"  #: is it a Python connector, with dependencies we can install
    INSTALL = "install"  #: its dependencies, as wheels
    DESCRIBE = "describe"  #: a worker imports the connector and says what it can do
    STORE = "store"  #: the work folder becomes an immutable bundle
    PUBLISH = "publish"  #: this version answers calls from here on


class CannotBuild(Exception):
    """The build cannot go on, and trying again would not help.

    `reason` is read by the connector's author: it says what to change, and holds no secret and no path of this machine.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
