package s3

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"comity.example/comity/gateway/objects"
)

// Found is what New saw a server do, whatever it claims.
type Found struct {
	Made bool // the bucket was missing and is new

	RefusesDigest  bool // a body with another SHA-256 than declared
	KeepsChecksums bool // shows the SHA-256 of an object afterwards
	RefusesSecond  bool // a second version where If-None-Match asks for none

	ShowsLocks bool // with the bytes, not only when asked for the headers

	LocksCompliance bool // keeps a version that COMPLIANCE locks, also against the bypass header
	RefusesShorter  bool // a shorter COMPLIANCE lock
	LocksGovernance bool // keeps a version that GOVERNANCE locks from a deletion without bypass
	RefusesBypass   bool // keeps it also from this credential with the bypass header

	// Skew is how far the server's clock is ahead of ours, as seen: to a second.
	// Locks end by the server's clock.
	Skew time.Duration
}

// maxSkew is how far clocks may differ: the locks of a relay are days.
const maxSkew = 10 * time.Minute

// check refuses a server that cannot keep what a relay must keep. What is not
// refused here, the driver does itself or the operator has to judge.
func (f Found) check() error {
	var list []error
	if !f.LocksCompliance {
		list = append(list, errors.New("the server deletes what COMPLIANCE locks"))
	}
	if !f.RefusesShorter {
		list = append(list, errors.New("the server shortens a COMPLIANCE lock"))
	}
	if !f.LocksGovernance {
		list = append(list, errors.New("the server deletes what GOVERNANCE locks"))
	}
	if f.Skew.Abs() > maxSkew {
		list = append(list, fmt.Errorf("the server's clock differs from this one by %v", f.Skew))
	}
	return errors.Join(list...)
}

// Lines says in sentences what was found, for people.
func (f Found) Lines() []string {
	say := func(ok bool, yes, no string) string {
		if ok {
			return yes
		}
		return no
	}
	return []string{
		say(f.Made, "the bucket was made, with versions and Object Lock", "the bucket has versions and Object Lock"),
		say(f.LocksCompliance && f.RefusesShorter, "COMPLIANCE holds against deletion, bypass and shortening", "COMPLIANCE DOES NOT HOLD"),
		say(f.LocksGovernance, "GOVERNANCE holds against deletion", "GOVERNANCE DOES NOT HOLD"),
		say(f.RefusesBypass, "this credential cannot bypass GOVERNANCE", "this credential can bypass GOVERNANCE: take the right s3:BypassGovernanceRetention from it"),
		say(f.RefusesDigest, "a body with a wrong SHA-256 is refused", "a wrong SHA-256 is not noticed by the server: only the relay checks"),
		say(f.KeepsChecksums, "checksums are kept", "checksums are not kept: what is read back is compared by size only"),
		say(f.RefusesSecond, "If-None-Match is enforced", "If-None-Match is not enforced: of racing calls that create one key all can fail, and never two succeed"),
		fmt.Sprintf("the clocks differ by %v", f.Skew.Abs()),
	}
}

// LogValue implements slog.LogValuer.
func (f Found) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Bool("made", f.Made),
		slog.Bool("refuses_digest", f.RefusesDigest), slog.Bool("keeps_checksums", f.KeepsChecksums), slog.Bool("refuses_second", f.RefusesSecond),
		slog.Bool("shows_locks", f.ShowsLocks),
		slog.Bool("locks_compliance", f.LocksCompliance), slog.Bool("refuses_shorter", f.RefusesShorter),
		slog.Bool("locks_governance", f.LocksGovernance), slog.Bool("refuses_bypass", f.RefusesBypass),
		slog.Duration("skew", f.Skew),
	)
}

// Probe implements objects.Prober. New has refused a bucket without versions.
func (b *Bucket) Probe() objects.Enforcement {
	f := b.found
	return objects.Enforcement{
		Store: "s3", Versions: true, LocksCompliance: f.LocksCompliance, LocksGovernance: f.LocksGovernance, RefusesBypass: f.RefusesBypass,
		RefusesShorter: f.RefusesShorter, RefusesDigest: f.RefusesDigest, KeepsChecksums: f.KeepsChecksums, RefusesSecond: f.RefusesSecond,
	}
}

var _ objects.Prober = (*Bucket)(nil)
