"""`jackfield connector …`: write a connector on this machine, test it, run it, build it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from pathlib import Path

import click

from jackfield.cli.lazy import Noun
from jackfield.cli.mistakes import FAILURE
from jackfield.cli.options import as_json_option, files_option, input_option
from jackfield.cli.terminal import ask, print_json, print_table, say, working
from jackfield.exchange import JsonObject

KINDS = ("http", "composite", "ddl")


@click.group(cls=Noun)
def connector() -> None:
    """Write a connector on this machine: start it, test it, run it, build it."""


def complete_operation(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    folder = next((one for one in (Path.cwd(), *Path.cwd().parents) if (one / "connector.json").is_file()), Path.cwd())
    return sorted(file.stem for file in folder.glob(f"*/operations/{incomplete}*.py") if file.stem != "__init__")


@connector.command()
@click.argument("name", required=False)
@click.option("-i", "--install", is_flag=True, help="Make .venv in it, with the kit and the connector's dependencies.")
@as_json_option
def init(name: str | None, install: bool, as_json: bool) -> None:
    """Start a connector in a new folder. NAME becomes lower case with hyphens: "My Shop" is my-shop."""
    from jackfield.cli import environment, scaffold

    named = scaffold.connector_name(name or ask("Name of the connector", "which name? jackfield connector init NAME"))
    folder = scaffold.copy_template(named, Path.cwd())
    if install:
        with working("Installing the kit and the dependencies"):
            environment.install(folder)
    say(f"Success! Added {named}", fg="green")
    say(f"Next: cd {named} && jackfield connector test")
    if as_json:
        print_json({"name": named, "folder": str(folder)})


@connector.command("add-operation")
@click.argument("name", required=False)
@click.argument("kind", required=False, type=click.Choice(KINDS))
@as_json_option
def add_operation(name: str | None, kind: str | None, as_json: bool) -> None:
    """Add an operation and its test: one request (http), several (composite), or the entries of a drop-down (ddl)."""
    from jackfield.cli import scaffold, workbench

    project = workbench.here()
    missing = "which operation? jackfield connector add-operation NAME [http|composite|ddl]"
    named = scaffold.operation_name(name or ask("Name of the operation", missing))
    chosen = kind or (_ask_for_kind() if name is None else KINDS[0])
    files = scaffold.add_operation(project.folder, project.package, named, chosen)
    say(f"Success! Added operation: {named}", fg="green")
    for file in files:
        say(f"  {file.relative_to(project.folder)}")
    if as_json:
        print_json({"name": named, "kind": chosen, "files": [str(file) for file in files]})


def _ask_for_kind() -> str:
    kind = ask(f"Kind ({', '.join(KINDS)})", "which kind?", default=KINDS[0])
    if kind not in KINDS:
        raise click.UsageError(f"{kind!r} is not one of {', '.join(KINDS)}")
    return kind


@connector.command()
@click.argument("operation", required=False, shell_complete=complete_operation)
@click.option("-v", "--verbose", is_flag=True, help="Show every test by name, and what it printed.")
@click.option("--record", is_flag=True, help="Ask the live service, and record its answers for later.")
@click.option("--live", is_flag=True, help="Ask the live service instead of the recordings.")
@click.option("--diff", is_flag=True, help="With --live: name what has changed in the service's answers.")
@as_json_option
@click.pass_context
def test(
    ctx: click.Context, operation: str | None, *, verbose: bool, record: bool, live: bool, diff: bool, as_json: bool
) -> None:
    """Run the tests of the connector, or of one OPERATION: offline, on recorded answers."""
    from jackfield.cli import environment, workbench

    if record and live:
        raise click.UsageError("--record asks the live service anyway; leave out --live")
    if diff and not live:
        raise click.UsageError("--diff compares with the live service: add --live")
    project = workbench.here()
    environment.use_own_environment(ctx, project.folder)
    tests = workbench.find_tests(project, operation)
    flags = {"--record": record, "--live": live, "--diff": diff, "-v": verbose, "-s": verbose, "-q": not verbose}
    options = [flag for flag, is_set in flags.items() if is_set]
    say(f"Running the tests of {operation or project.metadata.name}")
    done = workbench.run_tests(project.folder, tests, options, wants_results=as_json)
    if as_json:
        print_json({"isSuccess": done.is_success, "elements": done.results})
    workbench.check_success(done)


@connector.command()
@click.argument("operation", shell_complete=complete_operation)
@input_option
@files_option
@click.option(
    "--auth",
    "auth_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Whom to sign in as: user data and credentials. Default: auth.ctx.json here.",
)
@click.option("--output-schema", is_flag=True, help="Ask which output this input would give, instead of running it.")
@as_json_option
@click.pass_context
def run(
    ctx: click.Context,
    operation: str,
    values: JsonObject,
    files: tuple[tuple[str, Path], ...],
    auth_file: Path | None,
    *,
    output_schema: bool,
    as_json: bool,
) -> None:
    """Run one OPERATION on this machine against the live service, and print its outcome as JSON."""
    from jackfield.cli import environment, live, workbench
    from jackfield.local_files import local_file
    from jackfield.project import AUTH_FILE
    from jackfield.runner import Wants

    project = workbench.here()
    environment.use_own_environment(ctx, project.folder)
    loaded = workbench.load_connector(project)
    auth = auth_file or project.folder / AUTH_FILE
    wants = Wants.OUTPUT_SCHEMA if output_schema else Wants.OUTPUT
    values = {**values, **{field: asdict(local_file(path)) for field, path in files}}
    started = time.monotonic()
    with working(f"Running {operation}"):
        outcome = live.run(loaded, operation.replace("-", "_"), values, auth, wants=wants)
    print_json(outcome.to_json())
    live.say_more(outcome, time.monotonic() - started)
    if not outcome.is_success:
        ctx.exit(FAILURE)


@connector.command()
@as_json_option
@click.pass_context
def build(ctx: click.Context, as_json: bool) -> None:
    """Check the connector and write dist/connector.zip, what a hub takes."""
    from jackfield.cli import environment, workbench

    project = workbench.here()
    environment.use_own_environment(ctx, project.folder)
    say("Connector Build Started")
    manifest, archive = workbench.build(project)
    path = workbench.write_archive(project.folder, archive)
    say("Connector Build Finished", fg="green")
    operations = [(one.name, one.kind.value, one.title) for one in manifest.operations.values()]
    if as_json:
        print_json(
            {
                "name": project.metadata.name,
                "version": project.metadata.version,
                "archive": str(path),
                "bytes": len(archive),
                "sha256": hashlib.sha256(archive).hexdigest(),
                "operations": [{"name": name, "kind": kind, "title": title} for name, kind, title in operations],
            }
        )
    else:
        print_table(("operation", "kind", "title"), operations)
        say(f"Next: {path.relative_to(project.folder)} is ready; jackfield deployment create")
