package fsck

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/gateway/internal/stamps"
)

// tokenRow is a row of the table of tokens.
type tokenRow struct {
	size, n     int64
	authority   string
	note, token []byte
}

func tokenAt(size, n int64) string { return fmt.Sprintf("token %d of size %d", n, size) }

// checkTokens checks each time stamp: that it is over the checkpoint that its row has,
// of this log; that it is what it was when it was kept, down to the root where that is
// given; and that the store has it. A token whose copy a crash kept from the store is
// told as damage only if a newer one of its authority is there: the next start stores it.
func (c *checker) checkTokens(ctx context.Context) error {
	newest := map[string]int64{}
	var rows []tokenRow
	err := c.each(ctx, "SELECT size, n, authority, note, token FROM tokens ORDER BY size, n", "tokens", func(scan func(...any) error) error {
		var r tokenRow
		if err := scan(&r.size, &r.n, &r.authority, &r.note, &r.token); err != nil {
			return err
		}
		newest[r.authority] = max(newest[r.authority], r.size)
		if err := c.checkToken(ctx, r); err != nil {
			c.found(CodeToken, tokenAt(r.size, r.n), "%v", err)
		}
		r.note = nil
		rows = append(rows, r)
		return nil
	})
	for _, r := range rows {
		if err != nil {
			break
		}
		err = c.checkStoredToken(ctx, r, newest[r.authority] == r.size)
	}
	return err
}

func (c *checker) checkToken(ctx context.Context, r tokenRow) error {
	c.report.Counts.Tokens++
	p, err := translog.Open(r.note, c.cfg.Origin, c.verifier)
	if err != nil {
		return err
	}
	// The checkpoints of the database were compared with the entries before.
	var note []byte
	err = c.cfg.DB.QueryRowContext(ctx, "SELECT note FROM checkpoints WHERE size = "+strconv.FormatInt(r.size, 10)).Scan(&note)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errors.New("no checkpoint of that size was signed")
	case err != nil:
		return fmt.Errorf("its checkpoint cannot be read: %v", err)
	case p.Size != r.size || !bytes.HasPrefix(note, []byte(p.Text()+"\n")):
		return errors.New("it is over another checkpoint than the one that was signed")
	}
	_, err = timestamp.Verify(r.token, timestamp.Of(r.note), c.cfg.Stampers[r.authority])
	return err
}

func (c *checker) checkStoredToken(ctx context.Context, r tokenRow, newest bool) error {
	key := stamps.Key(r.size, r.n)
	c.tokens[key] = true
	data, _, err := c.get(ctx, key, timestamp.MaxBytes)
	switch {
	case err != nil:
	case data == nil && newest:
		c.note(NoteUnpublished, objectAt(key), "the next start stores it")
	case data == nil:
		c.found(CodeTokenMissing, objectAt(key), "it is missing")
	case !bytes.Equal(data, r.token):
		c.found(CodeTokenFile, objectAt(key), "it is another one than in the database")
	}
	return err
}

// explainToken names a token that no row knows.
func (c *checker) explainToken(key string) bool {
	if !strings.HasPrefix(key, "log/tokens/") {
		return false
	}
	if !c.tokens[key] {
		c.found(CodeOrphan, objectAt(key), "no row knows it")
	}
	return true
}
