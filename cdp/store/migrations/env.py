"""Alembic's entry: it runs on the connection that `cdp.store.migrate` holds."""

from alembic import context

from cdp.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
)
context.run_migrations()
