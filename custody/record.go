package custody

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// View is what is in force outside a record: the relay that is asked, the
// authorities that it pins, and their directories. Views are values; a change
// makes a new one.
type View struct {
	Origin           string
	RelayFingerprint Digest            // of the relay's root keys, from its own record
	Pins             map[string]Digest // authority to root fingerprint
	Authorities      map[string]*Authority
}

// refs lists the directories that decide over a statement of a record, or over an
// event, of which s is nil.
func (v *View) refs(r *Record, s *Statement) []DirectoryRef {
	names := []string{}
	switch {
	case r.Case() != nil:
		names = append(names, r.Case().From, r.Case().To)
	case s != nil && s.opens():
		names = append(names, s.Parties()...)
	case s != nil && (s.Kind == KindSuspension || s.Kind == KindReport):
		names = append(names, s.Header.By)
	}
	slices.Sort(names)
	list := []DirectoryRef{}
	for _, n := range names {
		if a := v.Authorities[n]; a != nil && a.Directory != nil {
			list = append(list, DirectoryRef{n, a.Directory.Version, a.DirectorySHA256})
		}
	}
	return list
}

// With returns the view after an entry was applied to a record.
func (v *View) With(r *Record) *View {
	n := *v
	switch {
	case r.authority != nil:
		n.Authorities = map[string]*Authority{r.authority.Name: r.authority}
		for k, a := range v.Authorities {
			if k != r.authority.Name {
				n.Authorities[k] = a
			}
		}
	case r.relay != nil:
		n.RelayFingerprint = r.relay.Fingerprint()
	}
	return &n
}

// Record is a chain of entries and the state they amount to. It is not safe for
// concurrent use.
type Record struct {
	ID RecordID

	leaves     []Digest         // salted leaf hash of each entry
	acts       []act            // what each entry is
	first      Digest           // payload hash of the first statement: the record's tag derives from it
	last       Time             // of the last entry
	statements map[Digest]int64 // payload hash to seq

	authority *Authority
	relay     *Relay
	relaySHA  Digest
	kase      *Case
	events    events
	gaps      gaps
}

// NewRecord returns the empty record of that name.
func NewRecord(id RecordID) *Record {
	return &Record{ID: id, statements: map[Digest]int64{}}
}

// Len returns the number of entries.
func (r *Record) Len() int64 { return int64(len(r.leaves)) }

// First returns the payload hash of the record's first statement.
func (r *Record) First() Digest { return r.first }

// Last returns the time of the last entry, zero of an empty record.
func (r *Record) Last() Time { return r.last }

// Tip returns the last entry, or nil of an empty record.
func (r *Record) Tip() *Ref {
	if len(r.leaves) == 0 {
		return nil
	}
	return &Ref{r.Len() - 1, r.tip()}
}

// Has returns the place of the statement with that payload hash.
func (r *Record) Has(payload Digest) (seq int64, ok bool) {
	seq, ok = r.statements[payload]
	return seq, ok
}

// Authority, Relay and Case return the state of the three sorts of record; nil
// if the record is of another sort or empty.
func (r *Record) Authority() *Authority { return r.authority }

// Relay returns the descriptor in force.
func (r *Record) Relay() *Relay { return r.relay }

// Case returns the state of a request.
func (r *Record) Case() *Case { return r.kase }

func (r *Record) tip() Digest {
	if len(r.leaves) == 0 {
		return Digest{}
	}
	return r.leaves[len(r.leaves)-1]
}

// Apply adds an entry and its statement, which is nil of an event. It checks that
// they fit: place, chain, hashes, time; it does not ask whether the rules allowed
// them, Decide and DecideEvent do. After an error the record is as before.
func (r *Record) Apply(e *Entry, s *Statement, leaf Digest) error {
	if err := r.fits(e, s); err != nil {
		return err
	}
	if s == nil {
		if err := r.happened(e.Event, e.Time); err != nil {
			return fmt.Errorf("entry %d of record %q: %w", e.Seq, r.ID, err)
		}
	} else {
		if err := r.apply(e, s); err != nil {
			return fmt.Errorf("entry %d of record %q: %w", e.Seq, r.ID, err)
		}
		if len(r.leaves) == 0 {
			r.first = s.SHA256
		}
		r.statements[s.SHA256] = e.Seq
	}
	r.leaves = append(r.leaves, leaf)
	r.remember(e, s)
	r.last = e.Time
	return nil
}

// fits: the entry is the next one of this record, of that statement.
func (r *Record) fits(e *Entry, s *Statement) error {
	switch {
	case e.Record != r.ID || s != nil && s.Record() != r.ID:
		return fmt.Errorf("entry of record %q does not belong to %q", e.Record, r.ID)
	case e.Seq != r.Len():
		return fmt.Errorf("entry %d of record %q where %d was due", e.Seq, r.ID, r.Len())
	case e.Prev != r.tip():
		return fmt.Errorf("entry %d of record %q does not follow the entry before it", e.Seq, r.ID)
	case s == nil && (e.Event == nil || e.check() != nil):
		return fmt.Errorf("entry %d of record %q has no statement", e.Seq, r.ID)
	case s == nil && len(r.leaves) == 0:
		return fmt.Errorf("record %q begins with an event", r.ID)
	case s != nil && (e.Event != nil || e.Kind != s.Kind || e.Statement != s.SHA256 || e.Envelope != sha256.Sum256(s.Envelope)):
		return fmt.Errorf("entry %d of record %q names another statement", e.Seq, r.ID)
	case e.Time.Time().Before(r.last.Time()):
		return fmt.Errorf("entry %d of record %q is older than the entry before it", e.Seq, r.ID)
	case e.Time.IsZero():
		return fmt.Errorf("entry %d of record %q has no time", e.Seq, r.ID)
	case s != nil && !e.Deposit.of(s):
		return fmt.Errorf("entry %d of record %q: a seal, and only a seal, has a deposit of its size", e.Seq, r.ID)
	}
	return nil
}

// happened folds an event.
func (r *Record) happened(ev *Event, now Time) error {
	switch {
	case ev.Destroyed == nil && ev.Lapsed == nil && ev.Erased == nil:
		r.events.apply(ev, now)
		return nil
	case r.kase == nil:
		return errOrder
	case ev.Erased != nil:
		return r.erased(ev.Erased, now)
	case ev.Lapsed != nil:
		return r.kase.lapsed(ev.Lapsed.Grant, now)
	}
	return r.kase.destroyed(ev.Destroyed.Package, now)
}

func (r *Record) apply(e *Entry, s *Statement) error {
	switch b := s.Body.(type) {
	case *Root:
		r.authority = r.authority.withRoot(s)
		return nil
	case *Directory:
		if r.authority == nil {
			return errors.New("directory before root")
		}
		r.authority = r.authority.withDirectory(s)
		return nil
	case *Suspension:
		if r.authority == nil {
			return errors.New("suspension before root")
		}
		r.authority = r.authority.withSuspension(e, s)
		return nil
	case *Report:
		if r.authority == nil {
			return errors.New("report before root")
		}
		return nil
	case *Relay:
		r.relay, r.relaySHA = b, s.SHA256
		return nil
	case *Request:
		if r.kase != nil {
			return errors.New("second request in one record")
		}
		r.kase = newCase(b, e, s)
		return nil
	case *Offer:
		if r.kase != nil {
			return errors.New("offer in the record of another case")
		}
		r.kase = newOffered(b, e, s)
		return nil
	}
	if r.kase == nil {
		return errors.New("no request before it")
	}
	return r.kase.apply(e, s)
}

// refers reports whether ref names an entry of the record.
func (r *Record) refers(ref *Ref) bool {
	return ref != nil && ref.Seq < r.Len() && r.leaves[ref.Seq] == ref.Leaf
}
