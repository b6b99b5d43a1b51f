"""Where a Matrix server keeps files: beside the address of everything else."""

from jackfield import InvalidInput, UserData


def media_address(user_data: UserData, path: str) -> str:
    return f"{user_data['server'].rstrip('/')}/_matrix/{path}"


def download_path(content_uri: str) -> str:
    """Return where a file is that is called `mxc://matrix.example/abc`."""
    server, slash, name = content_uri.removeprefix("mxc://").partition("/")
    if not content_uri.startswith("mxc://") or not slash or not name.replace("-", "").replace("_", "").isalnum():
        raise InvalidInput(
            "A file's address looks like mxc://matrix.example/abc. List the messages of a room to see it."
        )
    return f"client/v1/media/download/{server}/{name}"
