"""Each driver with its helpers, behind one small face, so that one story is told of all of them. Statements are texts with
$1, $2 …; a transaction is a list of them, and gives the rows of the last.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol

import asyncpg
import psycopg
import psycopg_pool
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

import tenantry.asyncpg
import tenantry.psycopg
import tenantry.sqlalchemy
from tenantry import Credentials, Options, read_credentials, run_as

Statement = tuple[str, *tuple[object, ...]]
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Place:
    """Where a driver connects: one URL for all its connections, or the logins of `tenantry apply`."""

    url: str
    credentials: Credentials | None

    @property
    def options(self) -> Options:
        return Options(signing_key=self.credentials.signing_key if self.credentials else None)


def naming() -> Place:
    return Place(os.environ["SDK_NAMING_URL"], None)


def direct(key: str | None = None) -> Place:
    found = read_credentials(os.environ["SDK_CREDENTIALS"])
    if key:
        found = replace(found, signing_key=replace(found.signing_key, key=key))
    login = found.logins[0]
    return Place(f"postgresql://{login.user}:{login.password}@{found.host}:{found.port}/{found.database}", found)


class Subject(Protocol):
    def transaction(self, tenant: str | None, *said: Statement) -> Rows:
        """One transaction of a tenant; of the running work's where that is None."""

    def bare(self, text: str) -> object:
        """A statement of nobody."""

    def close(self) -> None: ...


def percent(text: str) -> str:
    return re.sub(r"\$\d+", "%s", text)


class Psycopg:
    def __init__(self, place: Place, connections: int) -> None:
        self.options = place.options
        kwargs: Any = tenantry.psycopg.slots(place.credentials) if place.credentials else None
        self.pool = psycopg_pool.ConnectionPool("" if kwargs else place.url, kwargs=kwargs, min_size=1, max_size=connections, open=True)

    def transaction(self, tenant: str | None, *said: Statement) -> Rows:
        entered = tenantry.psycopg.in_transaction(self.pool, self.options) if tenant is None else tenantry.psycopg.with_tenant(self.pool, tenant, self.options)
        with entered as connection:
            rows: Rows = []
            for text, *values in said:
                cursor = connection.execute(percent(text), values or None)
                rows = cursor.fetchall() if cursor.description else []
            return rows

    def bare(self, text: str) -> object:
        with self.pool.connection() as connection:
            return connection.execute(text).fetchall()

    def close(self) -> None:
        self.pool.close()


class Loop:
    """Runs coroutines in a loop of its own, from whatever thread, with the caller's tenant."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine: Any) -> Any:
        # call_soon_threadsafe takes the caller's context along, and so the task has the caller's tenant
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)


class PsycopgAsync(Loop):
    def __init__(self, place: Place, connections: int) -> None:
        super().__init__()
        self.options = place.options
        self.run(self._open(place, connections))

    async def _open(self, place: Place, connections: int) -> None:
        async def kwargs() -> dict[str, Any]:
            assert place.credentials
            return slots()

        slots = tenantry.psycopg.slots(place.credentials) if place.credentials else dict
        direct: Any = kwargs if place.credentials else None
        self.pool = psycopg_pool.AsyncConnectionPool("" if direct else place.url, kwargs=direct, min_size=1, max_size=connections, open=False)
        await self.pool.open()

    async def _transaction(self, tenant: str | None, said: tuple[Statement, ...]) -> Rows:
        helper = tenantry.psycopg
        entered = helper.in_transaction_async(self.pool, self.options) if tenant is None else helper.with_tenant_async(self.pool, tenant, self.options)
        async with entered as connection:
            rows: Rows = []
            for text, *values in said:
                cursor = await connection.execute(percent(text), values or None)
                rows = await cursor.fetchall() if cursor.description else []
            return rows

    def transaction(self, tenant: str | None, *said: Statement) -> Rows:
        return self.run(self._transaction(tenant, said))

    def bare(self, text: str) -> object:
        async def ask() -> None:
            async with self.pool.connection() as connection:
                await connection.execute(text)

        return self.run(ask())

    def close(self) -> None:
        self.run(self.pool.close())


class Asyncpg(Loop):
    def __init__(self, place: Place, connections: int) -> None:
        super().__init__()
        self.options = place.options
        self.run(self._open(place, connections))

    async def _open(self, place: Place, connections: int) -> None:
        how: dict[str, Any] = {"connect": tenantry.asyncpg.slots(place.credentials)} if place.credentials else {"dsn": place.url}
        self.pool = await asyncpg.create_pool(**how, min_size=1, max_size=connections)

    async def _transaction(self, tenant: str | None, said: tuple[Statement, ...]) -> Rows:
        helper = tenantry.asyncpg
        entered = (
            helper.in_transaction(self.pool, self.options, isolation="repeatable_read")
            if tenant is None
            else helper.with_tenant(self.pool, tenant, self.options)
        )
        async with entered as connection:
            rows: Rows = []
            for text, *values in said:
                rows = [tuple(row) for row in await connection.fetch(text, *values)]
            return rows

    def transaction(self, tenant: str | None, *said: Statement) -> Rows:
        return self.run(self._transaction(tenant, said))

    def bare(self, text: str) -> object:
        return self.run(self.pool.fetch(text))

    def close(self) -> None:
        self.run(self.pool.close())


def entered(tenant: str | None) -> ExitStack:
    stack = ExitStack()
    if tenant is not None:
        stack.enter_context(run_as(tenant))
    return stack


class SqlAlchemy:
    def __init__(self, place: Place, connections: int) -> None:
        self.engine = sa.create_engine(place.url.replace("postgresql://", "postgres://").replace("postgres://", "postgresql+psycopg://"), pool_size=connections, max_overflow=0)
        tenantry.sqlalchemy.install(self.engine, credentials=place.credentials)

    def transaction(self, tenant: str | None, *said: Statement) -> Rows:
        with entered(tenant), self.engine.begin() as connection:
            rows: Rows = []
            for text, *values in said:
                result = connection.exec_driver_sql(percent(text), tuple(values) or None)
                rows = [tuple(row) for row in result] if result.returns_rows else []
            return rows

    def bare(self, text: str) -> object:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            cursor = connection.connection.cursor()
            try:
                return cursor.execute(text)
            finally:
                cursor.close()

    def close(self) -> None:
        self.engine.dispose()


class SqlAlchemyAsync(Loop):
    def __init__(self, place: Place, connections: int) -> None:
        super().__init__()
        url = re.sub(r"^postgres(ql)?://", "postgresql+asyncpg://", place.url)
        self.engine = create_async_engine(url, pool_size=connections, max_overflow=0)
        tenantry.sqlalchemy.install(self.engine.sync_engine, credentials=place.credentials)

    async def _transaction(self, tenant: str | None, said: tuple[Statement, ...]) -> Rows:
        with entered(tenant):
            async with self.engine.begin() as connection:
                rows: Rows = []
                for text, *values in said:
                    result = await connection.exec_driver_sql(text, tuple(values) or None)
                    rows = [tuple(row) for row in result] if result.returns_rows else []
                return rows

    def transaction(self, tenant: str | None, *said: Statement) -> Rows:
        return self.run(self._transaction(tenant, said))

    def bare(self, text: str) -> object:
        async def ask() -> None:
            async with self.engine.connect() as connection:
                raw = await connection.get_raw_connection()
                await raw.driver_connection.fetch(text)

        with run_as("nobody"):
            return self.run(ask())

    def close(self) -> None:
        self.run(self.engine.dispose())


class Django:
    """One connection for each thread: `connections` is what the test makes of threads."""

    def __init__(self, place: Place, connections: int) -> None:
        import django
        from django.conf import settings
        from django.db import connections as databases
        from django.db.utils import ConnectionHandler

        if not settings.configured:
            settings.configure(DATABASES={}, USE_TZ=True, TIME_ZONE="Europe/Berlin", INSTALLED_APPS=[])
            django.setup()
        parts = psycopg.conninfo.conninfo_to_dict(place.url)
        database = {"ENGINE": "tenantry.django.postgresql", "NAME": parts["dbname"], "HOST": parts["host"], "PORT": parts["port"], "USER": parts["user"], "PASSWORD": parts["password"], "CONN_MAX_AGE": None}
        if place.credentials:
            database["TENANTRY"] = {"credentials": os.environ["SDK_CREDENTIALS"]}
        self.alias = f"{'direct' if place.credentials else 'naming'}{connections}{id(self)}"
        databases.settings[self.alias] = {**ConnectionHandler({"default": database}).settings["default"]}
        self.databases = databases
        if place.credentials:
            # the file's key, or the one the test forged
            self.key: Any = place.credentials.signing_key

    def _connection(self) -> Any:
        connection = self.databases[self.alias]
        if hasattr(self, "key"):
            connection._tenantry = replace(connection._tenantry, signing_key=self.key)
        return connection

    def transaction(self, tenant: str | None, *said: Statement) -> Rows:
        from django.db import transaction

        connection = self._connection()
        with entered(tenant), transaction.atomic(using=self.alias):
            rows: Rows = []
            for text, *values in said:
                with connection.cursor() as cursor:
                    cursor.execute(percent(text), values or None)
                    rows = cursor.fetchall() if cursor.description else []
            return rows

    def bare(self, text: str) -> object:
        with self._connection().cursor() as cursor:
            return cursor.execute(text)

    def close(self) -> None:
        self.databases[self.alias].close()


SUBJECTS: list[Callable[[Place, int], Subject]] = [Psycopg, PsycopgAsync, Asyncpg, SqlAlchemy, SqlAlchemyAsync, Django]


def state(error: BaseException | None) -> str | None:
    """The SQLSTATE somewhere in an error or its causes."""
    while error is not None:
        found = getattr(error, "sqlstate", None)
        if found:
            return str(found)
        error = getattr(error, "orig", None) or error.__cause__
    return None
