-- Sets the limit of a tenant, NULL for none. With a parent, the limit is taken out of the parent's: the sum of what is
-- given on never exceeds what the giver has. Without one, it goes back to whom it was taken from.
CREATE FUNCTION tenantry.quota_set_limit(p_tenant {key}, p_resource text, p_max bigint, p_parent {key} DEFAULT NULL) RETURNS void LANGUAGE plpgsql {definer} AS $tenantry$
DECLARE
  q tenantry.quota;
  up tenantry.quota;
  former {key};
  above {key};
  giver {key};
  level integer := 0;
BEGIN
  PERFORM tenantry.quota_needs_read_committed();
  PERFORM tenantry.quota_known(p_resource);
  IF p_tenant IS NULL OR p_max NOT BETWEEN 0 AND {units_max} THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'tenantry: a limit is a number from 0 to {units_max}, or NULL for none, and belongs to a tenant';
  END IF;
  IF p_parent = p_tenant OR p_parent IS NOT NULL AND p_max IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'tenantry: what a parent gives is a number, and goes to another tenant';
  END IF;
  SELECT o.parent INTO former FROM tenantry.quota o WHERE o.tenant = p_tenant AND o.resource = p_resource;
  -- givers before the tenant, in the order of their keys
  FOR giver IN SELECT DISTINCT g FROM unnest(ARRAY[former, p_parent]) g WHERE g IS NOT NULL ORDER BY g LOOP
    PERFORM tenantry.quota_settle(p_resource, giver);
  END LOOP;
  q := tenantry.quota_settle(p_resource, p_tenant);
  IF q.parent IS DISTINCT FROM former THEN
    RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'tenantry: this quota was changed at the same time', HINT = 'Try again.';
  END IF;
  above := p_parent;
  WHILE above IS NOT NULL LOOP
    level := level + 1;
    IF above = p_tenant OR level > {levels_max} THEN
      RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'tenantry: a tenant cannot be given from below itself, and not over more than {levels_max} levels';
    END IF;
    SELECT o.parent INTO above FROM tenantry.quota o WHERE o.tenant = above AND o.resource = p_resource;
  END LOOP;
  IF q.given > 0 AND p_max < q.used + q.reserved + q.given OR p_parent IS NOT NULL AND p_max < q.used + q.reserved THEN
    RAISE EXCEPTION USING ERRCODE = '53400', MESSAGE = format('tenantry: the quota of %s is used up', p_resource),
      DETAIL = format('limit %s, used %s, reserved %s, given on %s', p_max, q.used, q.reserved, q.given),
      HINT = 'A limit that is shared within a hierarchy does not go below what is used and given on.';
  END IF;
  IF former IS NOT NULL THEN
    UPDATE tenantry.quota o SET given = o.given - q.max_units WHERE o.tenant = former AND o.resource = p_resource;
  END IF;
  IF p_parent IS NOT NULL THEN
    SELECT * INTO STRICT up FROM tenantry.quota o WHERE o.tenant = p_parent AND o.resource = p_resource;
    -- taking less than before from the same giver is always possible
    IF p_max > up.max_units - up.used - up.reserved - up.given AND NOT (former IS NOT DISTINCT FROM p_parent AND p_max <= q.max_units) THEN
      RAISE EXCEPTION USING ERRCODE = '53400', MESSAGE = format('tenantry: the quota of %s is used up', p_resource),
        DETAIL = format('the parent''s limit %s, used %s, reserved or given on %s, requested %s', up.max_units, up.used, up.reserved + up.given, p_max),
        HINT = 'Give less, or raise the parent''s limit first.';
    END IF;
    UPDATE tenantry.quota o SET given = o.given + p_max WHERE o.tenant = p_parent AND o.resource = p_resource;
  END IF;
  UPDATE tenantry.quota o SET max_units = p_max, chosen = true, parent = p_parent,
      grace_percent = CASE WHEN p_parent IS NULL THEN o.grace_percent END,
      grace_until = CASE WHEN p_parent IS NULL THEN o.grace_until END,
      max_grace = CASE WHEN p_parent IS NULL THEN p_max + floor(p_max::numeric * o.grace_percent / 100) END
   WHERE o.tenant = p_tenant AND o.resource = p_resource;
END
$tenantry$;
--;
-- Back to the resource's default, and to no parent.
CREATE FUNCTION tenantry.quota_reset_limit(p_tenant {key}, p_resource text) RETURNS void LANGUAGE plpgsql {definer} AS $tenantry$
DECLARE
  r tenantry.quota_resource;
BEGIN
  r := tenantry.quota_known(p_resource);
  PERFORM tenantry.quota_set_limit(p_tenant, p_resource, r.default_max);
  UPDATE tenantry.quota q SET chosen = false WHERE q.tenant = p_tenant AND q.resource = p_resource;
END
$tenantry$;
--;
-- Lets a tenant go p_percent over its limit until a moment; NULL ends it. What a parent gave has no grace.
CREATE FUNCTION tenantry.quota_set_grace(p_tenant {key}, p_resource text, p_percent integer, p_until timestamptz) RETURNS void LANGUAGE plpgsql {definer} AS $tenantry$
DECLARE
  q tenantry.quota;
BEGIN
  PERFORM tenantry.quota_needs_read_committed();
  PERFORM tenantry.quota_known(p_resource);
  IF (p_percent IS NULL) <> (p_until IS NULL) OR p_percent NOT BETWEEN 1 AND 100 THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'tenantry: grace is 1 to 100 percent until a moment, or NULL for both';
  END IF;
  q := tenantry.quota_settle(p_resource, p_tenant);
  IF p_percent IS NOT NULL AND (q.max_units IS NULL OR q.parent IS NOT NULL) THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'tenantry: grace needs a limit of the tenant''s own';
  END IF;
  UPDATE tenantry.quota o SET grace_percent = p_percent, grace_until = p_until,
      max_grace = o.max_units + floor(o.max_units::numeric * p_percent / 100)
   WHERE o.tenant = p_tenant AND o.resource = p_resource;
END
$tenantry$;
--;
-- Splits a tenant's counter for many writers at once; 0 makes it one row again. The bound stays exact; near it a
-- charge may be refused that an open transaction's share would have covered.
CREATE FUNCTION tenantry.quota_set_hot(p_tenant {key}, p_resource text, p_shards integer) RETURNS void LANGUAGE plpgsql {definer} AS $tenantry$
DECLARE
  q tenantry.quota;
BEGIN
  PERFORM tenantry.quota_needs_read_committed();
  PERFORM tenantry.quota_known(p_resource);
  IF p_shards IS NULL OR p_shards NOT BETWEEN 0 AND {shards_max} THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'tenantry: shards are 0 to {shards_max}';
  END IF;
  q := tenantry.quota_settle(p_resource, p_tenant);
  DELETE FROM tenantry.quota_shard s WHERE s.tenant = p_tenant AND s.resource = p_resource;
  INSERT INTO tenantry.quota_shard (tenant, resource, shard, period)
    SELECT p_tenant, p_resource, n, q.period FROM generate_series(0, p_shards - 1) n;
  UPDATE tenantry.quota o SET shards = p_shards WHERE o.tenant = p_tenant AND o.resource = p_resource;
END
$tenantry$;
