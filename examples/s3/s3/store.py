"""How the store speaks: XML in answers, and refusals whose code says more than their status."""

from collections.abc import Generator
from contextlib import contextmanager
from xml.etree.ElementTree import Element

from jackfield import Forbidden, HttpAnswer, NotFound, ServiceError

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
ADVICE = {
    "NoSuchBucket": "There is no bucket called {bucket!r} here. Choose one from the list, or check the address.",
    "NoSuchKey": "There is no file {key!r} in {bucket!r}. Upper and lower case differ: list the bucket to see.",
    "AccessDenied": "This key may not do that in {bucket!r}. Whoever runs the store can allow it.",
    "SignatureDoesNotMatch": "The secret access key is wrong, or has a space around it. Store the authentication anew.",
    "InvalidAccessKeyId": "The store does not know this access key id. Store the authentication anew.",
    "InvalidClientTokenId": "The store does not know this access key id. Store the authentication anew.",
}


@contextmanager
def advice(bucket: str, key: str = "") -> Generator[None]:
    """Say in words what to do about a refusal in the block whose code we know."""
    try:
        yield
    except ServiceError as refusal:
        code = _code(refusal)
        if code not in ADVICE:
            raise
        kind = NotFound if code.startswith("NoSuch") else Forbidden
        raise kind(ADVICE[code].format(bucket=bucket, key=key), refusal.response) from None


def _code(refusal: ServiceError) -> str:
    if refusal.response is None or not refusal.response.body.lstrip().startswith(b"<"):
        return ""
    return HttpAnswer(refusal.response).xml().findtext(".//Code", "")


def text(element: Element, name: str) -> str:
    """Return the text of a child, with or without the store's namespace."""
    return element.findtext(f"{S3}{name}") or element.findtext(name) or ""


def path_of(bucket: str, key: str = "") -> str:
    """Return the address of a bucket or of a file in it. A slash in a key is a slash of the path."""
    return f"/{bucket}/{key}" if key else f"/{bucket}"
