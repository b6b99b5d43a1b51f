"""Services as rows."""

from __future__ import annotations

from typing import Any

from jackfield.auth import sign_in_to_json
from jackfield_hub.services.shapes import Service


def service_columns(service: Service) -> dict[str, Any]:
    """Return the columns that say what a service is."""
    return {
        "title": service.title,
        "base_url": service.base_url,
        "hosts": list(service.hosts),
        "sign_in": sign_in_to_json(service.sign_in),
        "user_data_schema": service.user_data_schema,
        "properties": [one.model_dump(mode="json") for one in service.properties],
        "scopes": list(service.scopes),
        "is_set_up": service.is_set_up,
    }


def new_service_row(organization_id: str, service: Service, now: float) -> dict[str, Any]:
    """Return all columns of a service that is new."""
    return {
        "id": service.service_id,
        "organization_id": organization_id,
        "name": service.name,
        "version": service.version,
        "created_at": now,
        "updated_at": now,
        **service_columns(service),
    }
