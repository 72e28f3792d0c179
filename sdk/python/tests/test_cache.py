"""The cache against a real Redis, and the vectors that all three languages share."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio

from tenantry import NoTenant, run_as
from tenantry.cache import AsyncCache, Cache, Form
from tenantry._cache_form import mix

VECTORS = json.loads((Path(__file__).parents[2] / "cache-vectors.json").read_text())
FORM = Form(VECTORS["secret"], VECTORS["realm"], "text")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(number), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "Ready to accept" in line:
                break
        yield number
        server.kill()


@pytest.fixture
def client(port: int) -> Iterator["redis.Redis"]:
    with redis.Redis(port=port, socket_timeout=5) as client:
        client.flushall()
        yield client


@pytest.mark.parametrize("case", VECTORS["entries"])
def test_names_are_the_same_everywhere(case: dict[str, str]) -> None:
    form = Form(VECTORS["secret"], VECTORS["realm"], case["tenantKind"])
    name = form.entry(case["tenant"], case["kind"], case["id"])
    assert form.text("e", name) == case["name"]
    assert form.generation(case["tenant"]) == case["generation"]
    assert form.generation_of_kind(case["tenant"], case["kind"]) == case["generationOfKind"]
    found = form.open(case["tenant"], name, bytes.fromhex(VECTORS["generation"]), 0, bytes.fromhex(case["sealed"]))
    assert found.counts and found.value == case["value"].encode()


def test_generations_are_the_same_everywhere() -> None:
    of = VECTORS["mixed"]
    assert mix(of["runId"].encode(), *(bytes.fromhex(of[k]) for k in ("all", "tenant", "kind"))).hex() == of["is"]
    assert FORM.generation_of_all() == VECTORS["generationOfAll"] and FORM.channel() == VECTORS["channel"]


def test_each_tenant_has_its_own(client: "redis.Redis") -> None:
    cache, loads = Cache(client, FORM), []

    def load(value: bytes | None) -> bytes | None:
        loads.append(value)
        return value

    for tenant in ("a", "b", "a:b", "*"):
        with run_as(tenant):
            value = tenant.encode()
            for _ in range(2):
                assert cache.get_or_load("k", "b:c", lambda v=value: load(v)) == value  # type: ignore[misc]
    assert len(loads) == 4
    with pytest.raises(NoTenant):
        cache.get_or_load("k", "b:c", lambda: b"nobody's")
    with run_as("*"):
        assert cache.clear()
        assert cache.get_or_load("k", "b:c", lambda: b"new") == b"new"
    with run_as("a"):
        assert cache.get_or_load("k", "b:c", lambda: b"wrong") == b"a"
    everything = b"".join(client.keys())
    assert b"b:c" not in everything and FORM.realm.encode() not in everything


def test_a_removal_overtakes_a_load(client: "redis.Redis") -> None:
    cache = Cache(client, FORM)
    for forget in (lambda: cache.remove("k", "1"), lambda: cache.remove_kind("k"), cache.clear):

        def load(forget: object = forget) -> bytes:
            assert callable(forget) and forget()
            return b"old"

        with run_as("a"):
            assert cache.get_or_load("k", "1", load) == b"old"
            assert cache.get_or_load("k", "1", lambda: None) is None, "what was overtaken was not kept"
            assert cache.get_or_load("k", "1", lambda: b"x") is None, "nothing is known too"
            assert cache.put("k", "1", b"put") and cache.get_or_load("k", "1", lambda: b"x") == b"put"
            assert cache.clear()


def test_without_redis_the_loader_answers() -> None:
    heard: list[Exception] = []
    cache = Cache(redis.Redis(port=1, socket_timeout=1), FORM, on_error=heard.append)
    with run_as("a"):
        assert cache.get_or_load("k", "1", lambda: b"loaded") == b"loaded"
        assert not cache.remove("k", "1")
    assert len(heard) == 2


def test_later_is_the_same(client: "redis.Redis", port: int) -> None:
    async def work() -> None:
        async with redis.asyncio.Redis(port=port) as later:
            cache = AsyncCache(later, FORM)

            async def load() -> bytes:
                return b"later"

            with run_as("a"):
                assert await cache.get_or_load("k", "1", load) == b"later"
                assert Cache(client, FORM).get_or_load("k", "1", lambda: b"x") == b"later"
                assert await cache.remove("k", "1") and await cache.put("k", "2", None)
                assert await cache.remove_kind("k") and await cache.clear()

    asyncio.run(work())


@pytest.mark.parametrize(("kind", "id"), [("", "1"), ("k" * 65, ""), ("k", "i" * 1025)])
def test_keys_have_bounds(client: "redis.Redis", kind: str, id: str) -> None:
    with run_as("a"), pytest.raises(ValueError):
        Cache(client, FORM).get_or_load(kind, id, lambda: b"")
