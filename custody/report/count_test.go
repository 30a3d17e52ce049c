package report_test

import (
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/report"
	"comity.example/comity/test/env"
)

var requests = flag.Int("requests", 1000, "how many requests TestCount makes; test/soak/run makes 10,000")

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// crowd makes requests among four authorities, each along a way that is drawn, with
// others in between, all with real signatures and decided by the rules. It keeps its own
// count of what it did, and reads it from nothing.
type crowd struct {
	*testing.T
	*env.Story
	rnd     *rand.Rand
	offices []*env.Authority
	plans   []plan // what is to be done, by time
	entries map[custody.RecordID][]*custody.Entry
	did     []*life
}

type plan struct {
	at time.Time
	do func()
}

// life is what the crowd did with one request.
type life struct {
	from, to         *env.Authority
	id               custody.RecordID
	request          custody.Digest
	categories       []string
	urgency, outcome string
	ground           string
	filed, decided   time.Time
	acts             map[string]int64
	leaves           int64
	grant            custody.Digest
}

func newCrowd(t *testing.T) *crowd {
	s, err := env.NewStory("relay.example", "nl", "de", start)
	check(t, err)
	c := &crowd{T: t, Story: s, rnd: rand.New(rand.NewPCG(12, 26)), offices: []*env.Authority{s.From, s.To}, entries: map[custody.RecordID][]*custody.Entry{}}
	for _, name := range []string{"fr", "at"} {
		a, err := s.Join(name)
		check(t, err)
		c.offices = append(c.offices, a)
	}
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func one[T any](c *crowd, list ...T) T { return list[c.rnd.IntN(len(list))] }

func (c *crowd) later(t time.Time, hours int, do func()) {
	p := plan{t.Add(time.Duration(1+c.rnd.IntN(hours)) * time.Hour), do}
	i, _ := slices.BinarySearchFunc(c.plans, p, func(a, b plan) int { return cmp.Or(a.at.Compare(b.at), -1) })
	c.plans = slices.Insert(c.plans, i, p)
}

// lives plays n requests, filed over 90 days, and what follows in 60 more.
func (c *crowd) lives(n int) {
	for range n {
		c.later(start, 90*24, c.ask)
	}
	for len(c.plans) > 0 {
		p := c.plans[0]
		c.plans = c.plans[1:]
		if p.at.After(start.AddDate(0, 0, 150)) {
			continue
		}
		c.Until(p.at)
		p.do()
	}
}

// post files a statement in the record of a life and forgets its bytes.
func (c *crowd) post(l *life, via custody.PartyID, b custody.Body, signers ...*keys.Private) *custody.Statement {
	c.Helper()
	st, err := c.Post(via, b, signers...)
	check(c.T, err)
	id := st.Record()
	line := c.Lines[id][0]
	delete(c.Lines, id)
	e, _, err := line.Parse()
	check(c.T, err)
	c.entries[id] = append(c.entries[id], e)
	l.id = id
	l.leaves++
	return st
}

func (c *crowd) header(l *life, by string) custody.Header {
	h := custody.Header{Relay: c.Origin, By: by, Issued: c.Now()}
	if l.leaves > 0 {
		h.After = c.Record(l.id).Tip()
	}
	return h
}

func (c *crowd) ask() {
	l := &life{acts: map[string]int64{}, outcome: "pending", urgency: one(c, "routine", "routine", "urgent"), filed: c.Now().Time()}
	for l.from == l.to {
		l.from, l.to = one(c, c.offices...), one(c, c.offices...)
	}
	l.categories = one(c, []string{"stored-data"}, []string{"traffic-data"}, []string{"subscriber-data"}, []string{"stored-data", "content-data"}, []string{"traffic-data", "content-data", "subscriber-data"})
	l.request = c.post(l, l.from.ID("agent/desk-1"), &custody.Request{
		Header: c.header(l, l.from.Name), To: l.to.Name, Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: l.categories,
		Urgency: l.urgency, OrderSHA256: sha256.Sum256([]byte("order")), Recipients: l.from.Recipients(), Expires: statement.At(c.Now().Time().AddDate(0, 0, 170)),
		Annex: custody.AnnexRef{SHA256: statement.NewNonce(), Size: 4000},
	}, l.from.Officers[0]).SHA256
	c.did = append(c.did, l)
	if c.rnd.IntN(12) == 0 {
		l.urgency = "emergency"
		c.post(l, l.from.ID("agent/desk-1"), &custody.Danger{Header: c.header(l, l.from.Name), Request: l.request, Danger: "life",
			Annex: custody.AnnexRef{SHA256: statement.NewNonce(), Size: 1000}}, l.from.Officers[0])
	}
	now := c.Now().Time()
	switch c.rnd.IntN(10) {
	case 0: // nobody decides
	case 1:
		c.later(now, 100, func() { c.withdraw(l) })
	case 2, 3:
		c.later(now, 24*40, func() { c.refuse(l) })
	default:
		c.later(now, one(c, 12, 24*5, 24*40), func() { c.grant(l) })
	}
}

func (c *crowd) withdraw(l *life) {
	l.outcome = "withdrawn"
	c.post(l, l.from.ID("agent/desk-1"), &custody.Withdrawal{Header: c.header(l, l.from.Name), Request: l.request, Reason: "error"}, l.from.Officers[0])
}

func (c *crowd) refuse(l *life) {
	l.outcome, l.decided, l.ground = "refused", c.Now().Time(), one(c, "proportionality", "privilege", "own-law")
	c.post(l, l.to.ID("agent/desk-1"), &custody.Refusal{Header: c.header(l, l.to.Name), Request: l.request, Grounds: []string{l.ground}}, l.to.Officers[0])
}

func (c *crowd) grant(l *life) {
	review := c.post(l, l.to.ID("agent/desk-1"), &custody.Review{Header: c.header(l, l.to.Name), Request: l.request, Body: "judicial",
		Finding: custody.FindingNoObjection, Annex: custody.AnnexRef{SHA256: statement.NewNonce(), Size: 3000}}, l.to.Officers[0])
	granted := l.categories
	l.outcome, l.decided = "granted", c.Now().Time()
	if len(granted) > 1 && c.rnd.IntN(2) == 0 {
		granted, l.outcome = granted[:1], "granted-in-part"
	}
	l.grant = c.post(l, l.to.ID("agent/desk-1"), &custody.Grant{Header: c.header(l, l.to.Name), Request: l.request, Review: review.SHA256, To: l.from.Name, Terms: custody.Terms{
		Senders: []custody.PartyID{l.to.ID("agent/lab-1")}, Recipients: l.from.Recipients(), Categories: granted, Sensitive: []string{}, Handling: []string{}, Conditions: []string{},
		MaxBytes: 1 << 30, MaxPackages: 10, NotBefore: c.Now(), Expires: statement.At(l.filed.AddDate(0, 0, 160))}}, l.to.Officers...).SHA256
	now := c.Now().Time()
	switch c.rnd.IntN(6) {
	case 0:
		c.later(now, 100, func() {
			l.outcome = "revoked"
			l.acts["revocations"]++
			c.post(l, l.to.ID("agent/desk-1"), &custody.Revocation{Header: c.header(l, l.to.Name), Request: l.request, Grant: l.grant, Reason: "error"}, l.to.Officers[0])
		})
	case 1, 2, 3:
		c.later(now, 50, func() { c.send(l) })
	}
}

// send deposits one package or two, of which one may be recalled, and may close.
func (c *crowd) send(l *life) {
	for n := range 1 + c.rnd.IntN(2) {
		size := int64(1000 + c.rnd.IntN(5000))
		pkg := custody.PackageID([16]byte(func() []byte { d := statement.NewNonce(); return d[:16] }()))
		seal := c.post(l, l.to.ID("agent/lab-1"), &custody.Seal{Header: c.header(l, string(l.to.ID("agent/lab-1"))), Request: l.request, Grant: l.grant, Package: pkg,
			Recipients: c.RecipientsOf(l.from), HeadSHA256: statement.NewNonce(), PayloadSize: size, Parts: 1, PayloadRoot: statement.NewNonce(), InnerSHA256: statement.NewNonce(),
			Delivery: int64(n + 1)}, l.to.Lab)
		l.acts["packages"]++
		l.acts["bytes"] += size
		if c.rnd.IntN(8) == 0 {
			l.acts["recalls"]++
			c.post(l, l.to.ID("agent/lab-1"), &custody.Recall{Header: c.header(l, string(l.to.ID("agent/lab-1"))), Request: l.request, Package: pkg, Seal: seal.SHA256,
				Reason: "wrong-package"}, l.to.Lab)
		}
	}
	if c.rnd.IntN(2) == 0 {
		c.later(c.Now().Time(), 24*10, func() {
			l.outcome = "closed"
			c.post(l, l.from.ID("agent/desk-1"), &custody.Closure{Header: c.header(l, l.from.Name), Request: l.request, Outcome: "executed"}, l.from.Officers[0])
		})
	}
}

// TestCount compares reports of many requests with a count of what was done to them, for
// each of the authorities: every number that is told is the true one, and the small ones
// are not told. Two reports of the same entries, read in another order, are the same bytes.
func TestCount(t *testing.T) {
	c := newCrowd(t)
	c.lives(*requests)
	p := report.Quarter(2026, 1)
	head, err := c.Log.Head(c.Origin)
	check(t, err)
	at := custody.CheckpointRef{Size: head.Size, Root: custody.Digest(head.Root)}
	for _, a := range c.offices {
		tally, back := report.NewTally(a.Name, p), report.NewTally(a.Name, p)
		add := func(to *report.Tally, l *life) {
			check(t, to.Add(report.Of(a.Name, c.Record(l.id).Case(), c.entries[l.id], false)))
		}
		var own, all []*life
		for _, l := range c.did {
			if l.from == a || l.to == a {
				add(tally, l)
				all = append(all, l)
				if l.filed.Before(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)) {
					own = append(own, l)
				}
			}
		}
		for i := range all {
			add(back, all[len(all)-1-i])
		}
		st := tally.Statistics(c.Origin, at, report.Threshold)
		check(t, st.Check())
		again := back.Statistics(c.Origin, at, report.Threshold)
		if string(statement.Encode(st)) != string(statement.Encode(again)) {
			t.Errorf("%s: read in another order the report is another", a.Name)
		}
		var counted, rest int64
		for _, l := range all {
			rest += l.leaves
		}
		for _, l := range own {
			counted += l.leaves
		}
		if st.Counted != counted || st.Own != rest-counted || st.Others != head.Size-rest {
			t.Errorf("%s: leaves %d, %d, %d, want %d, %d, %d", a.Name, st.Counted, st.Own, st.Others, counted, rest-counted, head.Size-rest)
		}
		for _, sent := range []bool{true, false} {
			side := &st.Received
			if sent {
				side = &st.Sent
			}
			v := verdict{t: t, name: fmt.Sprintf("%s, sent %t", a.Name, sent), side: side}
			v.compare(slices.DeleteFunc(slices.Clone(own), func(l *life) bool { return (l.from == a) != sent }), a)
		}
	}
	if len(c.did) != *requests {
		t.Fatalf("%d requests were made, want %d", len(c.did), *requests)
	}
	t.Logf("%d requests, %d leaves", len(c.did), head.Size)
}

type verdict struct {
	t     *testing.T
	name  string
	side  *custody.Side
	told  int
	small int
}

// cell checks one cell against the true number.
func (v *verdict) cell(what string, c custody.Cell, want int64) {
	v.t.Helper()
	n, err := strconv.ParseInt(string(c), 10, 64)
	switch {
	case err == nil && n == want && (want == 0 || want >= 5):
		v.told++
	case c == "<5" && want > 0 && want < 5:
		v.small++
	case c == "*" && want >= 5:
	default:
		v.t.Errorf("%s: %s is told as %q, it is %d", v.name, what, c, want)
	}
}

// combined names the categories of requests as the rows that they stand in.
func combined(did []*life) (rows []string) {
	times := map[string]int{}
	for _, l := range did {
		c := slices.Clone(l.categories)
		sort.Strings(c)
		rows = append(rows, strings.Join(c, "+"))
		times[rows[len(rows)-1]]++
	}
	for i, l := range did {
		if len(l.categories) > 1 && times[rows[i]] < 5 {
			rows[i] = "several"
		}
	}
	return rows
}

func (v *verdict) compare(did []*life, a *env.Authority) {
	rows := map[string]map[string]map[string]int64{} // table, row, outcome
	acts := map[string]int64{}
	outcomes := map[string]int64{}
	var hours []int
	mark := func(table, row, outcome string) {
		if rows[table] == nil {
			rows[table] = map[string]map[string]int64{}
		}
		if rows[table][row] == nil {
			rows[table][row] = map[string]int64{}
		}
		rows[table][row][outcome]++
	}
	combinations := combined(did)
	for i, l := range did {
		outcomes[l.outcome]++
		with := l.to.Name
		if l.to == a {
			with = l.from.Name
		}
		mark("counterpart", with, l.outcome)
		mark("urgency", l.urgency, l.outcome)
		mark("category", combinations[i], l.outcome)
		if l.ground != "" {
			mark("ground", l.ground, l.outcome)
		}
		wait, band := l.decided.Sub(l.filed).Hours(), "none"
		if !l.decided.IsZero() {
			hours = append(hours, int(wait))
			switch {
			case wait <= 24:
				band = "within-1-day"
			case wait <= 7*24:
				band = "within-7-days"
			case wait <= 30*24:
				band = "within-30-days"
			case wait <= 90*24:
				band = "within-90-days"
			}
		}
		mark("first-decision", band, l.outcome)
		for name, n := range l.acts {
			acts[name] += n
		}
	}
	v.cell("requests", v.side.Requests, int64(len(did)))
	for _, f := range v.side.Outcomes {
		v.cell(f.Name, f.N, outcomes[f.Name])
	}
	for _, tb := range v.side.Tables {
		if tb.Withheld {
			continue
		}
		if len(tb.Rows) != len(rows[tb.Name]) {
			v.t.Errorf("%s: table %s has %d rows, want %d", v.name, tb.Name, len(tb.Rows), len(rows[tb.Name]))
		}
		for _, r := range tb.Rows {
			var total int64
			for i, o := range custody.ReportOutcomes {
				total += rows[tb.Name][r.Name][o]
				v.cell(tb.Name+" "+r.Name+" "+o, r.Cells[i], rows[tb.Name][r.Name][o])
			}
			v.cell(tb.Name+" "+r.Name, r.Total, total)
		}
	}
	for _, f := range v.side.Acts {
		v.cell(f.Name, f.N, acts[f.Name])
	}
	sort.Ints(hours)
	if v.side.Median != "*" {
		v.cell("median", v.side.Median, int64(hours[(len(hours)-1)/2]))
	}
	if len(did) > 50 && v.told < 20 {
		v.t.Errorf("%s: only %d cells are told", v.name, v.told)
	}
	v.t.Logf("%s: %d requests, %d cells told, %d small", v.name, len(did), v.told, v.small)
}
