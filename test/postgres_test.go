package test_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/records/postgres"
	pgtest "comity.example/comity/test/postgres"
	"comity.example/comity/test/tessera"
)

// TestOnPostgres tells a whole story at a relay that begins with a file, moves to a
// PostgreSQL server between deposit and delivery, is killed and started again, loses
// its connection, and is brought back from a dump.
func TestOnPostgres(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	server := pgtest.Of(database)
	w := newWorld(t, "nl", "de")
	w.write("evidence/disk.img", strings.Repeat("evidence", 1000))
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data",
		"--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.comity(0, "", "de", "grant", "0412", "-f", w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n"))
	w.comity(0, "", "nl", "accept", "0412")
	w.comity(0, "", "de", "send", "0412", "evidence")
	w.stop()

	w.onServer(database)
	moved := w.run(0, "", "comity-gateway", "database", "import", "--data", "relay")
	if !strings.Contains(moved, "rows, all compared") {
		t.Errorf("import says %s", moved)
	}
	clean := w.run(0, "", "comity-gateway", "fsck", "--data", "relay", "--deep", "--recovery", "relay/recovery/identity.txt")
	if !strings.Contains(clean, "1 deposited") {
		t.Errorf("fsck says %s", clean)
	}

	// Killed at once, after its first answers.
	first := w.launchRelay()
	w.comity(0, "", "nl", "fetch", "0412", "--into", "here")
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.Wait()
	arrived, err := filepath.Glob(filepath.Join(w.dir, "here", "*", "data", "disk.img"))
	if err != nil || len(arrived) != 1 {
		t.Fatalf("the file has not arrived: %v, %v", arrived, err)
	}

	// Its connection ends: so does it, and says why.
	second := w.launchRelay()
	server.Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+database.Database+"'")
	err = second.Wait()
	said, _ := os.ReadFile(filepath.Join(w.dir, "relay", "relay.log"))
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 || !strings.Contains(string(said), "hint: start it again: it goes on from what the database holds") {
		t.Errorf("a relay whose connection ended: %v\n%s", err, said)
	}

	// The database is dumped, lost, and read back.
	dump := filepath.Join(t.TempDir(), "dump")
	at := []string{"-h", database.Host, "-U", server.Admin()}
	tool(t, server.Program("pg_dump"), append(at, "-Fc", "-f", dump, database.Database)...)
	server.Exec(t, "postgres", "DROP DATABASE "+database.Database, "CREATE DATABASE "+database.Database+" OWNER "+database.User)
	tool(t, server.Program("pg_restore"), append(at, "-d", database.Database, dump)...)
	w.run(0, "", "comity-gateway", "fsck", "--data", "relay", "--deep", "--recovery", "relay/recovery/identity.txt")

	w.serve()
	w.tessera()
	w.comity(0, "", "nl", "request", "close", "0412", "--outcome", "executed")
	w.verified("nl closes the request")
	w.stop()
	w.run(0, "", "comity-gateway", "fsck", "--data", "relay", "--deep", "--recovery", "relay/recovery/identity.txt")
}

// tessera has the log, as the relay serves it to a stranger, checked by a program that
// shares no code with ours.
func (w *world) tessera() {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "relay", "descriptor.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := custody.ParseStatement(b)
	if err != nil {
		w.t.Fatal(err)
	}
	conn := w.connect("nl", false)
	defer conn.Close()
	size, ok, said := tessera.Fsck(w.t, s.Body.(*custody.Relay).LogKey, func(ctx context.Context, path string) ([]byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://relay.example/log/"+path, nil)
		if err != nil {
			return nil, err
		}
		a, err := conn.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		defer a.Body.Close()
		if a.StatusCode == http.StatusNotFound {
			return nil, tessera.ErrNotThere
		}
		return io.ReadAll(a.Body)
	})
	if !ok || size < 10 {
		w.t.Errorf("tessera's fsck of a log of %d entries: %s", size, said)
	}
}

// onServer has the relay of a world keep its records in a database of a server.
func (w *world) onServer(d *postgres.Config) {
	w.t.Helper()
	f, err := os.OpenFile(filepath.Join(w.dir, "relay", "gateway.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "\ndatabase:\n  host: %s\n  name: %s\n  user: %s\n", d.Host, d.Database, d.User); err != nil {
		w.t.Fatal(err)
	}
}

// launchRelay runs the relay until something ends it, and returns when it listens.
func (w *world) launchRelay() *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(programs, "comity-gateway"), "run", "--data", "relay")
	cmd.Dir, cmd.Env = w.dir, w.env
	name := filepath.Join(w.dir, "relay", "relay.log")
	log, err := os.Create(name)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { cmd.Process.Kill() })
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		said, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(said), "listens on") {
			return cmd
		}
		if time.Now().After(end) {
			w.t.Fatalf("the relay does not listen: %s", said)
		}
	}
}

// tool runs a program that must succeed.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
