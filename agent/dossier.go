package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/internal/wire"
)

// Dossier writes all that proves a request's path as one file that comity-verify
// checks offline, but for what r leaves out. It carries the inner statements and
// manifests of the packages that this home sent or opened: with them a court can
// recognise an exhibit, and read its name. It always carries the rendered documents.
// First the session's agent attests the record, if something came to it since it last
// did, so that the file says how far it is complete by this State's word; where it
// cannot, because the relay does not take it, it says less. It returns what a court's
// verifier says of the file, and the packages whose contents went with their seal;
// without entries that were left out or erased the file is verified whole, or there is
// an error.
func (a *Agent) Dossier(ctx context.Context, s *Session, request string, w io.Writer, r dossier.Redaction) (*dossier.Verdict, []string, error) {
	snap, err := s.Sync(ctx, request)
	if err != nil {
		return nil, nil, err
	}
	if e, err := s.Attest(ctx, snap, request); err != nil {
		a.log.Warn("the dossier is made without a new attestation", "request", request, "error", err)
	} else if e != nil {
		if snap, err = s.Sync(ctx, request); err != nil {
			return nil, nil, err
		}
	}
	d, err := a.collect(snap, request, !r.Contents)
	if err == nil {
		err = s.stamps(ctx, snap, d)
	}
	if err == nil {
		err = s.witnessed(ctx, snap, d)
	}
	if err != nil {
		return nil, nil, err
	}
	var left []string
	if len(r.Entries)+len(r.Kinds)+len(r.Packages) > 0 {
		if d, left, err = dossier.Redact(d, r); err != nil {
			return nil, nil, err
		}
	}
	// What leaves this machine as proof has been checked as the court will.
	v, err := dossier.Verify(d, a.Pins(snap))
	if err != nil {
		return nil, nil, fmt.Errorf("checking the dossier before writing it: %w: %w", err, ErrVerify)
	}
	if !v.Verified() && v.Result != dossier.ResultInPart {
		return nil, nil, fmt.Errorf("checking the dossier before writing it: %s: %w", v.Result, ErrVerify)
	}
	d.Documents = v.Render()
	return v, left, dossier.Write(w, d)
}

// Verdict says of a snapshot what a court's verifier would say.
func (a *Agent) Verdict(snap *Snapshot, request string) (*dossier.Verdict, error) {
	d, err := a.collect(snap, request, true)
	if err != nil {
		return nil, err
	}
	return dossier.Verify(d, a.Pins(snap))
}

// Pins returns what a verifier pins: the fingerprints that this home trusts.
func (a *Agent) Pins(snap *Snapshot) dossier.Pins {
	v := snap.Book.View()
	return dossier.Pins{
		Authorities: a.home.Trust.Pins(),
		Relays:      map[string]custody.Digest{v.Origin: v.RelayFingerprint},
	}
}

// collect turns a snapshot into a dossier.
func (a *Agent) collect(snap *Snapshot, request string, withContents bool) (*dossier.Dossier, error) {
	c := snap.Case(request)
	d := &dossier.Dossier{Relay: snap.Checkpoint.Origin, Request: request, Checkpoint: snap.Note,
		Records: map[custody.RecordID][]dossier.Line{}, Packages: map[string]dossier.Contents{}}
	for _, id := range []custody.RecordID{custody.RelayRecord, custody.AuthorityRecord(c.From),
		custody.AuthorityRecord(c.To), custody.RecordID(request)} {
		for _, l := range snap.Records[id] {
			d.Records[id] = append(d.Records[id], proven(l))
		}
	}
	if !withContents {
		return d, nil
	}
	for _, p := range c.Packages {
		contents, err := a.contents(request, p.Package)
		if err != nil {
			return nil, err
		}
		if contents != nil {
			d.Packages[p.Package] = *contents
		}
	}
	return d, nil
}

func proven(l wire.Line) dossier.Line {
	return dossier.Line{
		Line:  l.Custody(),
		Proof: hashes(l.Proof),
	}
}

// contents returns what this home keeps of a package that it opened, or of which it
// opened single files, or nil.
func (a *Agent) contents(request, pkg string) (*dossier.Contents, error) {
	c, err := contentsIn(a.home.packageDir(request, pkg))
	if c == nil && err == nil {
		c, err = contentsIn(a.home.singleDir(request, pkg))
	}
	return c, err
}

func contentsIn(dir string) (*dossier.Contents, error) {
	var c dossier.Contents
	for name, to := range map[string]*[]byte{fileInner: &c.Inner, fileManifest: &c.Manifest, fileTagManifest: &c.TagManifest} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		*to = data
	}
	// Homes of older versions have none, and long ones are not kept.
	listing, err := os.ReadFile(filepath.Join(dir, fileListing))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c.Index = listing
	return &c, nil
}
