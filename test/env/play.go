package env

import (
	"crypto/sha256"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// Play plays the whole path: From asks, To reviews and grants, From accepts, To
// sends the files below dir as one package and unlocks it, From takes and
// receipts it.
func (s *Story) Play(dir string) error {
	if err := s.Agree(); err != nil {
		return err
	}
	p, err := s.Send(dir)
	if err != nil {
		return err
	}
	for _, step := range []func(*Package) error{s.Unlock, s.Release, s.Receipt} {
		if err := step(p); err != nil {
			return err
		}
	}
	return nil
}

// Agree plays request, review, grant and acceptance.
func (s *Story) Agree() error {
	req, err := s.Post(s.From.ID("agent/desk-1"), &custody.Request{
		Header: custody.Header{Relay: s.Origin, By: s.From.Name, Issued: s.Now()},
		To:     s.To.Name, Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine", OrderSHA256: sha256.Sum256([]byte("the signed order")),
		Recipients: s.From.Recipients(), Expires: later(s.Now(), 90),
		Annex: custody.AnnexRef{SHA256: statement.NewNonce(), Size: 4000},
	}, s.From.Officers[0])
	if err != nil {
		return err
	}
	s.request = req.Record()
	rev, err := s.Post(s.To.ID("agent/desk-1"), &custody.Review{
		Header: s.header(s.To.Name), Request: req.SHA256, Body: "judicial", Finding: custody.FindingNoObjection,
		Annex: custody.AnnexRef{SHA256: statement.NewNonce(), Size: 3000},
	}, s.To.Officers[0])
	if err != nil {
		return err
	}
	granting := s.Granting
	if granting == nil {
		granting = s.To.Officers
	}
	grant, err := s.Post(s.To.ID("agent/desk-1"), &custody.Grant{
		Header: s.header(s.To.Name), Request: req.SHA256, Review: rev.SHA256, To: s.From.Name, Terms: custody.Terms{
			Senders: []custody.PartyID{s.To.ID("agent/lab-1")}, Recipients: s.From.Recipients(), Categories: []string{"stored-data"},
			MaxBytes: 1 << 40, MaxPackages: 10, NotBefore: s.Now(), Expires: later(s.Now(), 60),
			Conditions: []string{"use-limitation", "confidentiality"},
		},
	}, granting...)
	if err != nil {
		return err
	}
	_, err = s.Post(s.From.ID("agent/desk-1"), &custody.Acceptance{
		Header: s.header(s.From.Name), Request: req.SHA256, Grant: grant.SHA256,
	}, s.From.Officers[1])
	return err
}

// Revoke takes the live grant back.
func (s *Story) Revoke() error {
	_, err := s.Post(s.To.ID("agent/desk-1"), &custody.Revocation{
		Header: s.header(s.To.Name), Request: s.Case().RequestSHA256, Grant: s.Case().Live().SHA256, Reason: "no-longer-justified",
	}, s.To.Officers[0])
	return err
}

// Unlock lets a package's head go.
func (s *Story) Unlock(p *Package) error { return s.UnlockBy(s.To, s.To.Lab, p) }

// UnlockBy does so in the name of the lab agent of an authority, which the rules refuse
// of all but the sender's.
func (s *Story) UnlockBy(a *Authority, k *keys.Private, p *Package) error {
	c, err := s.Log.Head(s.Origin)
	if err != nil {
		return err
	}
	return s.agent(a, k, &custody.Unlock{
		Header: s.header(string(a.ID("agent/lab-1"))), Request: s.Case().RequestSHA256, Package: p.Seal.Package,
		Seal: p.SealSHA256, HeadSHA256: p.Seal.HeadSHA256, Acceptance: s.Case().Live().Acceptance,
		Checkpoint: custody.CheckpointRef{Size: c.Size, Root: custody.Digest(c.Root)},
	})
}

// Release takes a package for the recipient "lab" of From.
func (s *Story) Release(p *Package) error {
	return s.agent(s.From, s.From.Lab, &custody.Release{
		Header: s.header(string(s.From.ID("agent/lab-1"))), Request: s.Case().RequestSHA256, Package: p.Seal.Package,
		Seal: p.SealSHA256, Acceptance: s.Case().Live().Acceptance, Recipient: s.From.ID("recipient/lab"),
	})
}

// Receipt says that a released package arrived whole.
func (s *Story) Receipt(p *Package) error {
	_, sum, _, err := custody.ParseInner(p.Contents.Inner)
	if err != nil {
		return err
	}
	return s.agent(s.From, s.From.Lab, &custody.Receipt{
		Header: s.header(string(s.From.ID("agent/lab-1"))), Request: s.Case().RequestSHA256, Package: p.Seal.Package,
		Seal: p.SealSHA256, InnerStatement: sum, Scope: custody.ScopeWhole,
	})
}

// ReceiptExhibits says that single files of a released package arrived.
func (s *Story) ReceiptExhibits(p *Package, lines ...int64) error {
	_, sum, _, err := custody.ParseInner(p.Contents.Inner)
	if err != nil {
		return err
	}
	return s.agent(s.From, s.From.Lab, &custody.Receipt{
		Header: s.header(string(s.From.ID("agent/lab-1"))), Request: s.Case().RequestSHA256, Package: p.Seal.Package,
		Seal: p.SealSHA256, InnerStatement: sum, Scope: custody.ScopeExhibits, Exhibits: lines,
	})
}

// Reject says that a released package did not verify.
func (s *Story) Reject(p *Package, reason string) error {
	return s.agent(s.From, s.From.Lab, &custody.Rejection{
		Header: s.header(string(s.From.ID("agent/lab-1"))), Request: s.Case().RequestSHA256, Package: p.Seal.Package,
		Seal: p.SealSHA256, Reason: reason,
	})
}

// Recall takes a package back, in the name of the agent that sealed it.
func (s *Story) Recall(p *Package) error {
	return s.agent(s.To, s.To.Lab, &custody.Recall{
		Header: s.header(string(s.To.ID("agent/lab-1"))), Request: s.Case().RequestSHA256, Package: p.Seal.Package,
		Seal: p.SealSHA256, Reason: "wrong-package",
	})
}

// RecallByOfficer takes a package back, in the name of the authority.
func (s *Story) RecallByOfficer(p *Package) error {
	_, err := s.Post(s.To.ID("agent/desk-1"), &custody.Recall{
		Header: s.header(s.To.Name), Request: s.Case().RequestSHA256, Package: p.Seal.Package, Seal: p.SealSHA256,
		Reason: "contains-privileged", Annex: &custody.AnnexRef{SHA256: statement.NewNonce(), Size: 2000},
	}, s.To.Officers[0])
	return err
}

// Attest has an authority's desk agent say that it has seen the request's record as it
// stands, in the log as it stands.
func (s *Story) Attest(a *Authority) error {
	c, err := s.Log.Head(s.Origin)
	if err != nil {
		return err
	}
	return s.AttestAs(a, s.records[s.request].Tip(), custody.CheckpointRef{Size: c.Size, Root: custody.Digest(c.Root)})
}

// AttestAs has it say what it likes.
func (s *Story) AttestAs(a *Authority, after *custody.Ref, log custody.CheckpointRef) error {
	h := s.header(string(a.ID("agent/desk-1")))
	h.After = after
	_, err := s.Post(a.ID("agent/desk-1"), &custody.Attestation{Header: h, Request: s.Case().RequestSHA256, Checkpoint: log}, a.Desk)
	return err
}

// Suspend stops all transfers with another authority, by one officer.
func (s *Story) Suspend(a *Authority, with string) error {
	_, err := s.Post("", &custody.Suspension{Header: s.ofPair(a), With: with, State: custody.StateSuspended, Reason: "incident",
		Prev: s.said(a, with)}, a.Officers[0])
	return err
}

// Resume lets them go on, by two.
func (s *Story) Resume(a *Authority, with string) error {
	_, err := s.Post("", &custody.Suspension{Header: s.ofPair(a), With: with, State: custody.StateLifted, Reason: "resolved",
		Prev: s.said(a, with)}, a.Officers[0], a.Officers[1])
	return err
}

func (s *Story) ofPair(a *Authority) custody.Header {
	return custody.Header{Relay: s.Origin, By: a.Name, Issued: s.Now()}
}

// said names what an authority said last of its transfers with another.
func (s *Story) said(a *Authority, with string) (d custody.Digest) {
	if p := s.view.Authorities[a.Name].Pair(with); p != nil {
		d = p.SHA256
	}
	return d
}

// agent posts what a lab agent says of itself.
func (s *Story) agent(a *Authority, k *keys.Private, body custody.Body) error {
	_, err := s.Post(a.ID("agent/lab-1"), body, k)
	return err
}

// header begins a later statement of the request's record.
func (s *Story) header(by string) custody.Header {
	return custody.Header{Relay: s.Origin, By: by, Issued: s.Now(), After: s.records[s.request].Tip()}
}

// Close ends the request.
func (s *Story) Close() error {
	_, err := s.Post(s.From.ID("agent/desk-1"), &custody.Closure{
		Header: s.header(s.From.Name), Request: s.Case().RequestSHA256, Outcome: "executed",
	}, s.From.Officers[0])
	return err
}

// Erase has entries of an authority erased, whole, and the relay say that it did so. The
// lines stay in the story.
func (s *Story) Erase(a *Authority, seqs ...int64) error {
	b := &custody.Erasure{Header: s.header(a.Name), Request: s.Case().RequestSHA256, Reason: "retention-over"}
	for _, seq := range seqs {
		b.Entries = append(b.Entries, custody.Ref{Seq: seq, Leaf: s.Lines[s.request][seq].Salted()})
	}
	st, err := s.Post(a.ID("agent/desk-1"), b, a.Officers[0], a.Officers[1])
	if err != nil {
		return err
	}
	return s.Event(b.Event(st.SHA256))
}
