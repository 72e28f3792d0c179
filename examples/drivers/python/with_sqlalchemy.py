"""SQLAlchemy: Core and ORM over psycopg and over asyncpg, with a pool that asks before it lends (pool_pre_ping)."""

import asyncio
import threading
import uuid
from collections.abc import Callable

from sqlalchemy import Engine, FetchedValue, URL, create_engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from checks import (
    CROWD, CROWD_TRANSACTIONS, DATABASE, HOST, LARGE, MANY, PORT, TENANTS, TIMES, Checks, Tenant, other,
)

LABEL = "sqlalchemy"
checks = Checks(LABEL)
Both = list[tuple[Tenant, Engine]]


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    # filled by the database: the application never says whose a row is
    team_id: Mapped[uuid.UUID] = mapped_column(server_default=FetchedValue())
    label: Mapped[str]
    body: Mapped[str]
    n: Mapped[int] = mapped_column(default=0)


def url(tenant: Tenant, driver: str) -> URL:
    return URL.create(f"postgresql+{driver}", tenant.user, tenant.password, HOST, PORT, DATABASE)


def state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None))


def refused(wanted: str, work: Callable[[], object]) -> None:
    try:
        work()
    except DBAPIError as error:
        checks.same("the refusal", state(error), wanted)
    else:
        checks.fail(f"wanted {wanted}, and nothing was refused")


def rows(both: Both) -> None:
    """Each creates, reads, changes and deletes its own, and finds nothing of the other's."""
    ids: dict[Tenant, uuid.UUID] = {}
    for t, e in both:
        with Session(e) as s, s.begin():
            s.execute(delete(Note).where(Note.label == LABEL))
            note = Note(label=LABEL, body=t.user)
            s.add(note)
            s.flush()
            ids[t] = note.id
            checks.same("the tenant by default", str(note.team_id), t.team)
    for t, e in both:
        with Session(e) as s, s.begin():
            theirs = ids[other(t)]
            note = s.get_one(Note, ids[t])
            checks.same("reading", note.body, t.user)
            note.n = 7
            s.flush()
            checks.same("reading the other's", s.get(Note, theirs), None)
            checks.same("changing the other's", len(s.scalars(update(Note).where(Note.id == theirs).values(n=9).returning(Note.id)).all()), 0)
            checks.same("deleting the other's", len(s.scalars(delete(Note).where(Note.id == theirs).returning(Note.id)).all()), 0)
        refused("42501", lambda: add(e, Note(team_id=uuid.UUID(other(t).team), label=LABEL, body="")))
    for t, e in both:
        with Session(e) as s, s.begin():
            note = s.get_one(Note, ids[t])
            checks.same("changing", note.n, 7)
            s.delete(note)
        with Session(e) as s:
            checks.same("deleting", s.get(Note, ids[t]), None)


def add(engine: Engine, note: Note) -> None:
    with Session(engine) as s, s.begin():
        s.add(note)


def count(engine: Engine, body: str) -> int:
    with engine.connect() as c:
        return int(c.scalar(select(func.count()).where(Note.label == LABEL, Note.body == body)) or 0)


def prepared(both: Both) -> None:
    """The same statement often enough for psycopg to prepare it."""
    for n in range(TIMES):
        for t, e in both:
            with e.begin() as c:
                made = c.execute(insert(Note).values(label=LABEL, body="prepared", n=n).returning(Note.team_id, Note.n)).one()
                checks.same("a prepared insert", (str(made[0]), made[1]), (t.team, n))


def transactions(both: Both) -> None:
    for word in ("commit", "rollback"):
        sessions = [Session(e) for _, e in both]
        for s in sessions:
            s.add(Note(label=LABEL, body=word))
            s.flush()
            refused("22012", lambda: savepoint(s))
        for s in sessions:
            getattr(s, word)()
            s.close()
    for _, e in both:
        checks.same("after commit and rollback", [count(e, w) for w in ("commit", "rollback", "savepoint")], [1, 0, 0])
        with e.connect().execution_options(isolation_level="REPEATABLE READ") as c:
            checks.same("repeatable read", c.scalar(text("SHOW transaction_isolation")), "repeatable read")
        with e.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            checks.same("autocommit", c.scalar(text("SELECT 1")), 1)


def savepoint(session: Session) -> None:
    with session.begin_nested():
        session.add(Note(label=LABEL, body="savepoint"))
        session.flush()
        session.execute(text("SELECT 1 / 0"))


def failures(both: Both) -> None:
    for _, e in both:
        refused("22012", lambda: run(e, "SELECT 1 / 0"))
        note = uuid.uuid4()
        add(e, Note(id=note, label=LABEL, body="unique"))
        refused("23505", lambda: add(e, Note(id=note, label=LABEL, body="")))
        with Session(e) as s:
            refused("42P01", lambda: s.execute(text("SELECT FROM no_such_table")))
            refused("25P02", lambda: s.connection().exec_driver_sql("SELECT 1"))
            s.rollback()
            checks.same("going on", s.scalar(select(func.count()).where(Note.id == note)), 1)
        with e.connect() as c:
            done = threading.Event()
            waiting = threading.Thread(target=lambda: (refused("57014", lambda: c.execute(text("SELECT pg_sleep(60)"))), done.set()))
            waiting.start()
            while not done.wait(0.1):
                c.connection.driver_connection.cancel_safe()
            waiting.join()
            c.rollback()
            checks.same("after a cancelled query", c.scalar(text("SELECT 'here'")), "here")


def run(engine: Engine, sql: str) -> None:
    with engine.begin() as c:
        c.execute(text(sql))


def many(both: Both) -> None:
    for t, e in both:
        with Session(e) as s, s.begin():
            s.execute(insert(Note), [{"label": LABEL, "body": "many", "n": n} for n in range(MANY)])
    for t, e in both:
        with e.connect() as c:
            found = c.execute(select(Note.n, Note.team_id).where(Note.label == LABEL, Note.body == "many").order_by(Note.n)).all()
            checks.same("many rows", [(n, str(team)) for n, team in found] == [(n, t.team) for n in range(MANY)], True)
            stream = c.execution_options(yield_per=500).scalars(select(Note.n).where(Note.body == "many", Note.label == LABEL))
            checks.same("a server-side cursor", sum(stream), MANY * (MANY - 1) // 2)
        with Session(e) as s, s.begin():
            note = Note(label=LABEL, body=LARGE)
            s.add(note)
            s.flush()
            s.refresh(note)
            checks.same("a large row", note.body == LARGE, True)


async def crowd() -> None:
    """Over asyncpg: more connections than a pooler has servers; each transaction still meets its own tenant."""
    engines = [create_async_engine(url(t, "asyncpg"), pool_size=CROWD, max_overflow=0, pool_pre_ping=True) for t in TENANTS]
    wrong = []

    async def member(t: Tenant, engine: object) -> None:
        for n in range(CROWD_TRANSACTIONS):
            async with AsyncSession(engine) as s, s.begin():
                note = Note(label=LABEL, body="crowd", n=n)
                s.add(note)
                await s.flush()
                if str(note.team_id) != t.team:
                    wrong.append(note.team_id)

    await asyncio.gather(*(member(*pair) for pair in zip(TENANTS, engines) for _ in range(CROWD)))
    for e in engines:
        await e.dispose()
    checks.same("a crowd of both", wrong, [])


def main() -> None:
    both = [(t, create_engine(url(t, "psycopg"), pool_pre_ping=True)) for t in TENANTS]
    for part in (rows, prepared, transactions, failures, many):
        part(both)
    asyncio.run(crowd())
    for t, e in both:
        with e.begin() as c:
            checks.same("whose rows were there at the end", [str(i) for i in c.scalars(select(Note.team_id).distinct())], [t.team])
            c.execute(delete(Note).where(Note.label == LABEL))
        e.dispose()
    checks.done()


main()
