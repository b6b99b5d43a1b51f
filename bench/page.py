"""The results as a table for a terminal, and as docs/reference/performance.md with its drawing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from bench.drawing import Bar, bars
from bench.results import BARE_CLIENT, DIRECT, PROXY, Results
from bench.targets import verdicts
from bench.variants import Case

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "performance.md"
DRAWN_CONNECTIONS = 64
HEADINGS = ("", "connections", "per s", "p50 ms", "p99 ms", "CPU µs", "PSS MB", "/ bare client", "/ proxy")

INTRODUCTION = """\
# What a call costs

<!-- Written by `make bench`. Do not edit. -->

Every row was measured on one machine in one run, the load and the third party on the same cores; the third party
answers 1 KB of JSON. Requests a second are a floor, therefore: more cores give more. CPU is that of the whole tree of
processes (hub, zygote, workers, and Postgres where there is one), for each answer. Columns with a slash are ratios to
the floors of the same round: a Python program that does nothing but ask with aiohttp, and nginx passing the request on.

In every call of Jackfield the token was checked, the input validated, credentials opened, the address checked, the
answer looked through for secrets, and a row committed to the disk before the answer left. *Declarative* is
`raw_http_request`, which the hub runs itself; *code* runs in a jailed worker.
"""


def write_page(all_results: Sequence[Results]) -> None:
    """Write the page from the last run on each database."""
    PAGE.write_text("\n".join(_lines(all_results)) + "\n")
    for results in all_results:
        PAGE.with_name(f"performance-{results.database}.svg").write_text(_drawing(results))


def table(results: Results) -> Table:
    made = Table(title=f"A call, on {results.database}, beside the floors of the same run")
    for heading in HEADINGS:
        made.add_column(heading, justify="right" if heading else "left")
    for _, cells in _cells(results):
        made.add_row(*cells)
    return made


def _lines(all_results: Sequence[Results]) -> Iterator[str]:
    yield INTRODUCTION
    for results in all_results:
        about = results.environment
        yield f"## On {'SQLite' if results.database == 'sqlite' else 'Postgres'}\n"
        yield f"{about['cores']} cores, Python {about['python']}, Linux {about['kernel']}; {_business(about)}.\n"
        yield f"![Requests a second and CPU for each answer](performance-{results.database}.svg)\n"
        for case in Case:
            yield f"The third party answers {'after 50 ms' if case else 'at once'}:\n"
            yield from _markdown(results, case)
            yield ""
        idle = f"{results.idle_mb:.0f} MB in all its processes"
        yield f"An idle hub takes {idle}; a warm worker adds {_workers(results)}.\n"
        yield "What we want:\n"
        yield from (f"- {verdict}" for verdict in verdicts(results))
        yield ""


def _business(about: Mapping[str, str]) -> str:
    load, cores = float(about["load"]), int(about["cores"])
    busy = ": **others were using the machine, so do not rely on this run**" if load > cores / 2 else ""
    return f"a load of {load:.1f} when it began{busy}"


def _workers(results: Results) -> str:
    return " or ".join(f"{size:.0f} MB" for size in results.worker_mb)


def _markdown(results: Results, case: Case) -> Iterator[str]:
    yield f"| {' | '.join(HEADINGS)} |"
    yield f"|{'|'.join('---' if not heading else '---:' for heading in HEADINGS)}|"
    yield from (f"| {' | '.join(cells)} |" for of, cells in _cells(results) if of == case)


def _cells(results: Results) -> Iterator[tuple[str, list[str]]]:
    for case, connections, variant in results.keys():  # noqa: SIM118 - no dictionary
        values = [
            results.find(variant, connections, what, case)
            for what in ("requests_per_second", "p50_ms", "p99_ms", "cpu_us", "memory_mb")
        ]
        shapes = (",.0f", ".2f", ".2f", ",.0f", ".0f")
        shown = [f"{value:{shape}}" if value else "–" for value, shape in zip(values, shapes, strict=True)]
        ratios = [
            results.ratio(variant, floor, connections, "requests_per_second", case) for floor in (BARE_CLIENT, PROXY)
        ]
        yield case, [_name(variant, case), str(connections), *shown, *(f"{one:.2f}" if one else "–" for one in ratios)]


def _name(variant: str, case: str) -> str:
    return f"{variant}, 50 ms" if case else variant


def _drawing(results: Results) -> str:
    names = [variant for case, connections, variant in results.keys() if (case, connections) == ("", DRAWN_CONNECTIONS)]  # noqa: SIM118
    shown = [name for name in names if name not in (PROXY, DIRECT)]  # nginx would leave no room for the others

    def drawn(what: str) -> list[Bar]:
        return [Bar(name, results.find(name, DRAWN_CONNECTIONS, what) or 0.0) for name in shown]

    return bars(
        {
            f"Requests a second, {DRAWN_CONNECTIONS} at a time": drawn("requests_per_second"),
            "CPU for each answer, µs": drawn("cpu_us"),
        }
    )
