package gateway_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// full makes the tests of crashes on a bucket long.
var full = flag.Bool("full", false, "kill the relay at all points also of acts that are alike, and on a bucket, twice, with a check in between")

// crashes is one relay that is killed many times, and what it acknowledged.
type crashes struct {
	*story
	told   map[int64]wire.Line // proofs that a client was given, by index
	list   []*cargo
	sealed int64
	quick  bool // leave out what a bucket makes slow: see left and kill
}

// cargo is one package on its way, with the statements that its parties sign once
// and send as often as they must.
type cargo struct {
	*bundle
	unlock, release, receipt, recall *custody.Statement
	proof                            *wire.Proof // the last one
	at                               act         // what it went through
}

// TestCrashAnywhere kills the relay at each point of each act of a package, on a
// local folder: see crashes. Without -full it leaves out some points of the entry of
// a release, which are those of a seal too.
func TestCrashAnywhere(t *testing.T) {
	slowUnderRace(t)
	newCrashes(newRelay(t)).all()
}

// TestCrashAnywhereOnS3 is TestCrashAnywhere on a real S3 server. Without -full it
// keeps the points that lie between two writes to the bucket, and leaves out the
// second kill, and the check of what is left before the next start.
func TestCrashAnywhereOnS3(t *testing.T) {
	slowUnderRace(t)
	w, root := onBucket(t)
	c := newCrashes(w)
	c.quick = !*full
	c.all()
	c.oneVersion(root)
}

func newCrashes(w *world) *crashes {
	w.t.Helper()
	s := w.agreedOn(func(g *custody.Grant) { g.MaxPackages = 1000 })
	s.accepted()
	return &crashes{story: s, told: map[int64]wire.Line{}}
}

// all runs the whole table on one relay. Whatever it acknowledged on the way must
// be there in the end.
func (k *crashes) all() {
	k.t.Helper()
	for _, c := range table() {
		if k.left(c) {
			continue
		}
		k.t.Logf("%s of a %s", c.point, c.act)
		k.kill(c)
		if k.t.Failed() {
			k.t.FailNow()
		}
	}
	book := k.replay(k.as(k.nl.lab), k.id())
	packages := book.Record(k.id()).Case().Packages
	for _, b := range k.list {
		if b.at < actSeal || b.at == actAbandon {
			continue
		}
		n := 0
		for _, p := range packages {
			if p.Package == b.id {
				n++
			}
		}
		if n != 1 {
			k.t.Errorf("the record has package %q %d times", b.id, n)
		}
	}
	if int64(len(packages)) != k.sealed {
		k.t.Errorf("the record has %d packages, %d were acknowledged", len(packages), k.sealed)
	}
	k.stop()
	k.kept()
	k.sound("in the end")
}

// entryPoints are those of an entry, whatever its kind.
var entryPoints = []ledger.Point{
	ledger.EntryDecided, ledger.EntryCommitted, ledger.EntryCopied, ledger.EntryTiled, ledger.EntrySigned, ledger.EntryPublished,
}

// left says which rows are left out.
func (k *crashes) left(c crash) bool {
	switch {
	case *full:
		return false
	case !k.quick:
		return (c.act == actRelease || c.act == actRecall && slices.Contains(entryPoints, c.point)) && c.point != ledger.EntryCommitted && c.point != ledger.EntryTiled && c.point != ledger.ReleaseEntry
	}
	return !slices.Contains([]ledger.Point{
		ledger.ReserveBegun, ledger.PartStored, ledger.SealCompleted, ledger.EntryCopied, ledger.EntrySigned, ledger.SealEntry,
		ledger.HeadStored, ledger.InnerStored, ledger.PayloadAnswered, ledger.HeadDestroyed, ledger.InnerDestroyed, ledger.AbandonRow,
	}, c.point) || (c.act == actRelease || c.act == actRecall) && slices.Contains(entryPoints, c.point)
}

// kill brings a package to an act, kills the relay in the middle of it, and looks
// at what is left; then it starts the relay again, repeats the call as an agent
// does, and brings the package home. The next kill begins with a look at that.
func (k *crashes) kill(c crash) {
	k.t.Helper()
	b := &cargo{bundle: k.packOf(1000)}
	k.list = append(k.list, b)
	first := actReserve
	if c.act == actAbandon {
		k.until(b, actPart)
		first = actAbandon
	} else {
		k.until(b, c.act-1)
		first = c.act
	}
	k.stop()
	k.sound(fmt.Sprintf("before %s of a %s", c.point, c.act))
	died := k.startApart(c.point)
	err := k.do(link.H2, b, first)
	if err == nil && c.act != actFetch {
		k.t.Errorf("%s: the relay answered after its death", c.point)
	}
	died()
	if !k.quick {
		k.only(c)
	}
	before := k.entryOf(b, c.act)
	if c.starting && !k.quick {
		k.dieStarting(c.point)
		k.only(c)
	}
	k.start()
	if c.act == actAbandon {
		_, err := k.as(k.nl.lab).Package(k.t.Context(), b.id)
		refused(k.t, "package that was given up", err, custody.CodeNoSuchPackage)
		b.at = actAbandon
		return
	}
	check(k.t, k.do(link.H3, b, c.act))
	if now := k.entryOf(b, c.act); before != nil && (now == nil || !sameEntry(*before, *now)) {
		k.t.Errorf("%s: the entry was %+v before the start, and is %+v", c.point, before, now)
	}
	k.until(b, actReceipt)
}

func sameEntry(a, b records.Entry) bool {
	return a.Index == b.Index && a.Leaf == b.Leaf && bytes.Equal(a.Entry, b.Entry) && bytes.Equal(a.Envelope, b.Envelope) && a.Salt == b.Salt
}

// until does what is left of a package's way, up to an act.
func (k *crashes) until(b *cargo, last act) {
	k.t.Helper()
	for b.at < last {
		check(k.t, k.do(link.H3, b, b.at+1))
	}
}

// do makes the calls of one act, with the statements of an earlier try.
func (k *crashes) do(transport string, b *cargo, a act) error {
	k.t.Helper()
	ctx := k.t.Context()
	who := k.nl.lab
	if a >= actRelease && a <= actReceipt {
		who = k.fr.lab
	}
	c := k.over(who, transport)
	var p *wire.Proof
	var err error
	switch a {
	case actReserve:
		err = k.room(c, b)
	case actPart:
		err = c.PutPart(ctx, b.id, b.epoch, 0, b.sums[0], b.parts[0])
	case actAbandon:
		err = c.Abandon(ctx, b.id, b.epoch)
	case actSeal:
		if b.seal == nil {
			body := k.sealBody(b.bundle)
			body.Delivery = k.sealed + 1
			b.seal = sign(k.t, body, k.nl.lab.key)
		}
		p, err = c.Seal(ctx, b.id, b.epoch, b.seal.Envelope)
	case actUnlock:
		if b.unlock == nil {
			b.unlock = k.unlockOf(b.bundle, b.proof.Checkpoint)
		}
		p, err = c.Unlock(ctx, b.id, b.unlock.Envelope, b.head, b.inner)
	case actRelease:
		if b.release == nil {
			b.release = k.releaseOf(b.bundle, k.acceptance.SHA256)
		}
		p, err = c.Release(ctx, b.id, b.release.Envelope)
	case actFetch:
		err = k.bytes(c, b)
	case actReceipt:
		if b.receipt == nil {
			b.receipt = sign(k.t, &custody.Receipt{Header: k.header("fr/agent/lab", k.after), Request: k.request.SHA256, Package: b.id,
				Seal: b.seal.SHA256, InnerStatement: sum([]byte("inner")), Scope: custody.ScopeWhole}, k.fr.lab.key)
		}
		p, err = c.Submit(ctx, b.receipt.Envelope, nil)
	case actRecall:
		if b.recall == nil {
			b.recall = k.recallOf(b.bundle, "nl/agent/lab", k.nl.lab.key)
		}
		p, err = c.Submit(ctx, b.recall.Envelope, nil)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", a, err)
	}
	if p != nil {
		k.believe(b, a, p)
	}
	b.at = a
	return nil
}

// room reserves under the id of the first try.
func (k *crashes) room(c *wire.Client, b *cargo) error {
	if b.id == "" {
		b.id = newID()
	}
	r, err := c.Reserve(k.t.Context(), wire.Reserve{Package: b.id, Request: string(k.id()), Grant: k.grant.SHA256, PayloadSize: b.size})
	if err != nil {
		return err
	}
	if r.Package != b.id {
		k.t.Errorf("reserved %q, asked for %q", r.Package, b.id)
	}
	b.epoch = r.Epoch
	return nil
}

// bytes reads head, inner file and payload.
func (k *crashes) bytes(c *wire.Client, b *cargo) error {
	payload := make([]byte, b.size)
	head, err := c.Head(k.t.Context(), b.id)
	inner, err2 := c.Inner(k.t.Context(), b.id)
	err3 := c.Payload(k.t.Context(), b.id, 0, payload)
	if err := errors.Join(err, err2, err3); err != nil {
		return err
	}
	if !bytes.Equal(head, b.head) || !bytes.Equal(inner, b.inner) || !bytes.Equal(payload, b.parts[0]) {
		k.t.Errorf("package %q came back changed", b.id)
	}
	return nil
}

// believe checks a proof and remembers it.
func (k *crashes) believe(b *cargo, a act, p *wire.Proof) {
	k.t.Helper()
	k.after = k.proven(p, k.request.SHA256)
	if st := b.statement(a); !bytes.Equal(p.Line.Envelope, st.Envelope) {
		k.t.Errorf("the proof of the %s is of another statement", a)
	}
	if a == actSeal && b.at < actSeal {
		k.sealed++
	}
	b.proof = p
	k.told[p.Line.Index] = p.Line
}

// statement is what an act files; nil if nothing.
func (b *cargo) statement(a act) *custody.Statement {
	return map[act]*custody.Statement{actSeal: b.seal, actUnlock: b.unlock, actRelease: b.release, actReceipt: b.receipt, actRecall: b.recall}[a]
}

// entryOf reads the entry of an act's statement from the database; nil if there is
// none.
func (k *crashes) entryOf(b *cargo, a act) (e *records.Entry) {
	k.t.Helper()
	st := b.statement(a)
	if st == nil {
		return nil
	}
	db, err := sqlite.Open(filepath.Join(k.dir, "relay.db"))
	check(k.t, err)
	defer db.Close()
	err = db.View(k.t.Context(), func(tx *records.Tx) error {
		found, err := tx.ByStatement(st.SHA256)
		e = &found
		return err
	})
	if errors.Is(err, records.ErrNotFound) {
		return nil
	}
	check(k.t, err)
	return e
}

// kept checks that everything that a client was told is still so.
func (k *crashes) kept() {
	k.t.Helper()
	k.database(func(tx *records.Tx) error {
		for _, index := range slices.Sorted(maps.Keys(k.told)) {
			list, err := tx.Range(index, index+1)
			if err != nil {
				return err
			}
			if l := k.told[index]; len(list) != 1 || !bytes.Equal(list[0].Entry, l.Entry) || !bytes.Equal(list[0].Envelope, l.Envelope) || list[0].Salt != l.Salt {
				k.t.Errorf("entry %d, which was acknowledged, is another", index)
			}
		}
		return nil
	})
}

// only checks what the dead relay left: nothing is wrong but what the row says.
func (k *crashes) only(c crash) {
	k.t.Helper()
	for _, f := range k.check(k.thorough).Findings {
		if !slices.Contains(c.found, f.Code) {
			k.t.Errorf("%s of a %s leaves %s: %s: %s", c.point, c.act, f.Code, f.Where, f.What)
		}
	}
}

// sound checks that nothing is wrong at all, and that there is one object of each
// file of each package.
func (k *crashes) sound(when string) {
	k.t.Helper()
	r := k.check(k.thorough)
	k.finds(when, r)
	if n := r.Counts; n.Replayed != n.Entries || n.Opened < n.Entries || n.Deposits != k.sealed || n.Reread < n.Deposits {
		k.t.Errorf("%s: not everything was checked: %+v", when, n)
	}
	want, files := map[string]int{}, map[string]int{}
	for _, b := range k.list {
		if b.at >= actSeal && b.at != actAbandon {
			want["payloads/"]++
		}
		if b.at >= actUnlock && b.at < actRecall {
			want["heads/"] += 2
		}
	}
	for _, area := range []string{"payloads/", "heads/"} {
		for _, err := range k.reader().List(k.t.Context(), area) {
			check(k.t, err)
			files[area]++
		}
	}
	if !maps.Equal(files, want) {
		k.t.Errorf("%s: the store has %v, want %v", when, files, want)
	}
}
