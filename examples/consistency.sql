-- Fails if a foreign key of the current database does not hold, or if two rows joined by one name different tenants.
-- The generators write with foreign key checks off; this is the proof that they may. Columns that count as the tenant:
-- those of the same name in both tables that also reference the root, whose name stands in the setting demo.root (unset: there is no tenant yet).
DO $$
DECLARE
  fk record;
  tenant record;
  bad bigint;
BEGIN
  FOR fk IN
    SELECT c.conname, c.conrelid::regclass AS child, c.confrelid::regclass AS parent, c.conrelid, c.confrelid,
           (SELECT string_agg(format('c.%I = p.%I', a.attname, b.attname), ' AND ')
              FROM unnest(c.conkey, c.confkey) AS k (child, parent)
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.child
              JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.parent) AS same,
           (SELECT string_agg(format('c.%I IS NOT NULL', a.attname), ' AND ')
              FROM unnest(c.conkey) AS k (child)
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.child) AS present
    FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid >= 16384
  LOOP
    EXECUTE format('SELECT count(*) FROM %s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)', fk.child, fk.present, fk.parent, fk.same) INTO bad;
    IF bad > 0 THEN
      RAISE EXCEPTION 'foreign key % of %: % rows without a parent', fk.conname, fk.child, bad;
    END IF;
    FOR tenant IN
      SELECT a.attname FROM pg_attribute a JOIN pg_attribute b ON b.attname = a.attname
      WHERE a.attrelid = fk.conrelid AND b.attrelid = fk.confrelid AND a.attnum > 0 AND NOT a.attisdropped
        AND EXISTS (SELECT FROM pg_constraint r WHERE r.contype = 'f' AND r.conrelid = fk.conrelid
                    AND r.confrelid = nullif(current_setting('demo.root', true), '')::regclass AND r.conkey = ARRAY[a.attnum])
    LOOP
      EXECUTE format('SELECT count(*) FROM %s c JOIN %s p ON %s WHERE c.%I <> p.%I', fk.child, fk.parent, fk.same, tenant.attname, tenant.attname) INTO bad;
      IF bad > 0 THEN
        RAISE EXCEPTION 'foreign key % of %: % rows of one tenant point to another', fk.conname, fk.child, bad;
      END IF;
    END LOOP;
  END LOOP;
END $$;
