-- +goose Up
-- The schema of package sqlite, in the words of PostgreSQL. Names are compared byte by
-- byte (COLLATE "C"), as there: lists are in the same order on both.

-- The log. One row of log_head: who holds the write transaction owns it.
CREATE TABLE log_head (
    id        BIGINT PRIMARY KEY CHECK (id = 1),
    size      BIGINT NOT NULL,
    root      BYTEA  NOT NULL,
    last_time BIGINT NOT NULL
);
-- The root of an empty tree is the SHA-256 of nothing (RFC 6962, section 2.1).
INSERT INTO log_head VALUES (1, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0);

CREATE TABLE log_hash (
    idx  BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL
);

CREATE TABLE checkpoints (
    size BIGINT PRIMARY KEY,
    note BYTEA NOT NULL
);

-- Time stamps over checkpoints, by authority: the exact note that was stamped, which may
-- have cosignatures, and the response in the form that is kept. N tells those of one size
-- apart, in the store too. What no token of an authority covers yet is its queue.
CREATE TABLE tokens (
    size      BIGINT NOT NULL,
    n         BIGINT NOT NULL,
    authority TEXT COLLATE "C" NOT NULL,
    note      BYTEA  NOT NULL,
    token     BYTEA  NOT NULL,
    PRIMARY KEY (size, n),
    UNIQUE (authority, size)
);

-- An entry of an event has no statement: NULL, and an empty envelope. The UNIQUE
-- of SQL lets any number of NULLs stand.
CREATE TABLE entries (
    idx              BIGINT PRIMARY KEY,
    record           TEXT COLLATE "C" NOT NULL,
    seq              BIGINT NOT NULL,
    kind             TEXT COLLATE "C" NOT NULL,
    statement_sha256 BYTEA  UNIQUE,
    entry            BYTEA  NOT NULL,
    envelope         BYTEA  NOT NULL,
    salt             BYTEA  NOT NULL,
    leaf             BYTEA  NOT NULL,
    UNIQUE (record, seq),
    CHECK ((statement_sha256 IS NULL) = (LENGTH(envelope) = 0))
);

-- Which authorities a record concerns.
CREATE TABLE parties (
    authority TEXT COLLATE "C" NOT NULL,
    record    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (authority, record)
);

-- Custody is append-only, whoever holds the connection. ALWAYS: also in a session that
-- replicates, in which triggers rest otherwise.
-- +goose StatementBegin
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END;
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION log_does_not_shrink() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size THEN
        RAISE EXCEPTION 'the log does not shrink';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
CREATE TRIGGER entries_no_change BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION append_only();
ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_no_change, ENABLE ALWAYS TRIGGER entries_no_truncate;
CREATE TRIGGER log_hash_no_change BEFORE UPDATE OR DELETE ON log_hash FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER log_hash_no_truncate BEFORE TRUNCATE ON log_hash FOR EACH STATEMENT EXECUTE FUNCTION append_only();
ALTER TABLE log_hash ENABLE ALWAYS TRIGGER log_hash_no_change, ENABLE ALWAYS TRIGGER log_hash_no_truncate;
CREATE TRIGGER checkpoints_no_change BEFORE UPDATE OR DELETE ON checkpoints FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER checkpoints_no_truncate BEFORE TRUNCATE ON checkpoints FOR EACH STATEMENT EXECUTE FUNCTION append_only();
ALTER TABLE checkpoints ENABLE ALWAYS TRIGGER checkpoints_no_change, ENABLE ALWAYS TRIGGER checkpoints_no_truncate;
CREATE TRIGGER tokens_no_change BEFORE UPDATE OR DELETE ON tokens FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER tokens_no_truncate BEFORE TRUNCATE ON tokens FOR EACH STATEMENT EXECUTE FUNCTION append_only();
ALTER TABLE tokens ENABLE ALWAYS TRIGGER tokens_no_change, ENABLE ALWAYS TRIGGER tokens_no_truncate;
CREATE TRIGGER log_head_no_delete BEFORE DELETE ON log_head FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER log_head_no_truncate BEFORE TRUNCATE ON log_head FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER log_head_no_rollback BEFORE UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION log_does_not_shrink();
ALTER TABLE log_head ENABLE ALWAYS TRIGGER log_head_no_delete, ENABLE ALWAYS TRIGGER log_head_no_truncate,
    ENABLE ALWAYS TRIGGER log_head_no_rollback;

-- Packages: reservations, their objects and the table of their parts.
CREATE TABLE packages (
    id           TEXT COLLATE "C" PRIMARY KEY,
    request      TEXT COLLATE "C" NOT NULL,
    grant_sha256 BYTEA  NOT NULL,
    agent        TEXT COLLATE "C" NOT NULL,
    epoch        BIGINT NOT NULL,
    state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'sealing', 'sealed', 'abandoned')),
    payload_size BIGINT NOT NULL,
    parts        BIGINT NOT NULL,
    seal         BYTEA,
    created      BIGINT NOT NULL,
    touched      BIGINT NOT NULL
);
CREATE INDEX packages_by_grant ON packages (grant_sha256, state);
CREATE INDEX packages_by_state ON packages (state);

CREATE TABLE uploads (
    package    TEXT COLLATE "C" NOT NULL REFERENCES packages (id),
    n          BIGINT NOT NULL,
    object_key TEXT COLLATE "C" NOT NULL UNIQUE,
    upload     TEXT COLLATE "C" NOT NULL,
    size       BIGINT NOT NULL,
    PRIMARY KEY (package, n)
);

CREATE TABLE parts (
    package TEXT COLLATE "C" NOT NULL REFERENCES packages (id),
    n       BIGINT NOT NULL,
    size    BIGINT NOT NULL,
    sha256  BYTEA  NOT NULL,
    etag    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (package, n)
);

-- Packages that were recalled and whose head and inner file have to be destroyed:
-- work, which is done and forgotten. That they were recalled, the log says.
CREATE TABLE recalled (
    package TEXT COLLATE "C" PRIMARY KEY REFERENCES packages (id)
);

-- Requests that are on hold: nothing of them is destroyed, and what is here of them is
-- kept locked. Who put them on hold, the log says.
CREATE TABLE holds (
    record TEXT COLLATE "C" PRIMARY KEY
);

-- Grants in an emergency, until the log says that they lapsed or they no longer can:
-- work, as above. When they lapse, the log says.
CREATE TABLE lapses (
    grant_sha256 BYTEA  PRIMARY KEY,
    record       TEXT COLLATE "C" NOT NULL,
    due          BIGINT NOT NULL
);

CREATE TABLE annexes (
    sha256 BYTEA  NOT NULL,
    record TEXT COLLATE "C" NOT NULL,
    size   BIGINT NOT NULL,
    scope  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (sha256, record)
);

CREATE TABLE proposals (
    sha256       BYTEA  PRIMARY KEY,
    record       TEXT COLLATE "C" NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    authority    TEXT COLLATE "C" NOT NULL,
    envelope     BYTEA  NOT NULL,
    annex_sha256 BYTEA  NOT NULL,
    expires      BIGINT NOT NULL
);
CREATE INDEX proposals_by_authority ON proposals (authority, expires);
CREATE INDEX proposals_by_annex ON proposals (annex_sha256);

CREATE TABLE pins (
    authority   TEXT COLLATE "C" PRIMARY KEY,
    fingerprint BYTEA NOT NULL
);
