"""List repositories."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Choice, Field, Http

from docker_registry.connector import docker_registry
from docker_registry.shapes import Repositories


@dataclass
class RepositoryQuery:
    limit: Annotated[int, Field(title="How many at most", minimum=1, maximum=10_000)] = 100
    batch_size: Annotated[
        int,
        Field(
            title="Batch size", description="How many to ask for at a time.", minimum=1, maximum=1000, is_advanced=True
        ),
    ] = 100


@docker_registry.operation
def list_repositories(wanted: RepositoryQuery, http: Http) -> Repositories:
    """List repositories by name, through as many pages as it takes."""
    names: list[str] = []
    for page in http.pages("/_catalog", query={"n": min(wanted.batch_size, wanted.limit)}):
        names += page.json()["repositories"]
        if len(names) >= wanted.limit:
            break
    return {"repositories": names[: wanted.limit]}


@docker_registry.choices
def repository_choices(http: Http) -> list[Choice]:
    """Repositories by name."""
    return [{"text": name, "value": name} for name in list_repositories(RepositoryQuery(), http)["repositories"]]
