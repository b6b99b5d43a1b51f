"""moto, which answers as Amazon's services do. It keeps everything in memory, and checks signatures and policies."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from examples.servers.process import MORE, Server, free_port, started

BUCKET = "mugs-and-more"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}
SOME_OBJECTS = {"2025/old.txt": b"old", "2026/a.txt": b"first", "2026/b.txt": b"second", "2026/c d+e.txt": b"third"}


@contextmanager
def running(folder: Path) -> Generator[Server]:
    """Run a store with one bucket and one user until the block ends. Raises ServerDidNotStart."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with started([MORE / "moto_server", "-H", "127.0.0.1", "-p", str(port)], folder, f"{url}/moto-api/"):
        for name, content in {"": b"", **SOME_OBJECTS}.items():
            _ask("s3", "PUT", f"{url}/{BUCKET}/{name.replace(' ', '%20')}", content)
        key_id, secret = _make_user(url)
        _ask("s3", "POST", f"{url}/moto-api/reset-auth", b"0")  # from now on nobody is believed unseen
        yield Server(url, {"server": url}, {"region": "us-east-1", "accessKeyId": key_id, "secretAccessKey": secret})


def _make_user(url: str) -> tuple[str, str]:
    """Make a user who may do anything with buckets; return the id and the secret of its access key."""
    policy = {"UserName": "ada", "PolicyName": "buckets", "PolicyDocument": json.dumps(POLICY)}
    _act(url, Action="CreateUser", UserName="ada")
    _act(url, Action="PutUserPolicy", **policy)
    made = _act(url, Action="CreateAccessKey", UserName="ada")
    key_id, secret = (re.findall(f"<{name}>([^<]+)", made)[0] for name in ("AccessKeyId", "SecretAccessKey"))
    return key_id, secret


def _act(url: str, **fields: str) -> str:
    content = urlencode({"Version": "2010-05-08", **fields}).encode()
    with _ask("iam", "POST", url, content, "application/x-www-form-urlencoded") as answer:
        return answer.read().decode()


def _ask(service: str, method: str, url: str, content: bytes, kind: str = "text/plain") -> HTTPResponse:
    # moto looks here to see which service is meant; as long as it checks nothing, the rest may be anything.
    scope = f"Credential=any/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=none"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}", "Content-Type": kind}
    return urlopen(Request(url, content, headers, method=method), timeout=30)  # noqa: S310
