"""Deployments, here and as clients see them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, Field

LATEST = "latest"  # in place of an id: the deployment that was submitted last


class DeploymentState(StrEnum):
    """How far a deployment is. Clients know these three words and no others."""

    DEPLOYING = "Deploying"  #: accepted, on disk, waiting or being built; the previous version still answers
    DEPLOYED = "Deployed"  #: this version answers calls
    FAILED = "Failed"  #: see `failed_step` and `reason`; the previous version still answers


@dataclass(frozen=True, slots=True)
class Deployment:
    """One attempt to put a connector version in place."""

    id: str
    organization_id: str
    user_id: str | None  #: whose token submitted it; None: the organization's master token
    connector_name: str
    connector_version: str
    source_digest: str  #: "sha256:" and 64 hex digits
    state: DeploymentState
    stage: str | None
    failed_step: str | None
    reason: str | None


class Submission(BaseModel):
    """The body of a deployment request. It is read by its content, whatever the Content-Type says."""

    connector_source_code: str = Field(
        alias="connectorSourceCode", description="A zip archive of the connector's folder, in standard base64."
    )


class BuildError(BaseModel):
    """Why a deployment failed."""

    step: str = Field(description="unpack, check, install, describe, store or publish.")
    message: str = Field(description="What to change before deploying again.")


class DeploymentElement(BaseModel):
    """A deployment. What is not true is not there: clients compare the answer key by key."""

    id: str
    deployment_status: DeploymentState = Field(serialization_alias="deploymentStatus")
    connector_name: str = Field(serialization_alias="connectorName")
    connector_version: str = Field(serialization_alias="connectorVersion")
    repeat_deployment: bool | None = Field(
        default=None,
        serialization_alias="repeatDeployment",
        description="True, when this version is being deployed already: the answer is about that deployment.",
    )
    errors: list[BuildError] | None = Field(default=None, description="Only of a failed deployment: why.")
