-- Copies the structure of one schema into a new one: types, sequences, functions, tables with their constraints and
-- indexes, views, triggers, row-level security. No rows.
--
-- What PostgreSQL prints of an object leaves the schema out where it is on the search path. So everything is printed
-- with the template on the path, and run with the copy on it, and the template off: what is said without a schema
-- means the copy, and nothing can mean the template by mistake. At the end that is looked up.
--
-- What cannot be copied so is refused by name: TN001 is the class of refusals, which no other try cures.
DO $clone$
DECLARE
    template text := current_setting('tenantry_place.template');
    place text := current_setting('tenantry_place.schema');
    owner text := current_setting('tenantry_place.owner');
    key text := current_setting('tenantry_place.key');
    extra text := current_setting('tenantry_place.path');
    source oid;
    todo text[] := '{}';
    refs text[] := '{}';
    def text;
    head text;
    path text;
    r record;
    fill record;
BEGIN
    SELECT n.oid INTO source FROM pg_namespace n WHERE n.nspname = template;
    IF source IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'TN001', MESSAGE = format('the template schema %I is not there', template);
    END IF;

    -- refusals
    FOR r IN
        SELECT 'the extension ' || e.extname || ' lives in it: ALTER EXTENSION … SET SCHEMA another one' AS why
          FROM pg_extension e WHERE e.extnamespace = source
        UNION ALL
        SELECT format('%s is a foreign table', c.relname) FROM pg_class c WHERE c.relnamespace = source AND c.relkind = 'f'
        UNION ALL
        SELECT format('table %s inherits from another', c.relname) FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
         WHERE c.relnamespace = source AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        UNION ALL
        SELECT format('table %s has a rule', c.relname) FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
         WHERE c.relnamespace = source AND w.rulename <> '_RETURN'
        UNION ALL
        SELECT format('%s is an aggregate', p.proname) FROM pg_proc p WHERE p.pronamespace = source AND p.prokind = 'a'
        UNION ALL
        SELECT format('%s is a range or base type', t.typname) FROM pg_type t
         WHERE t.typnamespace = source AND t.typtype IN ('r', 'm', 'b') AND t.typelem = 0
        UNION ALL
        SELECT format('%s is an operator', o.oprname) FROM pg_operator o WHERE o.oprnamespace = source
        UNION ALL
        SELECT format('function %s names the schema in its body: leave it out, the search path finds the tables', p.proname)
          FROM pg_proc p WHERE p.pronamespace = source AND p.prosqlbody IS NULL
           AND p.prosrc ~* ('(\m|")' || regexp_replace(template, '([^[:alnum:]_])', '\\\1', 'g') || '"?\s*\.')
    LOOP
        RAISE EXCEPTION USING ERRCODE = 'TN001', MESSAGE = format('schema %I is no template: %s', template, r.why);
    END LOOP;

    PERFORM set_config('search_path', quote_ident(template), true);

    -- types
    FOR r IN SELECT t.*, format_type(t.typbasetype, t.typtypmod) AS base FROM pg_type t
             LEFT JOIN pg_class k ON k.oid = t.typrelid
             WHERE t.typnamespace = source AND (t.typtype IN ('e', 'd') OR t.typtype = 'c' AND k.relkind = 'c')
             ORDER BY t.oid LOOP
        todo := todo || CASE r.typtype
            WHEN 'e' THEN format('CREATE TYPE %I AS ENUM (%s)', r.typname,
                (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = r.oid))
            WHEN 'c' THEN format('CREATE TYPE %I AS (%s)', r.typname,
                (SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
                   FROM pg_attribute WHERE attrelid = r.typrelid AND attnum > 0 AND NOT attisdropped))
            ELSE format('CREATE DOMAIN %I AS %s%s%s%s', r.typname, r.base,
                coalesce(' DEFAULT ' || r.typdefault, ''), CASE WHEN r.typnotnull THEN ' NOT NULL' ELSE '' END,
                (SELECT coalesce(string_agg(format(' CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)), ''), '')
                   FROM pg_constraint WHERE contypid = r.oid AND contype = 'c')) END;
    END LOOP;

    -- sequences; those of identity columns come with their columns
    FOR r IN SELECT c.relname, s.*, c.oid AS sequence FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
             WHERE c.relnamespace = source AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid
                   AND d.classid = 'pg_class'::regclass AND d.deptype = 'i') ORDER BY c.oid LOOP
        todo := todo || format('CREATE SEQUENCE %I AS %s INCREMENT %s MINVALUE %s MAXVALUE %s START %s CACHE %s%s', r.relname,
            format_type(r.seqtypid, NULL), r.seqincrement, r.seqmin, r.seqmax, r.seqstart, r.seqcache,
            CASE WHEN r.seqcycle THEN ' CYCLE' ELSE '' END);
    END LOOP;

    -- functions, in two turns: those that speak of rows of tables come after the tables
    FOR r IN SELECT p.*, pg_get_function_identity_arguments(p.oid) AS arguments,
                    EXISTS (SELECT FROM pg_depend d JOIN pg_type t ON t.oid = d.refobjid JOIN pg_class k ON k.oid = t.typrelid
                            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_type'::regclass
                              AND k.relkind <> 'c') OR p.prosqlbody IS NOT NULL AS late
             FROM pg_proc p WHERE p.pronamespace = source ORDER BY p.oid LOOP
        def := pg_get_functiondef(r.oid);
        -- printed as `template.name(…)` whatever the path
        head := 'CREATE OR REPLACE ' || CASE r.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END;
        def := head || substr(def, length(head || quote_ident(template) || '.') + 1);
        head := (SELECT string_agg(quote_ident(CASE WHEN btrim(part, ' "') = template THEN place ELSE btrim(part, ' "') END), ', ' ORDER BY n)
                   FROM unnest(r.proconfig) AS setting,
                        unnest(string_to_array(substr(setting, length('search_path=') + 1), ',')) WITH ORDINALITY AS parts (part, n)
                  WHERE setting LIKE 'search\_path=%');
        IF head IS NOT NULL THEN
            refs := refs || format('ALTER ROUTINE %I(%s) SET search_path = %s', r.proname, r.arguments, head);
        END IF;
        IF r.proacl IS NOT NULL AND NOT EXISTS (SELECT FROM aclexplode(r.proacl) a WHERE a.grantee = 0) THEN
            refs := refs || format('REVOKE ALL ON ROUTINE %I(%s) FROM PUBLIC', r.proname, r.arguments);
        END IF;
        IF r.late THEN refs := array_prepend(def, refs); ELSE todo := todo || def; END IF;
    END LOOP;

    -- tables; partitions after what they are partitions of
    FOR r IN SELECT c.*, pg_get_expr(c.relpartbound, c.oid) AS bound,
                    CASE WHEN c.relispartition THEN (SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid) END AS parent,
                    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS split,
                    CASE WHEN c.relispartition THEN (SELECT count(*) FROM pg_partition_ancestors(c.oid)) ELSE 0 END AS depth
             FROM pg_class c WHERE c.relnamespace = source AND c.relkind IN ('r', 'p') ORDER BY depth, c.oid LOOP
        def := format('CREATE %sTABLE %I ', CASE WHEN r.relpersistence = 'u' THEN 'UNLOGGED ' ELSE '' END, r.relname);
        IF r.relispartition THEN
            def := def || format('PARTITION OF %s %s', r.parent, r.bound);
        ELSE
            def := def || '(' || coalesce((SELECT string_agg(format('%I %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                (SELECT ' COLLATE ' || CASE WHEN n.nspname = template THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(l.collname)
                   FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace JOIN pg_type t ON t.oid = a.atttypid
                  WHERE l.oid = a.attcollation AND a.attcollation <> t.typcollation),
                CASE a.attidentity
                    WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' ELSE '' END ||
                CASE WHEN a.attidentity <> '' THEN (SELECT format(' (INCREMENT %s MINVALUE %s MAXVALUE %s START %s CACHE %s%s)',
                        s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)
                      FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid WHERE d.refobjid = a.attrelid
                       AND d.refobjsubid = a.attnum AND d.deptype = 'i' AND d.classid = 'pg_class'::regclass)
                     WHEN a.attgenerated <> '' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(e.adbin, e.adrelid) || ') '
                          || CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END
                     ELSE '' END,
                CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY a.attnum)
                FROM pg_attribute a LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
               WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')';
        END IF;
        todo := todo || (def || coalesce(' PARTITION BY ' || r.split, '')
            || coalesce(' WITH (' || array_to_string(r.reloptions, ', ') || ')', ''));
        -- defaults; where an isolated template asks for the tenant of the transaction, the tenant is known here
        FOR fill IN SELECT a.attname, pg_get_expr(e.adbin, e.adrelid) AS expression,
                        EXISTS (SELECT FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_namespace n ON n.oid = p.pronamespace
                                WHERE d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid AND d.refclassid = 'pg_proc'::regclass
                                  AND n.nspname = 'tenantry') AS asks
                 FROM pg_attrdef e JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
                 WHERE e.adrelid = r.oid AND a.attgenerated = '' ORDER BY e.adnum LOOP
            refs := refs || format('ALTER TABLE ONLY %I ALTER COLUMN %I SET DEFAULT %s', r.relname, fill.attname,
                CASE WHEN fill.asks THEN quote_literal(key) ELSE fill.expression END);
        END LOOP;
    END LOOP;
    todo := todo || refs;
    refs := '{}';

    FOR r IN SELECT c.relname AS sequence, t.relname, a.attname FROM pg_depend d
             JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN pg_class t ON t.oid = d.refobjid
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'a' AND c.relnamespace = source AND t.relnamespace = source LOOP
        todo := todo || format('ALTER SEQUENCE %I OWNED BY %I.%I', r.sequence, r.relname, r.attname);
    END LOOP;

    -- constraints, foreign keys last; those of partitions come from what they are partitions of
    FOR r IN SELECT o.conname, o.contype, t.relname, pg_get_constraintdef(o.oid) AS def FROM pg_constraint o
             JOIN pg_class t ON t.oid = o.conrelid
             WHERE t.relnamespace = source AND t.relkind IN ('r', 'p') AND o.contype IN ('p', 'u', 'x', 'c', 'f')
               AND o.conparentid = 0 AND o.coninhcount = 0
             ORDER BY o.contype = 'f', o.contype = 'c', t.oid, o.conname LOOP
        def := format('ALTER TABLE %I ADD CONSTRAINT %I %s', r.relname, r.conname, r.def);
        IF r.contype = 'f' THEN refs := refs || def; ELSE todo := todo || def; END IF;
    END LOOP;

    -- views, each after those it reads
    FOR r IN WITH RECURSIVE edge AS (
                 SELECT DISTINCT w.ev_class AS view, d.refobjid AS reads FROM pg_rewrite w
                   JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
                   JOIN pg_class v ON v.oid = w.ev_class JOIN pg_class t ON t.oid = d.refobjid
                  WHERE v.relnamespace = source AND t.relkind IN ('v', 'm') AND d.refobjid <> w.ev_class),
             depth AS (
                 SELECT c.oid, 0 AS level FROM pg_class c WHERE c.relnamespace = source AND c.relkind IN ('v', 'm')
                 UNION SELECT e.view, p.level + 1 FROM edge e JOIN depth p ON p.oid = e.reads WHERE p.level < 100)
             SELECT c.relname, c.relkind, c.reloptions, rtrim(pg_get_viewdef(c.oid), '; ') AS def FROM pg_class c
             JOIN (SELECT oid, max(level) AS level FROM depth GROUP BY oid) p ON p.oid = c.oid ORDER BY p.level, c.oid LOOP
        todo := todo || format('CREATE %sVIEW %I%s AS %s%s', CASE WHEN r.relkind = 'm' THEN 'MATERIALIZED ' ELSE '' END, r.relname,
            coalesce(' WITH (' || array_to_string(r.reloptions, ', ') || ')', ''), r.def,
            CASE WHEN r.relkind = 'm' THEN ' WITH NO DATA' ELSE '' END);
    END LOOP;

    -- indexes without a constraint; a partitioned one is printed as `ON ONLY`, which would leave its partitions out
    FOR r IN SELECT i.relname, i.relkind, x.indisunique, pg_get_indexdef(i.oid, 0, true) AS def FROM pg_index x
             JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
             WHERE t.relnamespace = source AND x.indisvalid AND NOT i.relispartition
               AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.oid AND o.contype IN ('p', 'u', 'x'))
             ORDER BY i.oid LOOP
        head := 'CREATE ' || CASE WHEN r.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || quote_ident(r.relname) || ' ON ';
        IF r.relkind = 'I' THEN
            todo := todo || (head || substr(r.def, length(head || 'ONLY ') + 1));
        ELSE
            todo := todo || r.def;
        END IF;
    END LOOP;
    todo := todo || refs;

    -- triggers, without those by which an isolated template fills or counts
    FOR r IN SELECT g.tgname, g.tgenabled, t.relname, pg_get_triggerdef(g.oid, true) AS def FROM pg_trigger g
             JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE t.relnamespace = source AND NOT g.tgisinternal AND g.tgparentid = 0 AND n.nspname <> 'tenantry' ORDER BY g.oid LOOP
        todo := todo || r.def;
        IF r.tgenabled <> 'O' THEN
            todo := todo || format('ALTER TABLE %I %s TRIGGER %I', r.relname,
                CASE r.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, r.tgname);
        END IF;
    END LOOP;

    -- the application's own policies; those of tenantry are what this schema stands for
    FOR r IN SELECT c.relname, c.relforcerowsecurity, p.*, pg_get_expr(p.polqual, c.oid) AS using,
                    pg_get_expr(p.polwithcheck, c.oid) AS checks,
                    (SELECT string_agg(CASE WHEN o = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(o)) END, ', ') FROM unnest(p.polroles) o) AS roles
             FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
             WHERE c.relnamespace = source AND c.relrowsecurity AND p.polname NOT LIKE 'tenantry\_%' ORDER BY c.oid, p.polname LOOP
        todo := todo || format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', r.relname)
            || format('CREATE POLICY %I ON %I AS %s FOR %s TO %s%s%s', r.polname, r.relname,
                CASE WHEN r.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                CASE r.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                r.roles, coalesce(' USING (' || r.using || ')', ''), coalesce(' WITH CHECK (' || r.checks || ')', ''));
        IF r.relforcerowsecurity THEN
            todo := todo || format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', r.relname);
        END IF;
    END LOOP;

    -- the copy, as its owner and with nothing else on the path
    EXECUTE format('SET LOCAL ROLE %I', owner);
    path := concat_ws(', ', quote_ident(place), nullif(extra, ''));
    PERFORM set_config('search_path', path, true), set_config('check_function_bodies', 'off', true);
    FOREACH def IN ARRAY todo LOOP
        EXECUTE def;
    END LOOP;
    RESET ROLE;
    PERFORM set_config('search_path', 'pg_catalog', true);

    -- nothing of it may lean on the template
    FOR r IN SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS what, pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS other
             FROM pg_depend d
             CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) a
             CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) b
             WHERE d.classid <> 0 AND d.deptype IN ('n', 'a') AND d.refclassid IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass)
               AND d.refobjid IN (SELECT oid FROM pg_class WHERE relnamespace = source UNION ALL SELECT oid FROM pg_type WHERE typnamespace = source
                                  UNION ALL SELECT oid FROM pg_proc WHERE pronamespace = source)
               AND (a.schema = place OR a.identity LIKE '% on ' || quote_ident(place) || '.%' OR a.identity LIKE '% for ' || quote_ident(place) || '.%') LIMIT 1 LOOP
        RAISE EXCEPTION USING ERRCODE = 'TN001', MESSAGE = format('schema %I is no template: in a copy, %s would still need %s', template, r.what, r.other);
    END LOOP;
END $clone$;
