package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

const (
	// maxCosignedAge is how old a cosigned checkpoint may be, by the witnesses' time, when a
	// head leaves or a package is taken by it.
	maxCosignedAge = 10 * time.Minute
	// maxWitnessSkew is how far the clocks of witnesses may run ahead of this machine's.
	maxWitnessSkew = 5 * time.Minute

	// cosignedWait is how long an agent waits for one, cosignedPause between two looks.
	cosignedWait  = time.Minute
	cosignedPause = time.Second
)

// ErrNotCosigned is wrapped, with ErrTryLater, where witnesses have not cosigned in time
// what would let a head go, or a package be taken.
var ErrNotCosigned = fmt.Errorf("the witnesses have not cosigned it: %w", ErrTryLater)

// policy returns whose cosignatures this home demands of a case: those of the file that its
// settings name, else of the witnesses that the directories of both authorities list.
func (s *Session) policy(snap *Snapshot, request string) (*translog.Policy, error) {
	if name := s.agent.home.Config.WitnessPolicy; name != "" {
		b, err := os.ReadFile(s.agent.home.relative(name))
		if err != nil {
			return nil, fmt.Errorf("reading the witness policy: %w", err)
		}
		p, err := translog.ParsePolicy(b)
		if err != nil {
			return nil, fmt.Errorf("reading the witness policy %q: %w", name, err)
		}
		if len(p.Logs()) > 0 && !p.Accepts(s.log) {
			return nil, fmt.Errorf("the witness policy %q does not name the log of %q", name, s.Origin)
		}
		return p, nil
	}
	c := snap.Case(request)
	p, err := snap.Book.View().Witnesses("", statement.At(s.agent.now()), c.From, c.To)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrTryLater)
	}
	return p, nil
}

// cosigned returns the state of a request in a tree that the witnesses have cosigned
// within the last ten minutes and in which allowed finds nothing to object to. It waits a
// minute for one: the entries that allow something may just have come. What stops
// something is heard before it is cosigned: the caller asks the newest state as well.
// Where nobody lists a witness it returns the newest state and says so.
func (s *Session) cosigned(ctx context.Context, snap *Snapshot, request string, allowed func(*Snapshot) error) (*Snapshot, error) {
	p, err := s.policy(snap, request)
	if err != nil {
		return nil, err
	}
	if p.None() {
		fmt.Fprintln(s.agent.out, "unwitnessed: neither authority lists a witness, so the relay alone says that this is the newest state of the case")
		return snap, nil
	}
	told := false
	for end := time.Now().Add(s.agent.cosign); ; {
		at, err := s.cosignedTree(ctx, p)
		if err == nil {
			var w *Snapshot
			w, err = s.syncAt(ctx, at, request)
			if err == nil {
				err = allowed(w)
			}
			if err == nil {
				return w, nil
			}
			if code := wire.CodeOf(err); code != "" && !transient(err) { // not in that tree yet
				err = fmt.Errorf("the newest tree that they cosigned, of %d entries, does not show yet what is needed (%s): %w", at.Size, code, ErrNotCosigned)
			}
		}
		if !errors.Is(err, ErrNotCosigned) {
			return nil, err
		}
		if !time.Now().Before(end) {
			return nil, err
		}
		if !told {
			fmt.Fprintln(s.agent.out, "waiting for the witnesses of this case to cosign the log")
			told = true
		}
		if !sleep(ctx, cosignedPause) {
			return nil, ctx.Err()
		}
	}
}

// Witnessed says in half a sentence who vouches, beside the relay, for the log that a
// snapshot of a request is from: "unwitnessed" where neither authority lists a witness.
func (s *Session) Witnessed(ctx context.Context, snap *Snapshot, request string) string {
	p, err := s.policy(snap, request)
	if err != nil {
		return err.Error()
	}
	if p.None() {
		return "unwitnessed: neither authority lists a witness"
	}
	c, err := s.cosignedTree(ctx, p)
	if err != nil {
		return "not cosigned lately: " + err.Error()
	}
	return fmt.Sprintf("cosigned up to entry %d by %s", c.Size, names(p.Witnesses()))
}

// cosignedTree fetches the newest checkpoint that satisfies a policy and is young enough.
func (s *Session) cosignedTree(ctx context.Context, p *translog.Policy) (seen, error) {
	var msg []byte
	err := s.retry(ctx, func(c *wire.Client) (err error) {
		msg, err = c.Cosigned(ctx)
		return err
	})
	if wire.CodeOf(err) == wire.CodeNotFound {
		return seen{}, fmt.Errorf("the relay has no cosigned checkpoint; wanted are %s: %w", names(p.Witnesses()), ErrNotCosigned)
	}
	if err != nil {
		return seen{}, err
	}
	c, err := translog.OpenCosigned(msg, s.log, p.Keys()...)
	if err != nil {
		return seen{}, fmt.Errorf("checking a cosigned checkpoint: %w: %w", err, ErrVerify)
	}
	times, ok := p.Evaluate(c.Cosignatures)
	now := s.agent.now()
	switch {
	case !ok:
		return seen{}, fmt.Errorf("missing at %d entries: %s: %w", c.Size, names(missing(p, c.Cosignatures)), ErrNotCosigned)
	case now.Sub(times.Since) > maxCosignedAge:
		return seen{}, fmt.Errorf("the newest cosignatures are of %s, %d minutes ago, and %d are the most; late are %s: %w",
			times.Since.Format(time.RFC3339), int(now.Sub(times.Since).Minutes()), int(maxCosignedAge.Minutes()), names(late(p, c.Cosignatures, now)), ErrNotCosigned)
	case times.Since.Sub(now) > maxWitnessSkew:
		return seen{}, fmt.Errorf("the witnesses date their cosignatures %s, which is to come: compare this machine's clock: %w", times.Since.Format(time.RFC3339), ErrNotCosigned)
	}
	own, err := translog.OpenCosigned(msg, s.log) // kept is what the log itself signed
	return seen{own.Checkpoint, own.Note()}, err
}

// missing lists the witnesses of a policy that have not cosigned.
func missing(p *translog.Policy, have []translog.Cosignature) (list []translog.PolicyWitness) {
	for _, w := range p.Witnesses() {
		if !slices.ContainsFunc(have, func(c translog.Cosignature) bool { return c.Key.Equal(w.Key) }) {
			list = append(list, w)
		}
	}
	return list
}

// late lists those that have not lately.
func late(p *translog.Policy, have []translog.Cosignature, now time.Time) []translog.PolicyWitness {
	return missing(p, slices.DeleteFunc(slices.Clone(have), func(c translog.Cosignature) bool { return now.Sub(c.Time) > maxCosignedAge }))
}

// names lists witnesses by the names of their keys, each once.
func names(list []translog.PolicyWitness) string {
	var all []string
	for _, w := range list {
		all = append(all, w.Key.Name())
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// syncAt reads and proves the records of a request at a checkpoint that the relay has
// signed, and that its log is the one which this home knows.
func (s *Session) syncAt(ctx context.Context, c seen, request string) (*Snapshot, error) {
	snap := &Snapshot{Checkpoint: c.Checkpoint, Note: c.note, Records: map[custody.RecordID][]wire.Line{}, Taken: s.agent.now(), senders: map[string]*keys.Public{}}
	watches, err := s.read(ctx, snap, request, nil)
	if err != nil {
		return nil, s.look(ctx, c, err)
	}
	return snap, s.scan(ctx, snap, watches)
}
