"""Connector versions as the hub knows them, and what clients see of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field

from jackfield.manifest import Manifest
from jackfield.validation import Schema
from jackfield_hub.services.shapes import Service


@dataclass(frozen=True, slots=True)
class Publication:
    """What a finished build gives to the catalogue."""

    organization_id: str
    deployment_id: str
    owner_id: str | None  #: the user whose token deployed it; None: the organization's master token
    bundle_digest: str  #: "sha256:" and 64 hex digits
    manifest: Manifest


@dataclass(frozen=True)
class ConnectorVersion:
    """One version of a connector, ready to be called. A new deployment makes a new one; this one does not change."""

    organization_id: str
    bundle_digest: str
    manifest: Manifest
    service: Service
    owner_id: str | None = None  #: the user it belongs to; None: the organization itself
    shared_with: frozenset[str] = frozenset()  #: the ids of other users who may see and call it
    _input_schemas: dict[str, Schema] = field(default_factory=dict[str, Schema], repr=False, compare=False)
    _takes_files: dict[str, bool] = field(default_factory=dict[str, bool], repr=False, compare=False)

    def input_schema(self, operation_name: str) -> Schema:
        """Return the input schema of an operation it has, compiled at its first use."""
        schema = self._input_schemas.get(operation_name)
        if schema is None:
            schema = Schema(self.manifest.operations[operation_name].input_schema)
            self._input_schemas[operation_name] = schema
        return schema

    def takes_files(self, operation_name: str) -> bool:
        """Whether there may be references to files in the input of an operation it has."""
        known = self._takes_files.get(operation_name)
        if known is None:
            schema = orjson.dumps(self.manifest.operations[operation_name].input_schema)
            known = self._takes_files[operation_name] = b'"format":"file"' in schema
        return known


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as it is answered, and the tag by which a client says it has it already."""

    content: bytes
    etag: str


class ServiceElement(BaseModel):
    """The service a connector talks to."""

    id: str
    name: str
    version: int


class ConnectorElement(BaseModel):
    """One version of a connector."""

    name: str
    version: str
    title: str
    description: str
    service: ServiceElement


class Connectors(BaseModel):
    """Every connector version the caller may call."""

    elements: list[ConnectorElement]


class OperationElement(BaseModel):
    """One thing a connector does. Its schemas are JSON Schema with the form keywords of the connector reference."""

    name: str
    title: str
    description: str
    input_schema: dict[str, Any] = Field(serialization_alias="inputSchema")
    output_schema: dict[str, Any] = Field(serialization_alias="outputSchema")
    has_dynamic_output: bool = Field(
        serialization_alias="hasDynamicOutput",
        description="Whether the output schema depends on the input: call with `returnOutputSchema` to get it.",
    )


class Operations(BaseModel):
    """The operations of a connector version. Drop-down and private operations are not listed."""

    elements: list[OperationElement]


class SharedEmails(BaseModel):
    """With whom to share."""

    emails: list[Annotated[str, Field(max_length=254)]] = Field(
        max_length=1000, description="Exact e-mails of people and programs in your organization."
    )


class SharedWorkspaces(BaseModel):
    """With whose members to share."""

    workspace_ids: list[Annotated[str, Field(max_length=100)]] = Field(alias="workspaceIds", max_length=100)


class Shared(BaseModel):
    """What sharing has changed."""

    message: str = Field(description="For example `2 permissions added`.")


class SharingWarnings(BaseModel):
    """What could not be shared."""

    empty_workspaces: list[str] = Field(
        serialization_alias="emptyWorkspaces",
        description="For example `No permissions to add for workspace: …`: nobody in it has an e-mail.",
    )


class SharedWithWorkspaces(BaseModel):
    """What sharing has changed, and what it could not."""

    success: Shared
    warnings: SharingWarnings


class Permissions(BaseModel):
    """With whom a connector version is shared."""

    emails: list[str]
