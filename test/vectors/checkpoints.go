package vectors

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
)

// logSigner is a key that signs checkpoints, by the byte that C2SP gives its kind:
// 1 a log's Ed25519 key, 4 and 6 the cosignatures.
type logSigner struct {
	name string
	kind byte
	seed [32]byte
}

func newLogSigner(name string, kind byte) *logSigner {
	return &logSigner{name, kind, [32]byte(noise(fmt.Sprintf("%s %d", name, kind), 32))}
}

func (s *logSigner) public() []byte {
	if s.kind == 6 {
		pub, _ := mldsa44.NewKeyFromSeed(&s.seed)
		return pub.Bytes()
	}
	return ed25519.NewKeyFromSeed(s.seed[:]).Public().(ed25519.PublicKey)
}

func (s *logSigner) id() []byte {
	h := sha256.Sum256(append([]byte(s.name+"\n"+string(s.kind)), s.public()...))
	return h[:4]
}

// vkey is the public key as documents have it.
func (s *logSigner) vkey() string {
	return fmt.Sprintf("%s+%x+%s", s.name, s.id(), base64.StdEncoding.EncodeToString(append([]byte{s.kind}, s.public()...)))
}

// tree is what is signed: the text of a checkpoint and its parts.
type tree struct {
	origin string
	size   uint64
	root   [32]byte
}

func (t tree) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", t.origin, t.size, base64.StdEncoding.EncodeToString(t.root[:]))
}

// line is a signature line, dated at; what is signed is in the words of C2SP
// signed-note and tlog-cosignature.
func (s *logSigner) line(t tree, at uint64) (string, error) {
	var sig []byte
	key := ed25519.NewKeyFromSeed(s.seed[:])
	switch s.kind {
	case 1:
		sig = ed25519.Sign(key, []byte(t.text()))
	case 4:
		sig = binary.BigEndian.AppendUint64(nil, at)
		sig = append(sig, ed25519.Sign(key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, t.text()))...)
	case 6:
		msg := append([]byte("subtree/v1\n\x00"), byte(len(s.name)))
		msg = binary.BigEndian.AppendUint64(append(msg, s.name...), at)
		msg = append(append(msg, byte(len(t.origin))), t.origin...)
		msg = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(msg, 0), t.size)
		sig = append(binary.BigEndian.AppendUint64(nil, at), make([]byte, mldsa44.SignatureSize)...)
		_, ml := mldsa44.NewKeyFromSeed(&s.seed)
		if err := mldsa44.SignTo(ml, append(msg, t.root[:]...), nil, false, sig[8:]); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("— %s %s\n", s.name, base64.StdEncoding.EncodeToString(append(s.id(), sig...))), nil
}

func checkpoints() ([]Vector, error) {
	s := &set{folder: "checkpoint"}
	t := tree{"relay.example", 9, digest("root")}
	ed, ml := newLogSigner("relay.example", 1), newLogSigner("relay.example/mldsa", 6)
	w4, w6 := newLogSigner("nl/witness/1", 4), newLogSigner("nl/witness/1", 6)
	fr := newLogSigner("fr/witness/1", 6)
	const at = 1_790_000_000
	var failed error
	line := func(k *logSigner, t tree, at uint64) string {
		l, err := k.line(t, at)
		if err != nil {
			failed = err
		}
		return l
	}
	own := line(ed, t, 0) + line(ml, t, at)
	// The order of a canonical note: by name, then by the number of the key id.
	nl := []string{line(w4, t, at+1), line(w6, t, at+2)}
	nlKeys := []*logSigner{w4, w6}
	if bytes.Compare(w4.id(), w6.id()) > 0 {
		slices.Reverse(nl)
		slices.Reverse(nlKeys)
	}
	frLine := line(fr, t, at+3)
	cosigned := t.text() + "\n" + own + frLine + strings.Join(nl, "")
	keys := func(v *Vector) *Vector {
		v.set("log-key", ed.vkey()).set("log-mldsa-key", ml.vkey())
		for _, k := range []*logSigner{w4, w6, fr} {
			v.set("witness", k.vkey())
		}
		return v.set("size", t.size).set("time", at)
	}
	keys(s.take("log-alone", "the log's two signatures", []byte(t.text()+"\n"+own))).set("cosignatures", "")
	all := fmt.Sprintf("fr/witness/1 %d", at+3)
	for _, k := range nlKeys {
		all += fmt.Sprintf(", nl/witness/1 %d", at+map[byte]int{4: 1, 6: 2}[k.kind])
	}
	keys(s.take("cosigned", "two witnesses have cosigned it, one of them with both of its keys", []byte(cosigned))).set("cosignatures", all)
	empty := tree{"relay.example", 0, sha256.Sum256(nil)}
	keys(s.take("empty-tree", "the log before its first entry", []byte(empty.text()+"\n"+line(ed, empty, 0)+line(ml, empty, at)))).set("cosignatures", "")
	for i := range s.list[len(s.list)-1].Keys {
		if k := &s.list[len(s.list)-1].Keys[i]; k.Name == "size" {
			k.Value = "0"
		}
	}
	other := tree{"relay.example", 9, digest("another root")}
	head := t.text() + "\n"
	for _, r := range []struct{ name, comment, note string }{
		{"no-ml-dsa", "the log's ML-DSA-44 signature is missing", head + line(ed, t, 0)},
		{"no-ed25519", "the log's Ed25519 signature is missing", head + line(ml, t, at)},
		{"unsigned", "no signature", head},
		{"log-swapped", "the log's signatures in another order", head + line(ml, t, at) + line(ed, t, 0)},
		{"witness-before-log", "a cosignature before the log's signatures", head + frLine + own},
		{"out-of-order", "cosignatures in another order", head + own + strings.Join(nl, "") + frLine},
		{"twice", "a cosignature twice", head + own + frLine + frLine},
		{"stranger", "a signature by a key that is not given", head + own + line(newLogSigner("be/witness/1", 4), t, at)},
		{"of-another-tree", "a witness has signed another root", head + own + line(fr, other, at)},
		{"undated", "a cosignature with the time zero", head + own + line(fr, t, 0)},
		{"named-otherwise", "a cosignature under another name", strings.Replace(head+own+frLine, "— fr/", "— xx/", 1)},
		{"extension", "a line more in the text, which no ML-DSA cosignature covers", strings.Replace(cosigned, "\n\n", "\nmore\n\n", 1)},
		{"other-size", "the size altered", strings.Replace(cosigned, "\n9\n", "\n8\n", 1)},
		{"leading-zero", "the size with a zero in front", strings.Replace(cosigned, "\n9\n", "\n09\n", 1)},
		{"empty-with-root", "a tree without leaves that has a root", strings.Replace(cosigned, "\n9\n", "\n0\n", 1)},
		{"crlf", "lines that end with CR LF", strings.ReplaceAll(cosigned, "\n", "\r\n")},
		{"no-line-feed", "the last line without its end", cosigned[:len(cosigned)-1]},
		{"hyphen", "a hyphen for the dash", strings.ReplaceAll(cosigned, "—", "-")},
	} {
		keys(s.refuse(r.name, r.comment, []byte(r.note)))
	}
	return s.list, failed
}

func policies() ([]Vector, error) {
	s := &set{folder: "policy"}
	log := "log " + newLogSigner("relay.example", 1).vkey() + "\n"
	var witnesses string
	key := func(name string, kind byte) string { return newLogSigner("w/"+name, kind).vkey() }
	for i, name := range []string{"A", "B", "C"} {
		witnesses += "witness " + name + " " + key(name, []byte{4, 6}[i%2]) + "\n"
	}
	take := func(name, comment, text string, n int) { s.take(name, comment, []byte(text)).set("witnesses", n) }
	take("none", "nobody has to cosign", log+"quorum none\n", 0)
	take("one", "one witness", log+witnesses+"quorum A\n", 3)
	take("threshold", "two of three, and an address", witnesses+"witness D "+key("D", 4)+" https://w.example/d/\ngroup g 2 A B C\nquorum g\n", 4)
	take("nested", "groups of groups, all and any", witnesses+"group x any A B\ngroup y all x C\nquorum y\n", 3)
	take("loose", "comments, empty lines, tabs, and names that are not ASCII", "# who\n\n \t# cosigns\n"+witnesses+"\tgroup  n\u00e9  any\tA B\n quorum n\u00e9 \n", 3)
	for _, r := range []struct{ name, comment, text string }{
		{"empty", "no quorum", ""},
		{"no-quorum", "witnesses alone", witnesses},
		{"two-quorums", "two quorums", witnesses + "quorum A\nquorum A\n"},
		{"unknown", "a quorum of nobody", witnesses + "quorum Q\n"},
		{"below", "a group that names one below it", witnesses + "group x any y\ngroup y any A\nquorum x\n"},
		{"two-groups", "a witness in two groups", witnesses + "group x any A\ngroup y any A x\nquorum y\n"},
		{"too-many", "more than there are", witnesses + "group x 4 A B C\nquorum x\n"},
		{"zero", "a threshold of nothing", witnesses + "group x 0 A\nquorum x\n"},
		{"leading-zero", "a threshold with a zero in front", witnesses + "group x 02 A B\nquorum x\n"},
		{"none-member", "the name none in a group", witnesses + "group x any none\nquorum x\n"},
		{"same-name", "two of one name", witnesses + "witness A " + key("D", 4) + "\nquorum A\n"},
		{"same-key", "one key under two names", witnesses + "witness D " + key("A", 4) + "\nquorum A\n"},
		{"log-key", "a log's key for a witness", "witness A " + newLogSigner("w/A", 1).vkey() + "\nquorum A\n"},
		{"wrong-id", "a key with another id", "witness A " + strings.Replace(key("A", 4), "w/A", "w/B", 1) + "\nquorum A\n"},
		{"comment-behind", "a comment behind a line", witnesses + "quorum A # the first\n"},
		{"crlf", "lines that end with CR LF", strings.ReplaceAll(witnesses+"quorum A\n", "\n", "\r\n")},
		{"no-line-feed", "the last line without its end", witnesses + "quorum A"},
		{"keyword", "an unknown keyword", witnesses + "monitor A\nquorum A\n"},
		{"address", "an address with a user", "witness A " + key("A", 4) + " https://u@w.example/\nquorum A\n"},
	} {
		s.refuse(r.name, r.comment, []byte(r.text))
	}
	return s.list, nil
}
