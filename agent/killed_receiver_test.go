package agent_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
)

var (
	fetchKills = flag.Int("fetchkills", 10, "how often the receiver is killed")
	fetchParts = flag.Int("fetchparts", 20, "how many parts of 8 MiB it fetches")
)

// receiverEnv names the home, the request and the folder to the process that is
// going to be killed.
var receiverEnv = []string{"COMITY_TEST_FETCH_HOME", "COMITY_TEST_FETCH_REQUEST", "COMITY_TEST_FETCH_INTO"}

// TestKilledReceiver kills a process that fetches, again and again, at moments that a
// seed chooses: while parts come, while it connects, while it unpacks and signs. It
// always goes on, no more than the parts in flight are fetched for the second time,
// and what arrives is what was sent, once, with nothing left beside it.
func TestKilledReceiver(t *testing.T) {
	if os.Getenv(receiverEnv[0]) != "" {
		receive(t)
		return
	}
	if testing.Short() {
		t.Skip("short: processes that are killed tell the race detector nothing")
	}
	w := newCase(t)
	w.accept()
	folder, into := evidence(t, int64(*fetchParts)*seal.PartPlain), t.TempDir()
	_, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
	check(t, err)
	w.reads.count(nil)
	r := &receiver{w: w, into: into, rnd: rand.New(rand.NewPCG(7, 7))}
	for r.kills < *fetchKills && !r.done {
		r.run()
	}
	killed := r.kills
	for !r.done {
		r.finish()
	}
	again, most := w.reads.again(), killed*w.homes["nl"].Config.Parallel
	t.Logf("killed %d times; %d parts were fetched, %d of them again, at most %d may be", killed, len(w.reads.all()), again, most)
	if again > most || killed < *fetchKills-late {
		t.Errorf("killed %d times, %d parts were fetched again", killed, again)
	}
	left := names(t, into)
	if len(left) != 1 {
		t.Fatalf("the folder holds %q", left)
	}
	same(t, folder, filepath.Join(into, left[0], "data"))
	for kind, n := range map[custody.Kind]int{custody.KindRelease: 1, custody.KindReceipt: 1, custody.KindRejection: 0} {
		if got := w.statementsOf(kind); got != n {
			t.Errorf("%d of kind %s are in the record, want %d", got, kind, n)
		}
	}
}

// receive is the process that is killed.
func receive(t *testing.T) {
	h, err := agent.OpenHome(os.Getenv(receiverEnv[0]))
	check(t, err)
	h.Config.Transport = link.H2
	a, err := agent.New(&agent.Config{Home: h})
	check(t, err)
	s, err := a.Connect(t.Context(), "nl/agent/lab-1")
	check(t, err)
	defer s.Close()
	_, err = a.Fetch(t.Context(), s, os.Getenv(receiverEnv[1]), os.Getenv(receiverEnv[2]))
	check(t, err)
}

// receiver starts such processes and kills them.
type receiver struct {
	w     *world
	into  string
	rnd   *rand.Rand
	kills int
	done  bool // the last one ended well
}

// late is how many of the kills come after the last part was given out.
const late = 3

// start starts a process. What it says is in out when exit has its end.
func (r *receiver) start() (p *exec.Cmd, out *bytes.Buffer, exit chan error) {
	r.w.t.Helper()
	p, out, exit = exec.Command(os.Args[0], "-test.run=^TestKilledReceiver$"), &bytes.Buffer{}, make(chan error, 1)
	p.Env = os.Environ()
	for i, v := range []string{r.w.homes["nl"].Dir(), r.w.request, r.into} {
		p.Env = append(p.Env, receiverEnv[i]+"="+v)
	}
	p.Stdout, p.Stderr = out, out
	check(r.w.t, p.Start())
	go func() { exit <- p.Wait() }()
	return p, out, exit
}

// run starts a process and kills it at the next moment.
func (r *receiver) run() {
	r.w.t.Helper()
	moment := make(chan struct{}, 2)
	switch {
	case *fetchKills-r.kills <= late: // while it unpacks, makes durable, signs
		defer time.AfterFunc(time.Duration(r.rnd.IntN(3000))*time.Millisecond, func() { moment <- struct{}{} }).Stop()
	case r.rnd.IntN(8) == 0: // at once, or while it connects
		defer time.AfterFunc(time.Duration(r.rnd.IntN(300))*time.Millisecond, func() { moment <- struct{}{} }).Stop()
	default: // while a part is on its way
		all := int64(*fetchParts) * seal.PartSize
		r.w.reads.after(r.rnd.Int64N(all/int64(*fetchKills)), func() { moment <- struct{}{} })
	}
	p, out, exit := r.start()
	select {
	case err := <-exit:
		r.ended(err, out)
	case <-moment:
		p.Process.Kill()
		r.kills++
		if err := <-exit; err == nil { // it was faster
			r.done = true
		}
	}
	r.visible()
}

// finish lets a process end.
func (r *receiver) finish() {
	r.w.t.Helper()
	_, out, exit := r.start()
	r.ended(<-exit, out)
}

func (r *receiver) ended(err error, out *bytes.Buffer) {
	r.w.t.Helper()
	if err != nil {
		r.w.t.Fatalf("a fetch after %d kills ends with %v:\n%s", r.kills, err, out)
	}
	r.done = true
}

// visible fails if something is in the folder that is neither hidden nor whole: a
// package has its name only when all of it is there.
func (r *receiver) visible() {
	r.w.t.Helper()
	for _, name := range names(r.w.t, r.into) {
		if name[0] == '.' {
			continue
		}
		if _, err := os.Stat(filepath.Join(r.into, name, "tagmanifest-sha256.txt")); err != nil {
			r.w.t.Errorf("after kill %d %q shows and is not whole: %v", r.kills, name, err)
		}
	}
}

// evidence makes a folder with so many random bytes in one file, and some small ones.
func evidence(t *testing.T, size int64) string {
	t.Helper()
	folder := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(folder, "phone", "empty"), 0o700))
	for i := range 50 {
		check(t, os.WriteFile(filepath.Join(folder, "phone", fmt.Sprintf("note %d.txt", i)), []byte(fmt.Sprint("note ", i)), 0o600))
	}
	f, err := os.Create(filepath.Join(folder, "disk.img"))
	check(t, err)
	defer f.Close()
	buf := bufio.NewWriterSize(f, 1<<20)
	_, err = io.CopyN(buf, rand.NewChaCha8([32]byte{5}), size)
	check(t, errors.Join(err, buf.Flush()))
	return folder
}

// same compares two folders: names, kinds and the bytes of all files.
func same(t *testing.T, want, got string) {
	t.Helper()
	if a, b := inventory(t, want), inventory(t, got); !slices.Equal(a, b) {
		t.Errorf("%d items arrived, %d were sent, and they are not the same", len(b), len(a))
	}
}

func inventory(t *testing.T, folder string) (list []string) {
	t.Helper()
	check(t, fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			list = append(list, path+"/")
			return err
		}
		f, err := os.Open(filepath.Join(folder, path))
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		_, err = io.Copy(h, f)
		list = append(list, fmt.Sprintf("%s %x", path, h.Sum(nil)))
		return err
	}))
	return list
}
