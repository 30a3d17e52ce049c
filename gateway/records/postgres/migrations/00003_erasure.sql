-- +goose Up
-- The step of package sqlite of that number, in the words of PostgreSQL.

-- What erasures name and is not erased yet: work, which is done and forgotten. Who wanted
-- it, and that it was done, the log says.
CREATE TABLE erasures (
    record  TEXT COLLATE "C" NOT NULL,
    seq     BIGINT NOT NULL, -- of the entry
    erasure BYTEA  NOT NULL, -- payload hash of the erasure
    whole   BIGINT NOT NULL, -- 1, or 0: its annex alone
    PRIMARY KEY (record, seq, erasure)
);

-- The payload hashes of statements that were erased: none of them is filed again.
CREATE TABLE erased (
    statement_sha256 BYTEA PRIMARY KEY
);

-- An entry changes in one way, and once: while an erasure names it, its bytes, its salt and
-- the hash of its statement go. Its place and its leaf stay.
-- +goose StatementBegin
CREATE FUNCTION entries_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.idx = OLD.idx AND NEW.record = OLD.record AND NEW.seq = OLD.seq AND NEW.kind = OLD.kind AND NEW.leaf = OLD.leaf
        AND LENGTH(NEW.entry) = 0 AND LENGTH(NEW.envelope) = 0 AND LENGTH(NEW.salt) = 0 AND NEW.statement_sha256 IS NULL
        AND LENGTH(OLD.envelope) > 0 AND OLD.seq > 0
        AND EXISTS (SELECT 1 FROM erasures e WHERE e.record = OLD.record AND e.seq = OLD.seq AND e.whole = 1) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END;
$$;
-- +goose StatementEnd
DROP TRIGGER entries_no_change ON entries;
CREATE TRIGGER entries_no_change BEFORE UPDATE ON entries FOR EACH ROW EXECUTE FUNCTION entries_erased();
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_no_change, ENABLE ALWAYS TRIGGER entries_no_delete;
