    -- What the connection's former tenant may have left. What no function can undo is refused: the pooler then
    -- closes the connection.
    IF current_setting('role') <> 'none' OR pg_my_temp_schema() <> 0 THEN
      IF current_setting('role') <> 'none' THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: this session has taken another role',
          HINT = 'A function cannot give it back: close the connection, or RESET ROLE first.';
      ELSIF EXISTS (SELECT FROM pg_depend AS d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = pg_my_temp_schema()) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: this session holds temporary objects',
          HINT = 'Close the connection, or DISCARD TEMP first.';
      END IF;
    END IF;
    -- only those of SQL's PREPARE: those of the protocol are the pooler's own
    FOR prepared IN SELECT p.name FROM pg_prepared_statement() AS p WHERE p.from_sql LOOP
      EXECUTE format('DEALLOCATE %I', prepared);
    END LOOP;
    EXECUTE 'CLOSE ALL';
    UNLISTEN *;
    DISCARD SEQUENCES; -- also forgets this session's memory, which is written again below
