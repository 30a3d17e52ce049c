-- +goose Up

-- What erasures name and is not erased yet: work, which is done and forgotten. Who wanted
-- it, and that it was done, the log says.
CREATE TABLE erasures (
    record  TEXT   NOT NULL,
    seq     BIGINT NOT NULL, -- of the entry
    erasure BLOB   NOT NULL, -- payload hash of the erasure
    whole   BIGINT NOT NULL, -- 1, or 0: its annex alone
    PRIMARY KEY (record, seq, erasure)
);

-- The payload hashes of statements that were erased: none of them is filed again.
CREATE TABLE erased (
    statement_sha256 BLOB PRIMARY KEY
);

-- An entry changes in one way, and once: while an erasure names it, its bytes, its salt and
-- the hash of its statement go. Its place and its leaf stay.
DROP TRIGGER entries_no_update;
-- +goose StatementBegin
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries
WHEN NOT (NEW.idx = OLD.idx AND NEW.record = OLD.record AND NEW.seq = OLD.seq AND NEW.kind = OLD.kind AND NEW.leaf = OLD.leaf
    AND LENGTH(NEW.entry) = 0 AND LENGTH(NEW.envelope) = 0 AND LENGTH(NEW.salt) = 0 AND NEW.statement_sha256 IS NULL
    AND LENGTH(OLD.envelope) > 0 AND OLD.seq > 0
    AND EXISTS (SELECT 1 FROM erasures WHERE record = OLD.record AND seq = OLD.seq AND whole = 1))
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
-- +goose StatementEnd
