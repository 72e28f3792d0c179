-- Whoever signs in: the subject of an issuer. Nobody is recognised by an address, which can change hands.
CREATE TABLE tenantry_control.users (
    id uuid PRIMARY KEY,
    issuer text NOT NULL CHECK (octet_length(issuer) BETWEEN 1 AND 500),
    subject text NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 255),
    email text,
    name text,
    platform_role text CHECK (platform_role = 'Operator'),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    last_login_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    UNIQUE (issuer, subject)
);

CREATE TABLE tenantry_control.membership (
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id),
    user_id uuid NOT NULL REFERENCES tenantry_control.users (id),
    role text NOT NULL CHECK (role IN ('Admin', 'WorkspaceManager', 'Author', 'Viewer')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX membership_of_user ON tenantry_control.membership (user_id);
SELECT tenantry_control.protect('tenantry_control.membership', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE, DELETE');
-- a tenant sees whoever belongs to it
SELECT tenantry_control.protect('tenantry_control.users',
    'EXISTS (SELECT FROM tenantry_control.membership m WHERE m.user_id = users.id AND m.tenant_id = tenantry_control.tenant())',
    'SELECT, INSERT, UPDATE, DELETE');

-- For somebody whose subject is not known yet: whoever signs in at this issuer, which says that the address is his.
CREATE TABLE tenantry_control.invitation (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id),
    issuer text NOT NULL,
    email text NOT NULL CHECK (email = lower(email)),
    role text NOT NULL CHECK (role IN ('Admin', 'WorkspaceManager', 'Author', 'Viewer')),
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL
);
CREATE UNIQUE INDEX invitation_open ON tenantry_control.invitation (tenant_id, issuer, email)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitation_email ON tenantry_control.invitation (issuer, email)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
SELECT tenantry_control.protect('tenantry_control.invitation', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE');

-- A sign-in that was seen: what makes USER_LOGIN stand in the log once, and what signing out ends.
CREATE TABLE tenantry_control.session (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id uuid NOT NULL REFERENCES tenantry_control.users (id) ON DELETE CASCADE,
    begun_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX session_of_user ON tenantry_control.session (user_id);
SELECT tenantry_control.protect('tenantry_control.session', 'false', 'SELECT, INSERT, UPDATE, DELETE');

-- An operator asks to look inside a tenant; somebody of the tenant says yes or no; it ends by itself.
CREATE TABLE tenantry_control.support_access (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenantry_control.tenant (id),
    -- who asks, as the actor is named
    actor text NOT NULL,
    reason text NOT NULL CHECK (char_length(reason) BETWEEN 10 AND 500),
    seconds integer NOT NULL CHECK (seconds BETWEEN 300 AND 604800),
    status text NOT NULL DEFAULT 'asked' CHECK (status IN ('asked', 'granted', 'refused', 'ended')),
    asked_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz,
    decided_by text,
    expires_at timestamptz,
    CHECK ((status = 'asked') = (decided_at IS NULL)),
    CHECK (status <> 'granted' OR expires_at IS NOT NULL)
);
CREATE INDEX support_access_tenant ON tenantry_control.support_access (tenant_id, id);
CREATE INDEX support_access_granted ON tenantry_control.support_access (tenant_id, actor) WHERE status = 'granted';
SELECT tenantry_control.protect('tenantry_control.support_access', 'tenant_id = tenantry_control.tenant()', 'SELECT, INSERT, UPDATE');
