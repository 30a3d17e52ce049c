package test_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// TestHostileRelay: a relay that hands everything that it ever stored or was sent to
// the recipient, with its own keys, gives nothing to open before the acceptance; and
// the sender's agent does not let the head go for anything else than the acceptance.
func TestHostileRelay(t *testing.T) {
	h := newHostile(t)
	id := h.untilDeposit()
	before := h.save("before")
	h.closed("before the acceptance")

	for _, lie := range h.lies(id) {
		h.restore(before)
		h.begin()
		lie.tell()
		h.w.comity(lie.exit, lie.says, "de", "send", id)
		h.headAtHome(lie.name)
		h.closed(lie.name)
		h.end()
	}

	// The same keys and the same search open the package once it is accepted: that
	// they found nothing before says something.
	h.restore(before)
	h.begin()
	h.w.comity(0, "", "nl", "accept", id)
	h.closed("after the acceptance, with the head at home")
	h.w.comity(0, "", "de", "send", id)
	if !h.yields() {
		t.Error("after the unlock the recipient's keys open nothing: this test cannot fail")
	}
}

// untilDeposit plays a request, a grant that is taken back, a second grant, and a
// package that waits for the acceptance.
func (h *hostile) untilDeposit() (id string) {
	w := h.w
	order, facts := w.write("order.pdf", "order"), w.write("facts.pdf", "facts")
	id = w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", order, "--annex", facts, "--ref", "NL-2026-0412")
	grant := func() {
		w.write("g.yaml", w.comity(0, "", "de", "grant", id, "--draft")+"\n")
		w.comity(0, "", "de", "grant", id, "-f", "g.yaml")
	}
	grant()
	w.comity(0, "", "de", "revoke", id, "--reason", "error")
	grant()
	h.undeposited = h.save("undeposited")
	w.write("exhibits/disk.img", strings.Repeat(evidence+"\n", evidenceSize/len(evidence)))
	w.comity(0, "", "de", "send", id, "exhibits")
	h.heads = h.headFiles()
	if len(h.heads) == 0 {
		h.t.Fatal("the sender has no head at home")
	}
	return id
}

// evidence is what the package is full of; the package has two parts.
const (
	evidence     = "CanaryHostileRelayK4vZ8mT1"
	evidenceSize = 9 << 20
)

// headFiles are the heads and inner files in the sender's home.
func (h *hostile) headFiles() (list [][]byte) {
	h.t.Helper()
	err := filepath.WalkDir(filepath.Join(h.w.dir, "de", "cases"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "head" && filepath.Base(path) != "inner.age" {
			return err
		}
		data, err := os.ReadFile(path)
		list = append(list, data)
		return err
	})
	h.must(err)
	return list
}

// headAtHome wants that no head has left the sender.
func (h *hostile) headAtHome(what string) {
	h.t.Helper()
	for name, data := range h.everything() {
		for _, head := range h.heads {
			if bytes.Contains(data, head) {
				h.t.Errorf("%s: the head has left the sender: %s", what, name)
			}
		}
	}
}

// lie is what a relay tells the sender's agent to get the head.
type lie struct {
	name string
	exit int
	says string
	tell func()
}

// lies are the stories in which there is no acceptance, or none any more.
func (h *hostile) lies(id string) []lie {
	request := custody.RecordID(id)
	acceptance := func(change func(*custody.Acceptance)) *custody.Acceptance {
		first, tip, live := h.record(request)
		b := &custody.Acceptance{Header: custody.Header{Relay: hostileOrigin, By: "nl", Issued: tip.entry.Time,
			After: &custody.Ref{Seq: tip.entry.Seq, Leaf: tip.Salted()}}, Request: first, Grant: live[len(live)-1]}
		if change != nil {
			change(b)
		}
		return b
	}
	stranger, agent, officer := newKey(), h.key("nl/agent/lab-1"), h.key("nl/officer/mla-1")
	return []lie{
		{"nothing but the wish", 5, "waits for the acceptance", func() {}},
		{"forged acceptance", 4, "refuse", func() { h.append(request, sign(h.t, acceptance(nil), stranger)) }},
		{"acceptance by the recipient's agent", 4, "refuse", func() { h.append(request, sign(h.t, acceptance(nil), agent)) }},
		{"acceptance of another grant", 4, "refuse", func() {
			_, _, grants := h.record(request)
			h.append(request, sign(h.t, acceptance(func(b *custody.Acceptance) { b.Grant = grants[0] }), officer))
		}},
		{"acceptance that is not in the log", 4, "checking inclusion", func() {
			st := sign(h.t, acceptance(nil), officer)
			h.rewrite("/v1/records/"+id, func(p *wire.RecordProof) {
				l := h.entryFor(request, st)
				p.Lines = append(p.Lines, wire.Line{Index: l.Index, Entry: l.Entry, Envelope: l.Envelope, Salt: l.Salt, Proof: p.Lines[0].Proof})
			})
		}},
		{"withheld revocation", 4, "its log holds", func() {
			desk := filepath.Join(h.w.dir, "desk")
			h.must(copyTree(desk, filepath.Join(h.w.dir, "de"))) // another machine of the same State
			h.w.comity(0, "", "nl", "accept", id)
			h.w.comity(0, "", "desk", "revoke", id, "--reason", "error")
			h.rewrite("/v1/records/"+id, func(p *wire.RecordProof) { p.Lines = p.Lines[:len(p.Lines)-1] })
		}},
		{"forked checkpoint", 4, "", func() {
			h.end()
			h.must(os.RemoveAll(h.folder))
			h.must(copyTree(h.folder, filepath.Join(h.undeposited, "relay")))
			h.begin()
			h.append(request, sign(h.t, acceptance(nil), officer))
		}},
	}
}

// closed wants that the recipient opens nothing of the evidence.
func (h *hostile) closed(what string) {
	h.t.Helper()
	if h.yields() {
		h.t.Errorf("%s: the recipient reads the evidence", what)
	}
}

// save keeps the relay and the homes as they are; restore brings them back.
func (h *hostile) save(name string) string {
	h.t.Helper()
	h.end()
	to := filepath.Join(h.w.dir, "saved", name)
	for _, part := range []string{"relay", "nl", "de"} {
		h.must(copyTree(filepath.Join(to, part), filepath.Join(h.w.dir, part)))
	}
	h.begin()
	return to
}

func (h *hostile) restore(from string) {
	h.t.Helper()
	h.end()
	h.must(os.RemoveAll(filepath.Join(h.w.dir, "desk")))
	for _, part := range []string{"relay", "nl", "de"} {
		h.must(os.RemoveAll(filepath.Join(h.w.dir, part)))
		h.must(copyTree(filepath.Join(h.w.dir, part), filepath.Join(from, part)))
	}
}

// copyTree copies a folder with the modes of its files.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("copying %q: it is no file", path)
		}
		data, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(filepath.Join(to, rel), data, 0o600))
	})
}

// everything is what the relay has been sent and has stored until now.
func (h *hostile) everything() map[string][]byte {
	h.gather()
	h.mu.Lock()
	defer h.mu.Unlock()
	list := map[string][]byte{}
	for sum, b := range h.seen {
		list[fmt.Sprintf("%s %x", b.from, sum[:4])] = b.data
	}
	return list
}

// remember keeps bytes that the relay saw.
func (h *hostile) remember(from string, data []byte) {
	if len(data) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := sha256.Sum256(data)
	if _, ok := h.seen[sum]; !ok {
		h.seen[sum] = blob{from, bytes.Clone(data)}
	}
}
