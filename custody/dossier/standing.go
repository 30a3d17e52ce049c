package dossier

import (
	"fmt"
	"slices"
	"strings"

	"comity.example/comity/custody"
)

// Standing says whose words stand behind the contents of a package. A seal commits
// to inner.age, which is encrypted, and not to the statement in it, so the seal
// alone does not show that a statement is the one that was sent: a sender can sign
// a second one, and a recipient can receipt a hash of nothing. Only where both say
// the same is it taken for the contents.
type Standing string

// The standings. Exhibits are held to be in the evidence by the first one only.
const (
	// StandingConfirmed: there is a receipt, and every receipt names this inner
	// statement.
	StandingConfirmed Standing = "confirmed"
	// StandingDisputed: a receipt names another inner statement.
	StandingDisputed Standing = "disputed"
	// StandingPartial: receipts name single files of it, and this inner statement.
	// Those files are confirmed; of the others no recipient said anything.
	StandingPartial Standing = "partial"
	// StandingRejected: nobody receipted the package, and a recipient rejected it.
	StandingRejected Standing = "rejected"
	// StandingUnconfirmed: no recipient said anything of what arrived.
	StandingUnconfirmed Standing = "unconfirmed"
)

// standing compares the payload hash of an inner statement with what recipients
// said of the package, and tells in plain words what came of it.
func standing(p *custody.PackageState, sum custody.Digest) (Standing, string) {
	var same, other, single []string
	for _, r := range p.Releases {
		named := singles(r, sum)
		switch {
		case named < len(r.Singles) || r.Receipt != nil && r.Receipt.InnerStatement != sum:
			other = append(other, string(r.By))
		case r.Receipt != nil:
			same = append(same, string(r.By))
		case named > 0:
			single = append(single, string(r.By))
		}
	}
	switch {
	case len(other) > 0:
		why := "the receipt of " + strings.Join(other, " and ") + " names another inner statement than the sender's here: which one is true is not shown"
		if len(same) > 0 {
			why += "; the receipt of " + strings.Join(same, " and ") + " names this one"
		}
		return StandingDisputed, why
	case len(same) > 0:
		return StandingConfirmed, "the receipt of " + strings.Join(same, " and ") + " names this inner statement"
	case len(single) > 0:
		return StandingPartial, "receipts of " + strings.Join(single, " and ") + " for single files name this inner statement; nobody receipted the whole"
	}
	return unreceipted(p)
}

// unreceipted is the standing of what no receipt names. A rejection takes nothing
// from what a receipt names.
func unreceipted(p *custody.PackageState) (Standing, string) {
	var rejected []string
	for _, r := range p.Releases {
		if r.Rejection != nil {
			rejected = append(rejected, fmt.Sprintf("%s rejected it, saying that %s", r.By, reasonSays(r.Rejection.Reason)))
		}
	}
	if len(rejected) > 0 {
		return StandingRejected, strings.Join(rejected, "; ") + "; that these were its contents is the sender's word alone"
	}
	return StandingUnconfirmed, "by the sender's word alone: no recipient confirmed it"
}

// singles counts the receipts for single files that name an inner statement.
func singles(r *custody.ReleaseState, sum custody.Digest) int {
	n := 0
	for _, s := range r.Singles {
		if s.InnerStatement == sum {
			n++
		}
	}
	return n
}

// stands is the standing of one file of an opened package, by its line in the
// manifest, counted from 1.
func (o *Opened) stands(line int64) (Standing, string) {
	if o.Standing != StandingPartial {
		return o.Standing, o.Why
	}
	if _, ok := slices.BinarySearch(o.Received, line); ok {
		return StandingConfirmed, "a receipt for single files names it and this inner statement"
	}
	return o.rest, o.restWhy
}

// reasonSays puts the reason of a rejection into words that blame nobody: a
// recipient sees what reached it, and not who altered it on the way.
func reasonSays(reason string) string {
	switch reason {
	case "head-mismatch":
		return "the head or the inner file that reached it was not the one sealed, or not in the form due (head-mismatch)"
	case "payload-mismatch":
		return "the payload that reached it was not the one sealed (payload-mismatch)"
	case "not-decryptable":
		return "it could not decrypt what reached it (not-decryptable)"
	case "inner-mismatch":
		return "what it decrypted does not fit the seal and the inner statement (inner-mismatch)"
	case "malformed-package":
		return "what it decrypted is not a bag of this format (malformed-package)"
	}
	return reason
}

// unproven says of a package what its contents in the dossier do not show, or "".
func (p *Package) unproven() string {
	switch {
	case p.Opened == nil:
		return "which files are in package " + p.ID + ": this dossier was made without its contents"
	case p.Opened.Standing == StandingDisputed:
		return "which files are in package " + p.ID + ": its sender and a recipient name different inner statements"
	case p.Opened.Standing == StandingPartial:
		return "that the files of package " + p.ID + " that no receipt names were in it: the sender alone says so"
	case p.Opened.Standing != StandingConfirmed:
		return "that the files listed for package " + p.ID + " were in it: the sender alone says so, and the seal does not bind it to this list"
	}
	return ""
}

// confirmed reports whether recipients confirmed the contents of a package.
func (v *Verdict) confirmed() bool {
	return slices.ContainsFunc(v.Packages, func(p Package) bool {
		return p.Opened != nil && (p.Opened.Standing == StandingConfirmed || p.Opened.Standing == StandingPartial)
	})
}
