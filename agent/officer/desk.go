package officer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// Desk signs and files officers' statements over the session of a desk agent of
// the same authority. It may be used from one goroutine at a time.
type Desk struct {
	Home    *agent.Home
	Session *agent.Session
	As      []custody.PartyID // officers that sign; if empty, those whose keys are here, as many as needed
	Now     func() time.Time

	keys map[custody.PartyID]*keys.Private // loaded: a passphrase is asked for once
}

// Filed says what became of a statement.
type Filed struct {
	Kind    custody.Kind
	Request string // empty of a suspension, which is of none
	SHA256  custody.Digest
	Signed  []custody.PartyID
	Need    int
	Entry   *custody.Entry    // nil if it waits for signatures
	Waits   []custody.PartyID // officers who can still sign
	Until   custody.Time      // when the relay forgets a statement that waits
}

// Office returns what drafting needs, at the state of a snapshot.
func (d *Desk) Office(snap *agent.Snapshot) Office {
	return Office{Authority: d.Home.Authority(), View: snap.Book.View(), Now: d.Now()}
}

// File signs a drafted statement with this home's officers and files it; if the
// directory asks for more of them than have keys here, it becomes a proposal
// that the others sign.
func (d *Desk) File(ctx context.Context, snap *agent.Snapshot, p *Paper) (*Filed, error) {
	env, err := custody.Draft(p.Body)
	if err != nil {
		return nil, err
	}
	f, st, err := d.sign(snap, env)
	if err != nil {
		return nil, err
	}
	if err := d.allowed(snap, st); err != nil {
		return nil, err
	}
	if len(f.Signed) < f.Need {
		state, err := d.Session.Propose(ctx, st.Envelope, p.Annex)
		if err != nil {
			return nil, fmt.Errorf("proposing the %s: %w", st.Kind, err)
		}
		f.Until = state.Expires
		return f, nil
	}
	return f, d.file(ctx, snap, f, st, p.Annex)
}

// Alone signs a drafted statement that stops something, where no relay answers, and has
// it handed over by another way: the error is an *agent.NotEnteredError. The snapshot is
// what was last proven here. Nobody can be asked for more signatures than this home has.
func (d *Desk) Alone(snap *agent.Snapshot, p *Paper, why error) error {
	env, err := custody.Draft(p.Body)
	if err != nil {
		return err
	}
	f, st, err := d.sign(snap, env)
	if err != nil {
		return err
	}
	if c := d.Session.Decide(snap, st); !c.Allowed() {
		return wire.Refusal(c)
	}
	if len(f.Signed) < f.Need {
		return fmt.Errorf("the %s needs %d officers, and the keys of %d are here: without the relay nobody else can be asked", st.Kind, f.Need, len(f.Signed))
	}
	return d.Session.HandOver(snap, st, p.Annex, why)
}

// file files a statement that has signatures enough.
func (d *Desk) file(ctx context.Context, snap *agent.Snapshot, f *Filed, st *custody.Statement, annex []byte) (err error) {
	first := st.SHA256
	if r := snap.Book.Record(st.Record()); r != nil {
		first = r.First()
	}
	if custody.Stopping(st) {
		f.Entry, err = d.Session.FileStop(ctx, snap, first, st, annex)
	} else {
		f.Entry, err = d.Session.File(ctx, first, st, annex)
	}
	if err != nil {
		return fmt.Errorf("filing the %s: %w", st.Kind, err)
	}
	f.Waits = nil
	if st.Parties() == nil && snap.Case(string(st.Record())) != nil {
		d.Session.AttestNews(ctx, snap, string(st.Record()))
	}
	return nil
}

// allowed asks the rule book here. What only lacks signatures may go on.
func (d *Desk) allowed(snap *agent.Snapshot, st *custody.Statement) error {
	if c := d.Session.Decide(snap, st); !c.Allowed() && c.Code != custody.CodeBelowThreshold {
		return wire.Refusal(c)
	}
	return nil
}

// sign adds the signatures of this home's officers to an envelope, up to the
// number that the directory in force asks for.
func (d *Desk) sign(snap *agent.Snapshot, env *statement.Envelope) (*Filed, *custody.Statement, error) {
	st, err := custody.ParseStatement(env.Marshal())
	if err != nil {
		return nil, nil, err
	}
	au := snap.Book.View().Authorities[d.Home.Authority()]
	if au == nil || au.Directory == nil {
		return nil, nil, refused("directory-in-force", custody.CodeNoDirectory)
	}
	f := &Filed{Kind: st.Kind, Request: requestOf(st), SHA256: st.SHA256, Need: int(au.Directory.Rules.Of(st))}
	own, err := d.officers()
	if err != nil {
		return nil, nil, err
	}
	for _, m := range au.ActiveRole(custody.RoleOfficer, statement.At(d.Now())) {
		switch {
		case slices.Contains(env.Signers(), m.Key.ID()):
			f.Signed = append(f.Signed, m.ID)
		case len(env.Signers()) < f.Need && slices.Contains(own, m.ID):
			if err := d.signAs(env, m); err != nil {
				return nil, nil, err
			}
			f.Signed = append(f.Signed, m.ID)
		default:
			f.Waits = append(f.Waits, m.ID)
		}
	}
	if len(f.Signed) == 0 {
		return nil, nil, fmt.Errorf("signing the %s: no key of an active officer of %q: %w", st.Kind, d.Home.Authority(), ErrNoKey)
	}
	st, err = custody.ParseStatement(env.Marshal())
	return f, st, err
}

// requestOf returns the id of the request that a statement is about, or "" of a
// suspension or a report.
func requestOf(st *custody.Statement) string {
	if st.Kind == custody.KindSuspension || st.Kind == custody.KindReport {
		return ""
	}
	return string(st.Record())
}

// officers lists the officers that may sign here.
func (d *Desk) officers() ([]custody.PartyID, error) {
	for _, id := range d.As {
		if !d.Home.Has(id) {
			return nil, fmt.Errorf("signing as %q: %w", id, ErrNoKey)
		}
	}
	if len(d.As) > 0 {
		return d.As, nil
	}
	return d.Home.Own(custody.RoleOfficer)
}

func (d *Desk) signAs(env *statement.Envelope, m *custody.Member) error {
	k, err := d.key(m.ID)
	if err != nil {
		return err
	}
	if k.Public().ID() != m.Key.ID() {
		return fmt.Errorf("signing as %q: the key here is not the one in the directory", m.ID)
	}
	env.Sign(k)
	return nil
}

func (d *Desk) key(id custody.PartyID) (*keys.Private, error) {
	if k := d.keys[id]; k != nil {
		return k, nil
	}
	k, err := d.Home.Key(id)
	if err != nil {
		return nil, err
	}
	if d.keys == nil {
		d.keys = map[custody.PartyID]*keys.Private{}
	}
	d.keys[id] = k
	return k, nil
}

// Signers returns the members of an authority whose keys signed a statement; it
// verifies nothing, the rule book has.
func Signers(a *custody.Authority, st *custody.Statement) []custody.PartyID {
	byKey := map[keys.ID]custody.PartyID{}
	if a != nil && a.Directory != nil {
		for _, l := range a.Directory.Entries {
			if m, ok := a.Member(l.ID); ok && l.ID.Role() != custody.RoleRecipient {
				byKey[m.Key.ID()] = l.ID
			}
		}
	}
	var list []custody.PartyID
	for _, id := range st.Signers() {
		if name, ok := byKey[id]; ok {
			list = append(list, name)
		} else {
			list = append(list, custody.PartyID("key "+id.String()[:16]))
		}
	}
	slices.Sort(list)
	return list
}
