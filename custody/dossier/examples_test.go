package dossier_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/doctable"
	"comity.example/comity/test/vectors"
)

// TestFormatsExamples: the examples in docs/formats.md are what the programs make, of
// inputs that anybody can type.
func TestFormatsExamples(t *testing.T) {
	digest := func(s string) custody.Digest { return sha256.Sum256([]byte(s)) }
	var b strings.Builder
	row := func(what, in, out string) { fmt.Fprintf(&b, "| %s | %s | `%s` |\n", what, in, out) }
	fmt.Fprintf(&b, "\n| what | of | is |\n|---|---|---|\n")
	row("bytes that are signed", "type `http://example.com/HelloWorld`, payload `hello world`", string(statement.PAE("http://example.com/HelloWorld", []byte("hello world"))))
	v := vectorOf(t, "envelope/one-signer")
	k, err := keys.ParsePublic(v.Get("key"))
	fatalIfErr(t, err)
	row("key id", "the first `key` of `envelope/one-signer`", k.ID().String())
	row("payload hash", "the payload of `envelope/one-signer`", v.Get("payload-sha256"))
	fp, err := keys.RootFingerprint(2, []keys.ID{keys.ID(digest("a")), keys.ID(digest("b")), keys.ID(digest("c"))})
	fatalIfErr(t, err)
	row("root fingerprint", "2 of three keys whose ids are SHA-256 of `a`, `b`, `c`", hex.EncodeToString(fp[:]))
	row("id of a request", "payload hash SHA-256 of `a`", custody.RequestID(digest("a")))
	tag := translog.NewTag(digest("a"))
	salted := translog.Salted(digest("salt"), digest("entry"), digest("envelope"))
	row("tag", "payload hash SHA-256 of `a`", tag.String())
	row("salted hash", "SHA-256 of `salt` as salt, of `entry`, of `envelope`", hex.EncodeToString(salted[:]))
	leaf := translog.Leaf{Tag: tag, Seq: 7, Salted: salted}
	sum := leaf.Hash()
	row("leaf", "that tag, seq 7, that salted hash", hex.EncodeToString(leaf.Bytes()))
	row("hash of a leaf", "that leaf", hex.EncodeToString(sum[:]))
	doctable.Check(t, "../../docs/formats.md", "examples", b.String()+"\n")

	a := ask(t, []question{{"example", map[string]any{"read": "example", "key": v.Get("key")}, nil}})[0]
	for _, name := range []string{"pae", "key", "fingerprint", "request", "salted", "leaf", "leafHash"} {
		if got, ok := a.fields[name].(string); !ok || !strings.Contains(b.String(), "`"+got+"`") {
			t.Errorf("the second verifier has another %s: %v", name, a.fields[name])
		}
	}
}

func vectorOf(t *testing.T, name string) *vectors.Vector {
	t.Helper()
	data, err := os.ReadFile("../../test/vectors/" + name + ".vector")
	fatalIfErr(t, err)
	v, err := vectors.Parse(name, data)
	fatalIfErr(t, err)
	return v
}
