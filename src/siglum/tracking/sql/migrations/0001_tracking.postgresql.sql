-- Packed points are not worth a second compression.
ALTER TABLE metric_journal ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE metric_segments ALTER COLUMN data SET STORAGE EXTERNAL;

-- Entries of the journal live for a short while, and their room is wanted again; summaries change in place.
ALTER TABLE metric_journal SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000
);
ALTER TABLE metric_summaries SET (fillfactor = 70);

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

-- What searches ask of texts, as `tracking.search.functions` has it for SQLite. A text that is no number, or no JSON,
-- gives NULL.
CREATE FUNCTION number_of(value text) RETURNS double precision LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF value ~ '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$' THEN
        RETURN value::double precision;
    END IF;
    RETURN NULL;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN NULL;
END $$;

CREATE FUNCTION rlike(value text, pattern text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT value ~ pattern';

CREATE FUNCTION data_path(source text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce(source::json ->> 'path', source::json ->> 'uri', source::json ->> 'url');
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;
