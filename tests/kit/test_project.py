"""A connector's folder: found from anywhere inside, loaded whole, packed without secrets."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jackfield.project import ProjectMistake, find_project, open_project, pack

CONNECTOR = """
from jackfield import Connector
blue_shop = Connector("https://shop.example")
"""
OPERATION = """
from blue_shop.connector import blue_shop

@blue_shop.operation
def get_order() -> None:
    "Read one order."
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = tmp_path / "blue-shop"
    (project / "blue_shop" / "operations").mkdir(parents=True)
    (project / "tests").mkdir()
    (project / "connector.json").write_text(
        '{"name": "blue-shop", "version": "1.0", "service": {"name": "shop"}, "rawHttp": {"enabled": true}}'
    )
    (project / "pyproject.toml").write_text('[project]\nname = "blue-shop"\nversion = "1.0"\n')
    (project / "auth.ctx.json").write_text('{"credentials": {"apiKey": "hunter2"}}')
    (project / "blue_shop" / "inner.ctx.json").write_text("{}")
    (project / "blue_shop" / "__init__.py").touch()
    (project / "blue_shop" / "connector.py").write_text(CONNECTOR)
    (project / "blue_shop" / "operations" / "__init__.py").touch()
    (project / "blue_shop" / "operations" / "get_order.py").write_text(OPERATION)
    (project / "tests" / "test_get_order.py").touch()
    return project


def test_a_project_is_found_from_anywhere_inside(folder: Path):
    assert find_project(folder / "blue_shop" / "operations").metadata.name == "blue-shop"


def test_outside_of_a_project_the_advice_is_to_start_one(tmp_path: Path):
    with pytest.raises(ProjectMistake, match="jackfield connector init"):
        find_project(tmp_path)


def test_a_project_without_its_package_says_which_file_is_missing(folder: Path):
    (folder / "blue_shop" / "connector.py").unlink()

    with pytest.raises(ProjectMistake, match=r"blue_shop/connector\.py is missing"):
        open_project(folder)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("{", "not JSON"),
        ("[]", "an object"),
        ('{"version": "1.0"}', '"name"'),
        ('{"name": "Blue Shop", "version": "1.0"}', "hyphens"),
        ('{"name": "x", "version": "1"}', '"version"'),
        ('{"name": "x", "version": "1.0"}', '"name" must be a text'),
        ('{"name": "x", "version": "1.0", "service": {"name": "x", "version": "one"}}', "service.version"),
        ('{"name": "x", "version": "1.0", "service": {"name": "x"}, "tags": "a"}', '"tags"'),
        ('{"name": "x", "version": "1.0", "service": {"name": "x"}, "isTrigger": "yes"}', '"isTrigger"'),
    ],
)
def test_a_connector_json_that_cannot_be_read_names_the_field(folder: Path, content: str, advice: str):
    (folder / "connector.json").write_text(content)

    with pytest.raises(ProjectMistake, match=advice):
        open_project(folder)


def test_loading_finds_every_operation_and_adds_the_raw_one(folder: Path):
    code = (
        "from pathlib import Path; from jackfield.project import find_project, load_manifest;"
        f"print(*load_manifest(find_project(Path({str(folder)!r}))).operations)"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.split() == ["get_order", "raw_http_request"]


def test_a_pack_holds_the_code_and_no_secret_and_no_test(folder: Path):
    names = zipfile.ZipFile(io.BytesIO(pack(open_project(folder)))).namelist()

    assert names == [
        "blue-shop/blue_shop/__init__.py",
        "blue-shop/blue_shop/connector.py",
        "blue-shop/blue_shop/operations/__init__.py",
        "blue-shop/blue_shop/operations/get_order.py",
        "blue-shop/connector.json",
        "blue-shop/pyproject.toml",
    ]


def test_packing_twice_gives_the_same_bytes(folder: Path):
    assert pack(open_project(folder)) == pack(open_project(folder))
