package agent

import (
	"context"
	"fmt"
	"slices"

	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

var (
	// errAnswered says that releases were answered, and that the head is still here.
	errAnswered = fmt.Errorf("its releases are answered: %w", errWaits)
	// errUnanswered says that a release is signed and waits for the sender.
	errUnanswered = fmt.Errorf("the release is signed; its sender decides over each one (release: origin), and has not let the head go for this one: %w", ErrTryLater)
)

// answer lets a head go where the terms say release: origin: to each agent that has
// signed its release, by an unlock of its own, after all that is checked of any unlock.
// The head stays here until every recipient has receipted the whole package, or nothing
// of it can move any more, see unlock; so it ends with errWaits or errAnswered.
//
// If we crash before the relay's answer is kept, the next one sends the unlock that the
// log holds once more, as handOver does.
func (a *Agent) answer(ctx context.Context, s *Session, snap *Snapshot, p packageFile, ps *custody.PackageState) error {
	if receipted(ps) {
		p.State = stateUnlocked
		if err := a.home.savePackage(p, nil); err != nil {
			return err
		}
		return a.dropHead(p)
	}
	end := errWaits
	for _, r := range ps.Releases {
		if !r.Closed.IsZero() || slices.Contains(p.Answered, r.SHA256) {
			continue
		}
		if err := a.clear(snap, p.Request, p.Package); err != nil {
			return err
		}
		err := a.handOver(ctx, s, snap, p, ps, r)
		if wire.CodeOf(err) == custody.CodeRecipientNotGrant { // who signed has left since; others may still ask
			fmt.Fprintf(a.out, "package %s: the release that %s signed is not answered: it does not hold %s any more, or that is not granted any more\n", p.Package, r.By, r.Recipient)
			continue
		}
		if err != nil {
			return err
		}
		p.Answered = append(p.Answered, r.SHA256)
		if err := a.home.savePackage(p, nil); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "package %s: its key is with the relay, for %s alone\n", p.Package, r.By)
		end = errAnswered
	}
	return end
}

// receipted reports whether the whole package was receipted for every recipient that it
// is sealed to.
func receipted(p *custody.PackageState) bool {
	return !slices.ContainsFunc(p.Recipients, func(to custody.RecipientRef) bool {
		return !slices.ContainsFunc(p.Releases, func(r *custody.ReleaseState) bool { return r.Recipient == to.ID && r.Receipt != nil })
	})
}

// asks reports whether an agent has yet to sign the release of a package that is handed
// out per release.
func asks(p *custody.PackageState, by custody.PartyID) bool {
	return p.PerRelease() && p.Released(by) == nil && !p.Grant.Acceptance.IsZero() && !p.Grant.Over()
}

// unanswered ends what cannot go on before the sender has answered, and tells it.
func (x *fetching) unanswered() error {
	fmt.Fprintf(x.a.out, "package %s: the release is signed, and its sender decides over it; fetch again when it has let the head go\n", x.pkg.Package)
	return errUnanswered
}
