package vectors

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody/acquisition"
)

// wrap breaks text into lines of 64 letters, the last one shorter, as age does.
func wrap(s string) string {
	var b strings.Builder
	for len(s) >= 64 {
		b.WriteString(s[:64] + "\n")
		s = s[64:]
	}
	return b.String() + s + "\n"
}

// stanza is one recipient stanza of an age header.
func stanza(label, kind string, encSize, bodySize int) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("-> %s %s\n%s", kind, b.EncodeToString(noise(label+" share", encSize)), wrap(b.EncodeToString(noise(label+" body", bodySize))))
}

// head is an age header of stanzas, and the nonce.
func head(stanzas ...string) []byte {
	b := []byte("age-encryption.org/v1\n" + strings.Join(stanzas, "") + "--- " + base64.RawStdEncoding.EncodeToString(noise("mac", 32)) + "\n")
	return append(b, noise("nonce", 16)...)
}

const (
	xwing     = "mlkem768x25519"
	shareSize = 1088 + 32
	bodySize  = 16 + 16
)

func heads() ([]Vector, error) {
	s := &set{folder: "head"}
	pq := func(label string) string { return stanza(label, xwing, shareSize, bodySize) }
	one := head(pq("a"))
	s.take("one-recipient", "the header of an age file for one post-quantum recipient, and its nonce", one).set("recipients", 1)
	s.take("two-recipients", "the same for two", head(pq("a"), pq("b"))).set("recipients", 2)
	s.refuse("no-recipient", "no stanza", head())
	s.refuse("classic", "a stanza of X25519 alone", head(stanza("c", "X25519", 32, 32)))
	s.refuse("classic-beside", "a classic stanza beside a post-quantum one", head(pq("a"), stanza("c", "X25519", 32, 32)))
	s.refuse("grease", "a stanza that age would skip", head(pq("a"), "-> grease-x 1\n"+wrap("YWJj")))
	s.refuse("scrypt", "a passphrase", head(fmt.Sprintf("-> scrypt %s 18\n%s", base64.RawStdEncoding.EncodeToString(noise("salt", 16)), wrap(base64.RawStdEncoding.EncodeToString(noise("body", 32))))))
	s.refuse("short-share", "a share of another length", head(stanza("a", xwing, shareSize-1, bodySize)))
	s.refuse("short-body", "a body of another length", head(stanza("a", xwing, shareSize, bodySize-1)))
	s.refuse("more-arguments", "a stanza with one argument more", head(strings.Replace(pq("a"), "\n", " x\n", 1)))
	s.refuse("short-nonce", "a nonce of 15 bytes", one[:len(one)-1])
	s.refuse("long-nonce", "bytes after the nonce", append(slices.Clone(one), 0))
	s.refuse("other-version", "another version of age", swap(one, "age-encryption.org/v1", "age-encryption.org/v2"))
	s.refuse("crlf", "lines that end with CR LF", bytes.ReplaceAll(one, []byte("\n"), []byte("\r\n")))
	s.refuse("armor", "the text form of an age file", []byte("-----BEGIN AGE ENCRYPTED FILE-----\n"+wrap(base64.StdEncoding.EncodeToString(one))+"-----END AGE ENCRYPTED FILE-----\n"))
	many := make([]string, 65)
	for i := range many {
		many[i] = pq(fmt.Sprint(i))
	}
	s.refuse("too-many", "65 recipients", head(many...))
	return s.list, nil
}

func pins() ([]Vector, error) {
	s := &set{folder: "pins"}
	nl, de := "root nl "+hexOf("nl")+"\n", "root de "+hexOf("de")+"\n"
	relay := "relay relay.example " + hexOf("relay") + "\n"
	s.take("example", "two authorities and a relay", []byte(nl+de+relay)).set("pins", 3)
	s.take("comments", "comments, empty lines, and lines that end with CR LF", []byte("# from paper, 4 March\r\n\r\n"+strings.ReplaceAll(nl+relay, "\n", "\r\n"))).set("pins", 2)
	s.take("empty", "nothing is pinned", nil).set("pins", 0)
	s.take("no-line-feed", "the last line without its end", []byte(nl[:len(nl)-1])).set("pins", 1)
	for _, tt := range []struct{ name, comment, text string }{
		{"capitals", "a fingerprint in capitals", "root nl " + strings.ToUpper(hexOf("nl")) + "\n"},
		{"short", "a fingerprint that is too short", "root nl " + hexOf("nl")[1:] + "\n"},
		{"zero", "a fingerprint of zeros", "root nl " + strings.Repeat("0", 64) + "\n"},
		{"twice", "a name twice", nl + nl},
		{"twice-differing", "a name twice, differing", nl + "root nl " + hexOf("de") + "\n"},
		{"two-spaces", "two spaces", strings.Replace(nl, " ", "  ", 1)},
		{"tab", "a tab", strings.Replace(nl, " ", "\t", 1)},
		{"trailing-space", "a space at the end", strings.Replace(nl, "\n", " \n", 1)},
		{"unknown-word", "a word that is neither root nor relay", strings.Replace(nl, "root", "anchor", 1)},
		{"no-name", "no name", "root " + hexOf("nl") + "\n"},
		{"name", "a name that no authority has", strings.Replace(nl, "nl", "NL/officer", 1)},
		{"origin", "an origin that no relay has", strings.Replace(relay, "relay.example", "https://relay.example/", 1)},
	} {
		s.refuse(tt.name, tt.comment, []byte(tt.text))
	}
	return s.list, nil
}

// file is one member of a zip archive.
type file struct{ name, data string }

// zip writes stored members in the one form that a dossier has; edit may change the
// fields that both headers of a member share.
func zip(files []file, edit func(i int, common []byte)) []byte {
	le := binary.LittleEndian
	var b, dir []byte
	for i, f := range files {
		common := le.AppendUint16(nil, 10)                    // version
		common = append(common, 0, 0, 0, 0, 0, 0, 0x21, 0x00) // no flags, stored, 00:00, 1980-01-01
		common = le.AppendUint32(common, crc32.ChecksumIEEE([]byte(f.data)))
		common = le.AppendUint32(common, uint32(len(f.data)))
		common = le.AppendUint32(common, uint32(len(f.data)))
		common = le.AppendUint16(common, uint16(len(f.name)))
		common = append(common, 0, 0) // no extra field
		if edit != nil {
			edit(i, common)
		}
		dir = append(append(append(dir, "PK\x01\x02\x0a\x00"...), common...), make([]byte, 10)...)
		dir = append(le.AppendUint32(dir, uint32(len(b))), f.name...)
		b = append(append(append(append(b, "PK\x03\x04"...), common...), f.name...), f.data...)
	}
	end := append([]byte("PK\x05\x06"), make([]byte, 4)...)
	end = le.AppendUint16(le.AppendUint16(end, uint16(len(files))), uint16(len(files)))
	end = le.AppendUint32(le.AppendUint32(end, uint32(len(dir))), uint32(len(b)))
	return append(append(append(b, dir...), end...), 0, 0)
}

func dossiers() ([]Vector, error) {
	s := &set{folder: "dossier"}
	k, err := newSigner("sender")
	if err != nil {
		return nil, err
	}
	env, _, err := signed(innerKind, statement.Encode(inner()), k)
	if err != nil {
		return nil, err
	}
	manifest := line("data/a", "alpha") + line("data/d/b", "beta")
	at := "packages/" + packageID() + "/"
	good := func() []file {
		return []file{
			{"checkpoint", "relay.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"},
			{"dossier.json", fmt.Sprintf("{\n  \"_type\": \"comity/dossier/v1\",\n  \"relay\": \"relay.example\",\n  \"request\": %q\n}\n", packageID())},
			{at + "inner.json", string(env)},
			{at + "manifest-sha256.txt", manifest},
			{at + "tagmanifest-sha256.txt", line("manifest-sha256.txt", manifest)},
		}
	}
	s.take("form", "a dossier in form, of which nothing would verify: no record, an unsigned checkpoint", zip(good(), nil)).set("request", packageID()).set("packages", 1)
	s.take("no-package", "the same without a package", zip(good()[:2], nil)).set("request", packageID()).set("packages", 0)
	gap := func(salted, reason, by, more string) []file {
		in := "records/request/000000/"
		return append(good(), file{in + "gap.json", fmt.Sprintf("{\n  \"_type\": \"comity/gap/v1\",\n  \"salted\": %q,\n  \"reason\": %q,\n  \"by\": %q%s\n}\n", salted, reason, by, more)},
			file{in + "proof", "index 7\n"})
	}
	sum := digest("salted")
	salted := hex.EncodeToString(sum[:])
	s.take("gap", "the same with a gap in place of an entry; that it is the first one, Verify refuses", zip(gap(salted, "redacted", "nl, for the defence", ""), nil)).set("request", packageID()).set("packages", 1)
	change := func(name, comment string, f func([]file) []file) { s.refuse(name, comment, zip(f(good()), nil)) }
	rendered := func(form string) []file {
		l := good()
		l[1].data = strings.Replace(l[1].data, "\n}\n", fmt.Sprintf(",\n  \"documents\": %q\n}\n", form), 1)
		l = append(l, file{"VERIFY.txt", "x"}, file{"case.jsonld", "x"}, file{"timeline.html", "x"}, file{"timeline.pdf", "x"}, file{"transfer.json", "x"}, file{"transfer.pdf", "x"})
		slices.SortFunc(l, func(a, b file) int { return strings.Compare(a.name, b.name) })
		return l
	}
	s.take("documents", "with rendered documents, of a form that nobody knows", zip(rendered("comity/documents/v0"), nil)).set("request", packageID()).set("packages", 1)
	s.refuse("documents-five", "with a rendered document too few", zip(rendered("comity/documents/v0")[1:], nil))
	s.refuse("documents-no-form", "with rendered documents whose form nothing names", zip(rendered(""), nil))
	s.refuse("gap-reason", "a gap with a reason that is none", zip(gap(salted, "secret", "nl", ""), nil))
	s.refuse("gap-by", "a gap that nobody declares", zip(gap(salted, "redacted", "", ""), nil))
	s.refuse("gap-hash", "a gap without a hash", zip(gap(strings.Repeat("0", 64), "redacted", "nl", ""), nil))
	s.refuse("gap-field", "a gap with a field more", zip(gap(salted, "redacted", "nl", ",\n  \"index\": 7"), nil))
	s.refuse("gap-compact", "a gap in another spelling", zip(func() []file {
		l := gap(salted, "redacted", "nl", "")
		l[5].data = strings.ReplaceAll(l[5].data, "\n", "") + "\n"
		return l
	}(), nil))
	s.refuse("gap-proof", "a gap without its proof", zip(gap(salted, "redacted", "nl", "")[:6], nil))
	s.refuse("gap-salt", "a gap with the salt of the entry beside it", zip(append(gap(salted, "redacted", "nl", ""), file{"records/request/000000/salt", salted + "\n"}), nil))
	field := func(name, comment string, f func(i int, b []byte)) { s.refuse(name, comment, zip(good(), f)) }
	change("out-of-order", "members out of order", func(l []file) []file { l[0], l[1] = l[1], l[0]; return l })
	change("twice", "a member twice", func(l []file) []file { return slices.Insert(l, 0, l[0]) })
	change("unknown-member", "a member that no dossier has", func(l []file) []file { return append(l, file{"readme.txt", "x"}) })
	change("outside", "a member with a path that leads out", func(l []file) []file { return append([]file{{"../checkpoint", "x"}}, l...) })
	change("folder", "a member for a folder", func(l []file) []file { return slices.Insert(l, 2, file{"packages/", ""}) })
	change("no-index", "without dossier.json", func(l []file) []file { return slices.Delete(l, 1, 2) })
	change("other-type", "a dossier of another _type", func(l []file) []file { l[1].data = strings.Replace(l[1].data, "/v1", "/v2", 1); return l })
	change("index-compact", "a dossier.json in another spelling", func(l []file) []file { l[1].data = strings.ReplaceAll(l[1].data, "\n", ""); return l })
	change("package-id", "a package with an id that is none", func(l []file) []file { l[2].name = "packages/x/inner.json"; return l })
	change("acquisition", "an acquisition record, which stays with the recipients", func(l []file) []file {
		return slices.Insert(l, 2, file{at + "acquisition.jsonld", "{}\n"})
	})
	field("deflated", "a member that claims to be compressed", func(_ int, b []byte) { b[4] = 8 })
	field("encrypted", "a member that claims to be encrypted", func(_ int, b []byte) { b[2] = 1 })
	field("data-descriptor", "a member with a data descriptor", func(_ int, b []byte) { b[2] = 8 })
	field("time", "a member with a time", func(_ int, b []byte) { b[6] = 1 })
	field("crc", "a member with a wrong checksum", func(i int, b []byte) { b[10] ^= byte(i & 1) })
	whole := zip(good(), nil)
	s.refuse("before", "bytes before it", append([]byte("#!"), whole...))
	s.refuse("after", "bytes after it", append(slices.Clone(whole), 0))
	s.refuse("comment", "a comment of the archive", append(append(slices.Clone(whole[:len(whole)-2]), 1, 0), 'x'))
	s.refuse("truncated", "without its last byte", whole[:len(whole)-1])
	s.refuse("empty", "nothing", nil)
	return s.list, nil
}

func acquisitions() ([]Vector, error) {
	r := &acquisition.Record{
		Examiner: "J. de Vries", Case: "LAB-2026-117",
		Acquisitions: []acquisition.Acquisition{{
			Exhibit: "2026-0412-03", Device: acquisition.Device{Kind: "hard disk", Make: "Seagate", Serial: "WK30A1B2"},
			Tool: acquisition.Tool{Name: "ewfacquire", Version: "20140813"}, WriteBlocker: &acquisition.Device{Model: "T8u"}, Files: []string{"disk.E01"},
		}},
		Files:      []acquisition.File{{Path: "disk.E01", Size: 4096, Hashes: acquisition.Hashes{MD5: hex.EncodeToString(noise("md5", 16))}}},
		Images:     []acquisition.Image{{Format: "EWF", Segments: []string{"disk.E01"}, Findings: []string{"segment 2 is missing"}}},
		Assertions: []acquisition.Assertion{{Segment: "disk.E01", Program: "ewfverify 20140813", SHA256: digest("program"), Exit: 1}},
	}
	data, err := acquisition.Marshal(r)
	if err != nil {
		return nil, err
	}
	s := &set{folder: "acquisition"}
	s.take("example", "one device, one image, one assertion", data).set("acquisitions", 1).set("files", 1)
	s.refuse("remote-context", "a context that would have to be fetched", slices.Concat([]byte("{\n \"@context\": \"https://example.org/context.jsonld\""), data[bytes.Index(data, []byte(",\n \"@graph\"")):]))
	s.refuse("another-namespace", "a prefix of another namespace", swap(data, "https://ontology.unifiedcyberontology.org/uco/core/", "https://example.org/core/"))
	s.refuse("changed", "a word changed: the ids of its objects are of another record", swap(data, "WK30A1B2", "WK30A1B3"))
	s.refuse("blank-node", "an object without an id", swap(data, "   \"@id\": \"urn:uuid:", "   \"x\": \"urn:uuid:"))
	s.refuse("another-type", "an object of a type that the format does not have", swap(data, "uco-observable:ImageFacet", "uco-observable:AudioFacet"))
	s.refuse("reindented", "the same graph with other white space", bytes.ReplaceAll(data, []byte("\n "), []byte("\n\t")))
	s.refuse("escaped", "the same graph with an escape", swap(data, "J. de", "\\u004a. de"))
	s.refuse("repeated-field", "a field twice", swap(data, "   \"uco-core:name\": \"J. de Vries\"", "   \"uco-core:name\": \"x\",\n   \"uco-core:name\": \"J. de Vries\""))
	s.refuse("no-graph", "no graph", []byte("{}\n"))
	return s.list, nil
}
