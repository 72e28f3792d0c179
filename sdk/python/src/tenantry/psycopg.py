"""psycopg 3: a transaction of a tenant, on a connection or one of a pool, sync and async."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any, Protocol, TypeAlias

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus

from . import _credentials
from ._context import PROXY, Options, beginning
from ._tenant import current_tenant, run_as


class Pool(Protocol):
    """What is used of `psycopg_pool.ConnectionPool`."""

    def connection(self) -> Any: ...


Source: TypeAlias = "Connection[Any] | Pool"
AsyncSource: TypeAlias = "AsyncConnection[Any] | Pool"


@contextmanager
def with_tenant(source: Source, tenant: str, options: Options = PROXY) -> Iterator[Connection[Any]]:
    """One transaction of `tenant`: committed at the end of the block, rolled back by an error."""
    with run_as(tenant), in_transaction(source, options) as connection:
        yield connection


@contextmanager
def in_transaction(source: Source, options: Options = PROXY) -> Iterator[Connection[Any]]:
    """The same for the tenant of the running work."""
    tenant = current_tenant()
    borrowed = nullcontext(source) if isinstance(source, Connection) else source.connection()
    with borrowed as connection:
        _must_be_idle(connection)
        with connection.transaction():
            said = beginning(tenant, options)
            text, values = next(said)
            while True:
                cursor = connection.execute(text.replace("$1", "%s"), values or None)
                row = cursor.fetchone() if cursor.description else None
                try:
                    text, values = said.send(_first(row))
                except StopIteration:
                    break
            yield connection


@asynccontextmanager
async def with_tenant_async(source: AsyncSource, tenant: str, options: Options = PROXY) -> AsyncIterator[AsyncConnection[Any]]:
    """One transaction of `tenant`: committed at the end of the block, rolled back by an error."""
    with run_as(tenant):
        async with in_transaction_async(source, options) as connection:
            yield connection


@asynccontextmanager
async def in_transaction_async(source: AsyncSource, options: Options = PROXY) -> AsyncIterator[AsyncConnection[Any]]:
    """The same for the tenant of the running work."""
    tenant = current_tenant()
    borrowed = nullcontext(source) if isinstance(source, AsyncConnection) else source.connection()
    async with borrowed as connection:
        _must_be_idle(connection)
        async with connection.transaction():
            said = beginning(tenant, options)
            text, values = next(said)
            while True:
                cursor = await connection.execute(text.replace("$1", "%s"), values or None)
                row = await cursor.fetchone() if cursor.description else None
                try:
                    text, values = said.send(_first(row))
                except StopIteration:
                    break
            yield connection


def slots(credentials: _credentials.Credentials) -> Callable[[], dict[str, Any]]:
    """For a pool straight to PostgreSQL, whose connections each want a login of their own:
    `ConnectionPool(kwargs=slots(credentials), max_size=len(credentials.logins))`, with psycopg_pool 3.3 or later.
    """
    turn = _credentials.turns(credentials)
    place = {"host": credentials.host, "port": credentials.port, "dbname": credentials.database}
    return lambda: {**place, **vars(turn())}


def _must_be_idle(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    """Inside a transaction the tenant comes too late: it must be told first."""
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise psycopg.ProgrammingError("tenantry: the connection is in a transaction already; end it, then begin the tenant's")


def _first(row: Any) -> object:
    """The first value of a row, whatever the connection makes of rows."""
    if row is None:
        return None
    return next(iter(row.values())) if isinstance(row, dict) else next(iter(row))
