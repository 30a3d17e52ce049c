package gateway_test

import (
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// refusal is one way to do what a relay refuses, with the code, and the rule of the
// rule book where it answers, that the caller gets.
type refusal struct {
	fault, way string
	code       custody.Code
	rule       string
	try        func(*attempt)
}

// refusals is every refusal that the protocol promises. No two faults share a code.
var refusals = []refusal{
	{"unknown key", "TLS key", wire.CodeUnknownKey, "", func(a *attempt) { a.hello(a.intruder, a.nl.lab.id, a.nl.lab.key) }},
	{"unknown key", "signing key", wire.CodeUnknownKey, "", func(a *attempt) { a.hello(a.nl.lab, a.nl.lab.id, a.intruder.key) }},
	{"valid key with a wrong claimed id", "of the same State", wire.CodeKeyOfAnother, "", func(a *attempt) { a.hello(a.nl.lab, a.nl.desk.id, a.nl.lab.key) }},
	{"valid key with a wrong claimed id", "of another State", wire.CodeKeyOfAnother, "", func(a *attempt) { a.hello(a.nl.lab, a.fr.lab.id, a.nl.lab.key) }},
	{"exporter signature replayed", "on another connection", wire.CodeHelloReplayed, "", func(a *attempt) { a.replay(a.nl.lab) }},

	{"sender not in the grant", "reserves", custody.CodeSenderNotGranted, "granted-sender", func(a *attempt) { a.reserve(a.others, a.others.grant.SHA256, 1000) }},
	{"recipient not in the grant", "left out of a seal", custody.CodeRecipientNotGrant, "granted-recipients", func(a *attempt) {
		a.seal(a.open, a.waiting, 2, func(b *custody.Seal) { b.Recipients = b.Recipients[:1] })
	}},
	{"recipient not in the grant", "in its place in a seal", custody.CodeRecipientNotGrant, "granted-recipients", func(a *attempt) {
		a.seal(a.open, a.waiting, 2, func(b *custody.Seal) { b.Recipients[1].ID = "fr/recipient/other" })
	}},
	{"recipient not in the grant", "takes a package", custody.CodeRecipientNotGrant, "release", func(a *attempt) {
		a.release(a.fr.desk, a.open, a.sealed, func(*custody.Release) {})
	}},
	{"no grant", "reserving", custody.CodeNoGrant, "live-grant", func(a *attempt) { a.reserve(a.bare, a.open.grant.SHA256, 1000) }},
	{"no grant", "accepting", custody.CodeNoGrant, "acceptance", func(a *attempt) { a.accept(a.bare, a.open.grant.SHA256) }},
	{"expired", "reserving", custody.CodeGrantExpired, "live-grant", func(a *attempt) { a.reserve(a.over, a.over.grant.SHA256, 1000) }},
	{"expired", "a part", custody.CodeGrantExpired, "live-grant", func(a *attempt) { a.part(a.late, 1, random(a.late.size)) }},
	{"expired", "a seal", custody.CodeGrantExpired, "live-grant", func(a *attempt) { a.seal(a.over, a.late, 1, func(*custody.Seal) {}) }},
	{"expired", "accepting", custody.CodeGrantExpired, "acceptance", func(a *attempt) { a.accept(a.over, a.over.grant.SHA256) }},
	{"revoked", "reserving", custody.CodeGrantRevoked, "live-grant", func(a *attempt) { a.reserve(a.back, a.back.grant.SHA256, 1000) }},
	{"revoked", "a part", custody.CodeGrantRevoked, "live-grant", func(a *attempt) { a.part(a.gone, 1, random(a.gone.size)) }},
	{"revoked", "a seal", custody.CodeGrantRevoked, "live-grant", func(a *attempt) { a.seal(a.back, a.gone, 1, func(*custody.Seal) {}) }},
	{"revoked", "accepting", custody.CodeGrantRevoked, "acceptance", func(a *attempt) { a.accept(a.back, a.back.grant.SHA256) }},
	{"more bytes than granted", "reserving", custody.CodeGrantUsedUp, "within-grant", func(a *attempt) { a.reserve(a.open, a.open.grant.SHA256, 101<<20) }},
	{"more packages than granted", "reserving", custody.CodePackagesUsedUp, "within-grant", func(a *attempt) { a.reserve(a.small, a.small.grant.SHA256, 1000) }},

	{"package of another request", "a seal", custody.CodeNoSuchPackage, "", func(a *attempt) { a.seal(a.small, a.waiting, 2, func(*custody.Seal) {}) }},
	{"package of another request", "an unlock", custody.CodeNoSuchPackage, "", func(a *attempt) { a.unlock(a.small, a.sealed) }},
	{"package of another request", "a release", custody.CodeNoSuchPackage, "", func(a *attempt) {
		a.release(a.fr.lab, a.small, a.sealed, func(*custody.Release) {})
	}},
	{"release before acceptance", "by the recipient", custody.CodeNotAccepted, "accepted", func(a *attempt) {
		a.release(a.fr.lab, a.open, a.sealed, func(*custody.Release) {})
	}},
	{"release before acceptance", "of the head, by the sender", custody.CodeNotAccepted, "accepted", func(a *attempt) { a.unlock(a.open, a.sealed) }},
	{"package that was recalled", "an unlock", custody.CodePackageRecalled, "unlock", func(a *attempt) { a.unlock(a.taken, a.recalled) }},
	{"package that was recalled", "a release", custody.CodePackageRecalled, "release", func(a *attempt) {
		a.release(a.fr.lab, a.taken, a.recalled, func(*custody.Release) {})
	}},
	{"package that was recalled", "its head", custody.CodePackageRecalled, "released", func(a *attempt) { a.as(a.fr.lab).Head(a.t.Context(), a.recalled.id) }},
	{"package that was recalled", "its inner file", custody.CodePackageRecalled, "released", func(a *attempt) { a.as(a.fr.lab).Inner(a.t.Context(), a.recalled.id) }},
	{"package that was recalled", "its payload", custody.CodePackageRecalled, "released", func(a *attempt) {
		a.as(a.fr.lab).Payload(a.t.Context(), a.recalled.id, 0, make([]byte, 10))
	}},
	{"package that was recalled", "another recall", custody.CodePackageRecalled, "recall", func(a *attempt) {
		st := a.signed(a.taken.recallOf(a.recalled, "nl", a.nl.officers[0]).Body, a.nl.officers[0])
		a.as(a.nl.desk).Submit(a.t.Context(), st.Envelope, nil)
	}},
	{"package that another replaces already", "", custody.CodeAlreadySuperseded, "supersedes", func(a *attempt) {
		a.seal(a.taken, a.second, a.second.epoch, func(b *custody.Seal) { b.Delivery, b.Supersedes = 4, a.replaced.id })
	}},
	{"seal whose root does not match", "", wire.CodeRootMismatch, "", func(a *attempt) {
		a.seal(a.open, a.waiting, 2, func(b *custody.Seal) { b.PayloadRoot[0] ^= 1 })
	}},
	{"part after seal", "other bytes", wire.CodeNotOpen, "", func(a *attempt) { a.part(a.sealed, 1, random(a.sealed.size)) }},
	{"stale epoch", "a part", wire.CodeStaleEpoch, "", func(a *attempt) { a.part(a.waiting, 1, random(a.waiting.size)) }},
	{"stale epoch", "a seal", wire.CodeStaleEpoch, "", func(a *attempt) { a.seal(a.open, a.waiting, 1, func(*custody.Seal) {}) }},
	{"stale epoch", "giving up", wire.CodeStaleEpoch, "", func(a *attempt) { a.as(a.nl.lab).Abandon(a.t.Context(), a.waiting.id, 1) }},

	{"one signature half missing", "the first", wire.CodeHalfSigned, "", func(a *attempt) { a.halves(func(s []half) []half { return s[1:] }) }},
	{"one signature half missing", "the second", wire.CodeHalfSigned, "", func(a *attempt) { a.halves(func(s []half) []half { return s[:1] }) }},
	{"one signature half missing", "another signer's in its place", wire.CodeHalfSigned, "", func(a *attempt) {
		a.halves(func(s []half) []half { return []half{s[0], a.otherHalves()[1]} })
	}},
	{"one signature half not the signer's", "the first swapped", custody.CodeBadSignature, "officers-sign", func(a *attempt) {
		a.halves(func(s []half) []half { return []half{{s[0].KeyID, a.otherHalves()[0].Sig}, s[1]} })
	}},
	{"one signature half not the signer's", "the second swapped", custody.CodeBadSignature, "officers-sign", func(a *attempt) {
		a.halves(func(s []half) []half { return []half{s[0], {s[1].KeyID, a.otherHalves()[1].Sig}} })
	}},
	{"one signature half not the signer's", "the first altered", custody.CodeBadSignature, "officers-sign", func(a *attempt) {
		a.halves(func(s []half) []half { return []half{s[0].altered(a.t), s[1]} })
	}},
	{"one signature half not the signer's", "the second altered", custody.CodeBadSignature, "officers-sign", func(a *attempt) {
		a.halves(func(s []half) []half { return []half{s[0], s[1].altered(a.t)} })
	}},
	{"statement for another relay", "", custody.CodeWrongRelay, "this-relay", func(a *attempt) {
		a.request(func(b *custody.Request) { b.Header.Relay = "other.example" })
	}},
	{"annex with another digest", "of a statement", wire.CodeAnnexMismatch, "", func(a *attempt) {
		a.request(func(b *custody.Request) { b.Annex.SHA256[0] ^= 1 })
	}},
	{"annex with another digest", "of a proposal", wire.CodeAnnexMismatch, "", func(a *attempt) {
		a.propose(func(b *custody.Grant) { b.Annex.SHA256[0] ^= 1 })
	}},

	{"directory that rolls back", "", custody.CodeRollback, "directory", func(a *attempt) { a.publishes(a.nl.direct(a.t, nil).Envelope) }},
	{"directory that forks", "of the version in force", custody.CodeFork, "directory", func(a *attempt) {
		a.publishes(a.nl.direct(a.t, a.nl.directory).Envelope)
	}},
	{"directory that forks", "after another", custody.CodeFork, "directory", func(a *attempt) {
		a.publishes(a.nl.direct(a.t, a.nl.direct(a.t, a.nl.directory)).Envelope)
	}},
	{"directory that is expired", "", custody.CodeDirectoryExpired, "directory", func(a *attempt) {
		a.directory(func(b *custody.Directory) { b.Issued, b.Expires = inDays(-10), inDays(-1) })
	}},
	{"directory that names foreign prefixes", "", wire.CodeForeignParty, "", func(a *attempt) {
		a.directory(func(b *custody.Directory) {
			b.Entries = append([]custody.Listing{a.fr.directory.Body.(*custody.Directory).Entries[0]}, b.Entries...)
		})
	}},
}

// TestEveryRefusal tries each fault over both transports: the answers are the same
// to the byte, the code is the fault's own, and what the relay keeps and serves is
// what it was, without a trace of the bytes that were refused.
func TestEveryRefusal(t *testing.T) {
	f := newFaults(t)
	before := f.keep()
	for name, b := range map[string][]byte{"statement": f.open.grant.Envelope, "annex": f.open.annexes[f.open.request], "part": f.sealed.parts[0]} {
		if len(f.holds(b)) == 0 {
			t.Errorf("a %s that was taken is not found: that a refused one is not shows nothing", name)
		}
	}
	of, faultOf := map[string]custody.Code{}, map[custody.Code]string{}
	for _, row := range refusals {
		name := strings.TrimSuffix(row.fault+": "+row.way, ": ")
		var first answer
		for _, transport := range []string{link.H3, link.H2} {
			a := &attempt{faults: f, transport: transport}
			row.try(a)
			if got := a.last.last; got.problem.Code != row.code || got.problem.Rule != row.rule || got.problem.Status != got.status {
				t.Errorf("%s over %s: %d %s, want %s by rule %q", name, transport, got.status, got.body, row.code, row.rule)
			} else if transport == link.H3 {
				first = got
			} else if got.status != first.status || got.body != first.body {
				t.Errorf("%s: %d %s over one transport, %d %s over the other", name, first.status, first.body, got.status, got.body)
			}
			now := f.keep()
			now.same(t, name+" over "+transport, before)
			before = now
			a.traces(name + " over " + transport)
		}
		if of[row.fault] == "" {
			of[row.fault] = row.code
		}
		if faultOf[row.code] == "" {
			faultOf[row.code] = row.fault
		}
		if of[row.fault] != row.code || faultOf[row.code] != row.fault {
			t.Errorf("%s has the code %s, which is also of %q; the fault has also %s", name, row.code, faultOf[row.code], of[row.fault])
		}
	}
}
