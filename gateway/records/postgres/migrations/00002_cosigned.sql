-- +goose Up

-- What witnesses have cosigned of a tree: the note of the first time that a quorum
-- did, which stays, and of the last.
CREATE TABLE cosigned (
    size       BIGINT PRIMARY KEY,
    first_note BYTEA NOT NULL,
    last_note  BYTEA NOT NULL
);
