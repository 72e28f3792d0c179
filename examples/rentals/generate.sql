-- Fills the rentals database. Run this file and the call in one session:
--
--   SELECT pg_temp.demo_generate(200, 100000, 1);   -- tenants, rows, seed; gives the number of rows made
--
-- The same arguments give the same rows. Tenant n has about 1/n of the rows of the largest (zipf), in one to six business
-- units. A contract, its machines, invoices and orders are all of one unit. All functions are temporary.

-- An id by the looks of the application's own: 25 characters, the first a letter.
CREATE OR REPLACE FUNCTION pg_temp.demo_id(seed int, kind text, k bigint, i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT 'c' || left(md5(concat(seed::text, '/', kind, '/', k::text, '/', i::text)), 24)
$$;

CREATE OR REPLACE FUNCTION pg_temp.demo_generate(tenants int, "rows" bigint, seed int) RETURNS bigint LANGUAGE plpgsql AS $fn$
DECLARE
  harmonic float8;
  made bigint := 0;
  n bigint;
  start timestamp := '2026-01-01 00:00';
BEGIN
  IF tenants < 1 OR "rows" < 1 THEN
    RAISE EXCEPTION 'demo_generate needs at least one tenant and one row, not % and %', tenants, "rows";
  END IF;
  IF EXISTS (SELECT FROM "Tenant") THEN
    RAISE EXCEPTION 'the database has tenants already: generate into an empty one';
  END IF;
  BEGIN
    PERFORM set_config('session_replication_role', 'replica', true); -- foreign keys hold by construction
  EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- slower, not different
  END;
  SELECT sum(1.0 / k) INTO harmonic FROM generate_series(1, tenants) k;

  -- One line per tenant. Row i of a kind is of unit i % units, so kinds that meet use multiples of units apart.
  CREATE TEMP TABLE demo_plan ON COMMIT DROP AS
  SELECT k, pg_temp.demo_id(seed, 'tenant', k, 0) AS id, units,
         units * (1 + (share * 0.10 / units)::bigint) AS machines, units * (1 + (share * 0.06 / units)::bigint) AS customers,
         units * (share * 0.09 / units)::bigint AS contracts, (share * 0.10)::bigint AS photos,
         (share * 0.12)::bigint AS invoices, (share * 0.10)::bigint AS orders, (share * 0.06)::bigint AS documents,
         (share * 0.04)::bigint AS jobs, (share * 0.06)::bigint AS audits, units + least((share * 0.005)::int, 200) AS users
  FROM (SELECT k, greatest("rows" - 18.0 * tenants, 0) / harmonic / k AS share, 1 + least(5, 60 / (k + 9)) AS units FROM generate_series(1, tenants) k) AS w;
  ANALYZE demo_plan;

  INSERT INTO "Tenant" ("id", "name", "subdomain", "createdAt") SELECT id, 'Company ' || k, 'company-' || k, start FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "BusinessUnit" ("id", "tenantId", "name", "city")
  SELECT pg_temp.demo_id(seed, 'unit', k, i), id, 'Unit ' || i, (ARRAY['Lima', 'Quito', 'Lisbon'])[1 + i % 3] FROM demo_plan, generate_series(0, units - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "User" ("id", "tenantId", "businessUnitId", "email", "passwordHash", "role", "createdAt")
  SELECT pg_temp.demo_id(seed, 'user', k, i), id, CASE WHEN i > 0 THEN pg_temp.demo_id(seed, 'unit', k, i % units) END,
         format('user%s@company-%s.example', i, k), 'scrypt:' || md5(concat(seed, 'user', k, i)), CASE WHEN i = 0 THEN 'manager' ELSE 'clerk' END, start
  FROM demo_plan, generate_series(0, users - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "UserSession" ("id", "userId", "tokenHash", "expiresAt")
  SELECT pg_temp.demo_id(seed, 'session', k, 0), pg_temp.demo_id(seed, 'user', k, 0), md5(concat(seed, 'session', k)), start + interval '1 year' FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "ApiKey" ("id", "tenantId", "keyHash", "label") SELECT pg_temp.demo_id(seed, 'api key', k, 0), id, md5(concat(seed, 'api key', k)), 'portal' FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "EquipmentCategory" ("id", "tenantId", "parentId", "name")
  SELECT pg_temp.demo_id(seed, 'category', k, i), id, CASE WHEN i > 0 THEN pg_temp.demo_id(seed, 'category', k, 0) END, (ARRAY['All', 'Lifts', 'Diggers', 'Generators'])[1 + i]
  FROM demo_plan, generate_series(0, 3) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "Equipment" ("id", "tenantId", "businessUnitId", "categoryId", "serialNumber", "state", "dailyPrice", "attributes", "createdAt", "updatedAt")
  SELECT pg_temp.demo_id(seed, 'machine', k, i), id, pg_temp.demo_id(seed, 'unit', k, i % units), pg_temp.demo_id(seed, 'category', k, 1 + i % 3), 'SN-' || i,
         (ARRAY['AVAILABLE', 'RENTED', 'RENTED', 'IN_MAINTENANCE'])[1 + i % 4]::"EquipmentState", 20 + i % 300,
         jsonb_build_object('hours', i % 9000), start, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, machines - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "EquipmentPhoto" ("id", "equipmentId", "url", "sort")
  SELECT pg_temp.demo_id(seed, 'photo', k, i), pg_temp.demo_id(seed, 'machine', k, i % machines), '/photos/' || i, i / machines FROM demo_plan, generate_series(0, photos - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  -- Every tenth customer is one of the whole company.
  INSERT INTO "Customer" ("id", "tenantId", "businessUnitId", "name", "taxId", "email", "createdAt")
  SELECT pg_temp.demo_id(seed, 'customer', k, i), id, CASE WHEN i % 10 < 9 THEN pg_temp.demo_id(seed, 'unit', k, i % units) END, 'Customer ' || i,
         CASE WHEN i % 5 > 0 THEN 'TAX-' || i END, format('customer%s@buyer.example', i), start
  FROM demo_plan, generate_series(0, customers - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "Contract" ("id", "tenantId", "businessUnitId", "customerId", "number", "state", "startsOn", "endsOn", "signedById", "createdAt", "updatedAt")
  SELECT pg_temp.demo_id(seed, 'contract', k, i), id, pg_temp.demo_id(seed, 'unit', k, i % units), pg_temp.demo_id(seed, 'customer', k, i % customers), i,
         (ARRAY['ACTIVE', 'RETURNED', 'RETURNED', 'QUOTE', 'CANCELLED'])[1 + i % 5]::"ContractState", date '2026-01-01' + (i % 300)::int, date '2026-01-08' + (i % 300)::int,
         pg_temp.demo_id(seed, 'user', k, 0), start, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, contracts - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "ContractLine" ("contractId", "position", "equipmentId", "dailyPrice")
  SELECT pg_temp.demo_id(seed, 'contract', k, i), p, pg_temp.demo_id(seed, 'machine', k, (i + p * units) % machines), 25
  FROM demo_plan, generate_series(0, contracts - 1) i, generate_series(1, 2) p;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "Invoice" ("id", "tenantId", "businessUnitId", "contractId", "number", "total", "issuedAt")
  SELECT pg_temp.demo_id(seed, 'invoice', k, i), id, pg_temp.demo_id(seed, 'unit', k, i % contracts % units), pg_temp.demo_id(seed, 'contract', k, i % contracts),
         format('F%s-%s', k, i), 175, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, invoices - 1) i WHERE contracts > 0;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "Payment" ("id", "invoiceId", "amount", "receivedAt")
  SELECT pg_temp.demo_id(seed, 'payment', k, i), pg_temp.demo_id(seed, 'invoice', k, i), 175, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, invoices - 1, 2) i WHERE contracts > 0;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "MaintenancePlan" ("id", "tenantId", "categoryId", "everyDays", "title")
  SELECT pg_temp.demo_id(seed, 'plan', k, i), id, pg_temp.demo_id(seed, 'category', k, i), 90 * i, 'Check ' || i FROM demo_plan, generate_series(1, 3) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "MaintenanceOrder" ("id", "tenantId", "businessUnitId", "equipmentId", "planId", "assigneeId", "state", "dueOn", "updatedAt")
  SELECT pg_temp.demo_id(seed, 'order', k, i), id, pg_temp.demo_id(seed, 'unit', k, i % machines % units), pg_temp.demo_id(seed, 'machine', k, i % machines),
         pg_temp.demo_id(seed, 'plan', k, 1 + i % machines % 3), pg_temp.demo_id(seed, 'user', k, 0), (ARRAY['PLANNED', 'OPEN', 'DONE', 'DONE'])[1 + i % 4]::"OrderState",
         date '2026-01-01' + (i % 300)::int, start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, orders - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "MaintenancePart" ("id", "orderId", "partNumber", "quantity")
  SELECT pg_temp.demo_id(seed, 'part', k, i), pg_temp.demo_id(seed, 'order', k, i), 'PN-' || i % 500, 1 + i % 4 FROM demo_plan, generate_series(0, orders - 1, 3) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "Document" ("id", "tenantId", "ownerType", "ownerId", "fileName")
  SELECT pg_temp.demo_id(seed, 'document', k, i), id, 'Equipment', pg_temp.demo_id(seed, 'machine', k, i % machines), 'manual.pdf' FROM demo_plan, generate_series(0, documents - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "WebhookEndpoint" ("id", "tenantId", "url", "secret", "topics")
  SELECT pg_temp.demo_id(seed, 'endpoint', k, 0), id, format('https://hooks.company-%s.example', k), md5(concat(seed, 'hook', k)), '{contract.signed}' FROM demo_plan;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "WebhookDelivery" ("id", "endpointId", "statusCode", "sentAt")
  SELECT pg_temp.demo_id(seed, 'delivery', k, i), pg_temp.demo_id(seed, 'endpoint', k, 0), 200, start + i * interval '1 hour' FROM demo_plan, generate_series(1, least(audits, 500)) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "JobQueue" ("queue", "payload", "state", "runAt")
  SELECT 'mail', jsonb_build_object('tenantId', id, 'invoice', i), (ARRAY['DONE', 'DONE', 'READY'])[1 + i % 3]::"JobState", start + i * interval '1 min'
  FROM demo_plan, generate_series(1, jobs) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  INSERT INTO "AuditEntry" ("tenantId", "userId", "action", "at")
  SELECT id, pg_temp.demo_id(seed, 'user', k, i % users), (ARRAY['contract.signed', 'machine.moved'])[1 + i % 2], start + (i::bigint * 7654321 % 25920000) * interval '1 s'
  FROM demo_plan, generate_series(0, audits - 1) i;
  GET DIAGNOSTICS n = ROW_COUNT; made := made + n;

  DROP TABLE demo_plan;
  ANALYZE;
  RETURN made;
END $fn$;
