"""Whose work is running. Everything inside `run_as`, and every task started there, belongs to its tenant; outside of it
there is none, and asking is an error: a background job that was not told its tenant stops before it reaches the database.

A new thread has no tenant: call `run_as` in it, or start it with `contextvars.copy_context().run`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_running: ContextVar[str | None] = ContextVar("tenantry_tenant", default=None)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class NoTenant(RuntimeError):
    """Nobody said whose work this is."""

    def __init__(self) -> None:
        super().__init__("tenantry: no tenant is known here. Run the work inside `with run_as(tenant)`, or give the helper the tenant.")


class OtherTenant(RuntimeError):
    """Work for one tenant asked for another one's data."""

    def __init__(self, running: str, asked: str) -> None:
        super().__init__(
            f"tenantry: this work runs for tenant {running} and asked for tenant {asked}. Finish the one before the other begins."
        )


@contextmanager
def run_as(tenant: str) -> Iterator[str]:
    """Everything in the block, and all it starts, is for a tenant. Inside another tenant's block it is refused."""
    asked = _checked(tenant)
    running = _running.get()
    if running is not None and running != asked:
        raise OtherTenant(running, asked)
    token = _running.set(asked)
    try:
        yield asked
    finally:
        _running.reset(token)


def current_tenant() -> str:
    """The tenant of the running work. Raises `NoTenant` where there is none."""
    tenant = _running.get()
    if tenant is None:
        raise NoTenant
    return tenant


def _checked(tenant: str) -> str:
    if not isinstance(tenant, str) or not tenant.strip() or "\0" in tenant:
        raise TypeError("tenantry: a tenant is a text that is not empty: its key or its slug.")
    return tenant.lower() if _UUID.fullmatch(tenant) else tenant
