-- Who is told of what: webhooks and what was sent to them, alerts, what tenants used, and how far sinks of the audit
-- log have come.

-- Told to the endpoints that want it: not null once its deliveries are written down.
ALTER TABLE tenantry_control.outbox ADD COLUMN distributed_at timestamptz;
CREATE INDEX outbox_waiting ON tenantry_control.outbox (sequence) WHERE distributed_at IS NULL;
CREATE INDEX outbox_age ON tenantry_control.outbox (time) WHERE distributed_at IS NOT NULL;

CREATE TABLE tenantry_control.webhook (
    id uuid PRIMARY KEY,
    -- none: an endpoint of the platform, told of every tenant
    tenant_id uuid REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    url text NOT NULL CHECK (octet_length(url) <= 2048),
    description text NOT NULL CHECK (char_length(description) <= 200),
    event_types text[] NOT NULL CHECK (cardinality(event_types) BETWEEN 1 AND 50),
    enabled boolean NOT NULL,
    disabled_reason text,
    -- the secret itself is made from the control plane's own, and from this number
    secret_number integer NOT NULL DEFAULT 1,
    previous_until timestamptz,
    failing_since timestamptz,
    -- when the next delivery is due; none while nothing waits
    due_at timestamptz,
    -- one process sends to an endpoint at a time
    claim uuid,
    claimed_until timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL
);
CREATE INDEX webhook_tenant ON tenantry_control.webhook (tenant_id, id);
CREATE INDEX webhook_due ON tenantry_control.webhook (due_at) WHERE enabled AND due_at IS NOT NULL;
SELECT tenantry_control.protect('tenantry_control.webhook', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE tenantry_control.webhook_delivery (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES tenantry_control.webhook (id) ON DELETE CASCADE,
    tenant_id uuid,
    event_id uuid NOT NULL REFERENCES tenantry_control.outbox (id) ON DELETE CASCADE,
    -- the event's place in the outbox
    sequence bigint NOT NULL,
    event_type text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz,
    last_status smallint,
    last_error text,
    delivered_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (webhook_id, event_id)
);
CREATE INDEX webhook_delivery_waiting ON tenantry_control.webhook_delivery (webhook_id, sequence) WHERE status = 'pending';
CREATE INDEX webhook_delivery_list ON tenantry_control.webhook_delivery (webhook_id, sequence DESC);
CREATE INDEX webhook_delivery_event ON tenantry_control.webhook_delivery (event_id);
SELECT tenantry_control.protect('tenantry_control.webhook_delivery', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE');

CREATE TABLE tenantry_control.alert (
    id uuid PRIMARY KEY,
    tenant_id uuid REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    name text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
    message text NOT NULL,
    data jsonb NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now(),
    acknowledged_at timestamptz,
    acknowledged_by text,
    -- e-mail: not null once it was sent, or is not to be
    mailed_at timestamptz,
    mail_attempts integer NOT NULL DEFAULT 0,
    mail_next_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
);
CREATE INDEX alert_last ON tenantry_control.alert (name, tenant_id, raised_at DESC);
CREATE INDEX alert_tenant ON tenantry_control.alert (tenant_id, id);
CREATE INDEX alert_unmailed ON tenantry_control.alert (mail_next_at) WHERE mailed_at IS NULL;
SELECT tenantry_control.protect('tenantry_control.alert', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE');
-- thresholds count entries of a kind in a time
CREATE INDEX audit_entry_action ON tenantry_control.audit_entry (action, occurred_at);
CREATE INDEX audit_entry_critical ON tenantry_control.audit_entry (occurred_at) WHERE severity = 'CRITICAL';

-- What tenants used, added up by the hour and by the day. A report is taken once: who sends it again is told so.
CREATE TABLE tenantry_control.usage_report (
    id uuid PRIMARY KEY,
    source text NOT NULL CHECK (source IN ('gateway', 'proxy', 'gateway+proxy')),
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    -- of all tenants: requests by how long they took (upper ends in microseconds, the last is open)
    latency_ends bigint[] NOT NULL DEFAULT '{}',
    latency_counts bigint[] NOT NULL DEFAULT '{}',
    cache_hits bigint NOT NULL DEFAULT 0,
    cache_misses bigint NOT NULL DEFAULT 0,
    received_at timestamptz NOT NULL DEFAULT now(),
    CHECK (to_at >= from_at)
);
CREATE INDEX usage_report_received ON tenantry_control.usage_report (received_at);
SELECT tenantry_control.protect('tenantry_control.usage_report', 'true', 'SELECT, INSERT, DELETE');

CREATE TABLE tenantry_control.usage_hour (
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    hour timestamptz NOT NULL,
    source text NOT NULL CHECK (source IN ('gateway', 'proxy', 'gateway+proxy')),
    requests bigint NOT NULL, statements bigint NOT NULL, transactions bigint NOT NULL, rows bigint NOT NULL,
    bytes_in bigint NOT NULL, bytes_out bigint NOT NULL, server_micros bigint NOT NULL, errors bigint NOT NULL,
    waits bigint NOT NULL, wait_micros bigint NOT NULL, refused bigint NOT NULL, timeouts bigint NOT NULL,
    connections bigint NOT NULL, cache_hits bigint NOT NULL, cache_misses bigint NOT NULL,
    PRIMARY KEY (tenant_id, hour, source)
);
CREATE INDEX usage_hour_age ON tenantry_control.usage_hour (hour);
SELECT tenantry_control.protect('tenantry_control.usage_hour', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');
CREATE TABLE tenantry_control.usage_day (LIKE tenantry_control.usage_hour INCLUDING CONSTRAINTS);
ALTER TABLE tenantry_control.usage_day RENAME COLUMN hour TO day;
ALTER TABLE tenantry_control.usage_day ADD PRIMARY KEY (tenant_id, day, source),
    ADD FOREIGN KEY (tenant_id) REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE;
CREATE INDEX usage_day_age ON tenantry_control.usage_day (day);
SELECT tenantry_control.protect('tenantry_control.usage_day', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');

-- How much lies in the application's database: the last look, and one a day.
CREATE TABLE tenantry_control.usage_table (
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    table_name text NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    is_estimate boolean NOT NULL,
    sampled_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, table_name)
);
SELECT tenantry_control.protect('tenantry_control.usage_table', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');
CREATE TABLE tenantry_control.usage_size_day (
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    day timestamptz NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (tenant_id, day)
);
SELECT tenantry_control.protect('tenantry_control.usage_size_day', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');
-- What guards in the application's database counted: users, segments, messages a month.
CREATE TABLE tenantry_control.usage_resource (
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id) ON DELETE CASCADE,
    resource text NOT NULL,
    used bigint NOT NULL,
    sampled_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, resource)
);
SELECT tenantry_control.protect('tenantry_control.usage_resource', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');
-- When the application's database was last looked at, whatever was found; and whose turn it is.
CREATE TABLE tenantry_control.usage_sample (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    begun_at timestamptz,
    ended_at timestamptz,
    tables integer
);
INSERT INTO tenantry_control.usage_sample (one) VALUES (true);
SELECT tenantry_control.protect('tenantry_control.usage_sample', 'true', 'SELECT, UPDATE');

-- How far each sink of the audit log has come, and numbers that were not there yet when it passed them: an entry whose
-- transaction takes longer is not left out.
CREATE TABLE tenantry_control.audit_sink (
    name text PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,
    missing bigint[] NOT NULL DEFAULT '{}',
    missing_since timestamptz[] NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (cardinality(missing) = cardinality(missing_since))
);
SELECT tenantry_control.protect('tenantry_control.audit_sink', 'false', 'SELECT, INSERT, UPDATE');
CREATE TABLE tenantry_control.audit_retention (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    days integer CHECK (days BETWEEN 1 AND 36500),
    version bigint NOT NULL DEFAULT 1
);
INSERT INTO tenantry_control.audit_retention (one) VALUES (true);
SELECT tenantry_control.protect('tenantry_control.audit_retention', 'true', 'SELECT, UPDATE');

-- What the platform's own work may do beyond that: tasks forget what is old. The owner, who seals the log, may let
-- sealed entries go; nobody may forget one of today.
DO $$
DECLARE
    operator text := current_database() || '_control_operator';
BEGIN
    EXECUTE format('GRANT UPDATE (distributed_at), DELETE ON tenantry_control.outbox TO %I', operator);
    EXECUTE format('GRANT DELETE ON tenantry_control.webhook_delivery TO %I', operator);
    EXECUTE format('CREATE POLICY sealer ON tenantry_control.audit_retention AS PERMISSIVE FOR SELECT TO %I USING (true)', current_user);
    EXECUTE format('CREATE POLICY retention ON tenantry_control.audit_entry AS PERMISSIVE TO %I USING (occurred_at < now() - interval ''1 day'')', current_user);
END $$;
