-- Lets a tenant's login work in a database of its own: as a member of the runtime's group, if the template is isolated
-- and has one, because its policies are for that group; else with the rights to read and write rows of every table of
-- the application. It owns nothing either way.
DO $grant$
DECLARE
    login text := current_setting('tenantry_place.role');
    runtime text := current_setting('tenantry_place.runtime');
    r record;
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = runtime) AND EXISTS (SELECT FROM pg_namespace WHERE nspname = 'tenantry') THEN
        EXECUTE format('GRANT %I TO %I', runtime, login);
    ELSE
        FOR r IN SELECT n.nspname FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', r.nspname, login);
        END LOOP;
        FOR r IN SELECT c.relkind, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
                   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') LOOP
            EXECUTE format('GRANT %s %I.%I TO %I',
                CASE r.relkind WHEN 'S' THEN 'USAGE, SELECT ON SEQUENCE' ELSE 'SELECT, INSERT, UPDATE, DELETE ON' END, r.nspname, r.relname, login);
        END LOOP;
    END IF;
    EXECUTE format('ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', login);
    EXECUTE format('ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO %I', login);
END $grant$;
