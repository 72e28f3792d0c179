CREATE FUNCTION tenantry.quota_resources() RETURNS TABLE (resource text, relation text, measure text, default_max bigint, counted boolean)
LANGUAGE sql STABLE {definer} AS $tenantry$
  SELECT r.resource, r.relation, r.measure, r.default_max, r.seeded FROM tenantry.quota_resource r ORDER BY r.resource
$tenantry$;
--;
-- What a tenant uses of every resource, or of all tenants that ever used one (p_tenant NULL).
CREATE FUNCTION tenantry.quota_usage(p_tenant {key} DEFAULT NULL) RETURNS TABLE (
  tenant {key}, resource text, measure text, used bigint, reserved bigint, given bigint, max_units bigint, bound bigint,
  grace_percent smallint, grace_until timestamptz, parent {key}, shards smallint, chosen boolean)
LANGUAGE sql STABLE {definer} AS $tenantry$
  WITH mine AS (
    SELECT q.* FROM tenantry.quota q WHERE p_tenant IS NULL OR q.tenant = p_tenant
  )
  SELECT coalesce(q.tenant, p_tenant), r.resource, r.measure,
    least(CASE WHEN q.period >= tenantry.quota_period(r.measure) THEN q.used ELSE 0 END
      + coalesce((SELECT sum(d.units) FROM tenantry.quota_delta d
                   WHERE d.tenant = q.tenant AND d.resource = q.resource
                     AND d.period >= greatest(q.period, tenantry.quota_period(r.measure))), 0)
      + coalesce((SELECT sum(s.used) FROM tenantry.quota_shard s
                   WHERE s.tenant = q.tenant AND s.resource = q.resource
                     AND s.period = q.period AND q.period >= tenantry.quota_period(r.measure)), 0), 9223372036854775807)::bigint,
    coalesce(least(q.reserved, 9223372036854775807), 0)::bigint, coalesce(least(q.given, 9223372036854775807), 0)::bigint,
    CASE WHEN q.tenant IS NULL THEN r.default_max ELSE q.max_units END,
    CASE WHEN q.tenant IS NULL THEN r.default_max WHEN q.grace_until > clock_timestamp() THEN q.max_grace ELSE q.max_units END::bigint,
    q.grace_percent, q.grace_until, q.parent, coalesce(q.shards, 0::smallint), coalesce(q.chosen, false)
  FROM tenantry.quota_resource r LEFT JOIN mine q ON q.resource = r.resource
  WHERE coalesce(q.tenant, p_tenant) IS NOT NULL ORDER BY 1, 2
$tenantry$;
--;
-- For the application: what its own tenant uses and may use. Without a tenant it raises.
CREATE FUNCTION tenantry.quota_mine() RETURNS TABLE (resource text, used bigint, reserved bigint, max_units bigint, remaining bigint)
LANGUAGE sql STABLE {definer} AS $tenantry$
  SELECT u.resource, u.used, u.reserved, u.bound, CASE WHEN u.bound IS NOT NULL THEN greatest(u.bound::numeric - u.used - u.reserved - u.given, 0)::bigint END
    FROM tenantry.quota_usage(tenantry.{tenant}()) u
$tenantry$;
