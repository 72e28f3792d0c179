-- What tenants subscribe to, what was decided about their limits, and what is known of their use.
-- The truth about limits and use lies in the application's database; a decision is here from its commit on, and
-- `quota.written` trails `quota.decided` until it is there too.

-- The tables of the foundation are read and changed below by their owner, from whom they are hidden otherwise.
ALTER TABLE tenantry_control.tenant NO FORCE ROW LEVEL SECURITY;

CREATE TABLE tenantry_control.plan (
    key text PRIMARY KEY CHECK (key ~ '^[A-Za-z0-9_-]{1,63}$'),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    -- resource → units, null for no limit; a resource that is not named has its own default
    limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object'),
    features text[] NOT NULL DEFAULT '{}',
    grace_percent smallint CHECK (grace_percent BETWEEN 1 AND 100),
    grace_hours integer CHECK (grace_hours BETWEEN 1 AND 8760),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'retired')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((grace_percent IS NULL) = (grace_hours IS NULL))
);
INSERT INTO tenantry_control.plan (key, name, limits) VALUES
    ('free', 'Free', '{"users": 1000, "segments": 50, "journeys": 20, "broadcasts": 100, "computedProperties": 100,
      "audiences": 50, "emailTemplates": 100, "subscriptionGroups": 10, "storageBytes": 10737418240,
      "messagesPerMonth": 100000}'),
    ('pro', 'Pro', '{"users": 10000, "segments": 500, "journeys": 200, "broadcasts": 1000, "computedProperties": 1000,
      "audiences": 500, "emailTemplates": 1000, "subscriptionGroups": 100, "storageBytes": 107374182400,
      "messagesPerMonth": 1000000}');
-- plans that tenants have already are plans; they limit nothing that the resources do not
INSERT INTO tenantry_control.plan (key, name) SELECT DISTINCT plan, plan FROM tenantry_control.tenant
    ON CONFLICT (key) DO NOTHING;
ALTER TABLE tenantry_control.tenant ADD CONSTRAINT tenant_plan_known FOREIGN KEY (plan) REFERENCES tenantry_control.plan (key);
SELECT tenantry_control.protect('tenantry_control.plan', 'true', 'SELECT');

-- What was decided for a tenant, and how far it is written.
CREATE TABLE tenantry_control.quota (
    tenant_id uuid PRIMARY KEY REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    -- counts up with every decision
    decided bigint NOT NULL DEFAULT 1,
    written bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    -- why the last try to write failed; never a value of a row
    failure text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (written <= decided)
);
CREATE INDEX quota_unwritten ON tenantry_control.quota (next_try_at) WHERE written < decided;
INSERT INTO tenantry_control.quota (tenant_id) SELECT id FROM tenantry_control.tenant;
SELECT tenantry_control.protect('tenantry_control.quota', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE');

-- Limits that were chosen for one tenant: they win over its plan. Below another tenant, they are what that one gives.
CREATE TABLE tenantry_control.quota_override (
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    resource text NOT NULL,
    -- none: no limit
    max_units bigint CHECK (max_units BETWEEN 0 AND 1000000000000000000),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, resource)
);
SELECT tenantry_control.protect('tenantry_control.quota_override', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');

-- The resources that the application counts, as last seen: decisions are made also while it is away.
CREATE TABLE tenantry_control.quota_resource (
    resource text PRIMARY KEY,
    measure text NOT NULL,
    default_max bigint,
    seen_at timestamptz NOT NULL DEFAULT now()
);
SELECT tenantry_control.protect('tenantry_control.quota_resource', 'true', 'SELECT');

-- How near a tenant is to a limit, so that it is told once, and until when it may go over it.
CREATE TABLE tenantry_control.quota_level (
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    resource text NOT NULL,
    level smallint NOT NULL CHECK (level IN (90, 95, 100)),
    since timestamptz NOT NULL DEFAULT now(),
    grace_percent smallint,
    grace_until timestamptz,
    PRIMARY KEY (tenant_id, resource)
);
SELECT tenantry_control.protect('tenantry_control.quota_level', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');

-- What a tenant used at the end of a day, and at most on it. A day without a row was like the day before.
CREATE TABLE tenantry_control.quota_day (
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    resource text NOT NULL,
    day date NOT NULL,
    used bigint NOT NULL,
    peak bigint NOT NULL,
    max_units bigint,
    PRIMARY KEY (tenant_id, resource, day)
);
CREATE INDEX quota_day_age ON tenantry_control.quota_day (day);
SELECT tenantry_control.protect('tenantry_control.quota_day', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');

-- Plans and resources belong to nobody: a tenant reads them, the platform writes them.
DO $$
BEGIN
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON tenantry_control.plan, tenantry_control.quota_resource TO %I',
                   current_database() || '_control_operator');
END $$;

ALTER TABLE tenantry_control.tenant FORCE ROW LEVEL SECURITY;
