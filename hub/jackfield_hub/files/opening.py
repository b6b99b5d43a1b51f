"""Which depot this hub keeps its files in."""

from __future__ import annotations

from jackfield_hub.files.depot import Depot
from jackfield_hub.files.folder_depot import FolderDepot
from jackfield_hub.settings import Settings


def open_depot(settings: Settings) -> Depot:
    """Return where the bytes of files are. Nothing is looked for yet."""
    if not settings.file_store:
        return FolderDepot(settings.data_dir / "files")
    # Only those who want S3 pay for the library that speaks it.
    from jackfield_hub.files.s3_depot import S3Depot

    return S3Depot(settings)
