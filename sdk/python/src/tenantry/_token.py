"""Signs the tenant context: the session token of crates/model/src/token.rs, whose layout is documented there."""

import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SigningKey:
    """A key of `credentials.json`. Whoever has it can be every tenant."""

    kid: int
    #: 32 bytes in hexadecimal
    key: str = field(repr=False)


def sign_session(key: SigningKey, *, tenant: str, expires_at: int, counter: int, session_no: str) -> str:
    """The argument of `tenantry.enter`. The counter is higher than that of any token this session accepted before."""
    scope = ""  # the whole tenant
    message = ".".join(["t1", str(key.kid), str(expires_at), str(counter), session_no, tenant, scope])
    mac = hmac.new(bytes.fromhex(key.key), message.encode(), hashlib.sha256).hexdigest()
    return f"{message}.{mac}"
