SELECT pg_catalog.count(*)
  FROM pg_catalog.pg_db_role_setting AS s
  JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.setrole
 WHERE r.rolname OPERATOR(pg_catalog.=) SESSION_USER
