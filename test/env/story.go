package env

import (
	"crypto/sha256"
	"fmt"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
)

// Story plays the path of one request without a relay process: each act is a
// real statement, decided by the rule book, made an entry and logged, as a relay
// would do it, a minute after the act before. It is not safe for concurrent use.
type Story struct {
	Origin    string
	From, To  *Authority // From asks To
	RelayRoot *keys.Private
	LogSigner *translog.LogSigner
	Log       Log
	Lines     map[custody.RecordID][]custody.Line
	Packages  []*Package // in order of deposit

	Granting []*keys.Private // who signs the grant; if nil, all officers
	Patched  bool            // the relay enters what the rules refuse

	Entered func(*custody.Entry) // what the relay changes in an entry of a statement; nil: nothing

	now     time.Time
	view    *custody.View
	records map[custody.RecordID]*custody.Record
	request custody.RecordID
}

// NewStory makes two authorities and a relay with fresh keys, lets the relay
// describe itself and both authorities publish root and directory. The clock
// starts at start, cut to seconds.
func NewStory(origin, from, to string, start time.Time) (*Story, error) {
	return newStory(origin, from, to, start, false)
}

func newStory(origin, from, to string, start time.Time, witnessed bool) (*Story, error) {
	s := &Story{
		Origin: origin, RelayRoot: keys.Generate(), Lines: map[custody.RecordID][]custody.Line{},
		now: start.UTC().Truncate(time.Second), records: map[custody.RecordID]*custody.Record{},
	}
	var err error
	if s.From, err = NewAuthority(from); err != nil {
		return nil, err
	}
	if s.To, err = NewAuthority(to); err != nil {
		return nil, err
	}
	pins := s.Pins()
	s.view = &custody.View{
		Origin: origin, RelayFingerprint: pins.Relays[origin], Pins: pins.Authorities,
		Authorities: map[string]*custody.Authority{},
	}
	if err := s.describeRelay(); err != nil {
		return nil, err
	}
	for _, a := range []*Authority{s.From, s.To} {
		if witnessed {
			if a.Witness, err = NewWitness(a.ID("witness/1")); err != nil {
				return nil, err
			}
		}
		if err := s.publish(a); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Pins returns what the two authorities and the relay would print on paper.
func (s *Story) Pins() dossier.Pins {
	return dossier.Pins{
		Authorities: map[string]custody.Digest{s.From.Name: fingerprint(s.From.Root), s.To.Name: fingerprint(s.To.Root)},
		Relays:      map[string]custody.Digest{s.Origin: fingerprint(s.RelayRoot)},
	}
}

func fingerprint(k *keys.Private) custody.Digest {
	fp, err := keys.RootFingerprint(1, []keys.ID{k.Public().ID()})
	if err != nil {
		panic("env: internal error: " + err.Error()) // one of one is always possible
	}
	return fp
}

func (s *Story) describeRelay() error {
	secret, public, err := translog.GenerateLog(s.Origin)
	if err != nil {
		return err
	}
	if s.LogSigner, err = translog.ParseLog(secret, s.Origin); err != nil {
		return err
	}
	edKey, mlKey := public.Strings()
	_, err = s.Post("", &custody.Relay{
		Header: custody.Header{Relay: s.Origin, By: s.Origin, Issued: s.Now()}, Version: 1,
		RootThreshold: 1, RootKeys: []string{s.RelayRoot.Public().String()}, Key: keys.Generate().Public().String(),
		LogKey: edKey, LogMLDSAKey: mlKey, TLS: []custody.Digest{statement.NewNonce()}, Addresses: []string{s.Origin + ":443"},
	}, s.RelayRoot)
	return err
}

func (s *Story) publish(a *Authority) error {
	root, err := a.root1(s.Now())
	if err != nil {
		return err
	}
	st, err := s.Post("", root, a.Root)
	if err != nil {
		return err
	}
	a.root = st.SHA256
	dir, err := a.directory1(custody.RelayPin{Origin: s.Origin, Fingerprint: fingerprint(s.RelayRoot)}, s.Now())
	if err != nil {
		return err
	}
	_, err = s.Post("", dir, a.Registrar)
	return err
}

// Now returns the clock of the story.
func (s *Story) Now() custody.Time { return statement.At(s.now) }

// Case returns the state of the request; nil before there is one.
func (s *Story) Case() *custody.Case {
	if s.records[s.request] == nil {
		return nil
	}
	return s.records[s.request].Case()
}

// Post signs a statement and makes it the next entry of its record, if the rule
// book allows it. Via is the agent that carries it, empty where none is needed.
func (s *Story) Post(via custody.PartyID, body custody.Body, signers ...*keys.Private) (*custody.Statement, error) {
	st, err := custody.Sign(body, signers...)
	if err != nil {
		return nil, err
	}
	r := s.records[st.Record()]
	if r == nil {
		r = custody.NewRecord(st.Record())
	}
	d := custody.Decide(r, s.view, custody.Action{Act: custody.ActStatement, Via: via, Statement: st}, s.Now())
	if s.Patched {
		d = custody.Decision{Code: custody.CodeAllowed, Rule: d.Rule}
	}
	if !d.Allowed() {
		return nil, fmt.Errorf("posting %s: %s: %w", st.Kind, d, custody.ErrRefused)
	}
	e := custody.NewEntry(r, s.view, st, via, s.Now(), d, deposit(st))
	if s.Entered != nil {
		s.Entered(e)
	}
	return st, s.log(r, e, st)
}

// Event makes an entry of what the relay says of itself, if the rule book allows
// it: a denial, a destroyed head or an erasure in the request's record, all else in the relay's.
func (s *Story) Event(ev *custody.Event) error {
	r := s.records[custody.RelayRecord]
	if ev.Denied != nil || ev.Destroyed != nil || ev.Erased != nil {
		r = s.records[s.request]
	}
	d := custody.DecideEvent(r, s.view, ev, s.Now())
	if s.Patched {
		d = custody.Decision{Code: custody.CodeAllowed, Rule: d.Rule}
	}
	if !d.Allowed() {
		return fmt.Errorf("filing an event: %s: %w", d, custody.ErrRefused)
	}
	return s.log(r, custody.NewEvent(r, s.view, ev, s.Now(), d), nil)
}

// log adds an entry to its record and to the log; st is nil of an event.
func (s *Story) log(r *custody.Record, e *custody.Entry, st *custody.Statement) (err error) {
	l := custody.Line{Entry: e.Marshal(), Salt: statement.NewNonce()}
	if st != nil {
		l.Envelope = st.Envelope
	}
	if err := r.Apply(e, st, l.Salted()); err != nil {
		return err
	}
	if l.Index, err = s.Log.Append(l.Leaf(r.First(), e.Seq)); err != nil {
		return err
	}
	s.records[r.ID], s.view, s.now = r, s.view.With(r), s.now.Add(time.Minute)
	s.Lines[r.ID] = append(s.Lines[r.ID], l)
	return nil
}

// deposit is what a store would confirm of a sealed package.
func deposit(st *custody.Statement) *custody.Deposit {
	b, ok := st.Body.(*custody.Seal)
	if !ok {
		return nil
	}
	v := sha256.Sum256([]byte(b.Package))
	return &custody.Deposit{Size: b.PayloadSize, Objects: []custody.StoredPayload{
		{Key: b.Package[:2] + "/" + b.Package + "/payload.000", Version: fmt.Sprintf("%x", v[:8]), Size: b.PayloadSize},
	}}
}

// Dossier returns the dossier of the request as it stands, with the contents of
// all packages if opened is set.
func (s *Story) Dossier(opened bool) (*dossier.Dossier, error) {
	d := &dossier.Dossier{
		Relay: s.Origin, Request: string(s.request),
		Records: map[custody.RecordID][]dossier.Line{}, Packages: map[string]dossier.Contents{},
	}
	var err error
	if d.Checkpoint, err = s.Log.Sign(s.LogSigner, s.Now().Time()); err != nil {
		return nil, err
	}
	for id, lines := range s.Lines {
		for _, l := range lines {
			p, err := s.Log.Prove(l.Index)
			if err != nil {
				return nil, err
			}
			d.Records[id] = append(d.Records[id], dossier.Line{Line: l, Proof: p})
		}
	}
	for _, p := range s.Packages {
		if opened {
			d.Packages[p.Seal.Package] = p.Contents
		}
	}
	return d, nil
}
