-- +goose Up

-- The log. One row of log_head: who holds the write transaction owns it.
CREATE TABLE log_head (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    size      BIGINT NOT NULL,
    root      BLOB   NOT NULL,
    last_time BIGINT NOT NULL
);
-- The root of an empty tree is the SHA-256 of nothing (RFC 6962, section 2.1).
INSERT INTO log_head VALUES (1, 0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0);

CREATE TABLE log_hash (
    idx  INTEGER PRIMARY KEY,
    hash BLOB NOT NULL
);

CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY,
    note BLOB NOT NULL
);

-- Time stamps over checkpoints, by authority: the exact note that was stamped, which may
-- have cosignatures, and the response in the form that is kept. N tells those of one size
-- apart, in the store too. What no token of an authority covers yet is its queue.
CREATE TABLE tokens (
    size      BIGINT NOT NULL,
    n         BIGINT NOT NULL,
    authority TEXT   NOT NULL,
    note      BLOB   NOT NULL,
    token     BLOB   NOT NULL,
    PRIMARY KEY (size, n),
    UNIQUE (authority, size)
);

-- An entry of an event has no statement: NULL, and an empty envelope. The UNIQUE
-- of SQL lets any number of NULLs stand, and so does the trigger below.
CREATE TABLE entries (
    idx              INTEGER PRIMARY KEY,
    record           TEXT   NOT NULL,
    seq              BIGINT NOT NULL,
    kind             TEXT   NOT NULL,
    statement_sha256 BLOB   UNIQUE,
    entry            BLOB   NOT NULL,
    envelope         BLOB   NOT NULL,
    salt             BLOB   NOT NULL,
    leaf             BLOB   NOT NULL,
    UNIQUE (record, seq),
    CHECK ((statement_sha256 IS NULL) = (LENGTH(envelope) = 0))
);

-- Which authorities a record concerns.
CREATE TABLE parties (
    authority TEXT NOT NULL,
    record    TEXT NOT NULL,
    PRIMARY KEY (authority, record)
);

-- Custody is append-only, whoever holds the connection.
-- +goose StatementBegin
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_hash_no_update BEFORE UPDATE ON log_hash BEGIN SELECT RAISE(ABORT, 'log_hash is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_hash_no_delete BEFORE DELETE ON log_hash BEGIN SELECT RAISE(ABORT, 'log_hash is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tokens_no_update BEFORE UPDATE ON tokens BEGIN SELECT RAISE(ABORT, 'tokens are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tokens_no_delete BEFORE DELETE ON tokens BEGIN SELECT RAISE(ABORT, 'tokens are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_head_no_delete BEFORE DELETE ON log_head BEGIN SELECT RAISE(ABORT, 'the log head stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_head_no_rollback BEFORE UPDATE ON log_head WHEN NEW.size < OLD.size BEGIN SELECT RAISE(ABORT, 'the log does not shrink'); END;
-- +goose StatementEnd

-- INSERT OR REPLACE deletes rows without firing the triggers above.
-- +goose StatementBegin
CREATE TRIGGER entries_no_replace BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM entries WHERE idx = NEW.idx)
  OR EXISTS (SELECT 1 FROM entries WHERE record = NEW.record AND seq = NEW.seq)
  OR EXISTS (SELECT 1 FROM entries WHERE statement_sha256 = NEW.statement_sha256)
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_hash_no_replace BEFORE INSERT ON log_hash WHEN EXISTS (SELECT 1 FROM log_hash WHERE idx = NEW.idx)
BEGIN SELECT RAISE(ABORT, 'log_hash is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoints_no_replace BEFORE INSERT ON checkpoints WHEN EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.size)
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
-- +goose StatementEnd

-- Packages: reservations, their objects and the table of their parts.
CREATE TABLE packages (
    id           TEXT   PRIMARY KEY,
    request      TEXT   NOT NULL,
    grant_sha256 BLOB   NOT NULL,
    agent        TEXT   NOT NULL,
    epoch        BIGINT NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('open', 'sealing', 'sealed', 'abandoned')),
    payload_size BIGINT NOT NULL,
    parts        BIGINT NOT NULL,
    seal         BLOB,
    created      BIGINT NOT NULL,
    touched      BIGINT NOT NULL
);
CREATE INDEX packages_by_grant ON packages (grant_sha256, state);
CREATE INDEX packages_by_state ON packages (state);

CREATE TABLE uploads (
    package    TEXT   NOT NULL REFERENCES packages (id),
    n          BIGINT NOT NULL,
    object_key TEXT   NOT NULL UNIQUE,
    upload     TEXT   NOT NULL,
    size       BIGINT NOT NULL,
    PRIMARY KEY (package, n)
);

CREATE TABLE parts (
    package TEXT   NOT NULL REFERENCES packages (id),
    n       BIGINT NOT NULL,
    size    BIGINT NOT NULL,
    sha256  BLOB   NOT NULL,
    etag    TEXT   NOT NULL,
    PRIMARY KEY (package, n)
);

-- Packages that were recalled and whose head and inner file have to be destroyed:
-- work, which is done and forgotten. That they were recalled, the log says.
CREATE TABLE recalled (
    package TEXT PRIMARY KEY REFERENCES packages (id)
);

-- Requests that are on hold: nothing of them is destroyed, and what is here of them is
-- kept locked. Who put them on hold, the log says.
CREATE TABLE holds (
    record TEXT PRIMARY KEY
);

-- Grants in an emergency, until the log says that they lapsed or they no longer can:
-- work, as above. When they lapse, the log says.
CREATE TABLE lapses (
    grant_sha256 BLOB   PRIMARY KEY,
    record       TEXT   NOT NULL,
    due          BIGINT NOT NULL
);

CREATE TABLE annexes (
    sha256 BLOB   NOT NULL,
    record TEXT   NOT NULL,
    size   BIGINT NOT NULL,
    scope  TEXT   NOT NULL,
    PRIMARY KEY (sha256, record)
);

CREATE TABLE proposals (
    sha256       BLOB   PRIMARY KEY,
    record       TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    authority    TEXT   NOT NULL,
    envelope     BLOB   NOT NULL,
    annex_sha256 BLOB   NOT NULL,
    expires      BIGINT NOT NULL
);
CREATE INDEX proposals_by_authority ON proposals (authority, expires);
CREATE INDEX proposals_by_annex ON proposals (annex_sha256);

CREATE TABLE pins (
    authority   TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL
);
