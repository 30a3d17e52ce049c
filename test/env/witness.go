package env

import (
	"fmt"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// Witness is the witness of an authority, NAME/witness/1, with its keys.
type Witness struct {
	ID        custody.PartyID
	Cosigners []*translog.Cosigner // Ed25519, ML-DSA-44
	hybrid    *keys.Private
}

// NewWitness makes a witness with fresh keys.
func NewWitness(id custody.PartyID) (*Witness, error) {
	w := &Witness{ID: id, hybrid: keys.Generate()}
	for _, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
		secret, _, err := translog.GenerateCosigner(string(id), alg)
		if err != nil {
			return nil, err
		}
		k, err := translog.ParseCosigner(secret)
		if err != nil {
			return nil, err
		}
		w.Cosigners = append(w.Cosigners, k)
	}
	return w, nil
}

// Cosign returns the lines of both keys over a checkpoint, dated at. It checks
// nothing: a witness that lies does so too.
func (w *Witness) Cosign(c translog.Checkpoint, at time.Time) ([]byte, error) {
	var lines []byte
	for _, k := range w.Cosigners {
		line, err := k.Cosign(c, at)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line...)
	}
	return lines, nil
}

// listing lists the witness with its own enrolment.
func (w *Witness) listing(now custody.Time) (l custody.Listing, err error) {
	e := custody.Enrolment{Authority: w.ID.Authority(), ID: w.ID, Issued: now}
	for _, k := range w.Cosigners {
		e.Cosigners = append(e.Cosigners, custody.ProveCosigner(w.ID, k))
	}
	l = custody.Listing{ID: w.ID, Status: custody.StatusActive, NotBefore: now, NotAfter: later(now, 190)}
	l.Enrolment, err = custody.Enrol(e, w.hybrid)
	return l, err
}

// NewWitnessedStory is NewStory with a witness of each authority, which its
// directory lists.
func NewWitnessedStory(origin, from, to string, start time.Time) (*Story, error) {
	return newStory(origin, from, to, start, true)
}

// Policy returns the parties' policy at the story's moment.
func (s *Story) Policy() (*translog.Policy, error) {
	key, _ := s.LogSigner.Key().Strings()
	return s.view.Witnesses(key, s.Now(), s.From.Name, s.To.Name)
}

// Cosigned returns the canonical note of the log as it stands, signed by the log and
// cosigned by the witnesses given, each at the time beside it.
func (s *Story) Cosigned(at map[*Witness]time.Time) ([]byte, error) {
	note, err := s.Log.Sign(s.LogSigner, s.Now().Time())
	if err != nil {
		return nil, err
	}
	c, err := s.Log.Head(s.Origin)
	if err != nil {
		return nil, err
	}
	var known []*translog.CosignerKey
	for w, t := range at {
		lines, err := w.Cosign(c, t)
		if err != nil {
			return nil, fmt.Errorf("cosigning as %q: %w", w.ID, err)
		}
		note = append(note, lines...)
		for _, k := range w.Cosigners {
			known = append(known, k.Key())
		}
	}
	opened, err := translog.OpenCosigned(note, s.LogSigner.Key(), known...)
	return opened.Note(), err
}
