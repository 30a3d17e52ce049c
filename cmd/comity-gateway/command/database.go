package command

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"comity.example/comity/config"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/postgres"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/durable"

	"github.com/spf13/cobra"
)

// movedFile is what relay.db is called when its rows are on a server.
const movedFile = databaseFile + ".moved"

// openDatabase opens the database that the settings name, or else the file.
func openDatabase(ctx context.Context, c *config.Gateway) (*records.DB, error) {
	if c.Database == nil {
		if _, err := os.Lstat(filepath.Join(c.Data, movedFile)); err == nil {
			return nil, hinted{fmt.Errorf("opening the database: the records of this relay were moved to a server, and the settings name none"), "put the section database back into gateway.yaml"}
		}
		return sqlite.Open(filepath.Join(c.Data, databaseFile))
	}
	if err := notTwo(c); err != nil {
		return nil, err
	}
	cfg, err := databaseConfig(c.Database)
	if err != nil {
		return nil, err
	}
	return postgres.Open(ctx, cfg)
}

// notTwo refuses a server for a relay whose records are in a file: going on in another
// place would begin a second history.
func notTwo(c *config.Gateway) error {
	file := filepath.Join(c.Data, databaseFile)
	if _, err := os.Lstat(file); err == nil {
		return hinted{fmt.Errorf("opening the database: the settings name a server, and the records are in %q", file), "move them: comity-gateway database import"}
	}
	return nil
}

// databaseConfig reads the files that the section database names.
func databaseConfig(c *config.Database) (*postgres.Config, error) {
	out := &postgres.Config{Host: c.Host, Port: uint16(c.Port), Database: c.Name, User: c.User}
	var err error
	if c.PasswordFile != "" {
		if out.Password, err = secret(c.PasswordFile); err != nil {
			return nil, err
		}
	}
	if c.CAFile == "" {
		return out, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading ca_file: %v", err)
	}
	out.RootCAs = x509.NewCertPool()
	if !out.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading ca_file %q: it holds no certificate", c.CAFile)
	}
	return out, nil
}

// readDatabase opens the database on a server for a check.
func readDatabase(ctx context.Context, c *config.Gateway) (*postgres.Reader, error) {
	if err := notTwo(c); err != nil {
		return nil, err
	}
	cfg, err := databaseConfig(c.Database)
	if err != nil {
		return nil, err
	}
	return postgres.OpenReader(ctx, cfg)
}

func (a *app) printDatabase(r *relay) {
	if d := r.cfg.Database; d != nil {
		a.print("database     %q of user %q at %s", d.Name, d.User, d.Host)
		return
	}
	a.print("database     %s", filepath.Join(r.cfg.Data, databaseFile))
}

func (a *app) databaseCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "database", Short: "set up a PostgreSQL database, and move to it", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("a command is missing: see comity-gateway database --help")}
		},
	}
	c.AddCommand(a.schemaCommand(), a.importCommand())
	return c
}

func (a *app) schemaCommand() *cobra.Command {
	var user, password string
	c := &cobra.Command{
		Use: "schema --user OWNER", Short: "bring the schema up to date, as its owner", Args: noArgs,
		Long: `Bring the schema of the database that gateway.yaml names up to date, as the user
who owns it: for a relay whose own user may not change it. What the relay's user
needs is granted by SQL, see docs/operating.md. The relay must not run meanwhile.

  comity-gateway database schema --user comity_owner --data /var/lib/comity`,
	}
	c.Flags().StringVar(&user, "user", "", "the owner of the database")
	c.Flags().StringVar(&password, "password-file", "", "file with the owner's password (default: none, as over a socket)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if user == "" {
			return usageError{errors.New("schema needs --user")}
		}
		return a.schema(c.Context(), user, password)
	}
	return c
}

func (a *app) schema(ctx context.Context, user, password string) error {
	c, lock, err := a.onServer()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	d := *c.Database
	d.User, d.PasswordFile = user, password
	cfg, err := databaseConfig(&d)
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, cfg)
	if err != nil {
		return err
	}
	a.say("The schema of database %q is up to date.", d.Name)
	return db.Close()
}

func (a *app) importCommand() *cobra.Command {
	return &cobra.Command{
		Use: "import", Short: "move the records of a relay from relay.db to PostgreSQL", Args: noArgs,
		Long: `Copy all rows of relay.db into the database that gateway.yaml names, which must be
empty; compare both row by row; recompute the root of the log from what arrived; and
rename relay.db, so that nothing goes on with it. The store stays as it is. After an
error the relay is as before: the copy is one transaction. The relay must not run.

  comity-gateway database import --data /var/lib/comity`,
		RunE: func(c *cobra.Command, _ []string) error { return a.importFile(c.Context()) },
	}
}

func (a *app) importFile(ctx context.Context) error {
	c, lock, err := a.onServer()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	file := filepath.Join(c.Data, databaseFile)
	if _, err := os.Lstat(file); err != nil {
		return fmt.Errorf("importing: %v", err)
	}
	m, err := a.move(ctx, c, file)
	if err != nil {
		return err
	}
	// If we crash here, the records are in both places and the next start refuses to
	// choose. The database is then not empty for a second import: who runs it empties
	// it first.
	if err := os.Rename(file, filepath.Join(c.Data, movedFile)); err != nil {
		return err
	}
	if err := durable.SyncDir(c.Data); err != nil {
		return err
	}
	a.print("moved        %d rows, all compared", m.Rows)
	a.print("log          %d entries, root %s recomputed", m.Size, m.Root)
	a.say("The old file is %s: keep it with the backups.", filepath.Join(c.Data, movedFile))
	return nil
}

func (a *app) move(ctx context.Context, c *config.Gateway, file string) (m records.Moved, err error) {
	cfg, err := databaseConfig(c.Database)
	if err != nil {
		return m, err
	}
	from, err := sqlite.Open(file)
	if err != nil {
		return m, err
	}
	to, err := postgres.Open(ctx, cfg)
	if err != nil {
		return m, errors.Join(err, from.Close())
	}
	m, err = records.Move(ctx, from, to)
	// SQLite writes into the file what stands beside it when it is closed.
	return m, errors.Join(err, to.Close(), from.Close())
}

// onServer reads settings that name a database on a server, and locks the data folder.
func (a *app) onServer() (*config.Gateway, *durable.Lock, error) {
	c, err := a.settings()
	if err != nil {
		return nil, nil, err
	}
	if c.Database == nil {
		return nil, nil, hinted{errors.New("gateway.yaml names no database"), "take the marks off the section database there, and fill it in"}
	}
	lock, err := durable.LockFile(filepath.Join(c.Data, lockFile))
	return c, lock, err
}
