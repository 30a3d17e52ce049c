package officer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// Event is an entry of a case in words.
type Event struct {
	Seq       int64             `json:"seq"`
	Index     int64             `json:"index"` // in the log
	Time      custody.Time      `json:"time"`
	Kind      custody.Kind      `json:"kind"`
	Signed    []custody.PartyID `json:"signed"`        // nobody signs an event of the relay's
	Via       custody.PartyID   `json:"via,omitempty"` // nor brings it
	What      string            `json:"what"`
	Codes     []string          `json:"codes,omitempty"` // conditions, grounds, reason or finding
	Statement custody.Digest    `json:"statement_sha256,omitzero"`
	Envelope  custody.Digest    `json:"envelope_sha256,omitzero"`
	Event     *custody.Event    `json:"event,omitempty"` // the relay's own word, instead of a statement
}

// Timeline returns the entries of a request's record, oldest first. Signers are
// named after the directory in force now; a key that left it stands as a key.
func Timeline(snap *agent.Snapshot, request string) ([]Event, error) {
	var list []Event
	for _, l := range snap.Records[custody.RecordID(request)] {
		c := l.Custody()
		if l.Gap != nil {
			list = append(list, Event{Seq: int64(len(list)), Index: l.Index, Kind: "gap", Signed: []custody.PartyID{}, What: "(erased at the relay: what this entry said is not known here)"})
			continue
		}
		e, st, err := c.Parse()
		if err != nil {
			return nil, err
		}
		if st == nil {
			list = append(list, Event{Seq: e.Seq, Index: l.Index, Time: e.Time, Kind: e.Kind, Signed: []custody.PartyID{}, What: e.Event.Says(), Event: e.Event})
			continue
		}
		what, codes := Say(st)
		by := authorityOf(st.Header.By)
		list = append(list, Event{Seq: e.Seq, Index: l.Index, Time: e.Time, Kind: e.Kind, Via: e.Via, What: what, Codes: codes,
			Signed: Signers(snap.Book.View().Authorities[by], st), Statement: e.Statement, Envelope: e.Envelope})
	}
	return list, nil
}

// termsWords says in half a sentence what terms allow.
func termsWords(t *custody.Terms) string {
	what, window := strings.Join(t.Categories, ", "), day(t.NotBefore)+" to "+day(t.Expires)
	if t.MaxPackages == 0 {
		return what + " is kept, " + window
	}
	if t.RetentionDays > 0 {
		window += fmt.Sprintf(", kept by the relay for at least %s", plural(t.RetentionDays, "day"))
	}
	return fmt.Sprintf("%s, %s in %s, %s", what, Bytes(t.MaxBytes), plural(t.MaxPackages, "package"), window)
}

// authorityOf returns the authority of a party's id, or the name itself.
func authorityOf(by string) string { return custody.PartyID(by).Authority() }

// Say tells in one sentence what a statement does, and the codes that it gives.
// Everything in it has a checked form; free text is only in annexes.
func Say(st *custody.Statement) (what string, codes []string) {
	by := st.Header.By
	switch b := st.Body.(type) {
	case *custody.Request:
		return fmt.Sprintf("%s asks %s %s until %s", by, b.To, b.Wants(), day(b.Expires)), b.Sensitive
	case *custody.Offer:
		return fmt.Sprintf("%s offers %s, unasked: %s", by, b.To, termsWords(&b.Terms)), append(append([]string{}, b.Purposes...), b.Conditions...)
	case *custody.Review:
		return fmt.Sprintf("%s has examined the request (%s)", by, b.Body), []string{b.Finding}
	case *custody.Grant:
		what := "grants it to"
		if b.InEmergency() {
			what = "grants it in an EMERGENCY, to be validated by " + b.ValidateBy.String() + ", to"
		}
		return fmt.Sprintf("%s %s %s: %s", by, what, b.To, termsWords(&b.Terms)), b.Conditions
	case *custody.Danger:
		return fmt.Sprintf("%s sees an imminent danger: EMERGENCY", by), []string{b.Danger}
	case *custody.Validation:
		return fmt.Sprintf("%s has examined the request and validates grant %s", by, short(b.Grant)), nil
	case *custody.Order:
		return fmt.Sprintf("%s orders what moved under grant %s to be dealt with by %s", by, short(b.Grant), day(b.Due)), []string{b.Measure}
	case *custody.Destruction:
		return fmt.Sprintf("%s says that it destroyed package %s", by, b.Package[:8]), nil
	case *custody.Restriction:
		return fmt.Sprintf("%s says that it uses package %s no more", by, b.Package[:8]), nil
	case *custody.Refusal:
		return fmt.Sprintf("%s refuses it", by), b.Grounds
	case *custody.Acceptance:
		return fmt.Sprintf("%s accepts the conditions of %s", by, short(b.Grant)), nil
	case *custody.Amendment:
		return fmt.Sprintf("%s changes the terms: %s", by, termsWords(&b.Terms)), b.Conditions
	case *custody.Consent:
		return fmt.Sprintf("%s consents that %s is passed on to %s until %s", by, plural(int64(len(b.Packages)), "package"), b.To, day(b.Expires)), []string{b.Purpose}
	case *custody.Revocation:
		return fmt.Sprintf("%s revokes grant %s", by, short(b.Grant)), []string{b.Reason}
	case *custody.Withdrawal:
		return fmt.Sprintf("%s withdraws the request", by), []string{b.Reason}
	case *custody.Closure:
		return fmt.Sprintf("%s closes the request", by), []string{b.Outcome}
	case *custody.Hold:
		if b.State == custody.StateLifted {
			return fmt.Sprintf("%s lifts its hold: what the relay has may be destroyed again", by), []string{b.Reason}
		}
		return fmt.Sprintf("%s puts what the relay has on hold: nothing of it may be destroyed", by), []string{b.Reason}
	case *custody.Erasure:
		return fmt.Sprintf("%s has the relay erase what it keeps of %s", by, erasing(b)), []string{b.Reason}
	case *custody.UseReport:
		of := "all that it had received"
		if b.Package != "" {
			of = "package " + b.Package[:8]
		}
		return fmt.Sprintf("%s says what use was made of %s, %s", by, of, day(b.Date)), []string{b.Use}
	case *custody.Suspension:
		if b.State == custody.StateLifted {
			return fmt.Sprintf("%s lifts its suspension of all transfers with %s", by, b.With), []string{b.Reason}
		}
		return fmt.Sprintf("%s suspends all transfers with %s", by, b.With), []string{b.Reason}
	case *custody.Report:
		return fmt.Sprintf("%s publishes statistics of its requests from %s to before %s, at %d leaves of the log", by, b.From, b.Before, b.Checkpoint.Size), nil
	case *custody.Seal:
		final := ""
		if b.Final {
			final = ", the final one"
		}
		if b.Supersedes != "" {
			final += ", in place of package " + b.Supersedes[:8]
		}
		return fmt.Sprintf("%s deposits package %s, %s, delivery %d%s", by, b.Package[:8], About(b.PayloadSize), b.Delivery, final), nil
	case *custody.Unlock:
		return fmt.Sprintf("%s lets the head of package %s go", by, b.Package[:8]), nil
	case *custody.Release:
		return fmt.Sprintf("%s takes package %s for %s", by, b.Package[:8], b.Recipient), nil
	case *custody.Receipt:
		if b.Scope == custody.ScopeExhibits {
			return fmt.Sprintf("%s has single files of package %s, verified: %s of its manifest", by, b.Package[:8], custody.Lines(b.Exhibits)), nil
		}
		return fmt.Sprintf("%s has package %s; everything in it verified", by, b.Package[:8]), nil
	case *custody.Rejection:
		return fmt.Sprintf("%s rejects package %s", by, b.Package[:8]), []string{b.Reason}
	case *custody.Attestation:
		return fmt.Sprintf("%s attests the record up to entry %d", by, b.After.Seq), nil
	case *custody.Recall:
		return fmt.Sprintf("%s recalls package %s", by, b.Package[:8]), []string{b.Reason}
	}
	return fmt.Sprintf("%s files a %s", by, st.Kind), nil
}

// Sentence joins what a statement does and its codes.
func Sentence(what string, codes []string) string {
	if len(codes) == 0 {
		return what
	}
	return what + ": " + strings.Join(codes, ", ")
}

func day(t custody.Time) string { return t.Time().Format(time.DateOnly) }

func short(d custody.Digest) string { return d.String()[:8] }

// Step is what comes next in a case, and who has to do it.
type Step struct {
	Who string `json:"who"` // an authority; empty where nobody has to act
	Do  string `json:"do"`
}

// Next says what comes next in a case. name is how people call the request.
func Next(c *custody.Case, name string, now time.Time) []Step {
	return append(urgent(c, name, now), next(c, name, now)...)
}

// urgent says what an emergency asks for, and what is owed after it.
func urgent(c *custody.Case, name string, now time.Time) (list []Step) {
	g, t := c.Live(), statement.At(now)
	switch {
	case c.Refusal != nil || c.End != nil:
	case c.Danger != nil && g == nil:
		list = append(list, Step{c.To, fmt.Sprintf("EMERGENCY (%s): decides at once: comity grant %s --emergency --draft", c.Danger.Danger.Danger, name)})
	case g != nil && g.InEmergency() && g.Validated.IsZero() && !g.Over() && !g.Lapsed(t):
		list = append(list, Step{c.To, fmt.Sprintf("validates the grant by %s, or it lapses: comity grant %s --validate --body CODE", g.ValidateBy, name)})
	}
	for _, g := range c.Grants {
		ordered := slices.ContainsFunc(c.Orders, func(o *custody.OrderState) bool { return o.Order.Grant == g.SHA256 })
		if g.Lapsed(t) && !ordered && slices.ContainsFunc(c.Packages, func(p *custody.PackageState) bool { return p.Grant == g && p.Received() && p.Gone == nil }) {
			list = append(list, Step{c.To, "may order what was received under the lapsed grant to be destroyed: comity request order " + name + " --measure delete"})
		}
	}
	for _, p := range c.Unexecuted() {
		list = append(list, Step{c.From, fmt.Sprintf("was ordered to deal with package %s: comity request destroyed %s %s", p.Package[:8], name, p.Package[:8])})
	}
	return list
}

func next(c *custody.Case, name string, now time.Time) []Step {
	g := c.Live()
	switch {
	case c.Refusal != nil:
		return []Step{{"", "the " + began(c) + " was refused: nothing more can happen"}}
	case c.End != nil:
		return append(overdue(c, name), Step{"", "the " + began(c) + " was " + ended(c.End) + ": nothing more moves under it"})
	case g == nil && !now.Before(c.Expires().Time()):
		return []Step{{"", "the request has expired: a new one would be needed"}}
	case c.Offer != nil && g.Revoked:
		return []Step{{"", "the offer was revoked: nothing moves under it any more"}}
	case g == nil || g.Revoked || g.Lapsed(statement.At(now)):
		return append(Unfinished(c, name), Step{c.To, fmt.Sprintf("decides: comity grant %s --draft, or comity refuse %s --ground CODE", name, name)})
	case g.MaxPackages == 0:
		return []Step{{"", kept(g, now)}}
	case !now.Before(g.Expires.Time()):
		return append(Unfinished(c, name), Step{"", "the " + grantOr(c) + " has expired on " + day(g.Expires)})
	case g.Acceptance.IsZero() && c.Offer != nil:
		return []Step{{c.From, fmt.Sprintf("reads what is offered and accepts or refuses it: comity accept %s, or comity refuse %s --ground CODE", name, name)}}
	case g.Acceptance.IsZero():
		list := []Step{{c.From, "reads the conditions and accepts: comity accept " + name}}
		if len(c.Packages) == 0 {
			list = append(list, Step{c.To, "may send already; the key stays with it until then: comity send " + name + " FOLDER"})
		}
		return list
	}
	list := Unfinished(c, name)
	if !g.Final {
		list = append(list, Step{c.To, fmt.Sprintf("may send until %s: comity send %s FOLDER", day(g.Expires), name)})
	}
	if len(list) == 0 {
		return []Step{{"", "all that was granted has arrived"}}
	}
	return list
}

// began names what began a case.
func began(c *custody.Case) string {
	if c.Offer != nil {
		return "offer"
	}
	return "request"
}

// grantOr names what allows something to move in a case.
func grantOr(c *custody.Case) string {
	if c.Offer != nil {
		return "offer"
	}
	return "grant"
}

// kept says what became of data that was to be preserved.
func kept(g *custody.GrantState, now time.Time) string {
	if !now.Before(g.Expires.Time()) {
		return "the data was kept until " + day(g.Expires) + ", and no longer is by this grant"
	}
	return "the data is kept until " + day(g.Expires) + "; to have it handed over takes a request for disclosure before that"
}

// Unfinished lists the packages that have not arrived, as far as their grant
// still lets them.
func Unfinished(c *custody.Case, name string) []Step {
	var list []Step
	for _, p := range c.Packages {
		id := p.Package[:8]
		switch {
		case p.Recall != nil: // nothing of it moves any more; what stands at the other side people deal with
		case p.Grant.Over() || p.Grant.Acceptance.IsZero():
		case p.PerRelease():
			list = append(list, perRelease(c, p, name)...)
		case p.Unlocked.IsZero():
			list = append(list, Step{c.To, fmt.Sprintf("lets the key of package %s go: comity send %s, as %s", id, name, p.Sender)})
		case len(p.Releases) == 0:
			list = append(list, Step{c.From, fmt.Sprintf("fetches package %s: comity fetch %s --into FOLDER", id, name)})
		default:
			list = append(list, open(c, p, name)...)
		}
	}
	return list
}

// perRelease lists who acts on a package that is handed out per release.
func perRelease(c *custody.Case, p *custody.PackageState, name string) []Step {
	if len(p.Releases) == 0 {
		return []Step{{c.From, fmt.Sprintf("signs the release of package %s, over which its sender decides: comity fetch %s --into FOLDER", p.Package[:8], name)}}
	}
	var list []Step
	for _, r := range p.Unanswered() {
		list = append(list, Step{c.To, fmt.Sprintf("lets the key of package %s go to %s: comity send %s, as %s", p.Package[:8], r.By, name, p.Sender)})
	}
	return append(list, open(c, p, name)...)
}

// overdue lists the packages that were taken before the request ended and of which
// nobody has said how they arrived, and those whose use has to be told and was not.
func overdue(c *custody.Case, name string) []Step {
	var list []Step
	for _, p := range c.Packages {
		for _, r := range p.Releases {
			if r.Closed.IsZero() && len(r.Singles) == 0 && p.OpenTo(r.By) {
				list = append(list, Step{c.From, fmt.Sprintf("took package %s, as %s, and never said how it arrived", p.Package[:8], r.By)})
			}
		}
	}
	for _, p := range c.UseUntold() {
		list = append(list, Step{c.From, fmt.Sprintf("has promised to tell the use of package %s: comity request use-report %s --use CODE", p.Package[:8], name)})
	}
	return list
}

// ended says in a word how a request ended.
func ended(e *custody.End) string {
	if e.Kind == custody.KindClosure {
		return "closed"
	}
	return "withdrawn"
}

func open(c *custody.Case, p *custody.PackageState, name string) []Step {
	var list []Step
	for _, r := range p.Releases {
		switch {
		case !r.Closed.IsZero() || !p.OpenTo(r.By):
		case len(r.Singles) > 0:
			list = append(list, Step{c.From, fmt.Sprintf("has single files of package %s and may fetch all of it, as %s: comity fetch %s --into FOLDER", p.Package[:8], r.By, name)})
		default:
			list = append(list, Step{c.From, fmt.Sprintf("finishes fetching package %s, as %s: comity fetch %s --into FOLDER", p.Package[:8], r.By, name)})
		}
	}
	return list
}

// State says in one word or two where a case stands.
func State(c *custody.Case, now time.Time) string {
	g := c.Live()
	switch {
	case c.Refusal != nil:
		return "refused"
	case c.End != nil:
		return ended(c.End)
	case g == nil && !now.Before(c.Expires().Time()):
		return "expired"
	case g == nil:
		return "waits for a decision"
	case g.Revoked:
		return grantOr(c) + " revoked"
	case g.Lapsed(statement.At(now)):
		return "emergency grant lapsed"
	case g.Acceptance.IsZero() && now.Before(g.Expires.Time()):
		return grantOr(c) + "ed, not accepted"
	case !now.Before(g.Expires.Time()):
		return grantOr(c) + " expired"
	case g.Final && len(Unfinished(c, "")) == 0:
		return "all arrived"
	}
	return "open"
}

// Suspended is a suspension in force between the two authorities of a case.
type Suspended struct {
	By     string       `json:"by"`
	Since  custody.Time `json:"since"`
	Reason string       `json:"reason"`
}

// Suspensions lists the suspensions in force between the authorities of a case.
func Suspensions(v *custody.View, c *custody.Case) []Suspended {
	list := []Suspended{}
	for _, p := range v.Suspended(c.From, c.To) {
		list = append(list, Suspended{p.By, p.Time, p.Reason})
	}
	return list
}

// Held says where a case stands and by whom it is held up.
func Held(state string, list []Suspended) string {
	for _, s := range list {
		state += fmt.Sprintf(", SUSPENDED by %s since %s: %s", s.By, s.Since, s.Reason)
	}
	return state
}

// Resume says what has to come before anything else in a case whose pair is
// suspended; nothing of one that is over.
func Resume(c *custody.Case, list []Suspended) (steps []Step) {
	if c.Refusal != nil || c.End != nil {
		return nil
	}
	for _, s := range list {
		with := c.From
		if s.By == with {
			with = c.To
		}
		steps = append(steps, Step{s.By, "has suspended all transfers with " + with + ", and nothing moves until it lifts that: comity request resume " + with})
	}
	return steps
}

// PackageInfo is a package of a case as data.
type PackageInfo struct {
	Package   string          `json:"package"`
	Delivery  int64           `json:"delivery"`
	Final     bool            `json:"final"`
	Size      int64           `json:"payload_size"`
	Sender    custody.PartyID `json:"sender"`
	Deposited custody.Time    `json:"deposited"`
	Unlocked  custody.Time    `json:"unlocked,omitzero"`
	Release   string          `json:"release,omitempty"` // origin: the sender decides over each taking
	Taken     []TakeInfo      `json:"taken"`

	Supersedes   string      `json:"supersedes,omitempty"`    // the package in whose place it was sent
	SupersededBy string      `json:"superseded_by,omitempty"` // the package in its place
	Recall       *RecallInfo `json:"recall,omitempty"`        // its sender has taken it back
}

// RecallInfo is the taking back of a package.
type RecallInfo struct {
	By        string       `json:"by"` // agent or authority
	Reason    string       `json:"reason"`
	Time      custody.Time `json:"time"`
	Destroyed custody.Time `json:"head_destroyed,omitzero"` // by the relay's word
}

// TakeInfo is how a package went to one recipient.
type TakeInfo struct {
	By        custody.PartyID `json:"by"`
	Recipient custody.PartyID `json:"recipient"`
	Released  custody.Time    `json:"released"`
	Unlocked  custody.Time    `json:"unlocked,omitzero"` // of the unlock for it, with release: origin
	Closed    custody.Time    `json:"closed,omitzero"`
	Exhibits  []int64         `json:"exhibits,omitempty"` // receipted one by one, by their lines in the manifest
	Rejected  string          `json:"rejected,omitempty"` // the reason
}

// Packages lists the deposited packages of a case.
func Packages(c *custody.Case) []PackageInfo {
	list := []PackageInfo{}
	for _, p := range c.Packages {
		i := PackageInfo{Package: p.Package, Delivery: p.Delivery, Final: p.Final, Size: p.PayloadSize, Sender: p.Sender,
			Deposited: p.Deposited, Unlocked: p.Unlocked, Taken: []TakeInfo{}, Supersedes: p.Supersedes,
			Release: p.Grant.Release}
		if n := c.Successor(p.Package); n != nil {
			i.SupersededBy = n.Package
		}
		if r := p.Recall; r != nil {
			i.Recall = &RecallInfo{r.By, r.Reason, r.Time, p.Destroyed}
		}
		for _, r := range p.Releases {
			t := TakeInfo{By: r.By, Recipient: r.Recipient, Released: r.Time, Unlocked: r.Unlocked, Closed: r.Closed}
			for _, s := range r.Singles {
				t.Exhibits = append(t.Exhibits, s.Exhibits...)
			}
			slices.Sort(t.Exhibits)
			t.Exhibits = slices.Compact(t.Exhibits)
			if r.Rejection != nil {
				t.Rejected = r.Rejection.Reason
			}
			i.Taken = append(i.Taken, t)
		}
		list = append(list, i)
	}
	return list
}
