package witness_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/internal/witness"
)

const childVariable = "COMITY_WITNESS_CHILD"

// script is what the child is to do: its secrets and where to die.
type script struct {
	State, Log string
	LogMLDSA   string
	Secrets    []string
	Point      string
}

// TestCrashChild is the process that TestCrash kills.
func TestCrashChild(t *testing.T) {
	name := os.Getenv(childVariable)
	if name == "" {
		t.Skip("runs as a child of TestCrash")
	}
	b, err := os.ReadFile(name)
	check(t, err)
	var s script
	check(t, json.Unmarshal(b, &s))
	key, err := translog.ParseLogKey(s.Log, s.LogMLDSA, origin)
	check(t, err)
	cfg := &witness.Config{State: s.State, Logs: []witness.Log{{Key: key}}, Now: time.Now}
	for _, secret := range s.Secrets {
		k, err := translog.ParseCosigner(secret)
		check(t, err)
		cfg.Cosigners = append(cfg.Cosigners, k)
	}
	w, err := witness.New(cfg)
	check(t, err)
	witness.SetCrash(func(point string) {
		if point == s.Point {
			self, _ := os.FindProcess(os.Getpid())
			self.Kill() // as kill -9 and the power do: nothing is flushed, nothing deferred
			time.Sleep(time.Minute)
		}
	})
	srv := httptest.NewServer(w)
	fmt.Println("ready " + srv.URL)
	time.Sleep(time.Minute) // until it is killed
}

// TestCrash kills a witness at each point of a cosignature, while a log that forks
// asks it for two histories, one before the kill and the other after it. Whatever
// it ever signed is one history.
func TestCrash(t *testing.T) {
	for _, point := range []string{"before", "after", "never"} {
		t.Run(point, func(t *testing.T) {
			w := newWorld(t)
			a, b := newTree(t, 20, 5, 1), newTree(t, 20, 5, 2)
			w.now = time.Now()
			w.cosigned(w.request(a, 0, 5))
			var secrets []string
			for i, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
				secret, _, err := translog.GenerateCosigner("nl/witness/1", alg)
				check(t, err)
				secrets = append(secrets, secret)
				w.own[i], err = translog.ParseCosigner(secret)
				check(t, err)
			}
			signed := map[string]bool{}
			ask := func(url string, l *tree, old int64) {
				r := w.request(l, old, 10)
				lines, err := witness.Add(t.Context(), witness.NewClient(), url, r)
				if err != nil {
					return
				}
				c, err := translog.OpenCosigned(append(r.Note, lines...), w.log.Key(), w.own[0].Key(), w.own[1].Key())
				check(t, err)
				if len(c.Cosignatures) == 2 {
					signed[c.Root.String()] = true
				}
			}
			url, kill := startChild(t, w, secrets, point)
			ask(url, a, 5)
			kill()
			url, kill = startChild(t, w, secrets, "never")
			defer kill()
			ask(url, b, 5)
			ask(url, a, 5)
			ask(url, a, 10)
			ask(url, b, 10)
			if len(signed) != 1 {
				t.Errorf("the witness signed %d trees of size 10, want one", len(signed))
			}
			if kept := signed[a.head(t, 10).Root.String()]; kept == (point == "before") {
				t.Errorf("killed %s: the first history was signed: %t", point, kept)
			}
		})
	}
}

func startChild(t *testing.T, w *world, secrets []string, point string) (url string, kill func()) {
	t.Helper()
	ed, ml := w.log.Key().Strings()
	b, err := json.Marshal(script{State: w.state, Log: ed, LogMLDSA: ml, Secrets: secrets, Point: point})
	check(t, err)
	name := filepath.Join(t.TempDir(), "script.json")
	check(t, os.WriteFile(name, b, 0o600))
	exe, err := os.Executable()
	check(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestCrashChild$", "-test.v")
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	kill = sync.OnceFunc(func() { cmd.Process.Kill(); cmd.Wait() }) // two at once would wait for ever
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			return url, kill
		}
	}
	kill()
	t.Fatal("the child did not start")
	return "", nil
}

var witnessKills = flag.Int("witnesskills", 4, "how often the witness is killed")

// TestKilledWitness kills a witness at moments that a seed chooses, again and again,
// while a log asks it for two histories in turn. All that it ever signed is of one.
func TestKilledWitness(t *testing.T) {
	w := newWorld(t)
	var secrets []string
	for i, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
		secret, _, err := translog.GenerateCosigner("nl/witness/1", alg)
		check(t, err)
		secrets = append(secrets, secret)
		w.own[i], err = translog.ParseCosigner(secret)
		check(t, err)
	}
	most := int64(6 + 30**witnessKills)
	forks := []*tree{newTree(t, int(most)+1, 5, 1), newTree(t, int(most)+1, 5, 2)}
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := mathrand.New(mathrand.NewPCG(uint64(seed), 0))
	var at int64
	signed := [2]int{}
	for range *witnessKills {
		url, kill := startChild(t, w, secrets, "never")
		timer := time.AfterFunc(time.Duration(r.IntN(60_000))*time.Microsecond, kill)
		for i := 0; ; i++ {
			fork := i % 2
			req := w.request(forks[fork], at, min(at+1+r.Int64N(2), most))
			lines, err := witness.Add(t.Context(), witness.NewClient(), url, req)
			var conflict *witness.Conflict
			if errors.As(err, &conflict) && conflict.Size != at {
				at = conflict.Size
				continue
			}
			if err != nil && !strings.Contains(err.Error(), "status 4") {
				break // it is dead
			}
			if err != nil {
				continue // the other history, or too fast
			}
			c, err := translog.OpenCosigned(append(req.Note, lines...), w.log.Key(), w.own[0].Key(), w.own[1].Key())
			if err != nil || len(c.Cosignatures) != 2 {
				t.Fatalf("a cosignature that does not verify: %v", err)
			}
			if at = c.Size; at > 5 {
				signed[fork]++
			}
		}
		timer.Stop()
		kill()
	}
	t.Logf("signed %d and %d heads behind the fork, up to size %d", signed[0], signed[1], at)
	if signed[0] > 0 && signed[1] > 0 || at == 0 {
		t.Errorf("the witness signed %d heads of one history and %d of the other, up to size %d", signed[0], signed[1], at)
	}
}
