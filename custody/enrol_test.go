package custody_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"slices"
	"testing"

	"filippo.io/age"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

func enrolment(id custody.PartyID) custody.Enrolment {
	e := custody.Enrolment{Authority: id.Authority(), ID: id, Issued: statement.At(t0)}
	switch id.Role() {
	case custody.RoleAgent:
		e.Certificate = selfSigned()
	case custody.RoleRecipient:
		e.Recipient = must(age.GenerateHybridIdentity()).Recipient().String()
		e.Holder, e.Challenge = "nl/agent/lab-1", &custody.Challenge{FileSHA256: digest, Opened: digest}
	case custody.RoleWitness:
		e.Cosigners = cosigners(id)
	}
	return e
}

func cosigners(id custody.PartyID) (list []custody.Cosigner) {
	for _, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
		secret, _ := must2(translog.GenerateCosigner(string(id), alg))
		list = append(list, custody.ProveCosigner(id, must(translog.ParseCosigner(secret))))
	}
	return list
}

// TestEnrolments breaks each part of an enrolment.
func TestEnrolments(t *testing.T) {
	const agent, officer, recipient, witness = "nl/agent/lab-1", "nl/officer/mla-1", "nl/recipient/lab", "nl/witness/1"
	other := selfSigned()
	for _, r := range []struct {
		name string
		id   custody.PartyID
		edit func(*custody.Enrolment)
		ok   bool
	}{
		{"agent", agent, func(e *custody.Enrolment) {}, true},
		{"officer", officer, func(e *custody.Enrolment) {}, true},
		{"registrar", "nl/registrar/1", func(e *custody.Enrolment) {}, true},
		{"recipient", recipient, func(e *custody.Enrolment) {}, true},
		{"foreign authority", agent, func(e *custody.Enrolment) { e.Authority = "fr" }, false},
		{"witness", witness, func(e *custody.Enrolment) {}, true},
		{"witness without keys", witness, func(e *custody.Enrolment) { e.Cosigners = nil }, false},
		{"witness with one key", witness, func(e *custody.Enrolment) { e.Cosigners = e.Cosigners[:1] }, false},
		{"witness without Ed25519", witness, func(e *custody.Enrolment) { e.Cosigners[0] = e.Cosigners[1] }, false},
		{"witness with its keys swapped", witness, func(e *custody.Enrolment) { slices.Reverse(e.Cosigners) }, false},
		{"witness with three keys", witness, func(e *custody.Enrolment) { e.Cosigners = append(e.Cosigners, e.Cosigners[0]) }, false},
		{"witness with another's keys", witness, func(e *custody.Enrolment) { e.Cosigners = cosigners("nl/witness/2") }, false},
		{"witness without proof", witness, func(e *custody.Enrolment) { e.Cosigners[1].Proof = nil }, false},
		{"witness with another proof", witness, func(e *custody.Enrolment) { e.Cosigners[0].Proof = cosigners(witness)[0].Proof }, false},
		{"witness with an altered proof", witness, func(e *custody.Enrolment) { e.Cosigners[1].Proof[9] ^= 1 }, false},
		{"witness with a certificate", witness, func(e *custody.Enrolment) { e.Certificate = other }, false},
		{"witness with a line more", witness, func(e *custody.Enrolment) { e.Cosigners[0].Key += "\n" }, false},
		{"officer with cosigner keys", officer, func(e *custody.Enrolment) { e.Cosigners = cosigners(officer) }, false},
		{"recipient with cosigner keys", recipient, func(e *custody.Enrolment) { e.Cosigners = cosigners(recipient) }, false},
		{"unknown role", "nl/notary/1", func(e *custody.Enrolment) {}, false},
		{"malformed id", "nl/agent/LAB", func(e *custody.Enrolment) {}, false},
		{"agent without certificate", agent, func(e *custody.Enrolment) { e.Certificate = nil }, false},
		{"officer with certificate", officer, func(e *custody.Enrolment) { e.Certificate = other }, false},
		{"recipient with certificate", recipient, func(e *custody.Enrolment) { e.Certificate = other }, false},
		{"certificate cut", agent, func(e *custody.Enrolment) { e.Certificate = e.Certificate[:50] }, false},
		{"certificate altered", agent, func(e *custody.Enrolment) { e.Certificate[len(e.Certificate)-1] ^= 1 }, false},
		{"certificate with more", agent, func(e *custody.Enrolment) { e.Certificate = append(e.Certificate, 0) }, false},
		{"certificate of another issuer", agent, func(e *custody.Enrolment) { e.Certificate = issued() }, false},
		{"RSA certificate", agent, func(e *custody.Enrolment) { e.Certificate = rsaSigned() }, false},
		{"Ed25519 certificate", agent, func(e *custody.Enrolment) { e.Certificate = edSigned() }, false},
		{"huge certificate", agent, func(e *custody.Enrolment) { e.Certificate = make([]byte, 5000) }, false},
		{"officer with recipient", officer, func(e *custody.Enrolment) { e.Recipient = "age1pq1x" }, false},
		{"officer with holder", officer, func(e *custody.Enrolment) { e.Holder = agent }, false},
		{"agent with challenge", agent, func(e *custody.Enrolment) { e.Challenge = &custody.Challenge{FileSHA256: digest, Opened: digest} }, false},
		{"recipient without recipient", recipient, func(e *custody.Enrolment) { e.Recipient = "" }, false},
		{"recipient without holder", recipient, func(e *custody.Enrolment) { e.Holder = "" }, false},
		{"recipient without challenge", recipient, func(e *custody.Enrolment) { e.Challenge = nil }, false},
		{"recipient without file", recipient, func(e *custody.Enrolment) { e.Challenge.FileSHA256 = custody.Digest{} }, false},
		{"recipient without answer", recipient, func(e *custody.Enrolment) { e.Challenge.Opened = custody.Digest{} }, false},
		{"recipient held abroad", recipient, func(e *custody.Enrolment) { e.Holder = "fr/agent/lab-1" }, false},
		{"recipient held by an officer", recipient, func(e *custody.Enrolment) { e.Holder = officer }, false},
		{"classic recipient", recipient, func(e *custody.Enrolment) { e.Recipient = must(age.GenerateX25519Identity()).Recipient().String() }, false},
		{"recipient with a line more", recipient, func(e *custody.Enrolment) { e.Recipient += "\n" }, false},
	} {
		e := enrolment(r.id)
		r.edit(&e)
		if _, err := custody.Enrol(e, keys.Generate()); (err == nil) != r.ok {
			t.Errorf("%s: %v, want ok %t", r.name, err, r.ok)
		}
	}
}

// TestEnrolmentSignature checks that only the key an enrolment names signs it.
func TestEnrolmentSignature(t *testing.T) {
	mine, theirs := keys.Generate(), keys.Generate()
	env := must(statement.Parse(must(custody.Enrol(enrolment("nl/agent/lab-1"), mine))))
	for name, r := range map[string]struct {
		env *statement.Envelope
		ok  bool
	}{
		"own":            {statement.New(env.PayloadType, env.Payload, mine), true},
		"another's":      {statement.New(env.PayloadType, env.Payload, theirs), false},
		"both":           {statement.New(env.PayloadType, env.Payload, mine, theirs), false},
		"none":           {statement.New(env.PayloadType, env.Payload), false},
		"as a statement": {statement.New("application/vnd.comity.request.v1+json", env.Payload, mine), false},
		"more fields":    {statement.New(env.PayloadType, append([]byte(`{"x":1,`), env.Payload[1:]...), mine), false},
	} {
		if _, _, err := custody.ParseEnrolment(r.env.Marshal()); (err == nil) != r.ok {
			t.Errorf("%s: %v, want ok %t", name, err, r.ok)
		}
	}
	if _, err := custody.ParseStatement(env.Marshal()); err == nil {
		t.Error("an enrolment passes as a statement")
	}
}

func template(n int64) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(n), NotBefore: t0, NotAfter: t0.Add(day)}
}

// issued returns a certificate that another key signed.
func issued() []byte {
	_, parent := must2(ed25519.GenerateKey(rand.Reader))
	leaf := must(x509.ParseCertificate(selfSigned()))
	return must(x509.CreateCertificate(rand.Reader, template(1), template(2), leaf.PublicKey, parent))
}

func edSigned() []byte {
	pub, key := must2(ed25519.GenerateKey(rand.Reader))
	return must(x509.CreateCertificate(rand.Reader, template(1), template(1), pub, key))
}

func rsaSigned() []byte {
	k := must(rsa.GenerateKey(rand.Reader, 2048))
	return must(x509.CreateCertificate(rand.Reader, template(1), template(1), k.Public(), k))
}

func must2[A, B any](a A, b B, err error) (A, B) { return a, must(b, err) }

func FuzzParseEnrolment(f *testing.F) {
	for _, id := range []custody.PartyID{"nl/agent/lab-1", "nl/officer/mla-1", "nl/recipient/lab"} {
		f.Add(must(custody.Enrol(enrolment(id), keys.Generate())))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, k, err := custody.ParseEnrolment(data)
		if err == nil && (e.Key != k.String() || e.ID.Authority() != e.Authority) {
			t.Errorf("accepted %+v", e)
		}
	})
}
