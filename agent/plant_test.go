package agent_test

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"

	"filippo.io/age"
)

// planted is a package of a sender whom de granted it, and who seals what he likes.
type planted struct {
	archive []byte
	inner   custody.Inner // what he signs of the archive; the rest is filled in
}

// good is an honest package of a folder.
func good(t *testing.T, id, dir string) *planted {
	t.Helper()
	inv, err := bag.Scan(dir)
	check(t, err)
	plan, err := bag.NewPlan(id, inv, nil)
	check(t, err)
	src, err := bag.OpenFolder(dir)
	check(t, err)
	defer src.Close()
	var b bytes.Buffer
	s, err := plan.Write(&b, src)
	check(t, err)
	return &planted{b.Bytes(), custody.Inner{ArchiveSize: int64(b.Len()), TagManifest: s.TagManifestSHA256, Files: int64(s.Files), Bytes: s.Bytes,
		IndexOffset: s.Index.Offset, IndexSize: s.Index.Size, Index: s.Index.SHA256}}
}

// replace edits the archive without moving a byte, and signs the index as it is then.
func (p *planted) replace(t *testing.T, from, to string) {
	t.Helper()
	if len(from) != len(to) || !bytes.Contains(p.archive, []byte(from)) {
		t.Fatalf("cannot replace %q by %q", from, to)
	}
	i := bytes.LastIndex(p.archive, []byte(from)) // the index is the last member
	copy(p.archive[i:], to)
	p.inner.Index = sha256.Sum256(p.archive[p.inner.IndexOffset : p.inner.IndexOffset+p.inner.IndexSize])
}

// in returns the world for a subtest.
func (w *world) in(t *testing.T) *world {
	n := *w
	n.t = t
	return &n
}

// plant deposits and unlocks a package by the calls of the protocol alone.
func (w *world) plant(build func(id string) *planted) string {
	w.t.Helper()
	t, ctx, s := w.t, w.t.Context(), w.connect("de", "lab-1")
	snap, err := s.Sync(ctx, w.request)
	check(t, err)
	var random [16]byte
	rand.Read(random[:])
	id, grant := custody.PackageID(random), snap.Case(w.request).Live()
	refs, to := w.recipients(snap, grant)
	p := build(id)
	plain := append(bytes.Clone(p.archive), bytes.Repeat([]byte{0}, int(seal.Padme(int64(len(p.archive))))-len(p.archive))...)
	sealer, err := seal.NewSealer(int64(len(plain)), to...)
	check(t, err)
	res, err := s.Reserve(ctx, wire.Reserve{Package: id, Request: w.request, Grant: grant.SHA256, PayloadSize: sealer.PayloadSize()})
	check(t, err)
	part, sum, err := sealer.SealPart(nil, 0, plain)
	check(t, err)
	check(t, s.PutPart(ctx, id, res.Epoch, 0, sum, part))

	in, k := p.inner, w.key("de/agent/lab-1")
	head, root := sealer.Head(), seal.PayloadRoot([][32]byte{sum})
	in.Package, in.Request, in.Sender, in.Recipients = id, snap.Case(w.request).RequestSHA256, s.ID, refs
	in.HeadSHA256, in.PayloadRoot, in.PayloadSize = custody.HashOf(head), root, sealer.PayloadSize()
	in.Handling, in.Issued = []string{}, statement.At(time.Now())
	env, err := custody.SignInner(in, k)
	check(t, err)
	inner, err := seal.SealSmall(env, wire.MaxInner, to...)
	check(t, err)
	st, err := custody.Sign(&custody.Seal{
		Header:  spoken(s, snap, w.request),
		Request: in.Request, Grant: grant.SHA256, Package: id, Recipients: refs, HeadSHA256: in.HeadSHA256, PayloadSize: in.PayloadSize,
		Parts: 1, PayloadRoot: root, InnerSHA256: custody.HashOf(inner), Delivery: grant.Packages + 1,
	}, k)
	check(t, err)
	_, err = s.Seal(ctx, id, res.Epoch, st.Envelope)
	check(t, err)
	snap, err = s.Sync(ctx, w.request)
	check(t, err)
	un, err := custody.Sign(&custody.Unlock{
		Header: spoken(s, snap, w.request), Request: in.Request, Package: id, Seal: st.SHA256, HeadSHA256: in.HeadSHA256,
		Acceptance: grant.Acceptance, Checkpoint: custody.CheckpointRef{Size: snap.Checkpoint.Size, Root: custody.Digest(snap.Checkpoint.Root)},
	}, k)
	check(t, err)
	_, err = s.Client.Unlock(ctx, id, un.Envelope, head, inner)
	check(t, err)
	return id
}

// spoken begins a statement of the session's agent.
func spoken(s *agent.Session, snap *agent.Snapshot, request string) custody.Header {
	h := s.Header(snap, request)
	h.By = string(s.ID)
	return h
}

func (w *world) key(id custody.PartyID) *keys.Private {
	w.t.Helper()
	k, err := w.homes[id.Authority()].Key(id)
	check(w.t, err)
	return k
}

// recipients are those of the grant, as the directory lists them.
func (w *world) recipients(snap *agent.Snapshot, g *custody.GrantState) (refs []custody.RecipientRef, to []age.Recipient) {
	w.t.Helper()
	au := snap.Book.View().Authorities[g.To]
	for _, id := range g.Recipients {
		m, _ := au.Member(id)
		r, err := seal.ParseRecipient(m.Recipient)
		check(w.t, err)
		refs = append(refs, custody.RecipientRef{ID: id, Directory: au.DirectorySHA256, Key: custody.RecipientKey(m.Recipient)})
		to = append(to, r)
	}
	return refs, to
}

// forged is an archive that archive/tar writes, with the honest claims of another.
func forged(t *testing.T, id string, entries ...tar.Header) *planted {
	t.Helper()
	p := good(t, id, t.TempDir())
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, h := range append([]tar.Header{{Typeflag: tar.TypeDir, Name: id + "/"}}, entries...) {
		h.Size = int64(len(h.Linkname)) // any content
		if h.Typeflag != tar.TypeReg {
			h.Size = 0
		}
		check(t, tw.WriteHeader(&h))
		if h.Size > 0 {
			_, err := tw.Write([]byte(h.Linkname))
			check(t, err)
		}
	}
	check(t, tw.Close())
	p.archive = append(b.Bytes(), make([]byte, len(p.archive))...) // as long as its sender signs
	return p
}

// splice puts entries of another tar in place of the first item of a good archive.
func splice(t *testing.T, id string, entries func(*tar.Writer)) *planted {
	t.Helper()
	p := good(t, id, tree(t, map[string]string{"a": "alpha"}))
	at := bytes.Index(p.archive, []byte(id+"/data/a"))
	at -= at % 512
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	entries(tw)
	check(t, tw.Flush())
	p.archive = append(p.archive[:at:at], append(b.Bytes(), p.archive[at:]...)...)
	p.inner.ArchiveSize = int64(len(p.archive))
	return p
}

// TestHostileSender: a sender whom the grant names seals what no honest program
// makes. The recipient rejects it; nothing stands outside of the folder, and nothing
// that could be taken for evidence in it, in whichever way it was asked for.
func TestHostileSender(t *testing.T) {
	if testing.Short() {
		t.Skip("plants thirty packages: a minute, and more under the race detector, of which it tells nothing")
	}
	w := newWorld(t)
	w.ask()
	w.grant(func(g *officer.GrantDraft) { g.MaxPackages = 100 })
	w.accept()
	files := func(t *testing.T) string {
		return tree(t, map[string]string{"a": "alpha", "b": "beta", "d/c": "gamma"})
	}
	header := func(h tar.Header, content string) func(*tar.Writer) {
		return func(tw *tar.Writer) {
			h.Size = int64(len(content))
			check(t, tw.WriteHeader(&h))
			_, err := tw.Write([]byte(content))
			check(t, err)
		}
	}
	index := func(from, to string) func(*testing.T, string) *planted {
		return func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			p.replace(t, from, to)
			return p
		}
	}
	sum := func(s string) string { return custody.Digest(sha256.Sum256([]byte(s))).String() }
	for _, tt := range []struct {
		name  string
		build func(t *testing.T, id string) *planted
		list  bool // it can be listed and "a" taken: what is wrong lies elsewhere
	}{
		{"not a tar", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			p.archive = bytes.Repeat([]byte("garbage "), 2000)
			return p
		}, false},
		{"another bag's folder", func(t *testing.T, id string) *planted { return good(t, strings.Repeat("a", 26), files(t)) }, false},
		{"traversal", func(t *testing.T, id string) *planted {
			return splice(t, id, header(tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Name: id + "/data/../../../evil"}, "x"))
		}, false},
		{"absolute", func(t *testing.T, id string) *planted {
			return splice(t, id, header(tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Name: "/tmp/evil"}, "x"))
		}, false},
		{"link, then a file through it", func(t *testing.T, id string) *planted {
			return splice(t, id, func(tw *tar.Writer) {
				check(t, tw.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: id + "/data/l", Linkname: ".."}))
				header(tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Name: id + "/data/l/evil"}, "x")(tw)
			})
		}, false},
		{"hard link", func(t *testing.T, id string) *planted {
			return splice(t, id, header(tar.Header{Typeflag: tar.TypeLink, Name: id + "/data/l", Linkname: "/etc/passwd"}, ""))
		}, false},
		{"device", func(t *testing.T, id string) *planted {
			return splice(t, id, header(tar.Header{Typeflag: tar.TypeChar, Name: id + "/data/l", Devmajor: 1, Devminor: 5}, ""))
		}, false},
		{"duplicate", func(t *testing.T, id string) *planted {
			return splice(t, id, header(tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Name: id + "/data/a"}, "other"))
		}, false},
		{"GNU long name", func(t *testing.T, id string) *planted {
			return splice(t, id, header(tar.Header{Typeflag: tar.TypeReg, Format: tar.FormatGNU, Name: id + "/data/" + strings.Repeat("x", 200)}, "x"))
		}, false},
		{"sparse map", func(t *testing.T, id string) *planted {
			return splice(t, id, header(tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Name: id + "/data/0",
				PAXRecords: map[string]string{"COMITY.sparse": "1"}}, "x"))
		}, false},
		{"only links", func(t *testing.T, id string) *planted {
			return forged(t, id, tar.Header{Typeflag: tar.TypeSymlink, Name: id + "/data", Linkname: "/"})
		}, false},
		{"cut off, then zeros", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			clear(p.archive[p.inner.IndexOffset-2048:])
			return p
		}, false},
		{"bytes behind the end", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			p.archive = append(p.archive, bytes.Repeat([]byte("x"), 600)...)
			return p
		}, true},
		{"content beside its hash", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			copy(p.archive[bytes.Index(p.archive, []byte("beta")):], "BETA")
			return p
		}, true},
		{"content of the exhibit beside its hash", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			copy(p.archive[bytes.Index(p.archive, []byte("alpha")):], "ALPHA")
			return p
		}, false},
		{"another name in the archive", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			i := bytes.Index(p.archive, []byte("/data/a")) + len("/data/")
			p.archive[i] = 'A'
			return p
		}, false},
		{"index with another hash", index(sum("alpha"), sum("other")), false},
		{"index with the hash of another", index(sum("alpha"), sum("beta")), false},
		{"index with another name", index("data/a\n", "data/A\n"), false},
		{"index with another order", index("data/b\n", "data/a\n"), false},
		{"index that climbs", index("data/d/c\n", "data/../\n"), false},
		{"index of a folder as a file", index("\nd - ", "\nf - "), false},
		{"index of another version", index("comity/index/v1 ", "comity/index/v9 "), false},
		{"index elsewhere", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			p.inner.IndexOffset -= 512
			return p
		}, false},
		{"index of all", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			p.inner.IndexOffset, p.inner.IndexSize = 1, p.inner.ArchiveSize-2
			return p
		}, false},
		{"index behind the plaintext", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			p.inner.ArchiveSize = seal.PayloadSize(seal.Padme(int64(len(p.archive)))) - 1
			p.inner.IndexOffset, p.inner.IndexSize = p.inner.ArchiveSize-600, 599
			return p
		}, false},
		{"another number of files", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			p.inner.Files++
			return p
		}, false},
		{"another tag manifest", func(t *testing.T, id string) *planted {
			p := good(t, id, files(t))
			p.inner.TagManifest[0] ^= 1
			return p
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := w.in(t)
			outer := t.TempDir()
			into := filepath.Join(outer, "evidence")
			check(t, os.Mkdir(into, 0o700))
			pkg := w.plant(func(id string) *planted { return tt.build(t, id) })
			s, nl := w.connect("nl", "lab-1"), w.agent("nl")
			if _, err := nl.Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, into); tt.list != (err == nil) || err != nil && !errors.Is(err, agent.ErrVerify) {
				t.Errorf("Exhibits = %v", err)
			}
			if tt.list {
				if got := below(t, filepath.Join(into, pkg, "data")); len(got) != 1 || got["a"] != "alpha" {
					t.Errorf("the exhibit is %q", got)
				}
				check(t, os.RemoveAll(filepath.Join(into, pkg)))
			}
			empty(t, into)
			if _, err := nl.Fetch(t.Context(), s, w.request, into); !errors.Is(err, agent.ErrVerify) {
				t.Errorf("Fetch = %v", err)
			}
			empty(t, into)
			if list, err := os.ReadDir(outer); err != nil || len(list) != 1 {
				t.Errorf("beside the folder: %v, %v", list, err)
			}
			r := w.kase().Package(pkg).Released("nl/agent/lab-1")
			if r == nil || r.Receipt != nil || r.Rejection == nil {
				t.Errorf("the release is %+v, want a rejection", r)
			}
		})
	}
}
