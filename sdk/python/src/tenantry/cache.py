"""The tenant-scoped cache in Redis, shared with applications in Rust (`tenantry-cache`) and TypeScript.

    cache = Cache(redis.Redis(), Form(secret, "shop"))
    with run_as(workspace):
        segment = cache.get_or_load("segment", segment_id, lambda: read_segment(segment_id))

Entries belong to the tenant of the running work; without one there is an error. Names are hashed, values sealed for one
tenant. Redis may fail: then the loader answers, and `on_error` hears why. There is no memory of this process in front
of it, and no directory of tenants: a suspended tenant is refused where its work begins, not here.

The client must give bytes (`decode_responses=False`, the default) and should have a `socket_timeout`.
"""

import os
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ._cache_form import HEAD, REMOVAL_MS, Form, mix
from ._tenant import current_tenant

__all__ = ["AsyncCache", "Cache", "Form"]

KIND_BYTES_MAX = 64
ID_BYTES_MAX = 1024
TTL_SECONDS_MAX = 24 * 3600
NOTHING_SECONDS_MAX = 30
GENERATION_SECONDS = 7 * 24 * 3600
#: how often it is looked whether the server is still the same run
RUN_SECONDS = 1.0

STORE = """\
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
if redis.call('GETRANGE', KEYS[3], 0, 49) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5])
return 1"""
WRITE = """\
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1"""
FORGET = """\
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1"""
GENERATION = """\
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2])
return redis.call('GET', KEYS[1])"""

_Command = tuple[Any, ...]
_T = TypeVar("_T")
_Steps = Generator[_Command, Any, _T]


class Executes(Protocol):
    """A Redis client, as `redis.Redis` is one."""

    def execute_command(self, *args: Any) -> Any: ...


class ExecutesLater(Protocol):
    """A Redis client, as `redis.asyncio.Redis` is one."""

    def execute_command(self, *args: Any) -> Awaitable[Any]: ...


@dataclass(frozen=True)
class _Ticket:
    """What was seen before a load: it is stored only if that is still so."""

    name: bytes
    tenants: bytes
    kinds: bytes
    head: bytes
    generation: bytes
    seen: float


class _Deeds:
    """What is done, as commands to be run by whoever can: at once or later."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self._run: tuple[float, bytes, bytes] | None = None
        self._owed: set[str] = set()

    def look(self, tenant: str, kind: str, id: str) -> _Steps[tuple[bool, bytes | None, _Ticket | None]]:
        form = self.form
        if tenant in self._owed:
            yield from self.clear(tenant)
        names = form.generation(tenant), form.generation_of_kind(tenant, kind)
        name = form.entry(tenant, kind, id)
        seen = time.monotonic()
        run_id, everybody = yield from self._server()
        tenants, kinds, stored = yield ("MGET", *names, form.text("e", name))
        tenants = tenants if tenants is not None else (yield from self._generation(names[0]))
        kinds = kinds if kinds is not None else (yield from self._generation(names[1]))
        generation = mix(run_id, everybody, tenants, kinds)
        if stored is not None:
            found = form.open(tenant, name, generation, _unix(), stored)
            if found.counts:
                return True, found.value, None
        return False, None, _Ticket(name, tenants, kinds, (stored or b"")[:HEAD], generation, seen)

    def store(self, tenant: str, kind: str, ticket: _Ticket, life: int, value: bytes | None) -> _Steps[None]:
        # a removal that came meanwhile may be forgotten already
        if life <= 0 or (time.monotonic() - ticket.seen) * 1000 >= REMOVAL_MS:
            return
        form = self.form
        sealed = form.seal(tenant, ticket.name, ticket.generation, _unix() + life, value)
        names = form.generation(tenant), form.generation_of_kind(tenant, kind), form.text("e", ticket.name)
        yield ("EVAL", STORE, 3, *names, ticket.tenants, ticket.kinds, ticket.head, sealed, life)

    def put(self, tenant: str, kind: str, id: str, life: int, value: bytes | None) -> _Steps[None]:
        form = self.form
        self._owed.add(tenant)
        run_id, everybody = yield from self._server()
        tenants = yield from self._generation(form.generation(tenant))
        kinds = yield from self._generation(form.generation_of_kind(tenant, kind))
        name = form.entry(tenant, kind, id)
        sealed = form.seal(tenant, name, mix(run_id, everybody, tenants, kinds), _unix() + life, value)
        message = form.message("entry", form.tenant_kind, tenant, "", "", kind, id)
        yield ("EVAL", WRITE, 1, form.text("e", name), sealed, life, form.channel(), message)
        self._owed.discard(tenant)

    def remove(self, tenant: str, kind: str, id: str) -> _Steps[None]:
        form = self.form
        self._owed.add(tenant)
        message = form.message("entry", form.tenant_kind, tenant, "", "", kind, id)
        name = form.text("e", form.entry(tenant, kind, id))
        yield ("EVAL", WRITE, 1, name, form.removal(_unix()), REMOVAL_MS, form.channel(), message)
        self._owed.discard(tenant)

    def remove_kind(self, tenant: str, kind: str) -> _Steps[None]:
        form = self.form
        self._owed.add(tenant)
        message = form.message("kind", form.tenant_kind, tenant, kind)
        yield ("EVAL", FORGET, 1, form.generation_of_kind(tenant, kind), form.channel(), message)
        self._owed.discard(tenant)

    def clear(self, tenant: str) -> _Steps[None]:
        form = self.form
        self._owed.add(tenant)
        message = form.message("tenant", form.tenant_kind, tenant)
        yield ("EVAL", FORGET, 1, form.generation(tenant), form.channel(), message)
        self._owed.discard(tenant)

    def forget_server(self) -> None:
        """After an error the server may be another run."""
        self._run = None

    def _server(self) -> _Steps[tuple[bytes, bytes]]:
        now = time.monotonic()
        if self._run is None or now - self._run[0] > RUN_SECONDS:
            info = yield ("INFO", "server")
            if isinstance(info, dict):
                run_id = str(info.get("run_id", "")).encode()
            else:
                lines = bytes(info).split(b"\r\n")
                run_id = next((line[7:] for line in lines if line.startswith(b"run_id:")), b"")
            everybody = yield from self._generation(self.form.generation_of_all())
            self._run = (now, run_id, everybody)
        return self._run[1], self._run[2]

    def _generation(self, name: str) -> _Steps[bytes]:
        known = yield ("GET", name)
        if known is None:
            known = yield ("EVAL", GENERATION, 1, name, os.urandom(16), GENERATION_SECONDS)
        return bytes(known)


class _Common:
    def __init__(self, form: Form, ttl: float, on_error: Callable[[Exception], None] | None) -> None:
        self._steps = _Deeds(form)
        self._ttl = ttl
        self._on_error = on_error or (lambda _: None)

    def _life(self, ttl: float | None, value: bytes | None) -> int:
        most = NOTHING_SECONDS_MAX if value is None else TTL_SECONDS_MAX
        life = min(self._ttl if ttl is None else ttl, most) * 1000
        # up to a tenth less, so that not all end at once
        return int(life * (1 - os.urandom(1)[0] / 2560))

    def _failed(self, error: Exception) -> None:
        self._steps.forget_server()
        self._on_error(error)


class Cache(_Common):
    """The cache over a client that answers at once: `redis.Redis`."""

    def __init__(
        self, client: Executes, form: Form, *, ttl: float = 300, on_error: Callable[[Exception], None] | None = None
    ) -> None:
        super().__init__(form, ttl, on_error)
        self._client = client

    def get_or_load(
        self, kind: str, id: str, load: Callable[[], bytes | None], ttl: float | None = None
    ) -> bytes | None:
        """What is known of an entry, or what the loader finds; None is that there is nothing."""
        tenant = _checked(kind, id)
        looked = self._run(self._steps.look(tenant, kind, id))
        if looked is not None and looked[0]:
            return looked[1]
        value = load()
        if looked is not None and looked[2] is not None:
            self._run(self._steps.store(tenant, kind, looked[2], self._life(ttl, value), value))
        return value

    def put(self, kind: str, id: str, value: bytes | None, ttl: float | None = None) -> bool:
        """Keeps a value, instead of what was there. False: Redis did not take it."""
        return self._done(self._steps.put(_checked(kind, id), kind, id, self._life(ttl, value), value))

    def remove(self, kind: str, id: str) -> bool:
        """Forgets an entry, in all processes; after the commit that changed it."""
        return self._done(self._steps.remove(_checked(kind, id), kind, id))

    def remove_kind(self, kind: str) -> bool:
        """Forgets all entries of a kind."""
        return self._done(self._steps.remove_kind(_checked(kind, ""), kind))

    def clear(self) -> bool:
        """Forgets all entries of the tenant. Costs the same whatever there is."""
        return self._done(self._steps.clear(current_tenant()))

    def _done(self, steps: "_Steps[None]") -> bool:
        return self._run(_told(steps)) is True

    def _run(self, steps: "_Steps[_T]") -> _T | None:
        try:
            command = next(steps)
            while True:
                command = steps.send(self._client.execute_command(*command))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        except Exception as error:  # noqa: BLE001 - whatever the client raises, the application goes on
            self._failed(error)
            return None


class AsyncCache(_Common):
    """The same over a client that is awaited: `redis.asyncio.Redis`."""

    def __init__(
        self, client: ExecutesLater, form: Form, *, ttl: float = 300, on_error: Callable[[Exception], None] | None = None
    ) -> None:
        super().__init__(form, ttl, on_error)
        self._client = client

    async def get_or_load(
        self, kind: str, id: str, load: Callable[[], Awaitable[bytes | None]], ttl: float | None = None
    ) -> bytes | None:
        """What is known of an entry, or what the loader finds; None is that there is nothing."""
        tenant = _checked(kind, id)
        looked = await self._run(self._steps.look(tenant, kind, id))
        if looked is not None and looked[0]:
            return looked[1]
        value = await load()
        if looked is not None and looked[2] is not None:
            await self._run(self._steps.store(tenant, kind, looked[2], self._life(ttl, value), value))
        return value

    async def put(self, kind: str, id: str, value: bytes | None, ttl: float | None = None) -> bool:
        """Keeps a value, instead of what was there. False: Redis did not take it."""
        return await self._done(self._steps.put(_checked(kind, id), kind, id, self._life(ttl, value), value))

    async def remove(self, kind: str, id: str) -> bool:
        """Forgets an entry, in all processes; after the commit that changed it."""
        return await self._done(self._steps.remove(_checked(kind, id), kind, id))

    async def remove_kind(self, kind: str) -> bool:
        """Forgets all entries of a kind."""
        return await self._done(self._steps.remove_kind(_checked(kind, ""), kind))

    async def clear(self) -> bool:
        """Forgets all entries of the tenant. Costs the same whatever there is."""
        return await self._done(self._steps.clear(current_tenant()))

    async def _done(self, steps: "_Steps[None]") -> bool:
        return await self._run(_told(steps)) is True

    async def _run(self, steps: "_Steps[_T]") -> _T | None:
        try:
            command = next(steps)
            while True:
                command = steps.send(await self._client.execute_command(*command))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        except Exception as error:  # noqa: BLE001 - whatever the client raises, the application goes on
            self._failed(error)
            return None


def _told(steps: "_Steps[None]") -> "_Steps[bool]":
    yield from steps
    return True


def _checked(kind: str, id: str) -> str:
    if not 1 <= len(kind.encode()) <= KIND_BYTES_MAX or len(id.encode()) > ID_BYTES_MAX:
        raise ValueError("tenantry: the kind of a cache entry has 1 to 64 bytes, its id at most 1024")
    return current_tenant()


def _unix() -> int:
    return time.time_ns() // 1_000_000
