-- Fills the engage database. Run this file and the call in one session:
--
--   SELECT pg_temp.demo_generate(200, 100000, 1);   -- tenants, rows, seed; gives the number of rows made
--
-- The same arguments give the same rows. Workspace 1 is the largest; workspace n has about 1/n of its rows (zipf), and
-- none less than some twenty, so that many tenants with few rows make more rows than asked for. Every reference stays inside
-- its workspace. All functions are temporary: nothing of this file stays in the database.

-- The id of the i-th thing of a kind in workspace k: a uuid of version 4 by its looks, but always the same.
CREATE OR REPLACE FUNCTION pg_temp.demo_id(seed int, kind text, k bigint, i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT overlay(overlay(md5(concat(seed::text, '/', kind, '/', k::text, '/', i::text)) placing '4' from 13) placing '8' from 17)::uuid
$$;

CREATE OR REPLACE FUNCTION pg_temp.demo_generate(tenants int, "rows" bigint, seed int) RETURNS bigint LANGUAGE plpgsql AS $fn$
DECLARE
  harmonic float8;
  spread float8;
  made bigint := 0;
  n bigint;
  start timestamptz := '2026-01-01 00:00+00';
BEGIN
  IF tenants < 1 OR "rows" < 1 THEN
    RAISE EXCEPTION 'demo_generate needs at least one tenant and one row, not % and %', tenants, "rows";
  END IF;
  IF EXISTS (SELECT FROM workspaces) THEN
    RAISE EXCEPTION 'the database has workspaces already: generate into an empty one';
  END IF;
  BEGIN
    PERFORM set_config('session_replication_role', 'replica', true); -- foreign keys hold by construction
  EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- slower, not different
  END;
  SELECT sum(1.0 / k) INTO harmonic FROM generate_series(1, tenants) k;
  spread := greatest("rows" - 22.0 * tenants, 0);

  -- One line per workspace: its id, and how many rows of each kind it has.
  CREATE TEMP TABLE demo_plan ON COMMIT DROP AS
  SELECT k, pg_temp.demo_id(seed, 'workspace', k, 0) AS id,
         2 + least((share * 0.002)::int, 60) AS members,
         2 + least((share * 0.0005)::int, 8) AS properties,
         2 + (share * 0.004)::int AS segments,
         1 + least((share * 0.001)::int, 400) AS journeys,
         1 + least((share * 0.002)::int, 2000) AS broadcasts,
         1 + least((share * 0.001)::int, 300) AS templates,
         2 + (share * 0.12)::bigint AS contacts,
         (share * 0.14)::bigint AS assignments,
         (share * 0.12)::bigint AS memberships,
         (share * 0.04)::bigint AS subscriptions,
         (share * 0.07)::bigint AS runs,
         (share * 0.18)::bigint AS deliveries,
         (share * 0.03)::bigint AS clicks,
         (share * 0.26)::bigint AS events,
         (share * 0.02)::bigint AS audits
  FROM (SELECT k, spread / harmonic / k AS share FROM generate_series(1, tenants) k) AS w;
  ANALYZE demo_plan;

  -- Of seven workspaces one is a parent and two are its children; the others stand alone.
  INSERT INTO workspaces (id, slug, name, kind, parent_id, external_id, plan_code, created_at, updated_at)
  SELECT p.id, 'workspace-' || k, 'Workspace ' || k,
         (CASE WHEN k % 7 = 1 THEN 'parent' WHEN k % 7 IN (2, 3) THEN 'child' ELSE 'root' END)::workspace_kind,
         CASE WHEN k % 7 IN (2, 3) THEN pg_temp.demo_id(seed, 'workspace', k - k % 7 + 1, 0) END,
         CASE WHEN k % 3 = 0 THEN 'crm-' || k END,
         CASE WHEN k <= 3 THEN 'business' WHEN k <= 20 THEN 'team' ELSE 'free' END, start, start
  FROM demo_plan p;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO workspace_settings (workspace_id, time_zone, locale, branding, updated_at)
  SELECT id, (ARRAY['UTC', 'Europe/Madrid', 'America/Bogota'])[1 + k % 3], (ARRAY['en', 'es', 'fr'])[1 + k % 3],
         jsonb_build_object('color', '#' || left(md5(k::text), 6)), start FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  -- The password of every demonstration member is "demo": scrypt, 16 bytes of salt.
  INSERT INTO members (id, workspace_id, login_email, password_hash, display_name, status, created_at)
  SELECT pg_temp.demo_id(seed, 'member', k, i), id, format('member%s@workspace-%s.example', i, k),
         'scrypt:64656d6f2d73616c742d6f662d313662:9634dae6f95975da9a8a89db6ba25128f59eca66833f87533b20398c21d9f6c1',
         format('Member %s of %s', i, k), (CASE WHEN i % 11 = 10 THEN 'disabled' ELSE 'active' END)::member_status, start
  FROM demo_plan, generate_series(0, members - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO roles (id, workspace_id, name, permissions)
  SELECT pg_temp.demo_id(seed, 'role', k, i), id, (ARRAY['admin', 'author', 'viewer'])[i],
         (ARRAY['{read,write,send,manage}', '{read,write}', '{read}'])[i]::text[]
  FROM demo_plan, generate_series(1, 3) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO member_roles (member_id, role_id, granted_at)
  SELECT pg_temp.demo_id(seed, 'member', k, i), pg_temp.demo_id(seed, 'role', k, 1 + least(i, 2)), start
  FROM demo_plan, generate_series(0, members - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO member_sessions (id, member_id, token_hash, expires_at, created_at)
  SELECT pg_temp.demo_id(seed, 'session', k, 0), pg_temp.demo_id(seed, 'member', k, 0),
         md5(concat(seed, 'session', k)), start + interval '1 year', start FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO secrets (id, workspace_id, name, sealed_value, created_at)
  SELECT pg_temp.demo_id(seed, 'secret', k, i), id, (ARRAY['mail', 'webhook'])[i],
         decode(md5(concat(seed, 'secret', k, i)), 'hex'), start FROM demo_plan, generate_series(1, 2) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO write_keys (id, workspace_id, key_value, label, created_at)
  SELECT pg_temp.demo_id(seed, 'write key', k, 0), id, 'wk_' || md5(concat(seed, 'write key', k)), 'web site', start FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO sending_domains (id, workspace_id, domain, verified_at)
  SELECT pg_temp.demo_id(seed, 'domain', k, 0), id, format('mail.workspace-%s.example', k), start FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO integrations (id, workspace_id, secret_id, provider, config)
  SELECT pg_temp.demo_id(seed, 'integration', k, 0), id, pg_temp.demo_id(seed, 'secret', k, 1), 'warehouse', '{"schedule": "daily"}' FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO integration_runs (integration_id, started_at, finished_at, records)
  SELECT pg_temp.demo_id(seed, 'integration', k, 0), start + i * interval '1 day', start + i * interval '1 day' + interval '3 min', 100 * i
  FROM demo_plan, generate_series(1, least(1 + audits / 10, 90)) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO webhooks (id, workspace_id, secret_id, url, topics)
  SELECT pg_temp.demo_id(seed, 'webhook', k, 0), id, pg_temp.demo_id(seed, 'secret', k, 2),
         format('https://hooks.workspace-%s.example/engage', k), '{delivery.bounced,segment.entered}' FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO webhook_attempts (webhook_id, response_status, attempted_at)
  SELECT pg_temp.demo_id(seed, 'webhook', k, 0), CASE WHEN i % 9 = 0 THEN 503 ELSE 200 END, start + i * interval '1 hour'
  FROM demo_plan, generate_series(1, least(1 + audits / 10, 200)) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO contacts (id, workspace_id, external_id, email, phone, created_at, updated_at)
  SELECT pg_temp.demo_id(seed, 'contact', k, i), id, 'c-' || i, CASE WHEN i % 10 < 9 THEN format('c%s@customer.example', i) END,
         CASE WHEN i % 3 = 0 THEN '+3460' || lpad((i % 10000000)::text, 7, '0') END, start, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, contacts - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO user_properties (id, workspace_id, name, kind, definition, updated_at)
  SELECT pg_temp.demo_id(seed, 'property', k, i), id,
         (ARRAY['email', 'first_name', 'country', 'plan', 'language', 'last_purchase', 'orders', 'spent', 'churn_risk', 'time_zone'])[1 + i],
         (ARRAY['trait', 'trait', 'trait', 'last_value', 'count', 'formula'])[1 + i % 6]::property_kind, '{"source": "identify"}', start
  FROM demo_plan, generate_series(0, properties - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO property_assignments (workspace_id, contact_id, user_property_id, value, assigned_at)
  SELECT id, pg_temp.demo_id(seed, 'contact', k, i / properties), pg_temp.demo_id(seed, 'property', k, i % properties),
         to_jsonb('v' || i % 100), start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, least(assignments, contacts * properties) - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO segments (id, workspace_id, name, status, tags, definition, created_at, updated_at)
  SELECT pg_temp.demo_id(seed, 'segment', k, i), id, 'Segment ' || i,
         (CASE WHEN i % 10 < 7 THEN 'running' WHEN i % 10 < 9 THEN 'draft' ELSE 'paused' END)::segment_status,
         (ARRAY['{}', '{marketing}', '{product,trial}'])[1 + i % 3]::text[],
         jsonb_build_object('property', 'country', 'equals', chr(65 + i % 26)), start, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, segments - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO segment_versions (segment_id, version, definition, created_at)
  SELECT pg_temp.demo_id(seed, 'segment', k, i), 1, jsonb_build_object('property', 'country'), start
  FROM demo_plan, generate_series(0, segments - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO segment_assignments (workspace_id, segment_id, contact_id, in_segment, computed_at)
  SELECT id, pg_temp.demo_id(seed, 'segment', k, i / contacts), pg_temp.demo_id(seed, 'contact', k, i % contacts), i % 4 > 0, start
  FROM demo_plan, generate_series(0, least(memberships, contacts * segments) - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO subscription_groups (id, workspace_id, name, channel, opt_in)
  SELECT pg_temp.demo_id(seed, 'group', k, i), id, (ARRAY['News', 'Offers'])[1 + i], (ARRAY['email', 'sms'])[1 + i]::channel, i = 0
  FROM demo_plan, generate_series(0, 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO subscriptions (subscription_group_id, contact_id, subscribed, changed_at)
  SELECT pg_temp.demo_id(seed, 'group', k, i / contacts), pg_temp.demo_id(seed, 'contact', k, i % contacts), i % 6 > 0, start
  FROM demo_plan, generate_series(0, least(subscriptions, contacts * 2) - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO snippets (id, workspace_id, name, body, updated_at)
  SELECT pg_temp.demo_id(seed, 'snippet', 0, i), NULL, 'product-' || i, 'Hello {{ contact.first_name }}', start FROM generate_series(1, 5) i
  UNION ALL
  SELECT pg_temp.demo_id(seed, 'snippet', k, 0), id, 'footer', format('Workspace %s, unsubscribe: {{ link }}', k), start FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO templates (id, workspace_id, name, channel, subject, body, updated_at)
  SELECT pg_temp.demo_id(seed, 'template', k, i), id, 'Template ' || i, (ARRAY['email', 'email', 'sms', 'push'])[1 + i % 4]::channel,
         'Subject ' || i, jsonb_build_object('text', 'Text ' || i), start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, templates - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO journeys (id, workspace_id, entry_segment_id, name, status, definition, created_at, updated_at)
  SELECT pg_temp.demo_id(seed, 'journey', k, i), id, pg_temp.demo_id(seed, 'segment', k, i % segments), 'Journey ' || i,
         (ARRAY['running', 'running', 'draft', 'paused', 'finished'])[1 + i % 5]::journey_status, '{"entry": "segment"}', start,
         start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, journeys - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO journey_steps (id, journey_id, template_id, position, kind, config)
  SELECT pg_temp.demo_id(seed, 'step', k, i), pg_temp.demo_id(seed, 'journey', k, i / 3),
         CASE WHEN i % 3 = 1 THEN pg_temp.demo_id(seed, 'template', k, i % templates) END, i % 3,
         (ARRAY['wait', 'message', 'exit'])[1 + i % 3]::step_kind, '{"hours": 24}'
  FROM demo_plan, generate_series(0, journeys * 3 - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO journey_runs (id, journey_id, contact_id, entered_at, left_at)
  SELECT pg_temp.demo_id(seed, 'run', k, i), pg_temp.demo_id(seed, 'journey', k, i % journeys), pg_temp.demo_id(seed, 'contact', k, i * 31 % contacts),
         start + (i::bigint * 7654321 % 25920000) * interval '1 s', CASE WHEN i % 5 > 0 THEN start + (i::bigint * 7654321 % 25920000 + 86400) * interval '1 s' END
  FROM demo_plan, generate_series(0, runs - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO broadcasts (id, workspace_id, segment_id, template_id, subscription_group_id, name, status, scheduled_at, created_at, updated_at)
  SELECT pg_temp.demo_id(seed, 'broadcast', k, i), id, pg_temp.demo_id(seed, 'segment', k, i % segments), pg_temp.demo_id(seed, 'template', k, i % templates),
         pg_temp.demo_id(seed, 'group', k, i % 2), 'Broadcast ' || i, (ARRAY['sent', 'sent', 'scheduled', 'draft', 'cancelled'])[1 + i % 5],
         start + (i::bigint * 7654321 % 25920000) * interval '1 s', start, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, broadcasts - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO deliveries (id, workspace_id, contact_id, broadcast_id, journey_step_id, status, provider_message_id, created_at)
  SELECT pg_temp.demo_id(seed, 'delivery', k, i), id, pg_temp.demo_id(seed, 'contact', k, i * 31 % contacts),
         CASE WHEN i % 3 > 0 THEN pg_temp.demo_id(seed, 'broadcast', k, i % broadcasts) END,
         CASE WHEN i % 3 = 0 THEN pg_temp.demo_id(seed, 'step', k, i % journeys * 3 + 1) END,
         (ARRAY['delivered', 'delivered', 'delivered', 'sent', 'bounced', 'queued', 'failed'])[1 + i % 7]::delivery_status,
         'm' || i, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, deliveries - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO delivery_clicks (delivery_id, url, clicked_at)
  SELECT pg_temp.demo_id(seed, 'delivery', k, i * 5 % deliveries), 'https://shop.example/item/' || i % 50, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, clicks - 1) i WHERE deliveries > 0;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO events (id, workspace_id, contact_id, name, properties, occurred_at)
  SELECT pg_temp.demo_id(seed, 'event', k, i), id, pg_temp.demo_id(seed, 'contact', k, i * 17 % contacts),
         (ARRAY['page_viewed', 'page_viewed', 'cart_filled', 'order_placed', 'signed_in'])[1 + i % 5],
         jsonb_build_object('page', '/p/' || i % 200), start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, events - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO contact_imports (id, workspace_id, member_id, file_name, rows_read, finished_at)
  SELECT pg_temp.demo_id(seed, 'import', k, 0), id, pg_temp.demo_id(seed, 'member', k, 0), 'contacts.csv', contacts, start FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO audit_log (workspace_id, member_id, action, target_type, target_id, metadata, occurred_at)
  SELECT id, pg_temp.demo_id(seed, 'member', k, i % members), (ARRAY['segment.updated', 'broadcast.sent', 'member.signed_in'])[1 + i % 3],
         'segment', pg_temp.demo_id(seed, 'segment', k, i % segments), '{}', start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, audits - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  REFRESH MATERIALIZED VIEW delivery_stats;
  DROP TABLE demo_plan;
  ANALYZE;
  RETURN made;
END $fn$;
