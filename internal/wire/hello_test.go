package wire_test

import (
	"bytes"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

func session() wire.Session {
	return wire.Session{Client: "nl/agent/lab-1", Relay: "relay.example", ClientSPKI: custody.Digest{1}, RelaySPKI: custody.Digest{2}, Exporter: custody.Digest{3}}
}

// TestHello checks each half against the session it was signed for and others.
func TestHello(t *testing.T) {
	client, relay := keys.Generate(), keys.Generate()
	s := session()
	c, r := s.SignClient(client), s.SignRelay(relay)
	if err := s.VerifyClient(c, client.Public()); err != nil {
		t.Errorf("client's half: %v", err)
	}
	if err := s.VerifyRelay(r, relay.Public()); err != nil {
		t.Errorf("relay's half: %v", err)
	}
	if id, err := wire.ClaimedClient(c); err != nil || id != s.Client {
		t.Errorf("claimed client %q, %v", id, err)
	}
	for name, change := range map[string]func(*wire.Session){
		"another client":     func(s *wire.Session) { s.Client = "nl/agent/lab-2" },
		"another relay":      func(s *wire.Session) { s.Relay = "other.example" },
		"another client key": func(s *wire.Session) { s.ClientSPKI[0]++ },
		"another relay key":  func(s *wire.Session) { s.RelaySPKI[31]++ },
		"another connection": func(s *wire.Session) { s.Exporter[0]++ },
		"exchanged keys":     func(s *wire.Session) { s.ClientSPKI, s.RelaySPKI = s.RelaySPKI, s.ClientSPKI },
	} {
		other := session()
		change(&other)
		if other.VerifyClient(c, client.Public()) == nil || other.VerifyRelay(r, relay.Public()) == nil {
			t.Errorf("%s: a half of this session is accepted", name)
		}
	}
	for name, err := range map[string]error{
		"client's half as relay's":   s.VerifyRelay(c, client.Public()),
		"relay's half as client's":   s.VerifyClient(r, relay.Public()),
		"another's key":              s.VerifyClient(c, relay.Public()),
		"client's half by the relay": s.VerifyClient(s.SignClient(relay), client.Public()),
		"signed by both":             s.VerifyClient(cosigned(t, c, relay), client.Public()),
		"unsigned":                   s.VerifyClient(unsigned(t, c), client.Public()),
		"as a statement":             s.VerifyClient(retyped(t, c, "application/vnd.comity.seal.v1+json", client), client.Public()),
		"a field more":               s.VerifyClient(changed(t, c, `{`, `{"x":1,`, client), client.Public()),
		"another version":            s.VerifyClient(changed(t, c, "comity/hello/v1", "comity/hello/v2", client), client.Public()),
		"another role":               s.VerifyClient(changed(t, c, `"client",`, `"admin",`, client), client.Public()),
		"nothing":                    s.VerifyClient(nil, client.Public()),
		"no envelope":                s.VerifyClient([]byte("{}"), client.Public()),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if bytes.Equal(c, s.SignClient(client)) {
		t.Error("two halves are the same bytes: the signature is not hedged")
	}
}

func open(t *testing.T, envelope []byte) *statement.Envelope {
	t.Helper()
	e, err := statement.Parse(envelope)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func cosigned(t *testing.T, envelope []byte, k *keys.Private) []byte {
	e := open(t, envelope)
	e.Sign(k)
	return e.Marshal()
}

func unsigned(t *testing.T, envelope []byte) []byte {
	e := open(t, envelope)
	return statement.New(e.PayloadType, e.Payload).Marshal()
}

func retyped(t *testing.T, envelope []byte, typ string, k *keys.Private) []byte {
	return statement.New(typ, open(t, envelope).Payload, k).Marshal()
}

func changed(t *testing.T, envelope []byte, a, b string, k *keys.Private) []byte {
	t.Helper()
	e := open(t, envelope)
	p := bytes.Replace(e.Payload, []byte(a), []byte(b), 1)
	if bytes.Equal(p, e.Payload) {
		t.Fatalf("%q does not occur in %s", a, e.Payload)
	}
	return statement.New(e.PayloadType, p, k).Marshal()
}

// TestClaimedClient checks that a claim has the form of an id.
func TestClaimedClient(t *testing.T) {
	for _, id := range []custody.PartyID{"", "nl", "nl/agent", "nl/notary/1", "../x/y", "nl/agent/lab-1\n"} {
		s := session()
		s.Client = id
		if got, err := wire.ClaimedClient(s.SignClient(keys.Generate())); err == nil {
			t.Errorf("claim %q is read as %q", id, got)
		}
	}
}

func FuzzClaimedClient(f *testing.F) {
	f.Add(session().SignClient(keys.Generate()))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := wire.ClaimedClient(data)
		if err != nil {
			return
		}
		if _, err := custody.ParsePartyID(string(id)); err != nil {
			t.Errorf("claimed %q: %v", id, err)
		}
	})
}
