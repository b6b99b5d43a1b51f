"""Runs the steps on the connection it is given. Alembic loads this file; see `stairs` beside it."""

from alembic import context

from jackfield_hub.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by copying the table
)
with context.begin_transaction():
    context.run_migrations()
