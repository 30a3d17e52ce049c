package agent_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/internal/journal"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/internal/link"
)

var (
	sendKills = flag.Int("sendkills", 10, "how often the sender is killed")
	sendParts = flag.Int("sendparts", 20, "how many parts of 8 MiB it sends")
)

// senderEnv names the home, the request and the folder to the process that is going to
// be killed.
var senderEnv = []string{"COMITY_TEST_SEND_HOME", "COMITY_TEST_SEND_REQUEST", "COMITY_TEST_SEND_FOLDER"}

// TestKilledSender kills a process that sends, again and again, at moments that a seed
// chooses: while parts are on their way, while it connects, while it seals. It always
// goes on with the same package, no more than the parts in flight are sent for the
// second time, no part ever has another ciphertext, and what arrives is what was sent.
func TestKilledSender(t *testing.T) {
	if os.Getenv(senderEnv[0]) != "" {
		sendToDie(t)
		return
	}
	if testing.Short() {
		t.Skip("short: processes that are killed tell the race detector nothing")
	}
	w := newCase(t)
	w.accept()
	folder := evidence(t, int64(*sendParts)*seal.PartPlain)
	s := &sender{w: w, folder: folder, rnd: rand.New(rand.NewPCG(9, 9)), known: map[int][32]byte{}}
	for s.kills < *sendKills && !s.done {
		s.run()
	}
	killed := s.kills
	if !s.done {
		s.finish()
	}
	again, most := w.writes.again(), killed*w.homes["de"].Config.Parallel
	t.Logf("killed %d times; %d parts were sent, %d of them again, at most %d may be", killed, len(w.writes.all()), again, most)
	if again > most || killed < *sendKills-late {
		t.Errorf("killed %d times, %d parts were sent again", killed, again)
	}
	if list := w.packages("de"); len(list) != 1 || list[0] != s.id {
		t.Errorf("the home has the packages %q, begun was %q", list, s.id)
	}
	w.keyless(s.id)
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	if len(list) != 1 || list[0].Package != s.id {
		t.Fatalf("fetched %+v", list)
	}
	same(t, folder, filepath.Join(list[0].Path, "data"))
	for kind, n := range map[custody.Kind]int{custody.KindSeal: 1, custody.KindUnlock: 1, custody.KindReceipt: 1} {
		if got := w.statementsOf(kind); got != n {
			t.Errorf("%d of kind %s are in the record, want %d", got, kind, n)
		}
	}
}

// sendToDie is the process that is killed.
func sendToDie(t *testing.T) {
	h, err := agent.OpenHome(os.Getenv(senderEnv[0]))
	check(t, err)
	h.Config.Transport = link.H2
	a, err := agent.New(&agent.Config{Home: h})
	check(t, err)
	s, err := a.Connect(t.Context(), "de/agent/lab-1")
	check(t, err)
	defer s.Close()
	sent, err := a.Send(t.Context(), s, os.Getenv(senderEnv[1]), os.Getenv(senderEnv[2]), agent.SendOptions{Description: "to die for"})
	check(t, err)
	if !sent.Unlocked {
		t.Error("the head stayed home")
	}
}

// sender starts such processes and kills them.
type sender struct {
	w      *world
	folder string
	rnd    *rand.Rand
	kills  int
	done   bool
	id     string // of the package
	known  map[int][32]byte
}

// start starts a process. What it says is in out when exit has its end.
func (s *sender) start() (p *exec.Cmd, out *bytes.Buffer, exit chan error) {
	s.w.t.Helper()
	p, out, exit = exec.Command(os.Args[0], "-test.run=^TestKilledSender$"), &bytes.Buffer{}, make(chan error, 1)
	p.Env = os.Environ()
	for i, v := range []string{s.w.homes["de"].Dir(), s.w.request, s.folder} {
		p.Env = append(p.Env, senderEnv[i]+"="+v)
	}
	p.Stdout, p.Stderr = out, out
	check(s.w.t, p.Start())
	go func() { exit <- p.Wait() }()
	return p, out, exit
}

// run starts a process and kills it at the next moment.
func (s *sender) run() {
	s.w.t.Helper()
	moment := make(chan struct{}, 2)
	switch {
	case *sendKills-s.kills <= late: // while it sends the last parts, seals, unlocks
		s.w.writes.after(s.rest(), func() {
			time.AfterFunc(time.Duration(s.rnd.IntN(300))*time.Millisecond, func() { moment <- struct{}{} })
		})
	case s.rnd.IntN(8) == 0: // at once, or while it connects
		defer time.AfterFunc(time.Duration(s.rnd.IntN(300))*time.Millisecond, func() { moment <- struct{}{} }).Stop()
	default: // while a part is on its way
		s.w.writes.after(s.rnd.Int64N(int64(*sendParts)*seal.PartSize/int64(*sendKills)), func() { moment <- struct{}{} })
	}
	p, out, exit := s.start()
	select {
	case err := <-exit:
		s.ended(err, out)
	case <-moment:
		p.Process.Kill()
		s.kills++
		if err := <-exit; err == nil { // it was faster
			s.done = true
		}
	}
	s.look()
}

// rest is about how many bytes of the package the relay has not.
func (s *sender) rest() int64 {
	if s.id == "" {
		return 0
	}
	return max(0, int64(*sendParts-s.w.present(s.id))) * seal.PartSize
}

// finish lets a process end.
func (s *sender) finish() {
	s.w.t.Helper()
	_, out, exit := s.start()
	s.ended(<-exit, out)
}

func (s *sender) ended(err error, out *bytes.Buffer) {
	s.w.t.Helper()
	if err != nil {
		s.w.t.Fatalf("a send after %d kills ends with %v:\n%s", s.kills, err, out)
	}
	s.done = true
}

// look reads what the process that was killed has left: it is the same package, and its
// journal knows all that it knew, with the same ciphertext.
func (s *sender) look() {
	s.w.t.Helper()
	list := s.w.packages("de")
	if len(list) > 1 || s.id != "" && (len(list) == 0 || list[0] != s.id) {
		s.w.t.Fatalf("after kill %d the home has the packages %q, begun was %q", s.kills, list, s.id)
	}
	if len(list) == 0 {
		return
	}
	path := filepath.Join(s.w.homes["de"].PackageDir(s.w.request, list[0]), "journal")
	begun := filepath.Join(filepath.Dir(path), "begun.json")
	if _, err := os.Stat(begun); err != nil && s.id == "" {
		return // killed before all was kept: the next begins another one
	}
	s.id = list[0]
	if _, err := os.Stat(path); err != nil {
		return // sealed
	}
	j, err := journal.Open(path, s.id, 1<<20)
	check(s.w.t, err)
	defer j.Close()
	known, err := j.Known()
	check(s.w.t, err)
	for n, sum := range s.known {
		if known[n] != sum {
			s.w.t.Errorf("after kill %d the journal has another part %d", s.kills, n)
		}
	}
	s.known = maps.Clone(known)
}

// PutPart counts a part that the relay begins to store.
func (c counted) PutPart(ctx context.Context, key, id string, p objects.Part, body io.Reader) (string, error) {
	c.writes.mu.Lock()
	c.writes.parts = append(c.writes.parts, p.Number)
	c.writes.mu.Unlock()
	return c.Dir.PutPart(ctx, key, id, p, taken{body, c.writes})
}

// taken is the body of a part.
type taken struct {
	io.Reader
	writes *counter
}

func (t taken) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.writes.gave(n)
	return n, err
}
