package vectors_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/acquisition"
	"comity.example/comity/custody/bag"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/vectors"
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read returns the files as they are in the tree.
func read(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	fatalIfErr(t, fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".vector") {
			return err
		}
		files[strings.TrimSuffix(name, ".vector")], err = os.ReadFile(filepath.FromSlash(name))
		return err
	}))
	return files
}

// TestGenerated: the files are what the generator makes, and no other.
func TestGenerated(t *testing.T) {
	files := read(t)
	all, err := vectors.All()
	fatalIfErr(t, err)
	for i := range all {
		if !bytes.Equal(files[all[i].Name], all[i].Marshal()) {
			t.Errorf("%s is not what the generator makes: run go run ./test/vectors/generate", all[i].Name)
		}
		delete(files, all[i].Name)
	}
	for name := range files {
		t.Errorf("%s is not made by the generator", name)
	}
}

// TestVectors runs every file through the reader that programs use.
func TestVectors(t *testing.T) {
	readers := map[string]func(*testing.T, *vectors.Vector) (got []vectors.Key, err error){
		"acquisition": readAcquisition, "bag": readBag, "checkpoint": readCheckpoint, "dossier": readDossier, "entry": readEntry, "envelope": readEnvelope,
		"head": readHead, "inner": readInner, "leaf": readLeaf, "manifest": readManifest, "pins": readPins, "policy": readPolicy,
	}
	counts := map[string][2]int{}
	for name, b := range read(t) {
		v, err := vectors.Parse(name, b)
		fatalIfErr(t, err)
		folder, _, _ := strings.Cut(name, "/")
		f := readers[folder]
		if f == nil {
			t.Fatalf("no reader for %q", folder)
		}
		got, err := f(t, v)
		n := counts[folder]
		if v.Refused {
			n[1]++
		} else {
			n[0]++
		}
		counts[folder] = n
		switch {
		case v.Refused && err == nil:
			t.Errorf("%s: taken (%s)", name, v.Comment)
		case !v.Refused && err != nil:
			t.Errorf("%s: refused: %v", name, err)
		case !v.Refused:
			for _, k := range got {
				if v.Get(k.Name) != k.Value {
					t.Errorf("%s: %s is %q, want %q", name, k.Name, k.Value, v.Get(k.Name))
				}
			}
		}
	}
	for folder := range readers {
		if n := counts[folder]; n[0] == 0 || n[1] == 0 {
			t.Errorf("%s has %d inputs to take and %d to refuse", folder, n[0], n[1])
		}
	}
}

// TestGrammar: what is no vector is not read as one.
func TestGrammar(t *testing.T) {
	v := vectors.Vector{Name: "a/b", Comment: "c", Keys: []vectors.Key{{Name: "k", Value: "v"}}, Data: []byte("\n\ndata")}
	again, err := vectors.Parse("a/b", v.Marshal())
	fatalIfErr(t, err)
	if again.Comment != "c" || again.Get("k") != "v" || string(again.Data) != "\n\ndata" || again.Refused {
		t.Errorf("read %+v", again)
	}
	for _, s := range []string{"", "comment: c\nexpect: success\n\n", strings.Replace(string(v.Marshal()), "success", "perhaps", 1), strings.Replace(string(v.Marshal()), "k: v", "k", 1)} {
		if v, err := vectors.Parse("x", []byte(s)); err == nil {
			t.Errorf("%q was read as %+v", s, v)
		}
	}
}

func key(name string, value any) vectors.Key {
	return vectors.Key{Name: name, Value: fmt.Sprint(value)}
}

// known finds the keys that a vector lets its reader know.
func known(t *testing.T, v *vectors.Vector) func(keys.ID) (*keys.Public, bool) {
	t.Helper()
	all := map[keys.ID]*keys.Public{}
	for _, k := range v.Keys {
		if k.Name == "key" {
			p, err := keys.ParsePublic(k.Value)
			fatalIfErr(t, err)
			all[p.ID()] = p
		}
	}
	return func(id keys.ID) (*keys.Public, bool) { p, ok := all[id]; return p, ok }
}

func readEnvelope(t *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	e, err := statement.Parse(v.Data)
	if err != nil {
		return nil, err
	}
	_, err = e.Verify(known(t, v))
	return []vectors.Key{key("payload-sha256", e.SHA256())}, err
}

func readInner(t *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	_, sum, e, err := custody.ParseInner(v.Data)
	if err != nil {
		return nil, err
	}
	_, err = e.Verify(known(t, v))
	return []vectors.Key{key("payload-sha256", sum)}, err
}

func readEntry(_ *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	_, err := custody.ParseEntry(v.Data)
	return []vectors.Key{key("sha256", custody.HashOf(v.Data))}, err
}

func readLeaf(t *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	l, err := translog.ParseLeaf(v.Data)
	if err != nil {
		return nil, err
	}
	sum := func(name string) [32]byte {
		d, err := statement.ParseDigest(v.Get(name))
		fatalIfErr(t, err)
		return d
	}
	if l.Tag != translog.NewTag(sum("first-statement-sha256")) || l.Salted != translog.Salted(sum("salt"), sum("entry-sha256"), sum("envelope-sha256")) {
		return nil, errors.New("it is another leaf than the one that its parts make")
	}
	h := l.Hash()
	return []vectors.Key{key("seq", l.Seq), key("leaf-hash", fmt.Sprintf("%x", h[:]))}, nil
}

func readManifest(_ *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	lines, err := bag.ParseManifest(v.Data)
	return []vectors.Key{key("lines", len(lines))}, err
}

func readBag(t *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	root, err := os.OpenRoot(t.TempDir())
	fatalIfErr(t, err)
	defer root.Close()
	c, err := bag.Extract(bytes.NewReader(v.Data), root, v.Get("id"), bag.Limits{})
	if err != nil {
		return nil, err
	}
	claims := bag.Claims{Index: c.Index, TagManifestSHA256: c.TagManifestSHA256, ArchiveSize: c.ArchiveSize, Files: int64(c.Files), Bytes: c.Bytes}
	if _, err := bag.ReadIndex(bytes.NewReader(v.Data), v.Get("id"), claims, func(bag.Exhibit) error { return nil }); err != nil {
		return nil, err
	}
	return []vectors.Key{key("archive-size", c.ArchiveSize), key("files", c.Files), key("bytes", c.Bytes), key("tagmanifest-sha256", fmt.Sprintf("%x", c.TagManifestSHA256)),
		key("index-offset", c.Index.Offset), key("index-size", c.Index.Size), key("index-sha256", fmt.Sprintf("%x", c.Index.SHA256))}, nil
}

func readHead(_ *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	n, err := seal.CountRecipients(v.Data)
	return []vectors.Key{key("recipients", n)}, err
}

func readCheckpoint(t *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	log, err := translog.ParseLogKey(v.Get("log-key"), v.Get("log-mldsa-key"), "relay.example")
	fatalIfErr(t, err)
	var witnesses []*translog.CosignerKey
	for _, k := range v.Keys {
		if k.Name == "witness" {
			w, err := translog.ParseCosignerKey(k.Value)
			fatalIfErr(t, err)
			witnesses = append(witnesses, w)
		}
	}
	c, err := translog.OpenCosignedExact(v.Data, log, witnesses...)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, s := range c.Cosignatures {
		list = append(list, fmt.Sprintf("%s %d", s.Key.Name(), s.Time.Unix()))
	}
	return []vectors.Key{key("size", c.Size), key("time", c.Log.Time.Unix()), key("cosignatures", strings.Join(list, ", "))}, nil
}

func readPolicy(_ *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	p, err := translog.ParsePolicy(v.Data)
	if err != nil {
		return nil, err
	}
	return []vectors.Key{key("witnesses", len(p.Witnesses()))}, nil
}

func readPins(_ *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	p, err := dossier.ParsePins(v.Data)
	if err != nil {
		return nil, err
	}
	return []vectors.Key{key("pins", len(p.Authorities)+len(p.Relays))}, nil
}

func readDossier(_ *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	d, err := dossier.Read(bytes.NewReader(v.Data), int64(len(v.Data)))
	if err != nil {
		return nil, err
	}
	return []vectors.Key{key("request", d.Request), key("packages", len(d.Packages))}, nil
}

func readAcquisition(_ *testing.T, v *vectors.Vector) ([]vectors.Key, error) {
	r, err := acquisition.Parse(v.Data)
	if err != nil {
		return nil, err
	}
	return []vectors.Key{key("acquisitions", len(r.Acquisitions)), key("files", len(r.Files))}, nil
}

// TestDistinct: no two inputs of one folder are the same, which a change that changes
// nothing would make.
func TestDistinct(t *testing.T) {
	seen := map[string]string{}
	var names []string
	files := read(t)
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v, err := vectors.Parse(name, files[name])
		fatalIfErr(t, err)
		folder, _, _ := strings.Cut(name, "/")
		id := fmt.Sprintf("%s %x %q", folder, sha256.Sum256(v.Data), v.Keys)
		if other := seen[id]; other != "" {
			t.Errorf("%s is the same as %s", name, other)
		}
		seen[id] = name
	}
}
