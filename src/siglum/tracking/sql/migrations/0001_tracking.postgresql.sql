-- Packed points are not worth a second compression.
ALTER TABLE metric_journal ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE metric_segments ALTER COLUMN data SET STORAGE EXTERNAL;

-- Lower case by Unicode's rules, whatever the database's own: by the first of these collations that the server has.
DO $$
DECLARE
    found text := (
        SELECT collname FROM unnest(ARRAY['und-x-icu', 'pg_c_utf8', 'C.utf8', 'C.UTF-8', 'en_US.utf8']) WITH ORDINALITY
            AS wanted (collname, place) JOIN pg_collation USING (collname) ORDER BY place LIMIT 1
    );
BEGIN
    EXECUTE format(
        'CREATE FUNCTION fold(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L',
        CASE WHEN found IS NULL THEN 'SELECT lower(value)' ELSE format('SELECT lower(value COLLATE %I)', found) END
    );
END $$;
