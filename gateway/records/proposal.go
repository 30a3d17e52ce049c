package records

import (
	"fmt"

	"comity.example/comity/custody"
)

// Proposal is a statement that waits for more signatures of one authority.
type Proposal struct {
	SHA256    custody.Digest // of the payload
	Record    custody.RecordID
	Kind      custody.Kind
	Authority string         // whose officers sign, and who alone may read it
	Envelope  []byte         // with the signatures so far
	Annex     custody.Digest // of the annex that it binds; zero if none
	Expires   custody.Time
}

const proposalColumns = "sha256, record, kind, authority, envelope, annex_sha256, expires"

// PutProposal stores a proposal, or replaces the envelope of the one with the
// same payload, whose other fields stay.
func (t *Tx) PutProposal(p Proposal) error {
	_, err := t.exec("INSERT INTO proposals ("+proposalColumns+") VALUES (?,?,?,?,?,?,?) ON CONFLICT (sha256) DO UPDATE SET envelope = excluded.envelope",
		p.SHA256[:], string(p.Record), string(p.Kind), p.Authority, p.Envelope, p.Annex[:], micros(p.Expires))
	if err != nil {
		return fmt.Errorf("storing proposal %s: %w", p.SHA256, err)
	}
	return nil
}

// Proposal returns a proposal, expired or not, or ErrNotFound.
func (t *Tx) Proposal(sha custody.Digest) (Proposal, error) {
	list, err := collect(t, scanProposal, "SELECT "+proposalColumns+" FROM proposals WHERE sha256 = ?", sha[:])
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Proposal{}, fmt.Errorf("reading proposal %s: %w", sha, err)
	}
	return list[0], nil
}

// Proposals lists an authority's proposals, those that expire first at the top.
func (t *Tx) Proposals(authority string) ([]Proposal, error) {
	list, err := collect(t, scanProposal, "SELECT "+proposalColumns+" FROM proposals WHERE authority = ? ORDER BY expires, sha256", authority)
	if err != nil {
		return nil, fmt.Errorf("listing proposals of %q: %w", authority, err)
	}
	return list, nil
}

// ProposalUsage returns how many proposals an authority has, leaving out one, and
// the bytes of their envelopes together.
func (t *Tx) ProposalUsage(authority string, except custody.Digest) (n, bytes int64, err error) {
	err = t.row("SELECT COUNT(*), COALESCE(SUM(LENGTH(envelope)), 0) FROM proposals WHERE authority = ? AND sha256 <> ?",
		[]any{authority, except[:]}, &n, &bytes)
	if err != nil {
		return 0, 0, fmt.Errorf("measuring proposals of %q: %w", authority, err)
	}
	return n, bytes, nil
}

// Binding lists the proposals, expired or not, that bind an annex, without their
// envelopes. Those that bind none are never listed.
func (t *Tx) Binding(annex custody.Digest) ([]Proposal, error) {
	if annex.IsZero() {
		return nil, nil
	}
	return t.bare("annex_sha256 = ?", annex[:])
}

// Expired lists the proposals whose time is up at now, without their envelopes.
func (t *Tx) Expired(now custody.Time) ([]Proposal, error) {
	return t.bare("expires <= ?", micros(now))
}

// bare lists proposals without their envelopes, which may be megabytes.
func (t *Tx) bare(where string, arg any) ([]Proposal, error) {
	list, err := collect(t, scanProposal,
		"SELECT sha256, record, kind, authority, NULL, annex_sha256, expires FROM proposals WHERE "+where+" ORDER BY expires, sha256", arg)
	if err != nil {
		return nil, fmt.Errorf("listing proposals: %w", err)
	}
	return list, nil
}

// DeleteProposal removes a proposal; one that is not there is no error.
func (t *Tx) DeleteProposal(sha custody.Digest) error {
	if _, err := t.exec("DELETE FROM proposals WHERE sha256 = ?", sha[:]); err != nil {
		return fmt.Errorf("deleting proposal %s: %w", sha, err)
	}
	return nil
}

func scanProposal(s scanner) (p Proposal, err error) {
	var sha, annex []byte
	var expires int64
	if err = s.Scan(&sha, &p.Record, &p.Kind, &p.Authority, &p.Envelope, &annex, &expires); err != nil {
		return p, err
	}
	p.Expires = timeOf(expires)
	if p.SHA256, err = digest(sha); err == nil {
		p.Annex, err = digest(annex)
	}
	return p, err
}
