-- Version 1 of the tables in Postgres. Times are microseconds since 1970, but for those that only SQL compares.

-- What the schema is. Writers of what belongs to no campaign lock its row, last of all.
CREATE TABLE @.meta (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    application text NOT NULL CHECK (application = 'sinch-batch ledger'),
    version int NOT NULL,
    oldest_reader int NOT NULL -- releases that know at least this version may use the tables
);

-- One row a campaign; it never changes.
CREATE TABLE @.campaign (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    key text NOT NULL UNIQUE,
    project text NOT NULL,
    app text NOT NULL,
    service text NOT NULL,
    input text NOT NULL,
    input_fingerprint text NOT NULL,
    message text NOT NULL, -- as its author wrote it, placeholders and all
    message_fingerprint text NOT NULL,
    request text NOT NULL,
    request_fingerprint text NOT NULL,
    n_rows bigint NOT NULL,
    n_skipped bigint NOT NULL,
    batch_size bigint NOT NULL,
    practice boolean NOT NULL,
    settings text NOT NULL,
    created text NOT NULL,
    parent bigint, -- the campaign whose failed rows it sends again
    root bigint -- the first of the chain of parents
);

CREATE INDEX campaign_by_message ON @.campaign (message_fingerprint);
CREATE INDEX campaign_by_input ON @.campaign (input_fingerprint);
CREATE INDEX campaign_by_path ON @.campaign (input);
CREATE INDEX campaign_by_root ON @.campaign (root) WHERE root IS NOT NULL;

-- The sums of a campaign, kept with every change. Its row is the lock of the campaign.
CREATE TABLE @.standing (
    campaign bigint PRIMARY KEY,
    phase smallint NOT NULL, -- 1 running, 2 paused, 3 cancelled, 4 stopping, 5 halted
    behind boolean NOT NULL, -- whether the service has a batch that was never tried from here
    pruned boolean NOT NULL, -- whether messages of it were removed
    n_rows bigint NOT NULL,
    n_skipped bigint NOT NULL,
    n_suppressed bigint NOT NULL, -- a part of n_skipped
    n_accepted bigint NOT NULL,
    n_unknown bigint NOT NULL,
    n_doubled bigint NOT NULL,
    n_systemic bigint NOT NULL, -- a part of failed
    batches_planned bigint NOT NULL,
    batches_accepted bigint NOT NULL,
    batches_unknown bigint NOT NULL,
    batches_refused bigint NOT NULL,
    batches_skipped bigint NOT NULL,
    pending bigint NOT NULL,
    queued bigint NOT NULL,
    delivered bigint NOT NULL,
    read bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    runs bigint NOT NULL,
    resend_after bigint NOT NULL -- microseconds, the longest of all runs
) WITH (fillfactor = 50);

-- One row a batch, written with the campaign.
CREATE TABLE @.batch (
    campaign bigint NOT NULL,
    number bigint NOT NULL,
    first_row bigint NOT NULL, -- the row that begins at at_byte
    n_rows bigint NOT NULL,
    rows text NOT NULL, -- first_row+count@first_line, separated by commas
    at_byte bigint NOT NULL,
    n_bytes bigint NOT NULL,
    digest bytea NOT NULL, -- 8 bytes
    stage smallint NOT NULL, -- 0 planned, 1 unknown, 2 refused, 3 accepted, 4 skipped
    attempts bigint NOT NULL,
    uncertain boolean NOT NULL, -- whether an earlier attempt ended without a known outcome
    batch_id text UNIQUE,
    state text, -- the service's word
    last_attempt bigint,
    why text,
    doubled bigint NOT NULL, -- further ids under our key
    recalled boolean NOT NULL, -- whether somebody tried to recall it
    send_after bigint, -- when the service says that it leaves
    worker text, -- who claimed it last
    token bigint NOT NULL,
    lease_until bigint, -- none: it is free
    may_leave_until bigint,
    in_call boolean NOT NULL,
    lapsed_worker text,
    lapsed_at bigint,
    PRIMARY KEY (campaign, number)
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX batch_by_row ON @.batch (campaign, first_row);
CREATE INDEX batch_open ON @.batch (campaign, number) WHERE stage < 3;
CREATE INDEX batch_by_digest ON @.batch (digest);
CREATE INDEX batch_without_id ON @.batch (campaign, number) WHERE batch_id IS NULL AND (uncertain OR stage IN (1, 3));
CREATE INDEX batch_by_worker ON @.batch (campaign, number) WHERE lease_until IS NOT NULL OR lapsed_worker IS NOT NULL;

-- Further ids that the service has shown under the key of a batch.
CREATE TABLE @.double (
    campaign bigint NOT NULL,
    number bigint NOT NULL,
    batch_id text NOT NULL,
    PRIMARY KEY (campaign, number, batch_id)
);

-- Who has sent from this ledger.
CREATE TABLE @.worker (
    name text PRIMARY KEY,
    boot text,
    namespace text,
    pid bigint,
    started bigint -- ticks since the machine did
);

-- One row a message of which something was received since its batch was accepted.
CREATE TABLE @.message (
    campaign bigint NOT NULL,
    row bigint NOT NULL,
    progress smallint NOT NULL, -- 1 accepted, 2 queued, 3 failed, 4 delivered, 5 read
    code text,
    description text,
    at bigint, -- when the service says that it got there
    PRIMARY KEY (campaign, row)
) WITH (fillfactor = 80);

CREATE INDEX message_failed ON @.message (campaign, row) WHERE progress = 3;

-- Sums by reason and by minute.
CREATE TABLE @.reason (
    campaign bigint NOT NULL,
    code text NOT NULL, -- a code that a release knows, or OTHER
    n bigint NOT NULL,
    PRIMARY KEY (campaign, code)
);

CREATE TABLE @.pulse (
    campaign bigint NOT NULL,
    minute bigint NOT NULL, -- since 1970
    accepted bigint NOT NULL,
    queued bigint NOT NULL,
    delivered bigint NOT NULL,
    read bigint NOT NULL,
    failed bigint NOT NULL,
    PRIMARY KEY (campaign, minute)
);

-- What was received of batches whose id is not known yet.
CREATE TABLE @.deferred (
    batch_id text NOT NULL,
    position bigint NOT NULL, -- in the request, from 0; -1 for the batch itself
    progress smallint NOT NULL,
    code text,
    description text,
    at bigint,
    state text,
    PRIMARY KEY (batch_id, position)
);

-- Receipts with our key for campaigns that are not in this ledger.
CREATE TABLE @.orphan (
    age bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    key text NOT NULL,
    row bigint NOT NULL,
    batch_id text,
    progress smallint NOT NULL,
    code text,
    description text,
    at bigint,
    UNIQUE (key, row)
);

-- One row a kind of callback: how many were received, and when. Its kinds are those that a release knows.
CREATE TABLE @.callback (
    kind text PRIMARY KEY, -- the trigger's name, or UNKNOWN
    count bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL
);

-- What gave way.
CREATE TABLE @.dropped (
    what text PRIMARY KEY, -- orphan
    count bigint NOT NULL
);

-- Callbacks that were received before, for receivers that share a load.
CREATE TABLE @.nonce (
    key bytea PRIMARY KEY,
    body bytea NOT NULL,
    until timestamptz NOT NULL,
    kept boolean NOT NULL,
    lapses timestamptz NOT NULL
);

CREATE INDEX nonce_until ON @.nonce (until);

-- How far a receiver that answers from its journal has got in it.
CREATE TABLE @.cursor (
    receiver text PRIMARY KEY,
    file bigint NOT NULL,
    at_byte bigint NOT NULL
);

-- Requests a second, shared by all workers of a project.
CREATE TABLE @.pace (
    project text PRIMARY KEY,
    next timestamptz NOT NULL,
    hold_until timestamptz
);

INSERT INTO @.meta (application, version, oldest_reader) VALUES ('sinch-batch ledger', 1, 1);
