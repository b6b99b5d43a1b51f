"""`jackfield calls …` and `jackfield usage`: what was called, how it ended, and how much of it there was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from itertools import islice, takewhile

import click
import orjson

from jackfield.cli.lazy import Noun
from jackfield.cli.options import Day, Id, Moment, as_json_option, profile_option
from jackfield.cli.profiles import open_hub
from jackfield.cli.terminal import print_json, print_table, say, visible, working
from jackfield.exchange import JsonObject
from jackfield.hub_client import HubClient

LARGEST_PAGE = 1000
FOLLOW_SECONDS = 2.0
OVERLAP_MILLISECONDS = 10_000  # a call may be stored after one that was made later
EARLIEST = "0" * 12  # as an id of 1970 begins
HEAD = ("began", "connector", "operation", "outcome", "ms", "user", "id")


@click.group(cls=Noun)
def calls() -> None:
    """Look up what was called on a hub, and how it ended."""


@calls.command("list")
@click.option("--connector", metavar="NAME", help="Only calls of this connector.")
@click.option("--version", metavar="VERSION", help="Only calls of this version of it.")
@click.option("--operation", metavar="NAME", help="Only calls of this operation.")
@click.option("--auth", "authId", type=Id(), metavar="ID", help="Only calls with this auth.")
@click.option("--user", "userId", type=Id(), metavar="ID", help="Only this user's calls.")
@click.option("--outcome", type=click.Choice(["success", "error", "unknown"]), help="Only calls that ended so.")
@click.option("--code", "errorCode", metavar="CODE", help="Only errors with this code, for example #api_error.")
@click.option("--request", "requestId", metavar="ID", help="Only the call answered with this X-Request-Id.")
@click.option("--from", "from_", type=Moment(), metavar="TIME", help=f"Only calls since then: {Moment.examples}.")
@click.option("--to", type=Moment(), metavar="TIME", help="Only calls before then.")
@click.option("--limit", type=click.IntRange(1), default=50, help="How many at most.  [default: 50]")
@click.option("--follow", is_flag=True, help="Go on and show new calls as they are made, until Ctrl-C.")
@profile_option
@as_json_option
def list_calls(*, limit: int, follow: bool, profile: str | None, as_json: bool, **wanted: str | None) -> None:
    """List calls, the newest first. With --follow: the newest last, and one JSON object a line with --json."""
    query = {name.rstrip("_"): value for name, value in wanted.items() if value}
    with open_hub(profile) as hub:
        with working("Asking the hub"):
            pages = _pages(hub, query, LARGEST_PAGE if follow else min(limit, LARGEST_PAGE))
            found = list(islice(pages, limit))
            # The overlap reaches behind what the limit cuts off, and that must not come back as new.
            cut_off = list(_overlapping(pages, found[0]["id"])) if follow and found else []
        if follow:
            _follow(hub, query, found, cut_off, as_json=as_json)
        elif as_json:
            print_json({"elements": found})
        elif found:
            print_table(HEAD, [_row(one) for one in found])
        else:
            say("There are no such calls.")


@calls.command()
@click.argument("call_id", metavar="ID")
@profile_option
@as_json_option
def show(call_id: str, profile: str | None, *, as_json: bool) -> None:
    """Show all that is known of one call."""
    with open_hub(profile, "jackfield calls list shows what was called") as hub, working("Asking the hub"):
        found = hub.read_call(call_id)
    if as_json:
        print_json(found)
    else:
        payload = found.pop("payload", None)
        print_table(("", ""), [(name, "" if value is None else str(value)) for name, value in found.items()])
        _print_payload(payload)


@click.command()
@click.option("--from", "from_", type=Day(), metavar="DAY", help="The first day, in UTC: 2026-11-01.")
@click.option("--to", type=Day(), metavar="DAY", help="The last day.")
@click.option(
    "--by",
    type=click.Choice(["day", "connector", "operation", "user"]),
    multiple=True,
    help="What to tell apart. May be given several times.",
)
@click.option("--user", "user_id", type=Id(), metavar="ID", help="Only what this user has used.")
@profile_option
@as_json_option
def usage(
    *,
    from_: str | None,
    to: str | None,
    by: tuple[str, ...],
    user_id: str | None,
    profile: str | None,
    as_json: bool,
) -> None:
    """Show how many tasks your organization has used: one for every call that was run."""
    asked = {"from": from_, "to": to, "userId": user_id}
    query = [(name, value) for name, value in asked.items() if value] + [("by", one) for one in by]
    with open_hub(profile) as hub, working("Asking the hub"):
        used = hub.read_usage(query)
    if as_json:
        print_json(used)
    elif not by:
        click.echo(used["tasks"])
    else:
        names = ["userId" if one == "user" else one for one in dict.fromkeys(by)]
        rows = [[*(str(group[name]) for name in names), str(group["tasks"])] for group in used["groups"]]
        print_table([*names, "tasks"], rows)


def _print_payload(payload: JsonObject | None) -> None:
    """Print what went in and came out, each under its name: `{"input": "{…}", "output": "{…}", "isCut": false}`."""
    if payload is None:
        return
    for name in ("input", "output"):
        click.echo(f"\n{name}\n{visible(_indented(payload[name]))}")
    if payload["isCut"]:
        say("The end is missing: this is longer than what the hub keeps.", fg="yellow")


def _indented(text: str) -> str:
    """Return JSON text on several lines, and any other as it is: where the end is missing, it is no JSON."""
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return text


def _pages(hub: HubClient, query: dict[str, str], size: int = LARGEST_PAGE) -> Iterator[JsonObject]:
    """Yield calls, the newest first, asking for more as they are taken."""
    cursor = ""
    while True:
        page = hub.list_calls({**query, **({"cursor": cursor} if cursor else {}), "first": str(size)})
        yield from page["elements"]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return


def _follow(
    hub: HubClient, query: dict[str, str], found: list[JsonObject], cut_off: list[JsonObject], *, as_json: bool
) -> None:
    """Print what was found and what comes, the newest last, but nothing that was cut off."""
    known = {one["id"] for one in cut_off}
    while True:
        for one in reversed(found):
            known.add(one["id"])
            click.echo(_line(one, as_json=as_json))
        time.sleep(FOLLOW_SECONDS)
        newest = max(known, default=EARLIEST)
        known = {one for one in known if _is_overlapping(one, newest)}
        found = [one for one in _overlapping(_pages(hub, query), newest) if one["id"] not in known]


def _overlapping(pages: Iterator[JsonObject], newest: str) -> Iterator[JsonObject]:
    """Yield the calls that are not much older than the one with this id; ids are in the order of time."""
    return takewhile(lambda one: _is_overlapping(one["id"], newest), pages)


def _is_overlapping(call_id: str, newest: str) -> bool:
    return _milliseconds(call_id) >= _milliseconds(newest) - OVERLAP_MILLISECONDS


def _milliseconds(call_id: str) -> int:
    """Return when an id was made (it is a UUID of version 7), in milliseconds since 1970."""
    return int(call_id.replace("-", "")[:12], 16)


def _line(call: JsonObject, *, as_json: bool) -> str | bytes:
    if not as_json:
        return visible("  ".join(_row(call)))
    return orjson.dumps(call)


def _row(call: JsonObject) -> tuple[str, ...]:
    began = datetime.fromisoformat(call["startedAt"]).strftime("%Y-%m-%d %H:%M:%S")
    ended = call["outcome"] if call["errorCode"] is None else f"{call['outcome']} {call['errorCode']}"
    name = f"{call['connector']} {call['version']}"
    return began, name, call["operation"], ended, f"{call['milliseconds']:.0f}", call["userId"] or "", call["id"]
