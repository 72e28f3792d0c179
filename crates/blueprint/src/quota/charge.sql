-- The month of a monthly resource, by the server's clock and in UTC; others have one period without an end.
CREATE FUNCTION tenantry.quota_period(p_measure text) RETURNS date LANGUAGE sql STABLE AS $tenantry$
  SELECT CASE p_measure WHEN 'monthly' THEN date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date ELSE '-infinity'::date END
$tenantry$;
--;
-- What a tenant may use at this moment; NULL without a limit.
CREATE FUNCTION tenantry.quota_bound(q tenantry.quota) RETURNS numeric LANGUAGE sql STABLE AS $tenantry$
  SELECT CASE WHEN q.grace_until > clock_timestamp() THEN q.max_grace ELSE q.max_units END
$tenantry$;
--;
-- Adds what was written down for tenants without a limit. The caller holds the tenant's row, so nobody else folds.
CREATE FUNCTION tenantry.quota_fold(p_resource text, p_tenant {key}, p_rows integer) RETURNS void LANGUAGE plpgsql AS $tenantry$
DECLARE
  latest date;
  sum_units numeric;
BEGIN
  WITH taken AS (
    DELETE FROM tenantry.quota_delta d WHERE d.ctid = ANY (ARRAY(
      SELECT o.ctid FROM tenantry.quota_delta o WHERE o.tenant = p_tenant AND o.resource = p_resource LIMIT p_rows))
    RETURNING d.period, d.units
  ), last AS (
    SELECT greatest((SELECT max(s.period) FROM taken s),
                    (SELECT q.period FROM tenantry.quota q WHERE q.tenant = p_tenant AND q.resource = p_resource)) AS period
  )
  SELECT l.period, (SELECT coalesce(sum(s.units), 0) FROM taken s WHERE s.period = l.period) INTO latest, sum_units FROM last l;
  -- what was written down in a month that is over counts no more
  UPDATE tenantry.quota q SET used = CASE WHEN q.period = latest THEN q.used ELSE 0 END + sum_units,
                              lent = CASE WHEN q.period = latest THEN q.lent ELSE 0 END, period = latest
   WHERE q.tenant = p_tenant AND q.resource = p_resource AND (sum_units <> 0 OR q.period <> latest);
END
$tenantry$;
--;
-- The refusal. It names no other tenant, and nothing of a row.
CREATE FUNCTION tenantry.quota_refuse(p_resource text, p_bound numeric, p_used numeric, p_held numeric, p_units numeric) RETURNS void LANGUAGE plpgsql AS $tenantry$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '53400', MESSAGE = format('tenantry: the quota of %s is used up', p_resource),
    DETAIL = format('limit %s, used %s, reserved or given on %s, requested %s', p_bound, p_used, p_held, p_units),
    HINT = 'Remove what is no longer needed, or have the limit raised. See docs/errors/quota-exceeded.md.';
END
$tenantry$;
--;
-- Every other case of a charge, under the lock of the tenant's row. The order of locks is: the row, waiting; shards
-- only if they are free. So writers of one resource never wait in a circle.
CREATE FUNCTION tenantry.quota_take(p_resource text, p_tenant {key}, p_period date, p_units numeric) RETURNS void LANGUAGE plpgsql AS $tenantry$
DECLARE
  q tenantry.quota;
  s record;
  back numeric;
  room numeric;
  chunk numeric;
BEGIN
  SELECT * INTO q FROM tenantry.quota o WHERE o.tenant = p_tenant AND o.resource = p_resource FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    -- FOR SHARE: a default that is being set waits for this row, or this row for the default
    INSERT INTO tenantry.quota (tenant, resource, period, max_units)
      SELECT p_tenant, r.resource, p_period, r.default_max FROM tenantry.quota_resource r WHERE r.resource = p_resource FOR SHARE
      ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT q FROM tenantry.quota o WHERE o.tenant = p_tenant AND o.resource = p_resource FOR NO KEY UPDATE;
  END IF;
  IF q.max_units IS NULL THEN
    INSERT INTO tenantry.quota_delta (tenant, resource, period, units) VALUES (p_tenant, p_resource, p_period, p_units);
    RETURN;
  END IF;
  IF p_period > q.period THEN
    -- a new month; a clock that goes back does not bring the old one back
    q.period := p_period;
    q.used := 0;
    q.lent := 0;
  END IF;
  WITH gone AS (
    DELETE FROM tenantry.quota_reservation r
     WHERE r.tenant = p_tenant AND r.resource = p_resource AND r.expires_at <= clock_timestamp() RETURNING r.units
  ) SELECT coalesce(sum(g.units), 0) INTO back FROM gone g;
  q.reserved := q.reserved - back;
  IF p_units > 0 THEN
    room := tenantry.quota_bound(q) - q.used - q.reserved - q.given - q.lent;
    IF p_units > room AND q.shards > 0 THEN
      FOR s IN SELECT o.shard, o.granted - o.used AS free FROM tenantry.quota_shard o
                WHERE o.tenant = p_tenant AND o.resource = p_resource AND o.period = q.period AND o.granted > o.used
                ORDER BY o.shard FOR NO KEY UPDATE SKIP LOCKED LOOP
        UPDATE tenantry.quota_shard o SET granted = o.used
         WHERE o.tenant = p_tenant AND o.resource = p_resource AND o.shard = s.shard;
        q.lent := q.lent - s.free;
        room := room + s.free;
      END LOOP;
    END IF;
    IF p_units > room THEN
      PERFORM tenantry.quota_refuse(p_resource, tenantry.quota_bound(q), q.used + q.lent, q.reserved + q.given, p_units);
    END IF;
  END IF;
  q.used := q.used + p_units;
  IF q.shards > 0 AND p_units > 0 THEN
    -- the next charges of this connection go without the row
    chunk := floor(least({chunk_max}, (room - p_units) / (2 * q.shards)));
    IF chunk >= 1 THEN
      SELECT o.shard INTO s FROM tenantry.quota_shard o
       WHERE o.tenant = p_tenant AND o.resource = p_resource AND o.shard = pg_backend_pid() % q.shards FOR NO KEY UPDATE SKIP LOCKED;
      IF FOUND THEN
        UPDATE tenantry.quota_shard o SET granted = CASE WHEN o.period = q.period THEN o.granted ELSE 0 END + chunk,
                                          used = CASE WHEN o.period = q.period THEN o.used ELSE 0 END, period = q.period
         WHERE o.tenant = p_tenant AND o.resource = p_resource AND o.shard = s.shard;
        q.lent := q.lent + chunk;
      END IF;
    END IF;
  END IF;
  UPDATE tenantry.quota o SET period = q.period, used = q.used, reserved = q.reserved, lent = q.lent
   WHERE o.tenant = p_tenant AND o.resource = p_resource;
END
$tenantry$;
--;
-- Charges a tenant in the transaction of the statement that made the rows; gives back where p_units is below zero.
CREATE FUNCTION tenantry.quota_charge(p_resource text, p_tenant {key}, p_period date, p_units numeric) RETURNS void LANGUAGE plpgsql AS $tenantry$
BEGIN
  -- with a limit: one UPDATE that holds the bound
  UPDATE tenantry.quota q SET used = q.used + p_units
   WHERE q.tenant = p_tenant AND q.resource = p_resource AND q.max_units IS NOT NULL AND q.shards = 0 AND q.period >= p_period
     AND (p_units <= 0 OR p_units <=
          CASE WHEN q.grace_until > clock_timestamp() THEN q.max_grace ELSE q.max_units END - q.used - q.reserved - q.given - q.lent);
  IF FOUND THEN
    RETURN;
  END IF;
  -- without a limit: written down, so that no writer waits for another. Setting a limit waits for KEY SHARE to go.
  PERFORM FROM tenantry.quota q WHERE q.tenant = p_tenant AND q.resource = p_resource AND q.max_units IS NULL FOR KEY SHARE;
  IF FOUND THEN
    INSERT INTO tenantry.quota_delta (tenant, resource, period, units) VALUES (p_tenant, p_resource, p_period, p_units);
    IF random() < {fold_share} AND current_setting('transaction_isolation') = 'read committed' THEN
      PERFORM FROM tenantry.quota q JOIN tenantry.quota_resource r USING (resource)
        WHERE q.tenant = p_tenant AND q.resource = p_resource AND r.seeded FOR NO KEY UPDATE OF q SKIP LOCKED;
      IF FOUND THEN
        PERFORM tenantry.quota_fold(p_resource, p_tenant, {fold_rows});
      END IF;
    END IF;
    RETURN;
  END IF;
  -- many writers: from the share of this connection, if nobody else holds it
  UPDATE tenantry.quota_shard s SET used = s.used + p_units
   WHERE (s.tenant, s.resource, s.shard) = (
     SELECT o.tenant, o.resource, o.shard FROM tenantry.quota q
       JOIN tenantry.quota_shard o ON o.tenant = q.tenant AND o.resource = q.resource AND o.shard = pg_backend_pid() % nullif(q.shards, 0)
      WHERE q.tenant = p_tenant AND q.resource = p_resource AND o.period >= p_period
        AND (p_units <= 0 OR p_units <= o.granted - o.used) FOR NO KEY UPDATE OF o SKIP LOCKED);
  IF FOUND THEN
    RETURN;
  END IF;
  PERFORM tenantry.quota_take(p_resource, p_tenant, p_period, p_units);
END
$tenantry$;
