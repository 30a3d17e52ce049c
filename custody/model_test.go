package custody_test

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// fact is an accepted statement as an onlooker notes it, with who stood in which
// directory then.
type fact struct {
	*custody.Statement
	at       time.Time
	standing map[custody.PartyID]string
}

// model runs honest and dishonest parties against the rule book and keeps its own
// journal, from which it judges without the rule book's state.
type model struct {
	*story
	t        *rapid.T
	journal  []fact
	standing map[custody.PartyID]string
	signed   []*custody.Statement // everything ever signed, filed or kept back
	reached  *int                 // allowed reads, over all runs
	urgent   *int                 // of these, under grants in an emergency
	origin   *int                 // of these, with release: origin
	path     []custody.Kind       // of the case when it goes well
}

func newModel(t *rapid.T, reached, urgent *int) *model {
	m := &model{story: newStory(t), t: t, standing: map[custody.PartyID]string{}, reached: reached, urgent: urgent}
	for _, o := range []*office{m.nl, m.fr, m.de} {
		for _, l := range o.dir.Body.(*custody.Directory).Entries {
			m.standing[l.ID] = l.Status
		}
	}
	return m
}

// submit files a statement and notes it if it was accepted.
func (m *model) submit(via custody.PartyID, st *custody.Statement) {
	m.signed = append(m.signed, st)
	if !m.file(via, st).Allowed() {
		return
	}
	m.journal = append(m.journal, fact{st, m.now, maps.Clone(m.standing)})
	if st.Parties() == nil || m.last[custody.KindRequest] == nil {
		m.note(st)
	}
}

// honest makes the next step of the case.
func (m *model) honest(t *rapid.T) {
	for _, k := range m.path {
		st := m.last[k]
		if k == custody.KindReview && m.last[custody.KindDanger] != nil {
			continue
		}
		if k == custody.KindGrant || k == custody.KindAcceptance { // also of an amendment
			if g := m.live(); g == nil || k == custody.KindAcceptance && g.Acceptance.IsZero() {
				st = nil
			}
		}
		if st == nil {
			m.next(k, func(st *custody.Statement) { m.submit(via(st.Header.By), st) })
			return
		}
	}
}

func (m *model) live() *custody.GrantState {
	if c := m.kase(); c != nil && c.Live() != nil && !c.Live().Revoked && !c.Live().Ended {
		return c.Live()
	}
	return nil
}

// dishonest files anything of anybody, with references to anything.
func (m *model) dishonest(t *rapid.T) {
	kind := rapid.SampledFrom(slices.Sorted(maps.Keys(may))).Draw(t, "kind")
	who := rapid.SampledFrom(slices.Sorted(maps.Keys(actors))).Draw(t, "actor")
	refs := []custody.Digest{digest}
	for _, st := range m.signed {
		refs = append(refs, st.SHA256)
	}
	some := func(d custody.Digest) custody.Digest {
		if rapid.IntRange(0, 3).Draw(t, "keep") > 0 {
			return d
		}
		return rapid.SampledFrom(refs).Draw(t, "ref")
	}
	if rapid.Bool().Draw(t, "other package") {
		m.pkg = custody.PackageID([16]byte{byte(rapid.IntRange(1, 2).Draw(t, "package"))})
	}
	b := m.body(kind)
	switch b := b.(type) {
	case *custody.Grant:
		b.Review = some(b.Review)
	case *custody.Acceptance:
		b.Grant = some(b.Grant)
	case *custody.Amendment:
		b.Review, b.Amends = some(b.Review), some(b.Amends)
		m.vary(t, &b.Terms)
	case *custody.Seal:
		b.Grant, b.Delivery = some(b.Grant), rapid.Int64Range(1, 2).Draw(t, "delivery")
	case *custody.Unlock:
		b.Seal, b.Acceptance = some(b.Seal), some(b.Acceptance)
		b.Release = rapid.SampledFrom([]custody.Digest{{}, b.Release, some(m.sha(custody.KindRelease))}).Draw(t, "release")
	case *custody.Suspension:
		b.With, b.Prev = rapid.SampledFrom([]string{"fr", "nl"}).Draw(t, "with"), some(b.Prev)
	case *custody.Release:
		b.Seal, b.Acceptance = some(b.Seal), some(b.Acceptance)
		b.Recipient = rapid.SampledFrom([]custody.PartyID{"fr/recipient/lab", "fr/recipient/backup"}).Draw(t, "recipient")
	}
	a := actors[who]
	headerOf(b).By = a.by
	if st, err := custody.Sign(b, a.keys(m.story)...); err == nil {
		m.submit(a.via, st)
	}
}

// next signs the honest next statement of a kind, if there can be one: a grant
// cannot begin after its end.
func (m *model) next(k custody.Kind, do func(*custody.Statement)) {
	b := m.body(k)
	if st, err := custody.Sign(b, m.signers(headerOf(b).By)...); err == nil {
		do(st)
	}
}

// keep signs the honest next statement of a kind without filing it.
func (m *model) keep(t *rapid.T) {
	m.next(rapid.SampledFrom(then(m.path, custody.KindSuspension)).Draw(t, "kind"), func(st *custody.Statement) { m.signed = append(m.signed, st) })
}

// again files what was signed some time ago.
func (m *model) again(t *rapid.T) {
	if len(m.signed) > 0 {
		st := rapid.SampledFrom(m.signed).Draw(t, "statement")
		m.submit(via(st.Header.By), st)
	}
}

// change publishes somebody in another standing, by two registrars or by one.
func (m *model) change(t *rapid.T) {
	o := rapid.SampledFrom([]*office{m.nl, m.fr}).Draw(t, "office")
	entries := o.dir.Body.(*custody.Directory).Entries
	id := entries[rapid.IntRange(0, len(entries)-1).Draw(t, "entry")].ID
	status := rapid.SampledFrom([]string{custody.StatusActive, custody.StatusActive, custody.StatusRetired, custody.StatusRevoked}).Draw(t, "status")
	signers := rapid.SampledFrom([][]*keys.Private{o.registrars, o.registrars, o.registrars[:1], m.de.registrars, o.officers}).Draw(t, "signers")
	d := m.publish(o, func(b *custody.Directory) { entry(b, id).Status = status }, signers...)
	was := m.standing[id]
	full, alone := len(signers) == 2 && signers[0] == o.registrars[0], len(signers) == 1
	if want := full || alone && was == custody.StatusActive && status == custody.StatusRevoked; d.Allowed() != want {
		t.Fatalf("%q from %s to %s by %d: %s, want allowed %t", id, was, status, len(signers), d, want)
	}
	if d.Allowed() {
		m.standing[id] = status
	}
}

func (m *model) revoke(*rapid.T) {
	m.next(custody.KindRevocation, func(st *custody.Statement) { m.submit(via("nl"), st) })
}

// amend changes the terms of the grant: longer, with a condition, to fewer recipients,
// by one officer or two.
func (m *model) amend(t *rapid.T) {
	b := m.body(custody.KindAmendment).(*custody.Amendment)
	m.vary(t, &b.Terms)
	if st, err := custody.Sign(b, m.nl.officers[:rapid.IntRange(1, 2).Draw(t, "officers")]...); err == nil {
		m.submit(via("nl"), st)
	}
}

func (m *model) vary(t *rapid.T, terms *custody.Terms) {
	if rapid.Bool().Draw(t, "condition") {
		terms.Conditions = []string{"confidentiality"}
	}
	if rapid.IntRange(0, 3).Draw(t, "release") == 0 {
		terms.Release = map[string]string{"": custody.ReleaseOrigin}[terms.Release]
	}
	if rapid.Bool().Draw(t, "fewer") {
		terms.Recipients = terms.Recipients[rapid.IntRange(0, 1).Draw(t, "which"):]
	}
	terms.Expires = statement.At(terms.NotBefore.Time().Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "days")) * day))
}

// inForce returns what the journal's first facts say of a grant: its newest statement,
// its terms, and whether that acceptance still stands. It judges by the statements alone.
func (m *model) inForce(g fact, acceptance custody.Digest, facts int) (terms *custody.Terms, accepted bool) {
	newest, terms := g.SHA256, &g.Body.(*custody.Grant).Terms
	for _, f := range m.journal[:facts] {
		switch b := f.Body.(type) {
		case *custody.Amendment:
			if b.Amends != newest {
				continue // of another grant
			}
			if !m.officers(f, 2) {
				m.t.Fatalf("an amendment by %d officers", len(f.Signers()))
			}
			for _, r := range b.Recipients {
				accepted = accepted && slices.Contains(terms.Recipients, r)
			}
			for _, c := range b.Conditions {
				accepted = accepted && slices.Contains(terms.Conditions, c)
			}
			accepted = accepted && b.Release == terms.Release
			newest, terms = f.SHA256, &b.Terms
		case *custody.Acceptance:
			if b.Grant == newest && f.SHA256 == acceptance {
				accepted = true
			}
		}
	}
	return terms, accepted
}

// urgently declares a danger and grants in an emergency, by some of the officers.
func (m *model) urgently(t *rapid.T) {
	m.next(custody.KindDanger, func(st *custody.Statement) { m.submit(via("fr"), st) })
	b := m.body(custody.KindGrant).(*custody.Grant)
	b.ValidateBy = statement.At(m.now.Add(time.Duration(rapid.IntRange(1, 50).Draw(t, "hours")) * time.Hour))
	b.Review, b.Danger = custody.Digest{}, m.sha(custody.KindDanger)
	from := rapid.IntRange(0, 1).Draw(t, "from officer")
	if st, err := custody.Sign(b, m.nl.officers[from:from+rapid.IntRange(1, 2).Draw(t, "officers")]...); err == nil {
		m.submit(via("nl"), st)
	}
}

func (m *model) validate(t *rapid.T) {
	m.next(custody.KindReview, func(st *custody.Statement) { m.submit(via("nl"), st) })
	m.next(custody.KindValidation, func(st *custody.Statement) { m.submit(via("nl"), st) })
}

// validated reports whether the journal's first facts hold a validation of a grant, by
// two officers, in time, on a review that found nothing against it.
func (m *model) validated(g fact, facts int) bool {
	for i, f := range m.journal[:facts] {
		b, ok := f.Body.(*custody.Validation)
		if !ok || b.Grant != g.SHA256 || !m.officers(f, 2) || !f.at.Before(g.Body.(*custody.Grant).ValidateBy.Time()) {
			continue
		}
		for _, r := range m.journal[:i] {
			if rv, ok := r.Body.(*custody.Review); ok && r.SHA256 == b.Review && rv.Finding == custody.FindingNoObjection && rv.By == b.By {
				return true
			}
		}
	}
	return false
}

func (m *model) end(t *rapid.T) {
	k := rapid.SampledFrom([]custody.Kind{custody.KindWithdrawal, custody.KindClosure}).Draw(t, "how it ends")
	m.next(k, func(st *custody.Statement) { m.submit(via("fr"), st) })
}

// hold puts the evidence on hold, or lifts that, by one officer or by two, and judges
// by the journal alone: the turns alternate, each names the one before it.
func (m *model) hold(t *rapid.T) {
	b := m.body(custody.KindHold)
	if len(m.signed) > 0 && rapid.IntRange(0, 2).Draw(t, "another before it") == 0 {
		b.(*custody.Hold).Prev = rapid.SampledFrom(m.signed).Draw(t, "prev").SHA256
	}
	m.submit(via("nl"), m.sign(b, m.nl.officers[:rapid.IntRange(1, 2).Draw(t, "officers")]...))
	var last custody.Digest
	held := false
	for _, f := range m.journal {
		b, ok := f.Body.(*custody.Hold)
		if !ok {
			continue
		}
		if held == (b.State == custody.StateHeld) || b.Prev != last || !m.officers(f, 2) {
			t.Fatalf("a hold that is %s after %s, by %d", b.State, last, len(f.Signers()))
		}
		held, last = !held, f.SHA256
	}
	if c := m.kase(); c != nil && c.OnHold() != held {
		t.Fatalf("the case is on hold: %t, by the journal: %t", c.OnHold(), held)
	}
}

// report tells the use that was made of the package: heard as soon as something of it
// was receipted, and whatever came after.
func (m *model) report(*rapid.T) {
	m.next(custody.KindUseReport, func(st *custody.Statement) {
		before := len(m.journal)
		m.submit(via("fr"), st)
		_, _, i := find(m, func(_ fact, b *custody.Receipt) bool { return b.Package == m.pkg })
		if len(m.journal) > before && (i < 0 || !m.officers(m.journal[before], 1)) {
			m.t.Fatalf("an account of use of what nobody has receipted, or by nobody who may")
		}
	})
}

// suspend has one of the two suspend the pair, or lift that, as it stands. By one
// officer or by two: the rules say which suffices.
func (m *model) suspend(t *rapid.T) {
	who := rapid.SampledFrom([]string{"nl", "fr"}).Draw(t, "who suspends")
	n := rapid.IntRange(1, 2).Draw(t, "officers")
	b := m.turn(who, other[who])
	if len(m.signed) > 0 && rapid.IntRange(0, 2).Draw(t, "another before it") == 0 {
		b.Prev = rapid.SampledFrom(m.signed).Draw(t, "prev").SHA256
	}
	m.submit("", m.sign(b, m.office(who).officers[:n]...))
}

// pairs says which pairs are suspended, "nl fr" by nl, after the first facts of the
// journal. It fails if one was said that changes nothing, does not name the one before
// it, or was not signed by one officer, or two of a lift; and if anything moved in the
// pair of the case while it was suspended.
func (m *model) pairs(facts int) map[string]bool {
	now, last := map[string]bool{}, map[string]custody.Digest{}
	for _, f := range m.journal[:facts] {
		b, ok := f.Body.(*custody.Suspension)
		if !ok {
			held := (now["nl fr"] || now["fr nl"]) && slices.Contains(moving, f.Kind)
			if held && f.Header.By != "de" { // which may ask either for something else
				m.t.Fatalf("a %s of %q in a suspended pair", f.Kind, f.Header.By)
			}
			continue
		}
		pair, stop, need := b.By+" "+b.With, b.State == custody.StateSuspended, 2
		if stop {
			need = 1
		}
		if stop == now[pair] || b.Prev != last[pair] || !m.officers(f, need) {
			m.t.Fatalf("%q is %s: it was suspended: %t, prev %s after %s, %d signers", pair, b.State, now[pair], b.Prev, last[pair], len(f.Signers()))
		}
		now[pair], last[pair] = stop, f.SHA256
	}
	return now
}

func (m *model) recall(t *rapid.T) {
	who := rapid.SampledFrom([]string{"nl/agent/lab-1", "nl"}).Draw(t, "who recalls")
	b := m.body(custody.KindRecall)
	headerOf(b).By = who
	if st, err := custody.Sign(b, m.signers(who)...); err == nil {
		m.submit(via(who), st)
	}
}

func (m *model) wait(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.SampledFrom([]int{1, 60, 3600, 6 * 86400}).Draw(t, "seconds")) * time.Second)
}

// check asks for every package in every agent's name and judges each yes.
func (m *model) check(t *rapid.T) {
	m.pairs(len(m.journal))
	for _, f := range m.journal {
		if f.Kind != custody.KindSeal {
			continue
		}
		for _, via := range agents {
			pkg := f.Body.(*custody.Seal).Package
			if !m.act(custody.ActHead, via, custody.Action{Package: pkg}).Allowed() {
				continue
			}
			*m.reached++
			if why := m.unjustified(pkg, via); why != "" {
				t.Fatalf("%q reads package %s: %s", via, pkg, why)
			}
		}
	}
}

// find returns the first fact of a kind that fits, and its place.
func find[B custody.Body](m *model, fits func(fact, B) bool) (f fact, b B, i int) {
	for i, f := range m.journal {
		if b, ok := f.Body.(B); ok && fits(f, b) {
			return f, b, i
		}
	}
	return f, b, -1
}

// unjustified says what is missing for an agent to read a package, or "".
func (m *model) unjustified(pkg string, via custody.PartyID) string {
	sl, sb, si := find(m, func(_ fact, b *custody.Seal) bool { return b.Package == pkg })
	gr, gb, gi := find(m, func(f fact, _ *custody.Grant) bool { return f.SHA256 == sb.Grant })
	if _, _, oi := find(m, func(f fact, _ *custody.Offer) bool { return f.SHA256 == sb.Grant }); oi >= 0 {
		return m.unjustifiedOffer(pkg, via)
	}
	rq, rb, ri := find(m, func(f fact, _ *custody.Request) bool { return gi >= 0 && f.SHA256 == gb.Request })
	rv, vb, vi := find(m, func(f fact, b *custody.Review) bool {
		return gi >= 0 && f.SHA256 == gb.Review && b.Finding == custody.FindingNoObjection
	})
	if gi >= 0 && !gb.Danger.IsZero() { // in an emergency the danger stands in its place
		var db *custody.Danger
		if rv, db, vi = find(m, func(f fact, _ *custody.Danger) bool { return f.SHA256 == gb.Danger }); vi >= 0 {
			vb = &custody.Review{Header: custody.Header{By: gb.By}}
			if db.By != rb.By {
				return "a danger that somebody else saw"
			}
		}
	}
	rl, lb, li := find(m, func(f fact, b *custody.Release) bool {
		return b.By == string(via) && b.Package == pkg && b.Seal == sl.SHA256
	})
	ul, ub, ui := find(m, func(f fact, b *custody.Unlock) bool { return b.Package == pkg && b.Seal == sl.SHA256 && b.By == sb.By })
	if li < 0 || ui < 0 || gi < 0 || ri < 0 || vi < 0 {
		return "no release, unlock, grant, review or request"
	}
	origin := false
	if terms, _ := m.inForce(gr, custody.Digest{}, si); terms.Release == custody.ReleaseOrigin {
		if ul, ub, ui = m.answer(pkg, sb, rl); ui < 0 {
			return "no unlock of that release"
		}
		origin = true
		*m.origin++
	}
	ac, ab, ai := find(m, func(f fact, _ *custody.Acceptance) bool { return f.SHA256 == ub.Acceptance })
	_, _, xi := find(m, func(_ fact, b *custody.Revocation) bool { return b.Grant == gr.SHA256 })
	_, _, ci := find(m, func(_ fact, b *custody.Recall) bool { return b.Seal == sl.SHA256 })
	_, _, wi := find(m, func(_ fact, b *custody.Withdrawal) bool { return b.Request == rq.SHA256 })
	_, _, di := find(m, func(_ fact, b *custody.Closure) bool { return b.Request == rq.SHA256 })
	holder := map[custody.PartyID]custody.PartyID{"fr/recipient/lab": "fr/agent/lab-1", "fr/recipient/backup": "fr/agent/lab-2"}
	switch {
	case ai < 0:
		return "no acceptance"
	case !(ri < vi && vi < gi && gi < ai && ai < min(ui, li) && gi < si && si < min(ui, li)) || (li < ui) != origin:
		return "out of order"
	case xi >= 0:
		return "the grant is revoked"
	case ci >= 0:
		return "the package is recalled"
	case wi >= 0 || di >= 0:
		return "the request has ended"
	case rb.By == rb.To || gb.By != rb.To || vb.By != rb.To || gb.To != rb.By || ab.By != rb.By:
		return "not the two sides"
	case !m.officers(rq, 1) || !m.officers(rv, 1) || !m.officers(gr, 2) || !m.officers(ac, 1):
		return "not signed by officers who stood then"
	case !m.agentSigned(sl) || !m.agentSigned(ul) || !m.agentSigned(rl):
		return "not signed by the agents who stood then"
	case holder[lb.Recipient] != via || !slices.Contains(rb.Recipients, lb.Recipient):
		return "not the holder of a granted recipient"
	case rl.standing[lb.Recipient] != custody.StatusActive || m.standing[lb.Recipient] != custody.StatusActive || m.standing[via] != custody.StatusActive:
		return "recipient or holder stood no more"
	}
	for _, i := range []int{ri, gi, ai, si, ui, li, len(m.journal)} {
		if now := m.pairs(i); now["fr nl"] || now["nl fr"] {
			return "the pair was suspended"
		}
	}
	for _, at := range []struct {
		i          int
		acceptance custody.Digest
	}{{si, custody.Digest{}}, {ui, ub.Acceptance}, {li, lb.Acceptance}} {
		f := m.journal[at.i]
		terms, accepted := m.inForce(gr, at.acceptance, at.i)
		switch {
		case f.at.Before(terms.NotBefore.Time()) || !f.at.Before(terms.Expires.Time()):
			return "outside the time of the terms in force"
		case at.i != si && !accepted:
			return "no acceptance of exactly the terms in force"
		case !gb.Danger.IsZero() && !f.at.Before(gb.ValidateBy.Time()) && !m.validated(gr, at.i):
			return "lapsed when it moved"
		case at.i == si && !slices.Contains(terms.Senders, custody.PartyID(sb.By)):
			return "not a granted sender"
		}
	}
	if !gb.Danger.IsZero() {
		*m.urgent++
		switch {
		case !m.now.Before(gb.ValidateBy.Time()) && !m.validated(gr, len(m.journal)):
			return "lapsed since"
		case gb.ValidateBy.Time().Sub(gr.at) > 48*time.Hour || gb.MaxBytes > 100_000 || gb.MaxPackages > 2:
			return "beyond what the directory provides for"
		}
		for _, id := range gr.Signers() {
			if id == m.nl.officers[2].Public().ID() {
				return "signed by an officer who is not listed for emergencies"
			}
		}
	}
	if terms, _ := m.inForce(gr, custody.Digest{}, len(m.journal)); !slices.Contains(terms.Recipients, lb.Recipient) {
		return "not a recipient of the terms in force"
	}
	return ""
}

// answer finds the unlock that names a release.
func (m *model) answer(pkg string, sb *custody.Seal, rl fact) (fact, *custody.Unlock, int) {
	return find(m, func(_ fact, b *custody.Unlock) bool {
		return b.Package == pkg && b.By == sb.By && b.Release == rl.SHA256
	})
}

// unjustifiedOffer is unjustified for a package that was sent under an offer.
func (m *model) unjustifiedOffer(pkg string, via custody.PartyID) string {
	sl, sb, si := find(m, func(_ fact, b *custody.Seal) bool { return b.Package == pkg })
	of, ob, oi := find(m, func(f fact, _ *custody.Offer) bool { return f.SHA256 == sb.Grant })
	ac, ab, ai := find(m, func(_ fact, b *custody.Acceptance) bool { return b.Grant == of.SHA256 })
	ul, ub, ui := find(m, func(_ fact, b *custody.Unlock) bool { return b.Package == pkg && b.Seal == sl.SHA256 && b.By == sb.By })
	rl, lb, li := find(m, func(_ fact, b *custody.Release) bool {
		return b.By == string(via) && b.Package == pkg && b.Seal == sl.SHA256
	})
	origin := oi >= 0 && ob.Release == custody.ReleaseOrigin
	if origin && li >= 0 {
		ul, ub, ui = m.answer(pkg, sb, rl)
		*m.origin++
	}
	over := slices.ContainsFunc(m.journal, func(f fact) bool {
		switch b := f.Body.(type) {
		case *custody.Revocation:
			return b.Grant == of.SHA256
		case *custody.Refusal:
			return b.Request == of.SHA256
		case *custody.Closure:
			return b.Request == of.SHA256
		case *custody.Recall:
			return b.Seal == sl.SHA256
		}
		return false
	})
	holder := map[custody.PartyID]custody.PartyID{"fr/recipient/lab": "fr/agent/lab-1", "fr/recipient/backup": "fr/agent/lab-2"}
	switch {
	case ai < 0 || ui < 0 || li < 0 || !(oi < ai && ai < si && si < min(ui, li)) || (li < ui) != origin:
		return "not offered, accepted, sealed, unlocked, released in this order"
	case ub.Acceptance != ac.SHA256 || lb.Acceptance != ac.SHA256:
		return "another acceptance"
	case over:
		return "the offer was refused, revoked or closed, or the package recalled"
	case ob.By == ob.To || ab.By != ob.To || custody.PartyID(sb.By).Authority() != ob.By:
		return "not the two sides"
	case !m.officers(of, 2) || !m.officers(ac, 1) || !m.agentSigned(sl) || !m.agentSigned(ul) || !m.agentSigned(rl):
		return "not signed by those who stood then"
	case holder[lb.Recipient] != via || !slices.Contains(ob.Recipients, lb.Recipient) || !slices.Contains(ob.Senders, custody.PartyID(sb.By)):
		return "not the sender, or not the holder of a recipient, of the offer"
	case rl.standing[lb.Recipient] != custody.StatusActive || m.standing[lb.Recipient] != custody.StatusActive || m.standing[via] != custody.StatusActive:
		return "recipient or holder stood no more"
	}
	for _, i := range []int{oi, ai, si, ui, li, len(m.journal)} {
		if now := m.pairs(i); now["fr nl"] || now["nl fr"] {
			return "the pair was suspended"
		}
	}
	for _, i := range []int{si, ui, li} {
		if f := m.journal[i]; f.at.Before(ob.NotBefore.Time()) || !f.at.Before(ob.Expires.Time()) {
			return "outside the time of the offer"
		}
	}
	return ""
}

// officers reports whether at least n officers of the speaker signed, each active then.
func (m *model) officers(f fact, n int) bool {
	o := m.office(f.Header.By)
	for _, id := range f.Signers() {
		i := slices.IndexFunc(o.officers, func(k *keys.Private) bool { return k.Public().ID() == id })
		if i < 0 || f.standing[o.id(custody.RoleOfficer, "mla-"+string(rune('1'+i)))] != custody.StatusActive {
			return false
		}
	}
	return len(f.Signers()) >= n
}

func (m *model) agentSigned(f fact) bool {
	id := custody.PartyID(f.Header.By)
	name := strings.TrimPrefix(string(id), id.Authority()+"/agent/")
	return f.standing[id] == custody.StatusActive && slices.Equal(f.Signers(), ids(m.office(id.Authority()).agents[name]))
}

func ids(list ...*keys.Private) (out []keys.ID) {
	for _, k := range list {
		out = append(out, k.Public().ID())
	}
	return out
}

func seldom(f func(*rapid.T)) func(*rapid.T) {
	return func(t *rapid.T) {
		if rapid.IntRange(0, 2).Draw(t, "seldom") == 0 {
			f(t)
		}
	}
}

// TestModel lets two authorities, a third and strangers do what they like, from a request
// on.
func TestModel(t *testing.T) { runModel(t, path) }

// TestModelOffer does from an offer on.
func TestModelOffer(t *testing.T) { runModel(t, offerPath) }

func runModel(t *testing.T, path []custody.Kind) {
	reached, urgent, origin := 0, 0, 0
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		f.Value.Set("15") // keys and directories take time; ask for more by the flag
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t, &reached, &urgent)
		m.path, m.origin = path, &origin
		if rapid.Bool().Draw(t, "release: origin") {
			m.release, m.path = custody.ReleaseOrigin, answered(path)
		}
		// Most runs begin deep in the case, where the interesting mistakes are.
		emergency := rapid.IntRange(0, 2).Draw(t, "emergency") == 0
		for i := range rapid.SampledFrom([]int{0, len(path) / 2, len(path), len(path)}).Draw(t, "honest steps") {
			if m.honest(t); i == 0 && emergency {
				m.urgently(t)
			}
		}
		m.check(t)
		t.Repeat(map[string]func(*rapid.T){
			"honest": m.honest, "honest again": m.honest, "honest once more": m.honest, "dishonest": m.dishonest, "dishonest again": m.dishonest,
			"keep": m.keep, "again": m.again, "change": seldom(m.change), "wait": m.wait,
			"revoke": seldom(m.revoke), "amend": m.amend, "urgently": seldom(m.urgently), "validate": m.validate, "recall": seldom(m.recall), "end": seldom(seldom(m.end)), "hold": seldom(m.hold), "report": seldom(m.report), "suspend": seldom(m.suspend),
			"": m.check,
		})
		m.replay(t)
	})
	if reached == 0 || origin == 0 || origin == reached {
		t.Errorf("%d reads, %d of them with release: origin: want both", reached, origin)
	}
	t.Logf("%d allowed reads judged, %d of them under grants in an emergency, %d with release: origin", reached, urgent, origin)
}
