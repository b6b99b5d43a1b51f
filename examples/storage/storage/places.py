"""For whom something is kept: fields that all operations have."""

from typing import Annotated, Literal, Protocol, TypeVar

from jackfield import AsyncStorage, Field, InvalidInput, Storage

Key = Annotated[
    str, Field(title="Key", description="The name it is kept under.", min_length=1, max_length=200, examples=("plan",))
]
Queue = Annotated[str, Field(title="Queue", min_length=1, max_length=200, examples=("orders",))]
Lifetime = Annotated[
    float | None,
    Field(title="For how many seconds", description="Left out: for ever.", minimum=0.001, is_advanced=True),
]
KeptFor = Annotated[
    Literal["connector", "user", "workspace"],
    Field(
        title="Kept for",
        description="Others neither see nor change it.",
        labels={"connector": "Everybody in the organization", "user": "Only me", "workspace": "A workspace"},
    ),
]
WorkspaceId = Annotated[
    str | None, Field(title="Workspace", description="The id of a workspace you are in.", is_advanced=True)
]
AnyStorage = TypeVar("AnyStorage", Storage, AsyncStorage)


class Placed(Protocol):
    """An input that says for whom."""

    kept_for: KeptFor
    workspace_id: WorkspaceId


def place_of(asked: Placed, kept: AnyStorage) -> AnyStorage:
    """Return the storage of whom the input names. Raises InvalidInput when it does not say which workspace."""
    if asked.kept_for == "connector":
        return kept
    if asked.kept_for == "user":
        return kept.of_user()
    if not asked.workspace_id:
        raise InvalidInput("Say which workspace: give its id as Workspace.")
    return kept.of_workspace(asked.workspace_id)
