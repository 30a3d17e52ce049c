package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
	"comity.example/comity/custody/notice"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/wire"
)

const (
	noticesFolder = "notices"
	noticeSuffix  = ".notice"
	maxNotices    = 1000

	// ProofWithin is how long the relay has to answer, and to prove that what stops
	// something is in its log.
	ProofWithin = 60 * time.Second
)

// NotEnteredError says that the relay gave no proof in time that a statement that stops
// something is in its log. The statement is signed, and a file has all that the other
// State needs to heed it; here it is heeded already. Filing it again is safe.
type NotEnteredError struct {
	Kind custody.Kind
	To   []string // the authorities of the case, or of the pair
	Path string   // of the file to hand over
	Err  error    // why there is no proof
}

// Error says what is missing.
func (e *NotEnteredError) Error() string {
	return fmt.Sprintf("the %s is signed, and the relay has not proved that its log holds it: %v", e.Kind, e.Err)
}

// Unwrap returns why, and that it may be filed later.
func (e *NotEnteredError) Unwrap() []error {
	if errors.Is(e.Err, ErrVerify) {
		return []error{e.Err}
	}
	return []error{e.Err, ErrTryLater}
}

// ErrNoticed is wrapped, with ErrTryLater, where nothing moves because of a notice that was
// taken here and that the relay's record does not hold.
var ErrNoticed = fmt.Errorf("it was stopped by a notice: %w", ErrTryLater)

// Notice is one that this home has made, or taken from another State.
type Notice struct {
	Path      string
	Statement *custody.Statement
	Annex     []byte
	Made      custody.Time
}

// FileStop files a statement that stops something. The relay has a minute to prove that
// it is in the log; else the statement is kept as a notice in this home, an alarm is
// raised, and the error is a *NotEnteredError. That the rules refuse it, by a record that
// was proven after the relay's answer, is no such case.
func (s *Session) FileStop(ctx context.Context, snap *Snapshot, first custody.Digest, st *custody.Statement, annex []byte) (*custody.Entry, error) {
	within, done := context.WithTimeout(ctx, s.agent.within)
	defer done()
	e, err := s.File(within, first, st, annex)
	if err == nil || ctx.Err() != nil || s.ruledOut(within, st, err) {
		return e, err
	}
	return nil, s.HandOver(snap, st, annex, err)
}

// ruledOut reports whether the record, read anew, allows a statement no more: what a relay
// answers counts for nothing.
func (s *Session) ruledOut(ctx context.Context, st *custody.Statement, err error) bool {
	var p *wire.Problem
	if !errors.As(err, &p) || transient(err) {
		return false
	}
	var snap *Snapshot
	if custody.CheckID(string(st.Record())) == nil {
		snap, err = s.Sync(ctx, string(st.Record()))
	} else {
		snap, err = s.Sync(ctx, "", st.Header.By)
	}
	return err == nil && !s.Decide(snap, st).Allowed()
}

// HandOver keeps a statement that stops something as a notice, raises an alarm, and returns
// the *NotEnteredError that says where the file is.
func (s *Session) HandOver(snap *Snapshot, st *custody.Statement, annex []byte, why error) error {
	n := &notice.Notice{Made: statement.At(s.agent.now()), Envelope: st.Envelope, Annex: annex, Roots: [][]byte{}, Directories: [][]byte{}}
	by := custody.PartyID(st.Header.By).Authority()
	for _, l := range snap.Records[custody.AuthorityRecord(by)] {
		c := l.Custody()
		_, o, err := c.Parse()
		if err != nil {
			return err
		}
		switch {
		case o == nil:
		case o.Kind == custody.KindRoot:
			n.Roots = append(n.Roots, o.Envelope)
		case o.Kind == custody.KindDirectory:
			n.Directories = append(n.Directories, o.Envelope)
		}
	}
	data := n.Marshal()
	if err := n.Verify(s.agent.home.Trust.Pins()[by], n.Made); err != nil {
		return fmt.Errorf("%w; and it cannot be handed over: %w", why, err)
	}
	path, err := s.agent.home.keepNotice(st, data)
	if err != nil {
		return fmt.Errorf("%w; and it cannot be handed over: %w", why, err)
	}
	s.raise(alarm.Alarm{Kind: alarm.KindNotEntered, Record: st.Record(), Statement: st.Envelope,
		Words: bounded4k(fmt.Sprintf("the relay has not proved that its log holds a %s by %s: %v", st.Kind, st.Header.By, why))})
	return &NotEnteredError{Kind: st.Kind, To: others(snap, st, by), Path: path, Err: why}
}

// others lists the authorities that a statement stops, but for its own.
func others(snap *Snapshot, st *custody.Statement, own string) (list []string) {
	parties := []string{}
	if b, ok := st.Body.(*custody.Suspension); ok {
		parties = []string{b.With}
	} else if c := snap.Case(string(st.Record())); c != nil {
		parties = []string{c.From, c.To}
	}
	for _, p := range parties {
		if p != own {
			list = append(list, p)
		}
	}
	return list
}

func (h *Home) keepNotice(st *custody.Statement, data []byte) (path string, err error) {
	path = h.path(noticesFolder, custody.RequestID(st.SHA256)+noticeSuffix)
	list, err := h.Notices()
	if err != nil {
		return "", err
	}
	if len(list) >= maxNotices {
		return "", fmt.Errorf("this home has %d notices already", len(list))
	}
	if err := durable.MkdirAll(h.path(noticesFolder), 0o700); err != nil {
		return "", err
	}
	return path, durable.WriteFile(path, data, 0o600)
}

// Notices lists the notices of this home. One that cannot be read is an error: it may
// stop what is about to move.
func (h *Home) Notices() (list []Notice, err error) {
	files, err := os.ReadDir(h.path(noticesFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing notices: %w", err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), noticeSuffix) || durable.IsTemp(f.Name()) {
			continue
		}
		path := h.path(noticesFolder, f.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading notice: %w", err)
		}
		n, st, err := notice.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", path, err)
		}
		list = append(list, Notice{path, st, n.Annex, n.Made})
	}
	return list, nil
}

// TakeNotice verifies a notice that another State, or another machine of the own one, has
// handed over, and keeps it: from then on nothing moves here that it stops, whether or not
// the relay's record holds it. It must be for the relay that this home uses, by an
// authority that it pins.
func (a *Agent) TakeNotice(data []byte) (*Notice, error) {
	n, st, err := notice.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrVerify)
	}
	pin, err := a.home.Trust.Relay(a.home.Config.Relay)
	if err != nil {
		return nil, err
	}
	if st.Header.Relay != pin.Origin {
		return nil, fmt.Errorf("the notice is for relay %q, this home uses %q: %w", st.Header.Relay, pin.Origin, ErrVerify)
	}
	by := custody.PartyID(st.Header.By).Authority()
	root, ok := a.home.Trust.Pins()[by]
	if !ok {
		return nil, fmt.Errorf("the notice is by authority %q, whose root is not pinned here: %w", by, ErrVerify)
	}
	if err := n.Verify(root, statement.At(a.now())); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrVerify)
	}
	path, err := a.home.keepNotice(st, data)
	if err != nil {
		return nil, err
	}
	return &Notice{path, st, n.Annex, n.Made}, nil
}

// FileNotice files the statement of a notice over a desk's session, of either party: what
// only stops something both may carry. It returns the entry of it, also if the record
// holds it already; nil if its record is not there, or the rules refuse it now.
func (s *Session) FileNotice(ctx context.Context, n *Notice) (*custody.Entry, error) {
	id := n.Statement.Record()
	snap, err := s.syncFor(ctx, id)
	if err != nil {
		return nil, err
	}
	r := snap.Book.Record(id)
	if seq, ok := r.Has(n.Statement.SHA256); ok {
		return custody.ParseEntry(snap.Records[id][seq].Entry)
	}
	if d := s.Decide(snap, n.Statement); !d.Allowed() {
		return nil, wire.Refusal(d)
	}
	return s.File(ctx, r.First(), n.Statement, n.Annex)
}

func (s *Session) syncFor(ctx context.Context, id custody.RecordID) (*Snapshot, error) {
	if name := id.Authority(); name != "" {
		return s.Sync(ctx, "", name)
	}
	return s.Sync(ctx, string(id))
}

// Stopped lists the notices of this home that stop a request, and that its record has not
// overtaken: it does not show as revoked, ended, recalled or suspended what they stop. A
// recall stops one package of it.
func (h *Home) Stopped(snap *Snapshot, request string) ([]Notice, error) {
	list, err := h.Notices()
	if err != nil {
		return nil, err
	}
	var stopped []Notice
	for _, n := range list {
		if n.stops(snap, request) {
			stopped = append(stopped, n)
		}
	}
	return stopped, nil
}

// stops asks the record, whether by this statement or by another one of the same effect:
// once that is there the rules say what may move, and what was granted since.
func (n *Notice) stops(snap *Snapshot, request string) bool {
	c := snap.Case(request)
	if b, ok := n.Statement.Body.(*custody.Suspension); ok {
		pair := [2]string{b.By, b.With}
		return (pair == [2]string{c.From, c.To} || pair == [2]string{c.To, c.From}) && said(snap, b) == b.Prev
	}
	if string(n.Statement.Record()) != request {
		return false
	}
	switch b := n.Statement.Body.(type) {
	case *custody.Revocation:
		return !slices.ContainsFunc(c.Grants, func(g *custody.GrantState) bool { return g.SHA256 == b.Grant && g.Revoked })
	case *custody.Recall:
		p := c.Package(b.Package)
		return p == nil || p.Recall == nil
	}
	return c.End == nil
}

// said names what an authority has said last of its transfers with another.
func said(snap *Snapshot, b *custody.Suspension) (d custody.Digest) {
	if au := snap.Book.View().Authorities[b.By]; au != nil {
		if p := au.Pair(b.With); p != nil {
			d = p.SHA256
		}
	}
	return d
}

// unnoticed refuses to move a package, or any if pkg is empty, that a notice stops.
func (a *Agent) unnoticed(snap *Snapshot, request, pkg string) error {
	list, err := a.home.Stopped(snap, request)
	if err != nil {
		return fmt.Errorf("looking for notices before anything moves: %w", err)
	}
	for _, n := range list {
		if _, ok := n.Statement.Body.(*custody.Recall); ok && n.Statement.Package() != pkg {
			continue
		}
		return fmt.Errorf("%s has signed a %s at %s, which this machine knows from a notice and the relay's record does not hold: %w",
			n.Statement.Header.By, n.Statement.Kind, n.Statement.Header.Issued, ErrNoticed)
	}
	return nil
}
