package gateway

import (
	"context"
	"errors"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/records/postgres"
	"filippo.io/age"
)

// CheckConfig is a relay that does not run, and how thoroughly to check it.
type CheckConfig struct {
	// Origin and Descriptor are those of Config. Required.
	Origin     string
	Descriptor []byte

	// Database is the path of the SQLite file. Required, unless Postgres is there.
	Database string

	// Postgres is the database if it is on a server.
	Postgres *postgres.Reader

	// Folder is the folder of a store of package dir. If empty, Store is read.
	Folder string

	// Store is the store if it is of another package.
	Store CheckStore

	// Lock is how long a deposited payload cannot be deleted. If zero, 30 days.
	Lock time.Duration

	// Recovery opens the sealed copies of the records. If nil, they are not opened.
	Recovery age.Identity

	// Timestamps are the authorities whose tokens are checked down to their roots.
	Timestamps []Timestamps

	// Deep reads every payload.
	Deep bool

	// Now is the clock. If nil, time.Now.
	Now func() time.Time
}

// The results of a check are those of package fsck, whose codes are stable.
type (
	CheckReport  = fsck.Report
	CheckFinding = fsck.Finding
	CheckCode    = fsck.Code
)

// CheckStore is what a check needs of a store: nothing that changes it.
type CheckStore = fsck.Store

// Check recomputes the log, the records and the objects of a relay from its database
// and its store, and names each difference. It changes nothing, and shares no code
// with the opening of a relay. The caller sees to it that no relay uses the two
// meanwhile. The error says that the check could not be made; what it found is in the
// report.
func Check(ctx context.Context, cfg *CheckConfig) (*CheckReport, error) {
	c := fsck.Config{
		Origin: cfg.Origin, Descriptor: cfg.Descriptor, Lock: cfg.Lock, Now: time.Now(), Recovery: cfg.Recovery, Deep: cfg.Deep,
	}
	for _, a := range cfg.Timestamps {
		if c.Stampers == nil {
			c.Stampers = map[string]*timestamp.Roots{}
		}
		c.Stampers[a.URL] = a.Roots
	}
	if cfg.Now != nil {
		c.Now = cfg.Now()
	}
	if c.Lock == 0 {
		c.Lock = 30 * 24 * time.Hour
	}
	switch {
	case cfg.Folder != "":
		f, err := fsck.OpenFolder(cfg.Folder)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		c.Store = f
	case cfg.Store != nil:
		c.Store = cfg.Store
	default:
		return nil, errors.New("checking relay: no store")
	}
	if r := cfg.Postgres; r != nil {
		c.DB, c.Integrity = r.DB, r.Integrity
		return fsck.Check(ctx, c)
	}
	db, err := fsck.OpenSQLite(cfg.Database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	c.DB = db
	return fsck.Check(ctx, c)
}
