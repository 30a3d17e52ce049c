package statement_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
)

const payloadType = "application/vnd.comity.test.v1+json"

// TestPAE checks the vector of the DSSE specification (protocol.md).
func TestPAE(t *testing.T) {
	got := string(statement.PAE("http://example.com/HelloWorld", []byte("hello world")))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("PAE = %q, want %q", got, want)
	}
	if got, want := string(statement.PAE("é", []byte{0, 255})), "DSSEv1 2 é 2 \x00\xff"; got != want { // lengths count bytes
		t.Errorf("PAE = %q, want %q", got, want)
	}
	if bytes.Equal(statement.PAE("a 1 b", nil), statement.PAE("a", []byte("b"))) {
		t.Error("two inputs have one encoding")
	}
}

// finder returns a find function over the public keys given.
func finder(list ...*keys.Private) func(keys.ID) (*keys.Public, bool) {
	return func(id keys.ID) (*keys.Public, bool) {
		for _, k := range list {
			if k.Public().ID() == id {
				return k.Public(), true
			}
		}
		return nil, false
	}
}

// sorted returns n keys in ascending order of their ids.
func sorted(n int) []*keys.Private {
	var list []*keys.Private
	for range n {
		list = append(list, keys.Generate())
	}
	slices.SortFunc(list, func(a, b *keys.Private) int {
		return strings.Compare(a.Public().ID().String(), b.Public().ID().String())
	})
	return list
}

// TestRoundTrip checks that an envelope reads back and verifies, in whatever
// order its signers came.
func TestRoundTrip(t *testing.T) {
	k := sorted(3)
	for _, order := range [][]*keys.Private{{}, {k[0]}, {k[0], k[1], k[2]}, {k[2], k[0], k[1]}, {k[1], k[1]}} {
		e := statement.New(payloadType, []byte("{}"), order...)
		got, err := statement.Parse(e.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if got.PayloadType != payloadType || string(got.Payload) != "{}" || got.SHA256() != e.SHA256() || !bytes.Equal(got.Marshal(), e.Marshal()) {
			t.Errorf("read back %+v", got)
		}
		ids, err := got.Verify(finder(k...))
		if (err == nil) != (len(order) > 0) {
			t.Errorf("verifying %d signatures: %v", len(order), err)
		}
		if err == nil && !slices.Equal(ids, got.Signers()) {
			t.Errorf("signers %v, want %v", ids, got.Signers())
		}
	}
	if n := len(statement.New(payloadType, nil, k[1], k[1]).Signers()); n != 1 {
		t.Errorf("one key twice makes %d signers", n)
	}
}

// TestVerifyAll checks that each signature counts, however many others hold.
func TestVerifyAll(t *testing.T) {
	k := sorted(3)
	e := statement.New(payloadType, []byte("{}"), k...)
	if _, err := e.Verify(finder(k[0], k[1])); err == nil {
		t.Error("an unknown third signer is accepted")
	}
	other := statement.New(payloadType, []byte("[]"), k[2])
	forged := statement.New(payloadType, []byte("{}"), k[0], k[1])
	text := bytes.Replace(other.Marshal(), []byte(base64.StdEncoding.EncodeToString([]byte("[]"))), []byte(base64.StdEncoding.EncodeToString([]byte("{}"))), 1)
	wrong, err := statement.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := forged.Merge(wrong); err != nil {
		t.Fatal(err)
	}
	if _, err := forged.Verify(finder(k...)); !errors.Is(err, keys.ErrSignature) {
		t.Errorf("a third signature of another payload: %v, want %v", err, keys.ErrSignature)
	}
	asType := &statement.Envelope{PayloadType: payloadType + "x", Payload: []byte("{}")}
	if err := asType.Merge(e); err == nil {
		t.Error("signatures of another type are merged")
	}
	if _, err := e.Verify(func(keys.ID) (*keys.Public, bool) { return k[0].Public(), true }); err == nil {
		t.Error("a key is taken under another id")
	}
}

func TestMerge(t *testing.T) {
	k := sorted(3)
	a, b := statement.New(payloadType, []byte("{}"), k[2], k[0]), statement.New(payloadType, []byte("{}"), k[1], k[0])
	if err := a.Merge(b); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Verify(finder(k...)); err != nil || len(a.Signers()) != 3 {
		t.Errorf("after merging: %d signers, %v", len(a.Signers()), err)
	}
	if err := a.Merge(statement.New(payloadType, []byte("[]"))); err == nil {
		t.Error("another payload is merged")
	}
	if got, err := statement.Parse(a.Marshal()); err != nil || len(got.Signers()) != 3 {
		t.Errorf("merged envelope: %v", err)
	}
}

// TestCanonical changes an envelope in ways that mean the same to a lax reader.
func TestCanonical(t *testing.T) {
	k := sorted(2)
	good := string(statement.New(payloadType, []byte(`{"a":1}`), k...).Marshal())
	if _, err := statement.Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(good, "\n")
	sigs := func(order ...int) string { // signature objects of four lines each, from line 4
		s := strings.Join(lines[:4], "\n") + "\n"
		for i, n := range order {
			o := slices.Clone(lines[4+4*n : 8+4*n])
			o[3] = strings.TrimSuffix(o[3], ",")
			if i < len(order)-1 {
				o[3] += ","
			}
			s += strings.Join(o, "\n") + "\n"
		}
		return s + "  ]\n}\n"
	}
	if sigs(0, 1, 2, 3) != good {
		t.Fatal("the test cuts envelopes wrongly")
	}
	replace := func(a, b string) string {
		if !strings.Contains(good, a) {
			t.Fatalf("%q does not occur", a)
		}
		return strings.Replace(good, a, b, 1)
	}
	payload := base64.StdEncoding.EncodeToString([]byte(`{"a":1}`)) // ends in ==
	for name, bad := range map[string]string{
		"no line break at the end":   strings.TrimSuffix(good, "\n"),
		"two line breaks at the end": good + "\n",
		"a space more":               " " + good,
		"Windows line breaks":        strings.ReplaceAll(good, "\n", "\r\n"),
		"compact":                    strings.NewReplacer("\n", "", "  ", "", ": ", ":").Replace(good),
		"tabs":                       strings.ReplaceAll(good, "  ", "\t"),
		"other order of fields":      "{\n" + lines[2] + "\n" + lines[1] + "\n" + strings.Join(lines[3:], "\n"),
		"a field more":               replace("{\n", "{\n  \"x\": 1,\n"),
		"a field twice":              replace(lines[1], lines[1]+"\n"+lines[1]),
		"a field in capitals":        replace(`"payload"`, `"Payload"`),
		"an escape":                  replace("application/vnd", `application\/vnd`),
		"a name escaped":             replace(`"payload"`, `"\u0070ayload"`),
		"no padding":                 replace(payload, strings.TrimRight(payload, "=")),
		"loose bits":                 replace(payload, strings.Replace(payload, "Q==", "R==", 1)),
		"a line break in base64":     replace(payload, payload[:4]+`\n`+payload[4:]),
		"URL base64":                 replace(payload, "_-8="),
		"null signatures":            strings.Join(lines[:3], "\n") + "\n  \"signatures\": null\n}\n",
		"no signatures":              strings.Join(lines[:2], "\n") + "\n" + strings.TrimSuffix(lines[2], ",") + "\n}\n",
		"keys out of order":          sigs(2, 3, 0, 1),
		"halves exchanged":           sigs(1, 0, 2, 3),
		"one key twice":              sigs(0, 1, 0, 1),
		"first half missing":         sigs(1, 2, 3),
		"second half missing":        sigs(0, 2, 3),
		"both second halves missing": sigs(0, 2),
		"halves of two keys":         sigs(0, 3),
		"a third signature":          sigs(0, 1, 1, 2, 3),
		"a half twice":               sigs(0, 0, 1, 2, 3, 3),
		"halves interleaved":         sigs(0, 2, 1, 3),
		"key id in capitals":         strings.ReplaceAll(good, k[0].Public().ID().String(), strings.ToUpper(k[0].Public().ID().String())),
		"another key id in one half": replace(k[0].Public().ID().String(), strings.Repeat("0", 64)),
		"no envelope":                "",
		"too large":                  replace(payload, strings.Repeat("A", statement.MaxEnvelope)),
	} {
		if bad == good {
			t.Errorf("%s: the test changes nothing", name)
		}
		if _, err := statement.Parse([]byte(bad)); err == nil {
			t.Errorf("%s is accepted:\n%.300s", name, bad)
		}
	}
}

// TestEveryByte flips each byte of an envelope: it is refused, or read as another
// envelope that does not verify.
func TestEveryByte(t *testing.T) {
	k := keys.Generate()
	good := statement.New(payloadType, []byte(`{"a":1}`), k).Marshal()
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1
		e, err := statement.Parse(bad)
		if err != nil {
			continue
		}
		if !bytes.Equal(e.Marshal(), bad) {
			t.Errorf("byte %d: accepted in a form that is not canonical", i)
		}
		if _, err := e.Verify(finder(k)); err == nil {
			t.Errorf("byte %d: changed and verified", i)
		}
	}
}

// TestManySigners checks the largest number of signers and one more.
func TestManySigners(t *testing.T) {
	k := sorted(statement.MaxSigners + 1)
	if _, err := statement.Parse(statement.New(payloadType, nil, k[:statement.MaxSigners]...).Marshal()); err != nil {
		t.Errorf("%d signers: %v", statement.MaxSigners, err)
	}
	if _, err := statement.Parse(statement.New(payloadType, nil, k...).Marshal()); err == nil {
		t.Errorf("%d signers are accepted", len(k))
	}
}

// TestTime lists spellings of moments.
func TestTime(t *testing.T) {
	for in, ok := range map[string]bool{
		"2026-03-01T10:00:00Z": true, "2026-03-01T10:00:00.000001Z": true, "2026-03-01T10:00:00.5Z": true, "2024-02-29T00:00:00Z": true, "0001-01-01T00:00:00Z": true,
		"": false, "2026-03-01": false, "2026-03-01T10:00:00": false, "2026-03-01T10:00:00z": false, "2026-03-01t10:00:00Z": false,
		"2026-03-01 10:00:00Z": false, "2026-03-01T10:00:00+00:00": false, "2026-03-01T10:00:00-00:00": false, "2026-03-01T11:00:00+01:00": false,
		"2026-03-01T10:00:00.0Z": false, "2026-03-01T10:00:00.50Z": false, "2026-03-01T10:00:00,5Z": false, "2026-03-01T10:00:00.0000001Z": false,
		"2026-03-01T10:00:60Z": false, "2026-03-01T24:00:00Z": false, "2026-02-29T00:00:00Z": false, "2026-3-1T10:00:00Z": false,
		"12026-03-01T10:00:00Z": false, "2026-03-01T1:00:00Z": false, "2026-03-01T10:00:00ZZ": false, " 2026-03-01T10:00:00Z": false,
	} {
		var v statement.Time
		err := v.UnmarshalText([]byte(in))
		if (err == nil) != ok {
			t.Errorf("%q: %v, want ok %t", in, err, ok)
		}
		if err == nil && v.String() != in {
			t.Errorf("%q prints as %q", in, v)
		}
	}
	local := time.Date(2026, 3, 1, 11, 0, 0, 1999, time.FixedZone("", 3600))
	if got, want := statement.At(local).String(), "2026-03-01T10:00:00.000001Z"; got != want {
		t.Errorf("At(%s) = %s, want %s", local, got, want)
	}
	if statement.At(local) != statement.At(local.UTC()) || !statement.At(time.Time{}).IsZero() {
		t.Error("one moment is two values")
	}
}

func TestDigest(t *testing.T) {
	d := statement.NewNonce()
	if got, err := statement.ParseDigest(d.String()); err != nil || got != d || d.IsZero() || d == statement.NewNonce() {
		t.Errorf("read back %s, %v", got, err)
	}
	for _, bad := range []string{"", d.String()[:62], d.String() + "00", strings.Repeat("A", 64), strings.Repeat("x", 64), "0x" + d.String()[:62]} {
		if _, err := statement.ParseDigest(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	k := sorted(2)
	for _, e := range []*statement.Envelope{statement.New(payloadType, []byte("{}")), statement.New(payloadType, []byte("{}"), k...), statement.New("é\u2028<", nil, k[0])} {
		f.Add(e.Marshal())
	}
	f.Add([]byte(fmt.Sprintf("{\n  \"payloadType\": %q\n}\n", payloadType)))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := statement.Parse(data)
		if err == nil && !bytes.Equal(e.Marshal(), data) {
			t.Errorf("%q prints as %q", data, e.Marshal())
		}
	})
}

func FuzzTime(f *testing.F) {
	f.Add("2026-03-01T10:00:00.000001Z")
	f.Fuzz(func(t *testing.T, s string) {
		var v statement.Time
		if v.UnmarshalText([]byte(s)) == nil && v.String() != s {
			t.Errorf("%q prints as %q", s, v)
		}
	})
}
