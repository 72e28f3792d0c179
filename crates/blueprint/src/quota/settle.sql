-- Everything a limit's change needs is read in statements of its own after a lock was waited for.
CREATE FUNCTION tenantry.quota_needs_read_committed() RETURNS void LANGUAGE plpgsql AS $tenantry$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION USING ERRCODE = '25001', MESSAGE = 'tenantry: quotas are changed in a READ COMMITTED transaction',
      HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED.';
  END IF;
END
$tenantry$;
--;
-- The resource; raises if there is none, or if its rows are not counted yet.
CREATE FUNCTION tenantry.quota_known(p_resource text) RETURNS tenantry.quota_resource LANGUAGE plpgsql AS $tenantry$
DECLARE
  r tenantry.quota_resource;
BEGIN
  SELECT * INTO r FROM tenantry.quota_resource o WHERE o.resource = p_resource;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('tenantry: there is no resource %s', p_resource),
      HINT = 'Resources are declared under [resources] in tenantry.toml. SELECT resource FROM tenantry.quota_resources() lists them.';
  END IF;
  IF NOT r.seeded THEN
    RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format('tenantry: the rows of %s are not counted yet', p_resource),
      HINT = 'Wait until `tenantry apply` is done.';
  END IF;
  RETURN r;
END
$tenantry$;
--;
-- Makes a tenant's row, locks all that belongs to it, and adds up what lies beside it. After this `used` is exact, and
-- every charge of this tenant waits for the caller's transaction.
-- Shards are waited for first: their holders may be waiting for the row.
CREATE FUNCTION tenantry.quota_settle(p_resource text, p_tenant {key}) RETURNS tenantry.quota LANGUAGE plpgsql AS $tenantry$
DECLARE
  q tenantry.quota;
  now_period date;
  locked bigint;
  all_shards bigint;
  back numeric;
  shared numeric;
BEGIN
  INSERT INTO tenantry.quota (tenant, resource, max_units)
    SELECT p_tenant, r.resource, r.default_max FROM tenantry.quota_resource r WHERE r.resource = p_resource FOR SHARE
    ON CONFLICT DO NOTHING;
  PERFORM FROM tenantry.quota_shard s WHERE s.tenant = p_tenant AND s.resource = p_resource ORDER BY s.shard FOR UPDATE;
  SELECT * INTO STRICT q FROM tenantry.quota o WHERE o.tenant = p_tenant AND o.resource = p_resource FOR UPDATE;
  SELECT count(*) INTO locked FROM (
    SELECT FROM tenantry.quota_shard s WHERE s.tenant = p_tenant AND s.resource = p_resource FOR UPDATE SKIP LOCKED) l;
  SELECT count(*) INTO all_shards FROM tenantry.quota_shard s WHERE s.tenant = p_tenant AND s.resource = p_resource;
  IF locked <> all_shards THEN
    RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'tenantry: this quota was changed at the same time', HINT = 'Try again.';
  END IF;
  PERFORM tenantry.quota_fold(p_resource, p_tenant, NULL);
  SELECT tenantry.quota_period(r.measure) INTO now_period FROM tenantry.quota_resource r WHERE r.resource = p_resource;
  WITH gone AS (
    DELETE FROM tenantry.quota_reservation r
     WHERE r.tenant = p_tenant AND r.resource = p_resource AND r.expires_at <= clock_timestamp() RETURNING r.units
  ) SELECT coalesce(sum(g.units), 0) INTO back FROM gone g;
  SELECT coalesce(sum(s.used), 0) INTO shared FROM tenantry.quota_shard s
   WHERE s.tenant = p_tenant AND s.resource = p_resource
     AND s.period = (SELECT o.period FROM tenantry.quota o WHERE o.tenant = p_tenant AND o.resource = p_resource);
  UPDATE tenantry.quota_shard s SET used = 0, granted = 0 WHERE s.tenant = p_tenant AND s.resource = p_resource;
  UPDATE tenantry.quota o SET used = CASE WHEN o.period >= now_period THEN o.used + shared ELSE 0 END, lent = 0,
                              period = greatest(o.period, now_period), reserved = o.reserved - back
   WHERE o.tenant = p_tenant AND o.resource = p_resource RETURNING * INTO q;
  RETURN q;
END
$tenantry$;
--;
-- Sets the default limit of a resource, and gives it to every tenant whose limit nobody chose.
CREATE FUNCTION tenantry.quota_apply_default(p_resource text, p_max bigint) RETURNS void LANGUAGE plpgsql AS $tenantry$
DECLARE
  t {key};
BEGIN
  PERFORM tenantry.quota_needs_read_committed();
  PERFORM tenantry.quota_known(p_resource);
  UPDATE tenantry.quota_resource r SET default_max = p_max WHERE r.resource = p_resource;
  FOR t IN SELECT q.tenant FROM tenantry.quota q
            WHERE q.resource = p_resource AND NOT q.chosen AND q.max_units IS DISTINCT FROM p_max ORDER BY q.tenant LOOP
    PERFORM tenantry.quota_settle(p_resource, t);
    UPDATE tenantry.quota q SET max_units = p_max, max_grace = p_max + floor(p_max::numeric * q.grace_percent / 100)
     WHERE q.tenant = t AND q.resource = p_resource AND NOT q.chosen;
  END LOOP;
END
$tenantry$;
