package timestamp_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/test/tsa"
)

var (
	data = []byte("relay.example\n7\ncheckpoint\n")
	now  = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func query(t testing.TB, policy string) *timestamp.Query {
	t.Helper()
	q, err := timestamp.NewQuery(crypto.SHA256, timestamp.Of(data)(crypto.SHA256), policy)
	fatalIfErr(t, err)
	return q
}

func roots(t testing.TB, a *tsa.Authority) *timestamp.Roots {
	t.Helper()
	r, err := timestamp.ParseRoots(a.Roots)
	fatalIfErr(t, err)
	return r
}

// TestRealAuthority: what OpenSSL stamps is taken, with every kind of key and chain,
// and OpenSSL takes the form that is kept.
func TestRealAuthority(t *testing.T) {
	for name, o := range map[string]tsa.Options{
		"RSA": {RSA: true}, "ECDSA": {}, "RSA with an intermediate": {RSA: true, Intermediate: true}, "ECDSA with an intermediate": {Intermediate: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := tsa.NewOpenSSL(t, o)
			q := query(t, "1.3.6.1.4.1.99999.2")
			reply, err := a.Reply(q.Marshal())
			fatalIfErr(t, err)
			kept, s, err := q.Answer(reply, roots(t, a.Authority))
			fatalIfErr(t, err)
			if d := time.Since(s.Time); d < -time.Second || d > time.Minute || s.Accuracy != 1500100*time.Microsecond ||
				s.Policy != q.Policy || s.Hash != crypto.SHA256 || s.Authority != "Test TSA" || !s.Checked || s.Root == [32]byte{} {
				t.Errorf("stamp is %+v", s)
			}
			again, err := timestamp.Verify(kept, timestamp.Of(data), roots(t, a.Authority))
			fatalIfErr(t, err)
			if !again.Time.Equal(s.Time) || again.Root != s.Root {
				t.Errorf("kept stamp says %+v, the answer said %+v", again, s)
			}
			fatalIfErr(t, a.Verify(kept, data))
			if err := a.Verify(kept, append(data, 0)); err == nil {
				t.Error("OpenSSL takes it for other bytes, too: the test shows nothing")
			}
			open, err := timestamp.Verify(kept, timestamp.Of(data), nil)
			fatalIfErr(t, err)
			if open.Checked || open.Root != [32]byte{} {
				t.Error("without roots a stamp is called checked")
			}
		})
	}
}

// TestHashes: imprints with the longer hashes are asked for and taken, SHA3-512 where
// the caller hashes.
func TestHashes(t *testing.T) {
	a := tsa.NewOpenSSL(t, tsa.Options{})
	for _, h := range []crypto.Hash{crypto.SHA384, crypto.SHA512, crypto.SHA3_512} {
		w := h.New()
		w.Write(data)
		sum := w.Sum(nil)
		q, err := timestamp.NewQuery(h, sum, "")
		fatalIfErr(t, err)
		reply, err := a.Reply(q.Marshal())
		fatalIfErr(t, err)
		kept, s, err := q.Answer(reply, roots(t, a.Authority))
		fatalIfErr(t, err)
		if s.Hash != h {
			t.Errorf("imprint with %v, want %v", s.Hash, h)
		}
		if _, err = timestamp.Verify(kept, timestamp.Of(data), roots(t, a.Authority)); (err == nil) != (h != crypto.SHA3_512) {
			t.Errorf("%v over the bytes: %v", h, err)
		}
	}
}

// TestOwnAuthority: the authority of the tests is as good as OpenSSL's, so what the
// tests below make of it fails by what they changed.
func TestOwnAuthority(t *testing.T) {
	for _, o := range []tsa.Options{{}, {RSA: true, Intermediate: true}} {
		a := tsa.NewOpenSSL(t, o)
		q := query(t, "")
		kept, s, err := q.Answer(a.Answer(q.Marshal(), time.Now(), tsa.Change{}), roots(t, a.Authority))
		fatalIfErr(t, err)
		if s.Policy != tsa.Policy {
			t.Errorf("policy %q", s.Policy)
		}
		fatalIfErr(t, a.Verify(kept, data))
	}
}

// TestAnswerRefused: each thing that makes a token worthless is found and named.
func TestAnswerRefused(t *testing.T) {
	good := tsa.New(tsa.Options{})
	stamp := x509.ExtKeyUsageTimeStamping
	for _, c := range []struct {
		name   string
		by     tsa.Options
		change tsa.Change
		want   string
	}{
		{"not for time stamping", tsa.Options{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, tsa.Change{}, "not for time stamping"},
		{"for other things too", tsa.Options{Usage: []x509.ExtKeyUsage{stamp, x509.ExtKeyUsageServerAuth}}, tsa.Change{}, "not for time stamping alone"},
		{"not critically", tsa.Options{NotCritical: true}, tsa.Change{}, "does not say critically"},
		{"ended before the stamp", tsa.Options{NotAfter: now.Add(-time.Hour)}, tsa.Change{}, "expired"},
		{"began after the stamp", tsa.Options{NotBefore: now.Add(time.Hour)}, tsa.Change{}, "expired or is not yet valid"},
		{"names no certificate", tsa.Options{}, tsa.Change{NoCert: true}, "do not name the signer's certificate"},
		{"names another certificate", tsa.Options{}, tsa.Change{OtherCert: true}, "carries no certificate that its signed attributes name"},
		{"unknown critical extension", tsa.Options{}, tsa.Change{Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}}, "critical extension"},
		{"an hour more or less", tsa.Options{}, tsa.Change{Accuracy: 3600}, "accuracy"},
	} {
		a := tsa.New(c.by)
		q := query(t, "")
		_, _, err := q.Answer(a.Answer(q.Marshal(), now, c.change), roots(t, a))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	q := query(t, "")
	reply := good.Answer(q.Marshal(), now, tsa.Change{})
	refuses := func(name, want string, q *timestamp.Query, reply []byte, r *timestamp.Roots) {
		t.Helper()
		if _, _, err := q.Answer(reply, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	refuses("foreign chain", "leads to no pinned root", q, reply, roots(t, tsa.New(tsa.Options{})))
	refuses("no root", "no root is pinned", q, reply, nil)
	other := *q
	other.Nonce = new(big.Int).Add(q.Nonce, big.NewInt(1))
	refuses("wrong nonce", "nonce", &other, reply, roots(t, good))
	other = *q
	other.Digest = timestamp.Of([]byte("other"))(crypto.SHA256)
	refuses("wrong imprint", "imprint is of other bytes", &other, reply, roots(t, good))
	other = *q
	other.Policy = "1.2.3"
	refuses("other policy", "policy", &other, reply, roots(t, good))
	refuses("a status page", "not a response", q, []byte("<html>busy</html>"), roots(t, good))
	refuses("refusal", "the authority refused: status 2, bad request, \"no\"", q, refusal(t), roots(t, good))
}

// refusal is a PKIStatusInfo: rejection, "no", badRequest.
func refusal(t testing.TB) []byte {
	t.Helper()
	b, err := asn1.Marshal(struct {
		Status struct {
			Status int
			Text   []string
			Fail   asn1.BitString
		}
	}{struct {
		Status int
		Text   []string
		Fail   asn1.BitString
	}{2, []string{"no"}, asn1.BitString{Bytes: []byte{0x20}, BitLength: 3}}})
	fatalIfErr(t, err)
	return b
}

// TestEveryByte: no byte of a kept stamp can be altered, none cut off and none added,
// whoever made it; and of an answer as it came, what is signed cannot.
func TestEveryByte(t *testing.T) {
	for name, o := range map[string]tsa.Options{"RSA": {RSA: true}, "ECDSA, intermediate": {Intermediate: true}} {
		a := tsa.NewOpenSSL(t, o)
		q, r := query(t, ""), roots(t, a.Authority)
		reply, err := a.Reply(q.Marshal())
		fatalIfErr(t, err)
		kept, _, err := q.Answer(reply, r)
		fatalIfErr(t, err)
		for i := range kept {
			for bit := range 8 {
				if o.RSA && bit != i%8 || bit > 0 && testing.Short() {
					continue // slow to parse
				}
				x := byte(1) << bit
				b := bytes.Clone(kept)
				b[i] ^= x
				if _, err := timestamp.Verify(b, timestamp.Of(data), r); err == nil {
					t.Errorf("%s: byte %d of %d altered by %#x: taken", name, i, len(kept), x)
				}
			}
			if _, err := timestamp.Verify(kept[:i], timestamp.Of(data), r); err == nil {
				t.Errorf("%s: cut to %d bytes: taken", name, i)
			}
		}
		if _, err := timestamp.Verify(append(bytes.Clone(kept), 0), timestamp.Of(data), r); err == nil {
			t.Errorf("%s: with a byte more: taken", name)
		}
		for i := range reply {
			b := bytes.Clone(reply)
			b[i] ^= 1
			if again, _, err := q.Answer(b, r); err == nil && !bytes.Equal(again, kept) {
				t.Errorf("%s: byte %d of the answer altered: another stamp is kept", name, i)
			}
		}
	}
}

// TestRoots: a file of pinned roots is read whole or refused.
func TestRoots(t *testing.T) {
	a, b := tsa.New(tsa.Options{Name: "One"}), tsa.New(tsa.Options{Name: "Two"})
	r, err := timestamp.ParseRoots(append(append([]byte("# two of them\n"), a.Roots...), b.Roots...))
	fatalIfErr(t, err)
	if got := strings.Join(r.Names(), ","); got != "One root,Two root" {
		t.Errorf("roots are %s", got)
	}
	for name, text := range map[string]string{
		"empty": "", "a comment": "# none\n", "half a block": string(a.Roots[:len(a.Roots)/2]), "one and a half": string(a.Roots) + string(b.Roots[:100]),
		"a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"too many": strings.Repeat(string(a.Roots), timestamp.MaxRoots+1), "too long": strings.Repeat("#", timestamp.MaxRootsBytes+1),
	} {
		if _, err := timestamp.ParseRoots([]byte(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestQuery: a query reads back as it was made, OpenSSL reads it, and nothing else is
// taken for one.
func TestQuery(t *testing.T) {
	q := query(t, "1.3.6.1.4.1.99999.2")
	again, err := timestamp.ParseQuery(q.Marshal())
	fatalIfErr(t, err)
	if again.Nonce.Cmp(q.Nonce) != 0 || again.Policy != q.Policy || !bytes.Equal(again.Digest, q.Digest) || again.Hash != q.Hash {
		t.Errorf("read back as %+v", again)
	}
	for i := range q.Marshal() {
		if _, err := timestamp.ParseQuery(q.Marshal()[:i]); err == nil {
			t.Errorf("cut to %d bytes: taken", i)
		}
	}
	for _, bad := range []func() (*timestamp.Query, error){
		func() (*timestamp.Query, error) { return timestamp.NewQuery(crypto.SHA1, make([]byte, 20), "") },
		func() (*timestamp.Query, error) { return timestamp.NewQuery(crypto.SHA256, make([]byte, 20), "") },
		func() (*timestamp.Query, error) { return timestamp.NewQuery(crypto.SHA256, make([]byte, 32), "1.2.x") },
		func() (*timestamp.Query, error) { return timestamp.NewQuery(crypto.SHA256, make([]byte, 32), "1") },
	} {
		if _, err := bad(); err == nil {
			t.Error("a query that no authority can answer is made")
		}
	}
}

var update = flag.Bool("update", false, "write testdata anew")

// fixed is one answer that never changes, made by OpenSSL: to a query, kept over data.
func fixed(t testing.TB) (q *timestamp.Query, reply []byte, r *timestamp.Roots) {
	if *update {
		a := tsa.NewOpenSSL(t, tsa.Options{Intermediate: true, NotAfter: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)})
		q := query(t, "")
		reply, err := a.Reply(q.Marshal())
		fatalIfErr(t, err)
		for name, b := range map[string][]byte{"query.tsq": q.Marshal(), "reply.tsr": reply, "roots.pem": a.Roots} {
			fatalIfErr(t, os.WriteFile(filepath.Join("testdata", name), b, 0o644))
		}
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		fatalIfErr(t, err)
		return b
	}
	q, err := timestamp.ParseQuery(read("query.tsq"))
	fatalIfErr(t, err)
	r, err = timestamp.ParseRoots(read("roots.pem"))
	fatalIfErr(t, err)
	return q, read("reply.tsr"), r
}

// TestFixed: an answer of another day is taken today, and for ever.
func TestFixed(t *testing.T) {
	q, reply, r := fixed(t)
	kept, s, err := q.Answer(reply, r)
	fatalIfErr(t, err)
	if !s.Checked || s.Accuracy != 1500100*time.Microsecond {
		t.Errorf("it says %+v", s)
	}
	_, err = timestamp.Verify(kept, timestamp.Of(data), r)
	fatalIfErr(t, err)
}

// FuzzVerify: whatever is read, nothing is taken but what is kept, and nothing panics.
func FuzzVerify(f *testing.F) {
	q, reply, r := fixed(f)
	kept, _, err := q.Answer(reply, r)
	fatalIfErr(f, err)
	f.Add(reply)
	f.Add(kept)
	f.Add(refusal(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := timestamp.Verify(b, timestamp.Of(data), r); err == nil && !bytes.Equal(b, kept) {
			t.Error("a stamp is taken that was not made")
		}
		timestamp.Verify(b, timestamp.Of(data), nil)
		if again, _, err := q.Answer(b, r); err == nil && !bytes.Equal(again, kept) {
			t.Error("an answer gives another stamp")
		}
	})
}
