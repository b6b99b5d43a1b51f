"""What a hub does before it has served anybody: make an organization, and leave its tokens in a file."""

from __future__ import annotations

import secrets
from pathlib import Path

import orjson

from jackfield_hub.data_folder import write_secret
from jackfield_hub.errors import Conflict
from jackfield_hub.hub import Hub
from jackfield_hub.identity import service as identity
from jackfield_hub.identity.service import NewOrganization, NewOwner

TOKENS_FILE = "tokens.json"
OWNER_EMAIL = "owner@localhost"


async def make_first_organization(hub: Hub) -> Path | None:
    """Make an organization when there is none yet, and return where its tokens were written; else None.

    `{"organizationId": "…", "masterToken": "jf_master_…", "apiToken": "jf_api_…",
    "owner": {"email": "…", "password": "…"}}`
    """
    if not await identity.is_empty(hub):
        return None
    path = hub.settings.data_dir / TOKENS_FILE
    owner = NewOwner(name="Owner", email=OWNER_EMAIL, password=secrets.token_urlsafe(18))
    # The file is on the disk before the organization is: nobody is ever locked out of a hub that has one.
    try:
        await identity.create_organization(
            hub, "My organization", owner, keep=lambda new: _write(path, new, owner), is_first=True
        )
    except Conflict:  # another hub on this database has started at the same moment
        return None
    return path


def _write(path: Path, organization: NewOrganization, owner: NewOwner) -> None:
    if path.exists():  # of another database, which may still be wanted
        path.replace(path.with_name(f"old-{TOKENS_FILE}"))
    content = {
        "organizationId": organization.id,
        "masterToken": organization.master_token.text,
        "apiToken": organization.api_token.text,
        "owner": {"email": owner.email, "password": owner.password},
    }
    write_secret(path, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
