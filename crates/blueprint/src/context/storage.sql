-- The keys that sign contexts. Only what an HMAC begins with is stored; nobody but the keeper reads it.
CREATE TABLE tenantry.signing_key (
  kid smallint PRIMARY KEY CHECK (kid BETWEEN 0 AND 9999),
  ipad bytea NOT NULL CHECK (octet_length(ipad) = 64),
  opad bytea NOT NULL CHECK (octet_length(opad) = 64),
  not_after timestamptz NOT NULL DEFAULT 'infinity'
);
--;
-- Logged: a session number is never given twice, not even after a crash. It stays below 2^53, so that JavaScript
-- can hold it, and so that no typed message is also a text message (see model::token).
CREATE SEQUENCE tenantry.session_no MAXVALUE 9007199254740991;
