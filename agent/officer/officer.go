// Package officer does what the people of an authority do: they make the keys of
// its parties, keep its signed directory, and write, sign and file the requests,
// reviews, grants, refusals, acceptances and revocations of its officers.
//
// It refuses to act for another authority than the home's; to list a party whose
// enrolment does not verify, or a recipient whose holder has not opened the
// challenge that was made here; to sign a directory that does not follow the
// published one; to write case text anywhere but into an annex; and to file what
// the rule book, asked here on the proven log, would refuse.
package officer

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
)

// RegistrarThreshold is how many registrars sign a directory: the first root of
// an authority sets it.
const RegistrarThreshold = 2

// Errors that commands tell apart.
var (
	// ErrInitialised is wrapped where an authority has a root and a draft already.
	ErrInitialised = errors.New("initialised already")
	// ErrNoKey is wrapped where this home lacks the key that would sign.
	ErrNoKey = errors.New("no key for this here")
	// ErrNoDraft is wrapped where this home keeps no directory draft.
	ErrNoDraft = errors.New("no directory draft here")
	// ErrOutdated is wrapped where a draft does not follow the published directory.
	ErrOutdated = errors.New("the draft was begun from another directory than the published one")
	// ErrUnsigned is wrapped where a directory lacks registrars' signatures.
	ErrUnsigned = errors.New("more signatures are needed")
	// ErrNotPinned is wrapped where this home does not know its own authority's root.
	ErrNotPinned = errors.New("its root is not pinned here")
	// ErrChallenge is wrapped where a recipient's challenge is unknown or its
	// answer is wrong.
	ErrChallenge = errors.New("the challenge was not opened")
)

// checkOwn checks that a party is one of the home's authority and has one of the
// roles named.
func checkOwn(h *agent.Home, id custody.PartyID, roles ...custody.Role) error {
	if _, err := custody.ParsePartyID(string(id)); err != nil {
		return err
	}
	if id.Authority() != h.Authority() {
		return fmt.Errorf("%q is not of authority %q, whose home this is", id, h.Authority())
	}
	if !slices.Contains(roles, id.Role()) {
		var names []string
		for _, r := range roles {
			names = append(names, string(r))
		}
		return fmt.Errorf("%q is not the id of a party of role %s", id, strings.Join(names, " or "))
	}
	return nil
}

// enrolmentPath returns where a home keeps the enrolment, or another file, of a
// party; the checked form of ids makes them safe as paths.
func enrolmentPath(h *agent.Home, id custody.PartyID, suffix string) string {
	return filepath.Join(h.Dir(), "enrolments", filepath.FromSlash(string(id))+suffix)
}
