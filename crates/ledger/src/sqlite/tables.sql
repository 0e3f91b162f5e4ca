-- The tables as of version 4; sums.sql adds those of version 5, schema.rs the column of version 6. Times are microseconds since 1970.

-- One row a campaign; it never changes.
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    app TEXT NOT NULL,
    service TEXT NOT NULL,
    input TEXT NOT NULL,
    input_fingerprint TEXT NOT NULL,
    message TEXT NOT NULL, -- as its author wrote it, placeholders and all
    message_fingerprint TEXT NOT NULL,
    request TEXT NOT NULL,
    request_fingerprint TEXT NOT NULL,
    n_rows INTEGER NOT NULL,
    n_skipped INTEGER NOT NULL,
    batch_size INTEGER NOT NULL,
    practice INTEGER NOT NULL,
    settings TEXT NOT NULL,
    created TEXT NOT NULL,
    parent INTEGER, -- the campaign whose failed rows it sends again
    root INTEGER -- the first of the chain of parents
) STRICT;

CREATE INDEX campaign_by_message ON campaign (message_fingerprint);
CREATE INDEX campaign_by_input ON campaign (input_fingerprint);
CREATE INDEX campaign_by_path ON campaign (input);
CREATE INDEX campaign_by_root ON campaign (root) WHERE root IS NOT NULL;

-- The sums of a campaign, kept with every change: they are recounted only when a run begins.
CREATE TABLE standing (
    campaign INTEGER PRIMARY KEY,
    phase INTEGER NOT NULL, -- 1 running, 2 paused, 3 cancelled, 4 stopping, 5 halted
    behind INTEGER NOT NULL, -- 1 if the service has a batch that was never tried from here
    n_rows INTEGER NOT NULL,
    n_skipped INTEGER NOT NULL,
    n_accepted INTEGER NOT NULL,
    n_unknown INTEGER NOT NULL,
    n_doubled INTEGER NOT NULL,
    batches_planned INTEGER NOT NULL,
    batches_accepted INTEGER NOT NULL,
    batches_unknown INTEGER NOT NULL,
    batches_refused INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    read INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    resend_after INTEGER NOT NULL, -- microseconds, the longest of all runs
    n_suppressed INTEGER NOT NULL, -- a part of n_skipped
    batches_skipped INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    n_systemic INTEGER NOT NULL -- a part of failed
) STRICT;

-- One row a batch, written with the campaign.
CREATE TABLE batch (
    campaign INTEGER NOT NULL,
    number INTEGER NOT NULL,
    first_row INTEGER NOT NULL, -- the row that begins at at_byte
    n_rows INTEGER NOT NULL,
    rows TEXT NOT NULL, -- first_row+count@first_line, separated by commas
    at_byte INTEGER NOT NULL,
    n_bytes INTEGER NOT NULL,
    digest BLOB NOT NULL, -- 8 bytes
    stage TEXT NOT NULL, -- planned, unknown, accepted, refused, skipped
    attempts INTEGER NOT NULL,
    uncertain INTEGER NOT NULL, -- 1 if an earlier attempt ended without a known outcome
    batch_id TEXT UNIQUE,
    state TEXT, -- the service's word
    last_attempt INTEGER,
    why TEXT,
    doubled INTEGER NOT NULL, -- further ids under our key
    recalled INTEGER NOT NULL, -- 1 if somebody tried to recall it
    send_after INTEGER, -- when the service says that it leaves
    worker TEXT, -- who claimed it last
    token INTEGER NOT NULL,
    lease_until INTEGER, -- none: it is free
    may_leave_until INTEGER,
    in_call INTEGER NOT NULL,
    lapsed_worker TEXT,
    lapsed_at INTEGER,
    PRIMARY KEY (campaign, number)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX batch_by_row ON batch (campaign, first_row);
CREATE INDEX batch_open ON batch (campaign, number) WHERE stage NOT IN ('accepted', 'skipped');
CREATE INDEX batch_by_digest ON batch (digest);
CREATE INDEX batch_without_id ON batch (number) 
    WHERE batch_id IS NULL AND (uncertain OR stage IN ('unknown', 'accepted'));
CREATE INDEX batch_by_worker ON batch (campaign, worker) WHERE lease_until IS NOT NULL;
CREATE INDEX batch_lapsed ON batch (campaign, lapsed_worker) WHERE lapsed_worker IS NOT NULL;

-- Further ids that the service has shown under the key of a batch.
CREATE TABLE double (
    campaign INTEGER NOT NULL,
    number INTEGER NOT NULL,
    batch_id TEXT NOT NULL,
    PRIMARY KEY (campaign, number, batch_id)
) STRICT, WITHOUT ROWID;

-- Who has sent from this ledger.
CREATE TABLE worker (
    name TEXT PRIMARY KEY,
    boot TEXT,
    namespace TEXT,
    pid INTEGER,
    started INTEGER -- ticks since the machine did
) STRICT, WITHOUT ROWID;

-- One row a message of which something was received since its batch was accepted.
CREATE TABLE message (
    campaign INTEGER NOT NULL,
    row INTEGER NOT NULL,
    progress INTEGER NOT NULL, -- 1 accepted, 2 queued, 3 failed, 4 delivered, 5 read
    code TEXT,
    description TEXT,
    at INTEGER, -- when the service says that it got there
    PRIMARY KEY (campaign, row)
) STRICT, WITHOUT ROWID;

CREATE INDEX message_failed ON message (campaign, row) WHERE progress = 3;

-- What was received of batches whose id is not known yet.
CREATE TABLE deferred (
    age INTEGER PRIMARY KEY,
    batch_id TEXT NOT NULL,
    position INTEGER NOT NULL, -- in the request, from 0; -1 for the batch itself
    progress INTEGER NOT NULL,
    code TEXT,
    description TEXT,
    at INTEGER, -- when the service says that it got there
    state TEXT,
    UNIQUE (batch_id, position)
) STRICT;

-- Receipts with our key for campaigns that are not in this ledger.
CREATE TABLE orphan (
    age INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    row INTEGER NOT NULL,
    batch_id TEXT,
    progress INTEGER NOT NULL,
    code TEXT,
    description TEXT,
    at INTEGER, -- when the service says that it got there
    UNIQUE (key, row)
) STRICT;

-- One row a kind of callback: how many were received, and when. Its kinds are those that a release knows.
CREATE TABLE callback (
    kind TEXT PRIMARY KEY, -- the trigger's name, or UNKNOWN
    count INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What gave way.
CREATE TABLE dropped (
    what TEXT PRIMARY KEY, -- orphan
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
