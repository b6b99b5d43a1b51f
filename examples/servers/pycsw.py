"""pycsw, a catalogue of maps that speaks SOAP. Its records are in a SQLite file."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from examples.servers.process import MORE, Server, free_port, started

SETTINGS = """\
[server]
home={folder}
url={url}/
mimetype=application/xml; charset=UTF-8
encoding=UTF-8
language=en-US
maxrecords=100
[manager]
transactions=false
[metadata:main]
identification_title=Maps of a small town
provider_name=The town
[repository]
database=sqlite:///{folder}/records.db
table=records
"""
RECORD = """\
<csw:Record xmlns:csw="http://www.opengis.net/cat/csw/2.0.2" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:dct="http://purl.org/dc/terms/" xmlns:ows="http://www.opengis.net/ows">
<dc:identifier>{id}</dc:identifier><dc:title>{title}</dc:title><dc:type>dataset</dc:type>
<dct:abstract>{summary}</dct:abstract></csw:Record>
"""
SOME_MAPS = {
    "trees": ("Trees of the town", "Every tree on public ground, with its kind and age."),
    "wells": ("Wells and springs", "Where water comes out of the ground, and whether one can drink it."),
    "noise": ("Noise at night", "How loud it is between ten in the evening and six in the morning."),
}


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a pycsw with three maps until the block ends. Raises ServerDidNotStart."""
    records = folder / "records"
    records.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{free_port()}"
    settings = folder / "settings"
    settings.write_text(SETTINGS.format(folder=folder, url=url))
    for name, (title, summary) in SOME_MAPS.items():
        (records / f"{name}.xml").write_text(RECORD.format(id=name, title=title, summary=summary))
    _administer("setup_db", settings)
    _administer("load_records", settings, "-p", records)
    command = [MORE / "gunicorn", "pycsw.wsgi:application", "--bind", url.removeprefix("http://")]
    with started(command, folder, url, {"PYCSW_CONFIG": str(settings)}):
        yield Server(url, {"catalogue": url})


def _administer(task: str, settings: Path, *more: str | Path) -> None:
    command = [MORE / "python", MORE / "pycsw-admin.py", "-c", task, "-f", settings, *more]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
