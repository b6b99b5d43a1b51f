"""The second wall between organizations, on Postgres: the database itself shows and takes one organization's rows only.

Every transaction says for whom it acts (`jackfield.organization`); one that says nothing sees nothing. The policies
bind the tables' owner too: the hub's own role cannot pass them, unless it is a superuser or has BYPASSRLS.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

SETTING = "jackfield.organization"
EVERY_ORGANIZATION = "*"  #: what a transaction says that acts for the hub itself: jobs, sign-in, migrations

_OPEN_TABLES = text("""
    SELECT class.relname, attribute.attname
    FROM pg_class class JOIN pg_attribute attribute ON attribute.attrelid = class.oid
    WHERE class.relkind = 'r' AND class.relnamespace = current_schema()::regnamespace
      AND (attribute.attname = 'organization_id' OR class.relname = 'organizations' AND attribute.attname = 'id')
      AND NOT attribute.attisdropped AND NOT class.relforcerowsecurity
    ORDER BY class.relname
""")


def raise_walls(connection: Connection) -> None:
    """Give a policy to each table that has none yet. SQLite knows no policies."""
    if connection.dialect.name != "postgresql":
        return
    for table, column in connection.execute(_OPEN_TABLES).all():
        is_ours = f"current_setting('{SETTING}', true) IN ({column}, '{EVERY_ORGANIZATION}')"
        connection.execute(text(f"CREATE POLICY organization ON {table} USING ({is_ours})"))
        connection.execute(text(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"))
