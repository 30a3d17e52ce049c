//go:build linux

// Package postgres starts a PostgreSQL server for tests: Debian's, on a socket in a
// folder of its own, if possible in memory, as a user who is not root, which the server refuses. It ends, and
// its folder goes, when the process that started it ends, however that ends.
//
// It refuses to use a server that runs already: tests kill theirs.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"comity.example/comity/gateway/records/postgres"
	"comity.example/comity/test/need"
	"github.com/jackc/pgx/v5"
)

// admin is the superuser of the servers that are started here. Relays are other users.
const admin = "admin"

// Server is a server.
type Server struct {
	// Folder has its socket; "data" below it, its data.
	Folder string

	bin  string
	keep io.Closer // closing it ends the server
	wait func() error
}

var shared struct {
	sync.Once
	s   *Server
	err error
}

// number makes the names of databases.
var number atomic.Int64

// Database makes an empty database, owned by a user of its own, on a server that all
// tests of this process share. It ends the test if PostgreSQL is not installed.
func Database(t testing.TB) *postgres.Config {
	t.Helper()
	bin := programs(t)
	shared.Do(func() { shared.s, shared.err = start(bin, quick()) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.s.Database(t)
}

// Start starts a server of the test's own, which may be killed.
func Start(t testing.TB) *Server { return startIn(t, quick()) }

// StartOnDisk is Start for measuring: a commit costs there what it costs.
func StartOnDisk(t testing.TB) *Server { return startIn(t, "") }

func startIn(t testing.TB, folder string) *Server {
	t.Helper()
	s, err := start(programs(t), folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	return s
}

// Database is the function of that name, on this server.
func (s *Server) Database(t testing.TB) *postgres.Config {
	t.Helper()
	name := fmt.Sprintf("relay%d", number.Add(1))
	s.Exec(t, "postgres", "CREATE ROLE "+name+" LOGIN", "CREATE DATABASE "+name+" OWNER "+name)
	return &postgres.Config{Host: s.Folder, Database: name, User: name}
}

// Of returns the shared server, which Database has started.
func Of(*postgres.Config) *Server { return shared.s }

// Exec runs statements as the superuser, whom nothing stops but triggers.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if err := s.Try(database, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// Program returns the path of a program of PostgreSQL.
func (s *Server) Program(name string) string { return filepath.Join(s.bin, name) }

// Admin is the name of the superuser.
func (s *Server) Admin() string { return admin }

// Try is Exec of one statement that may fail.
func (s *Server) Try(database, statement string) error {
	return s.TryAs(admin, database, statement)
}

// TryAs is Try as another user.
func (s *Server) TryAs(user, database, statement string) error {
	ctx, done := context.WithTimeout(context.Background(), time.Minute)
	defer done()
	c, err := pgx.Connect(ctx, fmt.Sprintf("host=%s user=%s dbname=%s sslmode=disable", s.Folder, user, database))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol)
	return err
}

// Demand lets a user in over one method alone, such as scram-sha-256.
func (s *Server) Demand(t testing.TB, user, method string) {
	t.Helper()
	text := "local all " + user + " " + method + "\nlocal all " + admin + " trust\n"
	if err := os.WriteFile(filepath.Join(s.Folder, "data", "pg_hba.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "postgres", "SELECT pg_reload_conf()")
	// The server reads it when it comes to it: new connections see it then.
	for range 100 {
		c, err := pgx.Connect(context.Background(), fmt.Sprintf("host=%s user=%s dbname=postgres sslmode=disable", s.Folder, user))
		if err != nil {
			return
		}
		c.Close(context.Background())
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("user %q is let in without %s", user, method)
}

// programs returns the folder of the server's programs.
func programs(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0])
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		need.Missing(t, "PostgreSQL is not installed: %v", err)
	}
	return filepath.Dir(path)
}

// version of /usr/lib/postgresql/15/bin/postgres is 15.
func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

// quick is where a sync costs nothing, if there is room. What a killed process leaves is
// the same there; what a failing machine leaves, no test of ours could show.
func quick() string {
	const memory = "/dev/shm"
	var st syscall.Statfs_t
	if syscall.Statfs(memory, &st) != nil || st.Bavail*uint64(st.Bsize) < 2<<30 {
		return ""
	}
	return memory
}

// start makes a folder with a new cluster, and runs a server on it.
func start(bin, in string) (*Server, error) {
	dir, err := os.MkdirTemp(in, "pg") // short: the path of a socket has 107 bytes at most
	if err != nil {
		return nil, err
	}
	s := &Server{Folder: dir, bin: bin}
	if err := s.own(); err != nil {
		return nil, err
	}
	init := s.as(filepath.Join(bin, "initdb"), "--no-sync", "-A", "trust", "-U", admin, "--locale=C", "-E", "UTF8", "-D", filepath.Join(dir, "data"))
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.Run()
}

// own gives the folder to the user that the server runs as.
func (s *Server) own() error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := account()
	if err != nil {
		return err
	}
	return os.Chown(s.Folder, uid, gid)
}

// account is who the server runs as: Debian's postgres, or else nobody.
func account() (uid, gid int, err error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return 0, 0, err
	}
	uid, err = strconv.Atoi(u.Uid)
	if err == nil {
		gid, err = strconv.Atoi(u.Gid)
	}
	return uid, gid, err
}

// as makes a command that is not run as root.
func (s *Server) as(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	if uid, gid, err := account(); os.Geteuid() == 0 && err == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	cmd.Dir = s.Folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	return cmd
}

// keeper runs the server until its standard input ends, which it does with the process
// that holds the other end, and removes the folder unless it is told that the server
// comes back.
const keeper = `"$0" -D "$1/data" -k "$1" -c listen_addresses= -c max_connections=200 -c shared_buffers=32MB >"$1/log" 2>&1 &
pid=$!
back=$(cat)
kill -INT "$pid" 2>/dev/null
wait "$pid"
[ -n "$back" ] || rm -rf "$1"`

// Run runs the server, anew after Crash.
func (s *Server) Run() error {
	cmd := s.as("sh", "-c", keeper, filepath.Join(s.bin, "postgres"), s.Folder)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.keep, s.wait = in, sync.OnceValue(cmd.Wait)
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := s.Try("postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.Folder, "log"))
			return fmt.Errorf("the server does not answer: %w: %s", err, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Crash kills the server with all its processes in the middle of what they do. Run
// starts it again, on the same folder.
func (s *Server) Crash(t testing.TB) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Folder, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(b, []byte("\n"))
	pid, err := strconv.Atoi(string(first))
	if err != nil {
		t.Fatal(err)
	}
	// Its children end when they see that it is gone, and answer nothing meanwhile.
	if err := errors.Join(syscall.Kill(pid, syscall.SIGSTOP), killChildren(pid), syscall.Kill(pid, syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(s.keep.(io.Writer), "back")
	s.keep.Close()
	_ = s.wait()
}

// end ends the server and waits until its folder is gone.
func (s *Server) end() {
	s.keep.Close()
	_ = s.wait()
	os.RemoveAll(s.Folder) // after a Crash the keeper has left it
}

// killChildren kills the processes of one parent.
func killChildren(parent int) error {
	list, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, file := range list {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid: a name may have spaces and parentheses.
		rest := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(rest) < 2 || rest[1] != strconv.Itoa(parent) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
