-- Engage: the demonstration application. A customer-engagement service as many teams run it before isolation:
-- every workspace in the same tables, the login of the application owns them, and only the queries keep workspaces
-- apart. Load it into an empty database as a superuser or as a role with CREATEROLE that owns the database.

-- The application's login of today owns everything and is called after the database: engage_app in database engage. It
-- has no password here: whoever runs the demonstration gives it one.
DO $$
DECLARE
  app text := current_database() || '_app';
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = app) THEN
    EXECUTE format('CREATE ROLE %I LOGIN', app);
  END IF;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT %I TO %I', app, current_user);
  END IF;
  EXECUTE format('GRANT CREATE, USAGE ON SCHEMA public TO %I', app);
  PERFORM set_config('role', app, false);
END $$;
SET search_path = public;

CREATE TYPE workspace_kind AS ENUM ('root', 'parent', 'child');
CREATE TYPE workspace_status AS ENUM ('active', 'suspended', 'closed');
CREATE TYPE member_status AS ENUM ('invited', 'active', 'disabled');
CREATE TYPE segment_status AS ENUM ('draft', 'running', 'paused');
CREATE TYPE journey_status AS ENUM ('draft', 'running', 'paused', 'finished');
CREATE TYPE step_kind AS ENUM ('wait', 'message', 'branch', 'exit');
CREATE TYPE channel AS ENUM ('email', 'sms', 'push', 'webhook');
CREATE TYPE delivery_status AS ENUM ('queued', 'sent', 'delivered', 'bounced', 'failed');
CREATE TYPE property_kind AS ENUM ('trait', 'count', 'last_value', 'formula');

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END $$;

-- What the installation sells, and which migrations ran. No workspace owns these.

CREATE TABLE plan_tiers (
  code text PRIMARY KEY,
  title text NOT NULL,
  monthly_price_cents integer NOT NULL,
  max_contacts integer NOT NULL
);

CREATE TABLE schema_history (
  version integer PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT now()
);

-- Workspaces and the people in them.

CREATE TABLE workspaces (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  slug text NOT NULL UNIQUE,
  name text NOT NULL,
  kind workspace_kind NOT NULL DEFAULT 'root',
  parent_id uuid REFERENCES workspaces (id),
  external_id text,
  status workspace_status NOT NULL DEFAULT 'active',
  plan_code text NOT NULL DEFAULT 'free' REFERENCES plan_tiers (code),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((kind = 'child') = (parent_id IS NOT NULL))
);

CREATE TABLE workspace_settings (
  workspace_id uuid PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
  time_zone text NOT NULL DEFAULT 'UTC',
  locale text NOT NULL DEFAULT 'en',
  branding jsonb NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE members (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  login_email text NOT NULL,
  password_hash text NOT NULL,
  display_name text NOT NULL,
  status member_status NOT NULL DEFAULT 'invited',
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz,
  CONSTRAINT members_login_email_key UNIQUE (login_email)
);
CREATE INDEX members_workspace_id_idx ON members (workspace_id);

CREATE TABLE roles (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  name text NOT NULL,
  permissions text[] NOT NULL DEFAULT '{}',
  UNIQUE (workspace_id, name)
);

CREATE TABLE member_roles (
  member_id uuid NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  role_id uuid NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  granted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (member_id, role_id)
);

CREATE TABLE member_sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  member_id uuid NOT NULL REFERENCES members (id) ON DELETE CASCADE,
  token_hash text NOT NULL,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT member_sessions_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX member_sessions_member_id_idx ON member_sessions (member_id);

-- Keys and connections to the outside.

CREATE TABLE secrets (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  name text NOT NULL,
  sealed_value bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workspace_id, name)
);

CREATE TABLE write_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  key_value text NOT NULL,
  label text NOT NULL,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT write_keys_key_value_key UNIQUE (key_value)
);
CREATE INDEX write_keys_workspace_id_idx ON write_keys (workspace_id);

CREATE TABLE sending_domains (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  domain text NOT NULL,
  verified_at timestamptz,
  CONSTRAINT sending_domains_domain_key UNIQUE (domain)
);

CREATE TABLE integrations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  secret_id uuid REFERENCES secrets (id) ON DELETE SET NULL,
  provider text NOT NULL,
  config jsonb NOT NULL DEFAULT '{}',
  enabled boolean NOT NULL DEFAULT true,
  UNIQUE (workspace_id, provider)
);

CREATE TABLE integration_runs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  integration_id uuid NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  records integer NOT NULL DEFAULT 0,
  error text
);
CREATE INDEX integration_runs_integration_id_idx ON integration_runs (integration_id);

CREATE TABLE webhooks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  secret_id uuid REFERENCES secrets (id),
  url text NOT NULL,
  topics text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE webhook_attempts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  webhook_id uuid NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  response_status integer,
  attempted_at timestamptz NOT NULL
);
CREATE INDEX webhook_attempts_webhook_id_idx ON webhook_attempts (webhook_id);

-- The customers of a workspace and what is known about them.

CREATE TABLE contacts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  external_id text NOT NULL,
  email text,
  phone text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workspace_id, external_id)
);

CREATE TABLE user_properties (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  name text NOT NULL,
  kind property_kind NOT NULL DEFAULT 'trait',
  definition jsonb NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workspace_id, name)
);

CREATE TABLE property_assignments (
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  contact_id uuid NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
  user_property_id uuid NOT NULL REFERENCES user_properties (id) ON DELETE CASCADE,
  value jsonb NOT NULL,
  assigned_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (contact_id, user_property_id)
);

CREATE TABLE segments (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  name text NOT NULL,
  status segment_status NOT NULL DEFAULT 'draft',
  tags text[] NOT NULL DEFAULT '{}',
  definition jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workspace_id, name)
);

CREATE TABLE segment_versions (
  segment_id uuid NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
  version integer NOT NULL,
  definition jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (segment_id, version)
);

CREATE TABLE segment_assignments (
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  segment_id uuid NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
  contact_id uuid NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
  in_segment boolean NOT NULL DEFAULT true,
  computed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (segment_id, contact_id)
);

CREATE TABLE subscription_groups (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  name text NOT NULL,
  channel channel NOT NULL DEFAULT 'email',
  opt_in boolean NOT NULL DEFAULT true,
  UNIQUE (workspace_id, name)
);

CREATE TABLE subscriptions (
  subscription_group_id uuid NOT NULL REFERENCES subscription_groups (id) ON DELETE CASCADE,
  contact_id uuid NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
  subscribed boolean NOT NULL DEFAULT true,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (subscription_group_id, contact_id)
);

-- What is sent.

-- A snippet without a workspace comes with the product: every workspace reads it, none changes it.
CREATE TABLE snippets (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid REFERENCES workspaces (id) ON DELETE CASCADE,
  name text NOT NULL,
  body text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workspace_id, name)
);
COMMENT ON COLUMN snippets.workspace_id IS 'NULL: comes with the product, readable by every workspace';

CREATE TABLE templates (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  name text NOT NULL,
  channel channel NOT NULL DEFAULT 'email',
  subject text,
  body jsonb NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workspace_id, name)
);

CREATE TABLE journeys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  entry_segment_id uuid REFERENCES segments (id) ON DELETE SET NULL,
  name text NOT NULL,
  status journey_status NOT NULL DEFAULT 'draft',
  definition jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX journeys_workspace_id_idx ON journeys (workspace_id);

CREATE TABLE journey_steps (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  journey_id uuid NOT NULL REFERENCES journeys (id) ON DELETE CASCADE,
  template_id uuid REFERENCES templates (id),
  position integer NOT NULL,
  kind step_kind NOT NULL DEFAULT 'message',
  config jsonb NOT NULL DEFAULT '{}',
  UNIQUE (journey_id, position)
);

CREATE TABLE journey_runs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  journey_id uuid NOT NULL REFERENCES journeys (id) ON DELETE CASCADE,
  contact_id uuid NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
  entered_at timestamptz NOT NULL,
  left_at timestamptz
);
CREATE INDEX journey_runs_journey_id_idx ON journey_runs (journey_id);
CREATE INDEX journey_runs_contact_id_idx ON journey_runs (contact_id);

CREATE TABLE broadcasts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  segment_id uuid REFERENCES segments (id),
  template_id uuid REFERENCES templates (id),
  subscription_group_id uuid REFERENCES subscription_groups (id),
  name text NOT NULL,
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'scheduled', 'sending', 'sent', 'cancelled')),
  scheduled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX broadcasts_workspace_id_idx ON broadcasts (workspace_id);

CREATE TABLE deliveries (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  contact_id uuid NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
  broadcast_id uuid REFERENCES broadcasts (id) ON DELETE CASCADE,
  journey_step_id uuid REFERENCES journey_steps (id) ON DELETE CASCADE,
  status delivery_status NOT NULL DEFAULT 'queued',
  provider_message_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (num_nonnulls(broadcast_id, journey_step_id) = 1)
);
CREATE INDEX deliveries_workspace_id_idx ON deliveries (workspace_id);
CREATE INDEX deliveries_contact_id_idx ON deliveries (contact_id);

CREATE TABLE delivery_clicks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  delivery_id uuid NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
  url text NOT NULL,
  clicked_at timestamptz NOT NULL
);
CREATE INDEX delivery_clicks_delivery_id_idx ON delivery_clicks (delivery_id);

-- What happens, by quarter.

CREATE TABLE events (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  contact_id uuid NOT NULL,
  name text NOT NULL,
  properties jsonb NOT NULL DEFAULT '{}',
  occurred_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE TABLE events_2026_q1 PARTITION OF events FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-04-01 00:00+00');
CREATE TABLE events_2026_q2 PARTITION OF events FOR VALUES FROM ('2026-04-01 00:00+00') TO ('2026-07-01 00:00+00');
CREATE TABLE events_2026_q3 PARTITION OF events FOR VALUES FROM ('2026-07-01 00:00+00') TO ('2026-10-01 00:00+00');
CREATE TABLE events_later PARTITION OF events DEFAULT;
CREATE INDEX events_contact_id_idx ON events (contact_id, occurred_at DESC);

CREATE TABLE contact_imports (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  member_id uuid REFERENCES members (id) ON DELETE SET NULL,
  file_name text NOT NULL,
  rows_read integer NOT NULL DEFAULT 0,
  finished_at timestamptz
);

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  member_id uuid REFERENCES members (id) ON DELETE SET NULL,
  action text NOT NULL,
  target_type text NOT NULL,
  target_id uuid,
  metadata jsonb NOT NULL DEFAULT '{}',
  occurred_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_log_occurred_at_idx ON audit_log (occurred_at);

-- Code in the database.

CREATE TRIGGER segments_touch BEFORE UPDATE ON segments FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER journeys_touch BEFORE UPDATE ON journeys FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER broadcasts_touch BEFORE UPDATE ON broadcasts FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE FUNCTION note_journey_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_log (workspace_id, action, target_type, target_id, metadata)
  VALUES (NEW.workspace_id, 'journey.status', 'journey', NEW.id, jsonb_build_object('from', OLD.status, 'to', NEW.status));
  RETURN NULL;
END $$;
CREATE TRIGGER journeys_note_status AFTER UPDATE OF status ON journeys FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION note_journey_status();

-- Runs with the rights of its owner, as such functions often do "to be quick".
CREATE FUNCTION segment_size(segment uuid) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT count(*) FROM segment_assignments a WHERE a.segment_id = segment AND a.in_segment
$$;

CREATE VIEW journey_overview AS
  SELECT j.workspace_id, j.id, j.name, j.status,
         (SELECT count(*) FROM journey_steps s WHERE s.journey_id = j.id) AS steps,
         (SELECT count(*) FROM journey_runs r WHERE r.journey_id = j.id AND r.left_at IS NULL) AS inside
  FROM journeys j;

CREATE MATERIALIZED VIEW delivery_stats AS
  SELECT workspace_id, date_trunc('day', created_at) AS day, status, count(*) AS deliveries
  FROM deliveries GROUP BY 1, 2, 3
  WITH NO DATA;
CREATE UNIQUE INDEX delivery_stats_key ON delivery_stats (workspace_id, day, status);

INSERT INTO plan_tiers VALUES ('free', 'Free', 0, 1000), ('team', 'Team', 9900, 50000), ('business', 'Business', 49900, 2000000);
INSERT INTO schema_history (version, name, checksum, installed_at) VALUES
  (1, 'initial', '5f2d', '2026-01-05 10:00+00'), (2, 'journeys', '90be', '2026-02-11 10:00+00'), (3, 'webhooks', 'a417', '2026-03-02 10:00+00');

RESET search_path;
RESET ROLE;
