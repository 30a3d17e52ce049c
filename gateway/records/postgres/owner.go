package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// lockKey is the advisory lock of a relay in its database: "comity" in ASCII.
const lockKey = 0x636f6d697479

// lockWait is for the server to notice that the last owner is gone. Tests shorten it.
var lockWait = "5s"

const (
	watchPause = 2 * time.Second // between two looks at the connection
	watchWait  = time.Minute     // for its answer
)

// owner makes one connection, which holds the lock, and never another. Its pool asks
// for a second one when the first is gone: that is how the loss is noticed, whoever
// comes first.
type owner struct {
	driver.Connector
	lost chan struct{} // closed when the connection is gone

	mu   sync.Mutex // guards the field below
	made bool
}

func newOwner(c pgx.ConnConfig) *owner {
	o := &owner{lost: make(chan struct{})}
	o.Connector = stdlib.GetConnector(c, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		if err := check(ctx, conn); err != nil {
			return err
		}
		return lock(ctx, conn, lockWait)
	}))
	return o
}

// Connect implements driver.Connector.
func (o *owner) Connect(ctx context.Context) (driver.Conn, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.made {
		select {
		case <-o.lost:
		default:
			close(o.lost)
		}
		return nil, ErrLost
	}
	c, err := o.Connector.Connect(ctx)
	o.made = err == nil
	return c, err
}

// watch looks now and then whether the connection is there, so that an idle relay
// notices too. The function that it returns ends that.
func (o *owner) watch(write *sql.DB) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		t := time.NewTicker(watchPause)
		defer t.Stop()
		for {
			select {
			case <-t.C:
			case <-o.lost:
				return
			case <-ctx.Done():
				return
			}
			// Its own deadline, not that of stop: a ping that is broken off breaks the
			// connection.
			ping, done := context.WithTimeout(context.WithoutCancel(ctx), watchWait)
			_ = write.PingContext(ping) // whether it failed, Connect finds out
			done()
		}
	})
	return func() { cancel(); ended.Wait() }
}

// lock makes a connection the owner of its database, for as long as it is there.
func lock(ctx context.Context, conn *pgx.Conn, wait string) error {
	if _, err := conn.Exec(ctx, "SET lock_timeout = '"+wait+"'"); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(lockKey))
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "55P03" { // lock_not_available
		return fmt.Errorf("%w: %s", ErrOwned, holder(ctx, conn))
	}
	if err != nil {
		return fmt.Errorf("locking: %w", err)
	}
	_, err = conn.Exec(ctx, "SET lock_timeout = 0")
	return err
}

// holder describes who has the lock, as far as the server says.
func holder(ctx context.Context, conn *pgx.Conn) string {
	var pid int64
	var who, from string
	err := conn.QueryRow(ctx, `SELECT l.pid, COALESCE(a.application_name, ''), COALESCE(host(a.client_addr), 'the same machine')
		FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND ((l.classid::bigint << 32) | l.objid::bigint) = $1
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`, int64(lockKey)).Scan(&pid, &who, &from)
	if err != nil {
		return "it let go a moment ago: try again"
	}
	return fmt.Sprintf("%q from %s, server process %d", who, from, pid)
}
