package custody

import (
	"errors"
	"fmt"

	"comity.example/comity/crypto/keys"
)

// Stopping reports whether a statement only ever stops what the other State goes on with,
// so that it must reach it also where the relay does not carry it: a revocation, a
// withdrawal, a recall, a suspension.
func Stopping(s *Statement) bool {
	switch b := s.Body.(type) {
	case *Revocation, *Withdrawal, *Recall:
		return true
	case *Suspension:
		return b.State == StateSuspended
	}
	return false
}

// VerifyStop verifies, without a relay, that those who may have signed a statement that
// stops something: enough active officers of the authority that speaks, or its agent, by
// its roots and directories from the pinned one on, oldest first. Whoever shows older
// directories than there are can have officers count who left since; what they can do by
// it is stop, and the statement says who signed. That it is allowed in its record only the
// record tells.
func VerifyStop(s *Statement, pin Digest, roots, directories []*Statement, now Time) error {
	name := PartyID(s.Header.By).Authority()
	if !Stopping(s) {
		return fmt.Errorf("a %s stops nothing", s.Kind)
	}
	if len(roots) == 0 || len(directories) == 0 {
		return fmt.Errorf("no root or directory of %q", name)
	}
	a, d := Follow(name, pin, roots, directories, now)
	if !d.Allowed() {
		return fmt.Errorf("following the directories of %q: %s", name, d)
	}
	if code := a.inForce(now); code != CodeAllowed {
		return fmt.Errorf("the directory of %q: %s", name, code.Explain())
	}
	if s.byAgent() {
		return verifyAgent(a, s, now)
	}
	if d := decideOfficers(&View{Authorities: map[string]*Authority{name: a}}, s, now); !d.Allowed() {
		return errors.New(d.Code.Explain())
	}
	return nil
}

func verifyAgent(a *Authority, s *Statement, now Time) error {
	m, ok := a.Active(PartyID(s.Header.By), now)
	if !ok {
		return errors.New(CodeNotActive.Explain())
	}
	if n, err := s.verify(map[keys.ID]*keys.Public{m.Key.ID(): m.Key}); err != nil || n != 1 {
		return errors.New(CodeBadSignature.Explain())
	}
	return nil
}

// carriedByEither: officers' words that only stop something are carried by a desk of
// either party. The relay that one State cannot reach, or that does not answer it, may
// answer the other; who signed stands in the words.
func carriedByEither(s *Statement) bool { return Stopping(s) && !s.byAgent() }
