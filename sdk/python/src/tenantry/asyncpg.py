"""asyncpg: a transaction of a tenant, on a connection or one of a pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Literal

import asyncpg

from . import _credentials
from ._context import PROXY, Options, beginning
from ._tenant import current_tenant, run_as

Isolation = Literal["read_committed", "repeatable_read", "serializable"]


@asynccontextmanager
async def with_tenant(
    source: asyncpg.Connection | asyncpg.Pool, tenant: str, options: Options = PROXY, *, isolation: Isolation | None = None
) -> AsyncIterator[Any]:
    """One transaction of `tenant`: committed at the end of the block, rolled back by an error."""
    with run_as(tenant):
        async with in_transaction(source, options, isolation=isolation) as connection:
            yield connection


@asynccontextmanager
async def in_transaction(
    source: asyncpg.Connection | asyncpg.Pool, options: Options = PROXY, *, isolation: Isolation | None = None
) -> AsyncIterator[Any]:
    """The same for the tenant of the running work."""
    tenant = current_tenant()
    borrowed = source.acquire() if isinstance(source, asyncpg.Pool) else nullcontext(source)
    async with borrowed as connection:
        if connection.is_in_transaction():
            raise asyncpg.InterfaceError("tenantry: the connection is in a transaction already; end it, then begin the tenant's")
        async with connection.transaction(isolation=isolation):
            said = beginning(tenant, options)
            text, values = next(said)
            while True:
                answer = await connection.fetchval(text, *values)
                try:
                    text, values = said.send(answer)
                except StopIteration:
                    break
            yield connection


def slots(credentials: _credentials.Credentials) -> Callable[..., Awaitable[Any]]:
    """For a pool straight to PostgreSQL, whose connections each want a login of their own:
    `create_pool(connect=slots(credentials), max_size=len(credentials.logins))`.
    """
    turn = _credentials.turns(credentials)
    place = {"host": credentials.host, "port": credentials.port, "database": credentials.database}

    async def connect(*arguments: Any, **more: Any) -> Any:
        return await asyncpg.connect(*arguments, **{**more, **place, **vars(turn())})

    return connect
