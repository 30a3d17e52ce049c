package gateway_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/objects/s3/s3server"
	"comity.example/comity/gateway/objects/s3/s3test"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
	"github.com/minio/minio-go/v7"
)

// recallOf takes a package back in the name of an agent or an authority.
func (s *story) recallOf(b *bundle, by string, k *keys.Private) *custody.Statement {
	return sign(s.t, &custody.Recall{Header: s.header(by, s.after), Request: s.request.SHA256, Package: b.id, Seal: b.seal.SHA256,
		Reason: "wrong-package"}, k)
}

// take brings a package as far as its recipient's release.
func (s *story) take(b *bundle, delivery int64) *bundle {
	s.t.Helper()
	c := s.as(s.nl.lab)
	s.deposit(c, b, delivery)
	p, err := c.Unlock(s.t.Context(), b.id, s.unlockOf(b, s.checkpoint(c)).Envelope, b.head, b.inner)
	check(s.t, err)
	s.after = s.proven(p, s.request.SHA256)
	p, err = s.as(s.fr.lab).Release(s.t.Context(), b.id, s.releaseOf(b, s.acceptance.SHA256).Envelope)
	check(s.t, err)
	s.after = s.proven(p, s.request.SHA256)
	return b
}

// heads lists the heads and inner files in the store of a relay that does not run.
func (w *world) heads() (list []string) {
	w.t.Helper()
	for key, err := range w.reader().List(w.t.Context(), "heads/") {
		check(w.t, err)
		list = append(list, key)
	}
	return list
}

// withheld checks that nothing of a package is given out, to whom it was before.
func (s *story) withheld(b *bundle) {
	s.t.Helper()
	ctx, taker := s.t.Context(), s.as(s.fr.lab)
	_, err := taker.Head(ctx, b.id)
	refused(s.t, "head after the recall", err, custody.CodePackageRecalled)
	_, err = taker.Inner(ctx, b.id)
	refused(s.t, "inner file after the recall", err, custody.CodePackageRecalled)
	refused(s.t, "payload after the recall", taker.Payload(ctx, b.id, 0, make([]byte, 10)), custody.CodePackageRecalled)
}

// TestRecall: a package that was taken is taken back by one officer. Its head is gone
// from the store when he has his answer, nothing of it is given out any more, and the
// other package is as it was.
func TestRecall(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	s.accepted()
	ctx := t.Context()
	wrong, right := s.take(s.packOf(1000), 1), s.take(s.packOf(2000), 2)
	_, err := w.as(w.fr.lab).Head(ctx, wrong.id)
	check(t, err)
	st := s.recallOf(wrong, "nl", w.nl.officers[1])
	first := s.file(w.as(w.nl.desk), st, nil)
	again, err := w.as(w.nl.desk).Submit(ctx, st.Envelope, nil)
	check(t, err)
	if !bytes.Equal(first.Line.Entry, again.Line.Entry) {
		t.Error("the same recall again made another entry")
	}
	s.withheld(wrong)
	_, err = w.as(w.nl.desk).Submit(ctx, s.recallOf(wrong, "nl", w.nl.officers[0]).Envelope, nil)
	refused(t, "another recall", err, custody.CodePackageRecalled)
	s.fetch(w.as(w.fr.lab), right)
	// What the recipient has, it may still say: the truth is always welcome.
	s.file(w.as(w.fr.lab), sign(t, &custody.Receipt{Header: s.header("fr/agent/lab", s.after), Request: s.request.SHA256, Package: wrong.id,
		Seal: wrong.seal.SHA256, InnerStatement: sum([]byte("inner")), Scope: custody.ScopeWhole}, w.fr.lab.key), nil)

	book := w.replay(w.as(w.fr.desk), s.id())
	p := book.Record(s.id()).Case().Package(wrong.id)
	if p == nil || p.Recall == nil || p.Recall.By != "nl" || p.Destroyed.IsZero() || book.Record(s.id()).Case().Package(right.id).Recall != nil {
		t.Errorf("the replayed case has the package %+v", p)
	}
	w.stop()
	w.clean()
	if list := w.heads(); len(list) != 2 || list[0] != ingest.HeadKey(right.id) {
		t.Errorf("after the recall of %s the store has %q", wrong.id, list)
	}
}

// TestRecallOvertakesUnlock: what was recalled before its head came never has one
// here, also if the sender's agent had no answer to its unlock and brings it again.
func TestRecallOvertakesUnlock(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	s.accepted()
	ctx, c := t.Context(), w.as(w.nl.lab)
	early := s.deposit(c, s.packOf(1000), 1)
	s.file(c, s.recallOf(early, "nl/agent/lab", w.nl.lab.key), nil)
	_, err := c.Unlock(ctx, early.id, s.unlockOf(early, s.checkpoint(c)).Envelope, early.head, early.inner)
	refused(t, "unlock after the recall", err, custody.CodePackageRecalled)

	late := s.deposit(c, s.packOf(1000), 2)
	unlock := s.unlockOf(late, s.checkpoint(c))
	p, err := c.Unlock(ctx, late.id, unlock.Envelope, late.head, late.inner)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	s.file(c, s.recallOf(late, "nl/agent/lab", w.nl.lab.key), nil)
	_, err = c.Unlock(ctx, late.id, unlock.Envelope, late.head, late.inner)
	refused(t, "the same unlock after the recall", err, custody.CodePackageRecalled)
	var said []string
	for _, ev := range w.events(c, s.id()) {
		if ev.Destroyed != nil {
			said = append(said, ev.Destroyed.Package)
		}
	}
	if len(said) != 1 || said[0] != late.id {
		t.Errorf("the relay says that it destroyed %q", said)
	}
	w.stop()
	w.clean()
	if list := w.heads(); len(list) != 0 {
		t.Errorf("the store has %q", list)
	}
}

// TestRecallLocked: a relay that may not delete what is locked keeps the head, gives
// it to nobody and does not say that it is gone. When the lock has ended it destroys it.
func TestRecallLocked(t *testing.T) {
	w := newWorld(t)
	w.change = func(c *gateway.Config) { c.Destroyer = nil }
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	s := w.agreed()
	s.accepted()
	b := s.take(s.packOf(1000), 1)
	s.file(w.as(w.nl.lab), s.recallOf(b, "nl/agent/lab", w.nl.lab.key), nil)
	s.withheld(b)
	for range 2 {
		w.stop()
		var notes []string
		for _, n := range w.clean().Notes {
			if n.Code == fsck.NoteRecalled {
				notes = append(notes, n.Where)
			}
		}
		if len(notes) != 2 || len(w.heads()) != 2 {
			t.Errorf("while it is locked the check notes %q of %q", notes, w.heads())
		}
		w.start()
		s.withheld(b)
	}
	w.stop()
	for _, key := range []string{ingest.HeadKey(b.id), ingest.InnerKey(b.id)} {
		check(t, os.Remove(filepath.Join(w.dir, "store", "objects", filepath.FromSlash(key), "@lock")))
	}
	w.start()
	w.stop()
	w.clean()
	if list := w.heads(); len(list) != 0 {
		t.Errorf("after the end of the lock the store has %q", list)
	}
}

// TestRecallOnBucket: the credential of the relay cannot delete a head under
// GOVERNANCE, the destroyer's can, and leaves no version of it.
func TestRecallOnBucket(t *testing.T) {
	slowUnderRace(t)
	server := s3test.Versitygw(t)
	w := onServer(t, server, credential{})
	root, err := s3server.Client(server.RootConfig(bucketName, ""))
	check(t, err)
	s := w.agreed()
	s.accepted()
	b := s.take(s.packOf(1000), 1)
	over := s.take(s.packOf(1000), 2)
	// Who can write to the bucket puts a copy over a head, which hides it.
	_, err = root.PutObject(t.Context(), bucketName, ingest.HeadKey(over.id), bytes.NewReader(over.head), int64(len(over.head)), minio.PutObjectOptions{})
	check(t, err)
	for _, p := range []*bundle{b, over} {
		s.file(w.as(w.nl.lab), s.recallOf(p, "nl/agent/lab", w.nl.lab.key), nil)
		s.withheld(p)
	}
	left := func() (n int) {
		for o := range root.ListObjects(t.Context(), bucketName, minio.ListObjectsOptions{Prefix: "heads/", Recursive: true, WithVersions: true}) {
			check(t, o.Err)
			n++
		}
		return n
	}
	if n := left(); n != 5 && n != 4 { // the copy has no lock
		t.Errorf("without a destroyer %d versions are left", n)
	}
	w.stop()
	d, err := s3.NewDestroyer(server.RootConfig(bucketName, ""))
	check(t, err)
	defer d.Close()
	store := w.change
	w.change = func(c *gateway.Config) { store(c); c.Destroyer = d }
	w.start()
	w.stop()
	w.clean()
	if n := left(); n != 0 {
		t.Errorf("%d versions are left", n)
	}
}

// TestRecallRefused: a recall by whom the package does not belong to.
func TestRecallRefused(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	s.accepted()
	b := s.take(s.packOf(1000), 1)
	for _, row := range []struct {
		name string
		who  *machine
		st   *custody.Statement
		want custody.Code
	}{
		{"the recipient", w.fr.lab, s.recallOf(b, "fr/agent/lab", w.fr.lab.key), custody.CodeNotRequested},
		{"the requesting State", w.fr.desk, s.recallOf(b, "fr", w.fr.officers[0]), custody.CodeNotRequested},
		{"a colleague of the sender", w.nl.desk, s.recallOf(b, "nl/agent/desk", w.nl.desk.key), custody.CodeSenderNotGranted},
		{"a third State's agent", w.de.lab, s.recallOf(b, "de/agent/lab", w.de.lab.key), custody.CodeNoSuchRequest},
		{"a third State", w.de.desk, s.recallOf(b, "de", w.de.officers[0]), custody.CodeNoSuchRequest},
		{"the recipient in the sender's name", w.fr.lab, s.recallOf(b, "nl/agent/lab", w.fr.lab.key), custody.CodeNotCarrier},
		{"the recipient's key in the sender's name", w.nl.lab, s.recallOf(b, "nl/agent/lab", w.fr.lab.key), custody.CodeBadSignature},
	} {
		_, err := w.as(row.who).Submit(t.Context(), row.st.Envelope, nil)
		refused(t, "recall by "+row.name, err, row.want)
	}
	s.fetch(w.as(w.fr.lab), b)
}

// TestFsckRecalled plants damages in a relay with packages that were recalled.
func TestFsckRecalled(t *testing.T) {
	slowUnderRace(t)
	w := newRelay(t)
	s := w.agreed()
	s.accepted()
	gone, here := s.take(s.packOf(1000), 1), s.take(s.packOf(1000), 2)
	s.file(w.as(w.nl.lab), s.recallOf(gone, "nl/agent/lab", w.nl.lab.key), nil)
	w.stop()
	w.clean()
	k := &checked{world: w, request: s.id()}
	for _, c := range []damage{
		{"head of before", func(d *damaged) { d.put(ingest.HeadKey(gone.id), gone.head) }, one("head-destroyed"), "/head"},
		{"inner file of before", func(d *damaged) { d.put(ingest.InnerKey(gone.id), gone.inner) }, one("head-destroyed"), "/inner.age"},
		{"another package is to be destroyed", func(d *damaged) { d.exec("INSERT INTO recalled VALUES (?)", here.id) }, one("recalled"), here.id},
		{"an unknown package is to be destroyed", func(d *damaged) { d.exec("INSERT INTO recalled VALUES ('x')") }, one("recalled"), "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := k.copyOf(t)
			c.do(d)
			r := d.check(d.recovering)
			d.finds(c.name, r, c.want...)
			if len(r.Findings) > 0 && !strings.Contains(r.Findings[0].Where, c.where) {
				t.Errorf("found at %q, want %q", r.Findings[0].Where, c.where)
			}
		})
	}
}

// TestRecallAnnex: the reason in words is for both parties.
func TestRecallAnnex(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	b := s.deposit(w.as(w.nl.lab), s.packOf(1000), 1)
	file, ref := w.annex("the disk of another case", w.fr, w.nl)
	st := sign(t, &custody.Recall{Header: s.header("nl/agent/lab", s.after), Request: s.request.SHA256, Package: b.id, Seal: b.seal.SHA256,
		Reason: "wrong-package", Annex: &ref}, w.nl.lab.key)
	_, err := w.as(w.nl.lab).Submit(t.Context(), st.Envelope, nil)
	refused(t, "recall without its annex", err, wire.CodeAnnexMismatch)
	s.file(w.as(w.nl.lab), st, file)
	for _, row := range []struct {
		who  *machine
		want custody.Code
	}{{w.fr.desk, ""}, {w.nl.desk, ""}, {w.de.desk, custody.CodeNoSuchRequest}} {
		got, err := w.over(row.who, link.H2).Annex(t.Context(), ref.SHA256)
		if wire.CodeOf(err) != row.want || row.want == "" && !bytes.Equal(got, file) {
			t.Errorf("annex for %q: %v", row.who.id, err)
		}
	}
}
