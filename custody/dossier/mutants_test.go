package dossier_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// lineMutants: each line of each text file dropped; those of proofs, salts and
// manifests also doubled, or with a space after.
func lineMutants(_ testing.TB, _ *env.Story, d *dossier.Dossier) (out []mutant) {
	files := dossier.Files(d)
	for _, f := range files {
		switch base(f.Name) {
		case "envelope.json", "statement.json":
			continue // hundreds of lines, of which fieldMutants has each value
		}
		lines := bytes.SplitAfter(f.Data, []byte("\n"))
		for i, l := range lines[:len(lines)-1] {
			changes := map[string][]byte{"dropped": nil}
			if !strings.HasSuffix(f.Name, ".json") {
				changes["doubled"] = slices.Concat(l, l)
				changes["spaced"] = slices.Concat(bytes.TrimSuffix(l, []byte("\n")), []byte(" \n"))
			}
			for what, now := range changes {
				text := bytes.Join(slices.Replace(slices.Clone(lines), i, i+1, now), nil)
				out = append(out, packed(fmt.Sprintf("%s: line %d %s", f.Name, i, what), swapFile(files, f.Name, text)))
			}
		}
	}
	return out
}

// signatureMutants: halves and whole signatures stripped, swapped, doubled, added,
// with everything that the relay makes made to fit.
func signatureMutants(t testing.TB, s *env.Story, d *dossier.Dossier) (out []mutant) {
	type sig struct {
		KeyID string `json:"keyid"`
		Sig   string `json:"sig"`
	}
	type envelope struct {
		PayloadType string `json:"payloadType"`
		Payload     string `json:"payload"`
		Signatures  []sig  `json:"signatures"`
	}
	stranger, files := keys.Generate(), dossier.Files(d)
	alter := func(raw []byte) map[string][]byte {
		var e envelope
		fatalIfErr(t, json.Unmarshal(raw, &e))
		with := func(sigs ...sig) []byte {
			return statement.Encode(envelope{e.PayloadType, e.Payload, sigs})
		}
		x := e.Signatures
		flip := func(i int) []byte {
			y := slices.Clone(x)
			y[i].Sig = x[i].Sig[:40] + "AAAA" + x[i].Sig[44:]
			return with(y...)
		}
		more, err := statement.Parse(raw)
		fatalIfErr(t, err)
		more.Sign(stranger)
		alone := statement.New(e.PayloadType, more.Payload, stranger)
		return map[string][]byte{
			"Ed25519 half stripped": with(x[1:]...), "ML-DSA half stripped": with(slices.Delete(slices.Clone(x), 1, 2)...),
			"halves swapped": with(append([]sig{{x[0].KeyID, x[1].Sig}, {x[1].KeyID, x[0].Sig}}, x[2:]...)...),
			"all stripped":   with(), "first key's stripped": with(x[2:]...), "doubled": with(append(slices.Clone(x[:2]), x...)...),
			"Ed25519 half changed": flip(0), "ML-DSA half changed": flip(1),
			"a stranger's added": more.Marshal(), "a stranger's alone": alone.Marshal(),
			"under another key's name": with(append([]sig{{stranger.Public().ID().String(), x[0].Sig}, {stranger.Public().ID().String(), x[1].Sig}}, x[2:]...)...),
		}
	}
	for id, lines := range d.Records {
		for seq, l := range lines {
			for what, raw := range alter(l.Envelope) {
				name := fmt.Sprintf("record %s entry %d: signature %s", id, seq, what)
				out = append(out, packed(name, swapFile(files, path(d, id, seq, "envelope.json"), raw)))
				if _, err := statement.Parse(raw); err == nil {
					out = append(out, altered(name+", relogged", d, func(c *dossier.Dossier) {
						c.Records[id][seq].Envelope = raw
						relog(s, c)
					}))
				}
			}
		}
	}
	for id, x := range d.Packages {
		for what, raw := range alter(x.Inner) {
			out = append(out, altered(fmt.Sprintf("inner statement of %s: signature %s", id, what), d, func(c *dossier.Dossier) {
				c.Packages[id] = dossier.Contents{Inner: raw, Manifest: x.Manifest, TagManifest: x.TagManifest}
			}))
		}
	}
	return out
}

// proofMutants: each hash, index and salt; proofs longer and shorter.
func proofMutants(_ testing.TB, _ *env.Story, d *dossier.Dossier) (out []mutant) {
	add := func(id custody.RecordID, seq int, what string, f func(*dossier.Line)) {
		out = append(out, altered(fmt.Sprintf("record %s entry %d: %s", id, seq, what), d, func(c *dossier.Dossier) { f(&c.Records[id][seq]) }))
	}
	for id, lines := range d.Records {
		for seq, l := range lines {
			for i := range l.Proof {
				add(id, seq, fmt.Sprintf("proof hash %d", i), func(l *dossier.Line) { l.Proof[i][31] ^= 1 })
				add(id, seq, fmt.Sprintf("proof hash %d dropped", i), func(l *dossier.Line) { l.Proof = slices.Delete(l.Proof, i, i+1) })
				add(id, seq, fmt.Sprintf("proof hash %d doubled", i), func(l *dossier.Line) { l.Proof = slices.Insert(l.Proof, i, l.Proof[i]) })
			}
			add(id, seq, "no proof", func(l *dossier.Line) { l.Proof = nil })
			for _, by := range []int64{-1000, -1, 1, 2, 1 << 40} {
				add(id, seq, fmt.Sprintf("index %+d", by), func(l *dossier.Line) { l.Index += by })
			}
			for _, i := range []int{0, 31} {
				add(id, seq, fmt.Sprintf("salt byte %d", i), func(l *dossier.Line) { l.Salt[i] ^= 0x80 })
			}
			add(id, seq, "bytes after the entry", func(l *dossier.Line) { l.Entry = append(slices.Clone(l.Entry), '\n') })
		}
	}
	return out
}

// checkpointMutants: of other size, root, name, spelling, signer; with more lines.
func checkpointMutants(t testing.TB, s *env.Story, d *dossier.Dossier) (out []mutant) {
	add := func(what string, note []byte) {
		out = append(out, altered("checkpoint: "+what, d, func(c *dossier.Dossier) { c.Checkpoint = note }))
	}
	for i := 0; i < len(d.Checkpoint); i += 3 + i/250*40 { // of the ML-DSA signature some
		b := bytes.Clone(d.Checkpoint)
		b[i] ^= 1
		add(fmt.Sprintf("byte %d", i), b)
	}
	other, err := env.NewStory(s.Origin, "fr", "be", s.Now().Time())
	fatalIfErr(t, err)
	foreign, err := s.Log.Sign(other.LogSigner, s.Now().Time())
	fatalIfErr(t, err)
	lines := bytes.SplitAfter(foreign, []byte("\n"))
	add("by a stranger", foreign)
	add("with a stranger's signature more", append(bytes.Clone(d.Checkpoint), lines[len(lines)-2]...))
	add("with its signature twice", append(bytes.Clone(d.Checkpoint), bytes.SplitAfter(d.Checkpoint, []byte("\n"))[4]...))
	own := bytes.SplitAfter(d.Checkpoint, []byte("\n"))
	add("without its Ed25519 signature", bytes.Join(slices.Delete(slices.Clone(own), 4, 5), nil))
	add("without its ML-DSA signature", bytes.Join(own[:5], nil))
	add("with its signatures swapped", bytes.Join([][]byte{own[0], own[1], own[2], own[3], own[5], own[4]}, nil))
	add("without signature", bytes.Join(bytes.SplitAfter(d.Checkpoint, []byte("\n"))[:4], nil))
	add("empty", nil)
	old, err := other.Log.Sign(s.LogSigner, s.Now().Time())
	fatalIfErr(t, err)
	add("of another log under the right key", old)
	return out
}

// fileMutants: files dropped, added, renamed, swapped, emptied.
func fileMutants(_ testing.TB, _ *env.Story, d *dossier.Dossier) (out []mutant) {
	files := dossier.Files(d)
	add := func(what string, fs []dossier.File) { out = append(out, packed(what, fs)) }
	for i, f := range files {
		if base(f.Name) != "index.txt" { // TestWithoutIndex: it says less then
			add("dropped "+f.Name, slices.Delete(slices.Clone(files), i, i+1))
		}
		add("emptied "+f.Name, swapFile(files, f.Name, nil))
		add("doubled "+f.Name, slices.Insert(slices.Clone(files), i, f))
		add("moved to the end "+f.Name+" x", append(slices.Delete(slices.Clone(files), i, i+1), dossier.File{Name: f.Name + "x", Data: f.Data}))
		add("line feed after "+f.Name, swapFile(files, f.Name, append(bytes.Clone(f.Data), '\n')))
		if o, ok := nextOf(files, i); ok {
			add("contents swapped of "+f.Name+" and "+o.Name, swapFile(swapFile(files, f.Name, o.Data), o.Name, f.Data))
		}
		if i > 0 {
			fs := slices.Clone(files)
			fs[i-1], fs[i] = fs[i], fs[i-1]
			add("order of "+f.Name, fs)
		}
	}
	for _, name := range []string{"README", "records/relay/000000/x", "records/authority-fr/000000/salt", "../x", "/x", "packages/x/inner.json",
		"records/relay/000001/salt", "records/relay/0/salt", "records/relay/+00000/salt", "witness", "records/", "checkpoint/"} {
		add("added "+name, append(slices.Clone(files), dossier.File{Name: name, Data: files[0].Data}))
	}
	return out
}

// nextOf returns the next file of the same sort with other contents.
func nextOf(files []dossier.File, i int) (dossier.File, bool) {
	for _, o := range files[i+1:] {
		if base(o.Name) == base(files[i].Name) && !bytes.Equal(o.Data, files[i].Data) {
			return o, true
		}
	}
	return dossier.File{}, false
}

// zipMutants: the archive's own bytes, which mean nothing to the contents.
func zipMutants(raw []byte) (out []mutant) {
	add := func(what string, b []byte) { out = append(out, mutant{name: what, file: func() []byte { return b }}) }
	end := bytes.LastIndex(raw, []byte("PK\x05\x06"))
	dir := bytes.Index(raw, []byte("PK\x01\x02"))
	for _, i := range slices.Concat(span(0, 30), span(dir, dir+46+10), span(end, len(raw))) {
		out = append(out, mutant{name: fmt.Sprintf("zip byte %d", i), file: func() []byte {
			b := bytes.Clone(raw)
			b[i] ^= 1
			return b
		}})
	}
	for _, n := range []int{0, 1, 29, dir, end, len(raw) / 2, len(raw) - 1} {
		add(fmt.Sprintf("truncated to %d", n), raw[:n])
	}
	add("a byte appended", slices.Concat(raw, []byte{0}))
	add("a comment", slices.Concat(raw[:len(raw)-2], []byte{1, 0, 'x'}))
	add("a byte before", slices.Concat([]byte{0}, raw))
	add("twice", slices.Concat(raw, raw))
	add("written by archive/zip", rezip(raw, 0))
	add("deflated", rezip(raw, 8))
	return out
}

func span(from, to int) (list []int) {
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// graftMutants: a second story with other keys, told by the same names, whole and
// in pieces.
func graftMutants(t testing.TB, s *env.Story, d *dossier.Dossier) (out []mutant) {
	dir := t.TempDir()
	fatalIfErr(t, os.WriteFile(dir+"/notes.txt", []byte("not found on a desk\n"), 0o600))
	other, err := env.NewStory(s.Origin, "de", "nl", s.Now().Time())
	fatalIfErr(t, err)
	fatalIfErr(t, other.Play(dir))
	o, err := other.Dossier(true)
	fatalIfErr(t, err)
	add := func(what string, f func(c *dossier.Dossier)) { out = append(out, altered(what, d, f)) }
	add("the story under other roots", func(c *dossier.Dossier) { *c = *o })
	for id := range d.Records {
		from := id
		if string(id) == d.Request {
			from = custody.RecordID(o.Request)
		}
		add(fmt.Sprintf("record %s of the other story", id), func(c *dossier.Dossier) { c.Records[id] = o.Records[from] })
		for i := range d.Records[id] {
			what := fmt.Sprintf("record %s entry %d of the other story", id, i)
			add(what, func(c *dossier.Dossier) { c.Records[id][i] = o.Records[from][i] })
			add(what+", relogged", func(c *dossier.Dossier) {
				c.Records[id][i] = o.Records[from][i]
				relog(s, c)
			})
		}
	}
	for _, from := range o.Packages {
		for id, x := range d.Packages {
			for what, y := range map[string]dossier.Contents{
				"contents": from, "inner": {Inner: from.Inner, Manifest: x.Manifest, TagManifest: x.TagManifest},
				"manifest":  {Inner: x.Inner, Manifest: from.Manifest, TagManifest: x.TagManifest},
				"manifests": {Inner: x.Inner, Manifest: from.Manifest, TagManifest: from.TagManifest},
				"no inner":  {Manifest: x.Manifest, TagManifest: x.TagManifest},
			} {
				add("package of the other story: "+what, func(c *dossier.Dossier) { c.Packages[id] = y })
			}
			add("contents of a package that was never sealed", func(c *dossier.Dossier) { c.Packages[o.Request] = x })
		}
	}
	add("checkpoint of the other story", func(c *dossier.Dossier) { c.Checkpoint = o.Checkpoint })
	return out
}
