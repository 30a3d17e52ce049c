package custody_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// oneOfEach returns an honest statement of every kind.
func oneOfEach(t failer) map[custody.Kind]*custody.Statement {
	s := told(t, path...)
	all := map[custody.Kind]*custody.Statement{custody.KindRoot: s.nl.root, custody.KindDirectory: s.nl.dir, custody.KindRelay: found().relay}
	for k, st := range s.last {
		all[k] = st
	}
	for _, k := range []custody.Kind{custody.KindSuspension, custody.KindReport, custody.KindRefusal, custody.KindRevocation, custody.KindWithdrawal, custody.KindClosure, custody.KindRejection,
		custody.KindRecall, custody.KindAmendment, custody.KindConsent, custody.KindUseReport, custody.KindHold, custody.KindErasure, custody.KindAttestation,
		custody.KindDanger, custody.KindValidation, custody.KindOrder, custody.KindDestruction, custody.KindRestriction, custody.KindOffer} {
		all[k] = s.make(k)
	}
	return all
}

// breaker breaks honest statements, which must then be refused.
func breaker(t *testing.T) func(name string, k custody.Kind, f func(custody.Body)) {
	s := told(t, path...)
	return func(name string, k custody.Kind, f func(custody.Body)) {
		t.Helper()
		b := s.body(k)
		if _, err := custody.Draft(b); err != nil {
			t.Errorf("%s: an honest %s is refused: %v", name, k, err)
		}
		f(b)
		if _, err := custody.Draft(b); err == nil {
			t.Errorf("%s with %s is accepted", k, name)
		}
	}
}

// The tests below break each field that a kind checks by itself.

func TestHeaderFields(t *testing.T) {
	refused := breaker(t)
	for k := range may {
		refused("no relay", k, header(func(h *custody.Header) { h.Relay = "" }))
		refused("a malformed relay", k, header(func(h *custody.Header) { h.Relay = "Relay" }))
		refused("no speaker", k, by(""))
		refused("a malformed speaker", k, by("nl/agent"))
		refused("an officer as speaker", k, by("nl/officer/mla-1"))
		refused("no time", k, header(func(h *custody.Header) { h.Issued = custody.Time{} }))
		if follows(k) {
			refused("a negative after", k, header(func(h *custody.Header) { h.After.Seq = -1 }))
			refused("an empty after", k, header(func(h *custody.Header) { h.After.Leaf = custody.Digest{} }))
		}
	}
}

func TestRequestFields(t *testing.T) {
	refused := breaker(t)
	type r = custody.Request
	for name, f := range map[string]func(*r){
		"itself": func(b *r) { b.To = "fr" }, "no one": func(b *r) { b.To = "" }, "a malformed authority": func(b *r) { b.To = "NL" },
		"an unknown category": func(b *r) { b.Categories[0] = "everything" }, "no category": func(b *r) { b.Categories = []string{} },
		"a repeated category": func(b *r) { b.Categories = []string{"stored-data", "stored-data"} }, "an unknown instrument": func(b *r) { b.Instrument = "gentlemen" },
		"no assistance": func(b *r) { b.Assistance = "" }, "an unknown mark": func(b *r) { b.Sensitive = []string{"secret"} }, "an unknown urgency": func(b *r) { b.Urgency = "now" },
		"a deadline after its end": func(b *r) { b.Deadline = statement.At(b.Expires.Time().Add(time.Second)) }, "no order": func(b *r) { b.OrderSHA256 = custody.Digest{} },
		"no recipients": func(b *r) { b.Recipients = []custody.PartyID{} }, "a repeated recipient": func(b *r) { b.Recipients[0] = b.Recipients[1] },
		"another's recipient": func(b *r) { b.Recipients[0] = "nl/recipient/lab" }, "an agent as recipient": func(b *r) { b.Recipients[0] = "fr/agent/lab-1" },
		"33 recipients": func(b *r) { b.Recipients = many("fr/recipient/r", 33) }, "no end": func(b *r) { b.Expires = custody.Time{} },
		"its end at its begin": func(b *r) { b.Expires = b.Issued }, "no annex": func(b *r) { b.Annex = custody.AnnexRef{} },
		"an annex too large": func(b *r) { b.Annex.Size = custody.MaxAnnex + 1 },
	} {
		refused(name, custody.KindRequest, edit(f))
	}
	type v = custody.Review
	for name, f := range map[string]func(*v){
		"no request": func(b *v) { b.Request = custody.Digest{} }, "an unknown body": func(b *v) { b.Body = "press" },
		"an unknown finding": func(b *v) { b.Finding = "" }, "an annex of no bytes": func(b *v) { b.Annex.Size = 0 },
	} {
		refused(name, custody.KindReview, edit(f))
	}
}

func TestGrantFields(t *testing.T) {
	refused := breaker(t)
	type g = custody.Grant
	for name, f := range map[string]func(*g){
		"no request": func(b *g) { b.Request = custody.Digest{} }, "no review": func(b *g) { b.Review = custody.Digest{} },
		"itself": func(b *g) { b.To = "nl" }, "no senders": func(b *g) { b.Senders = []custody.PartyID{} },
		"another's sender": func(b *g) { b.Senders = []custody.PartyID{"fr/agent/lab-1"} }, "an officer as sender": func(b *g) { b.Senders = []custody.PartyID{"nl/officer/mla-1"} },
		"its own recipient": func(b *g) { b.Recipients[0] = "nl/recipient/lab" }, "no recipients": func(b *g) { b.Recipients = []custody.PartyID{} },
		"65 senders": func(b *g) { b.Senders = many("nl/agent/a", 65) }, "no bytes": func(b *g) { b.MaxBytes = 0 }, "negative bytes": func(b *g) { b.MaxBytes = -1 },
		"more bytes than JSON holds": func(b *g) { b.MaxBytes = 1 << 53 }, "no packages": func(b *g) { b.MaxPackages = 0 }, "10,001 packages": func(b *g) { b.MaxPackages = 10001 },
		"no begin": func(b *g) { b.NotBefore = custody.Time{} }, "its end at its begin": func(b *g) { b.Expires = b.NotBefore },
		"no category": func(b *g) { b.Categories = []string{} }, "an unknown category": func(b *g) { b.Categories = []string{"all"} },
		"an unknown mark": func(b *g) { b.Sensitive = []string{"none"} }, "an unknown handling code": func(b *g) { b.Handling = []string{"tlp-pink"} },
		"keeping for less than a day": func(b *g) { b.RetentionDays = -1 }, "keeping for longer than ten years": func(b *g) { b.RetentionDays = custody.MaxRetentionDays + 1 },
		"keeping of what does not move": func(b *g) {
			b.Senders, b.Recipients, b.MaxBytes, b.MaxPackages, b.RetentionDays = []custody.PartyID{}, []custody.PartyID{}, 0, 0, 100
		},
		"deletion before it begins":   func(b *g) { b.DeleteBy = b.NotBefore },
		"bytes that do not move":      func(b *g) { b.Senders, b.Recipients, b.MaxPackages = []custody.PartyID{}, []custody.PartyID{}, 0 },
		"a sender that does not send": func(b *g) { b.Recipients, b.MaxBytes, b.MaxPackages = []custody.PartyID{}, 0, 0 },
		"an unknown condition":        func(b *g) { b.Conditions = []string{"no-disclosure-to-defence"} },
		"another release":             func(b *g) { b.Release = "recipient" },
		"release of what is kept":     func(b *g) { keeps(b); b.Release = custody.ReleaseOrigin },
		"a repeated condition":        func(b *g) { b.Conditions = []string{"use-report", "use-report"} }, "an empty annex": func(b *g) { b.Annex = &custody.AnnexRef{} },
	} {
		refused(name, custody.KindGrant, edit(f))
	}
	type o = custody.Offer
	for name, f := range map[string]func(*o){
		"itself": func(b *o) { b.To = "nl" }, "no one": func(b *o) { b.To = "" }, "an unknown instrument": func(b *o) { b.Instrument = "gentlemen" },
		"no purpose": func(b *o) { b.Purposes = []string{} }, "an unknown purpose": func(b *o) { b.Purposes = []string{"curiosity"} },
		"a repeated purpose": func(b *o) { b.Purposes = append(b.Purposes, b.Purposes[0]) }, "no annex": func(b *o) { b.Annex = custody.AnnexRef{} },
		"another's sender": func(b *o) { b.Senders = []custody.PartyID{"fr/agent/lab-1"} }, "another's recipient": func(b *o) { b.Recipients = []custody.PartyID{"nl/recipient/lab"} },
		"nothing that moves": func(b *o) {
			b.Senders, b.Recipients, b.MaxBytes, b.MaxPackages = []custody.PartyID{}, []custody.PartyID{}, 0, 0
		},
		"its end at its begin": func(b *o) { b.Expires = b.NotBefore }, "no category": func(b *o) { b.Categories = []string{} },
	} {
		refused(name, custody.KindOffer, edit(f))
	}
	type c = custody.Consent
	for name, f := range map[string]func(*c){
		"no request": func(b *c) { b.Request = custody.Digest{} }, "itself": func(b *c) { b.To = "nl" }, "nobody": func(b *c) { b.To = "" },
		"an organization without a name": func(b *c) { b.To = custody.ConsentOrganization }, "an unknown purpose": func(b *c) { b.Purpose = "curiosity" },
		"no packages": func(b *c) { b.Packages = []string{} }, "a malformed package": func(b *c) { b.Packages[0] = "x" },
		"a repeated package": func(b *c) { b.Packages = append(b.Packages, b.Packages[0]) }, "its end at its begin": func(b *c) { b.Expires = b.Issued },
		"an empty annex": func(b *c) { b.Annex = &custody.AnnexRef{} },
	} {
		refused(name, custody.KindConsent, edit(f))
	}
	for name, f := range map[string]func(*custody.Amendment){
		"nothing amended": func(b *custody.Amendment) { b.Amends = custody.Digest{} }, "no review": func(b *custody.Amendment) { b.Review = custody.Digest{} },
		"no request": func(b *custody.Amendment) { b.Request = custody.Digest{} }, "itself": func(b *custody.Amendment) { b.To = "nl" },
		"no senders": func(b *custody.Amendment) { b.Senders = []custody.PartyID{} }, "an empty annex": func(b *custody.Amendment) { b.Annex = &custody.AnnexRef{} },
	} {
		refused(name, custody.KindAmendment, edit(f))
	}
	for name, f := range map[string]func(*custody.Hold){
		"no request": func(b *custody.Hold) { b.Request = custody.Digest{} }, "an unknown state": func(b *custody.Hold) { b.State = "kept" },
		"an unknown reason": func(b *custody.Hold) { b.Reason = "mood" }, "a reason of a lift": func(b *custody.Hold) { b.Reason = "no-longer-needed" },
		"an empty annex": func(b *custody.Hold) { b.Annex = &custody.AnnexRef{} },
	} {
		refused(name, custody.KindHold, edit(f))
	}
	type x = custody.Erasure
	for name, f := range map[string]func(*x){
		"no request": func(b *x) { b.Request = custody.Digest{} }, "an unknown reason": func(b *x) { b.Reason = "mood" }, "nothing": func(b *x) { b.Annexes = []custody.Ref{} },
		"an entry without hash": func(b *x) { b.Annexes[0].Leaf = custody.Digest{} }, "an entry twice": func(b *x) { b.Annexes = append(b.Annexes, b.Annexes[0]) },
		"a negative entry": func(b *x) { b.Annexes[0].Seq = -1 }, "an entry and its annex": func(b *x) { b.Entries = b.Annexes },
		"entries out of order": func(b *x) { b.Entries = []custody.Ref{{Seq: 2, Leaf: digest}, {Seq: 1, Leaf: digest}} },
		"too many": func(b *x) {
			for i := range int64(1001) {
				b.Entries = append(b.Entries, custody.Ref{Seq: i + 1, Leaf: digest})
			}
		},
	} {
		refused(name, custody.KindErasure, edit(f))
	}
	type u = custody.UseReport
	for name, f := range map[string]func(*u){
		"no request": func(b *u) { b.Request = custody.Digest{} }, "a malformed package": func(b *u) { b.Package = "x" },
		"an unknown use": func(b *u) { b.Use = "read" }, "another use without words": func(b *u) { b.Use = custody.UseOther },
		"no date": func(b *u) { b.Date = custody.Time{} }, "a date to come": func(b *u) { b.Date = statement.At(b.Issued.Time().Add(time.Second)) },
		"an empty annex": func(b *u) { b.Annex = &custody.AnnexRef{} },
	} {
		refused(name, custody.KindUseReport, edit(f))
	}
	refused("no ground", custody.KindRefusal, edit(func(b *custody.Refusal) { b.Grounds = []string{} }))
	refused("an unknown ground", custody.KindRefusal, edit(func(b *custody.Refusal) { b.Grounds = []string{"busy"} }))
	refused("a zero annex", custody.KindRefusal, edit(func(b *custody.Refusal) { b.Annex = &custody.AnnexRef{Size: 5} }))
	refused("no grant", custody.KindAcceptance, edit(func(b *custody.Acceptance) { b.Grant = custody.Digest{} }))
	refused("no grant", custody.KindRevocation, edit(func(b *custody.Revocation) { b.Grant = custody.Digest{} }))
	refused("an unknown reason", custody.KindWithdrawal, edit(func(b *custody.Withdrawal) { b.Reason = "mood" }))
	refused("an empty annex", custody.KindWithdrawal, edit(func(b *custody.Withdrawal) { b.Annex = &custody.AnnexRef{} }))
	refused("no request", custody.KindWithdrawal, edit(func(b *custody.Withdrawal) { b.Request = custody.Digest{} }))
	refused("an unknown outcome", custody.KindClosure, edit(func(b *custody.Closure) { b.Outcome = "well" }))
	refused("an empty annex", custody.KindClosure, edit(func(b *custody.Closure) { b.Annex = &custody.AnnexRef{} }))
	refused("no request", custody.KindClosure, edit(func(b *custody.Closure) { b.Request = custody.Digest{} }))
	refused("an unknown reason", custody.KindRevocation, edit(func(b *custody.Revocation) { b.Reason = "mood" }))
}

func TestPackageFields(t *testing.T) {
	refused := breaker(t)
	type l = custody.Seal
	for name, f := range map[string]func(*l){
		"no grant": func(b *l) { b.Grant = custody.Digest{} }, "no head": func(b *l) { b.HeadSHA256 = custody.Digest{} },
		"no root": func(b *l) { b.PayloadRoot = custody.Digest{} }, "no inner": func(b *l) { b.InnerSHA256 = custody.Digest{} },
		"a malformed package": func(b *l) { b.Package = "x" }, "15 bytes": func(b *l) { b.PayloadSize = 15 }, "a size no payload has": func(b *l) { b.PayloadSize = 65_552 + 16 },
		"too few parts": func(b *l) { b.PayloadSize = 8_390_656 + 17 }, "too many parts": func(b *l) { b.Parts = 2 }, "no parts": func(b *l) { b.Parts = 0 },
		"delivery 0": func(b *l) { b.Delivery = 0 }, "no recipients": func(b *l) { b.Recipients = []custody.RecipientRef{} },
		"a recipient without key": func(b *l) { b.Recipients[0].Key = custody.Digest{} }, "a recipient without directory": func(b *l) { b.Recipients[0].Directory = custody.Digest{} },
		"a malformed predecessor": func(b *l) { b.Supersedes = "x" }, "itself as predecessor": func(b *l) { b.Supersedes = b.Package },
		"a repeated recipient": func(b *l) { b.Recipients[0] = b.Recipients[1] }, "recipients of two": func(b *l) { b.Recipients[0].ID = "de/recipient/lab" },
	} {
		refused(name, custody.KindSeal, edit(f))
	}
	refused("no checkpoint", custody.KindUnlock, edit(func(b *custody.Unlock) { b.Checkpoint.Size = 0 }))
	refused("no root", custody.KindUnlock, edit(func(b *custody.Unlock) { b.Checkpoint.Root = custody.Digest{} }))
	refused("no acceptance", custody.KindUnlock, edit(func(b *custody.Unlock) { b.Acceptance = custody.Digest{} }))
	refused("an agent as recipient", custody.KindRelease, edit(func(b *custody.Release) { b.Recipient = "fr/agent/lab-1" }))
	refused("no package", custody.KindRelease, edit(func(b *custody.Release) { b.Package = "" }))
	refused("another scope", custody.KindReceipt, edit(func(b *custody.Receipt) { b.Scope = "part" }))
	refused("the whole and single files", custody.KindReceipt, edit(func(b *custody.Receipt) { b.Exhibits = []int64{1} }))
	for name, lines := range map[string][]int64{"none": {}, "line 0": {0}, "negative": {-1}, "out of order": {2, 1}, "twice": {1, 1}, "huge": {1<<40 + 1}, "too many": make([]int64, custody.MaxExhibits+1)} {
		refused("single files, "+name, custody.KindReceipt, single(lines...))
	}
	refused("no inner statement", custody.KindReceipt, edit(func(b *custody.Receipt) { b.InnerStatement = custody.Digest{} }))
	refused("an unknown reason", custody.KindRejection, edit(func(b *custody.Rejection) { b.Reason = "late" }))
	refused("an unknown reason", custody.KindRecall, edit(func(b *custody.Recall) { b.Reason = "mood" }))
	refused("no package", custody.KindRecall, edit(func(b *custody.Recall) { b.Package = "" }))
	refused("no seal", custody.KindRecall, edit(func(b *custody.Recall) { b.Seal = custody.Digest{} }))
	refused("an empty annex", custody.KindRecall, edit(func(b *custody.Recall) { b.Annex = &custody.AnnexRef{} }))
	refused("a recipient as speaker", custody.KindRecall, by("nl/recipient/lab"))
}

func TestAuthorityFields(t *testing.T) {
	s := newStory(t)
	year := statement.At(t0.Add(401 * day))
	type o = custody.Root
	for name, f := range map[string]func(*o){
		"no keys": func(b *o) { b.Keys = []string{} }, "a key twice": func(b *o) { b.Keys[0] = b.Keys[1] }, "a malformed key": func(b *o) { b.Keys[0] = "x" },
		"threshold 0": func(b *o) { b.Threshold = 0 }, "threshold 4": func(b *o) { b.Threshold = 4 }, "threshold 2^32+1": func(b *o) { b.Threshold = 1<<32 + 1 },
		"registrar threshold 0": func(b *o) { b.RegistrarThreshold = 0 }, "registrar threshold 3": func(b *o) { b.RegistrarThreshold = 3 },
		"too long a life": func(b *o) { b.Expires = year }, "no life": func(b *o) { b.Expires = b.Issued }, "version 0": func(b *o) { b.Version = 0 },
		"version 1 with prev": func(b *o) { b.Prev = digest }, "version 2 without": func(b *o) { b.Version = 2 }, "a relay": func(b *o) { b.Relay = origin },
		"another's registrar": func(b *o) { b.Registrars[0] = s.fr.root.Body.(*o).Registrars[0] },
		"an officer":          func(b *o) { b.Registrars[0] = *entry(s.nl.directory(t0), "nl/officer/mla-1") },
	} {
		b := s.nl.rootBody()
		f(b)
		if _, err := custody.Draft(b); err == nil {
			t.Errorf("root with %s is accepted", name)
		}
	}
	type d = custody.Directory
	for name, f := range map[string]func(*d){
		"no root": func(b *d) { b.Root = custody.Digest{} }, "rule 0": func(b *d) { b.Rules.Revocation = 0 }, "rule 17": func(b *d) { b.Rules.Request = 17 },
		"fewer officers for what is sensitive": func(b *d) { b.Rules.Grant, b.Rules.Sensitive = 2, 1 },
		"too long a life":                      func(b *d) { b.Expires = year }, "no prev": func(b *d) { b.Prev = custody.Digest{} }, "a relay": func(b *d) { b.Relay = origin },
		"a malformed relay": func(b *d) { b.Relays = []custody.RelayPin{{Origin: "X", Fingerprint: digest}} }, "a relay without fingerprint": func(b *d) { b.Relays[0] = custody.RelayPin{Origin: origin} },
	} {
		b := s.nl.directory(t0)
		b.Relays = append([]custody.RelayPin{}, b.Relays...)
		f(b)
		if _, err := custody.Draft(b); err == nil {
			t.Errorf("directory with %s is accepted", name)
		}
	}
}

func TestSuspensionFields(t *testing.T) {
	refused := breaker(t)
	type u = custody.Suspension
	for name, f := range map[string]func(*u){
		"itself": func(b *u) { b.With = "nl" }, "no one": func(b *u) { b.With = "" }, "an agent": func(b *u) { b.With = "fr/agent/lab-1" },
		"no state": func(b *u) { b.State = "" }, "an unknown state": func(b *u) { b.State = "paused" },
		"no reason": func(b *u) { b.Reason = "" }, "an unknown reason": func(b *u) { b.Reason = "mood" },
		"the reason of a lift": func(b *u) { b.Reason = "resolved" }, "a lift for a reason of the other": func(b *u) { b.State = custody.StateLifted },
		"an entry it follows": func(b *u) { b.After = &custody.Ref{Leaf: digest} },
	} {
		refused(name, custody.KindSuspension, edit(f))
	}
}

func TestRelayFields(t *testing.T) {
	type y = custody.Relay
	for name, f := range map[string]func(*y){
		"no root keys": func(b *y) { b.RootKeys = []string{} }, "threshold 2 of 1": func(b *y) { b.RootThreshold = 2 }, "threshold 2^32+1": func(b *y) { b.RootThreshold = 1<<32 + 1 },
		"a malformed root key": func(b *y) { b.RootKeys = []string{"x"} }, "no key": func(b *y) { b.Key = "" }, "another's name": func(b *y) { b.By = "other.example" },
		"no TLS key": func(b *y) { b.TLS = []custody.Digest{} }, "a zero TLS key": func(b *y) { b.TLS = []custody.Digest{{}} }, "no address": func(b *y) { b.Addresses = []string{} },
		"no log key": func(b *y) { b.LogKey = "" }, "no ML-DSA log key": func(b *y) { b.LogMLDSAKey = "" }, "log keys swapped": func(b *y) { b.LogKey, b.LogMLDSAKey = b.LogMLDSAKey, b.LogKey }, "a long log key": func(b *y) { b.LogKey = strings.Repeat("k", 501) }, "version 0": func(b *y) { b.Version = 0 },
	} {
		b := nextRelay()
		f(b)
		if _, err := custody.Draft(b); err == nil {
			t.Errorf("relay with %s is accepted", name)
		}
	}
}

func many(prefix string, n int) (list []custody.PartyID) {
	for i := range n {
		list = append(list, custody.PartyID(fmt.Sprintf("%s%d", prefix, i)))
	}
	return list
}

// TestStrictFields takes each field of each kind away, makes it null, another
// type, another case, and adds one.
func TestStrictFields(t *testing.T) {
	all := oneOfEach(t)
	if len(all) != len(custody.Kinds()) {
		t.Fatalf("%d kinds, want %d", len(all), len(custody.Kinds()))
	}
	optional := map[string]bool{"after": true, "emergency": true, // what is missing then is for Decide to say
		"use-report package": true} // of all packages, then
	for k, st := range all {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(st.Payload(), &fields); err != nil {
			t.Fatal(err)
		}
		accepted := func(change func(map[string]json.RawMessage)) bool {
			m := map[string]json.RawMessage{}
			for n, v := range fields {
				m[n] = v
			}
			change(m)
			e := statement.New("application/vnd.comity."+string(k)+".v1+json", must(json.Marshal(m)), keys.Generate())
			_, err := custody.ParseStatement(e.Marshal())
			return err == nil
		}
		if !accepted(func(map[string]json.RawMessage) {}) {
			t.Errorf("%s: refused in another order of fields", k)
		}
		if accepted(func(m map[string]json.RawMessage) { m["x"] = json.RawMessage("1") }) {
			t.Errorf("%s: accepted with an unknown field", k)
		}
		for n, v := range fields {
			if accepted(func(m map[string]json.RawMessage) { delete(m, n) }) && !optional[n] && !optional[string(k)+" "+n] {
				t.Errorf("%s: accepted without %q", k, n)
			}
			if accepted(func(m map[string]json.RawMessage) { delete(m, n); m[strings.ToUpper(n)] = v }) {
				t.Errorf("%s: accepted with %q in capitals", k, n)
			}
			for _, other := range []string{"null", `{}`, `[[]]`, `"\ud800"`, "1.5", "[1]"} {
				if accepted(func(m map[string]json.RawMessage) { m[n] = json.RawMessage(other) }) {
					t.Errorf("%s: accepted with %q = %s", k, n, other)
				}
			}
		}
	}
}

// TestParseStatement checks the payload type and what a statement says of itself.
func TestParseStatement(t *testing.T) {
	all := oneOfEach(t)
	for k, st := range all {
		got, err := custody.ParseStatement(st.Envelope)
		if err != nil || got.Kind != k || got.SHA256 != st.SHA256 || string(got.Payload()) != string(st.Payload()) || got.Record() != st.Record() {
			t.Errorf("%s: read back as %+v, %v", k, got, err)
		}
		for _, typ := range []string{"", "application/json", "application/vnd.comity." + string(k) + ".v2+json", "application/vnd.comity.v1+json",
			"application/vnd.comity.hello.v1+json", "application/vnd.comity." + strings.ToUpper(string(k)) + ".v1+json"} {
			if _, err := custody.ParseStatement(statement.New(typ, st.Payload(), keys.Generate()).Marshal()); err == nil {
				t.Errorf("%s: accepted as %q", k, typ)
			}
		}
		for other := range all {
			if _, err := custody.ParseStatement(statement.New("application/vnd.comity."+string(other)+".v1+json", st.Payload()).Marshal()); (err == nil) != (other == k) {
				t.Errorf("%s as %s: %v", k, other, err)
			}
		}
		_, annexed := st.Annex()
		if want := k == custody.KindRequest || k == custody.KindReview || k == custody.KindDanger || k == custody.KindOffer; annexed != want {
			t.Errorf("%s: annex %t, want %t", k, annexed, want)
		}
	}
}

// TestDraftFillsLists checks that a grant without conditions can be read back.
func TestDraftFillsLists(t *testing.T) {
	s := told(t, reviewed...)
	st := s.make(custody.KindGrant, edit(func(b *custody.Grant) { b.Conditions = nil }))
	if !strings.Contains(string(st.Payload()), `"conditions": []`) {
		t.Errorf("payload: %s", st.Payload())
	}
	if _, err := custody.Draft(&custody.Refusal{Header: custody.Header{Relay: origin, By: "nl", Issued: statement.At(time.Now())}, Request: digest}); err == nil {
		t.Error("a refusal without grounds is drafted")
	}
}

func FuzzParseStatement(f *testing.F) {
	for _, st := range oneOfEach(f) {
		f.Add(st.Envelope)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		st, err := custody.ParseStatement(data)
		if err != nil {
			return
		}
		again, err := custody.ParseStatement(st.Envelope)
		if err != nil || again.SHA256 != st.SHA256 || again.Record() != st.Record() {
			t.Errorf("read twice: %v", err)
		}
	})
}
