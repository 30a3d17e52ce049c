package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
)

// DirectoryChange is a root or a directory that came into force, with who signed it.
type DirectoryChange struct {
	Authority string
	Time      custody.Time // of the entry in the log
	Seq       int64        // in the authority's record
	Root      *custody.Root
	Old, New  *custody.Directory // nil, nil of a root
	Signed    []custody.PartyID  // registrars, sorted; of a root none: its keys have no names
	Alone     bool               // one registrar signed, which revokes and does nothing else
}

// DirectoryChanges lists the roots and directories in an authority's record from a
// place of it on. It must be one of those that the snapshot proves.
func (s *Snapshot) DirectoryChanges(authority string, from int64) ([]DirectoryChange, error) {
	var list []DirectoryChange
	var root *custody.Root
	var old *custody.Directory
	for _, l := range s.Records[custody.AuthorityRecord(authority)] {
		c := l.Custody()
		e, st, err := c.Parse()
		if err != nil {
			return nil, err
		}
		if st == nil {
			continue
		}
		ch := DirectoryChange{Authority: authority, Time: e.Time, Seq: e.Seq}
		switch b := st.Body.(type) {
		case *custody.Root:
			root, ch.Root = b, b
		case *custody.Directory:
			ch.Old, ch.New, ch.Signed = old, b, registrars(root, st.Signers())
			ch.Alone = len(ch.Signed) == 1
			old = b
		default:
			continue
		}
		if e.Seq >= from {
			list = append(list, ch)
		}
	}
	return list, nil
}

// registrars returns the names of those of a root whose keys are listed.
func registrars(root *custody.Root, ids []keys.ID) []custody.PartyID {
	var list []custody.PartyID
	if root == nil {
		return nil
	}
	for _, l := range root.Registrars {
		if _, k, err := custody.ParseEnrolment(l.Enrolment); err == nil && slices.Contains(ids, k.ID()) {
			list = append(list, l.ID)
		}
	}
	slices.Sort(list)
	return list
}

// Who writes who signed a change.
func (c *DirectoryChange) Who() string {
	if c.Root != nil {
		return "the root keys"
	}
	var names []string
	for _, id := range c.Signed {
		names = append(names, string(id))
	}
	who := strings.Join(names, " and ")
	if c.Alone {
		who += " alone"
	}
	return who
}

// The readers of news, each of which is told everything once.
const (
	ReaderPeople = "people" // who use commands in this home
	readerDaemon = "daemon" // the log of the daemon
	readerSender = "sender" // who seals to another authority
)

// News lists the changes of an authority's directory that a reader in this home has not
// been told, and returns a function that remembers that it was. Who crashes before it is
// called is told again. A reader who looks for the first time hears nothing: there is
// nothing yet that would have changed.
func (s *Session) News(snap *Snapshot, authority, reader string) ([]DirectoryChange, func() error, error) {
	path := s.relayPath("told", reader, authority)
	next := snap.Book.Record(custody.AuthorityRecord(authority))
	if next == nil {
		return nil, func() error { return nil }, nil
	}
	told := func() error {
		if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return durable.WriteFile(path, fmt.Appendf(nil, "%d\n", next.Len()), 0o600)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, told, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading what was told of %q: %w", authority, err)
	}
	from, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil || from < 0 {
		from = 0 // spoilt: better twice than never
	}
	if from == next.Len() {
		return nil, func() error { return nil }, nil
	}
	list, err := snap.DirectoryChanges(authority, from)
	return list, told, err
}

// keysChanged tells which of the recipients that are about to be sealed to have other
// keys than when this home last looked, and who signed that.
func (a *Agent) keysChanged(s *Session, snap *Snapshot, authority string, recipients []custody.RecipientRef) error {
	list, told, err := s.News(snap, authority, readerSender)
	if err != nil {
		return err
	}
	for _, c := range list {
		for _, r := range recipients {
			if c.New == nil || !newKey(c.Old, c.New, r.ID) {
				continue
			}
			fmt.Fprintf(a.out, "warning: %s has a new key since %s, by directory version %d of %s, signed by %s\n",
				r.ID, c.Time, c.New.Version, authority, c.Who())
			a.log.Warn("a recipient has a new key", "recipient", string(r.ID), "version", c.New.Version, "signed", c.Who())
		}
	}
	return told()
}

// newKey reports whether a directory lists a party with another enrolment than the one
// before, or for the first time.
func newKey(old, next *custody.Directory, id custody.PartyID) bool {
	find := func(b *custody.Directory) []byte {
		if b == nil {
			return nil
		}
		for _, l := range b.Entries {
			if l.ID == id {
				return l.Enrolment
			}
		}
		return nil
	}
	n := find(next)
	return n != nil && string(n) != string(find(old))
}

// reportEvery is how often the daemon repeats what expires soon.
const reportEvery = 24 * time.Hour

// reportDue reports once a day, and when the relay says that something in the record of
// the own authority is new. It fails where the relay has to be asked again.
func (d *daemon) reportDue(ctx context.Context, s *Session) error {
	now := d.a.now()
	if !d.reported.IsZero() && now.Sub(d.reported) < reportEvery {
		return nil
	}
	d.reported = now
	err := d.report(ctx, s)
	if err != nil && !errors.Is(err, ErrTryLater) {
		d.a.log.Error("the record of the own authority could not be read", "code", codeOf(err), "error", err)
		return nil
	}
	return err
}

// report writes to the daemon's log what changed in the directory of its authority, and
// what of it ends soon.
func (d *daemon) report(ctx context.Context, s *Session) error {
	name := d.a.home.Authority()
	snap, err := s.Sync(ctx, "", name)
	if err != nil {
		return err
	}
	list, told, err := s.News(snap, name, readerDaemon)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Root != nil {
			d.a.log.Warn("the root has changed", "version", c.Root.Version, "at", c.Time.String())
		} else {
			d.a.log.Warn("the directory has changed", "version", c.New.Version, "at", c.Time.String(), "signed", c.Who(), "entries", strings.Join(changed(c.Old, c.New), ", "))
		}
	}
	now := d.a.now()
	for _, e := range Expiring(snap.Book.View(), name, now) {
		d.a.log.Warn("something expires soon", "what", e.What, "at", e.At.String(), "urgent", e.Urgent, "renew", e.Renew)
	}
	return told()
}

// changed lists the entries that differ, with their standing.
func changed(old, next *custody.Directory) []string {
	var list []string
	for _, l := range next.Entries {
		if old == nil || !slices.ContainsFunc(old.Entries, l.Equal) {
			list = append(list, string(l.ID)+" "+l.Status)
		}
	}
	return list
}
