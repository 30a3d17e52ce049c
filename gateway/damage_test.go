package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"golang.org/x/mod/sumdb/tlog"
)

// damage is one sort of damage and what must be found of it: these findings and no
// other, of which the last is at a place.
type damage struct {
	name  string
	do    func(*damaged)
	want  []gateway.CheckCode
	where string
}

func one(c gateway.CheckCode) []gateway.CheckCode { return []gateway.CheckCode{c} }

// slowUnderRace skips a test of a hundred rows one after another under -short, with which the
// race detector runs: others let the same code run at once.
func slowUnderRace(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("short: one thing after another, and slow under the race detector")
	}
}

// TestFsck plants one damage of each sort in a relay that is otherwise whole.
func TestFsck(t *testing.T) {
	slowUnderRace(t)
	k := newChecked(newRelay(t))
	for _, list := range [][]damage{logDamage, eventDamage, treeDamage, publishedDamage, packageDamage, objectDamage} {
		for _, c := range list {
			t.Run(c.name, func(t *testing.T) {
				d := k.copyOf(t)
				c.do(d)
				r := d.check(d.recovering)
				d.finds(c.name, r, c.want...)
				if n := len(r.Findings); n > 0 && !strings.Contains(r.Findings[n-1].Where, c.where) {
					t.Errorf("found at %q, want %q", r.Findings[n-1].Where, c.where)
				}
			})
		}
	}
	t.Run("notes", func(t *testing.T) { k.notes(t) })
	t.Run("changes nothing", func(t *testing.T) { k.changesNothing(t) })
	t.Run("needs no key", func(t *testing.T) { k.needsNoKey(t) })
	t.Run("old database", func(t *testing.T) { k.oldDatabase(t) })
}

// The entries of newChecked: relay, probed, three roots and directories, request,
// review, grant, acceptance, seal, unlock, release, seal, request, review, denied,
// counted.
const (
	atProbed  = 1
	atReview  = 9
	atGrant   = 10
	atSeal    = 12
	atDenied  = 18
	atCounted = 19
	atLast    = 19
)

var logDamage = []damage{
	{"entry garbage", func(d *damaged) { d.exec("UPDATE entries SET entry = x'7b7d' WHERE idx = 10") }, one("entry"), "entry 10"},
	{"envelope garbage", func(d *damaged) { d.exec("UPDATE entries SET envelope = x'7b7d' WHERE idx = 10") }, one("envelope"), "entry 10"},
	{"envelope of another entry", func(d *damaged) {
		d.exec("UPDATE entries SET envelope = (SELECT envelope FROM entries WHERE idx = 10) WHERE idx = 11")
	}, one("entry-statement"), "entry 11"},
	{"carrier", func(d *damaged) { d.entry(atGrant, func(e *custody.Entry) { e.Via = "nl/agent/lab" }) }, one("leaf"), "entry 10"},
	{"prev", func(d *damaged) { d.entry(atGrant, func(e *custody.Entry) { e.Prev[0] ^= 1 }) }, one("chain"), "entry 10"},
	{"time", func(d *damaged) {
		d.entry(atGrant, func(e *custody.Entry) { e.Time = statement.At(e.Time.Time().Add(-time.Hour)) })
	}, one("time"), "entry 10"},
	{"salt", func(d *damaged) { d.exec("UPDATE entries SET salt = zeroblob(32) WHERE idx = 10") }, one("leaf"), "entry 10"},
	{"leaf", func(d *damaged) { d.exec("UPDATE entries SET leaf = zeroblob(56) WHERE idx = 10") }, one("leaf"), "entry 10"},
	{"leaf of another record", func(d *damaged) {
		d.exec("UPDATE entries SET leaf = (SELECT leaf FROM entries WHERE idx = 16) WHERE idx = 8")
	}, one("leaf"), "entry 8"},
	{"kind column", func(d *damaged) { d.exec("UPDATE entries SET kind = 'refusal' WHERE idx = 10") }, one("entry-column"), "entry 10"},
	{"record column", func(d *damaged) { d.exec("UPDATE entries SET record = 'authority/xx' WHERE idx = 10") }, one("entry-column"), "entry 10"},
	{"statement column", func(d *damaged) { d.exec("UPDATE entries SET statement_sha256 = zeroblob(32) WHERE idx = 10") }, one("entry-column"), "entry 10"},
	{"short salt", func(d *damaged) { d.exec("UPDATE entries SET salt = x'00' WHERE idx = 19") }, []gateway.CheckCode{"row", "entry-missing"}, "entry 19"},
	{"entry missing", func(d *damaged) { d.exec("DELETE FROM entries WHERE idx = 9") }, one("entry-missing"), "entry 9"},
	{"first entry of a record missing", func(d *damaged) { d.exec("DELETE FROM entries WHERE idx = 2") }, one("entry-missing"), "entry 2"},
	{"last entry missing", func(d *damaged) { d.exec("DELETE FROM entries WHERE idx = 19") }, one("entry-missing"), "entry 19"},
	{"entry beyond", func(d *damaged) {
		d.exec(`INSERT INTO entries SELECT 99, 'authority/xx', seq, kind, zeroblob(32), entry, envelope, salt, leaf FROM entries WHERE idx = 10`)
	}, one("entry-stray"), "entry 99"},
	{"pin", func(d *damaged) { d.exec("UPDATE pins SET fingerprint = zeroblob(32) WHERE authority = 'nl'") }, one("replay"), "entry 2"},
	{"pin of one byte", func(d *damaged) { d.exec("UPDATE pins SET fingerprint = x'00' WHERE authority = 'nl'") }, []gateway.CheckCode{"row", "replay"}, "entry 2"},
	{"party missing", func(d *damaged) {
		d.exec("DELETE FROM parties WHERE record = ? AND authority = 'nl'", string(d.of.request))
	}, one("party"), "record"},
	{"party too many", func(d *damaged) { d.exec("INSERT INTO parties VALUES ('de', ?)", string(d.of.request)) }, one("party"), "record"},
}

var eventDamage = []damage{
	{"event with an envelope", func(d *damaged) { d.unchecked("UPDATE entries SET envelope = x'7b7d' WHERE idx = 18") }, one("entry-statement"), "entry 18"},
	{"event with a statement", func(d *damaged) {
		d.unchecked("UPDATE entries SET statement_sha256 = zeroblob(32) WHERE idx = 18")
	}, one("entry-column"), "entry 18"},
	{"event of another kind", func(d *damaged) { d.exec("UPDATE entries SET kind = 'probed' WHERE idx = 18") }, one("entry-column"), "entry 18"},
	{"event garbage", func(d *damaged) { d.exec("UPDATE entries SET entry = x'7b7d' WHERE idx = 1") }, one("entry"), "entry 1"},
	{"statement without an envelope", func(d *damaged) {
		d.exec("UPDATE entries SET envelope = x'', statement_sha256 = NULL WHERE idx = 10")
	}, one("envelope"), "entry 10"},
	{"statement without its hash", func(d *damaged) { d.unchecked("UPDATE entries SET statement_sha256 = NULL WHERE idx = 10") }, one("entry-column"), "entry 10"},
	{"probe altered", func(d *damaged) { d.entry(atProbed, func(e *custody.Entry) { e.Event.Probed.LocksCompliance = true }) }, one("leaf"), "entry 1"},
	{"denial altered", func(d *damaged) { d.entry(atDenied, func(e *custody.Entry) { e.Event.Denied.By = "fr/agent/desk" }) }, one("leaf"), "entry 18"},
	{"count altered", func(d *damaged) { d.entry(atCounted, func(e *custody.Entry) { e.Event.Counted.Counts[0].Count++ }) }, one("leaf"), "entry 19"},
	{"event missing", func(d *damaged) { d.exec("DELETE FROM entries WHERE idx = 1") }, one("entry-missing"), "entry 1"},
	{"second denial in one hour", func(d *damaged) { d.deny("fr/agent/desk"); d.deny("fr/agent/desk") }, one("replay"), "entry 21"},
	{"denial to a stranger", func(d *damaged) { d.deny("de/agent/lab") }, one("replay"), "entry 20"},
}

// unchecked is exec past the constraints of the table.
func (d *damaged) unchecked(query string) {
	d.t.Helper()
	d.exec("PRAGMA ignore_check_constraints = 1; " + query)
}

// deny logs a denial to an agent as a relay does that does not ask the rules:
// chain, leaf, hashes and head fit.
func (d *damaged) deny(by custody.PartyID) {
	d.t.Helper()
	db, err := sqlite.Open(filepath.Join(d.dir, "relay.db"))
	check(d.t, err)
	defer db.Close()
	check(d.t, db.Update(d.t.Context(), func(tx *records.Tx) error {
		head, err := tx.Head()
		check(d.t, err)
		lines, err := tx.Lines(d.of.request, 0, head.Size)
		check(d.t, err)
		last := lines[len(lines)-1]
		e, err := custody.ParseEntry(last.Entry) // of the honest denial, or of the one before
		check(d.t, err)
		e.Seq, e.Prev, e.Time, e.Event.Denied.By = last.Seq+1, last.Salted(), head.Last, by
		l := custody.Line{Index: head.Size, Entry: e.Marshal(), Salt: statement.NewNonce()}
		row := records.Entry{Line: l, Record: last.Record, Seq: e.Seq, Kind: e.Kind, Leaf: l.Leaf(lines[0].Statement, e.Seq)}
		check(d.t, tx.Append(row))
		head.Size++
		head.Root, err = tlog.TreeHash(head.Size, tx.Hashes())
		check(d.t, err)
		return tx.SetHead(head)
	}))
}

var treeDamage = []damage{
	{"hash of a leaf", func(d *damaged) { d.exec("UPDATE log_hash SET hash = zeroblob(32) WHERE idx = 4") }, one("log-hash"), "log hash 4"},
	{"hash of a node", func(d *damaged) { d.exec("UPDATE log_hash SET hash = zeroblob(32) WHERE idx = 2") }, one("log-hash"), "log hash 2"},
	{"hash missing", func(d *damaged) { d.exec("DELETE FROM log_hash WHERE idx = 6") }, one("log-hash"), "log hash 6"},
	{"hash beyond", func(d *damaged) { d.exec("INSERT INTO log_hash VALUES (99999, zeroblob(32))") }, one("log-hash"), "log hash 99999"},
	{"head size", func(d *damaged) { d.exec("UPDATE log_head SET size = size - 1") }, one("log-head"), ""},
	{"head size above", func(d *damaged) { d.exec("UPDATE log_head SET size = size + 1") }, one("log-head"), ""},
	{"head root", func(d *damaged) { d.exec("UPDATE log_head SET root = zeroblob(32)") }, one("log-head"), ""},
	{"head time", func(d *damaged) { d.exec("UPDATE log_head SET last_time = last_time + 1") }, one("log-head"), ""},
	{"no head", func(d *damaged) { d.exec("DELETE FROM log_head") }, one("log-head"), ""},
	{"checkpoint by another key", func(d *damaged) {
		d.exec("UPDATE checkpoints SET note = ? WHERE size = 12", d.foreign(12))
	}, one("checkpoint"), "checkpoint 12"},
	{"checkpoint of another size", func(d *damaged) {
		d.exec("UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 11) WHERE size = 12")
	}, one("checkpoint"), "checkpoint 12"},
	{"checkpoint of another root", func(d *damaged) {
		d.exec("UPDATE checkpoints SET note = ? WHERE size = 12", d.own(12))
	}, one("checkpoint"), "checkpoint 12"},
	{"cosigned by another key", func(d *damaged) {
		d.exec("INSERT INTO cosigned VALUES (12, ?, ?)", d.foreign(12), d.foreign(12))
	}, one("cosigned"), "cosigned checkpoint 12"},
	{"cosigned, then another root", func(d *damaged) {
		d.exec("INSERT INTO cosigned VALUES (12, (SELECT note FROM checkpoints WHERE size = 12), ?)", d.own(12))
	}, one("cosigned"), "cosigned checkpoint 12"},
	{"cosigned beyond", func(d *damaged) {
		d.exec("INSERT INTO cosigned VALUES (99, ?, ?)", d.own(99), d.own(99))
	}, one("cosigned"), "cosigned checkpoint 99"},
	{"checkpoint beyond", func(d *damaged) {
		d.exec("INSERT INTO checkpoints VALUES (99, ?)", d.own(99))
	}, one("checkpoint"), "checkpoint 99"},
}

// foreign is a checkpoint of this origin by a key that is not the log's.
func (d *damaged) foreign(size int64) []byte {
	d.t.Helper()
	key, _, err := translog.GenerateLog(origin)
	check(d.t, err)
	return d.signed(key, size)
}

// own is a checkpoint by the log's key of a tree that never was.
func (d *damaged) own(size int64) []byte {
	d.t.Helper()
	return d.signed(d.logKey(), size)
}

func (d *damaged) signed(key string, size int64) []byte {
	d.t.Helper()
	s, err := translog.ParseLog(key, origin)
	check(d.t, err)
	note, err := translog.Sign(translog.Checkpoint{Origin: origin, Size: size, Root: sha256.Sum256([]byte("another"))}, s, time.Now())
	check(d.t, err)
	return note
}

// put stores a small object as the relay would.
func (d *damaged) put(key string, data []byte) {
	d.t.Helper()
	store, err := dir.New(filepath.Join(d.dir, "store"))
	check(d.t, err)
	defer store.Close()
	_, err = store.Put(d.t.Context(), key, data, objects.Replace)
	check(d.t, err)
}

var publishedDamage = []damage{
	{"tile", func(d *damaged) { d.flip(d.path("log/tile/0/000.p/20", "@object"), 1) }, one("tile"), "log/tile/0/000.p/20"},
	{"bundle", func(d *damaged) { d.flip(d.path("log/tile/entries/000.p/20", "@object"), 1) }, one("tile"), "entries/000.p/20"},
	{"older tile", func(d *damaged) { d.flip(d.path("log/tile/0/000.p/8", "@object"), 1) }, one("tile"), "log/tile/0/000.p/8"},
	{"tile missing", func(d *damaged) { d.remove("log/tile/entries/000.p/20") }, one("tile-missing"), "entries/000.p/20"},
	{"tile of a larger tree", func(d *damaged) { d.put("log/tile/0/000.p/21", make([]byte, 21*32)) }, one("tile-beyond"), "000.p/21"},
	{"file in the log", func(d *damaged) { d.put("log/tile/0/0", nil) }, one("orphan"), "log/tile/0/0"},
	{"old checkpoint", func(d *damaged) { d.put("log/checkpoint", d.of.old) }, one("behind"), "log/checkpoint"},
	{"foreign checkpoint", func(d *damaged) { d.put("log/checkpoint", d.foreign(20)) }, one("stored-checkpoint"), "log/checkpoint"},
	{"forked checkpoint", func(d *damaged) { d.put("log/checkpoint", d.own(20)) }, one("stored-checkpoint"), "log/checkpoint"},
	{"checkpoint ahead", func(d *damaged) { d.put("log/checkpoint", d.own(21)) }, one("ahead"), "log/checkpoint"},
	{"checkpoint missing", func(d *damaged) { d.remove("log/checkpoint") }, one("stored-checkpoint"), "log/checkpoint"},
	{"cosigned checkpoint that no row knows", func(d *damaged) { d.put("log/cosigned/12", d.own(12)) }, one("cosigned"), "log/cosigned/12"},
	{"cosigned checkpoint by another key", func(d *damaged) { d.put("log/cosigned/newest", d.foreign(12)) }, one("cosigned"), "log/cosigned/newest"},
	{"cosigned checkpoint ahead", func(d *damaged) { d.put("log/cosigned/newest", d.own(21)) }, one("ahead"), "log/cosigned/newest"},
	{"copy missing", func(d *damaged) { d.remove("records/0000000000/0000000000000010.1") }, one("copy-missing"), "entry 10"},
	{"last copy missing", func(d *damaged) { d.remove("records/0000000000/0000000000000019.1") }, one("copy-missing"), "entry 19"},
	{"copy of another index", func(d *damaged) {
		d.edit(d.path("records/0000000000/0000000000000010.1", "@object"), func(b []byte) []byte { b[256+7] ^= 1; return b })
	}, one("copy"), "0000000000000010.1"},
	{"copy of other bytes", func(d *damaged) { d.flip(d.path("records/0000000000/0000000000000010.1", "@object"), 20) }, one("copy"), "0000000000000010.1"},
	{"copy of another line", func(d *damaged) {
		e := custody.Line{Index: 10, Entry: d.blob("SELECT entry FROM entries WHERE idx = 10"), Envelope: d.blob("SELECT envelope FROM entries WHERE idx = 10")}
		d.put("records/0000000000/0000000000000010.1", d.copies(e))
	}, one("copy"), "0000000000000010.1"},
	{"copy of a shorter line", func(d *damaged) { d.put("records/0000000000/0000000000000010.1", d.copies(custody.Line{Index: 10})) },
		one("copy"), "0000000000000010.1"},
	{"copy of no entry", func(d *damaged) { d.put("records/0000000000/0000000000000099.1", d.copies(custody.Line{Index: 109})) },
		one("copy-beyond"), "0000000000000099.1"},
	{"copy cut", func(d *damaged) {
		d.edit(d.path("records/0000000000/0000000000000010.1", "@object"), func(b []byte) []byte { return b[:len(b)-1] })
	}, one("unreadable"), "0000000000000010.1"},
	{"file in the records", func(d *damaged) { d.put("records/x", nil) }, one("orphan"), "records/x"},
}

// copies seals lines as the relay does.
func (d *damaged) copies(lines ...custody.Line) []byte {
	d.t.Helper()
	id, err := seal.ParseIdentity(d.recovery)
	check(d.t, err)
	b, err := ledger.SealCopies(lines, id.Recipient())
	check(d.t, err)
	return b
}

// notes: what is no difference is named apart.
func (k *checked) notes(t *testing.T) {
	r := k.copyOf(t).clean()
	if len(r.Notes) != 1 || r.Notes[0].Code != "open" || !strings.Contains(r.Notes[0].Where, k.open.id) || !strings.Contains(r.Notes[0].What, "1 of 1") {
		t.Errorf("notes %v, want the open reservation", r.Notes)
	}
	if n := r.Counts; n.Packages != 4 || n.Deposits != 2 || n.Parts < 5 || n.Reread != 4 || n.Entries != atLast+1 || n.Annexes != 4 {
		t.Errorf("counts %+v", n)
	}
}

// changesNothing compares all files before and after, on a relay that was stopped
// and on one that was killed in the middle of a write.
func (k *checked) changesNothing(t *testing.T) {
	d := k.copyOf(t)
	before := d.files()
	d.clean()
	if after := d.files(); after != before {
		t.Errorf("files before %s, after %s", before, after)
	}
	d.start()
	s := d.begin()
	d.stop()
	died := d.startApart("ledger/after-copy")
	file, ref := s.annex("findings", d.nl)
	review := sign(t, &custody.Review{Header: s.header("nl", s.after), Request: s.request.SHA256,
		Body: "judicial", Finding: custody.FindingNoObjection, Annex: ref}, d.nl.officers[0])
	if _, err := d.over(d.nl.desk, "h2").Submit(t.Context(), review.Envelope, file); err == nil {
		t.Error("the relay answered after its death")
	}
	died()
	before = d.files()
	if !strings.Contains(before, "relay.db-wal") {
		t.Error("the crash left no write-ahead log")
	}
	r := d.check(d.recovering)
	d.finds("committed, not published", r)
	if r.Counts.Entries != d.of.entries+2 || !has(r.Notes, "unpublished") {
		t.Errorf("%d entries, notes %v", r.Counts.Entries, r.Notes)
	}
	if after := d.files(); after != before {
		t.Errorf("after a crash: files before %s, after %s", before, after)
	}
}

func has(list []gateway.CheckFinding, code gateway.CheckCode) bool {
	for _, f := range list {
		if f.Code == code {
			return true
		}
	}
	return false
}

// files is a digest of each file, but for the index of the write-ahead log, which
// follows from it.
func (d *damaged) files() string {
	d.t.Helper()
	var b bytes.Buffer
	check(d.t, filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "-shm") {
			return err
		}
		i, err := e.Info()
		if err == nil && e.Type().IsRegular() {
			data, err := os.ReadFile(path)
			fmt.Fprintf(&b, "%s %v %s %x %v\n", path, i.Mode(), i.ModTime(), sha256.Sum256(data), err)
			return err
		}
		fmt.Fprintln(&b, path)
		return err
	}))
	return b.String()
}

// needsNoKey: without the recovery identity the sizes of copies are checked, and
// without --deep the store's checksums.
func (k *checked) needsNoKey(t *testing.T) {
	d := k.copyOf(t)
	d.flip(d.path("records/0000000000/0000000000000010.1", "@object"), 20)
	d.flip(d.path(d.payload(), "@object/@data"), 1)
	r := d.check(nil)
	d.finds("not opened", r)
	if r.Counts.Opened != 0 || r.Counts.Reread != 0 || r.Counts.Copies != d.of.entries {
		t.Errorf("counts %+v", r.Counts)
	}
	d.put("records/0000000000/0000000000000010.1", d.copies(custody.Line{Index: 10}))
	d.finds("copy of another size", d.check(nil), "copy")
}

// oldDatabase: an old backup beside a newer store is named as what it is.
func (k *checked) oldDatabase(t *testing.T) {
	d := k.copyOf(t)
	b, err := os.ReadFile(filepath.Join(d.dir, "relay.db"))
	check(t, err)
	d.start()
	d.begin()
	d.stop()
	check(t, os.WriteFile(filepath.Join(d.dir, "relay.db"), b, 0o600))
	r := d.check(d.recovering)
	for _, code := range []gateway.CheckCode{"ahead", "tile-beyond", "copy-beyond"} {
		if !has(r.Findings, code) {
			t.Errorf("found %v, not %q", r.Findings, code)
		}
	}
}
