package records

import (
	"errors"
	"fmt"
	"strings"

	"comity.example/comity/custody"
)

// Token is a time stamp over a signed checkpoint.
type Token struct {
	Size      int64  // of the checkpoint
	N         int64  // tells the tokens of one size apart, from 0
	Authority string // the URL that was asked
	Note      []byte // exactly the bytes that were stamped
	Response  []byte // RFC 3161, in the form that package timestamp keeps
}

// AddToken keeps a token and gives it the next N of its size. One authority stamps a
// size once.
func (t *Tx) AddToken(k Token) error {
	err := t.row("SELECT COUNT(*) FROM tokens WHERE size = ?", []any{k.Size}, &k.N)
	if err == nil {
		_, err = t.exec("INSERT INTO tokens (size, n, authority, note, token) VALUES (?, ?, ?, ?, ?)", k.Size, k.N, k.Authority, k.Note, k.Response)
	}
	if err != nil {
		return fmt.Errorf("keeping token %d of size %d: %w", k.N, k.Size, err)
	}
	return nil
}

// NewestToken returns the token over the largest checkpoint that an authority stamped,
// or ErrNotFound.
func (t *Tx) NewestToken(authority string) (Token, error) {
	k := Token{Authority: authority}
	err := t.row("SELECT size, n, note, token FROM tokens WHERE authority = ? ORDER BY size DESC LIMIT 1", []any{authority}, &k.Size, &k.N, &k.Note, &k.Response)
	if err != nil {
		return k, fmt.Errorf("looking for what %q stamped: %w", authority, err)
	}
	return k, nil
}

// FirstTokens returns the first token by each authority over a checkpoint that holds
// the entry at an index, up to a size of the log: sixteen at most, the oldest.
func (t *Tx) FirstTokens(index, upTo int64) ([]Token, error) {
	list, err := collect(t, scanToken, `SELECT size, n, authority, note, token FROM tokens AS k WHERE size > ? AND size <= ? AND NOT EXISTS
		(SELECT 1 FROM tokens AS o WHERE o.authority = k.authority AND o.size > ? AND o.size < k.size) ORDER BY size, n LIMIT 16`, index, upTo, index)
	if err != nil {
		return nil, fmt.Errorf("looking for tokens over entry %d: %w", index, err)
	}
	return list, nil
}

func scanToken(s scanner) (k Token, err error) {
	err = s.Scan(&k.Size, &k.N, &k.Authority, &k.Note, &k.Response)
	return k, err
}

// HasKind reports whether an entry from index from to to-1 is of one of the kinds.
func (t *Tx) HasKind(from, to int64, kinds ...custody.Kind) (bool, error) {
	args := []any{from, to}
	for _, k := range kinds {
		args = append(args, string(k))
	}
	if len(kinds) == 0 {
		return false, errors.New("looking for entries of no kind")
	}
	var n int64
	err := t.row("SELECT COUNT(*) FROM entries WHERE idx >= ? AND idx < ? AND kind IN (?"+strings.Repeat(",?", len(kinds)-1)+")", args, &n)
	if err != nil {
		return false, fmt.Errorf("looking for kinds of entries from %d to %d: %w", from, to, err)
	}
	return n > 0, nil
}
