package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/records/postgres"
)

const childVariable = "COMITY_TEST_LEDGER_CHILD"

// script is what a child process does to a world's folder: file the first
// statement, then arm the crash point, then file the others at the same time.
type script struct {
	Point             ledger.Point
	LogKey, Recipient string
	Via               custody.PartyID
	Server            *postgres.Config
	Envelopes         [][]byte
}

// TestCrash kills a relay at each point of its order of writes and starts it
// again. Nothing that was acknowledged is lost, nothing is half there, and who
// was not answered files again and gets a proof.
func TestCrash(t *testing.T) {
	for _, point := range ledger.Points() {
		name, ours := strings.CutPrefix(string(point), "ledger/")
		if !ours {
			continue // see package gateway
		}
		kept := point != ledger.EntryDecided
		t.Run(name, func(t *testing.T) {
			w := newSetWorld(t)
			statements := []*custody.Statement{w.request(w.fr, w.nl), w.request(w.fr, w.nl), w.request(w.fr, w.nl), w.request(w.fr, w.nl)}
			w.close()
			acknowledged := runChild(t, w, point, statements)
			if acknowledged != 1 {
				t.Fatalf("the child acknowledged %d statements before the crash, want 1", acknowledged)
			}
			w.connect()
			fatalIfErr(t, w.open())
			w.fsck()
			// At least one of the three others was in the batch that crashed.
			switch size := w.check(); {
			case !kept && size != 6:
				t.Errorf("size %d after a crash before the commit, want 6", size)
			case kept && (size < 7 || size > 9):
				t.Errorf("size %d after a crash behind the commit, want 7 to 9", size)
			}
			for _, s := range statements {
				w.submit(s, w.fr.carrier())
			}
			if size := w.check(); size != 9 {
				t.Errorf("size %d after all were filed again, want 9", size)
			}
			w.fsck()
		})
	}
}

// runChild runs TestCrashChild on the world's folder until it is killed, and
// returns how many statements it acknowledged.
func runChild(t *testing.T, w *world, point ledger.Point, list []*custody.Statement) int {
	t.Helper()
	s := script{Point: point, LogKey: w.keys.log, Recipient: w.keys.identity.Recipient().String(), Via: w.fr.carrier(), Server: w.server}
	for _, st := range list {
		s.Envelopes = append(s.Envelopes, st.Envelope)
	}
	b, err := json.Marshal(s)
	fatalIfErr(t, err)
	fatalIfErr(t, os.WriteFile(filepath.Join(w.folder, "script.json"), b, 0o600))
	exe, err := os.Executable()
	fatalIfErr(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestCrashChild$", "-test.v")
	cmd.Env = append(os.Environ(), childVariable+"="+w.folder)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || bytes.Contains(out, []byte("survived")) || bytes.Contains(out, []byte("--- FAIL")) {
		t.Fatalf("the child was not killed at %q: %v\n%s", point, err, out)
	}
	return bytes.Count(out, []byte("acknowledged"))
}

// TestCrashChild is the process that TestCrash kills.
func TestCrashChild(t *testing.T) {
	folder := os.Getenv(childVariable)
	if folder == "" {
		t.Skip("runs as a child of TestCrash")
	}
	b, err := os.ReadFile(filepath.Join(folder, "script.json"))
	fatalIfErr(t, err)
	var s script
	fatalIfErr(t, json.Unmarshal(b, &s))
	w := &world{t: t, folder: folder, clock: &clock{now: start}, server: s.Server}
	w.connect()
	to, err := seal.ParseRecipient(s.Recipient)
	fatalIfErr(t, err)
	key, err := translog.ParseLog(s.LogKey, origin)
	fatalIfErr(t, err)
	w.l, err = ledger.Open(t.Context(), ledger.Config{DB: w.db, Store: w.store, Origin: origin, LogKey: key, Recovery: to,
		Now: w.clock.Now, Logger: silent()})
	fatalIfErr(t, err)
	file := func(envelope []byte) {
		st, err := custody.ParseStatement(envelope)
		if err == nil {
			_, err = w.l.Submit(t.Context(), ledger.Submission{Statement: st, Via: s.Via})
		}
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Println("acknowledged")
	}
	file(s.Envelopes[0])
	os.Setenv(ledger.CrashVariable, string(s.Point))
	var wg sync.WaitGroup
	for _, e := range s.Envelopes[1:] {
		wg.Go(func() { file(e) })
	}
	wg.Wait()
	fmt.Println("survived")
}

// TestPoints: every point that is declared is listed once, and the relay's code
// passes it at one place.
func TestPoints(t *testing.T) {
	declared := map[string]ledger.Point{}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "crash_points.go", nil, 0)
	fatalIfErr(t, err)
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if ok {
			p, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			fatalIfErr(t, err)
			declared[v.Names[0].Name] = ledger.Point(p)
		}
		return true
	})
	listed := slices.Sorted(slices.Values(ledger.Points()))
	if all := slices.Sorted(maps.Values(declared)); !slices.Equal(listed, all) || len(slices.Compact(all)) != len(listed) {
		t.Errorf("listed are %q, declared are %q", listed, all)
	}
	passed := map[string]int{}
	fatalIfErr(t, filepath.WalkDir(filepath.Join("..", ".."), func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || e.Name() == "crash_points.go" {
			return err
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && declared[id.Name] != "" {
				passed[id.Name]++
			}
			return true
		})
		return nil
	}))
	for name := range declared {
		if passed[name] != 1 {
			t.Errorf("the code names %s at %d places, want one", name, passed[name])
		}
	}
}
