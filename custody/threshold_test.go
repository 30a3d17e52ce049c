package custody_test

import (
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// TestThresholds files a grant, which needs two officers, in the hands of many.
func TestThresholds(t *testing.T) {
	extra := keys.Generate()
	for name, r := range map[string]struct {
		setup func(*story)
		who   func(*story) []*keys.Private
		want  custody.Code
	}{
		"two":                    {nil, pick(0, 1), custody.CodeAllowed},
		"two others":             {nil, pick(1, 2), custody.CodeAllowed},
		"all three":              {nil, pick(0, 1, 2), custody.CodeAllowed},
		"one":                    {nil, pick(1), custody.CodeBelowThreshold},
		"one twice":              {nil, pick(1, 1), custody.CodeBelowThreshold},
		"none":                   {nil, pick(), custody.CodeBadSignature},
		"one retired":            {standing("nl/officer/mla-1", custody.StatusRetired), pick(0, 1), custody.CodeBadSignature},
		"a third retired":        {standing("nl/officer/mla-1", custody.StatusRetired), pick(0, 1, 2), custody.CodeBadSignature},
		"the rest after":         {standing("nl/officer/mla-1", custody.StatusRetired), pick(1, 2), custody.CodeAllowed},
		"one revoked":            {standing("nl/officer/mla-2", custody.StatusRevoked), pick(0, 1), custody.CodeBadSignature},
		"one not yet":            {dated("nl/officer/mla-2", day, 2*day), pick(0, 1), custody.CodeBadSignature},
		"one no longer":          {dated("nl/officer/mla-2", -2*day, 0), pick(0, 1), custody.CodeBadSignature},
		"one since this instant": {dated("nl/officer/mla-2", 0, day), pick(0, 1), custody.CodeAllowed},
		"with a registrar":       {nil, func(s *story) []*keys.Private { return []*keys.Private{s.nl.officers[0], s.nl.registrars[0]} }, custody.CodeBadSignature},
		"with a root key":        {nil, func(s *story) []*keys.Private { return []*keys.Private{s.nl.officers[0], s.nl.roots[0]} }, custody.CodeBadSignature},
		"with an agent":          {nil, func(s *story) []*keys.Private { return []*keys.Private{s.nl.officers[0], s.nl.agents["desk-1"]} }, custody.CodeBadSignature},
		"with the asking side":   {nil, func(s *story) []*keys.Private { return []*keys.Private{s.nl.officers[0], s.fr.officers[0]} }, custody.CodeBadSignature},
		"with a stranger":        {nil, func(s *story) []*keys.Private { return []*keys.Private{s.nl.officers[0], s.nl.officers[1], extra} }, custody.CodeBadSignature},
		"rule raised since": {func(s *story) {
			s.publish(s.nl, func(b *custody.Directory) { b.Rules.Grant, b.Rules.Sensitive = 3, 3 })
		}, pick(0, 1), custody.CodeBelowThreshold},
		"new key under the old name": {func(s *story) {
			s.publish(s.nl, func(b *custody.Directory) { *entry(b, "nl/officer/mla-1") = listing("nl/officer/mla-1", extra, nil) })
		}, pick(0, 1), custody.CodeBadSignature},
	} {
		s := told(t, reviewed...)
		s.now = t0.Add(time.Hour)
		if r.setup != nil {
			r.setup(s)
		}
		if d := s.try(s.sign(s.body(custody.KindGrant), r.who(s)...)); d.Code != r.want {
			t.Errorf("%s: %s, want %s", name, d, r.want)
		}
	}
}

func pick(which ...int) func(*story) []*keys.Private {
	return func(s *story) (list []*keys.Private) {
		for _, i := range which {
			list = append(list, s.nl.officers[i])
		}
		return list
	}
}

func standing(id custody.PartyID, status string) func(*story) {
	return func(s *story) { s.standing(s.nl, id, status) }
}

// dated gives a listing a life counted from now.
func dated(id custody.PartyID, from, to time.Duration) func(*story) {
	return func(s *story) {
		s.publish(s.nl, func(b *custody.Directory) {
			entry(b, id).NotBefore, entry(b, id).NotAfter = statement.At(s.now.Add(from)), statement.At(s.now.Add(to))
		})
	}
}

// TestHalfAnOfficer checks that a signature of which one half is another's key
// counts as none.
func TestHalfAnOfficer(t *testing.T) {
	s := told(t, reviewed...)
	a, b := s.nl.officers[0].Seed(), s.nl.officers[1].Seed()
	mixed := must(keys.NewPrivate(append(a[:32:32], b[32:]...)))
	if d := s.try(s.sign(s.body(custody.KindGrant), s.nl.officers[0], mixed)); d.Code != custody.CodeBadSignature {
		t.Errorf("a key of two officers' halves: %s", d)
	}
}

// TestBoundaries checks the microsecond before and at each limit of time.
func TestBoundaries(t *testing.T) {
	before := []custody.Kind{custody.KindRequest, custody.KindReview}
	window := edit(func(b *custody.Grant) {
		b.NotBefore, b.Expires = statement.At(t0.Add(day)), statement.At(t0.Add(2*day))
	})
	for name, r := range map[string]struct {
		at   time.Duration
		kind custody.Kind
		want custody.Code
	}{
		"seal before not_before": {day - time.Microsecond, custody.KindSeal, custody.CodeGrantNotYet},
		"seal at not_before":     {day, custody.KindSeal, custody.CodeAllowed},
		"seal before expires":    {2*day - time.Microsecond, custody.KindSeal, custody.CodeAllowed},
		"seal at expires":        {2 * day, custody.KindSeal, custody.CodeGrantExpired},
		"accept before":          {day - time.Microsecond, custody.KindAcceptance, custody.CodeAllowed},
		"accept before expires":  {2*day - time.Microsecond, custody.KindAcceptance, custody.CodeAllowed},
		"accept at expires":      {2 * day, custody.KindAcceptance, custody.CodeGrantExpired},
		"regrant before expires": {2*day - time.Microsecond, custody.KindGrant, custody.CodeAlreadyDecided},
		"regrant at expires":     {2 * day, custody.KindGrant, custody.CodeAllowed},
		"revoke at expires":      {2 * day, custody.KindRevocation, custody.CodeAllowed},
	} {
		s := told(t, before...)
		if d := s.try(s.make(custody.KindGrant, window)); !d.Allowed() {
			t.Fatalf("%s: %s", name, d)
		}
		s.now = t0.Add(r.at)
		if d := s.try(s.make(r.kind)); d.Code != r.want {
			t.Errorf("%s: %s, want %s", name, d, r.want)
		}
	}
}

// TestSkew checks how far ahead a signer's clock may run.
func TestSkew(t *testing.T) {
	for skew, want := range map[time.Duration]custody.Code{
		10 * time.Minute:                  custody.CodeAllowed,
		10*time.Minute + time.Microsecond: custody.CodeNotYetIssued,
		-80 * day:                         custody.CodeAllowed,
		time.Duration(1<<63 - 1):          custody.CodeNotYetIssued,
	} {
		s := newStory(t)
		st := s.make(custody.KindRequest, header(func(h *custody.Header) { h.Issued = statement.At(t0.Add(skew)) }), edit(func(b *custody.Request) {
			b.Expires = statement.At(b.Issued.Time().Add(90 * day))
		}))
		if d := s.try(st); d.Code != want {
			t.Errorf("issued %s from now: %s, want %s", skew, d, want)
		}
	}
}

// TestAfterRevocation checks what a new grant revives: nothing of the old one.
func TestAfterRevocation(t *testing.T) {
	s := told(t, unlocked...)
	old := *s
	old.last = map[custody.Kind]*custody.Statement{}
	for k, v := range s.last {
		old.last[k] = v
	}
	s.do(custody.KindRevocation, custody.KindGrant, custody.KindAcceptance)
	if g := s.kase().Live(); g.SHA256 != s.sha(custody.KindGrant) || g.Revoked {
		t.Fatalf("live grant: %+v", g)
	}
	for name, st := range map[string]*custody.Statement{
		"old acceptance": old.make(custody.KindRelease, header(func(h *custody.Header) { h.After = s.after() })),
		"new acceptance": s.make(custody.KindRelease),
	} {
		if d := s.try(st); d.Code != custody.CodeGrantRevoked {
			t.Errorf("releasing a package of the revoked grant by the %s: %s", name, d)
		}
	}
	if d := s.try(s.make(custody.KindSeal, edit(func(b *custody.Seal) {
		b.Grant = old.sha(custody.KindGrant)
		b.Package = custody.PackageID([16]byte{2})
	}))); d.Code != custody.CodeGrantRevoked {
		t.Errorf("sealing under the revoked grant: %s", d)
	}
	s.pkg = custody.PackageID([16]byte{2})
	s.do(custody.KindSeal, custody.KindUnlock, custody.KindRelease, custody.KindReceipt)
	s.replay(t)
}

// TestBackupTakesToo checks that each holder takes and closes for itself.
func TestBackupTakesToo(t *testing.T) {
	s := told(t, released...)
	backup := by("fr/agent/lab-2")
	if d := s.try(s.make(custody.KindRelease, backup, edit(func(b *custody.Release) { b.Recipient = "fr/recipient/backup" }))); !d.Allowed() {
		t.Fatalf("release by the backup's holder: %s", d)
	}
	if d := s.try(s.make(custody.KindRejection, backup)); !d.Allowed() {
		t.Fatalf("rejection by the backup's holder: %s", d)
	}
	if d := s.try(s.make(custody.KindReceipt)); !d.Allowed() {
		t.Fatalf("receipt by the lab: %s", d)
	}
	s.replay(t)
}

// TestReserveCountsOpen checks the limits of a grant to the byte.
func TestReserveCountsOpen(t *testing.T) {
	s := told(t, agreed...)
	for _, r := range []struct {
		bytes int64
		open  custody.Usage
		want  custody.Code
	}{
		{100_000, custody.Usage{}, custody.CodeAllowed},
		{16, custody.Usage{Bytes: 99_984, Packages: 1}, custody.CodeAllowed},
		{17, custody.Usage{Bytes: 99_984, Packages: 1}, custody.CodeGrantUsedUp},
		{16, custody.Usage{Bytes: 16, Packages: 2}, custody.CodePackagesUsedUp},
	} {
		if d := reserve("nl/agent/lab-1", r.bytes, r.open)(s); d.Code != r.want {
			t.Errorf("%d bytes beside %+v: %s, want %s", r.bytes, r.open, d, r.want)
		}
	}
	s.do(custody.KindSeal)
	if d := reserve("nl/agent/lab-1", 100_000-payloadSize, custody.Usage{})(s); !d.Allowed() {
		t.Errorf("what is left: %s", d)
	}
	if d := reserve("nl/agent/lab-1", 100_001-payloadSize, custody.Usage{})(s); d.Code != custody.CodeGrantUsedUp {
		t.Errorf("one byte more than is left: %s", d)
	}
}
