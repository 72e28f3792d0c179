-- What speaks of a tenant goes with the tenant, whichever migration made the table: the operator's role, which erases,
-- may delete there. Not so what says that something happened: the audit log, events on their way, consent that was
-- given, the record of the erasure itself, and slugs that rest.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
                WHERE c.relnamespace = 'tenantry_control'::regnamespace AND c.relkind IN ('r', 'p')
                  AND a.attname = 'tenant_id' AND NOT a.attisdropped
                  AND c.relname NOT IN ('audit_entry', 'outbox', 'support_access', 'erasure', 'slug_claim', 'task')
    LOOP
        EXECUTE format('GRANT DELETE ON tenantry_control.%I TO %I', name, current_database() || '_control_operator');
    END LOOP;
END $$
