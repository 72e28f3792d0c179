"""What a transaction begins with, so that the database knows its tenant. Through tenantry's proxy the tenant is named, and
the proxy makes the context of it. Straight to PostgreSQL the context is signed here and entered.
"""

import re
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ._token import SigningKey, sign_session

#: how long a signed context may be entered after it was made
TOKEN_SECONDS = 30

SETTINGS = ("app.tenant_id", "app.current_workspace_id", "app.current_tenant", "app.current_tenant_id", "rls.tenant_id")

# what the connection's last tenant may have left behind; one statement, since some drivers send only one at a time
CLEAN = "DO $$ BEGIN RESET ALL; EXECUTE 'CLOSE ALL'; UNLISTEN *; PERFORM pg_advisory_unlock_all(); END $$"

_KEYS = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "number": re.compile(r"0|-?[1-9][0-9]{0,18}"),
}


@dataclass(frozen=True)
class Options:
    """How the tenant is told."""

    #: left out: the connection goes through tenantry's proxy; given: it goes to PostgreSQL itself, and every transaction
    #: enters a context signed with it
    signing_key: SigningKey | None = None
    #: what the tenants' keys are; only asked for signing
    keys: Literal["uuid", "number", "text"] = "uuid"
    #: what the proxy is configured to listen to
    setting: str = "app.tenant_id"

    def __post_init__(self) -> None:
        if self.setting not in SETTINGS:
            raise ValueError(f"tenantry: the setting is one of {', '.join(SETTINGS)}")


PROXY = Options()

#: yields statements with at most one value, called $1, and is sent the first value of each answer
Beginning: TypeAlias = Generator[tuple[str, tuple[str, ...]], object, None]


def beginning(tenant: str, options: Options) -> Beginning:
    """The statements that tell the database the tenant of the transaction that has just begun. Nothing may run before."""
    if options.signing_key is None:
        yield f"SELECT set_config('{options.setting}', $1, true)", (tenant,)
        return
    yield CLEAN, ()
    session = yield "SELECT tenantry.bind_session()::text", ()
    # the counter begins anew with every binding
    token = sign_session(
        options.signing_key,
        tenant=_token_form(tenant, options.keys),
        expires_at=int(time.time()) + TOKEN_SECONDS,
        counter=1,
        session_no=str(session),
    )
    yield "SELECT tenantry.enter($1)", (token,)


def _token_form(tenant: str, keys: str) -> str:
    """A tenant's key as a token spells it."""
    if keys == "text":
        return tenant.encode().hex()
    if not _KEYS[keys].fullmatch(tenant):
        raise ValueError(f"tenantry: {tenant!r} is not the key of a tenant ({keys}): a signed context needs the key, not the slug.")
    return tenant
