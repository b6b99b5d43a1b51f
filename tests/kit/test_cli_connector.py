"""From an empty folder to an archive: init, add-operation, test, run, build."""

from __future__ import annotations

import resource
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Generator
from pathlib import Path

import pytest

from jackfield.cli.scaffold import rename_acme
from jackfield.project import find_project
from tests.kit.command_line import CommandLine
from tests.kit.third_party import third_party

ROOT = Path(__file__).parents[2]
KINDS = ("http", "composite", "ddl")


@pytest.fixture
def shop(cli: CommandLine) -> Path:
    """A connector just started."""
    assert cli("connector", "init", "My Shop").exit_code == 0
    return cli.folder / "my-shop"


@pytest.fixture
def service() -> Generator[str]:
    """A third party at this machine."""
    with third_party() as url:
        yield url


def point_to(shop: Path, url: str, sign_in: str = "") -> None:
    """Let the connector speak to this address."""
    code = f'from jackfield import ApiKey, Connector\n\nmy_shop = Connector("{url}"{sign_in})\n'
    (shop / "my_shop" / "connector.py").write_text(code)


def test_init_then_test_is_green_offline_in_five_seconds(cli: CommandLine) -> None:
    started = seconds_of_children()
    init = cli.process("connector", "init", "My Shop")
    test = cli.process("connector", "test", folder=cli.folder / "my-shop")
    seconds = seconds_of_children() - started

    assert (init.exit_code, "Success! Added my-shop" in init.talk) == (0, True)
    assert (test.exit_code, "Tests ran successfully" in test.talk) == (0, True), test.talk
    assert (init.data, test.data) == ("", "")
    assert seconds < 5


def seconds_of_children() -> float:
    """Return the processor time of all processes that ended: how long it takes when nobody else is at work."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Shop", "my-shop"),
        ("myShop", "my-shop"),
        ("my_shop", "my-shop"),
        ("Müller & Co".replace(" & ", " "), "muller-co"),
    ],
)
def test_names_become_kebab_case(cli: CommandLine, text: str, name: str) -> None:
    answer = cli("connector", "init", text, "--json")

    assert answer.json == {"name": name, "folder": str(cli.folder / name)}
    assert find_project(cli.folder / name).metadata.name == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("../up", "use letters"),
        ("a/b", "use letters"),
        ("shop!", "use letters"),
        ("---", "begin with a letter"),
        ("", "use letters"),
        ("日本", "use letters"),
        ("3d shop", "begin with a letter"),
        ("class", "a word of Python"),
        ("json", "a word of Python"),
        ("jackfield", "a word of Python or of Jackfield"),
        ("orjson", "is installed and would hide it"),
        ("x" * 101, "101 characters"),
    ],
)
def test_a_bad_name_is_refused_with_the_reason(cli: CommandLine, text: str, reason: str) -> None:
    answer = cli("connector", "init", "--", text)

    assert answer.exit_code == (2 if not text else 1)
    assert reason in answer.talk or not text
    assert list(cli.folder.iterdir()) == []


def test_init_never_touches_what_is_there(cli: CommandLine) -> None:
    (cli.folder / "my-shop").mkdir()

    answer = cli("connector", "init", "My Shop")

    assert answer.exit_code == 1
    assert "exists already" in answer.talk
    assert list((cli.folder / "my-shop").iterdir()) == []


def test_init_leaves_nothing_when_it_is_stopped(cli: CommandLine) -> None:
    """The folder is whole or not there, whenever Ctrl-C comes."""
    for tenths in range(1, 8):
        running = cli.start("connector", "init", "My Shop")
        time.sleep(tenths / 30)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)

        left = [one.name for one in cli.folder.iterdir()]
        if left:
            assert left == ["my-shop"]
            assert find_project(cli.folder / "my-shop").metadata.title == "My Shop"
            break


def test_the_word_acme_is_spelled_as_its_place_wants_it() -> None:
    code = 'from acme.connector import acme\nclass AcmeOrder: """Orders of Acme."""\nACME_URL = "https://api.acme.example/v1"'
    text = "`acme` lives in acme/operations, see acme.connector and https://acme.example/acme/x"

    assert rename_acme(code, "my-shop", ".py") == (
        "from my_shop.connector import my_shop\n"
        'class MyShopOrder: """Orders of My Shop."""\n'
        'MY_SHOP_URL = "https://api.my-shop.example/v1"'
    )
    assert rename_acme(text, "my-shop", ".md") == (
        "`my-shop` lives in my_shop/operations, see my_shop.connector and https://my-shop.example/my_shop/x"
    )


def test_a_new_connector_holds_no_word_of_the_example(shop: Path) -> None:
    for file in shop.rglob("*"):
        assert "acme" not in file.name.lower()
        assert file.is_dir() or "acme" not in file.read_text("utf-8").lower()


def test_init_can_install_says_what_to_do_when_it_cannot(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    answer = cli.process("connector", "init", "My Shop", "--install")

    assert answer.exit_code == 1
    assert "pip says why above" in answer.talk
    assert not (cli.folder / "my-shop" / ".venv").exists()
    assert (cli.folder / "my-shop" / "connector.json").is_file()


def test_every_kind_of_operation_is_born_with_a_passing_test(cli: CommandLine, shop: Path) -> None:
    for kind in KINDS:
        added = cli.process("connector", "add-operation", f"{kind}-thing", kind, folder=shop)
        assert f"Success! Added operation: {kind}_thing" in added.talk

    test = cli.process("connector", "test", "--json", folder=shop)

    assert test.exit_code == 0, test.talk
    outcomes = {one["file"]: one["outcome"] for one in test.json["elements"]}
    assert {f"tests.test_{kind}_thing" for kind in KINDS} <= set(outcomes)
    assert set(outcomes.values()) == {"passed"}
    born = [str(file) for file in shop.rglob("*_thing.py")]
    for tool in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *tool, "--isolated", "--line-length=120", *born]
        linted = subprocess.run(command, cwd=shop, capture_output=True, text=True, check=False)
        assert linted.returncode == 0, linted.stdout


def test_an_operation_finds_the_connector_by_whatever_name_it_has(cli: CommandLine, shop: Path) -> None:
    (shop / "my_shop" / "connector.py").write_text(
        'from jackfield import Connector\n\nstore: Connector = Connector("https://x.example")\n'
    )
    (shop / "my_shop" / "operations" / "get_product.py").unlink()

    assert cli.process("connector", "add-operation", "get_order", folder=shop).exit_code == 0

    built = cli.process("connector", "build", "--json", folder=shop)
    assert [one["name"] for one in built.json["operations"]] == ["get_order"]


@pytest.mark.parametrize("name", ["get_product", "class", "2nd", "a/b"])
def test_an_operation_that_cannot_be_is_refused(
    cli: CommandLine, shop: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    before = {file: file.read_bytes() for file in shop.rglob("*.py")}

    assert cli("connector", "add-operation", name).exit_code == 1

    assert {file: file.read_bytes() for file in shop.rglob("*.py")} == before


def test_one_operation_is_tested_alone(cli: CommandLine, shop: Path) -> None:
    (shop / "tests" / "test_broken.py").write_text("def test_it():\n    assert False\n")

    assert cli.process("connector", "test", "get-product", folder=shop).exit_code == 0
    failed = cli.process("connector", "test", "--json", folder=shop)
    assert failed.exit_code == 1
    assert failed.json["isSuccess"] is False
    assert {one["outcome"] for one in failed.json["elements"]} == {"passed", "failed"}
    unknown = cli.process("connector", "test", "nothing", folder=shop)
    assert (unknown.exit_code, "broken, get_product" in unknown.talk) == (1, True)


def test_no_tests_are_not_a_success(cli: CommandLine, shop: Path) -> None:
    for file in (shop / "tests").glob("test_*.py"):
        file.unlink()

    answer = cli.process("connector", "test", folder=shop)

    assert (answer.exit_code, "there are no tests" in answer.talk) == (1, True)


def test_run_asks_the_live_service(cli: CommandLine, shop: Path, service: str) -> None:
    point_to(shop, service)

    answer = cli.process("connector", "run", "get-product", "--input", '{"product_id": 1}', folder=shop)

    assert answer.exit_code == 0
    assert answer.json["outcome"] == "success"
    assert answer.json["output"]["price"] == 9.5
    assert "Success after" in answer.talk


def test_run_signs_in_and_shows_no_secret(cli: CommandLine, shop: Path, service: str) -> None:
    point_to(shop, service, ', sign_in=ApiKey("X-Key")')
    words = ("connector", "run", "get_product", "--input", '{"product_id": 1}')

    stranger = cli.process(*words, folder=shop)
    assert stranger.exit_code == 1
    assert "required key [apiKey] not found" in stranger.talk
    assert "auth.ctx.json" in stranger.talk

    (shop / "auth.ctx.json").write_text('{"credentials": {"apiKey": "s3cr3t-key-0123456789"}}')
    answer = cli.process(*words, folder=shop)
    assert answer.exit_code == 0
    assert "Lamp for" in answer.data
    assert "s3cr3t-key-0123456789" not in answer.data + answer.talk

    given = cli.process(*words, "--auth", "other.json", folder=shop)
    assert (given.exit_code, "'other.json' does not exist" in given.talk) == (2, True)


@pytest.mark.parametrize(
    ("input_text", "message"),
    [("{}", "required key [product_id] not found"), ('{"product_id": 2}', "Not found")],
)
def test_run_exits_1_when_the_outcome_is_an_error(
    cli: CommandLine, shop: Path, service: str, input_text: str, message: str
) -> None:
    point_to(shop, service)

    answer = cli.process("connector", "run", "get_product", "--input", input_text, folder=shop)

    assert answer.exit_code == 1
    assert answer.json["outcome"] == "error"
    assert message in answer.json["output"]["message"]


def test_run_shows_its_author_where_the_code_broke(cli: CommandLine, shop: Path) -> None:
    operation = shop / "my_shop" / "operations" / "get_product.py"
    operation.write_text(operation.read_text("utf-8").replace("    return ", "    1 / 0\n    return "))

    answer = cli.process("connector", "run", "get_product", "--input", '{"product_id": 1}', folder=shop)

    assert answer.exit_code == 1
    assert "ZeroDivisionError" in answer.talk
    assert "ZeroDivisionError" not in answer.data


def test_what_the_authors_code_prints_stays_out_of_the_data(cli: CommandLine, shop: Path, service: str) -> None:
    point_to(shop, service)
    operation = shop / "my_shop" / "operations" / "get_product.py"
    operation.write_text(operation.read_text("utf-8").replace("    return ", "    print('asking')\n    return "))

    answer = cli.process("connector", "run", "get_product", "--input", '{"product_id": 1}', folder=shop)

    assert answer.json["outcome"] == "success"
    assert "asking" in answer.talk


def test_run_names_the_operations_there_are(cli: CommandLine, shop: Path) -> None:
    answer = cli.process("connector", "run", "nothing", folder=shop)

    assert (answer.exit_code, "operations there are: get_product" in answer.talk) == (1, True)


def test_ctrl_c_stops_a_waiting_run_with_one_word(cli: CommandLine, shop: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        point_to(shop, f"http://127.0.0.1:{silent.getsockname()[1]}")
        words = ("connector", "run", "get_product", "--input", '{"product_id": 1}')
        running = CommandLine(shop).start(*words)
        try:
            connection, _ = silent.accept()
            with connection:
                connection.recv(1)

                running.send_signal(signal.SIGINT)

                _, talk = running.communicate(timeout=20)
            assert running.returncode == 130
            assert talk.splitlines() == ["Running get_product …", "", "Stopped."]
        finally:
            running.kill()
            running.communicate()


def test_build_writes_what_a_hub_takes_and_nothing_secret(cli: CommandLine, shop: Path) -> None:
    (shop / "my_shop" / "live.ctx.json").write_text("{}")

    answer = cli.process("connector", "build", "--json", folder=shop / "my_shop")

    assert answer.json["operations"] == [{"name": "get_product", "kind": "public", "title": "Get product"}]
    names = zipfile.ZipFile(answer.json["archive"]).namelist()
    assert "my-shop/connector.json" in names
    assert not any("ctx.json" in name or "tests" in name for name in names)
    assert [one.name for one in (shop / "dist").iterdir()] == ["connector.zip"]
    assert "get_product" in cli.process("connector", "build", folder=shop).data


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("my_shop/connector.py", "import nothing_like_it.at_all\n", "if nothing_like_it is a package you need"),
        ("my_shop/connector.py", "raise SystemExit(0)\n", "cannot be imported"),
        ("my_shop/operations/get_product.py", "", "has no operations yet"),
        ("pyproject.toml", "[project", "pyproject.toml cannot be read"),
        ("pyproject.toml", '[project]\ndependencies = ["not a name!"]', "pyproject.toml cannot be read"),
        ("connector.json", "{", "connector.json is not JSON"),
    ],
)
def test_what_cannot_be_built_is_said(cli: CommandLine, shop: Path, file: str, content: str, said: str) -> None:
    (shop / file).write_text(content)

    answer = cli.process("connector", "build", "--json", folder=shop)

    assert (answer.exit_code, answer.data) == (1, "")
    assert said in answer.talk
    assert not (shop / "dist").exists()


def test_an_installed_kit_carries_the_example(tmp_path: Path) -> None:
    """A wheel has no examples folder beside it."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT / "kit",
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")

    names = set(zipfile.ZipFile(wheel).namelist())

    example = {file.relative_to(ROOT / "examples" / "acme") for file in (ROOT / "examples" / "acme").rglob("*.py")}
    assert {f"jackfield/template/{file.as_posix()}" for file in example} <= names
    assert "jackfield/template/connector.json" in names
    assert "jackfield/cli/starters/http/operation.py.txt" in names
