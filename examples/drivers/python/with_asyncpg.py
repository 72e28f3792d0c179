"""asyncpg: everything is a named prepared statement, values are binary, timeouts cancel by themselves."""

import asyncio
import io
from collections.abc import Awaitable
from uuid import UUID

import asyncpg

from checks import (
    CROWD, CROWD_TRANSACTIONS, DATABASE, HOST, LARGE, MANY, PORT, TENANTS, TIMES, Checks, Tenant, other,
)

LABEL = "asyncpg"
checks = Checks(LABEL)
Both = list[tuple[Tenant, asyncpg.Connection]]


def login(tenant: Tenant) -> dict[str, object]:
    return {"host": HOST, "port": PORT, "database": DATABASE, "user": tenant.user, "password": tenant.password, "ssl": False}


async def refused(state: type[Exception], work: Awaitable[object]) -> None:
    try:
        await work
    except state:
        checks.same(state.__name__, True, True)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        checks.fail(f"wanted {state.__name__}, found {error!r}")
    else:
        checks.fail(f"wanted {state.__name__}, and nothing was refused")


async def count(c: asyncpg.Connection, body: str) -> int:
    return int(await c.fetchval("SELECT count(*) FROM notes WHERE label = $1 AND body = $2", LABEL, body))


async def rows(both: Both) -> None:
    """Each creates, reads, changes and deletes its own, and finds nothing of the other's."""
    ids: dict[Tenant, UUID] = {}
    for t, c in both:
        await c.execute("DELETE FROM notes WHERE label = $1", LABEL)
        made = await c.fetchrow("INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING id, team_id", LABEL, t.user)
        ids[t] = made["id"]
        checks.same("the tenant by default", str(made["team_id"]), t.team)
    for t, c in both:
        theirs = ids[other(t)]
        checks.same("reading", await c.fetchval("SELECT body FROM notes WHERE id = $1", ids[t]), t.user)
        checks.same("changing", await c.execute("UPDATE notes SET n = 7 WHERE id = $1", ids[t]), "UPDATE 1")
        checks.same("reading the other's", await c.fetch("SELECT FROM notes WHERE id = $1", theirs), [])
        checks.same("changing the other's", await c.execute("UPDATE notes SET n = 9 WHERE id = $1", theirs), "UPDATE 0")
        checks.same("deleting the other's", await c.execute("DELETE FROM notes WHERE id = $1", theirs), "DELETE 0")
        await refused(asyncpg.InsufficientPrivilegeError, c.execute(
            "INSERT INTO notes (team_id, label, body) VALUES ($1, $2, '')", UUID(other(t).team), LABEL))
    for t, c in both:
        checks.same("deleting", await c.execute("DELETE FROM notes WHERE id = $1", ids[t]), "DELETE 1")


async def prepared(both: Both) -> None:
    """A statement is prepared in one transaction and used in the next ones; others are freed in between."""
    kept = [(t, c, await c.prepare("INSERT INTO notes (label, body, n) VALUES ($1, 'prepared', $2) RETURNING team_id::text, n")) for t, c in both]
    for n in range(TIMES):
        for t, c, statement in kept:
            async with c.transaction():
                checks.same("a prepared insert", tuple(await statement.fetchrow(LABEL, n)), (t.team, n))
            passing = await c.prepare(f"SELECT {n} + $1::int")
            checks.same("a statement used once", await passing.fetchval(1), n + 1)
            del passing  # closed together with the next statement's Parse
    for t, c, statement in kept:
        checks.same("its columns", [a.name for a in statement.get_attributes()], ["team_id", "n"])
        # pg_catalog's types are looked up over the same connection, with the setting `jit` off for a moment
        checks.same("a type to look up", await c.fetchval("SELECT 'x'::information_schema.sql_identifier"), "x")
    for t in TENANTS:
        c = await asyncpg.connect(**login(t), statement_cache_size=0)
        for n in range(TIMES):
            checks.same("an unnamed statement", await c.fetchval("SELECT $1::int", n), n)
        await c.close()


async def transactions(both: Both) -> None:
    for word in ("commit", "rollback"):
        open_ = [(c, c.transaction()) for _, c in both]
        for c, outer in open_:
            await outer.start()
            await c.execute("INSERT INTO notes (label, body) VALUES ($1, $2)", LABEL, word)
            await refused(asyncpg.DivisionByZeroError, savepoint(c))
        for _, outer in open_:
            await getattr(outer, word)()
    for _, c in both:
        checks.same("after commit and rollback", [await count(c, w) for w in ("commit", "rollback", "savepoint")], [1, 0, 0])
        async with c.transaction(isolation="repeatable_read", readonly=True):
            checks.same("repeatable read", await c.fetchval("SHOW transaction_isolation"), "repeatable read")
            await c.execute("SELECT 1")


async def savepoint(c: asyncpg.Connection) -> None:
    async with c.transaction():
        await c.execute("INSERT INTO notes (label, body) VALUES ($1, 'savepoint')", LABEL)
        await c.fetchval("SELECT 1 / $1::int", 0)


async def failures(both: Both) -> None:
    for t, c in both:
        await refused(asyncpg.DivisionByZeroError, c.execute("SELECT 1 / 0"))
        made = await c.fetchval("INSERT INTO notes (label, body) VALUES ($1, 'unique') RETURNING id", LABEL)
        await refused(asyncpg.UniqueViolationError, c.execute("INSERT INTO notes (id, label, body) VALUES ($1, $2, '')", made, LABEL))
        await c.execute("BEGIN")
        await refused(asyncpg.UndefinedTableError, c.fetch("SELECT FROM no_such_table"))
        await refused(asyncpg.InFailedSQLTransactionError, c.fetch("SELECT 1"))
        await c.execute("ROLLBACK")
        checks.same("going on", await count(c, "unique"), 1)
        await refused(TimeoutError, c.execute("SELECT pg_sleep(60)", timeout=0.3))
        checks.same("after a cancelled query", await c.fetchval("SELECT 'here'"), "here")


async def many(both: Both) -> None:
    for t, c in both:
        await c.executemany("INSERT INTO notes (label, body, n) VALUES ($1, 'many', $2)", [(LABEL, n) for n in range(MANY)])
    for t, c in both:
        found = await c.fetch("SELECT n, team_id::text FROM notes WHERE label = $1 AND body = 'many' ORDER BY n", LABEL)
        checks.same("many rows", [tuple(r) for r in found] == [(n, t.team) for n in range(MANY)], True)
        async with c.transaction():
            total = 0
            async for record in c.cursor("SELECT n FROM notes WHERE label = $1 AND body = 'many'", LABEL, prefetch=100):
                total += record["n"]
        checks.same("a cursor", total, MANY * (MANY - 1) // 2)
        back = await c.fetchval("INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING body", LABEL, LARGE)
        checks.same("a large row", back == LARGE, True)


async def copying(both: Both) -> None:
    for t, c in both:
        out = io.BytesIO()
        await c.copy_from_query("SELECT team_id FROM notes WHERE label = 'asyncpg' AND body = 'many'", output=out)
        teams = out.getvalue().decode().split()
        checks.same("COPY OUT", (len(teams), set(teams)), (MANY, {t.team}))
        label = f"{LABEL} {t.team}"
        await c.execute("DELETE FROM scratch WHERE label = $1", label)
        records = [(label, n, "x") for n in range(MANY)]
        checks.same("COPY IN", await c.copy_records_to_table("scratch", records=records), f"COPY {MANY}")
        bad = io.BytesIO(b"one column\n")
        await refused(asyncpg.BadCopyFileFormatError, c.copy_to_table("scratch", source=bad, columns=["label", "n"]))
        checks.same("after a COPY that failed", await c.execute("DELETE FROM scratch WHERE label = $1", label), f"DELETE {MANY}")


async def crowd() -> None:
    """More connections than a pooler has servers: each transaction still meets its own tenant."""
    pools = [await asyncpg.create_pool(**login(t), min_size=CROWD, max_size=CROWD) for t in TENANTS]

    async def member(t: Tenant, pool: asyncpg.Pool) -> list[tuple[str, str]]:
        seen = []
        for n in range(CROWD_TRANSACTIONS):
            async with pool.acquire() as c, c.transaction():
                made = await c.fetchval("INSERT INTO notes (label, body, n) VALUES ($1, 'crowd', $2) RETURNING team_id::text", LABEL, n)
                seen.append((t.team, made))
        return seen

    seen = await asyncio.gather(*(member(*pair) for pair in zip(TENANTS, pools) for _ in range(CROWD)))
    for pool in pools:
        await pool.close()
    checks.same("a crowd of both", [pair for s in seen for pair in s if pair[0] != pair[1]], [])


async def main() -> None:
    both = [(t, await asyncpg.connect(**login(t))) for t in TENANTS]
    for part in (rows, prepared, transactions, failures, many, copying):
        await part(both)
    await crowd()
    for t, c in both:
        checks.same("whose rows were there at the end", [str(r[0]) for r in await c.fetch("SELECT DISTINCT team_id FROM notes")], [t.team])
        await c.execute("DELETE FROM notes WHERE label = $1", LABEL)
        await c.close()
    checks.done()


asyncio.run(main())
