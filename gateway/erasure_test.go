package gateway_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/deliver"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
	"github.com/minio/minio-go/v7"
)

// ended is a case in which a package was taken and receipted, and which was closed.
func (w *world) ended() *story {
	w.t.Helper()
	s := w.agreed()
	s.accepted()
	b := s.take(s.packOf(1000), 1)
	s.file(w.as(w.fr.lab), sign(w.t, &custody.Receipt{Header: s.header("fr/agent/lab", s.after), Request: s.request.SHA256, Package: b.id,
		Seal: b.seal.SHA256, InnerStatement: sum([]byte("inner")), Scope: custody.ScopeWhole}, w.fr.lab.key), nil)
	s.file(w.as(w.fr.desk), sign(w.t, &custody.Closure{Header: s.header("fr", s.after), Request: s.request.SHA256, Outcome: "executed"}, w.fr.officers[0]), nil)
	return s
}

// refOf names an entry of the case.
func (s *story) refOf(seq int) custody.Ref {
	s.t.Helper()
	p, err := s.as(s.nl.desk).Record(s.t.Context(), s.id(), 0)
	check(s.t, err)
	line := p.Lines[seq].Custody()
	return custody.Ref{Seq: int64(seq), Leaf: line.Salted()}
}

// erasureOf is an erasure by nl of its review, whole, or of the annex alone.
func (s *story) erasureOf(whole bool) *custody.Erasure {
	s.t.Helper()
	b := &custody.Erasure{Header: s.header("nl", s.after), Request: s.request.SHA256, Entries: []custody.Ref{}, Annexes: []custody.Ref{}, Reason: "retention-over"}
	if whole {
		b.Entries = append(b.Entries, s.refOf(1))
	} else {
		b.Annexes = append(b.Annexes, s.refOf(1))
	}
	return b
}

// stored reads all objects below a prefix of the store of a relay that does not run.
func (w *world) stored(prefix string) map[string][]byte {
	w.t.Helper()
	m, r := map[string][]byte{}, w.reader()
	for key, err := range r.List(w.t.Context(), prefix) {
		check(w.t, err)
		body, _, err := r.Get(w.t.Context(), key, "", 0, -1)
		check(w.t, err)
		m[key], err = io.ReadAll(body)
		check(w.t, err)
		body.Close()
	}
	return m
}

// holds reports whether any file of the relay has some bytes.
func (w *world) holds(what []byte) (found []string) {
	w.t.Helper()
	check(w.t, filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, what) {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// TestErasure: what an erasure names is gone from the relay's files, and the log is as it
// was: the same root, the same tiles, proofs of all the rest. The relay goes on with it,
// also after a restart, and never takes it back.
func TestErasure(t *testing.T) {
	w := newRelay(t)
	s := w.ended()
	ctx := t.Context()
	before, err := w.as(w.fr.desk).Record(ctx, s.id(), 0)
	check(t, err)
	old := w.open(before.Checkpoint)
	w.stop()
	tiles := w.stored("log/tile/")
	copies := len(w.stored("records/"))
	annex := deliver.AnnexKey(sum(s.annexes[s.review]))
	envelope := s.review.Envelope[len(s.review.Envelope)-200:]
	if len(w.holds(envelope)) == 0 || w.stored("annexes/")[annex] == nil {
		t.Fatal("the relay has no review to erase")
	}
	w.start()
	_, err = w.as(w.nl.desk).Submit(ctx, sign(t, s.erasureOf(true), w.nl.officers[0]).Envelope, nil)
	refused(t, "an erasure by one officer", err, custody.CodeBelowThreshold)
	_, err = w.as(w.fr.desk).Submit(ctx, sign(t, func() custody.Body {
		b := s.erasureOf(true)
		b.By = "fr"
		return b
	}(), w.fr.officers...).Envelope, nil)
	refused(t, "an erasure of what the other State said", err, custody.CodeNotErasable)
	erasure := sign(t, s.erasureOf(true), w.nl.officers...)
	s.file(w.as(w.nl.desk), erasure, nil)

	look := func(when string) {
		t.Helper()
		after, err := w.as(w.fr.desk).Record(ctx, s.id(), 0)
		check(t, err)
		newest := w.open(after.Checkpoint)
		gap := after.Lines[1]
		if gap.Gap == nil || gap.Gap.Reason != custody.GapErased || gap.Gap.By != origin || len(gap.Entry)+len(gap.Envelope) > 0 || !gap.Salt.IsZero() {
			t.Fatalf("%s: the erased entry is served as %+v", when, gap)
		}
		if was := before.Lines[1].Custody(); gap.Gap.Salted != was.Salted() || gap.Index != was.Index {
			t.Errorf("%s: the gap is not in the place of the entry", when)
		}
		for i, l := range after.Lines[:len(before.Lines)] {
			if i != 1 && (!bytes.Equal(l.Entry, before.Lines[i].Entry) || !bytes.Equal(l.Envelope, before.Lines[i].Envelope) || l.Salt != before.Lines[i].Salt) {
				t.Errorf("%s: entry %d is another", when, i)
			}
		}
		// The old tree is the one that it was, and a part of the new one.
		again, err := w.as(w.fr.desk).Record(ctx, s.id(), old.Size)
		check(t, err)
		if c := w.open(again.Checkpoint); c.Root != old.Root || newest.Size <= old.Size {
			t.Errorf("%s: the root of %d entries is %s, and was %s", when, old.Size, c.Root, old.Root)
		}
		book := w.replay(w.as(w.fr.desk), s.id()) // which checks each proof
		r := book.Record(s.id())
		if seq, ok := r.Undeclared(); !ok {
			t.Errorf("%s: the gap at %d is not declared", when, seq)
		}
		_, err = w.as(w.nl.desk).Annex(ctx, sum(s.annexes[s.review]))
		refused(t, when+": the annex of what was erased", err, custody.CodeNoSuchRequest)
		_, err = w.as(w.nl.desk).Submit(ctx, erasure.Envelope, nil) // a retry
		check(t, err)
	}
	look("after the erasure")
	events := 0
	p, err := w.as(w.nl.desk).Record(ctx, s.id(), 0)
	check(t, err)
	for _, l := range p.Lines {
		if e, err := custody.ParseEntry(l.Entry); err == nil && e.Event != nil && e.Event.Erased != nil {
			events++
		}
	}
	if events != 1 {
		t.Errorf("%d events say that it was erased, want 1", events)
	}
	w.stop()
	for what, b := range map[string][]byte{"envelope": envelope, "payload": []byte(base64.StdEncoding.EncodeToString(s.review.Payload())[200:300]), "annex": s.annexes[s.review][:60]} {
		if list := w.holds(b); len(list) > 0 {
			t.Errorf("the %s of what was erased is still in %v", what, list)
		}
	}
	later := w.stored("log/tile/")
	for key, b := range tiles {
		if !bytes.Equal(later[key], b) {
			t.Errorf("tile %s is another", key)
		}
	}
	if w.stored("annexes/")[annex] != nil || len(w.stored("records/")) < copies {
		t.Error("the annex is still here, or copies of others are not")
	}
	w.erasedClean("after the erasure")

	w.start()
	look("after a restart")
	_, err = w.as(w.nl.desk).Submit(ctx, s.review.Envelope, s.annexes[s.review])
	refused(t, "what was erased, filed again", err, custody.CodeRequestEnded)
	s.file(w.as(w.fr.desk), sign(t, &custody.UseReport{Header: s.header("fr", s.after), Request: s.request.SHA256, Use: "not-used", Date: s.request.Header.Issued}, w.fr.officers[0]), nil)
	b := &custody.Erasure{Header: s.header("fr", s.after), Request: s.request.SHA256, Annexes: []custody.Ref{s.refOf(0)}, Reason: "data-protection"}
	s.file(w.as(w.fr.desk), sign(t, b, w.fr.officers...), nil)
	if _, err := w.as(w.fr.desk).Annex(ctx, sum(s.annexes[s.request])); wire.CodeOf(err) == "" {
		t.Error("the annex of the request is still served")
	}
	w.stop()
	w.erasedClean("after two erasures")
}

// erasedClean is clean of a relay that has erased one entry, whose copy is nowhere.
func (w *world) erasedClean(when string) {
	w.t.Helper()
	r := w.check(w.thorough)
	w.finds(when, r)
	if n := r.Counts; n.Replayed != n.Entries-1 || n.Opened != n.Entries-1 {
		w.t.Errorf("%s: not everything was checked: %+v", when, n)
	}
}

// TestErasureOnHold: a hold that comes before the erasure is done keeps everything, and
// its lift lets go of it.
func TestErasureOnHold(t *testing.T) {
	w := newRelay(t)
	s := w.ended()
	put := s.hold(nil)
	_, err := w.as(w.nl.desk).Submit(t.Context(), sign(t, s.erasureOf(false), w.nl.officers...).Envelope, nil)
	refused(t, "an erasure on hold", err, custody.CodeOnHold)
	s.hold(put)
	w.stop()
	died := w.startApart(ledger.ErasureEntry) // it is filed, and nothing is erased yet
	st := sign(t, s.erasureOf(false), w.nl.officers...)
	if _, err := w.over(w.nl.desk, link.H2).Submit(t.Context(), st.Envelope, nil); err == nil {
		t.Error("the relay answered after its death")
	}
	died()
	w.database(func(tx *records.Tx) error { return tx.PutHold(s.id(), true) }) // as an entry of a hold would
	w.start()
	if _, err := w.as(w.nl.desk).Annex(t.Context(), sum(s.annexes[s.review])); err != nil {
		t.Errorf("on hold the annex is gone: %v", err)
	}
	w.stop()
	w.database(func(tx *records.Tx) error { return tx.PutHold(s.id(), false) })
	w.start()
	if _, err := w.as(w.nl.desk).Annex(t.Context(), sum(s.annexes[s.review])); wire.CodeOf(err) != custody.CodeNoSuchRequest {
		t.Errorf("after the lift the annex is served: %v", err)
	}
	w.stop()
	w.clean()
}

// erasurePoints are those of an erasure after its entry.
var erasurePoints = []ledger.Point{ledger.ErasureEntry, ledger.AnnexesErased, ledger.CopiesErased, ledger.ErasedEntry}

// TestEraseCrash kills the relay at each point of an erasure, and again while the next
// start goes on with it: fsck finds nothing at any time, and in the end all is gone.
func TestEraseCrash(t *testing.T) {
	slowUnderRace(t)
	w := newRelay(t)
	var all []custody.RecordID
	for _, point := range erasurePoints {
		s := w.ended()
		all = append(all, s.id())
		w.stop()
		died := w.startApart(point)
		st := sign(t, s.erasureOf(true), w.nl.officers...)
		if _, err := w.over(w.nl.desk, link.H2).Submit(t.Context(), st.Envelope, nil); err == nil {
			t.Errorf("%s: the relay answered after its death", point)
		}
		died()
		w.finds("dead at "+string(point), w.check(w.thorough))
		if point != ledger.ErasedEntry {
			w.dieStarting(point)
			w.finds("dead twice at "+string(point), w.check(w.thorough))
		}
		w.start()
		p, err := w.as(w.nl.desk).Record(t.Context(), s.id(), 0)
		check(t, err)
		if p.Lines[1].Gap == nil {
			t.Errorf("%s: the next start did not erase it", point)
		}
		w.replay(w.as(w.nl.desk), all...)
		w.stop()
		w.finds("after the start that followed "+string(point), w.check(w.thorough))
		if list := w.holds(s.review.Envelope[len(s.review.Envelope)-200:]); len(list) > 0 {
			t.Errorf("%s: it is still in %v", point, list)
		}
		w.start()
	}
}

// TestErasureDamage: fsck names what is erased and nobody said so, and what was said to be
// erased and is here.
func TestErasureDamage(t *testing.T) {
	w := newRelay(t)
	s := w.ended()
	var kept records.Entry
	w.stop()
	w.database(func(tx *records.Tx) (err error) { kept, err = tx.Line(s.id(), 1); return err })
	w.start()
	st := sign(t, s.erasureOf(true), w.nl.officers...)
	s.file(w.as(w.nl.desk), st, nil)
	w.stop()
	w.erasedClean("before the damage")
	d := &damaged{world: w}
	row := "UPDATE entries SET entry = x'" + hex.EncodeToString(kept.Entry) + "', envelope = x'" + hex.EncodeToString(kept.Envelope) + "', salt = x'" + hex.EncodeToString(kept.Salt[:]) +
		"', statement_sha256 = x'" + hex.EncodeToString(kept.Statement[:]) + "' WHERE record = '" + string(s.id()) + "' AND seq = 1"
	for _, tt := range []struct {
		name string
		do   func()
		want fsck.Code
	}{
		{"an entry that nobody had erased is empty", func() {
			d.exec("UPDATE entries SET entry = x'', envelope = x'', salt = x'', statement_sha256 = NULL WHERE record = '" + string(s.id()) + "' AND seq = 3")
		}, fsck.CodeErased},
		{"what was erased is back", func() { d.exec(row) }, fsck.CodeErased},
		{"another leaf in its place", func() {
			d.exec("UPDATE entries SET leaf = zeroblob(56) WHERE record = '" + string(s.id()) + "' AND seq = 1")
		}, fsck.CodeLeaf},
		{"work that nobody wants", func() { d.exec("INSERT INTO erasures VALUES ('" + string(s.id()) + "', 2, zeroblob(32), 1)") }, fsck.CodeErasure},
		{"its hash is forgotten", func() { d.exec("DELETE FROM erased") }, fsck.CodeErasure},
	} {
		raw, err := os.ReadFile(filepath.Join(w.dir, "relay.db"))
		check(t, err)
		tt.do()
		r := w.check(w.thorough)
		if !slices.ContainsFunc(r.Findings, func(f fsck.Finding) bool { return f.Code == tt.want }) {
			t.Errorf("%s: found %v, want %s", tt.name, r.Findings, tt.want)
		}
		check(t, os.WriteFile(filepath.Join(w.dir, "relay.db"), raw, 0o600))
	}
}

// TestErasureOnS3: on a server that keeps every version of an object, no version is left of
// what was erased, and the copies of its neighbours are there.
func TestErasureOnS3(t *testing.T) {
	slowUnderRace(t)
	w, root := onBucket(t)
	s := w.ended()
	ctx := t.Context()
	versions := func() map[string]int {
		m := map[string]int{}
		for o := range root.ListObjects(ctx, bucketName, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
			check(t, o.Err)
			if !o.IsDeleteMarker {
				m[o.Key]++
			}
		}
		return m
	}
	annex := deliver.AnnexKey(sum(s.annexes[s.review]))
	before := versions()
	if before[annex] == 0 {
		t.Fatal("there is no annex to erase")
	}
	s.file(w.as(w.nl.desk), sign(t, s.erasureOf(true), w.nl.officers...), nil)
	p, err := w.as(w.nl.desk).Record(ctx, s.id(), 0)
	check(t, err)
	gone := p.Lines[1]
	if gone.Gap == nil {
		t.Fatal("the entry is served")
	}
	w.stop()
	for key, n := range versions() {
		if key == annex {
			t.Errorf("%d versions of the annex are left", n)
		}
		var index, many int64
		if _, err := fmt.Sscanf(key[strings.LastIndexByte(key, '/')+1:], "%d.%d", &index, &many); err == nil && strings.HasPrefix(key, "records/") && index <= gone.Index && gone.Index < index+many {
			t.Errorf("%d versions of %s are left, which holds the copy of entry %d", n, key, gone.Index)
		}
	}
	w.erasedClean("on a bucket")
}
