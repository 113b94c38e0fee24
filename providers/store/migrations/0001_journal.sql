-- Times are RFC 3339 in UTC with nine decimals, so that text order is time order.

CREATE TABLE session (
    pk          INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    created_at  TEXT NOT NULL,
    finished_at TEXT,
    last_seq    INTEGER NOT NULL
) STRICT;

CREATE INDEX session_unfinished ON session (created_at, pk) WHERE finished_at IS NULL;
CREATE INDEX session_finished ON session (finished_at) WHERE finished_at IS NOT NULL;

-- Rows keep a rowid of their own: records arrive in append order, so their pages fill up in order too.
CREATE TABLE record (
    session INTEGER NOT NULL REFERENCES session (pk) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    at      TEXT NOT NULL,
    event   TEXT NOT NULL,
    UNIQUE (session, seq)
) STRICT;

CREATE TABLE outbox (
    position INTEGER PRIMARY KEY,
    event_id BLOB NOT NULL UNIQUE,
    session  INTEGER NOT NULL REFERENCES session (pk),
    body     TEXT NOT NULL
) STRICT;

CREATE INDEX outbox_session ON outbox (session);

-- The readiness check writes here, because a full disk is only seen by writing.
CREATE TABLE probe (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;

INSERT INTO probe (id, count) VALUES (1, 0);
