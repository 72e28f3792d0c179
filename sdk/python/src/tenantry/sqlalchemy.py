"""SQLAlchemy: every transaction of an engine begins with the tenant of the running work.

    engine = create_engine(…)
    install(engine)

    with run_as(tenant), Session(engine) as session, session.begin():
        …

For an AsyncEngine: `install(engine.sync_engine)`. Autocommit has no transactions that could have a tenant: protected tables
refuse it. Migrations use an engine of their own, with the owner's login and without this.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, event

from ._context import PROXY, Options, beginning
from ._credentials import Credentials, turns
from ._tenant import current_tenant


def install(engine: Engine, options: Options = PROXY, *, credentials: Credentials | None = None) -> None:
    """Makes each transaction of the engine begin with its tenant. With credentials, straight to PostgreSQL: contexts are
    signed with their key, and each new connection takes the next login.
    """
    if credentials:
        options = replace(options, signing_key=credentials.signing_key)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        placeholder = "$1" if connection.dialect.driver == "asyncpg" else "%s"
        said = beginning(current_tenant(), options)
        text, values = next(said)
        while True:
            result = connection.exec_driver_sql(text.replace("$1", placeholder), values or None)
            try:
                text, values = said.send(result.scalar() if result.returns_rows else None)
            except StopIteration:
                break

    if credentials:
        turn = turns(credentials)

        @event.listens_for(engine, "do_connect")
        def connect(dialect: Any, record: Any, arguments: Any, parameters: dict[str, Any]) -> None:
            parameters.update(vars(turn()))
