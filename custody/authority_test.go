package custody_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// nextRoot returns an authority's next root with new keys.
func (s *story) nextRoot(o *office, fresh []*keys.Private) *custody.Root {
	b := *o.root.Body.(*custody.Root)
	b.Version, b.Prev, b.Issued = b.Version+1, o.root.SHA256, s.time()
	b.Expires, b.Keys = statement.At(s.now.Add(365*day)), texts(fresh)
	return &b
}

func rotation(edit func(*custody.Root), signers func(o *office, fresh []*keys.Private) []*keys.Private) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		s.now = s.now.Add(day)
		fresh := generate(3)
		b := s.nextRoot(s.nl, fresh)
		edit(b)
		return s.file("", s.sign(b, signers(s.nl, fresh)...))
	}
}

func bothRoots(o *office, fresh []*keys.Private) []*keys.Private {
	return []*keys.Private{o.roots[0], o.roots[2], fresh[0], fresh[1]}
}

func publishing(edit func(*custody.Directory), signers ...int) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		list := []*keys.Private{}
		for _, i := range signers {
			list = append(list, s.nl.registrars[i])
		}
		return s.publish(s.nl, edit, list...)
	}
}

func revoke(id custody.PartyID) func(*custody.Directory) {
	return func(b *custody.Directory) { entry(b, id).Status = custody.StatusRevoked }
}

func both(a, b func(*custody.Directory)) func(*custody.Directory) {
	return func(d *custody.Directory) { a(d); b(d) }
}

func keep[T any](T) {}

// founds files the first root of an authority that the world does not know.
func founds(pin bool, edit func(*custody.Root), signers ...int) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		o := &office{name: "be", roots: generate(3), registrars: generate(2)}
		b := o.rootBody()
		if pin {
			s.pins["be"] = b.Fingerprint()
		}
		edit(b)
		list := []*keys.Private{}
		for _, i := range signers {
			list = append(list, o.roots[i])
		}
		return s.file("", s.sign(b, list...))
	}
}

var authorityRefusals = []refusal{
	{"a root that is not pinned", custody.CodeRootNotPinned, nil, founds(false, keep, 0, 1)},
	{"a root with a lower threshold than pinned", custody.CodeRootNotPinned, nil, founds(true, func(b *custody.Root) { b.Threshold = 1 }, 0, 1)},
	{"a root with fewer keys than pinned", custody.CodeRootNotPinned, nil, founds(true, func(b *custody.Root) { b.Keys = b.Keys[:2] }, 0, 1)},
	{"a first root below its threshold", custody.CodeBelowThreshold, nil, founds(true, keep, 0)},
	{"a first root of version 2", custody.CodeRollback, nil, founds(true, func(b *custody.Root) { b.Version, b.Prev = 2, digest }, 0, 1)},
	{"a first root out of date", custody.CodeRootExpired, nil, later(365*day, founds(true, keep, 0, 1))},
	{"a first root with a stranger's signature", custody.CodeBadSignature, nil, func(s *story) custody.Decision {
		o := &office{name: "be", roots: generate(3), registrars: generate(2)}
		s.pins["be"] = o.rootBody().Fingerprint()
		return s.file("", s.sign(o.rootBody(), append(o.roots, keys.Generate())...))
	}},
	{"a new root signed by the old keys alone", custody.CodeBelowThreshold, nil, rotation(keep, func(o *office, _ []*keys.Private) []*keys.Private { return o.roots })},
	{"a new root signed by the new keys alone", custody.CodeBelowThreshold, nil, rotation(keep, func(_ *office, fresh []*keys.Private) []*keys.Private { return fresh })},
	{"a new root signed by one old key", custody.CodeBelowThreshold, nil, rotation(keep, func(o *office, f []*keys.Private) []*keys.Private { return append(f, o.roots[0]) })},
	{"a new root signed by registrars too", custody.CodeBadSignature, nil, rotation(keep, func(o *office, f []*keys.Private) []*keys.Private {
		return append(bothRoots(o, f), o.registrars...)
	})},
	{"a new root that skips a version", custody.CodeRollback, nil, rotation(func(b *custody.Root) { b.Version++ }, bothRoots)},
	{"a second root of the version in force", custody.CodeFork, nil, rotation(func(b *custody.Root) { b.Version, b.Prev = 1, custody.Digest{} }, bothRoots)},
	{"a fork of the root", custody.CodeFork, nil, rotation(func(b *custody.Root) { b.Prev = digest }, bothRoots)},
	{"officers before the directory of a new root", custody.CodeNoDirectory, requested, func(s *story) custody.Decision {
		rotation(keep, bothRoots)(s)
		return s.try(s.make(custody.KindReview))
	}},
	{"a directory for an old root", custody.CodeRootNotPinned, nil, func(s *story) custody.Decision {
		rotation(keep, bothRoots)(s)
		return publishing(keep, 0, 1)(s)
	}},
	{"a directory without root", custody.CodeRootNotPinned, nil, func(s *story) custody.Decision {
		o := newOffice("be", s.fp)
		return s.file("", o.dir)
	}},
	{"a directory that skips a version", custody.CodeRollback, nil, publishing(func(b *custody.Directory) { b.Version++ }, 0, 1)},
	{"a second directory of the version in force", custody.CodeFork, nil, publishing(func(b *custody.Directory) { b.Version, b.Prev = 1, custody.Digest{} }, 0, 1)},
	{"a fork of the directory", custody.CodeFork, nil, publishing(func(b *custody.Directory) { b.Prev = digest }, 0, 1)},
	{"a directory that goes back", custody.CodeRollback, nil, func(s *story) custody.Decision {
		publishing(keep, 0, 1)(s)
		return publishing(func(b *custody.Directory) { b.Version, b.Prev = 1, custody.Digest{} }, 0, 1)(s)
	}},
	{"a directory out of date", custody.CodeDirectoryExpired, nil, later(200*day, publishing(func(b *custody.Directory) { b.Issued = statement.At(t0) }, 0, 1))},
	{"a directory under a root out of date", custody.CodeRootExpired, nil, later(365*day, publishing(func(b *custody.Directory) {
		b.Expires = statement.At(t0.Add(400 * day))
	}, 0, 1))},
	{"a directory signed by officers", custody.CodeBadSignature, nil, func(s *story) custody.Decision { return s.publish(s.nl, keep, s.nl.officers...) }},
	{"a directory signed by another's registrars", custody.CodeBadSignature, nil, func(s *story) custody.Decision { return s.publish(s.nl, keep, s.fr.registrars...) }},
	{"one registrar publishes", custody.CodeBelowThreshold, nil, publishing(keep, 0)},
	{"one registrar retires", custody.CodeBelowThreshold, nil, publishing(func(b *custody.Directory) {
		entry(b, "nl/agent/lab-2").Status = custody.StatusRetired
	}, 0)},
	{"one registrar revokes and lowers a rule", custody.CodeBelowThreshold, nil, publishing(both(revoke("nl/agent/lab-2"), func(b *custody.Directory) { b.Rules.Grant = 1 }), 1)},
	{"one registrar revokes and lengthens", custody.CodeBelowThreshold, nil, publishing(both(revoke("nl/agent/lab-2"), func(b *custody.Directory) { b.Expires = statement.At(t0.Add(201 * day)) }), 1)},
	{"one registrar revokes and drops relays", custody.CodeBelowThreshold, nil, publishing(both(revoke("nl/agent/lab-2"), func(b *custody.Directory) { b.Relays = nil }), 1)},
	{"one registrar revokes and removes", custody.CodeBelowThreshold, nil, publishing(both(revoke("nl/agent/lab-2"), func(b *custody.Directory) { b.Entries = b.Entries[:7] }), 1)},
	{"one registrar revokes and redates", custody.CodeBelowThreshold, nil, publishing(both(revoke("nl/agent/lab-2"), func(b *custody.Directory) {
		entry(b, "nl/agent/lab-2").NotAfter = statement.At(t0.Add(501 * day))
	}), 1)},
	{"one registrar revokes and gives a duty", custody.CodeBelowThreshold, nil, publishing(both(revoke("nl/agent/lab-2"), func(b *custody.Directory) {
		entry(b, "nl/agent/lab-1").Duties = []string{custody.DutyLab, custody.DutyDesk}
	}), 1)},
	{"one registrar takes a revocation back", custody.CodeBelowThreshold, nil, func(s *story) custody.Decision {
		s.standing(s.nl, "nl/agent/lab-2", custody.StatusRevoked)
		return publishing(func(b *custody.Directory) { entry(b, "nl/agent/lab-2").Status = custody.StatusActive }, 0)(s)
	}},
	{"a registrar as officer", custody.CodeSharedKey, nil, publishing(func(b *custody.Directory) {
		*entry(b, "nl/officer/mla-2") = listing("nl/officer/mla-2", found().office("nl").registrars[1], nil)
	}, 0, 1)},
	{"a registrar as a retired agent", custody.CodeSharedKey, nil, publishing(func(b *custody.Directory) {
		*entry(b, "nl/agent/desk-1") = listing("nl/agent/desk-1", found().office("nl").registrars[0], nil)
		entry(b, "nl/agent/desk-1").Status = custody.StatusRetired
	}, 0, 1)},
	{"a root key as officer", custody.CodeSharedKey, nil, publishing(func(b *custody.Directory) {
		*entry(b, "nl/officer/mla-3") = listing("nl/officer/mla-3", found().office("nl").roots[2], nil)
	}, 0, 1)},
	{"a root key as registrar", custody.CodeSharedKey, nil, rotation(func(b *custody.Root) {
		b.Registrars = []custody.Listing{b.Registrars[0], listing("nl/registrar/2", found().office("nl").roots[0], nil)}
		b.Keys = texts(found().office("nl").roots)
	}, func(o *office, _ []*keys.Private) []*keys.Private { return o.roots })},
	{"a request to the State that lists its signer", custody.CodeSharedKey, nil, lent("nl", "fr", 0, custody.KindRequest)},
	{"a review by an officer of the State that asks", custody.CodeSharedKey, requested, lent("fr", "nl", 0, custody.KindReview)},
	{"a grant by an officer of the State that asks", custody.CodeSharedKey, reviewed, lent("fr", "nl", 1, custody.KindGrant)},
	{"an acceptance by an officer of the State that granted", custody.CodeSharedKey, granted, lent("nl", "fr", 0, custody.KindAcceptance)},
	{"a grant by who signed the request, and is listed there no more", custody.CodeSharedKey, reviewed, func(s *story) custody.Decision {
		moved := s.fr.officers[0]
		s.publish(s.fr, func(b *custody.Directory) {
			b.Entries = slices.DeleteFunc(b.Entries, func(l custody.Listing) bool { return l.ID == "fr/officer/mla-1" })
		})
		s.publish(s.nl, func(b *custody.Directory) { *entry(b, "nl/officer/mla-2") = listing("nl/officer/mla-2", moved, nil) })
		return s.try(s.sign(s.body(custody.KindGrant), s.nl.officers[0], moved))
	}},
	{"another relay's descriptor", custody.CodeWrongRelay, nil, relays(func(b *custody.Relay) {
		b.By, b.Relay = "other.example", "other.example"
		_, log := must2(translog.GenerateLog("other.example"))
		b.LogKey, b.LogMLDSAKey = log.Strings()
	})},
	{"a relay with other root keys", custody.CodeRollback, nil, relays(func(b *custody.Relay) { b.RootKeys = texts(generate(1)) })},
	{"a relay that skips a version", custody.CodeRollback, nil, relays(func(b *custody.Relay) { b.Version++ })},
	{"a fork of the relay", custody.CodeFork, nil, relays(func(b *custody.Relay) { b.Prev = digest })},
	{"a relay's descriptor signed by another", custody.CodeBadSignature, nil, func(s *story) custody.Decision {
		return s.file("", s.sign(nextRelay(), keys.Generate()))
	}},
}

// lent lists an officer's key of one State in another's directory too, and tries the
// honest next statement of a kind.
func lent(to, from string, officer int, k custody.Kind) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		id := custody.PartyID(to + "/officer/mla-3")
		s.publish(s.office(to), func(b *custody.Directory) { *entry(b, id) = listing(id, s.office(from).officers[officer], nil) })
		return s.try(s.make(k))
	}
}

// TestLentKeyStops: a key in two directories keeps nobody from stopping.
func TestLentKeyStops(t *testing.T) {
	s := told(t, granted...)
	lent("fr", "nl", 0, custody.KindRevocation)(s)
	if !s.kase().Live().Revoked {
		t.Error("the grant stands")
	}
	s.objects()
	s.do(custody.KindRefusal)
	s.replay(t)
}

func nextRelay() *custody.Relay {
	b := *found().relay.Body.(*custody.Relay)
	b.Version, b.Prev = 2, found().relay.SHA256
	return &b
}

func relays(edit func(*custody.Relay)) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		b := nextRelay()
		edit(b)
		return s.file("", s.sign(b, found().relayKey))
	}
}

func TestAuthorityLife(t *testing.T) {
	s := newStory(t)
	if d := publishing(revoke("nl/agent/lab-2"), 0)(s); !d.Allowed() {
		t.Fatalf("one registrar revokes: %s", d)
	}
	nl := s.view.Authorities["nl"]
	if _, ok := nl.Active("nl/agent/lab-2", s.time()); ok {
		t.Errorf("a revoked agent is active")
	}
	if got := len(nl.ActiveRole(custody.RoleAgent, s.time())); got != 2 {
		t.Errorf("%d active agents, want 2", got)
	}

	fresh := generate(3)
	s.now = s.now.Add(day)
	root := s.sign(s.nextRoot(s.nl, fresh), bothRoots(s.nl, fresh)...)
	s.files("", root)
	s.nl.root, s.nl.roots = root, fresh
	if _, ok := s.view.Authorities["nl"].Active("nl/agent/lab-1", s.time()); ok {
		t.Errorf("an agent is active before the directory of the new root")
	}
	if d := publishing(func(b *custody.Directory) { b.Root = root.SHA256 }, 0, 1)(s); !d.Allowed() {
		t.Fatalf("directory of the new root: %s", d)
	}
	if _, ok := s.view.Authorities["nl"].Active("nl/agent/lab-1", s.time()); !ok {
		t.Errorf("an agent is not active after the directory of the new root")
	}
	s.files("", s.sign(nextRelay(), found().relayKey))
	if got := s.view.RelayFingerprint; got != s.fp {
		t.Errorf("fingerprint of the relay changed to %s", got)
	}
	s.replay(t)
}

// TestEntryLife checks that a listing counts from not_before, included, to
// not_after, excluded, and the directory until it expires.
func TestEntryLife(t *testing.T) {
	s := newStory(t)
	s.publish(s.nl, func(b *custody.Directory) {
		e := entry(b, "nl/agent/lab-1")
		e.NotBefore, e.NotAfter = statement.At(t0.Add(day)), statement.At(t0.Add(2*day))
	})
	nl := s.view.Authorities["nl"]
	for _, r := range []struct {
		id   custody.PartyID
		at   int64 // microseconds after t0
		want bool
	}{
		{"nl/agent/lab-1", day.Microseconds() - 1, false},
		{"nl/agent/lab-1", day.Microseconds(), true},
		{"nl/agent/lab-1", 2*day.Microseconds() - 1, true},
		{"nl/agent/lab-1", 2 * day.Microseconds(), false},
		{"nl/agent/lab-2", 200*day.Microseconds() - 1, true},
		{"nl/agent/lab-2", 200 * day.Microseconds(), false},
	} {
		at := statement.At(t0.Add(time.Duration(r.at) * time.Microsecond))
		if _, ok := nl.Active(r.id, at); ok != r.want {
			t.Errorf("%s active at %s: %t, want %t", r.id, at, ok, r.want)
		}
	}
	if _, ok := (*custody.Authority)(nil).Active("nl/agent/lab-1", s.time()); ok {
		t.Errorf("an unknown authority has an active agent")
	}
}

// TestListings checks what a directory cannot list, whoever signs it.
func TestListings(t *testing.T) {
	s := newStory(t)
	lab := *entry(s.nl.directory(t0), "nl/agent/lab-1")
	officer := *entry(s.nl.directory(t0), "nl/officer/mla-1")
	for name, r := range map[string]struct {
		edit func(*custody.Directory)
		want string
	}{
		"foreign entry": {func(b *custody.Directory) { b.Entries[0] = *entry(s.fr.directory(t0), "fr/agent/desk-1") }, "of another authority"},
		"foreign enrolment": {func(b *custody.Directory) {
			b.Entries[0].Enrolment = entry(s.fr.directory(t0), "fr/agent/desk-1").Enrolment
		}, "carries the enrolment"},
		"another's enrolment": {func(b *custody.Directory) { b.Entries[0].Enrolment = lab.Enrolment }, "carries the enrolment"},
		"twice":               {func(b *custody.Directory) { b.Entries = append(b.Entries[:2:2], b.Entries[1:]...) }, "ascending order"},
		"out of order":        {func(b *custody.Directory) { b.Entries[0], b.Entries[1] = b.Entries[1], b.Entries[0] }, "ascending order"},
		"a registrar": {func(b *custody.Directory) {
			b.Entries = append(b.Entries, listing("nl/registrar/9", keys.Generate(), nil))
		}, "does not belong here"},
		"one key for two": {func(b *custody.Directory) {
			*entry(b, "nl/officer/mla-2") = listing("nl/officer/mla-2", s.nl.officers[0], nil)
		}, "share a key"},
		"an agent's key": {func(b *custody.Directory) {
			*entry(b, "nl/officer/mla-2") = listing("nl/officer/mla-2", s.nl.agents["lab-1"], nil)
		}, "share a key"},
		"recipient of a stranger": {func(b *custody.Directory) {
			*entry(b, "nl/recipient/lab") = listing("nl/recipient/lab", keys.Generate(), heldBy("nl/agent/lab-1"))
		}, "not signed by the listed key"},
		"recipient of another": {func(b *custody.Directory) {
			*entry(b, "nl/recipient/lab") = listing("nl/recipient/lab", s.nl.agents["lab-2"], heldBy("nl/agent/lab-1"))
		}, "not signed by the listed key"},
		"holder not listed": {func(b *custody.Directory) { b.Entries = append(b.Entries[:1:1], b.Entries[2:]...) }, "not signed by the listed key"},
		"one recipient for two": {func(b *custody.Directory) {
			text := func(e *custody.Enrolment) {
				e.Holder, e.Recipient = "nl/agent/lab-2", recipientOf(s, "nl/recipient/lab")
			}
			*entry(b, "nl/recipient/backup") = listing("nl/recipient/backup", s.nl.agents["lab-2"], text)
		}, "share a key"},
		"one TLS key for two": {func(b *custody.Directory) {
			e, _, err := custody.ParseEnrolment(lab.Enrolment)
			cert := must(e, err).Certificate
			*entry(b, "nl/agent/lab-2") = listing("nl/agent/lab-2", s.nl.agents["lab-2"], func(e *custody.Enrolment) { e.Certificate = cert })
		}, "share a key"},
		"unknown status":      {func(b *custody.Directory) { b.Entries[0].Status = "suspended" }, "unknown status"},
		"no status":           {func(b *custody.Directory) { b.Entries[0].Status = "" }, "unknown status"},
		"no life":             {func(b *custody.Directory) { b.Entries[0].NotAfter = b.Entries[0].NotBefore }, "not_after"},
		"agent without":       {func(b *custody.Directory) { b.Entries[0].Duties = nil }, "none named"},
		"officer with duty":   {func(b *custody.Directory) { o := officer; o.Duties = []string{custody.DutyDesk}; *entry(b, o.ID) = o }, "unknown or repeated"},
		"recipient with duty": {func(b *custody.Directory) { entry(b, "nl/recipient/lab").Duties = []string{custody.DutyLab} }, "have duties"},
		"unknown duty":        {func(b *custody.Directory) { b.Entries[0].Duties = []string{"admin"} }, "unknown or repeated"},
		"duty twice":          {func(b *custody.Directory) { b.Entries[0].Duties = []string{"desk", "desk"} }, "unknown or repeated"},
		"enrolment cut":       {func(b *custody.Directory) { b.Entries[0].Enrolment = lab.Enrolment[:100] }, "reading envelope"},
	} {
		b := s.nl.directory(t0)
		r.edit(b)
		_, err := custody.Sign(b, s.nl.registrars...)
		if err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", name, err, r.want)
		}
	}
}

func recipientOf(s *story, id custody.PartyID) string {
	m, _ := s.view.Authorities[id.Authority()].Member(id)
	return m.Recipient
}
