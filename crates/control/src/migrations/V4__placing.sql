-- Where tenants live, and the journal of the work that puts them there, takes them away and changes them.

-- Databases of the application, by the name under which the configuration has their login. No secret stands here.
CREATE TABLE tenantry_control.database (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    strategies text[] NOT NULL
        CHECK (cardinality(strategies) BETWEEN 1 AND 3 AND strategies <@ ARRAY['shared', 'schema', 'database']),
    -- most tenants; none: no bound
    capacity integer CHECK (capacity >= 0),
    drained boolean NOT NULL DEFAULT false,
    template_schema text,
    template_database text,
    -- of the application, in the templates; written by the fleet's migrations
    template_version text,
    -- databases that are made ahead of their tenants
    warm integer NOT NULL DEFAULT 0 CHECK (warm BETWEEN 0 AND 50),
    -- tenants that live here: kept by a trigger, because counting a hundred thousand takes longer than making one
    tenants bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (template_schema IS NOT NULL OR 'schema' <> ALL (strategies)),
    CHECK (template_database IS NOT NULL OR 'database' <> ALL (strategies)),
    CHECK (warm = 0 OR template_database IS NOT NULL)
);
SELECT tenantry_control.protect('tenantry_control.database', 'false', 'SELECT, INSERT, UPDATE, DELETE');

-- Names are written down before the first of them is made: whoever goes on after a kill finds what there may be.
CREATE TABLE tenantry_control.placement (
    tenant_id uuid PRIMARY KEY REFERENCES tenantry_control.tenant (id),
    database_id uuid NOT NULL REFERENCES tenantry_control.database (id),
    strategy text NOT NULL CHECK (strategy IN ('shared', 'schema', 'database')),
    schema_name text,
    database_name text,
    role_name text,
    owner_name text,
    application_version text,
    -- it was whole once
    ready boolean NOT NULL DEFAULT false,
    placed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (database_id, schema_name),
    UNIQUE (database_id, database_name),
    CHECK ((strategy = 'schema') = (schema_name IS NOT NULL)),
    CHECK ((strategy = 'database') = (database_name IS NOT NULL)),
    CHECK ((strategy = 'shared') = (role_name IS NULL))
);
CREATE INDEX placement_version ON tenantry_control.placement (application_version, tenant_id) WHERE strategy <> 'shared';
SELECT tenantry_control.protect('tenantry_control.placement', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');

CREATE FUNCTION tenantry_control.count_tenants() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE tenantry_control.database SET tenants = tenants + CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END
    WHERE id = CASE TG_OP WHEN 'INSERT' THEN NEW.database_id ELSE OLD.database_id END;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION tenantry_control.count_tenants() FROM PUBLIC;
CREATE TRIGGER count_tenants AFTER INSERT OR DELETE ON tenantry_control.placement
    FOR EACH ROW EXECUTE FUNCTION tenantry_control.count_tenants();

-- Databases made ahead. One that is taken loses its row in the transaction that makes its tenant.
CREATE TABLE tenantry_control.warm_database (
    id uuid PRIMARY KEY,
    database_id uuid NOT NULL REFERENCES tenantry_control.database (id),
    name text NOT NULL UNIQUE,
    template text NOT NULL,
    application_version text,
    ready boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX warm_database_ready ON tenantry_control.warm_database (database_id, created_at) WHERE ready;
SELECT tenantry_control.protect('tenantry_control.warm_database', 'false', 'SELECT, INSERT, UPDATE, DELETE');

-- The journal: what is to be done next, written before it is done. Who works on it has it on loan for a short time.
CREATE TABLE tenantry_control.task (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('provision', 'erase', 'warm', 'migrate', 'access')),
    tenant_id uuid,
    -- a warm database, or a database whose template is migrated
    subject uuid,
    database_id uuid,
    application_version text,
    step text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    attempts integer NOT NULL DEFAULT 0,
    failure text,
    due_at timestamptz NOT NULL DEFAULT now(),
    lease uuid,
    leased_until timestamptz,
    ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX task_due ON tenantry_control.task (due_at) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX task_of_tenant ON tenantry_control.task (tenant_id)
    WHERE ended_at IS NULL AND tenant_id IS NOT NULL AND kind IN ('provision', 'erase');
CREATE UNIQUE INDEX task_of_migration ON tenantry_control.task (application_version, coalesce(tenant_id, subject))
    WHERE kind = 'migrate';
SELECT tenantry_control.protect('tenantry_control.task', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE');

-- What was erased of a tenant: tables and numbers of rows, before and after.
CREATE TABLE tenantry_control.erasure (
    tenant_id uuid PRIMARY KEY REFERENCES tenantry_control.tenant (id),
    strategy text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    -- [{place, table, before, after}]
    proof jsonb NOT NULL DEFAULT '[]'
);
SELECT tenantry_control.protect('tenantry_control.erasure', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE');

-- A change of the application's own schema, for every tenant that has one of its own.
CREATE TABLE tenantry_control.fleet_migration (
    version text PRIMARY KEY CHECK (version ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
    sequence bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    sql text NOT NULL,
    parallel integer NOT NULL CHECK (parallel BETWEEN 1 AND 64),
    stop_after integer NOT NULL CHECK (stop_after >= 1),
    state text NOT NULL CHECK (state IN ('running', 'stopped', 'done', 'abandoned')),
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX fleet_migration_open ON tenantry_control.fleet_migration ((true)) WHERE state IN ('running', 'stopped');
SELECT tenantry_control.protect('tenantry_control.fleet_migration', 'false', 'SELECT, INSERT, UPDATE');

-- A tenant is made and erased in more than one step now. Its older checks have no names: they are found by what they say.
DO $$
DECLARE
    old name;
BEGIN
    FOR old IN SELECT conname FROM pg_catalog.pg_constraint
               WHERE conrelid = 'tenantry_control.tenant'::regclass AND contype = 'c'
                 AND (pg_catalog.pg_get_constraintdef(oid) LIKE '%deleted_at%'
                      OR pg_catalog.pg_get_constraintdef(oid) LIKE '%erase_at%'
                      OR pg_catalog.pg_get_constraintdef(oid) LIKE '%suspended%')
    LOOP
        EXECUTE format('ALTER TABLE tenantry_control.tenant DROP CONSTRAINT %I', old);
    END LOOP;
END $$;
ALTER TABLE tenantry_control.tenant
    ADD CONSTRAINT tenant_status CHECK
        (status IN ('provisioning', 'failed', 'active', 'suspended', 'deleted', 'erasing', 'erased')),
    ADD CONSTRAINT tenant_deleted_at CHECK ((status IN ('deleted', 'erasing', 'erased')) = (deleted_at IS NOT NULL)),
    ADD CONSTRAINT tenant_erase_at CHECK ((status IN ('deleted', 'erasing', 'erased')) = (erase_at IS NOT NULL));
CREATE INDEX tenant_erase ON tenantry_control.tenant (erase_at) WHERE status = 'deleted';

-- Takes away what tables of this schema know of a tenant: all that the operator's role may delete from (the
-- start of the control plane says which), whichever migration made them. Runs with the caller's rights. A table comes after those that refer to it.
CREATE FUNCTION tenantry_control.forget(gone uuid) RETURNS TABLE (relation text, deleted bigint) LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    waiting text[] := ARRAY(
        SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'tenantry_control'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'tenant_id'
          AND NOT a.attisdropped AND has_table_privilege(c.oid, 'DELETE') ORDER BY c.relname);
    later text[];
    found bigint;
BEGIN
    WHILE cardinality(waiting) > 0 LOOP
        later := '{}';
        FOREACH relation IN ARRAY waiting LOOP
            BEGIN
                EXECUTE format('DELETE FROM tenantry_control.%I WHERE tenant_id = $1', relation) USING gone;
                GET DIAGNOSTICS found = ROW_COUNT;
                deleted := found;
                RETURN NEXT;
            EXCEPTION WHEN foreign_key_violation THEN
                later := later || relation;
            END;
        END LOOP;
        IF cardinality(later) = cardinality(waiting) THEN
            RAISE EXCEPTION 'tables that refer to each other hold a tenant: %', later;
        END IF;
        waiting := later;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION tenantry_control.forget(uuid) FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION tenantry_control.forget(uuid) TO %I', current_database() || '_control_operator');
END $$;
