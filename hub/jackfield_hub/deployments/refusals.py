"""Why a request to deploy is refused. Each class is one documented 400; its message says what to do.

Refused
├── PathDiffers             connector.json says another name or version than the path
└── BadArchive
    ├── NotBase64           ├── NotAZip             ├── BrokenZip
    ├── EncryptedZip        ├── UnknownCompression  ├── TooManyFiles
    ├── TooBigUnpacked      ├── UnsafeName          ├── NotAPlainFile
    ├── AmbiguousNames      ├── NoConnectorJson     └── BadConnectorJson
"""

from __future__ import annotations

from jackfield_hub.errors import Refused


class PathDiffers(Refused):
    """The path names another connector or version than connector.json."""

    code = "path_differs"
    status = 400


class BadArchive(Refused):
    """The connector's source cannot be taken as it is."""

    code = "bad_archive"
    status = 400


class NotBase64(BadArchive):
    """`connectorSourceCode` is not standard base64."""

    code = "not_base64"


class NotAZip(BadArchive):
    """The bytes are something else than a zip archive."""

    code = "not_a_zip"


class BrokenZip(BadArchive):
    """A zip archive that is cut off, contradicts itself or hides something between its files."""

    code = "broken_zip"


class EncryptedZip(BadArchive):
    """The archive needs a password."""

    code = "encrypted_zip"


class UnknownCompression(BadArchive):
    """A file is packed in a way other than stored or deflated."""

    code = "unknown_compression"


class TooManyFiles(BadArchive):
    """More entries than this hub takes."""

    code = "too_many_files"


class TooBigUnpacked(BadArchive):
    """The files would grow beyond this hub's limit, or far beyond what was sent."""

    code = "too_big_unpacked"


class UnsafeName(BadArchive):
    """A name leads out of the folder, or cannot be written on every machine."""

    code = "unsafe_name"


class NotAPlainFile(BadArchive):
    """A link, a device or another entry that is neither a file nor a folder."""

    code = "not_a_plain_file"


class AmbiguousNames(BadArchive):
    """Two names that are one name on some machines, or one name that is both a file and a folder."""

    code = "ambiguous_names"


class NoConnectorJson(BadArchive):
    """connector.json is neither at the top of the archive nor in its one folder."""

    code = "no_connector_json"


class BadConnectorJson(BadArchive):
    """connector.json does not say what it must."""

    code = "bad_connector_json"
