package dossier

import (
	"fmt"
	"slices"
	"strings"

	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
)

// notInRecord is what can be said of something that did not come: a dossier on an
// older checkpoint, or one with a record cut short, hides it.
const notInRecord = "not in this record up to the checkpoint"

// Text returns the verdict for people: the result first, then the story, then
// what is not proved. Strings that a party chose freely are quoted.
func (v *Verdict) Text() string {
	var b strings.Builder
	if v.Failed != nil {
		fmt.Fprintf(&b, "FAILED: %s\n  %s\nNothing in this file is proved; do not rely on any part of it.\n", v.Failed.Check, v.Failed.Why)
		return b.String()
	}
	v.result(&b)
	fmt.Fprintf(&b, "\nWhat the record says (times are %s)\n", v.Times)
	for _, a := range v.Acts {
		fmt.Fprintf(&b, "  %s  %s\n      %s\n", a.Time, a.Says, a.signed())
		if a.Unchecked {
			fmt.Fprintf(&b, "      %s\n", notCheckedText)
		}
		if x := a.interval(); x != "" {
			fmt.Fprintf(&b, "      %s\n", x)
		}
		if !a.Policy.IsZero() {
			fmt.Fprintf(&b, "      narrowed by policy %s of the relay's operator, as the relay says\n", a.Policy)
		}
	}
	v.witnessing(&b)
	v.stamped(&b)
	v.renewals(&b)
	fmt.Fprintf(&b, "\nPackages\n")
	if len(v.Packages) == 0 {
		fmt.Fprintf(&b, "  none was deposited, %s\n", v.absent())
	}
	for _, p := range v.Packages {
		p.text(&b, v.absent())
	}
	v.completeness(&b)
	fmt.Fprintf(&b, "\nNot proved\n")
	for _, s := range v.NotProved {
		fmt.Fprintf(&b, "  - %s\n", s)
	}
	fmt.Fprintf(&b, "\n%d checks passed\n", len(v.Checks))
	return b.String()
}

// completeness says what is known of entries that are not shown.
func (v *Verdict) completeness(b *strings.Builder) {
	fmt.Fprintf(b, "\nCompleteness\n  %s from the first entry of each record to the last one shown here, all in the log of size %d;\n", v.without(), v.Checkpoint.Size)
	if len(v.Attested) == 0 {
		fmt.Fprintf(b, "  whether that log has more of them is not shown: %s\n", v.Completeness)
	} else {
		fmt.Fprintf(b, "  %s;\n  whether that log has more of them after that is not shown\n", v.Completeness)
	}
	for _, s := range v.Doubts {
		fmt.Fprintf(b, "  doubtful: %s\n", s)
	}
	fmt.Fprintf(b, "  root of the log at that size: %s\n", v.Checkpoint.Root)
}

func (v *Verdict) result(b *strings.Builder) {
	if v.Result == ResultInPart {
		fmt.Fprintf(b, "VERIFIED IN PART: request %s; %d of its entries are withheld, and what they say is not known\n", v.Request, len(v.Gaps))
	} else if v.Verified() {
		fmt.Fprintf(b, "VERIFIED: request %s, signed and logged as told below, by the parties whose roots you named\n", v.Request)
	} else {
		fmt.Fprintf(b, "CONSISTENT, ORIGIN NOT CHECKED: request %s\n", v.Request)
		fmt.Fprintf(b, "  anybody can make a consistent file: compare the fingerprints marked \"not checked\" with those on paper\n")
	}
	for _, s := range v.withheldNotes() {
		fmt.Fprintf(b, "  %s\n", s)
	}
	switch v.Documents {
	case DocumentsNotChecked:
		fmt.Fprintf(b, "  RENDERED DOCUMENTS NOT CHECKED: they are of the form %q, which this version cannot render; do not rely on them\n", v.form)
	case DocumentsSame:
		fmt.Fprintf(b, "  the rendered documents in it (timeline, transfer, case, VERIFY.txt) are as rendered again from what is told below\n")
	}
	for _, s := range v.notes() {
		fmt.Fprintf(b, "  note: %s\n", s)
	}
	for _, o := range v.Authorities {
		fmt.Fprintf(b, "  authority %s, root %s, %s\n", o.Name, o.Fingerprint, o.checked())
	}
	fmt.Fprintf(b, "  relay %s, root %s, %s\n", v.Relay.Name, v.Relay.Fingerprint, v.Relay.checked())
}

// notes are what a reader has to know before all else.
func (v *Verdict) notes() []string {
	var list []string
	for _, p := range v.Packages {
		if p.Recalled != nil {
			list = append(list, "package "+p.ID+" was recalled by the side that sent it, see below")
		}
	}
	for _, s := range v.Suspensions {
		list = append(list, s.says())
	}
	for _, s := range v.Doubts {
		list = append(list, "doubtful: "+s)
	}
	return list
}

// says tells in one sentence of a suspension. That it ended is proved, that it goes on
// is not.
func (s Suspension) says() string {
	to := "and not lifted in these records up to the checkpoint"
	if !s.To.IsZero() {
		to = "to " + s.To.String()
	}
	return fmt.Sprintf("transfers between %s and %s were suspended by %s from %s %s (%s)", s.By, s.With, s.By, s.From, to, s.Reason)
}

func (o Origin) checked() string {
	if o.Pinned {
		return "as named"
	}
	return "not checked"
}

func (a Act) signed() string {
	if a.Event != nil {
		return "the word of relay " + a.By + " alone: nobody signed it"
	}
	who := make([]string, 0, len(a.Signers))
	officers := 0
	for _, id := range a.Signers {
		who = append(who, string(id))
		if id.Role() == custody.RoleOfficer {
			officers++
		}
	}
	s := "signed by " + strings.Join(who, " and ")
	switch officers {
	case 0:
		return s
	case 1:
		s += " (1 officer)"
	default:
		s += fmt.Sprintf(" (%d officers)", officers)
	}
	if a.Via == "" { // no carrier is recorded of what stands in an authority's record
		return s
	}
	return s + ", brought by " + string(a.Via) + " as the relay says"
}

func (p *Package) text(b *strings.Builder, absent string) {
	fmt.Fprintf(b, "  %s: %d sealed bytes from %s for %s, delivery %d", p.ID, p.PayloadSize, p.Sender, ids(p.Recipients), p.Delivery)
	if p.Final {
		fmt.Fprintf(b, ", the last one by the sender's word")
	}
	fmt.Fprintf(b, "\n    deposited      %s by the sender's seal; stored, as the relay says\n", p.Deposited)
	if p.Released.IsZero() {
		fmt.Fprintf(b, "    head released  %s\n", absent)
	} else {
		fmt.Fprintf(b, "    head released  %s by the sender's unlock\n", p.Released)
	}
	p.fate(b, absent)
	if len(p.Taken) == 0 {
		fmt.Fprintf(b, "    signed for     %s\n", absent)
	}
	for _, t := range p.Taken {
		t.text(b, absent)
	}
	for _, s := range p.Doubts {
		fmt.Fprintf(b, "    doubtful       %s\n", s)
	}
	if o := p.Opened; o == nil {
		fmt.Fprintf(b, "    contents       not in this dossier\n")
	} else {
		fmt.Fprintf(b, "    contents       %d files of %d bytes in all, by the sender's signed word\n", o.Files, o.Bytes)
		fmt.Fprintf(b, "    standing       %s: %s\n", o.Standing, o.Why)
		o.received(b)
		fmt.Fprintf(b, "    described as   %q, examiner %q, handling %q\n", o.Description, o.Examiner, o.Handling)
	}
}

// maxReceived is how many single files the text names; the JSON form has all lines.
const maxReceived = 20

// received names the single files that receipts name.
func (o *Opened) received(b *strings.Builder) {
	left := o.Received
	n := int64(0)
	for l := range bag.Lines(o.manifest) {
		n++
		if len(left) == 0 || len(o.Received)-len(left) == maxReceived {
			break
		}
		if n == left[0] {
			left = left[1:]
			fmt.Fprintf(b, "    received       %q, SHA-256 %x\n", l.Path, l.Sum)
		}
	}
	if len(o.Received) > 0 && o.Received[len(o.Received)-1] > o.Files {
		fmt.Fprintf(b, "    doubtful       a receipt names line %d of a manifest of %d\n", o.Received[len(o.Received)-1], o.Files)
	} else if len(left) > 0 {
		fmt.Fprintf(b, "    received       and %d more\n", len(left))
	}
}

func (t *Taking) text(b *strings.Builder, absent string) {
	fmt.Fprintf(b, "    signed for     %s by %s for %s\n", t.Time, t.By, t.Recipient)
	if t.Answer && t.Unlocked.IsZero() {
		fmt.Fprintf(b, "    let go         for this one: %s\n", absent)
	} else if t.Answer {
		fmt.Fprintf(b, "    let go         %s by the sender's unlock for this one\n", t.Unlocked)
	}
	for _, s := range t.Singles {
		fmt.Fprintf(b, "    receipted      %s: by its signed word single files arrived and verified there, %s of the manifest; this says nothing of the others\n",
			s.Time, custody.Lines(s.Exhibits))
	}
	switch t.Outcome {
	case "exhibits":
		fmt.Fprintf(b, "    receipted      the whole: %s\n", absent)
	case "receipted":
		fmt.Fprintf(b, "    receipted      %s: by its signed word everything in it arrived and verified there\n", t.Closed)
	case "rejected":
		fmt.Fprintf(b, "    rejected       %s: by its signed word %s; whose doing that is, it does not show\n", t.Closed, reasonSays(t.Reason))
	default:
		fmt.Fprintf(b, "    receipted      %s\n", absent)
	}
}

// sentence says in plain words what a statement of a case, or of its pair, says.
func sentence(s *custody.Statement) string {
	switch b := s.Body.(type) {
	case *custody.Request:
		return fmt.Sprintf("%s asks %s %s, under %s, for %s, until %s at most%s; SHA-256 of the signed order: %s",
			b.By, b.To, b.Wants(), b.Instrument, ids(b.Recipients), b.Expires, marked(b.Sensitive), b.OrderSHA256)
	case *custody.Offer:
		return fmt.Sprintf("%s offers %s, which had not asked for it, under %s and to %s: %s; more in its annex",
			b.By, b.To, b.Instrument, strings.Join(b.Purposes, ", "), termsSay(&b.Terms))
	case *custody.Review:
		return fmt.Sprintf("%s says that a %s body examined the request: %s", b.By, b.Body, b.Finding)
	case *custody.Grant:
		return grantSentence(b)
	case *custody.Refusal:
		return fmt.Sprintf("%s refuses: %s", b.By, strings.Join(b.Grounds, ", "))
	case *custody.Acceptance:
		return fmt.Sprintf("%s accepts exactly these conditions", b.By)
	case *custody.Danger:
		return more(fmt.Sprintf("%s sees an imminent danger: %s", b.By, b.Danger), &b.Annex)
	case *custody.Validation:
		return fmt.Sprintf("%s says that it has examined the request and stands by the grant", b.By)
	case *custody.Order:
		return more(fmt.Sprintf("%s orders, by %s, of what moved under a grant that stands no more: %s", b.By, b.Due, b.Measure), b.Annex)
	case *custody.Destruction:
		return more(fmt.Sprintf("%s says that it destroyed all that it had of package %s; nobody can see that here", b.By, b.Package), b.Annex)
	case *custody.Restriction:
		return more(fmt.Sprintf("%s says that it uses package %s no more; nobody can see that here", b.By, b.Package), b.Annex)
	case *custody.Amendment:
		return more(fmt.Sprintf("%s changes the terms, which from here on are: %s", b.By, termsSay(&b.Terms)), b.Annex)
	case *custody.Consent:
		return more(fmt.Sprintf("%s consents that %s is passed on to %s by %s, for %s; whether it was, is not shown",
			b.By, strings.Join(b.Packages, ", "), b.To, b.Expires, b.Purpose), b.Annex)
	case *custody.Revocation:
		return fmt.Sprintf("%s takes the grant back: %s", b.By, b.Reason)
	case *custody.Withdrawal:
		return more(fmt.Sprintf("%s withdraws the request: %s", b.By, b.Reason), b.Annex)
	case *custody.Closure:
		return more(fmt.Sprintf("%s closes the request: %s", b.By, b.Outcome), b.Annex)
	case *custody.Hold:
		if b.State == custody.StateLifted {
			return more(fmt.Sprintf("%s lifts its hold, and what the relay has may be destroyed again: %s", b.By, b.Reason), b.Annex)
		}
		return more(fmt.Sprintf("%s puts what the relay has of the request on hold, none of which may be destroyed: %s", b.By, b.Reason), b.Annex)
	case *custody.Erasure:
		return fmt.Sprintf("%s has the relay erase what it keeps of entries that %s made: %s (%s)", b.By, b.By, erasureSays(b), b.Reason)
	case *custody.UseReport:
		return more(fmt.Sprintf("%s says what use was made of %s: %s, %s; whether that is so, is not shown", b.By, used(b), b.Use, b.Date), b.Annex)
	case *custody.Suspension:
		if b.State == custody.StateLifted {
			return fmt.Sprintf("%s lifts its suspension of all transfers between it and %s: %s", b.By, b.With, b.Reason)
		}
		return fmt.Sprintf("%s suspends all transfers between it and %s: %s", b.By, b.With, b.Reason)
	case *custody.Seal:
		s := fmt.Sprintf("%s seals package %s, %d bytes; the relay says that it stored them", b.By, b.Package, b.PayloadSize)
		if b.Supersedes != "" {
			s += "; it is sent in place of package " + b.Supersedes
		}
		return s
	case *custody.Unlock:
		if !b.Release.IsZero() {
			return fmt.Sprintf("%s lets the head of package %s go for the release %s alone, and says that it has read the log up to %d entries", b.By, b.Package, b.Release, b.Checkpoint.Size)
		}
		return fmt.Sprintf("%s lets the head of package %s go, and says that it has read the log up to %d entries", b.By, b.Package, b.Checkpoint.Size)
	case *custody.Release:
		return fmt.Sprintf("%s signs that it takes package %s for %s", b.By, b.Package, b.Recipient)
	case *custody.Receipt:
		if b.Scope == custody.ScopeExhibits {
			return fmt.Sprintf("%s receipts single files of package %s, %s of its manifest: it says that these arrived and verified", b.By, b.Package, custody.Lines(b.Exhibits))
		}
		return fmt.Sprintf("%s receipts package %s (%s): it says that everything in it arrived and verified", b.By, b.Package, b.Scope)
	case *custody.Rejection:
		return fmt.Sprintf("%s rejects package %s: it says that %s", b.By, b.Package, reasonSays(b.Reason))
	case *custody.Attestation:
		return fmt.Sprintf("%s says that it has seen this record up to entry %d, and that the log of %d entries has no more of it", b.By, b.After.Seq, b.Checkpoint.Size)
	case *custody.Recall:
		return more(fmt.Sprintf("%s recalls package %s: %s", b.By, b.Package, b.Reason), b.Annex)
	}
	return string(s.Kind)
}

// used names what an account of use is about.
func used(b *custody.UseReport) string {
	if b.Package == "" {
		return "all that it had received"
	}
	return "package " + b.Package
}

func grantSentence(b *custody.Grant) string {
	basis := ""
	if b.InEmergency() {
		basis = fmt.Sprintf(" in an emergency, before it was examined, to lapse at %s unless it is validated", b.ValidateBy)
	}
	return more(fmt.Sprintf("%s grants it to %s%s: %s", b.By, b.To, basis, termsSay(&b.Terms)), b.Annex)
}

// termsSay says in plain words what terms allow.
func termsSay(t *custody.Terms) string {
	what := strings.Join(t.Categories, ", ") + marked(t.Sensitive)
	if t.MaxPackages == 0 {
		return fmt.Sprintf("%s is kept from %s until %s, and nothing moves%s", what, t.NotBefore, t.Expires, conditions(t))
	}
	return fmt.Sprintf("%s, from %s until %s, at most %d packages of %d bytes in all; senders: %s; recipients: %s%s",
		what, t.NotBefore, t.Expires, t.MaxPackages, t.MaxBytes, ids(t.Senders), ids(t.Recipients), conditions(t))
}

// marked says what is marked as sensitive.
func marked(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " (marked " + strings.Join(list, ", ") + ")"
}

func conditions(t *custody.Terms) string {
	cond := strings.Join(t.Conditions, ", ")
	if cond == "" {
		cond = "none in codes"
	}
	s := "; conditions: " + cond
	if !t.DeleteBy.IsZero() {
		s += fmt.Sprintf("; to be deleted by %s", t.DeleteBy)
	}
	if t.RetentionDays > 0 {
		s += fmt.Sprintf("; the relay keeps each package for at least %d days from its deposit", t.RetentionDays)
	}
	if t.Release == custody.ReleaseOrigin {
		s += "; its head goes to each taker by an unlock of its own"
	}
	if len(t.Handling) > 0 {
		s += "; handling: " + strings.Join(t.Handling, ", ")
	}
	return s
}

// more says that a statement says more in a sealed annex.
func more(s string, a *custody.AnnexRef) string {
	if a == nil {
		return s
	}
	return s + "; more in its annex"
}

func ids(list []custody.PartyID) string {
	s := make([]string, 0, len(list))
	for _, id := range list {
		s = append(s, string(id))
	}
	return strings.Join(s, " and ")
}

// notProved lists what a reader might think is proved and is not.
func notProved(v *Verdict) []string {
	list := append(withheld(v),
		v.unprovedTimes(),
		v.unwitnessed(),
		"who else has a package: the relay can hand out without an entry what it holds, and a recipient what it received",
		"that two keys are two people, or who sat at a keyboard",
		"what the annexes say (reasons, persons, further conditions): only their hashes stand here",
		"how the evidence came about before it was sealed, and what became of it after it was received",
	)
	if slices.ContainsFunc(v.Acts, func(a Act) bool { return a.Event != nil }) {
		list = append(list, "what the relay says of itself without a signature: that it stands in the log is proved, that it happened is not")
	}
	if slices.ContainsFunc(v.Packages, func(p Package) bool { return p.Recalled != nil }) {
		list = append(list, "that nobody kept, opened or used a package that was recalled: a recall stops what moves, and takes back nothing that had arrived")
	}
	list = append(v.notProvedOfGaps(), list...)
	list = append(list, v.unchecked()...)
	for _, p := range v.Packages {
		if s := p.unproven(); s != "" {
			list = append(list, s)
		}
	}
	if v.confirmed() {
		list = append(list, "the contents of a package, should its sender and its recipient agree on what is false: nobody else could open it")
	}
	return list
}
