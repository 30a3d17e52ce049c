package translog_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/translog"
)

// committee is five witnesses of a log, and the lines of a policy that name them.
type committee struct {
	s    signed
	who  map[string]*translog.Cosigner
	text string // witness lines
}

func newCommittee(t testing.TB) committee {
	t.Helper()
	c := committee{s: newSigned(t), who: map[string]*translog.Cosigner{}}
	for i, name := range []string{"A", "B", "C", "D", "E"} {
		alg := []translog.Algorithm{translog.Ed25519, translog.MLDSA44}[i%2]
		w := newCosigner(t, "w/"+name, alg)
		c.who[name] = w
		c.text += fmt.Sprintf("witness %s %s\n", name, w.Key())
	}
	return c
}

// cosigned opens a note that the named witnesses signed, each so many seconds after noon.
func (c committee) cosigned(t testing.TB, p *translog.Policy, seconds map[string]int) []translog.Cosignature {
	t.Helper()
	msg := c.s.text + c.s.edLine + c.s.mlLine
	for name, after := range seconds {
		msg += cosign(t, c.who[name], c.s.c, noon.Add(time.Duration(after)*time.Second))
	}
	got, err := translog.OpenCosigned([]byte(msg), c.s.key, p.Keys()...)
	fatalIfErr(t, err)
	return got.Cosignatures
}

func TestPolicyTimes(t *testing.T) {
	c := newCommittee(t)
	for _, r := range []struct {
		quorum    string
		seconds   map[string]int
		ok        bool
		by, since int
	}{
		{"quorum A\n", map[string]int{"A": 5}, true, 5, 5},
		{"quorum A\n", map[string]int{"B": 5}, false, 0, 0},
		{"group g any A B C\nquorum g\n", map[string]int{"A": 9, "B": 5, "D": 1}, true, 5, 9},
		{"group g all A B C\nquorum g\n", map[string]int{"A": 9, "B": 5, "C": 7}, true, 9, 5},
		{"group g all A B C\nquorum g\n", map[string]int{"A": 9, "B": 5}, false, 0, 0},
		{"group g 2 A B C\nquorum g\n", map[string]int{"A": 9, "B": 5, "C": 7}, true, 7, 7},
		{"group g 2 A B C\nquorum g\n", map[string]int{"A": 9}, false, 0, 0},
		{"group g 2 A B C D\nquorum g\n", map[string]int{"A": 1, "B": 2, "C": 3, "D": 4}, true, 2, 3},
		{"group x 2 A B C\ngroup y any D E\ngroup g all x y\nquorum g\n", map[string]int{"A": 1, "B": 2, "C": 3, "E": 10}, true, 10, 2},
		{"group x 2 A B C\ngroup y any D E\ngroup g any x y\nquorum g\n", map[string]int{"A": 1, "E": 10}, true, 10, 10},
		{"group x 2 A B C\nquorum D\n", map[string]int{"A": 1, "B": 10}, false, 0, 0},
	} {
		p, err := translog.ParsePolicy([]byte(c.text + r.quorum))
		fatalIfErr(t, err)
		got, ok := p.Evaluate(c.cosigned(t, p, r.seconds))
		want := translog.Times{By: noon.Add(time.Duration(r.by) * time.Second), Since: noon.Add(time.Duration(r.since) * time.Second)}
		if !r.ok {
			want = translog.Times{}
		}
		if ok != r.ok || got != want {
			t.Errorf("%q with %v = %v, %v; want %v, %v", r.quorum, r.seconds, got, ok, want, r.ok)
		}
		if p.None() {
			t.Errorf("%q demands nobody", r.quorum)
		}
	}
	p, err := translog.ParsePolicy([]byte("quorum none\n"))
	fatalIfErr(t, err)
	if times, ok := p.Evaluate(nil); !ok || !p.None() || times != (translog.Times{}) {
		t.Errorf("none = %v, %v", times, ok)
	}
}

func TestPolicyFile(t *testing.T) {
	c := newCommittee(t)
	b, err := os.ReadFile("testdata/torchwood/policy.txt")
	fatalIfErr(t, err)
	p, err := translog.ParsePolicy(b)
	fatalIfErr(t, err)
	if w := p.Witnesses(); p.String() != string(b) || len(w) != 3 || w[1].Name != "Mullvad" || w[1].URL != "https://witness.stagemole.eu/" || len(p.Logs()) != 1 {
		t.Errorf("torchwood's policy reads as %v", p)
	}
	if p.Accepts(c.s.key) {
		t.Error("a policy for another log accepts ours")
	}
	_, key, err := translog.GenerateLog(origin)
	fatalIfErr(t, err)
	edKey, mlKey := key.Strings()
	for _, log := range []string{"log " + edKey + "\n", "log " + mlKey + " https://relay.example/\n", ""} {
		p, err := translog.ParsePolicy([]byte(log + "quorum none\n"))
		fatalIfErr(t, err)
		if !p.Accepts(key) || log != "" && p.Accepts(c.s.key) {
			t.Errorf("policy with %q: wrong logs", log)
		}
	}
	p, err = translog.ParsePolicy([]byte("# who\n\n \t# cosigns\n" + c.text + "\tgroup  n\xc3\xa9  2\tA B\n quorum n\xc3\xa9 \n"))
	fatalIfErr(t, err)
	if want := c.text + "group n\xc3\xa9 2 A B\nquorum n\xc3\xa9\n"; p.String() != want {
		t.Errorf("String = %q, want %q", p.String(), want)
	}
}

func TestPolicyRefuses(t *testing.T) {
	c := newCommittee(t)
	key := func(name string) string { return c.who[name].Key().String() }
	_, logKey, err := translog.GenerateKey(origin)
	fatalIfErr(t, err)
	// One public key under two names: the bytes of E's key, an Ed25519 one.
	renamed := renamedKey(t, key("E"), "w/F")
	for _, bad := range []string{
		"",
		"quorum A\n",
		c.text,
		c.text + "quorum A",
		c.text + "quorum A\nquorum A\n",
		c.text + "quorum A B\n",
		c.text + "quorum\n",
		c.text + "quorum a\n",
		c.text + "quorum A # the first\n",
		c.text + "QUORUM A\n",
		c.text + "quorum A\r\n",
		c.text + "quorum A\x00\n",
		c.text + "quorum A\x7f\n",
		c.text + "group g 0 A\nquorum g\n",
		c.text + "group g 3 A B\nquorum g\n",
		c.text + "group g 02 A B\nquorum g\n",
		c.text + "group g +1 A B\nquorum g\n",
		c.text + "group g -1 A B\nquorum g\n",
		c.text + "group g most A B\nquorum g\n",
		c.text + "group g any\nquorum g\n",
		c.text + "group g any g\nquorum g\n",
		c.text + "group g any A A\nquorum g\n",
		c.text + "group g any A\ngroup h any A\nquorum g\n",
		c.text + "group g any none\nquorum g\n",
		c.text + "group none any A\nquorum none\n",
		c.text + "group A any B\nquorum A\n",
		c.text + "quorum g\ngroup g any A\n",
		c.text + "witness A " + key("A") + "\nquorum A\n",
		c.text + "witness F " + key("A") + "\nquorum A\n",
		c.text + "witness F " + renamed + "\nquorum A\n",
		"witness A\nquorum none\n",
		"witness A " + logKey + "\nquorum none\n",
		"witness A " + key("A") + "x\nquorum none\n",
		"witness A " + key("A") + " ftp://w.example/\nquorum none\n",
		"witness A " + key("A") + " https://u:p@w.example/\nquorum none\n",
		"witness A " + key("A") + " https://w.example/?a=b\nquorum none\n",
		"witness A " + key("A") + " https://w.example/#x\nquorum none\n",
		"witness A " + key("A") + " https:///x\nquorum none\n",
		"witness A " + key("A") + " https://w.example/ more\nquorum none\n",
		"log\nquorum none\n",
		"log " + logKey + "\nlog " + logKey + "\nquorum none\n",
		"log " + key("A") + "\nquorum none\n",
		"log " + logKey + " https://x/ y\nquorum none\n",
		"witness none " + key("A") + "\nquorum none\n",
		"quorum none\n" + strings.Repeat("# long\n", translog.MaxPolicyBytes/6),
		manyGroups(c.text, 129),
	} {
		if p, err := translog.ParsePolicy([]byte(bad)); err == nil {
			t.Errorf("ParsePolicy(%.300q) = %v", bad, p)
		}
	}
	if _, err := translog.ParsePolicy([]byte(manyGroups(c.text, 128))); err != nil {
		t.Errorf("128 groups: %v", err)
	}
	_, err = translog.ParsePolicy([]byte(c.text + "group g 2 A Q\nquorum g\n"))
	if err == nil || !strings.Contains(err.Error(), `line 6: group "g": no witness or group "Q"`) {
		t.Errorf("error = %v, want the line and the name", err)
	}
}

func manyGroups(text string, n int) string {
	last := "A"
	for i := range n {
		text += fmt.Sprintf("group g%d all %s\n", i, last)
		last = fmt.Sprintf("g%d", i)
	}
	return text + "quorum " + last + "\n"
}

func FuzzPolicy(f *testing.F) {
	c := newCommittee(f)
	b, err := os.ReadFile("testdata/torchwood/policy.txt")
	fatalIfErr(f, err)
	f.Add(string(b))
	f.Add(c.text + "group g 2 A B\nquorum g\n")
	f.Add("quorum none\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := translog.ParsePolicy([]byte(text))
		if err != nil {
			return
		}
		again, err := translog.ParsePolicy([]byte(p.String()))
		if err != nil || again.String() != p.String() {
			t.Errorf("%q reads as %q, which reads as %v, %v", text, p, again, err)
		}
		if _, ok := p.Evaluate(nil); ok != p.None() {
			t.Errorf("%q is satisfied by nobody", text)
		}
	})
}
