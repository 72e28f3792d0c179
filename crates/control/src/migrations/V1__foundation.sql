-- Who sees what is decided by two database roles and one setting:
--   {database}_control_api       the login of the API; a tenant's work runs as this role and sees one tenant
--   {database}_control_operator  taken for one transaction (SET LOCAL ROLE) by work that a platform role allows
--   tenantry_control.tenant      the tenant of the transaction, set by change.rs alone
-- Nobody else sees a row, the owner of the tables included.

CREATE FUNCTION tenantry_control.tenant() RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('tenantry_control.tenant', true), '')::uuid $$;
CREATE FUNCTION tenantry_control.actor() RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('tenantry_control.actor', true), '') $$;

-- Puts a table behind its wall. Every migration that makes a table calls it: CALL-like, once a table.
CREATE FUNCTION tenantry_control.protect(target regclass, condition text, privileges text) RETURNS void LANGUAGE plpgsql
    AS $$
DECLARE
    api text := current_database() || '_control_api';
    operator text := current_database() || '_control_operator';
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY everybody ON %s AS PERMISSIVE TO %I, %I USING (true) WITH CHECK (true)', target, api, operator);
    EXECUTE format('CREATE POLICY own_tenant ON %s AS RESTRICTIVE TO %I USING (%s) WITH CHECK (%s)', target, api, condition, condition);
    EXECUTE format('GRANT %s ON %s TO %I, %I', privileges, target, api, operator);
END $$;
REVOKE ALL ON FUNCTION tenantry_control.protect(regclass, text, text) FROM PUBLIC;

CREATE TABLE tenantry_control.tenant (
    id uuid PRIMARY KEY,
    key text NOT NULL UNIQUE,
    slug text NOT NULL UNIQUE,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    contact_name text,
    contact_email text,
    plan text NOT NULL,
    subscription_status text NOT NULL,
    isolation_strategy text NOT NULL CHECK (isolation_strategy IN ('shared', 'schema', 'database')),
    type text NOT NULL CHECK (type IN ('Root', 'Parent', 'Child')),
    parent_id uuid REFERENCES tenantry_control.tenant (id),
    -- itself and everybody above, from the top: written once, since a tenant is not moved below another
    path uuid[] NOT NULL CHECK (path[cardinality(path)] = id AND cardinality(path) <= 5),
    external_id text UNIQUE,
    status text NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
    status_reason text,
    deleted_at timestamptz,
    erase_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    search tsvector NOT NULL GENERATED ALWAYS AS
        (to_tsvector('simple', name || ' ' || slug || ' ' || coalesce(external_id, ''))) STORED,
    CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
    CHECK ((status = 'deleted') = (erase_at IS NOT NULL)),
    CHECK ((type = 'Root') = (parent_id IS NULL) OR type = 'Parent')
);
CREATE INDEX tenant_search ON tenantry_control.tenant USING gin (search);
CREATE INDEX tenant_parent ON tenantry_control.tenant (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX tenant_status ON tenantry_control.tenant (status, id);
CREATE INDEX tenant_plan ON tenantry_control.tenant (plan, id);
SELECT tenantry_control.protect('tenantry_control.tenant', 'tenantry_control.tenant() = ANY (path)', 'SELECT, INSERT, UPDATE');

-- Names that are taken, and those that were and must rest: a name that somebody still follows is not given away.
CREATE TABLE tenantry_control.slug_claim (
    skeleton text PRIMARY KEY,
    slug text NOT NULL,
    tenant_id uuid NOT NULL,
    free_from timestamptz
);
SELECT tenantry_control.protect('tenantry_control.slug_claim', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE');

CREATE TABLE tenantry_control.api_key (
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{12}$'),
    -- none: a key of the platform
    tenant_id uuid REFERENCES tenantry_control.tenant (id),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    role text NOT NULL,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    -- for the proxy, which asks for a proof by SCRAM
    verifier text,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    replaces text,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL
);
CREATE INDEX api_key_tenant ON tenantry_control.api_key (tenant_id, id);
SELECT tenantry_control.protect('tenantry_control.api_key', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE');

CREATE TABLE tenantry_control.audit_entry (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
    actor jsonb NOT NULL,
    tenant_id uuid,
    targets jsonb NOT NULL,
    context jsonb NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('SUCCESS', 'FAILURE', 'DENIED')),
    metadata jsonb NOT NULL
);
CREATE INDEX audit_entry_tenant ON tenantry_control.audit_entry (tenant_id, sequence);
SELECT tenantry_control.protect('tenantry_control.audit_entry', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT');

CREATE TABLE tenantry_control.outbox (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    source text NOT NULL,
    type text NOT NULL,
    subject text,
    time timestamptz NOT NULL DEFAULT clock_timestamp(),
    tenant_id uuid,
    data jsonb NOT NULL
);
SELECT tenantry_control.protect('tenantry_control.outbox', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT');

-- What was answered to a POST, so that the same request sent again is not done again.
CREATE TABLE tenantry_control.idempotency (
    actor text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint,
    headers jsonb,
    body text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_age ON tenantry_control.idempotency (created_at);
SELECT tenantry_control.protect('tenantry_control.idempotency', 'actor = tenantry_control.actor()', 'SELECT, INSERT, UPDATE, DELETE');

-- How often what the edge must know has changed. Written last in a transaction, so that its order is that of commits.
CREATE TABLE tenantry_control.directory_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    generation bigint NOT NULL
);
INSERT INTO tenantry_control.directory_state (generation) VALUES (1);
SELECT tenantry_control.protect('tenantry_control.directory_state', 'true', 'SELECT, UPDATE');
