package vectors

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// signer signs without randomness, which programs never do: FIPS 204 allows both.
type signer struct {
	seed []byte
	pub  *keys.Public
}

func newSigner(label string) (*signer, error) {
	seed := noise(label, keys.SeedSize)
	k, err := keys.NewPrivate(seed)
	if err != nil {
		return nil, err
	}
	return &signer{seed, k.Public()}, nil
}

func (s *signer) sign(msg []byte) (ed, ml []byte, err error) {
	_, key := mldsa65.NewKeyFromSeed((*[mldsa65.SeedSize]byte)(s.seed[ed25519.SeedSize:]))
	ml = make([]byte, mldsa65.SignatureSize)
	err = mldsa65.SignTo(key, msg, nil, false, ml)
	return ed25519.Sign(ed25519.NewKeyFromSeed(s.seed[:ed25519.SeedSize]), msg), ml, err
}

// sig is one signature entry of an envelope.
type sig struct{ id, sig string }

// envelope writes the one form of a DSSE envelope.
func envelope(kind string, payload []byte, sigs []sig) []byte {
	b := fmt.Appendf(nil, "{\n  \"payloadType\": %q,\n  \"payload\": %q,\n  \"signatures\": [", kind, base64.StdEncoding.EncodeToString(payload))
	for i, s := range sigs {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "\n    {\n      \"keyid\": %q,\n      \"sig\": %q\n    }", s.id, s.sig)
	}
	if len(sigs) > 0 {
		b = append(b, "\n  "...)
	}
	return append(b, "]\n}\n"...)
}

// signed is an envelope with the signatures of signers, ascending by key id.
func signed(kind string, payload []byte, signers ...*signer) ([]byte, []sig, error) {
	signers = slices.Clone(signers)
	slices.SortFunc(signers, func(a, b *signer) int { return strings.Compare(a.pub.ID().String(), b.pub.ID().String()) })
	msg := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload)
	var list []sig
	for _, s := range signers {
		ed, ml, err := s.sign(msg)
		if err != nil {
			return nil, nil, err
		}
		id := s.pub.ID().String()
		list = append(list, sig{id, base64.StdEncoding.EncodeToString(ed)}, sig{id, base64.StdEncoding.EncodeToString(ml)})
	}
	return envelope(kind, payload, list), list, nil
}

const exampleKind = "application/vnd.comity.example.v1+json"

func envelopes() ([]Vector, error) {
	a, err := newSigner("signer a")
	if err != nil {
		return nil, err
	}
	b, err := newSigner("signer b")
	if err != nil {
		return nil, err
	}
	payload := []byte("{\n  \"_type\": \"comity/example/v1\",\n  \"text\": \"Zürich <&>\"\n}\n")
	one, sigs, err := signed(exampleKind, payload, a)
	if err != nil {
		return nil, err
	}
	two, both, err := signed(exampleKind, payload, a, b)
	if err != nil {
		return nil, err
	}
	s := &set{folder: "envelope"}
	sum := sha256.Sum256(payload)
	for name, data := range map[string][]byte{"one-signer": one, "two-signers": two} {
		s.take(name, "the one form of an envelope: two signatures for each key, Ed25519 first", data).set("payload-sha256", hex.EncodeToString(sum[:]))
	}
	s.refuse("compact", "the same JSON without white space", bytes.ReplaceAll(bytes.ReplaceAll(one, []byte("\n"), nil), []byte("  "), nil))
	s.refuse("no-line-feed", "without the line feed at the end", one[:len(one)-1])
	s.refuse("crlf", "lines that end with CR LF", bytes.ReplaceAll(one, []byte("\n"), []byte("\r\n")))
	s.refuse("byte-order-mark", "a byte order mark before it", append([]byte("\xef\xbb\xbf"), one...))
	s.refuse("after-the-end", "a second value after it", append(slices.Clone(one), "{}\n"...))
	s.refuse("unknown-field", "a field that the format does not have", swap(one, "{\n", "{\n  \"extra\": 1,\n"))
	s.refuse("repeated-field", "the payload type twice", swap(one, "{\n", fmt.Sprintf("{\n  \"payloadType\": %q,\n", exampleKind)))
	s.refuse("capital-field", "a field in another case", swap(one, "\"payload\"", "\"Payload\""))
	s.refuse("escaped", "an escape where none is needed", swap(one, "application", "\\u0061pplication"))
	s.refuse("base64-unpadded", "base64 without its padding", swap(one, "=\"", "\""))
	s.refuse("base64-loose-bits", "base64 with bits set that are cut off", loosen(one))
	s.refuse("base64-urlsafe", "base64 of the other alphabet", envelope(exampleKind, payload, []sig{{sigs[0].id, strings.NewReplacer("+", "-", "/", "_").Replace(sigs[0].sig)}, {sigs[1].id, strings.NewReplacer("+", "-", "/", "_").Replace(sigs[1].sig)}}))
	s.refuse("null-signatures", "null for a list", swap(envelope(exampleKind, payload, nil), "[]", "null"))
	s.refuse("half", "a key's Ed25519 signature alone", envelope(exampleKind, payload, sigs[:1]))
	s.refuse("halves-swapped", "a key's ML-DSA-65 signature first", envelope(exampleKind, payload, []sig{sigs[1], sigs[0]}))
	s.refuse("two-halves-of-two", "halves of two keys side by side", envelope(exampleKind, payload, []sig{both[0], both[3]}))
	s.refuse("keys-descending", "keys not in ascending order", envelope(exampleKind, payload, append(slices.Clone(both[2:]), both[:2]...)))
	s.refuse("key-twice", "the same key twice", envelope(exampleKind, payload, append(slices.Clone(sigs), sigs...)))
	s.refuse("key-in-capitals", "a key id in capitals", envelope(exampleKind, payload, []sig{{strings.ToUpper(sigs[0].id), sigs[0].sig}, {strings.ToUpper(sigs[1].id), sigs[1].sig}}))
	s.refuse("unsigned", "no signature: the form is right, but nobody said it", envelope(exampleKind, payload, nil))
	s.refuse("other-payload", "signatures of another payload", envelope(exampleKind, append([]byte(" "), payload...), sigs))
	s.refuse("other-type", "signatures of another payload type", envelope("application/json", payload, sigs))
	s.refuse("one-of-two-wrong", "a second signature that does not verify, although the first suffices", envelope(exampleKind, payload, []sig{both[0], both[1], both[2], {both[3].id, both[1].sig}}))
	other, _, err := signed(exampleKind, payload, a, b)
	if err != nil {
		return nil, err
	}
	s.refuse("unknown-key", "a key that the reader does not know, beside one that it knows", other)
	for i := range s.list {
		v := &s.list[i]
		v.set("key", a.pub)
		if v.Name != "envelope/unknown-key" {
			v.set("key", b.pub)
		}
	}
	slices.SortFunc(s.list, func(a, b Vector) int { return strings.Compare(a.Name, b.Name) })
	return s.list, nil
}

// loosen sets bits in the last letter before the first padding, which decoders
// that are not strict cut off.
func loosen(env []byte) []byte {
	i := bytes.Index(env, []byte("=\""))
	for env[i-1] == '=' {
		i--
	}
	b := slices.Clone(env)
	b[i-1]++
	return b
}

// inner is the example of an inner statement.
func inner() custody.Inner {
	return custody.Inner{
		Type: "comity/inner/v1", Nonce: digest("nonce"), Package: packageID(), Request: digest("request"), Sender: "de/agent/lab-1",
		Recipients: []custody.RecipientRef{{ID: "nl/recipient/lab", Directory: digest("directory"), Key: digest("key")}},
		HeadSHA256: digest("head"), PayloadRoot: digest("root"), PayloadSize: 20_500, ArchiveSize: 10_240,
		TagManifest: digest("tags"), Files: 2, Bytes: 11, IndexOffset: 8704, IndexSize: 300, Index: digest("index"),
		Description: "two files", Handling: []string{}, Examiner: "J. de Vries", Issued: statement.At(time.Unix(1_772_614_800, 0)),
	}
}

func packageID() string { return custody.PackageID([16]byte(noise("package", 16))) }

const innerKind = "application/vnd.comity.inner.v1+json"

func inners() ([]Vector, error) {
	k, err := newSigner("sender")
	if err != nil {
		return nil, err
	}
	payload := statement.Encode(inner())
	s := &set{folder: "inner"}
	add := func(name, comment string, payload []byte, refused bool) error {
		env, _, err := signed(innerKind, payload, k)
		s.add(name, comment, refused, env).set("key", k.pub)
		return err
	}
	good := func(name, comment string, change func(*custody.Inner)) error {
		in := inner()
		change(&in)
		p := statement.Encode(in)
		err := add(name, comment, p, false)
		sum := sha256.Sum256(p)
		s.list[len(s.list)-1].set("payload-sha256", hex.EncodeToString(sum[:]))
		return err
	}
	bad := func(name, comment, old, new string) error { return add(name, comment, swap(payload, old, new), true) }
	for _, err := range []error{
		good("example", "what a sender says of a package to its recipients", func(*custody.Inner) {}),
		good("without-words", "no description, no examiner", func(in *custody.Inner) { in.Description, in.Examiner = "", "" }),
		bad("other-type", "another _type", "comity/inner/v1", "comity/inner/v2"),
		bad("unknown-field", "a field that the kind does not have", "{\n", "{\n  \"extra\": 1,\n"),
		bad("missing-field", "a field that it must have", "  \"files\": 2,\n", ""),
		bad("repeated-field", "a field twice", "  \"files\": 2,\n", "  \"files\": 2,\n  \"files\": 2,\n"),
		bad("capital-field", "a field in another case", "\"files\"", "\"Files\""),
		bad("fraction", "a number that is no integer", "\"files\": 2,", "\"files\": 2.0,"),
		bad("exponent", "an integer with an exponent", "\"files\": 2,", "\"files\": 2e0,"),
		bad("huge-integer", "an integer above 2^53-1", "\"files\": 2,", "\"files\": 9007199254740993,"),
		bad("null", "null for a list", "\"handling\": []", "\"handling\": null"),
		bad("surrogate", "half of a pair of surrogates", "two files", "two \\ud800files"),
		bad("not-utf8", "a byte that is not UTF-8", "two files", "two\xfffiles"),
		bad("local-time", "a time that is not UTC", "Z\"", "+00:00\""),
		bad("time-with-zero", "a time with a zero too many", "Z\"", ".0Z\""),
		bad("capital-digest", "a hash in capitals", hexOf("head"), strings.ToUpper(hexOf("head"))),
		bad("zero-digest", "a reference that is zero", hexOf("root"), strings.Repeat("0", 64)),
		bad("payload-too-small", "a payload not longer than the archive in it", "\"payload_size\": 20500", "\"payload_size\": 10240"),
		bad("index-outside", "an index that does not lie in the archive", "\"index_offset\": 8704", "\"index_offset\": 10000"),
		bad("sender-no-agent", "a sender that is not an agent", "de/agent/lab-1", "de/officer/mla-1"),
		bad("no-recipient", "no recipient", string(recipients(payload)), "[]"),
		bad("cursor", "a description that moves a terminal's cursor", "two files", "two\\u001b[2Jfiles"),
		add("after-the-end", "a second value after it", append(slices.Clone(payload), "{}\n"...), true),
	} {
		if err != nil {
			return nil, err
		}
	}
	return s.list, nil
}

func hexOf(label string) string { return hex.EncodeToString(noise(label, 32)) }

// recipients cuts the list of recipients out of an inner statement.
func recipients(payload []byte) []byte {
	_, b, _ := bytes.Cut(payload, []byte("\"recipients\": "))
	return b[:bytes.IndexByte(b, ']')+1]
}

func entries() ([]Vector, error) {
	e := custody.Entry{
		Type: "comity/entry/v1", Relay: "relay.example", Record: custody.RecordID(packageID()), Seq: 1, Prev: digest("previous"),
		Kind: "review", Statement: digest("statement"), Envelope: digest("envelope"), Time: statement.At(time.Unix(1_772_614_800, 250_000_000)),
		Via: "de/agent/desk-1", Directories: []custody.DirectoryRef{{Authority: "de", Version: 3, SHA256: digest("directory")}},
		Decision: custody.Decision{Code: custody.CodeAllowed, Rule: "review"},
	}
	data := statement.Encode(e)
	sum := sha256.Sum256(data)
	s := &set{folder: "entry"}
	s.take("statement", "what a relay makes of a statement that it accepts", data).set("sha256", hex.EncodeToString(sum[:]))
	s.refuse("compact", "the same JSON without white space", bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\n"), nil), []byte("  "), nil))
	s.refuse("no-line-feed", "without the line feed at the end", data[:len(data)-1])
	s.refuse("fields-in-another-order", "fields in another order", swap(swap(data, "  \"seq\": 1,\n", ""), "  \"kind\"", "  \"seq\": 1,\n  \"kind\""))
	s.refuse("unknown-kind", "a kind that this version does not know", swap(data, "\"review\"", "\"favour\""))
	s.refuse("no-statement", "a statement's entry without one", swap(data, hexOf("statement"), strings.Repeat("0", 64)))
	s.refuse("event-with-statement", "an event that has a statement", swap(data, "\"kind\": \"review\"", "\"kind\": \"denied\""))
	s.refuse("other-type", "another _type", swap(data, "comity/entry/v1", "comity/entry/v9"))
	return s.list, nil
}

func leaves() ([]Vector, error) {
	s := &set{folder: "leaf"}
	first, salt, entry, env := digest("first statement"), digest("salt"), digest("entry"), digest("envelope")
	for _, tt := range []struct {
		name, comment string
		seq           uint64
		env           [32]byte
	}{
		{"statement", "the leaf of a statement's entry", 7, env},
		{"event", "the leaf of an event, which has no envelope", 1 << 33, [32]byte{}},
	} {
		tag := sha256.Sum256(append([]byte("comity/tag/v1\x00"), first[:]...))
		salted := sha256.Sum256(slices.Concat([]byte("comity/leaf/v1\x00"), salt[:], entry[:], tt.env[:]))
		data := append(tag[:16:16], byte(tt.seq>>56), byte(tt.seq>>48), byte(tt.seq>>40), byte(tt.seq>>32), byte(tt.seq>>24), byte(tt.seq>>16), byte(tt.seq>>8), byte(tt.seq))
		data = append(data, salted[:]...)
		hash := sha256.Sum256(append([]byte{0}, data...))
		s.take(tt.name, tt.comment, data).set("first-statement-sha256", hex.EncodeToString(first[:])).set("seq", tt.seq).set("salt", hex.EncodeToString(salt[:])).
			set("entry-sha256", hex.EncodeToString(entry[:])).set("envelope-sha256", hex.EncodeToString(tt.env[:])).set("leaf-hash", hex.EncodeToString(hash[:]))
	}
	s.refuse("short", "a byte too few", noise("leaf", translog.LeafSize-1))
	s.refuse("long", "a byte too many", noise("leaf", translog.LeafSize+1))
	return s.list, nil
}
