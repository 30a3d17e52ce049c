package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Reader is the database of a relay that does not run, for a check: nothing can be
// changed through it, and while it is open no relay can have the database.
type Reader struct {
	*sql.DB
	lock *pgx.Conn
}

// OpenReader opens a database for a check. Errors wrap ErrOwned when a relay has it.
func OpenReader(ctx context.Context, cfg *Config) (*Reader, error) {
	r, err := openReader(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", cfg, err)
	}
	return r, nil
}

func openReader(ctx context.Context, cfg *Config) (*Reader, error) {
	c, err := cfg.connection()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	if err = check(ctx, conn); err == nil {
		err = lock(ctx, conn, "200ms")
	}
	if err == nil {
		var there bool
		err = conn.QueryRow(ctx, "SELECT to_regclass('entries') IS NOT NULL").Scan(&there)
		if err == nil && !there {
			err = errors.New("it holds no relay's records")
		}
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	db := readPool(*c)
	db.SetMaxOpenConns(0) // a check walks several tables at the same time
	return &Reader{db, conn}, nil
}

// Close lets go of the database.
func (r *Reader) Close() error {
	ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	return errors.Join(r.DB.Close(), r.lock.Close(ctx))
}

// guards are the triggers that keep custody append-only, as "table/trigger".
var guards = []string{
	"checkpoints/checkpoints_no_change", "checkpoints/checkpoints_no_truncate", "tokens/tokens_no_change", "tokens/tokens_no_truncate",
	"entries/entries_no_change", "entries/entries_no_delete", "entries/entries_no_truncate",
	"log_hash/log_hash_no_change", "log_hash/log_hash_no_truncate",
	"log_head/log_head_no_delete", "log_head/log_head_no_rollback", "log_head/log_head_no_truncate",
}

// Integrity says what is wrong with the database as such: guards that are gone, or that
// rest in some session. What its pages hold the server's own tools check (pg_amcheck).
func (r *Reader) Integrity(ctx context.Context) (faults []string, err error) {
	rows, err := r.QueryContext(ctx, `SELECT c.relname || '/' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		WHERE NOT t.tgisinternal AND t.tgenabled = 'A' AND c.relnamespace = 'public'::regnamespace`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var have []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		have = append(have, name)
	}
	for _, g := range guards {
		if !slices.Contains(have, g) {
			table, trigger, _ := strings.Cut(g, "/")
			faults = append(faults, fmt.Sprintf("the trigger %s of table %s is gone or off: entries may have been changed", trigger, table))
		}
	}
	return faults, rows.Err()
}
