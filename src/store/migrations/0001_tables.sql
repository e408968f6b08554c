-- Format 1. BIGINT and TEXT only: the same text serves SQLite and PostgreSQL. Times are milliseconds
-- since 1970 in UTC, documents canonical JSON, digests 64 hexadecimal digits.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row: the last epoch given. Epochs grow over the whole store, so that a server can refuse an older one.
CREATE TABLE epoch_counter (
    id   BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    last BIGINT NOT NULL
);
INSERT INTO epoch_counter (id, last) VALUES (1, 0);

-- Releases, plans and predictions.
CREATE TABLE documents (
    digest    TEXT   NOT NULL PRIMARY KEY CHECK (length(digest) = 64),
    kind      TEXT   NOT NULL,
    body      TEXT   NOT NULL,
    stored_at BIGINT NOT NULL
);

-- The one chain over everything that must not be edited or deleted unseen.
CREATE TABLE ledger (
    seq         BIGINT NOT NULL PRIMARY KEY,
    at          BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    run         TEXT,
    environment TEXT,
    body        TEXT   NOT NULL,
    previous    TEXT   NOT NULL,
    hash        TEXT   NOT NULL UNIQUE
);
CREATE INDEX ledger_by_kind ON ledger (kind, environment, seq);
CREATE TABLE ledger_head (
    id   BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq  BIGINT NOT NULL,
    hash TEXT   NOT NULL
);
INSERT INTO ledger_head (id, seq, hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TABLE runs (
    id                   TEXT   NOT NULL PRIMARY KEY,
    system               TEXT   NOT NULL,
    environment          TEXT   NOT NULL,
    kind                 TEXT   NOT NULL,
    playbook             TEXT   NOT NULL,
    plan                 TEXT   NOT NULL REFERENCES documents (digest),
    release              TEXT   NOT NULL REFERENCES documents (digest),
    prediction           TEXT   REFERENCES documents (digest),
    requested_by         TEXT   NOT NULL,
    requested_by_machine BIGINT NOT NULL CHECK (requested_by_machine IN (0, 1)),
    route                TEXT,
    body                 TEXT   NOT NULL,
    first_state          TEXT   NOT NULL,
    opened_at            BIGINT NOT NULL,
    opened_seq           BIGINT NOT NULL UNIQUE REFERENCES ledger (seq),
    opened_hash          TEXT   NOT NULL,
    -- From here on a run's life changes the row.
    state                TEXT   NOT NULL,
    waiting_for          TEXT,
    final_exit           BIGINT CHECK (final_exit BETWEEN 0 AND 255),
    ended_at             BIGINT,
    owner                TEXT,
    lease_until          BIGINT,
    epoch                BIGINT NOT NULL DEFAULT 0,
    events               BIGINT NOT NULL DEFAULT 0,
    head                 TEXT   NOT NULL,
    CHECK ((final_exit IS NULL) = (ended_at IS NULL)),
    CHECK ((owner IS NULL) = (lease_until IS NULL)),
    CHECK (final_exit IS NULL OR owner IS NULL)
);
CREATE INDEX runs_by_place ON runs (environment, system, opened_seq);
CREATE INDEX runs_by_release ON runs (release, environment);

CREATE TABLE events (
    run   TEXT   NOT NULL REFERENCES runs (id),
    seq   BIGINT NOT NULL,
    at    BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    body  TEXT   NOT NULL,
    hash  TEXT   NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE claims (
    environment TEXT   NOT NULL,
    server      TEXT   NOT NULL,
    run         TEXT   NOT NULL REFERENCES runs (id),
    since       BIGINT NOT NULL,
    PRIMARY KEY (environment, server)
);

CREATE TABLE gates (
    id             TEXT   NOT NULL PRIMARY KEY,
    run            TEXT   NOT NULL REFERENCES runs (id),
    environment    TEXT   NOT NULL,
    subject        TEXT   NOT NULL,
    opened_at      BIGINT NOT NULL,
    decide_by      BIGINT,
    decision_count BIGINT NOT NULL DEFAULT 0,
    closed_at      BIGINT,
    outcome        TEXT,
    CHECK ((closed_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX gates_by_run ON gates (run);

CREATE TABLE decisions (
    seq       BIGINT NOT NULL PRIMARY KEY REFERENCES ledger (seq),
    gate      TEXT   NOT NULL REFERENCES gates (id),
    at        BIGINT NOT NULL,
    person    TEXT   NOT NULL,
    roles     TEXT   NOT NULL,
    decision  TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    statement TEXT   NOT NULL,
    signature TEXT,
    nonce     TEXT   NOT NULL UNIQUE,
    account   TEXT
);
CREATE INDEX decisions_by_gate ON decisions (gate, seq);

CREATE TABLE backups (
    id          TEXT   NOT NULL PRIMARY KEY,
    run         TEXT   NOT NULL REFERENCES runs (id),
    system      TEXT   NOT NULL,
    environment TEXT   NOT NULL,
    taken_at    BIGINT NOT NULL,
    size_bytes  BIGINT NOT NULL CHECK (size_bytes >= 0),
    vault       TEXT   NOT NULL,
    manifest    TEXT   NOT NULL,
    verified_at BIGINT,
    broken      TEXT,
    removed_at  BIGINT
);
CREATE INDEX backups_by_place ON backups (environment, system, taken_at);

CREATE TABLE outbox (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    state      TEXT   NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up')),
    last_error TEXT
);
CREATE INDEX outbox_by_due ON outbox (state, due_at);
