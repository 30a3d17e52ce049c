package test_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// full makes the tests of crashes long: every point, and many more kills.
var full = flag.Bool("full", false, "kill the relay at every point and at many more moments")

// patience bounds what a test waits for; nothing waits for it to pass.
const patience = 5 * time.Minute

// TestCrashPrograms kills the real relay at points of its order of writes while the
// real agents send and fetch. They try again by themselves, and in the end every
// package has arrived as it was, once. Package gateway kills it at all points.
func TestCrashPrograms(t *testing.T) {
	t.Parallel()
	newCrashWorld(t).points([]string{"ingest/after-part-row", "ledger/after-commit", "ingest/after-head"}, []string{"deliver/after-payload"})
}

// TestCrashProgramsOnS3 is TestCrashPrograms with the objects in a bucket.
func TestCrashProgramsOnS3(t *testing.T) {
	t.Parallel()
	newCrashWorldOn(t, newBucket(t)).points([]string{"ingest/after-begin"}, []string{"ledger/after-tiles"})
}

// TestCrashAtRandom kills the real relay at moments that a seed chooses.
func TestCrashAtRandom(t *testing.T) {
	t.Parallel()
	kills := 4
	if *full {
		kills = 10
	}
	newCrashWorld(t).atRandom(1, kills)
}

// TestCrashAtRandomOnS3 is TestCrashAtRandom with the objects in a bucket.
func TestCrashAtRandomOnS3(t *testing.T) {
	t.Parallel()
	if !*full {
		t.Skip("NOT TESTED: runs with -full")
	}
	newCrashWorldOn(t, newBucket(t)).atRandom(2, 10)
}

// crashWorld is a granted and accepted request at a relay that does not run.
type crashWorld struct {
	*world
	sent     int // and not recalled
	recalled int
	exhibit  []byte
}

func newCrashWorld(t *testing.T) *crashWorld { return newCrashWorldOn(t, nil) }

// newCrashWorldOn has the relay keep its objects in a bucket, if there is one.
func newCrashWorldOn(t *testing.T, b *bucket) *crashWorld {
	t.Helper()
	w := &crashWorld{world: newWorldOn(t, b.flags(), "nl", "de"), exhibit: make([]byte, 9<<20)} // two parts
	if b != nil {
		b.destroys(w.world)
	}
	for _, name := range []string{"nl", "de"} {
		text, err := os.ReadFile(filepath.Join(w.dir, name, "comity.yaml"))
		if err != nil || !bytes.Contains(text, []byte("\ntransport: auto\n")) {
			t.Fatalf("the settings of %s: %v\n%s", name, err, text)
		}
		// Over TCP an agent hears of a dead relay at once.
		w.write(name+"/comity.yaml", strings.Replace(string(text), "\ntransport: auto\n", "\ntransport: h2\n", 1))
	}
	rand.NewChaCha8([32]byte{3}).Read(w.exhibit)
	w.write("exhibits/disk.img", string(w.exhibit))
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"),
		"--annex", w.write("facts.pdf", "facts"), "--ref", "NL-2026-0412")
	var draft []string
	for line := range strings.Lines(w.comity(0, "", "de", "grant", "0412", "--draft") + "\n") {
		if strings.HasPrefix(line, "max_packages:") {
			line = "max_packages: 200\n"
		}
		draft = append(draft, line)
	}
	w.write("g.yaml", strings.Join(draft, ""))
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	w.stop()
	return w
}

// relay is a relay that is going to be killed.
type relay struct {
	w    *crashWorld
	cmd  *exec.Cmd
	dead chan error
	log  bytes.Buffer
}

// launch runs the relay; it kills itself at a point, if one is named.
func (w *crashWorld) launch(point string) *relay {
	w.t.Helper()
	r := &relay{w: w, cmd: exec.Command(filepath.Join(programs, "comity-gateway"), "run", "--data", "relay"), dead: make(chan error, 1)}
	r.cmd.Dir, r.cmd.Env, r.cmd.Stderr = w.dir, append(slices.Clone(w.env), "COMITY_CRASH_AT="+point), &r.log
	if err := r.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { r.dead <- r.cmd.Wait() }()
	w.t.Cleanup(func() { r.cmd.Process.Kill() })
	return r
}

// serves waits until the relay takes connections.
func (r *relay) serves() {
	r.w.t.Helper()
	for end := time.Now().Add(patience); ; {
		c, err := net.DialTimeout("tcp", r.w.address, time.Second)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			r.w.t.Fatalf("the relay does not serve: %v\n%s", err, &r.log)
		}
		select {
		case err := <-r.dead:
			r.w.t.Fatalf("the relay died before it served: %v\n%s", err, &r.log)
		case <-time.After(20 * time.Millisecond): // ask again
		}
	}
}

// died waits until the relay is dead, by the signal.
func (r *relay) died(where string) {
	r.w.t.Helper()
	select {
	case err := <-r.dead:
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			r.w.t.Fatalf("%s: the relay ended with %v:\n%s", where, err, &r.log)
		}
		if s, ok := exit.Sys().(syscall.WaitStatus); runtime.GOOS != "windows" && !(ok && s.Signaled() && s.Signal() == syscall.SIGKILL) {
			r.w.t.Fatalf("%s: the relay ended with %v:\n%s", where, err, &r.log)
		}
	case <-time.After(patience):
		r.w.t.Fatalf("%s: the relay lives:\n%s", where, &r.log)
	}
}

// program is a command on its way.
type program struct {
	args []string
	out  bytes.Buffer
	done chan error
}

func (w *crashWorld) begin(home string, args ...string) *program {
	w.t.Helper()
	p := &program{args: append([]string{"--home", home}, args...), done: make(chan error, 1)}
	cmd := exec.Command(filepath.Join(programs, "comity"), p.args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env, &p.out, &p.out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { cmd.Process.Kill() })
	go func() { p.done <- cmd.Wait() }()
	return p
}

// tryLater is the exit code of a command that may be repeated, and has lost nothing.
const tryLater = 5

// ended waits for a command, and says whether it did what it was to do or wants to
// be repeated.
func (w *crashWorld) ended(p *program) (done bool) {
	w.t.Helper()
	select {
	case err := <-p.done:
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == tryLater {
			return false
		}
		if err != nil {
			w.t.Fatalf("%v: %v\n%s", p.args, err, &p.out)
		}
	case <-time.After(patience):
		w.t.Fatalf("%v does not end:\n%s", p.args, &p.out)
	}
	return true
}

// fsck checks the relay, which must not run: nothing is wrong but codes that are
// named, and with none all is clean.
func (w *crashWorld) fsck(when string, may ...string) {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(programs, "comity-gateway"), "fsck", "--deep", "--recovery", filepath.Join("relay", "recovery", "identity.txt"), "--data", "relay")
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.Output()
	if err == nil {
		return
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 4 {
		w.t.Fatalf("%s: fsck: %v\n%s", when, err, out)
	}
	found := 0
	for line := range strings.Lines(string(out)) { // CODE: WHERE: WHAT, notes, and a table
		code, _, ok := strings.Cut(line, ": ")
		if !ok || strings.Contains(code, " ") {
			continue
		}
		found++
		if !slices.Contains(may, code) {
			w.t.Errorf("%s: fsck finds %s", when, line)
		}
	}
	if found == 0 {
		w.t.Errorf("%s: fsck is not clean, and says:\n%s", when, out)
	}
}

// Until a start, or until the sender repeats its unlock, a payload may have no lock
// and a head may be missing.
var unfinished = []string{"lock", "head-missing", "orphan"}

// points kills the relay at these points, or with -full at each.
func (w *crashWorld) points(send, fetch []string) {
	w.t.Helper()
	recall := []string{"ingest/after-destroy-head"}
	if *full {
		send, fetch, recall = allPoints(w.t)
	}
	for _, p := range send {
		w.killedAt(p, "de", "send", "0412", "exhibits")
		w.sent++
	}
	for _, p := range fetch {
		w.killedAt(p, "nl", "fetch", "0412", "--into", "evidence")
		w.arrived()
		r := w.launch("")
		w.finish(w.begin("de", "send", "0412", "exhibits"), "de", "send", "0412", "exhibits") // for the next fetch
		w.sent++
		r.cmd.Process.Kill()
		r.died("between two points")
	}
	for _, p := range recall {
		w.recalledAt(p)
	}
	w.home()
}

// recalledAt sends a package that must not arrive, and takes it back while the relay
// dies at a point.
func (w *crashWorld) recalledAt(point string) {
	w.t.Helper()
	r := w.launch("")
	r.serves()
	pkg := w.comity(0, "", "de", "send", "0412", "exhibits")
	r.cmd.Process.Kill()
	r.died("before " + point)
	w.recalled++
	w.killedAt(point, "de", "recall", "0412", pkg, "--reason", "wrong-package")
}

// killedAt runs a command of an agent while the relay dies at a point and comes
// back.
func (w *crashWorld) killedAt(point, home string, args ...string) {
	w.t.Helper()
	dying := w.launch(point)
	dying.serves() // an agent that finds nobody gives up after some tries
	p := w.begin(home, args...)
	dying.died(point)
	w.fsck(point, unfinished...)
	r := w.launch("")
	r.serves()
	w.finish(p, home, args...)
	r.cmd.Process.Kill()
	r.died("after " + point)
	w.fsck("after " + point)
}

// finish waits for a command, and goes on where it left off as its user does.
func (w *crashWorld) finish(p *program, home string, args ...string) {
	w.t.Helper()
	for try := 0; !w.ended(p); try++ {
		if try == 5 {
			w.t.Fatalf("%v was told five times to try later:\n%s", args, &p.out)
		}
		if out := p.out.String(); args[0] == "send" && (strings.Contains(out, "sealing package") || strings.Contains(out, "unlocking package")) {
			args = args[:2] // its parts are with the relay: only seal and head go again
		}
		p = w.begin(home, args...)
	}
}

// arrived checks that every package that was sent has arrived as it was, once.
func (w *crashWorld) arrived() {
	w.t.Helper()
	list, err := filepath.Glob(filepath.Join(w.dir, "evidence", "*", "data", "disk.img"))
	if err != nil {
		w.t.Fatal(err)
	}
	if len(list) != w.sent {
		w.t.Errorf("%d packages have arrived, %d were sent", len(list), w.sent)
	}
	for _, path := range list {
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, w.exhibit) {
			w.t.Errorf("%s differs from what was sent: %v", path, err)
		}
	}
}

// home fetches what is left and checks that everything is in order.
func (w *crashWorld) home() {
	w.t.Helper()
	r := w.launch("")
	w.finish(w.begin("nl", "fetch", "0412", "--into", "evidence"), "nl", "fetch", "0412", "--into", "evidence")
	w.arrived()
	r.cmd.Process.Kill()
	r.died("in the end")
	w.fsck("in the end")
	said := w.run(0, "", "comity-gateway", "fsck", "--data", "relay")
	if want := fmt.Sprintf(" %d deposited;", w.sent+w.recalled); !strings.Contains(said, want) {
		w.t.Errorf("fsck does not say%q:\n%s", want, said)
	}
}

// atRandom kills the relay at random moments while packages are sent and fetched.
func (w *crashWorld) atRandom(seed uint64, kills int) {
	w.t.Helper()
	rnd := rand.New(rand.NewPCG(seed, seed))
	r := w.launch("")
	send := true
	for kills > 0 {
		home, args := "nl", []string{"fetch", "0412", "--into", "evidence"}
		if send {
			home, args = "de", []string{"send", "0412", "exhibits"}
		}
		p := w.begin(home, args...)
		// At most twice in one command, which gives up after some tries.
		for range min(kills, 2) {
			select {
			case err := <-p.done:
				p.done <- err
			case <-time.After(time.Duration(rnd.IntN(1500)) * time.Millisecond): // the moment; nothing depends on it
			}
			r.cmd.Process.Kill()
			kills--
			where := fmt.Sprintf("kill %d in %s", kills, args[0])
			r.died(where)
			w.fsck(where, unfinished...)
			r = w.launch("")
		}
		w.finish(p, home, args...)
		if send {
			w.sent++
		} else {
			w.arrived()
		}
		send = !send
	}
	r.cmd.Process.Kill()
	r.died("after the last kill")
	w.home()
}

// allPoints reads the points from the source, which this package cannot import, and
// says in which command an agent passes each. No command gives a package up, and of an
// erasure, which no agent waits for, package gateway kills the relay at every point.
func allPoints(t *testing.T) (send, fetch, recall []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "gateway", "internal", "ledger", "crash_points.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		p, err := strconv.Unquote(lit.Value)
		switch area, step, _ := strings.Cut(p, "/"); {
		case err != nil:
			t.Fatal(err)
		case area == "deliver" || step == "after-release":
			fetch = append(fetch, p)
		case area == "ledger":
			send, fetch = append(send, p), append(fetch, p)
		case strings.HasPrefix(step, "after-recall") || strings.HasPrefix(step, "after-destroy"):
			recall = append(recall, p)
		case step != "after-abandon" && !strings.HasPrefix(step, "after-eras"):
			send = append(send, p)
		}
		return true
	})
	if len(send)+len(fetch) < 25 || len(recall) < 5 {
		t.Fatalf("found the points %q, %q and %q", send, fetch, recall)
	}
	return send, fetch, recall
}
