CREATE TABLE tenantry.quota_resource (
  resource text PRIMARY KEY,
  relation text NOT NULL,
  measure text NOT NULL CHECK (measure IN ('rows', 'sum', 'monthly')),
  default_max bigint CHECK (default_max BETWEEN 0 AND {units_max}),
  -- existing rows are counted: until then changes are only written down
  seeded boolean NOT NULL DEFAULT false
);
--;
CREATE TABLE tenantry.quota (
  tenant {key} NOT NULL,
  resource text NOT NULL REFERENCES tenantry.quota_resource,
  -- the month that is counted; -infinity where nothing ends
  period date NOT NULL DEFAULT '-infinity',
  -- sums of bigints: numeric cannot overflow
  used numeric NOT NULL DEFAULT 0,
  reserved numeric NOT NULL DEFAULT 0,
  -- limits of children
  given numeric NOT NULL DEFAULT 0,
  -- granted to the shards of this period
  lent numeric NOT NULL DEFAULT 0,
  -- NULL: no limit
  max_units bigint CHECK (max_units BETWEEN 0 AND {units_max}),
  -- set by an operator, not the resource's default
  chosen boolean NOT NULL DEFAULT false,
  parent {key} CHECK (parent <> tenant),
  grace_percent smallint CHECK (grace_percent BETWEEN 1 AND 100),
  grace_until timestamptz,
  max_grace numeric,
  shards smallint NOT NULL DEFAULT 0 CHECK (shards BETWEEN 0 AND {shards_max}),
  PRIMARY KEY (tenant, resource)
) WITH (fillfactor = 50);
--;
CREATE TABLE tenantry.quota_delta (
  tenant {key} NOT NULL,
  resource text NOT NULL,
  period date NOT NULL,
  units numeric NOT NULL
);
--;
CREATE INDEX quota_delta_tenant ON tenantry.quota_delta (tenant, resource);
--;
CREATE TABLE tenantry.quota_shard (
  tenant {key} NOT NULL,
  resource text NOT NULL,
  shard smallint NOT NULL,
  period date NOT NULL,
  granted numeric NOT NULL DEFAULT 0,
  used numeric NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, resource, shard)
) WITH (fillfactor = 50);
--;
CREATE TABLE tenantry.quota_reservation (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant {key} NOT NULL,
  resource text NOT NULL,
  units bigint NOT NULL CHECK (units BETWEEN 1 AND {units_max}),
  expires_at timestamptz NOT NULL
);
--;
CREATE INDEX quota_reservation_tenant ON tenantry.quota_reservation (tenant, resource);
