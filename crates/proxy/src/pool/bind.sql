SELECT tenantry.bind_session(),
       (SELECT pg_catalog.string_agg(c.relname, ',')
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE n.nspname OPERATOR(pg_catalog.=) 'tenantry' AND c.relkind OPERATOR(pg_catalog.=) 'S')
