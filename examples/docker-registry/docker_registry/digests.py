"""Digests: the name of a content is computed from it, so that nobody can put another in its place."""

import hashlib

from jackfield import File, Http, ServiceError


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def digest_of_file(file: File, http: Http) -> str:
    """Return a file's digest, without having all of it in memory."""
    with http.open(file) as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def check(wanted: str, found: str) -> None:
    """Raise ServiceError when the content is not what its name says."""
    if wanted != found:
        raise ServiceError(
            f"The registry gave something else than {wanted}: it has the digest {found}. Do not use it, and tell "
            "whoever runs the registry."
        )
