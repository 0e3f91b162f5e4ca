-- One row a kind of callback: how many were heard, and when. Its kinds are those that a release knows.
CREATE TABLE callback (
    kind TEXT PRIMARY KEY, -- the trigger's name, or UNKNOWN
    count INTEGER NOT NULL,
    first INTEGER NOT NULL, -- microseconds since 1970
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
