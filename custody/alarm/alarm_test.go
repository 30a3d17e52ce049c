package alarm_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
)

const origin = "relay.example"

var found = statement.At(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))

// relay is a relay that signs what the test wants.
type relay struct {
	t          testing.TB
	log        *translog.LogSigner
	fp         custody.Digest
	descriptor []byte
}

func newRelay(t testing.TB) *relay {
	t.Helper()
	root, hybrid := keys.Generate(), keys.Generate()
	secret, public, err := translog.GenerateLog(origin)
	check(t, err)
	ed, ml := public.Strings()
	b := &custody.Relay{Header: custody.Header{Relay: origin, By: origin, Issued: found}, Version: 1, RootThreshold: 1, RootKeys: []string{root.Public().String()},
		Key: hybrid.Public().String(), LogKey: ed, LogMLDSAKey: ml, TLS: []custody.Digest{{1}}, Addresses: []string{"127.0.0.1:1"}}
	st, err := custody.Sign(b, root)
	check(t, err)
	log, err := translog.ParseLog(secret, origin)
	check(t, err)
	return &relay{t, log, b.Fingerprint(), st.Envelope}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func leaves(n int, salt byte) (list []translog.Leaf) {
	for i := range n {
		list = append(list, translog.Leaf{Tag: translog.Tag{byte(i)}, Seq: 1, Salted: [32]byte{salt}})
	}
	return list
}

// signed is a tree that the log has signed.
func (r *relay) signed(list []translog.Leaf) string {
	var f translog.Frontier
	for _, l := range list {
		f.Append(l.Hash())
	}
	b, err := translog.Sign(translog.Checkpoint{Origin: origin, Size: f.Size(), Root: f.Root()}, r.log, found.Time())
	check(r.t, err)
	return string(b)
}

func gathered(t testing.TB, list []translog.Leaf, sizes ...int64) *translog.Gatherer {
	t.Helper()
	g := translog.NewGatherer(sizes...)
	for _, n := range sizes {
		check(t, g.ForConsistency(n, int64(len(list))))
	}
	for i := range list {
		check(t, g.ForInclusion(int64(len(list)), int64(i)))
	}
	for _, l := range list {
		g.Append(l)
	}
	return g
}

func digests(hs []tlog.Hash) []custody.Digest {
	list := []custody.Digest{}
	for _, h := range hs {
		list = append(list, custody.Digest(h))
	}
	return list
}

func (r *relay) alarm(k alarm.Kind) *alarm.Alarm {
	return &alarm.Alarm{Kind: k, Relay: origin, Found: found, Words: "told", Descriptor: r.descriptor}
}

// forks are alarms that prove a fork, by kind.
func (r *relay) forks() map[alarm.Kind]*alarm.Alarm {
	a, b := leaves(9, 1), leaves(9, 1)
	b[8].Salted[0]++
	two := r.alarm(alarm.KindTwoRoots)
	two.Seen, two.Shown = r.signed(a), r.signed(b)

	c := leaves(20, 1)
	c[3].Salted[0]++
	again := r.alarm(alarm.KindRewritten)
	again.Seen, again.Shown = r.signed(a), r.signed(c)
	g := gathered(r.t, c, 9)
	root, _ := g.RootAt(9)
	proof, err := translog.ProveConsistency(9, 20, g)
	check(r.t, err)
	again.Root, again.Proof = custody.Digest(root), digests(proof)

	d := append(leaves(20, 1), translog.Leaf{Tag: translog.Tag{4}, Seq: 1, Salted: [32]byte{9}})
	record := r.alarm(alarm.KindRecordFork)
	record.Shown = r.signed(d)
	for _, i := range []int64{4, 20} {
		p, err := translog.ProveInclusion(21, i, gathered(r.t, d))
		check(r.t, err)
		record.Leaves = append(record.Leaves, alarm.Leaf{Index: i, Leaf: d[i].Bytes(), Proof: digests(p)})
	}
	return map[alarm.Kind]*alarm.Alarm{alarm.KindTwoRoots: two, alarm.KindRewritten: again, alarm.KindRecordFork: record}
}

// TestForkIsProved: whoever has the relay's fingerprint sees from the file alone that the
// log has forked; without it the file is consistent, and nobody's.
func TestForkIsProved(t *testing.T) {
	r := newRelay(t)
	for k, a := range r.forks() {
		b, err := alarm.Parse(a.Marshal())
		check(t, err)
		f, err := b.Verify(map[string]custody.Digest{origin: r.fp})
		check(t, err)
		if !f.Proved || !f.Pinned || !k.Forked() || b.ID() != a.ID() {
			t.Errorf("%s: %+v", k, f)
		}
		if f, err := b.Verify(nil); err != nil || !f.Proved || f.Pinned {
			t.Errorf("%s without a pin: %+v, %v", k, f, err)
		}
		if _, err := b.Verify(map[string]custody.Digest{origin: {1}}); err == nil {
			t.Errorf("%s: another relay's root passes", k)
		}
	}
}

// TestNothingIsProvedFalsely: an agent that wants to accuse an honest relay needs its
// signatures, and gets no contradiction out of honest ones.
func TestNothingIsProvedFalsely(t *testing.T) {
	r, liar := newRelay(t), newRelay(t)
	pins := map[string]custody.Digest{origin: r.fp}
	a, c := leaves(9, 1), leaves(20, 1)
	g := gathered(t, c, 9)
	root, _ := g.RootAt(9)
	proof, err := translog.ProveConsistency(9, 20, g)
	check(t, err)
	same := r.alarm(alarm.KindTwoRoots)
	same.Seen, same.Shown = r.signed(a), r.signed(a)
	sizes := r.alarm(alarm.KindTwoRoots)
	sizes.Seen, sizes.Shown = r.signed(a), r.signed(c)
	grown := r.alarm(alarm.KindRewritten)
	grown.Seen, grown.Shown, grown.Root, grown.Proof = r.signed(a), r.signed(c), custody.Digest(root), digests(proof)
	guess := *grown
	guess.Root[0] ^= 1
	once := r.alarm(alarm.KindRecordFork)
	once.Shown = r.signed(c)
	p, err := translog.ProveInclusion(20, 4, gathered(t, c))
	check(t, err)
	leaf := alarm.Leaf{Index: 4, Leaf: c[4].Bytes(), Proof: digests(p)}
	once.Leaves = []alarm.Leaf{leaf, leaf}
	back := r.alarm(alarm.KindRolledBack)
	back.Seen, back.Shown = r.signed(c), r.signed(a)
	for name, x := range map[string]*alarm.Alarm{"one tree twice": same, "two sizes": sizes, "a log that has grown": grown, "a root out of thin air": &guess,
		"one leaf twice": once, "an old tree": back} {
		if f, err := x.Verify(pins); err != nil || f.Proved {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	for k, x := range liar.forks() {
		if _, err := x.Verify(pins); err == nil {
			t.Errorf("%s by another log under this name passes", k)
		}
		x.Descriptor = r.descriptor
		if _, err := x.Verify(pins); err == nil {
			t.Errorf("%s with signatures of another key passes", k)
		}
	}
}

// TestAlarmMutants: no byte of an alarm can be changed so that it still proves the fork in
// other words.
func TestAlarmMutants(t *testing.T) {
	r := newRelay(t)
	pins := map[string]custody.Digest{origin: r.fp}
	for k, a := range r.forks() {
		raw := a.Marshal()
		for i := 0; i < len(raw); i += 97 {
			b := bytes.Clone(raw)
			b[i] ^= 1
			x, err := alarm.Parse(b)
			if err != nil {
				continue
			}
			f, err := x.Verify(pins)
			if err == nil && f.Proved && (x.Seen != a.Seen || x.Shown != a.Shown || !bytes.Equal(x.Descriptor, a.Descriptor)) {
				t.Errorf("%s with byte %d changed: %q proves other checkpoints", k, i, b[max(0, i-20):min(len(b), i+20)])
			}
		}
	}
}

// TestAlarmForm: one spelling, and only the parts of its kind.
func TestAlarmForm(t *testing.T) {
	r := newRelay(t)
	for k, a := range r.forks() {
		raw := string(a.Marshal())
		for name, text := range map[string]string{
			"a space more": strings.Replace(raw, `": "`, `":  "`, 1), "an unknown field": strings.Replace(raw, "{\n", "{\n  \"x\": 1,\n", 1),
			"another type": strings.Replace(raw, "comity/alarm/v1", "comity/alarm/v2", 1), "an unknown kind": strings.Replace(raw, string(k), "bad", 1),
			"no end": strings.TrimSuffix(raw, "\n"), "nothing": "",
		} {
			if _, err := alarm.Parse([]byte(text)); err == nil {
				t.Errorf("%s with %s is read", k, name)
			}
		}
		for name, edit := range map[string]func(*alarm.Alarm){
			"no words": func(x *alarm.Alarm) { x.Words = "" }, "no descriptor": func(x *alarm.Alarm) { x.Descriptor = nil }, "no time": func(x *alarm.Alarm) { x.Found = custody.Time{} },
			"no checkpoint": func(x *alarm.Alarm) { x.Shown = "" }, "a statement": func(x *alarm.Alarm) { x.Statement = []byte{1} },
			"a malformed finder": func(x *alarm.Alarm) { x.By = "x" }, "one leaf": func(x *alarm.Alarm) { x.Leaves = make([]alarm.Leaf, 1) },
			"another relay's name": func(x *alarm.Alarm) { x.Relay = "Relay" },
		} {
			x := *a
			edit(&x)
			if _, err := alarm.Parse(x.Marshal()); err == nil {
				t.Errorf("%s with %s is read", k, name)
			}
		}
	}
}

// FuzzParse: what is read is written the same, and verifying it never fails badly.
func FuzzParse(f *testing.F) {
	r := newRelay(f)
	for _, a := range r.forks() {
		f.Add(a.Marshal())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := alarm.Parse(data)
		if err != nil {
			return
		}
		if !bytes.Equal(a.Marshal(), data) {
			t.Fatal("written otherwise")
		}
		a.Verify(map[string]custody.Digest{origin: r.fp})
	})
}
