"""Every table of the hub's database. Ids are UUID texts; times (`*_at`) are seconds since 1970, UTC.

    organizations ─┬─ users ── tokens, sessions, invites, authorization_codes
                   ├─ workspaces ── workspace_members                  namespaces: how connectors' names begin
                   ├─ services ── service_environments ── auths        data_keys seal the auths
                   ├─ dialogs ── oauth_states                          people who are signing in to a service
                   ├─ connectors ── permissions, deployments           jobs: work that outlives a process
                   ├─ files                                            by reference; their bytes are elsewhere
                   ├─ storages ── stored_values, queued_values         what connectors keep from call to call
                   ├─ payloads                                         what went into calls and came out, if it is kept
                   ├─ audit                                            who did what that others may ask about
                   ├─ contents ── content_pieces                       sources and bundles, for hubs on several machines
                   └─ revisions, changes                               what changed, for those who remember it

    tasks · usage_days · totals · promises ─ ledger_owners            the ledger (calls/ledger): usage.db, or Postgres

The organization is in every row that belongs to one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=_NAMES)
usage = MetaData(naming_convention=_NAMES)  #: the ledger: a file of its own on SQLite, so it refers to nothing else

_big_number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only a column that is called INTEGER


def _id_of(table: str, name: str, *, is_optional: bool = False) -> Column[Any]:
    return Column(name, String(36), ForeignKey(f"{table}.id"), nullable=is_optional)


def _organization() -> Column[Any]:
    return _id_of("organizations", "organization_id")


organizations = Table(
    "organizations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    Column("kind", String(16), nullable=False),  # identity.shapes.UserKind
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("external_id", Text),  # what the customer calls this end user
    Column("role", String(16)),  # identity.shapes.Role
    Column("password_hash", Text),
    Column("is_test", Boolean, nullable=False, default=False),
    Column("created_at", Float, nullable=False),
    Column("removed_at", Float),  # the row stays for what names it; who it was does not
    UniqueConstraint("organization_id", "external_id"),
    UniqueConstraint("email", "organization_id"),  # who signs in need not say where
    Index(None, "organization_id", "kind", "id"),  # end users, in the order of their lists, apart from the few others
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the token's text, in hex
    Column("id", String(36), nullable=False, unique=True),  # what clients call it by
    _organization(),
    _id_of("users", "user_id", is_optional=True),
    Column("kind", String(16), nullable=False),  # identity.shapes.CallerKind
    Column("name", Text, nullable=False),
    Column("prefix", String(24), nullable=False),  # enough to recognise a token by, too little to use it
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Index(None, "organization_id", "user_id"),
    Index(None, "organization_id", "kind"),
    Index(None, "organization_id", "expires_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the cookie, in hex
    _organization(),
    _id_of("users", "user_id"),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index(None, "organization_id", "user_id"),
)

invites = Table(
    "invites",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    Column("email", Text, nullable=False),
    Column("role", String(16), nullable=False),  # identity.shapes.Role
    Column("token_hash", String(64), unique=True),  # of the newest link; None: there was none yet
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("accepted_at", Float),
    Index(None, "organization_id", "created_at"),
)

namespaces = Table(
    "namespaces",
    metadata,
    Column("organization_id", String(36), ForeignKey("organizations.id"), primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    Column("name", Text, nullable=False),
    Column("type", String(20), nullable=False),  # workspaces.shapes.WorkspaceType
    Column("description", Text),
    Column("monthly_task_limit", Integer),
    Column("created_at", Float, nullable=False),
    Index(None, "organization_id", "created_at", "id"),
)

workspace_members = Table(
    "workspace_members",
    metadata,
    Column("organization_id", String(36), ForeignKey("organizations.id"), primary_key=True),
    Column("workspace_id", String(36), ForeignKey("workspaces.id"), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("role", String(16), nullable=False),  # identity.shapes.Role
    Column("created_at", Float, nullable=False),
    Index(None, "organization_id", "user_id"),
)

authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the code's text, in hex
    _organization(),
    _id_of("users", "user_id"),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
    Index(None, "organization_id", "user_id"),
)

services = Table(
    "services",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("hosts", JSON, nullable=False),
    Column("sign_in", JSON, nullable=False),
    Column("user_data_schema", JSON, nullable=False),
    Column("properties", JSON, nullable=False),  # services.shapes.CustomProperty
    Column("scopes", JSON, nullable=False),
    Column("is_set_up", Boolean, nullable=False),  # by somebody, and not only by a deployment
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    UniqueConstraint("organization_id", "name", "version"),
)

service_environments = Table(
    "service_environments",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    _id_of("services", "service_id"),
    Column("title", Text, nullable=False),
    Column("authentication_type", String(32), nullable=False),
    Column("user_data_schema", JSON, nullable=False),
    Column("credentials_schema", JSON, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("hosts", JSON, nullable=False),  # instead of the service's; none: the service's
    Column("settings", JSON, nullable=False),  # services.shapes.EnvironmentSettings
    Column("secrets", LargeBinary),  # sealed
    _id_of("data_keys", "key_id", is_optional=True),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index(None, "organization_id", "service_id"),
)

data_keys = Table(
    "data_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    Index(None, "organization_id"),
)

auths = Table(
    "auths",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    _id_of("users", "owner_id", is_optional=True),  # None: the organization itself
    _id_of("service_environments", "service_environment_id"),
    _id_of("data_keys", "key_id"),
    Column("name", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("user_data", LargeBinary, nullable=False),  # sealed
    Column("credentials", LargeBinary, nullable=False),  # sealed
    Column("state", String(16), nullable=False),  # auths.shapes.AuthState
    Column("version", Integer, nullable=False),  # the fence under which these credentials were written
    Column("expires_at", Float),  # when the access token ends, as far as anybody knows
    Column("refreshed_at", Float),
    Column("refresh_fence", Integer, nullable=False),  # goes up with every claim to renew, and every change
    Column("refresh_lease_until", Float),  # somebody renews it; None: nobody does
    Column("refresh_after", Float),  # until then nobody asks the provider again
    Column("refresh_problem", JSON),  # why: `{"kind": "ProviderBroken", "message": "…"}`
    Column("refused_at", Float),  # when the provider first said that the sign-in is over
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index(None, "organization_id", "owner_id", "id"),
    Index(None, "service_environment_id"),
    Index(None, "key_id"),
)

dialogs = Table(
    "dialogs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("hash", String(64), nullable=False),  # SHA-256 of what the browser's cookie holds
    Column("form_hash", String(64), nullable=False),  # SHA-256 of what the forms of its pages hold
    _organization(),
    _id_of("users", "user_id", is_optional=True),  # None: the organization itself
    _id_of("services", "service_id", is_optional=True),  # None: any
    _id_of("service_environments", "service_environment_id", is_optional=True),  # None: not chosen yet
    Column("auth_id", String(36)),  # the auth to change; once it has ended well: the one that was stored
    Column("is_edit", Boolean, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("draft", LargeBinary),  # sealed: what was filled in, while its author is at the provider
    Column("key_id", String(36)),  # of the data key that seals the draft; no foreign key, dialogs end soon anyway
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("finished_at", Float),
    Index(None, "organization_id", "expires_at"),
)

oauth_states = Table(
    "oauth_states",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the state
    _organization(),
    _id_of("dialogs", "dialog_id"),
    Column("browser_hash", String(64), nullable=False),  # SHA-256 of the cookie of the browser that was sent away
    Column("secrets", LargeBinary, nullable=False),  # sealed: what the exchange of the code needs
    Column("key_id", String(36), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
    Index(None, "dialog_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    Column("actor", Text, nullable=False),  # a user's id, "master", or "hub"
    Column("action", String(64), nullable=False),  # for example "auth.shown"
    Column("subject", Text, nullable=False),  # the id of what it was done to
    Column("at", Float, nullable=False),
    Column("request_id", Text),
    Index(None, "organization_id", "at"),
)

connectors = Table(
    "connectors",
    metadata,
    Column("organization_id", String(36), ForeignKey("organizations.id"), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("version", String(16), primary_key=True),
    _id_of("users", "owner_id", is_optional=True),  # None: deployed with the master token
    _id_of("services", "service_id"),
    Column("deployment_id", String(36), nullable=False),
    Column("bundle_digest", String(71), nullable=False),  # "sha256:" and 64 hex digits
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("manifest", LargeBinary, nullable=False),  # JSON, as it is answered
    Column("revision", _big_number, nullable=False),  # goes up with every deployment of this version
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index(None, "organization_id", "service_id"),
)

permissions = Table(
    "permissions",
    metadata,
    Column("organization_id", String(36), ForeignKey("organizations.id"), primary_key=True),
    Column("connector_name", String(100), primary_key=True),
    Column("connector_version", String(16), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("created_at", Float, nullable=False),
    Index(None, "organization_id", "user_id"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("seq", _big_number, primary_key=True, autoincrement=True),  # the largest one is the latest
    Column("id", String(36), nullable=False, unique=True),
    _organization(),
    _id_of("users", "user_id", is_optional=True),
    Column("connector_name", String(100), nullable=False),
    Column("connector_version", String(16), nullable=False),
    Column("source_digest", String(71), nullable=False),
    Column("state", String(16), nullable=False),  # deployments.shapes.DeploymentState
    Column("stage", String(32)),
    Column("failed_step", String(32)),
    Column("reason", Text),
    Column("attempt", Integer, nullable=False, default=0),
    Column("bundle_digest", String(71)),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
    Index("ix_deployments_latest", "organization_id", "connector_name", "connector_version", "seq"),
    # This index is what makes a second deployment, sent while the first is still building, a repeat of the first.
    Index(
        "uq_deployments_one_active",
        "organization_id",
        "connector_name",
        "connector_version",
        unique=True,
        sqlite_where=text("state = 'Deploying'"),
        postgresql_where=text("state = 'Deploying'"),
    ),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("organization_id", String(36), ForeignKey("organizations.id"), primary_key=True),
    Column("actor", String(36), primary_key=True),  # a user's id, or "master"
    Column("route", String(64), primary_key=True),
    Column("key_hash", String(64), primary_key=True),  # SHA-256, in hex
    Column("body_hash", String(64), nullable=False),  # HMAC with the key, in hex
    Column("answer", LargeBinary, nullable=False),  # sealed
    Column("created_at", Float, nullable=False),
    Index(None, "organization_id", "created_at"),
)

files = Table(
    "files",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    _id_of("users", "owner_id", is_optional=True),  # the end user whose it is; None: the organization's
    Column("name", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("size", _big_number, nullable=False),  # in bytes; while it arrives, as many as were announced
    Column("state", String(16), nullable=False),  # files.shapes.FileState
    _id_of("data_keys", "key_id"),
    Column("secret", LargeBinary, nullable=False),  # what its links are signed with, sealed
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),  # then it goes, ready or not
    Index(None, "organization_id"),
    Index(None, "key_id"),
    Index(None, "expires_at"),
)

storages = Table(
    "storages",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    Column("connector", String(100), nullable=False),  # all versions of it
    Column("scope", String(16), nullable=False),  # jackfield.storage_rules.Scope
    Column("owner", String(36), nullable=False),  # a user's or a workspace's id; "" for the connector's own
    Column("version", _big_number, nullable=False),  # goes up with every change
    Column("entries", Integer, nullable=False),  # values and what waits in queues, those that are over included
    Column("bytes", _big_number, nullable=False),  # of all of them, before they were sealed
    UniqueConstraint("organization_id", "connector", "scope", "owner"),
)

stored_values = Table(
    "stored_values",
    metadata,
    Column("storage_id", String(36), ForeignKey("storages.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    _organization(),
    _id_of("data_keys", "key_id"),
    Column("content", LargeBinary, nullable=False),  # sealed: JSON
    Column("version", _big_number, nullable=False),
    Column("expires_at", Float),
    Index(None, "key_id"),
    Index(None, "expires_at"),
)

queued_values = Table(
    "queued_values",
    metadata,
    Column("storage_id", String(36), ForeignKey("storages.id"), primary_key=True),
    Column("queue", String(200), primary_key=True),
    Column("version", _big_number, primary_key=True),  # the smallest one is the first
    _organization(),
    _id_of("data_keys", "key_id"),
    Column("content", LargeBinary, nullable=False),  # sealed: JSON
    Column("expires_at", Float),
    Index(None, "key_id"),
    Index(None, "expires_at"),
)

payloads = Table(
    "payloads",
    metadata,
    Column("id", String(36), primary_key=True),  # the call's
    _organization(),
    _id_of("data_keys", "key_id"),
    Column("content", LargeBinary, nullable=False),  # sealed: what went in and what came out
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index(None, "organization_id"),
    Index(None, "key_id"),
    Index(None, "expires_at"),
)

authors_logs = Table(
    "authors_logs",
    metadata,
    Column("id", String(36), primary_key=True),
    _organization(),
    _id_of("data_keys", "key_id"),
    Column("connector", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("text", LargeBinary, nullable=False),  # sealed: what was printed, and tracebacks
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index(None, "organization_id", "connector", "version", "created_at"),
    Index(None, "key_id"),
    Index(None, "expires_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("dedupe", Text),
    Column("share_of", String(36), nullable=False, default=""),  # an organization's id; "" for the hub's own
    Column("run_after", Float, nullable=False),
    Column("lease_until", Float),  # None: nobody has it
    Column("fence", Integer, nullable=False, default=0),  # goes up with every claim; an older one counts for nothing
    Column("attempt", Integer, nullable=False, default=0),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("kind", "dedupe"),
    Index(None, "kind", "share_of", "run_after", "created_at"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("organization_id", String(36), ForeignKey("organizations.id"), primary_key=True),
    Column("number", _big_number, nullable=False),
)

contents = Table(
    "contents",
    metadata,
    Column("digest", String(71), primary_key=True),  # of a source or a bundle; of bundles this is their zip
    Column("upload_id", String(36), nullable=False, index=True),
    Column("pieces", Integer, nullable=False),
    Column("wanted_at", Float, nullable=False),  # when somebody last asked to have it kept
)

content_pieces = Table(
    "content_pieces",
    metadata,
    Column("upload_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", _big_number, primary_key=True, autoincrement=True),
    Column("organization_id", String(36), nullable=False),
    Column("kind", String(16), nullable=False),  # changes.shapes.Kind
    Column("key", Text, nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("transaction_id", BigInteger, index=True),  # on Postgres, where transactions overlap
    sqlite_autoincrement=True,  # a number is not given twice, although old rows are removed
)

tasks = Table(
    "tasks",
    usage,
    Column("task_id", Text, primary_key=True),  # what follows is calls.shapes.Task, field by field
    Column("organization_id", Text, nullable=False),
    Column("connector", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("auth_id", Text),
    Column("caller_kind", Text, nullable=False),
    Column("user_id", Text),
    Column("outcome", Text, nullable=False),  # calls.shapes.TaskOutcome
    Column("error_code", Text),
    Column("started_at", Float, nullable=False),
    Column("milliseconds", Float, nullable=False),
    Column("request_id", Text, nullable=False),
    Index("ix_tasks_of_organization", "organization_id", "task_id"),  # the newest first, a page at a time
    sqlite_with_rowid=False,
)

usage_days = Table(
    "usage_days",
    usage,
    Column("organization_id", Text, primary_key=True),
    Column("day", Integer, primary_key=True),  # since 1970, in UTC: of the moment the calls were stored
    Column("connector", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),  # "" for the master token
    Column("tasks", _big_number, nullable=False),
    sqlite_with_rowid=False,
)

totals = Table(
    "totals",
    usage,
    Column("organization_id", Text, primary_key=True),
    Column("owner", Text, primary_key=True),  # whoever counted them: hubs do not wait for each other
    Column("tasks", _big_number, nullable=False),
    sqlite_with_rowid=False,
)

promises = Table(
    "promises",
    usage,
    Column("organization_id", Text, primary_key=True),
    Column("actor", Text, primary_key=True),  # a user's id, or "master"
    Column("key_hash", Text, primary_key=True),  # SHA-256, in hex
    Column("body_hash", Text, nullable=False),  # HMAC with the key, in hex
    Column("state", Text, nullable=False),  # calls.shapes.PromiseState
    Column("outcome", Text, nullable=False),
    Column("output", LargeBinary, nullable=False),
    Column("task_id", Text, nullable=False),  # of the call that claimed it: nobody else may say how it ended
    Column("task", Text, nullable=False),  # JSON: what the ledger shall say if nobody hears of the call again
    Column("owner", Text, nullable=False),  # the hub that runs it
    Column("created_at", Float, nullable=False),
    Index(None, "created_at"),
    Index(
        "ix_promises_running",
        "owner",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

ledger_owners = Table(
    "ledger_owners",
    usage,
    Column("owner", Text, primary_key=True),  # a hub that shares its database with others
    Column("lease_until", Float, nullable=False),  # by the database's clock; until then it lives
)
