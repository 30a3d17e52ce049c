package wire

import (
	"errors"
	"fmt"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// ExporterLabel is the TLS exporter label of the hello (RFC 8446, section 7.5);
// the context is empty, the length 32 bytes.
const ExporterLabel = "EXPORTER-comity-hello-v1"

const helloType = "application/vnd.comity.hello.v1+json"

// The two roles of a hello.
const (
	roleClient = "client"
	roleRelay  = "relay"
)

// Session is what both sides of a connection know of it.
type Session struct {
	Client     custody.PartyID
	Relay      string         // origin
	ClientSPKI custody.Digest // of the TLS key that the client showed
	RelaySPKI  custody.Digest
	Exporter   custody.Digest // 32 bytes of TLS exporter: differs in every connection
}

// ErrOtherConnection is what VerifyClient and VerifyRelay wrap when a half was
// signed for another session than this one.
var ErrOtherConnection = errors.New("it was signed for another connection")

// hello is the signed form of a session: binding the hybrid key to the TLS
// connection makes the connection authentic against a quantum computer too, and
// no proof fits another connection.
type hello struct {
	Type       string          `json:"_type"` // comity/hello/v1
	Role       string          `json:"role"`
	Client     custody.PartyID `json:"client"`
	Relay      string          `json:"relay"`
	ClientSPKI custody.Digest  `json:"client_spki_sha256"`
	RelaySPKI  custody.Digest  `json:"relay_spki_sha256"`
	Exporter   custody.Digest  `json:"exporter"`
}

func (s Session) hello(role string) hello {
	return hello{"comity/hello/v1", role, s.Client, s.Relay, s.ClientSPKI, s.RelaySPKI, s.Exporter}
}

// SignClient and SignRelay return a side's half of the hello.
func (s Session) SignClient(k *keys.Private) []byte { return s.sign(roleClient, k) }

// SignRelay returns the relay's half.
func (s Session) SignRelay(k *keys.Private) []byte { return s.sign(roleRelay, k) }

func (s Session) sign(role string, k *keys.Private) []byte {
	return statement.New(helloType, statement.Encode(s.hello(role)), k).Marshal()
}

// VerifyClient checks the client's half against the session as this side sees
// it and the key that the directory lists for the client.
func (s Session) VerifyClient(envelope []byte, k *keys.Public) error {
	return s.verify(roleClient, envelope, k)
}

// VerifyRelay checks the relay's half.
func (s Session) VerifyRelay(envelope []byte, k *keys.Public) error {
	return s.verify(roleRelay, envelope, k)
}

func (s Session) verify(role string, envelope []byte, k *keys.Public) error {
	h, env, err := parseHello(envelope)
	if err != nil {
		return err
	}
	if h != s.hello(role) {
		return fmt.Errorf("verifying hello of the %s: %w", role, ErrOtherConnection)
	}
	_, err = env.Verify(func(id keys.ID) (*keys.Public, bool) { return k, id == k.ID() })
	if err != nil {
		return fmt.Errorf("verifying hello of the %s: %w", role, err)
	}
	return nil
}

// ClaimedClient returns the id that a client's half claims, unverified: by it the
// relay finds the key to verify with.
func ClaimedClient(envelope []byte) (custody.PartyID, error) {
	h, _, err := parseHello(envelope)
	if err != nil {
		return "", err
	}
	return custody.ParsePartyID(string(h.Client))
}

func parseHello(envelope []byte) (hello, *statement.Envelope, error) {
	var h hello
	env, err := statement.Parse(envelope)
	if err != nil {
		return h, nil, fmt.Errorf("reading hello: %v", err)
	}
	if env.PayloadType != helloType {
		return h, nil, fmt.Errorf("reading hello: payload type %.80q", env.PayloadType)
	}
	if err := statement.Decode(env.Payload, &h); err != nil {
		return h, nil, fmt.Errorf("reading hello: %v", err)
	}
	return h, env, nil
}
