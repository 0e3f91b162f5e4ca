-- A ledger as the first version of the tables left it: a dump of a campaign of three rows in two
-- batches, and one batch update that came early.
BEGIN TRANSACTION;
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
INSERT INTO campaign VALUES(1,'autumn','01a20fe609717377a7ee1f7c762c2416','people.csv','f3cb0af3c133315e83ff52f19860e622f66b6610e55269295371875a51ad879c-60','message.json','530cb7bc2442af021b18a8b9c7a02640cdc1413309e566c2a7adf90e8b0d0d7a-38',3,0,2,'{}','2031-09-14T10:05:03.665671947Z');
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
INSERT INTO standing VALUES(1,3,0,3,3,0,2,0,0,0,0,2,0,1,3,3);
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
INSERT INTO batch VALUES(1,1,1,2,'accepted',1,'01M87YC2BM000NWGDB11T3JR8Y','PROCESSED','2031-09-14T10:05:03.667484091Z',NULL,'1+2@2');
INSERT INTO batch VALUES(1,2,3,1,'accepted',1,'01M87YC2BR000YKZB097B5NWGY','PROCESSED','2031-09-14T10:05:03.671627999Z',NULL,'3+1@4');
CREATE TABLE message (
    campaign INTEGER NOT NULL,
    row INTEGER NOT NULL,
    progress INTEGER NOT NULL, -- 1 accepted, 2 queued, 3 failed, 4 delivered, 5 read
    code TEXT,
    description TEXT,
    PRIMARY KEY (campaign, row)
) STRICT, WITHOUT ROWID;
INSERT INTO message VALUES(1,1,4,NULL,NULL);
INSERT INTO message VALUES(1,2,3,'RECIPIENT_NOT_OPTED_IN','The underlying channel reported: the recipient has not opted in');
INSERT INTO message VALUES(1,3,4,NULL,NULL);
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
INSERT INTO early VALUES(0,'01M87YC2GR9VXB1GMAK7S43YFH',-1,0,NULL,NULL,'PROCESSED');
CREATE UNIQUE INDEX batch_by_row ON batch (campaign, first_row);
CREATE INDEX batch_open ON batch (campaign, number) WHERE stage <> 'accepted';
CREATE INDEX message_failed ON message (campaign, row) WHERE progress = 3;
PRAGMA application_id = 1396853863;
PRAGMA user_version = 1;
COMMIT;
