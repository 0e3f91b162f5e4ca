-- One row a campaign; it never changes.
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL UNIQUE,
    input TEXT NOT NULL,
    input_fingerprint TEXT NOT NULL,
    message TEXT NOT NULL,
    message_fingerprint TEXT NOT NULL,
    n_rows INTEGER NOT NULL,
    n_skipped INTEGER NOT NULL,
    batch_size INTEGER NOT NULL,
    settings TEXT NOT NULL,
    created TEXT NOT NULL
) STRICT;

-- The sums of a campaign, kept with every change: nothing is ever recounted.
CREATE TABLE standing (
    campaign INTEGER PRIMARY KEY,
    n_rows INTEGER NOT NULL,
    n_skipped INTEGER NOT NULL,
    n_batched INTEGER NOT NULL, -- rows of all batches, whatever became of them
    n_accepted INTEGER NOT NULL,
    n_unknown INTEGER NOT NULL,
    batches_accepted INTEGER NOT NULL,
    batches_unknown INTEGER NOT NULL,
    batches_refused INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    read INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    next_number INTEGER NOT NULL,
    last_row INTEGER NOT NULL
) STRICT;

-- One row a batch: intent first, outcome later.
CREATE TABLE batch (
    campaign INTEGER NOT NULL,
    number INTEGER NOT NULL,
    first_row INTEGER NOT NULL,
    n_rows INTEGER NOT NULL,
    stage TEXT NOT NULL, -- unknown, accepted, refused
    attempts INTEGER NOT NULL,
    batch_id TEXT UNIQUE,
    state TEXT, -- the service's word
    last_attempt TEXT NOT NULL,
    why TEXT,
    rows TEXT NOT NULL, -- first_row+count@first_line, separated by commas
    PRIMARY KEY (campaign, number)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX batch_by_row ON batch (campaign, first_row);
CREATE INDEX batch_open ON batch (campaign, number) WHERE stage <> 'accepted';

-- One row a message of which something was heard since its batch was accepted.
CREATE TABLE message (
    campaign INTEGER NOT NULL,
    row INTEGER NOT NULL,
    progress INTEGER NOT NULL, -- 1 accepted, 2 queued, 3 failed, 4 delivered, 5 read
    code TEXT,
    description TEXT,
    PRIMARY KEY (campaign, row)
) STRICT, WITHOUT ROWID;

CREATE INDEX message_failed ON message (campaign, row) WHERE progress = 3;

-- What was heard of batches whose id is not known yet.
CREATE TABLE early (
    age INTEGER PRIMARY KEY,
    batch_id TEXT NOT NULL,
    position INTEGER NOT NULL, -- in the request, from 0; -1 for the batch itself
    progress INTEGER NOT NULL,
    code TEXT,
    description TEXT,
    state TEXT,
    UNIQUE (batch_id, position)
) STRICT;
