package gateway_test

import (
	"testing"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// TestAttestationOfAnotherLog: the relay refuses an attestation of a log that it never
// signed, whoever showed that to the agent, and takes the same one of its own log; a
// stranger to the request learns nothing.
func TestAttestationOfAnotherLog(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	s := w.agreed()
	c := w.as(w.fr.lab)
	note, err := c.Checkpoint(t.Context())
	check(t, err)
	at, err := translog.Open(note, origin, w.log)
	check(t, err)
	attest := func(size int64, root custody.Digest) *custody.Statement {
		return sign(t, &custody.Attestation{Header: s.header("fr/agent/lab", s.after), Request: s.request.SHA256,
			Checkpoint: custody.CheckpointRef{Size: size, Root: root}}, w.fr.lab.key)
	}
	for name, st := range map[string]*custody.Statement{
		"another root":        attest(at.Size, custody.Digest{1}),
		"a log of the future": attest(at.Size+1, custody.Digest(at.Root)),
		"another size":        attest(at.Size-1, custody.Digest(at.Root)),
	} {
		_, err := c.Submit(t.Context(), st.Envelope, nil)
		refused(t, name, err, custody.CodeOtherLog)
	}
	other := sign(t, &custody.Attestation{Header: s.header("de/agent/lab", s.after), Request: s.request.SHA256,
		Checkpoint: custody.CheckpointRef{Size: at.Size, Root: custody.Digest{1}}}, w.de.lab.key)
	_, err = w.as(w.de.lab).Submit(t.Context(), other.Envelope, nil)
	refused(t, "a third State's", err, custody.CodeNoSuchRequest)
	s.file(c, attest(at.Size, custody.Digest(at.Root)), nil)
	s.file(c, attest(at.Size, custody.Digest(at.Root)), nil) // of what the relay noted of the first
	_, err = c.Submit(t.Context(), attest(at.Size, custody.Digest(at.Root)).Envelope, nil)
	refused(t, "the same again", err, custody.CodeNothingNew)
	w.clean()
}
