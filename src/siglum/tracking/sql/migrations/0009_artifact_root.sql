-- The object store that has the files of runs and models, where a server was given one: who opens the database without
-- that server finds them there. No row where they are in a folder, which every machine names differently.
CREATE TABLE artifact_root (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    place TEXT NOT NULL,
    layout TEXT NOT NULL
);
