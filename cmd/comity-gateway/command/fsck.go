package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/gateway"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/keyfile"
	"filippo.io/age"

	"github.com/spf13/cobra"
)

// errFindings means that a check found differences.
var errFindings = errors.New("database and store are not as the log says")

func (a *app) fsckCommand() *cobra.Command {
	var deep bool
	var recovery string
	c := &cobra.Command{
		Use: "fsck", Short: "recompute log, records and objects, and name each difference", Args: noArgs,
		Long: `Recompute the log, the records and the objects of a relay that does not run,
and print each difference: a code, where, and what. Nothing is changed, nothing
is repaired, and no content is shown. Exit code 4 means differences. Of a bucket
nothing is tried out: every request only reads.

  comity-gateway fsck --data /var/lib/comity
  comity-gateway fsck --data /var/lib/comity --deep --recovery identity.txt

Lines that begin with "note" are no differences: open reservations, and work
that a crash left and that the next start finishes.`,
	}
	c.Flags().BoolVar(&deep, "deep", false, "read every payload and compare the digest of each part")
	c.Flags().StringVar(&recovery, "recovery", "", "file of the recovery identity: open the copies of the records")
	c.RunE = func(c *cobra.Command, _ []string) error { return a.fsck(c.Context(), deep, recovery) }
	return c
}

// fsck holds the lock of the data folder meanwhile: what changes under its eyes
// would look like damage.
func (a *app) fsck(ctx context.Context, deep bool, recovery string) error {
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	lock, err := durable.LockFile(filepath.Join(cfg.Data, lockFile))
	if err != nil {
		return err
	}
	defer lock.Unlock()
	c := &gateway.CheckConfig{
		Origin: cfg.Origin, Database: filepath.Join(cfg.Data, databaseFile), Lock: cfg.Lock(), Deep: deep, Now: a.now,
	}
	if cfg.Database != nil {
		if c.Postgres, err = readDatabase(ctx, cfg); err != nil {
			return err
		}
		defer c.Postgres.Close()
	}
	if cfg.S3 == nil {
		c.Folder = filepath.Join(cfg.Data, storeFolder)
	} else {
		b, err := readBucket(ctx, cfg)
		if err != nil {
			return err
		}
		defer b.Close()
		c.Store = b
	}
	if c.Descriptor, err = os.ReadFile(filepath.Join(cfg.Data, descriptorFile)); err != nil {
		return fmt.Errorf("reading descriptor: %v", err)
	}
	if c.Timestamps, err = loadTimestamps(cfg.Timestamps); err != nil {
		return err
	}
	if recovery != "" {
		if c.Recovery, err = loadRecovery(recovery); err != nil {
			return err
		}
	}
	r, err := gateway.Check(ctx, c)
	if err != nil {
		return err
	}
	a.printReport(r)
	if !r.Clean() {
		return hinted{fmt.Errorf("%w: %d differences", errFindings, len(r.Findings)+r.Omitted), "keep a copy of the data folder as it is before anything else; docs/operating.md says what each code means"}
	}
	return nil
}

// loadRecovery reads the recovery identity from the file that init made.
func loadRecovery(path string) (age.Identity, error) {
	secret, err := keyfile.Load(path, "recovery", nil)
	if err != nil {
		return nil, err
	}
	id, err := seal.ParseIdentity(string(secret))
	if err != nil {
		return nil, fmt.Errorf("reading recovery identity %q: %v", path, err)
	}
	return id, nil
}

func (a *app) printReport(r *gateway.CheckReport) {
	for _, f := range r.Notes {
		a.print("note %s: %s: %s", f.Code, f.Where, f.What)
	}
	for _, f := range r.Findings {
		a.print("%s: %s: %s", f.Code, f.Where, f.What)
	}
	if r.Omitted > 0 {
		a.print("and %d more", r.Omitted)
	}
	n := r.Counts
	a.print("log          %d entries of %d records, %d replayed, %d checkpoints", n.Entries, n.Records, n.Replayed, n.Checkpoints)
	a.print("store        %d objects: %d tiles, copies of %d entries (%d opened), %d annexes", n.Objects, n.Tiles, n.Copies, n.Opened, n.Annexes)
	a.print("packages     %d, %d deposited; %d parts, %d read again", n.Packages, n.Deposits, n.Parts, n.Reread)
	if n.Tokens > 0 {
		a.print("time stamps  %d", n.Tokens)
	}
	if r.Clean() {
		a.print("clean")
	}
}
