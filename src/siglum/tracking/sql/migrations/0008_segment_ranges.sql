-- What a chart wants of a segment that lies within one of its ranges of steps: its last point by step, its least and its
-- greatest value. Those of older segments are NULL in all four: such a segment is unpacked. The index holds all of it,
-- since columns that follow the packed points cannot be read without passing those.
ALTER TABLE metric_segments ADD COLUMN last_timestamp BIGINT;
ALTER TABLE metric_segments ADD COLUMN last_value DOUBLE PRECISION;
ALTER TABLE metric_segments ADD COLUMN min_value DOUBLE PRECISION;
ALTER TABLE metric_segments ADD COLUMN max_value DOUBLE PRECISION;
CREATE INDEX metric_segments_by_step ON metric_segments (
    run_key, key_id, max_step, min_step, segment_id, count, last_timestamp, last_value, min_value, max_value
);

-- With the count in it, it holds all that is asked of small segments: SQLite prefers it to the index above only then.
DROP INDEX metric_segments_small;
CREATE INDEX metric_segments_small ON metric_segments (run_key, key_id, count) WHERE count < 500;
