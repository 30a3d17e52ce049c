package test_test

import (
	"context"
	"encoding/json"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/wire"
)

// rewrite changes the record that the relay answers with from now on.
func (h *hostile) rewrite(path string, change func(*wire.RecordProof)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lie = func(asked string, body []byte) []byte {
		var p wire.RecordProof
		if asked != path || json.Unmarshal(body, &p) != nil {
			return body
		}
		change(&p)
		out, err := json.Marshal(p)
		if err != nil {
			return body
		}
		return out
	}
}

// line is a line of a record with its entry.
type line struct {
	custody.Line
	entry *custody.Entry
}

// lines reads a record from the relay's database.
func (h *hostile) lines(id custody.RecordID) (list []line) {
	h.t.Helper()
	db, err := sqlite.Open(filepath.Join(h.folder, "relay.db"))
	h.must(err)
	defer db.Close()
	h.must(db.View(context.Background(), func(tx *records.Tx) error {
		rows, err := tx.Lines(id, 0, 1<<40)
		for _, r := range rows {
			e, err := custody.ParseEntry(r.Entry)
			h.must(err)
			list = append(list, line{r.Line, e})
		}
		return err
	}))
	return list
}

// record returns the hash of a record's request, its last line, and its grants.
func (h *hostile) record(id custody.RecordID) (request custody.Digest, tip line, grants []custody.Digest) {
	h.t.Helper()
	list := h.lines(id)
	for _, l := range list {
		if l.entry.Kind == custody.KindGrant {
			grants = append(grants, l.entry.Statement)
		}
	}
	return list[0].entry.Statement, list[len(list)-1], grants
}

// entryFor is the line that a relay would make of a statement without asking the
// rules, as the next of its record and of the log.
func (h *hostile) entryFor(id custody.RecordID, st *custody.Statement) custody.Line {
	h.t.Helper()
	list := h.lines(id)
	tip := list[len(list)-1]
	e := *list[1].entry // a statement's, under the same directories
	e.Seq, e.Prev, e.Kind, e.Statement, e.Envelope = tip.entry.Seq+1, tip.Salted(), st.Kind, st.SHA256, custody.HashOf(st.Envelope)
	head := h.logHead()
	e.Time, e.Via, e.Decision, e.Deposit = head.Last, "nl/agent/desk-1", custody.Decision{Code: custody.CodeAllowed, Rule: "acceptance"}, nil
	return custody.Line{Index: head.Size, Entry: e.Marshal(), Envelope: st.Envelope, Salt: statement.NewNonce()}
}

func (h *hostile) logHead() (head records.Head) {
	h.t.Helper()
	db, err := sqlite.Open(filepath.Join(h.folder, "relay.db"))
	h.must(err)
	defer db.Close()
	h.must(db.View(context.Background(), func(tx *records.Tx) error {
		head, err = tx.Head()
		return err
	}))
	return head
}

// append writes a statement that the rules refuse into the log, as an operator can:
// the relay is stopped, its database changed, and on its next start it publishes and
// signs what it finds.
func (h *hostile) append(id custody.RecordID, st *custody.Statement) {
	h.t.Helper()
	h.end()
	l := h.entryFor(id, st)
	first := h.lines(id)[0].entry.Statement
	e, err := custody.ParseEntry(l.Entry)
	h.must(err)
	db, err := sqlite.Open(filepath.Join(h.folder, "relay.db"))
	h.must(err)
	h.must(db.Update(context.Background(), func(tx *records.Tx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		if err := tx.Append(records.Entry{Line: l, Record: id, Seq: e.Seq, Kind: e.Kind, Statement: e.Statement, Leaf: l.Leaf(first, e.Seq)}); err != nil {
			return err
		}
		head.Size++
		head.Last = e.Time
		if head.Root, err = tlog.TreeHash(head.Size, tx.Hashes()); err != nil {
			return err
		}
		return tx.SetHead(head)
	}))
	h.must(db.Close())
	h.begin()
}
