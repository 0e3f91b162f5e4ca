-- Version 5: sums by reason and by minute, written with the group that changes them.

CREATE TABLE reason (
    campaign INTEGER NOT NULL,
    code TEXT NOT NULL, -- a code that a release knows, or OTHER
    n INTEGER NOT NULL,
    PRIMARY KEY (campaign, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE pulse (
    campaign INTEGER NOT NULL,
    minute INTEGER NOT NULL, -- since 1970
    accepted INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    read INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (campaign, minute)
) STRICT, WITHOUT ROWID;
