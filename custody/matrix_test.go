package custody_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/internal/doctable"
)

// states are the states of a case and what led to each.
var states = map[string][]custody.Kind{
	"empty":             nil,
	"requested":         requested,
	"reviewed":          reviewed,
	"refused":           then(reviewed, custody.KindRefusal),
	"granted":           granted,
	"granted+sealed":    then(granted, custody.KindSeal),
	"granted-revoked":   then(granted, custody.KindRevocation),
	"accepted":          agreed,
	"accepted-revoked":  then(agreed, custody.KindRevocation),
	"sealed":            sealed,
	"sealed-revoked":    then(sealed, custody.KindRevocation),
	"unlocked":          unlocked,
	"unlocked-revoked":  then(unlocked, custody.KindRevocation),
	"released":          released,
	"released-revoked":  then(released, custody.KindRevocation),
	"received":          path,
	"rejected":          then(released, custody.KindRejection),
	"sealed-recalled":   then(sealed, custody.KindRecall),
	"unlocked-recalled": then(unlocked, custody.KindRecall),
	"released-recalled": then(released, custody.KindRecall),
	"received-recalled": then(path, custody.KindRecall),
	"recalled-revoked":  then(released, custody.KindRecall, custody.KindRevocation),
	"regranted":         then(agreed, custody.KindRevocation, custody.KindGrant),

	"granted-amended":  then(granted, custody.KindAmendment),
	"sealed-amended":   then(sealed, custody.KindAmendment),
	"released-amended": then(released, custody.KindAmendment),

	"requested-withdrawn": then(requested, custody.KindWithdrawal),
	"granted-withdrawn":   then(granted, custody.KindWithdrawal),
	"revoked-withdrawn":   then(sealed, custody.KindRevocation, custody.KindWithdrawal),
	"sealed-withdrawn":    then(sealed, custody.KindWithdrawal),
	"released-withdrawn":  then(released, custody.KindWithdrawal),
	"accepted-closed":     then(agreed, custody.KindClosure),
	"unlocked-closed":     then(unlocked, custody.KindClosure),
	"released-closed":     then(released, custody.KindClosure),
	"received-closed":     then(path, custody.KindClosure),
}

// actor is somebody with keys and a connection.
type actor struct {
	by   string // who the statement says speaks; of agents' kinds, the agent
	via  custody.PartyID
	keys func(s *story) []*keys.Private
}

func officersOf(name string) func(*story) []*keys.Private {
	return func(s *story) []*keys.Private { return s.office(name).officers[:2] }
}

func agentOf(name, agent string) func(*story) []*keys.Private {
	return func(s *story) []*keys.Private { return []*keys.Private{s.office(name).agents[agent]} }
}

var actors = map[string]actor{
	"nl officers":             {"nl", "nl/agent/desk-1", officersOf("nl")},
	"nl officers through lab": {"nl", "nl/agent/lab-1", officersOf("nl")},
	"nl officers through fr":  {"nl", "fr/agent/desk-1", officersOf("nl")},
	"nl officers alone":       {"nl", "", officersOf("nl")},
	"nl desk's own key":       {"nl", "nl/agent/desk-1", agentOf("nl", "desk-1")},
	"fr officers":             {"fr", "fr/agent/desk-1", officersOf("fr")},
	"fr officers as nl":       {"nl", "fr/agent/desk-1", officersOf("fr")},
	"nl officers as fr":       {"fr", "nl/agent/desk-1", officersOf("nl")},
	"de officers":             {"de", "de/agent/desk-1", officersOf("de")},
	"de officers as nl":       {"nl", "de/agent/desk-1", officersOf("de")},
	"sender":                  {"nl/agent/lab-1", "nl/agent/lab-1", agentOf("nl", "lab-1")},
	"sender's colleague":      {"nl/agent/lab-2", "nl/agent/lab-2", agentOf("nl", "lab-2")},
	"sender's desk":           {"nl/agent/desk-1", "nl/agent/desk-1", agentOf("nl", "desk-1")},
	"sender through desk":     {"nl/agent/lab-1", "nl/agent/desk-1", agentOf("nl", "lab-1")},
	"recipient":               {"fr/agent/lab-1", "fr/agent/lab-1", agentOf("fr", "lab-1")},
	"recipient as sender":     {"nl/agent/lab-1", "fr/agent/lab-1", agentOf("fr", "lab-1")},
	"sender as recipient":     {"fr/agent/lab-1", "nl/agent/lab-1", agentOf("nl", "lab-1")},
	"sender's key by sender":  {"fr/agent/lab-1", "fr/agent/lab-1", agentOf("nl", "lab-1")},
	"backup's holder":         {"fr/agent/lab-2", "fr/agent/lab-2", agentOf("fr", "lab-2")},
	"third lab":               {"de/agent/lab-1", "de/agent/lab-1", agentOf("de", "lab-1")},
	"unlisted agent":          {"nl/agent/lab-9", "nl/agent/lab-9", func(*story) []*keys.Private { return generate(1) }},
	"stranger as sender":      {"nl/agent/lab-1", "nl/agent/lab-1", func(*story) []*keys.Private { return generate(1) }},
	"stranger as officers":    {"nl", "nl/agent/desk-1", func(*story) []*keys.Private { return generate(2) }},
}

// granting are the states of a request that was granted at some time and goes on.
const granting = "granted granted+sealed granted-revoked accepted accepted-revoked sealed sealed-revoked unlocked unlocked-revoked" +
	" released released-revoked received rejected regranted sealed-recalled unlocked-recalled released-recalled received-recalled recalled-revoked" + amended

// amended are those in which the terms were changed.
const amended = " granted-amended sealed-amended released-amended"

// may is the rule book in one table, written without looking at it: for each
// kind, who may do it, and in which states.
var may = map[custody.Kind]struct{ who, when string }{
	custody.KindRequest: {"fr officers|nl officers|de officers", "*"}, // a new one has a record of its own
	custody.KindOffer:   {"fr officers|nl officers|de officers", "*"}, // likewise
	custody.KindSuspension: {"nl officers|nl officers through lab|nl officers through fr|nl officers alone|fr officers|de officers", // who carries it, the gateway sees
		"*"},
	custody.KindReport: {"nl officers|nl officers through lab|nl officers through fr|nl officers alone|fr officers|de officers", "*"}, // likewise
	custody.KindReview: {"nl officers", "requested reviewed refused granted granted+sealed granted-revoked accepted accepted-revoked sealed" +
		" sealed-revoked unlocked unlocked-revoked released released-revoked received rejected regranted" +
		" sealed-recalled unlocked-recalled released-recalled received-recalled recalled-revoked" + amended},
	custody.KindGrant: {"nl officers", "reviewed granted-revoked accepted-revoked sealed-revoked unlocked-revoked released-revoked recalled-revoked"},
	custody.KindRefusal: {"nl officers", "requested reviewed granted-revoked accepted-revoked sealed-revoked unlocked-revoked" +
		" released-revoked recalled-revoked"},
	custody.KindAcceptance: {"fr officers", "granted granted+sealed regranted granted-amended"},
	custody.KindAmendment: {"nl officers", "granted granted+sealed accepted sealed unlocked released received rejected regranted" +
		" sealed-recalled unlocked-recalled released-recalled received-recalled" + amended},
	custody.KindConsent: {"nl officers", "granted+sealed sealed unlocked released received rejected sealed-withdrawn released-withdrawn" +
		" unlocked-closed released-closed received-closed sealed-amended released-amended"},
	custody.KindRevocation: {"nl officers|nl officers through fr", "granted granted+sealed accepted sealed unlocked released received rejected regranted" +
		" sealed-recalled unlocked-recalled released-recalled received-recalled" +
		" granted-withdrawn sealed-withdrawn released-withdrawn accepted-closed unlocked-closed released-closed received-closed" + amended},
	custody.KindDanger:     {"fr officers", "requested reviewed " + granting},
	custody.KindValidation: {"nl officers", ""},
	custody.KindOrder: {"nl officers", "granted-revoked accepted-revoked sealed-revoked unlocked-revoked released-revoked recalled-revoked" +
		" revoked-withdrawn"},
	custody.KindDestruction: {"fr officers", "received received-recalled received-closed"},
	custody.KindRestriction: {"fr officers", "received received-recalled received-closed"},
	custody.KindWithdrawal:  {"fr officers", "requested reviewed " + granting},
	custody.KindClosure:     {"fr officers", granting},
	custody.KindUseReport:   {"fr officers", "received received-recalled received-closed"},
	custody.KindHold:        {"nl officers", but("empty")},
	custody.KindErasure: {"fr officers", "refused requested-withdrawn granted-withdrawn revoked-withdrawn sealed-withdrawn released-withdrawn" +
		" accepted-closed unlocked-closed released-closed received-closed"},
	custody.KindAttestation: {"sender|sender's colleague|sender's desk|recipient|backup's holder", but("empty")},
	custody.KindSeal:        {"sender", "granted accepted regranted granted-amended"},
	custody.KindUnlock:      {"sender", "sealed sealed-amended"},
	custody.KindRelease:     {"recipient", "unlocked"},
	custody.KindReceipt:     {"recipient", "released released-revoked released-recalled recalled-revoked released-withdrawn released-closed released-amended"},
	custody.KindRecall: {"nl officers|nl officers through fr|sender", "granted+sealed sealed sealed-revoked unlocked unlocked-revoked released" +
		" released-revoked received rejected revoked-withdrawn sealed-withdrawn released-withdrawn unlocked-closed released-closed received-closed sealed-amended released-amended"},
	custody.KindRejection: {"recipient", "released released-revoked released-recalled recalled-revoked released-withdrawn released-closed released-amended"},
}

// but lists all states but one.
func but(state string) string {
	list := slices.DeleteFunc(slices.Sorted(maps.Keys(states)), func(s string) bool { return s == state })
	return strings.Join(list, " ")
}

// TestMatrix tries every kind by every actor in every state.
func TestMatrix(t *testing.T) {
	allowed := 0
	for state, before := range states {
		s := told(t, before...)
		for kind, rule := range may {
			for name, a := range actors {
				st, ok := s.forge(kind, a)
				if !ok {
					continue // an officer's name in an agent's kind, or the reverse, does not parse
				}
				want := slices.Contains(strings.Split(rule.who, "|"), name) && slices.Contains(strings.Fields(strings.Replace(rule.when, "*", state, 1)), state)
				if d := s.decide(a.via, st); d.Allowed() != want {
					t.Errorf("%s by %s when %s: %s, want allowed %t", kind, name, state, d, want)
				}
				if want {
					allowed++
				}
			}
		}
	}
	if allowed == 0 {
		t.Fatal("nothing was allowed")
	}
}

// TestMatrixDocument: docs/matrix.md shows the tables as they are.
func TestMatrixDocument(t *testing.T) {
	var b strings.Builder
	kinds := func(title string, of map[string][]custody.Kind, rules map[custody.Kind]struct{ who, when string }) {
		fmt.Fprintf(&b, "\n### %s\n\n| statement | by | when |\n|---|---|---|\n", title)
		for _, k := range custody.Kinds() {
			if r, ok := rules[k]; ok {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k, strings.ReplaceAll(r.who, "|", ", "), inWords(of, r.when))
			}
		}
		b.WriteString("\nThe states, and what led to them:\n\n| state | statements |\n|---|---|\n")
		for _, state := range slices.Sorted(maps.Keys(of)) {
			var before []string
			for _, k := range of[state] {
				before = append(before, string(k))
			}
			fmt.Fprintf(&b, "| %s | %s |\n", state, strings.Join(before, ", "))
		}
	}
	kinds("A request", states, may)
	kinds("An offer", offerStates, mayOffered)
	b.WriteString("\n### Calls of agents, under a request\n\n| call | by | when |\n|---|---|---|\n")
	for _, act := range slices.Sorted(maps.Keys(mayCall)) {
		r := mayCall[act]
		if r.when == "-empty" {
			r.when = but("empty")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", act, strings.Join(strings.Fields(r.who), ", "), inWords(states, r.when))
	}
	doctable.Check(t, "../docs/matrix.md", "kinds", b.String()+"\n")
}

// inWords lists states, or those that are left out where these are fewer.
func inWords(of map[string][]custody.Kind, when string) string {
	listed := slices.Compact(slices.Sorted(slices.Values(strings.Fields(when))))
	left := slices.DeleteFunc(slices.Sorted(maps.Keys(of)), func(s string) bool { return slices.Contains(listed, s) })
	switch {
	case when == "*" || len(left) == 0:
		return "always"
	case len(listed) == 0:
		return "never"
	case len(left) < len(listed):
		return "always, but not when " + strings.Join(left, ", ")
	}
	return strings.Join(listed, ", ")
}

// TestMatrixIsWhole: every kind that this version reads has a row, but for those that
// belong to no case and have rules of their own.
func TestMatrixIsWhole(t *testing.T) {
	apart := []custody.Kind{custody.KindRoot, custody.KindDirectory, custody.KindRelay}
	for _, k := range custody.Kinds() {
		if _, ok := may[k]; ok == slices.Contains(apart, k) {
			t.Errorf("%s has a row: %t", k, ok)
		}
	}
	if len(may)+len(apart) != len(custody.Kinds()) {
		t.Errorf("%d rows and %d kinds apart, want %d", len(may), len(apart), len(custody.Kinds()))
	}
	for k, rule := range may {
		for _, who := range strings.Split(rule.who, "|") {
			if _, ok := actors[who]; !ok {
				t.Errorf("the row of %s names %q, who is nobody", k, who)
			}
		}
		for _, state := range strings.Fields(rule.when) {
			if _, ok := states[state]; !ok && state != "*" {
				t.Errorf("the row of %s names %q, which is no state", k, state)
			}
		}
	}
}

// forge makes the honest next statement of a kind in the name of an actor.
func (s *story) forge(k custody.Kind, a actor) (*custody.Statement, bool) {
	b := s.body(k)
	headerOf(b).By = a.by
	if g, ok := b.(*custody.Grant); ok && a.by != "nl" { // a grant names its own authority's senders
		g.Senders = []custody.PartyID{custody.PartyID(a.by + "/agent/lab-1")}
		if a.by == "fr" {
			g.To, g.Recipients = "nl", []custody.PartyID{"nl/recipient/lab"}
		}
	}
	if g, ok := b.(*custody.Amendment); ok && a.by != "nl" {
		g.Senders = []custody.PartyID{custody.PartyID(a.by + "/agent/lab-1")}
		if a.by == "fr" {
			g.To, g.Recipients = "nl", []custody.PartyID{"nl/recipient/lab"}
		}
	}
	if c, ok := b.(*custody.Consent); ok && a.by == "de" { // to another than itself
		c.To = "be"
	}
	if o, ok := b.(*custody.Offer); ok { // an offer its own senders, and recipients of another
		o.To = "nl"
		if a.by == "nl" {
			o.To = "fr"
		}
		o.Senders = []custody.PartyID{custody.PartyID(a.by + "/agent/lab-1")}
		o.Recipients = []custody.PartyID{custody.PartyID(o.To + "/recipient/lab")}
	}
	if r, ok := b.(*custody.Request); ok { // a request its own recipients, of another authority
		r.Recipients = []custody.PartyID{custody.PartyID(a.by + "/recipient/lab")}
		if a.by == "nl" {
			r.To = "fr"
		}
	}
	if r, ok := b.(*custody.Report); ok { // a report is of who speaks
		r.Authority = a.by
	}
	if u, ok := b.(*custody.Suspension); ok { // a suspension speaks of a pair of its own
		with := "nl"
		if a.by == "nl" {
			with = "fr"
		}
		t := s.turn(a.by, with)
		u.With, u.State, u.Reason, u.Prev = t.With, t.State, t.Reason, t.Prev
	}
	st, err := custody.Sign(b, a.keys(s)...)
	return st, err == nil
}

// mayCall is which agent may make which call, and in which states.
var mayCall = map[custody.Act]struct{ who, when string }{
	custody.ActRecord: {"nl/agent/lab-1 nl/agent/lab-2 nl/agent/desk-1 fr/agent/lab-1 fr/agent/lab-2 fr/agent/desk-1 nl/auditor/1 fr/auditor/1", "-empty"},
	custody.ActAnnex:  {"nl/agent/lab-1 nl/agent/lab-2 nl/agent/desk-1 fr/agent/lab-1 fr/agent/lab-2 fr/agent/desk-1", "-empty"},
	custody.ActReserve: {"nl/agent/lab-1", "granted granted+sealed accepted sealed unlocked released received rejected regranted" +
		" sealed-recalled unlocked-recalled released-recalled received-recalled" + amended + urgent},
	custody.ActPart: {"nl/agent/lab-1", "granted granted+sealed accepted sealed unlocked released received rejected regranted" +
		" sealed-recalled unlocked-recalled released-recalled received-recalled" + amended + urgent},
	custody.ActHead:    {"fr/agent/lab-1", "released received rejected released-amended emergency-released emergency-received"},
	custody.ActPayload: {"fr/agent/lab-1", "released received rejected released-amended emergency-released emergency-received"},
}

// TestCalls tries every call of every agent in every state.
func TestCalls(t *testing.T) {
	for state, before := range states {
		s := told(t, before...)
		for act, rule := range mayCall {
			for _, via := range agents {
				a := custody.Action{Grant: s.sha(custody.KindGrant), Package: s.pkg, Bytes: 16}
				want := slices.Contains(strings.Fields(rule.who), string(via)) &&
					(rule.when == "-empty" && state != "empty" || slices.Contains(strings.Fields(rule.when), state))
				d := s.act(act, via, a)
				if d.Allowed() != want {
					t.Errorf("%s by %q when %s: %s, want allowed %t", act, via, state, d, want)
				}
				if via.Role() == custody.RoleAuditor && act != custody.ActRecord && d.Code != custody.CodeAuditorReads && via != "nl/auditor/2" {
					t.Errorf("%s by %q when %s: %s, want %s", act, via, state, d, custody.CodeAuditorReads)
				}
				if via.Authority() == "de" && (act == custody.ActRecord || via.Role() == custody.RoleAgent) && state != "empty" && d.Code != custody.CodeNotParty {
					t.Errorf("%s by %q when %s: %s, want %s", act, via, state, d, custody.CodeNotParty)
				}
			}
		}
	}
}

var agents = []custody.PartyID{"nl/agent/lab-1", "nl/agent/lab-2", "nl/agent/desk-1", "fr/agent/lab-1", "fr/agent/lab-2", "fr/agent/desk-1",
	"de/agent/lab-1", "de/agent/desk-1", "nl/agent/lab-9", "nl/officer/mla-1", "be/agent/lab-1",
	"nl/auditor/1", "fr/auditor/1", "de/auditor/1", "nl/auditor/2", ""}

// TestStrangersLearnNothing checks that a third authority gets one answer,
// whatever the record holds and however its statement is made.
func TestStrangersLearnNothing(t *testing.T) {
	edits := map[string]func(custody.Body){
		"plain":    header(func(*custody.Header) {}),
		"after":    header(func(h *custody.Header) { h.After.Seq = 99 }),
		"no after": header(func(h *custody.Header) { h.After = nil }),
	}
	for state, before := range states {
		want := custody.CodeNotParty
		if state == "empty" {
			want = custody.CodeNoSuchRequest
		}
		s := told(t, before...)
		for kind := range may {
			if !follows(kind) { // these are of no case yet, or of none at all
				continue
			}
			who := "de"
			if strings.Contains(s.by(kind), "/") {
				who = "de/agent/lab-1"
			}
			for name, e := range edits {
				if kind == custody.KindAttestation && name == "no after" {
					continue // it attests what it names there
				}
				st := s.make(kind, e, by(who), func(b custody.Body) {
					switch b := b.(type) {
					case *custody.Grant:
						b.Senders = []custody.PartyID{"de/agent/lab-1"}
					case *custody.Amendment:
						b.Senders = []custody.PartyID{"de/agent/lab-1"}
					case *custody.Consent:
						b.To = "be"
					}
				})
				if d := s.decide(via(who), st); d.Code != want {
					t.Errorf("%s (%s) when %s: %s, want %s", kind, name, state, d, want)
				}
			}
		}
		for kind, st := range s.last { // a copy that leaked
			want := custody.CodeNotCarrier
			if custody.Stopping(st) && !strings.Contains(st.Header.By, "/") {
				want = custody.CodeNotParty // either party's desk carries it
			}
			if d := s.decide("de/agent/desk-1", st); d.Code != want {
				t.Errorf("another's %s when %s: %s, want %s", kind, state, d, want)
			}
		}
	}
}
