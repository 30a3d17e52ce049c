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

// DeleteProposal removes a proposal; one that is not there is no error.
func (t *Tx) DeleteProposal(sha custody.Digest) error {
	if _, err := t.exec("DELETE FROM proposals WHERE sha256 = ?", sha[:]); err != nil {
		return fmt.Errorf("deleting proposal %s: %w", sha, err)
	}
	return nil
}

// DeleteExpired removes the proposals whose time is up at now.
func (t *Tx) DeleteExpired(now custody.Time) error {
	if _, err := t.exec("DELETE FROM proposals WHERE expires <= ?", micros(now)); err != nil {
		return fmt.Errorf("deleting expired proposals: %w", err)
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
