package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const minVersion = 14_00_00 // server_version_num; the form of versions since 10

// check refuses a server that cannot keep what it is told.
func check(ctx context.Context, conn *pgx.Conn) error {
	var version int
	var name, fsync, pages, commit, encoding string
	var standby bool
	var pid uint32
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('fsync'),
		current_setting('full_page_writes'), current_setting('synchronous_commit'), current_setting('server_encoding'), pg_is_in_recovery(), pg_backend_pid()`).
		Scan(&version, &name, &fsync, &pages, &commit, &encoding, &standby, &pid)
	switch {
	case err != nil:
		return fmt.Errorf("reading the server's settings: %w", err)
	case version < minVersion:
		return fmt.Errorf("the server is PostgreSQL %s, older than 14", name)
	case fsync != "on" || pages != "on" || commit == "off":
		return fmt.Errorf("fsync is %s, full_page_writes %s, synchronous_commit %s: with one of them off the server forgets what it has confirmed when its machine fails", fsync, pages, commit)
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s, not UTF8", encoding)
	case standby:
		return errors.New("the server is a standby")
	case pid != conn.PgConn().PID():
		return errors.New("the server is behind a pooler, which shares one connection among several clients: connect to PostgreSQL itself")
	}
	return nil
}
