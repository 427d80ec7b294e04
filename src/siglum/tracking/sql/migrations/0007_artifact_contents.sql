-- Where in an object store the bytes of a content are. `content` is what `artifact_index.sha256` holds: the SHA-256, or,
-- until the server has read what a client put there by itself, a name that begins with 'upload:'.
CREATE TABLE artifact_contents (
    content TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
);
-- Which paths have a content: none of them left, it goes.
CREATE INDEX artifact_index_by_content ON artifact_index (sha256);

-- Objects that belong to no content: not yet, while they are sent (`since` is when that began), or no more (0).
CREATE TABLE artifact_leftovers (
    key TEXT PRIMARY KEY,
    since BIGINT NOT NULL
);
