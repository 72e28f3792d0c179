-- Lets a tenant's login work in a database of its own: with the rights the runtime's group has there, or, where there
-- is none, with those to read and write rows of every table of the application. It owns nothing.
DO $grant$
DECLARE
    login text := current_setting('tenantry_place.role');
    runtime text := current_setting('tenantry_place.runtime');
    alike boolean := EXISTS (SELECT FROM pg_roles WHERE rolname = runtime);
    rights text;
    r record;
BEGIN
    FOR r IN SELECT n.nspname FROM pg_namespace n
             WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
               AND (NOT alike OR has_schema_privilege(runtime, n.oid, 'USAGE')) LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', r.nspname, login);
    END LOOP;
    FOR r IN SELECT c.oid, c.relkind, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
               AND (alike OR n.nspname <> 'tenantry') AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') LOOP
        SELECT string_agg(p, ', ') INTO rights
          FROM unnest(CASE r.relkind WHEN 'S' THEN ARRAY['USAGE', 'SELECT'] ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END) p
         WHERE NOT alike OR CASE r.relkind WHEN 'S' THEN has_sequence_privilege(runtime, r.oid, p)
                                 ELSE has_table_privilege(runtime, r.oid, p) END;
        IF rights IS NOT NULL THEN
            EXECUTE format('GRANT %s ON %s%I.%I TO %I', rights, CASE r.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END, r.nspname, r.relname, login);
        END IF;
    END LOOP;
    IF alike THEN
        FOR r IN SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                 WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND p.proacl IS NOT NULL
                   AND has_function_privilege(runtime, p.oid, 'EXECUTE')
                   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') LOOP
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', r.name, login);
        END LOOP;
    END IF;
    EXECUTE format('ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', login);
    EXECUTE format('ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO %I', login);
END $grant$;
