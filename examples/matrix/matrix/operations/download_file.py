"""Download file."""

from dataclasses import dataclass
from typing import Annotated, TypedDict

from jackfield import Field, File, Http, UserData

from matrix.connector import matrix
from matrix.media import download_path, media_address


@dataclass
class FileRef:
    content_uri: Annotated[str, Field(title="Address", examples=("mxc://matrix.example/abc",))]
    name: Annotated[str, Field(title="Name", description="What to call the file.")] = "file"


class Download(TypedDict):
    """The file, to be fetched or given to another operation."""

    file: File


@matrix.operation(is_idempotent=True)
def download_file(wanted: FileRef, http: Http, user_data: UserData) -> Download:
    """Get a file that somebody has sent."""
    address = media_address(user_data, download_path(wanted.content_uri))
    return {"file": http.get(address, to_file=wanted.name).file}
