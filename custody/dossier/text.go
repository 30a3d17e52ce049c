package dossier

import (
	"fmt"
	"strings"

	"comity.example/comity/custody"
)

// Text returns the verdict for people: the result first, then the story, then
// what is not proved. Strings that a party chose freely are quoted.
func (v *Verdict) Text() string {
	var b strings.Builder
	if v.Failed != nil {
		fmt.Fprintf(&b, "FAILED: %s\n  %s\nNothing in this file is proved; do not rely on any part of it.\n", v.Failed.Check, v.Failed.Why)
		return b.String()
	}
	v.result(&b)
	fmt.Fprintf(&b, "\nWhat happened (times are %s)\n", v.Times)
	for _, a := range v.Acts {
		fmt.Fprintf(&b, "  %s  %s\n      %s\n", a.Time, a.Says, a.signed())
	}
	fmt.Fprintf(&b, "\nPackages\n")
	if len(v.Packages) == 0 {
		fmt.Fprintf(&b, "  none was deposited\n")
	}
	for _, p := range v.Packages {
		p.text(&b)
	}
	fmt.Fprintf(&b, "\nCompleteness\n  complete to checkpoint of size %d as the relay shows it; %s\n  root of the log at that size: %s\n",
		v.Checkpoint.Size, v.Completeness, v.Checkpoint.Root)
	fmt.Fprintf(&b, "\nNot proved\n")
	for _, s := range v.NotProved {
		fmt.Fprintf(&b, "  - %s\n", s)
	}
	fmt.Fprintf(&b, "\n%d checks passed\n", len(v.Checks))
	return b.String()
}

func (v *Verdict) result(b *strings.Builder) {
	if v.Verified() {
		fmt.Fprintf(b, "VERIFIED: request %s, signed and logged as told below, by the parties whose roots you named\n", v.Request)
	} else {
		fmt.Fprintf(b, "CONSISTENT, ORIGIN NOT CHECKED: request %s\n", v.Request)
		fmt.Fprintf(b, "  anybody can make a consistent file: compare the fingerprints marked \"not checked\" with those on paper\n")
	}
	for _, o := range v.Authorities {
		fmt.Fprintf(b, "  authority %s, root %s, %s\n", o.Name, o.Fingerprint, o.checked())
	}
	fmt.Fprintf(b, "  relay %s, root %s, %s\n", v.Relay.Name, v.Relay.Fingerprint, v.Relay.checked())
}

func (o Origin) checked() string {
	if o.Pinned {
		return "as named"
	}
	return "not checked"
}

func (a Act) signed() string {
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
		return s + " (1 officer), brought by " + string(a.Via)
	}
	return fmt.Sprintf("%s (%d officers), brought by %s", s, officers, a.Via)
}

func (p *Package) text(b *strings.Builder) {
	fmt.Fprintf(b, "  %s: %d sealed bytes from %s for %s, delivery %d", p.ID, p.PayloadSize, p.Sender, ids(p.Recipients), p.Delivery)
	if p.Final {
		fmt.Fprintf(b, ", the last one")
	}
	fmt.Fprintf(b, "\n    deposited      %s\n", p.Deposited)
	if p.Released.IsZero() {
		fmt.Fprintf(b, "    head released  not yet: nobody could open it\n")
	} else {
		fmt.Fprintf(b, "    head released  %s by the sender\n", p.Released)
	}
	if len(p.Taken) == 0 {
		fmt.Fprintf(b, "    taken          by nobody\n")
	}
	for _, t := range p.Taken {
		t.text(b)
	}
	if o := p.Opened; o == nil {
		fmt.Fprintf(b, "    contents       not in this dossier\n")
	} else {
		fmt.Fprintf(b, "    contents       %d files of %d bytes in all, by the sender's signed word\n", o.Files, o.Bytes)
		fmt.Fprintf(b, "    described as   %q, examiner %q, handling %q\n", o.Description, o.Examiner, o.Handling)
	}
}

func (t *Taking) text(b *strings.Builder) {
	fmt.Fprintf(b, "    taken          %s by %s for %s\n", t.Time, t.By, t.Recipient)
	switch t.Outcome {
	case "receipted":
		fmt.Fprintf(b, "    receipted      %s: everything in it arrived and verified there\n", t.Closed)
	case "rejected":
		fmt.Fprintf(b, "    rejected       %s: %s\n", t.Closed, t.Reason)
	default:
		fmt.Fprintf(b, "    receipted      not yet\n")
	}
}

// sentence says in plain words what a statement of a case says.
func sentence(s *custody.Statement) string {
	switch b := s.Body.(type) {
	case *custody.Request:
		return fmt.Sprintf("%s asks %s for %s, for %s, until %s at most; SHA-256 of the signed order: %s",
			b.By, b.To, b.RequestType, ids(b.Recipients), b.Expires, b.OrderSHA256)
	case *custody.Review:
		return fmt.Sprintf("%s: a %s body examined the request: %s", b.By, b.Body, b.Finding)
	case *custody.Grant:
		return grantSentence(b)
	case *custody.Refusal:
		return fmt.Sprintf("%s refuses: %s", b.By, strings.Join(b.Grounds, ", "))
	case *custody.Acceptance:
		return fmt.Sprintf("%s accepts exactly these conditions", b.By)
	case *custody.Revocation:
		return fmt.Sprintf("%s takes the grant back: %s", b.By, b.Reason)
	case *custody.Seal:
		return fmt.Sprintf("%s seals package %s, %d bytes; the relay holds them", b.By, b.Package, b.PayloadSize)
	case *custody.Unlock:
		return fmt.Sprintf("%s lets the head of package %s go, having read the log up to %d entries", b.By, b.Package, b.Checkpoint.Size)
	case *custody.Release:
		return fmt.Sprintf("%s takes package %s for %s", b.By, b.Package, b.Recipient)
	case *custody.Receipt:
		return fmt.Sprintf("%s receipts package %s: %s, verified", b.By, b.Package, b.Scope)
	case *custody.Rejection:
		return fmt.Sprintf("%s rejects package %s: %s", b.By, b.Package, b.Reason)
	}
	return string(s.Kind)
}

func grantSentence(b *custody.Grant) string {
	cond := strings.Join(b.Conditions, ", ")
	if cond == "" {
		cond = "none in codes"
	}
	s := fmt.Sprintf("%s grants it to %s from %s until %s, at most %d packages of %d bytes in all; senders: %s; recipients: %s; conditions: %s",
		b.By, b.To, b.NotBefore, b.Expires, b.MaxPackages, b.MaxBytes, ids(b.Senders), ids(b.Recipients), cond)
	if b.Annex != nil {
		s += "; more in its annex"
	}
	return s
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
	list := []string{
		"that nothing came after: entries cut off the end of a record do not show, since no party attested where it ended",
		"the times: the order of entries is the log's, the hours are the relay's",
		"that the relay showed everybody this same log: no witness cosigned, and the logs that unlocks refer to are not compared with it",
		"that two keys are two people, or who sat at a keyboard",
		"what the annexes say (reasons, persons, further conditions): only their hashes stand here",
		"how the evidence came about before it was sealed, and what became of it after it was received",
	}
	for _, p := range v.Packages {
		if p.Opened == nil {
			list = append(list, "which files are in package "+p.ID+": this dossier was made without its contents")
		}
	}
	return list
}
