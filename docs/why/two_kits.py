"""The same operations in this kit and in the official TypeScript kit: their text, their files and lines, counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TYPESCRIPT = HERE / "two-kits" / "typescript"
PYTHON = HERE.parents[1] / "examples" / "parse" / "parse"
HEAD = """# The same operation in two kits

<!-- Written by `make docs` from the code. Do not edit. -->

Four operations of the [Parse example](../../examples/parse/README.md), once more as they are written with the official
TypeScript kit (version 4.65). Counted are the files one has to write and their lines that are not blank; what both have
once for a connector (sign-in, base address) and the tests are left out. The TypeScript passes its compiler in strict
mode; it was not run against a server.
"""
COLUMNS = "| operation | shows | files | lines | TypeScript: files | lines |"


@dataclass(frozen=True)
class Pair:
    """One operation: what it shows, its files here, and its folders there."""

    title: str
    shows: str
    python: tuple[str, ...]
    typescript: tuple[str, ...]

    @property
    def ours(self) -> list[Path]:
        return [PYTHON / name for name in self.python]

    @property
    def theirs(self) -> list[Path]:
        return sorted(file for name in self.typescript for file in (TYPESCRIPT / name).iterdir())


PAIRS = [
    Pair("Read one", "one request, a drop-down", ("operations/get_customer.py", "shapes.py"), ("get_customer",)),
    Pair("A drop-down", "choices that can be searched", ("operations/customer_choices.py",), ("customer_choices",)),
    Pair(
        "A whole list",
        "page after page",
        ("operations/list_customers.py",),
        ("list_customers", "list_customers_page"),
    ),
    Pair("A refusal with advice", "status 429", ("operations/call_function.py",), ("call_function",)),
]


def two_kits_page() -> str:
    """Return the page as Markdown."""
    rows = "\n".join(_row(pair) for pair in PAIRS)
    table = f"{COLUMNS}\n{'| --- ' * 6}|\n{rows}"
    return "\n\n".join([HEAD.strip(), table, *(_section(pair) for pair in PAIRS)]) + "\n"


def lines(files: Iterable[Path]) -> int:
    """Count the lines that are not blank."""
    return sum(1 for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip())


def _row(pair: Pair) -> str:
    counts = (len(pair.ours), lines(pair.ours), len(pair.theirs), lines(pair.theirs))
    return f"| {pair.title} | {pair.shows} | {' | '.join(map(str, counts))} |"


def _section(pair: Pair) -> str:
    ours = "\n\n".join(_block(file, PYTHON, "python") for file in pair.ours if file.name != "shapes.py")
    kinds = {".ts": "typescript", ".json": "json"}
    theirs = "\n\n".join(_block(file, TYPESCRIPT, kinds[file.suffix]) for file in pair.theirs)
    return f"## {pair.title}\n\n{ours}\n\nIn TypeScript:\n\n{theirs}"


def _block(file: Path, folder: Path, kind: str) -> str:
    return f"`{file.relative_to(folder).as_posix()}`\n\n```{kind}\n{file.read_text(encoding='utf-8').strip()}\n```"
