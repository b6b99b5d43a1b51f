"""Start a connector or an operation from an example: copy it, and replace the word `acme`."""

from __future__ import annotations

import ast
import keyword
import re
import shutil
import sys
import tempfile
import unicodedata
from importlib.util import find_spec
from pathlib import Path

from jackfield.cli.mistakes import CommandFailed
from jackfield.manifest import CONNECTOR_NAME, MAX_NAME_CHARACTERS

PACKAGE = Path(__file__).parent.parent
TEMPLATE = PACKAGE / "template"  # in an installed kit; its build copies examples/acme there
EXAMPLE = PACKAGE.parent.parent / "examples" / "acme"  # in a checkout of the repository
STARTERS = Path(__file__).parent / "starters"  # one folder a kind of operation
SUFFIX = ".txt"  # a starter's files end so: it is a text to copy, not code of ours
LEFT_BEHIND = frozenset({"__pycache__", ".venv", ".pytest_cache", ".ruff_cache", "dist"})
SECRET_SUFFIX = ".ctx.json"  # somebody's credentials; jackfield.project says the same, but is slow to import
OWN_NAMES = frozenset({"jackfield", "jackfield_hub", "tests", "conftest"})

HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
KNOWN_LETTERS = re.compile(r"[A-Za-z0-9 ._-]+")
ACME = re.compile(
    r"(?P<host>(?:[a-z0-9-]+\.)*acme\.(?:com|example)\b)|(?P<constant>ACME)|(?P<type>Acme(?=[A-Z]))|(?P<title>Acme)"
    r"|(?P<module>acme(?=[/_]|\.[a-z]))|acme"
)


def kebab_case(text: str) -> str:
    """Return "My Shop", "myShop" and "my_shop" as "my-shop". Raises CommandFailed when no name can be made of it."""
    plain = unicodedata.normalize("NFKD", text.strip()).encode("ascii", "ignore").decode()
    if not plain or not KNOWN_LETTERS.fullmatch(plain):
        raise CommandFailed(f"{text!r} cannot be a name: use letters, digits, spaces and hyphens")
    return "-".join(word.lower() for word in re.split(r"[ ._-]+", HUMPS.sub(" ", plain)) if word)


def connector_name(text: str) -> str:
    """Return the name as connector.json wants it. Raises CommandFailed with the reason why it cannot be one."""
    name = kebab_case(text)
    package = name.replace("-", "_")
    if not CONNECTOR_NAME.fullmatch(name) or not name[0].isalpha():
        raise CommandFailed(f"{name!r} cannot be a name: it has to begin with a letter")
    if len(name) > MAX_NAME_CHARACTERS:
        raise CommandFailed(f"the name has {len(name)} characters; {MAX_NAME_CHARACTERS} are the most")
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package in OWN_NAMES:
        raise CommandFailed(f"{name!r} cannot be a name: {package} is a word of Python or of Jackfield itself")
    if _is_installed(package):
        raise CommandFailed(f"{name!r} cannot be a name: a Python package {package} is installed and would hide it")
    return name


def operation_name(text: str) -> str:
    """Return the name as a function has it, "Get order" as "get_order". Raises CommandFailed with the reason."""
    name = kebab_case(text).replace("-", "_")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise CommandFailed(f"{name!r} cannot be an operation: it has to begin with a letter and not be a Python word")
    return name


def _is_installed(package: str) -> bool:
    found = find_spec(package)
    return found is not None and found.origin is not None


def copy_template(name: str, parent: Path) -> Path:
    """Make the folder `name` in `parent` and return it. It appears whole or not at all. Raises CommandFailed."""
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise CommandFailed(f"{folder} exists already, and nothing there was touched", "choose another name")
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=parent))
    try:
        draft.chmod(0o755)  # mkdtemp makes it private, a project is not
        _fill(draft, template_folder(), name)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def template_folder() -> Path:
    """Return the folder that `connector init` copies."""
    return TEMPLATE if TEMPLATE.is_dir() else EXAMPLE


def _fill(draft: Path, template: Path, name: str) -> None:
    for source in sorted(template.rglob("*")):
        path = source.relative_to(template)
        if source.is_dir() or LEFT_BEHIND.intersection(path.parts) or path.name.endswith(SECRET_SUFFIX):
            continue
        target = draft / path.as_posix().replace("acme", name.replace("-", "_"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(rename_acme(source.read_text("utf-8"), name, path.suffix), "utf-8")


def rename_acme(text: str, name: str, suffix: str) -> str:
    """Return the text of a file with the name in place of "acme", spelled as its place wants it.

    For "my-shop": `Acme` is "My Shop", `AcmeOrder` is `MyShopOrder`, `api.acme.example` is "api.my-shop.example";
    in Python files, module names and paths `acme` is `my_shop`, elsewhere "my-shop".
    """
    snake, words = name.replace("-", "_"), [word.capitalize() for word in name.split("-")]
    spellings = {
        "constant": snake.upper(),
        "type": "".join(words),
        "title": " ".join(words),
        "module": snake,
        None: snake if suffix == ".py" else name,
    }

    def spelled(found: re.Match[str]) -> str:
        return found["host"].replace("acme", name) if found["host"] else spellings[found.lastgroup]

    return ACME.sub(spelled, text)


def add_operation(folder: Path, package: str, name: str, kind: str) -> list[Path]:
    """Write an operation and its test into a connector's folder and return both. Raises CommandFailed."""
    targets = {
        "operation.py": folder / package / "operations" / f"{name}.py",
        "test.py": folder / "tests" / f"test_{name}.py",
    }
    for target in targets.values():
        if target.exists():
            raise CommandFailed(f"{target} exists already, and nothing was touched", "choose another name")
    connector = connector_variable(folder / package / "connector.py") or package
    for starter, target in targets.items():
        target.parent.mkdir(exist_ok=True)
        text = (STARTERS / kind / f"{starter}{SUFFIX}").read_text("utf-8")
        target.write_text(_rename_thing(text, package, connector, name), "utf-8")
    return list(targets.values())


def connector_variable(file: Path) -> str | None:
    """Return the name of the variable that holds the Connector, or None when the file does not say it plainly."""
    for line in ast.parse(file.read_text("utf-8")).body:
        match line:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="Connector")))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=ast.Name(id="Connector")))
            ):
                return name
            case _:
                continue
    return None


def _rename_thing(text: str, package: str, connector: str, name: str) -> str:
    words = name.split("_")
    spellings = {
        "acme_package": package,
        "acme_connector": connector,
        "do_thing": name,
        "DoThing": "".join(word.capitalize() for word in words),
        "Do thing": " ".join(words).capitalize(),
    }
    for word, spelling in spellings.items():
        text = text.replace(word, spelling)
    return text
