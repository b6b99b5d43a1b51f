"""docker-registry, a store of container images. It keeps them in a folder."""

import json
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from urllib.request import Request, urlopen

from examples.servers.process import SERVICES, Server, ServerDidNotStart, free_port, started

REGISTRY = SERVICES / "registry" / "usr" / "bin" / "docker-registry"
WHY_NOT = "docker-registry is not there; on Debian and Ubuntu: make .venv-services/registry/.installed"
PASSWORD = "p:w/secret"
PASSWORD_HASH = (
    "$2b$05$HTsl9u6i9xh7E8SBwtrrxeAmQIXFC4Qj9HBnsVjhH7olL4Xs457U2"  # of it, by bcrypt: the registry takes no other
)
KIND = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # the digest of {}
SETTINGS = """\
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}/images}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", secret: example}}
auth: {{htpasswd: {{realm: example, path: {folder}/users}}}}
"""


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a registry with two small images until the block ends. Raises ServerDidNotStart."""
    if not REGISTRY.exists():
        raise ServerDidNotStart(WHY_NOT)
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "users").write_text(f"ada:{PASSWORD_HASH}\n")
    (folder / "settings").write_text(SETTINGS.format(folder=folder, port=port))
    url = f"http://127.0.0.1:{port}"
    with started([REGISTRY, "serve", folder / "settings"], folder, f"{url}/v2/"):
        _push(url, "blog")
        _push(url, "team/shop")
        yield Server(url, {"server": url}, {"username": "ada", "password": PASSWORD})


def _push(url: str, repository: str) -> None:
    """Put an image there that consists of an empty JSON object, under the tag v1."""
    begun = _ask("POST", f"{url}/v2/{repository}/blobs/uploads/")
    _ask("PUT", f"{begun.headers['Location']}&digest={EMPTY}", b"{}", "application/octet-stream")
    layer = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": EMPTY, "size": 2}
    manifest = {"schemaVersion": 2, "mediaType": KIND, "config": layer, "layers": [layer]}
    _ask("PUT", f"{url}/v2/{repository}/manifests/v1", json.dumps(manifest).encode(), KIND)


def _ask(method: str, url: str, content: bytes = b"", kind: str = "text/plain") -> HTTPResponse:
    pair = b64encode(f"ada:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}", "Content-Type": kind}
    with urlopen(Request(url, content, headers, method=method), timeout=30) as answer:  # noqa: S310
        return answer
