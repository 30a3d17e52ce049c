package dossier_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// rotation is the life of an authority's directories in one story: what it publishes
// next, and by whose keys.
type rotation struct {
	*env.Story
	roots      []*keys.Private // of the second root, 2 of 3
	registrars []*keys.Private // of the second root, both
}

func days(t custody.Time, n int) custody.Time { return statement.At(t.Time().AddDate(0, 0, n)) }

func (r *rotation) authority() *custody.Authority { return r.View().Authorities[r.From.Name] }

// listed returns a listing of a party with its own enrolment.
func (r *rotation) listed(rest string, k *keys.Private, change func(*custody.Enrolment)) custody.Listing {
	e := custody.Enrolment{Authority: r.From.Name, ID: r.From.ID(rest), Issued: r.Now()}
	if change != nil {
		change(&e)
	}
	env, err := custody.Enrol(e, k)
	must(err)
	return custody.Listing{ID: e.ID, Status: custody.StatusActive, NotBefore: days(r.Now(), -1), NotAfter: days(r.Now(), 100), Enrolment: env}
}

// root is the second root: two of three keys, two of two registrars.
func (r *rotation) root(change func(*custody.Root)) custody.Body {
	b := &custody.Root{
		Header: custody.Header{By: r.From.Name, Issued: r.Now()}, Version: 2, Prev: r.authority().RootSHA256, Expires: days(r.Now(), 300), Threshold: 2, RegistrarThreshold: 2,
		Registrars: []custody.Listing{r.listed("registrar/1", r.registrars[0], nil), r.listed("registrar/2", r.registrars[1], nil)},
	}
	for _, k := range r.roots {
		b.Keys = append(b.Keys, k.Public().String())
	}
	if change != nil {
		change(b)
	}
	return b
}

// directory is the next directory, like the one in force but for a change.
func (r *rotation) directory(change func(*custody.Directory)) custody.Body {
	a := r.authority()
	b := *a.Directory
	b.Header = custody.Header{By: r.From.Name, Issued: r.Now()}
	b.Version, b.Prev, b.Root = a.Directory.Version+1, a.DirectorySHA256, a.RootSHA256
	b.Entries = append([]custody.Listing{}, b.Entries...)
	if change != nil {
		change(&b)
	}
	return &b
}

// relay is the relay's next descriptor.
func (r *rotation) relay(change func(*custody.Relay)) custody.Body {
	b := *r.Record(custody.RelayRecord).Relay()
	b.Header = custody.Header{Relay: r.Origin, By: r.Origin, Issued: r.Now()}
	b.Version, b.Prev = 2, r.Record(custody.RelayRecord).First()
	if change != nil {
		change(&b)
	}
	return &b
}

// withWitness lists a witness, with the proofs that it has its log keys.
func (r *rotation) withWitness(b *custody.Directory) {
	b.Expires = days(r.Now(), 150)
	b.Entries = append(b.Entries, r.listed("witness/1", keys.Generate(), func(e *custody.Enrolment) {
		for _, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
			skey, _, err := translog.GenerateCosigner(string(e.ID), alg)
			must(err)
			k, err := translog.ParseCosigner(skey)
			must(err)
			e.Cosigners = append(e.Cosigners, custody.ProveCosigner(e.ID, k))
		}
	}))
}

// sortEntries puts the entries of a directory in their order.
func sortEntries(b *custody.Directory) {
	slices.SortFunc(b.Entries, func(x, y custody.Listing) int { return strings.Compare(string(x.ID), string(y.ID)) })
}

// revoke turns one entry from active to revoked.
func (r *rotation) revoke(b *custody.Directory) {
	for i, l := range b.Entries {
		if l.ID == r.From.ID("officer/b") {
			b.Entries[i].Status = custody.StatusRevoked
		}
	}
}

func (r *rotation) withdrawal() custody.Body {
	id := custody.RecordID(custody.RequestID(r.Case().RequestSHA256))
	return &custody.Withdrawal{
		Header:  custody.Header{Relay: r.Origin, By: r.From.Name, Issued: r.Now(), After: r.Record(id).Tip()},
		Request: r.Case().RequestSHA256, Reason: "error",
	}
}

// entered is the dossier of the story so far with one more statement, which the relay
// enters whatever the rules say.
func (r *rotation) entered(body custody.Body, signers ...*keys.Private) *dossier.Dossier {
	s, err := custody.Sign(body, signers...)
	must(err)
	via := custody.PartyID("")
	if s.Kind == custody.KindWithdrawal {
		via = r.From.ID("agent/desk-1")
	}
	d, err := r.Dossier(false)
	must(err)
	e := custody.NewEntry(r.Record(s.Record()), r.View(), s, via, r.Now(), custody.Decision{Code: custody.CodeAllowed, Rule: string(s.Kind)}, nil)
	l := dossier.Line{}
	l.Index, l.Entry, l.Envelope, l.Salt = r.Log.Size(), e.Marshal(), s.Envelope, statement.NewNonce()
	d.Records[s.Record()] = append(d.Records[s.Record()], l)
	relog(r.Story, d)
	return d
}

// TestSecondVerifierRotations: roots, directories and descriptors that follow others, as
// they may and as they may not, where the relay enters them all: both verifiers agree.
func TestSecondVerifierRotations(t *testing.T) {
	t.Parallel()
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	fatalIfErr(t, err)
	fatalIfErr(t, s.Agree())
	r := &rotation{s, []*keys.Private{keys.Generate(), keys.Generate(), keys.Generate()}, []*keys.Private{keys.Generate(), keys.Generate()}}
	stranger, old, own := keys.Generate(), s.From.Root, s.From.Registrar
	k, both := r.roots, r.registrars
	var list []question
	good := map[string]bool{}
	try := func(name string, passes bool, body custody.Body, signers ...*keys.Private) {
		list, good[name] = append(list, aboutDossier(name, write(t, r.entered(body, signers...)), s.Pins())), passes
	}
	post := func(body custody.Body, signers ...*keys.Private) {
		_, err := s.Post("", body, signers...)
		fatalIfErr(t, err)
	}
	root := func(change func(*custody.Root)) custody.Body { return r.root(change) }
	dir := func(change func(*custody.Directory)) custody.Body { return r.directory(change) }

	try("root", true, root(nil), old, k[0], k[1])
	try("root by all", true, root(nil), old, k[0], k[1], k[2])
	try("root by new keys alone", false, root(nil), k[0], k[1])
	try("root by the old key alone", false, root(nil), old)
	try("root by too few new keys", false, root(nil), old, k[0])
	try("root by a stranger too", false, root(nil), old, k[0], k[1], stranger)
	try("root that leaves one out", false, root(func(b *custody.Root) { b.Version = 3 }), old, k[0], k[1])
	try("root after another", false, root(func(b *custody.Root) { b.Prev = custody.Digest{1} }), old, k[0], k[1])
	try("root that has expired", false, root(func(b *custody.Root) { b.Issued, b.Expires = days(r.Now(), -9), days(r.Now(), -1) }), old, k[0], k[1])
	try("root whose registrar has a root key", false, root(func(b *custody.Root) { b.Registrars[0] = r.listed("registrar/1", k[0], nil) }), old, k[0], k[1])
	try("directory", true, dir(r.revoke), own)
	try("directory by an officer", false, dir(r.revoke), s.From.Officers[0])
	try("directory that leaves one out", false, dir(func(b *custody.Directory) { b.Version++ }), own)
	try("directory that has expired", false, dir(func(b *custody.Directory) { b.Issued, b.Expires = days(r.Now(), -9), days(r.Now(), -1) }), own)
	try("directory with a registrar's key", false, dir(func(b *custody.Directory) {
		b.Entries = append(b.Entries, r.listed("officer/z", own, nil))
		sortEntries(b)
	}), own)
	try("relay again", true, r.relay(nil), s.RelayRoot)
	try("relay by another root", false, r.relay(func(b *custody.Relay) { b.RootKeys = []string{stranger.Public().String()} }), stranger)
	try("relay by a stranger", false, r.relay(nil), stranger)
	try("relay that leaves one out", false, r.relay(func(b *custody.Relay) { b.Version = 3 }), s.RelayRoot)

	first := r.authority().RootSHA256
	post(root(nil), old, k[0], k[1])
	try("officer while no directory is for the root", false, r.withdrawal(), s.From.Officers[0])
	try("directory for the old root", false, dir(func(b *custody.Directory) { b.Root = first }), both...)
	try("directory by the old registrar", false, dir(nil), own)
	try("directory by one of two", false, dir(nil), both[0])

	post(dir(r.withWitness), both...)
	try("officer", true, r.withdrawal(), s.From.Officers[1])
	try("revoked by one of two", true, dir(r.revoke), both[1])
	try("revoked by both", true, dir(r.revoke), both...)
	try("revoked, and more, by one", false, dir(func(b *custody.Directory) { r.revoke(b); b.Rules.Sensitive = 3 }), both[0])
	try("revoked, and prolonged, by one", false, dir(func(b *custody.Directory) { r.revoke(b); b.Expires = days(r.Now(), 170) }), both[0])
	try("nothing changed, by one", false, dir(nil), both[0])

	post(dir(r.revoke), both[0])
	try("officer who was revoked", false, r.withdrawal(), s.From.Officers[1])
	try("active again, by one", false, dir(func(b *custody.Directory) {
		for i := range b.Entries {
			b.Entries[i].Status = custody.StatusActive
		}
	}), both[0])
	for i, a := range ask(t, list) {
		_, err := judged(list[i].data, s.Pins())
		if want := good[list[i].name]; (a.Result == "passed") != want || (err == nil) != want {
			t.Errorf("%s: the second verifier says %s (%s: %s), the first %v", list[i].name, a.Result, a.Check, a.Why, err)
		}
	}
}
