-- Segments that may still be merged, which a long series has few of. The number is `segments.FINAL_POINTS`.
CREATE INDEX metric_segments_small ON metric_segments (run_key, key_id) WHERE count < 500;
