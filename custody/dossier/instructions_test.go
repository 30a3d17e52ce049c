package dossier_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/need"
	"comity.example/comity/test/tsa"
)

// blocks returns the commands of VERIFY.txt, by the number of their section.
func blocks(t *testing.T, text string) map[string]string {
	t.Helper()
	m, at := map[string]string{}, ""
	for line := range strings.Lines(text) {
		if n, _, ok := strings.Cut(line, ". "); ok && strings.Trim(n, "0123456789") == "" && n != "" {
			at = n
		}
		if cmd, ok := strings.CutPrefix(line, "    "); ok {
			m[at] += cmd
		}
	}
	if len(m) != 10 {
		t.Fatalf("VERIFY.txt has commands in %d sections", len(m))
	}
	return m
}

// court runs blocks of commands in a folder of its own, as somebody would who pastes
// them.
func court(t *testing.T, raw []byte, vars []string, commands ...string) string {
	t.Helper()
	dir := t.TempDir()
	fatalIfErr(t, os.WriteFile(filepath.Join(dir, "case.comity"), raw, 0o600))
	cmd := exec.Command(need.Program(t, "bash"), "-s")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(strings.Join(commands, "\n"))
	cmd.Env = append(append(os.Environ(), "FILE=case.comity", "LC_ALL=C.UTF-8", "TMPDIR="+dir), vars...)
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "FAILED") {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestInstructions: the commands of VERIFY.txt, run as they stand by a shell and common
// tools, find a good dossier good, and print the fingerprints that the parties have on
// paper.
func TestInstructions(t *testing.T) {
	for _, name := range []string{"sha256sum", "base64", "paste", "sed", "grep", "xxd", "unzip", "openssl"} {
		need.Program(t, name)
	}
	s, d, raw := renderedTale(t)
	b := blocks(t, string(d.Documents.Files["VERIFY.txt"]))
	p := s.Packages[0]
	exhibits := t.TempDir()
	fatalIfErr(t, os.Mkdir(filepath.Join(exhibits, "data"), 0o700))
	for name, text := range map[string]string{"disk.img": strings.Repeat("evidence ", 5000), "notes.txt": "found on a desk\n", "copy.txt": "found on a desk\n"} {
		fatalIfErr(t, os.WriteFile(filepath.Join(exhibits, "data", name), []byte(text), 0o600))
	}
	out := court(t, raw, []string{"PACKAGE=" + p.Seal.Package, "EXHIBITS=" + exhibits}, b["1"], b["2"], b["3"], b["4"], b["5"], b["6"], b["7"], b["9"])
	pins := s.Pins()
	for _, want := range []string{
		"root keys of records/authority-de: " + pins.Authorities["de"].String(), "root keys of records/authority-nl: " + pins.Authorities["nl"].String(),
		"root keys of records/relay: " + pins.Relays["relay.example"].String(),
		"ok: the entries hold the statements", "ok: the Ed25519 half of each signature", "ok: the checkpoint of relay.example at 13 entries",
		"ok: the log holds every entry", "ok: the manifests are those that the sender signed", "ok: all exhibits of package " + p.Seal.Package,
		"the ML-DSA-65 half",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the shell does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "FAILED") {
		t.Errorf("a good dossier fails:\n%s", out)
	}
}

// TestInstructionsOpen: so do those that open a package with age and tar.
func TestInstructionsOpen(t *testing.T) {
	need.Program(t, "tar")
	s, d, raw := renderedTale(t)
	b := blocks(t, string(d.Documents.Files["VERIFY.txt"]))
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "age"), "filippo.io/age/cmd/age")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building age: %v\n%s", err, out)
	}
	p := s.Packages[0]
	fatalIfErr(t, p.Save(dir))
	key := filepath.Join(dir, "key.txt")
	fatalIfErr(t, os.WriteFile(key, []byte(s.From.Identities[s.From.ID("recipient/lab")].String()+"\n"), 0o600))
	vars := []string{"PACKAGE=" + p.Seal.Package, "SEALED=" + dir, "KEY=" + key, "PATH=" + dir + ":" + os.Getenv("PATH")}
	if out := court(t, raw, vars, b["1"], b["10"]); !strings.Contains(out, "opens, and holds what its manifest lists") || strings.Contains(out, "FAILED") {
		t.Errorf("a good package does not open:\n%s", out)
	}
	head := filepath.Join(dir, "head")
	bad := bytes.Clone(p.Head)
	bad[len(bad)-1] ^= 1
	fatalIfErr(t, os.WriteFile(head, bad, 0o600))
	if out := court(t, raw, vars, b["1"], b["10"]); !strings.Contains(out, "FAILED: no seal names this head") || !strings.Contains(out, "FAILED: package") {
		t.Errorf("a package with another head opens:\n%s", out)
	}
}

// TestInstructionsFail: each block fails on a dossier in which what it checks was
// altered; files are replaced in the archive as a forger would.
func TestInstructionsFail(t *testing.T) {
	for _, name := range []string{"sha256sum", "base64", "xxd", "unzip", "openssl"} {
		need.Program(t, name)
	}
	s, d, _ := renderedTale(t)
	b := blocks(t, string(d.Documents.Files["VERIFY.txt"]))
	pkg := "packages/" + s.Packages[0].Seal.Package + "/"
	swap := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Errorf("nothing to alter: no %q", old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	flip := func(b []byte) []byte {
		b = bytes.Clone(b)
		i := len(b) - 10
		if b[i]++; b[i] > 'y' || b[i] < '0' || b[i] > '8' && b[i] < 'A' || b[i] > 'Y' && b[i] < 'a' {
			b[i] = 'A'
		}
		return b
	}
	request := func(n string) string { return "records/request/" + n }
	for _, tt := range []struct {
		name   string
		blocks []string
		alter  map[string]func([]byte) []byte // by file
		says   []string
		never  string
	}{
		{"statements", []string{"3"}, map[string]func([]byte) []byte{
			request("000002/statement.json"): swap("confidentiality", "use-report-only"), request("000003/envelope.json"): swap(`"keyid": "`, `"keyid":  "`),
		}, []string{request("000002 has another statement"), request("000003 has another envelope")}, "ok: the entries"},
		{"signatures", []string{"4"}, map[string]func([]byte) []byte{
			request("000003/statement.json"): swap(`"by": "de"`, `"by": "fr"`),
			request("000000/envelope.json"): func(b []byte) []byte {
				b = bytes.Clone(b)
				copy(b[bytes.Index(b, []byte(`"sig": "`))+20:], "AAAA")
				return b
			},
			request("000001/envelope.json"): swap(`"keyid": "`, `"keyid": "00`),
		}, []string{request("000003/envelope.json: the Ed25519 signature"), request("000000/envelope.json: the Ed25519 signature"), request("000001/envelope.json is signed by a key that is not in the dossier")}, "ok: the"},
		{"checkpoint", []string{"5"}, map[string]func([]byte) []byte{"checkpoint": swap("\n13\n", "\n14\n")}, []string{"the signature of the checkpoint"}, "ok: "},
		{"log", []string{"5", "6"}, map[string]func([]byte) []byte{
			request("000000/salt"): flip, request("000002/proof"): flip, request("000003/proof"): swap("index ", "index 1"),
			request("000005/entry.json"): swap(`"seq": 5`, `"seq": 6`), "records/relay/000000/entry.json": swap("2026-03-01", "2026-02-01"),
		}, []string{
			request("000000 is not in the log"), request("000001 does not follow"), request("000002 is not in the log"), request("000003 is not in the log"),
			request("000005 does not follow"), request("000005 is not in the log"), "records/relay/000000 is not in the log",
		}, "ok: the log"},
		{"contents", []string{"4", "7"}, map[string]func([]byte) []byte{pkg + "manifest-sha256.txt": swap("notes.txt", "notez.txt"), pkg + "tagmanifest-sha256.txt": swap("bagit.txt", "bagit.tXt"), pkg + "index.txt": swap("notes.txt", "notez.txt")},
			[]string{"has another manifest", "has another index", "has another tag manifest"}, "ok: the manifests"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := dossier.Files(d)
			for i := range files {
				if alter := tt.alter[files[i].Name]; alter != nil {
					files[i].Data = alter(files[i].Data)
				}
			}
			run := []string{b["1"]}
			for _, n := range tt.blocks {
				run = append(run, b[n])
			}
			out := court(t, dossier.Pack(files), nil, run...)
			for _, want := range tt.says {
				if !strings.Contains(out, "FAILED: ") || !strings.Contains(out, want) {
					t.Errorf("the shell does not say %q:\n%s", want, out)
				}
			}
			if strings.Contains(out, tt.never) {
				t.Errorf("the shell finds something right:\n%s", out)
			}
		})
	}
}

// TestInstructionsStamps: openssl finds a time stamp good for whoever names its
// authority, and not for whoever names another.
func TestInstructionsStamps(t *testing.T) {
	need.Program(t, "openssl")
	s, d, _ := wholeTale(t)
	d = clone(d)
	good, other := tsa.New(tsa.Options{Name: "Good", Intermediate: true}), tsa.New(tsa.Options{Name: "Other"})
	stamped(t, s, d, good, s.Log.Size()-4, s.Now().Time().Add(time.Hour))
	d = withDocuments(t, s, d)
	b := blocks(t, string(d.Documents.Files["VERIFY.txt"]))
	dir := t.TempDir()
	for name, want := range map[string]string{"good": "ok: tokens/9-0.tsr, the log of 9 entries, Time stamp: Mar  1 11:13:00 2026 GMT", "other": "FAILED: tokens/9-0.tsr"} {
		roots := map[string][]byte{"good": good.Roots, "other": other.Roots}[name]
		fatalIfErr(t, os.WriteFile(filepath.Join(dir, name), roots, 0o600))
		out := court(t, write(t, d), []string{"TSA=" + filepath.Join(dir, name)}, b["1"], b["8"])
		if !strings.Contains(out, want) {
			t.Errorf("of the authority %s the shell does not say %q:\n%s", name, want, out)
		}
	}
}

// TestRenderedStamps: whoever's time stamps a reader believes, the documents are the
// same, and tell of each stamp that they did not check it.
func TestRenderedStamps(t *testing.T) {
	s, d, _ := wholeTale(t)
	d = clone(d)
	good := tsa.New(tsa.Options{Name: "Good <b>"})
	stamped(t, s, d, good, s.Log.Size(), s.Now().Time().Add(time.Hour))
	v, err := dossier.Verify(d, stampPins(t, s, good)) // as the maker, who names the authority
	fatalIfErr(t, err)
	if v.LastBefore == nil {
		t.Fatal("the maker does not believe the stamp")
	}
	d.Documents = v.Render()
	for name, pins := range map[string]dossier.Pins{"the maker": stampPins(t, s, good), "a court without the certificate": s.Pins(), "without pins": {}} {
		if v, err := dossier.Verify(d, pins); err != nil || v.Documents != dossier.DocumentsSame {
			t.Errorf("%s: %v", name, err)
		}
	}
	html := string(d.Documents.Files["timeline.html"])
	if !strings.Contains(html, "“Good &lt;b&gt;”") || !strings.Contains(html, "not checked here") || strings.Contains(html, "a time stamp shows") {
		t.Error("the timeline does not tell of the stamp, or believes it")
	}
}

// TestInstructionsGap: where an entry is withheld and its salted hash shown, the commands
// say so and find the log whole; with another hash they do not.
func TestInstructionsGap(t *testing.T) {
	_, d, _ := renderedTale(t)
	b := blocks(t, string(d.Documents.Files["VERIFY.txt"]))
	gone := d.Records[custody.RecordID(d.Request)][3]
	at := "records/request/000003/"
	for salted, want := range map[string]string{
		gone.Salted().String(): "ok: the log holds every entry", strings.Repeat("0", 64): "FAILED: records/request/000003 is not in the log",
	} {
		files := slices.DeleteFunc(dossier.Files(d), func(f dossier.File) bool { return strings.HasPrefix(f.Name, at) && f.Name != at+"proof" })
		gap := fmt.Sprintf("{\n  \"_type\": \"comity/gap/v1\",\n  \"salted\": %q,\n  \"reason\": \"redacted\",\n  \"by\": \"nl\"\n}\n", salted)
		files = append(files, dossier.File{Name: at + "gap.json", Data: []byte(gap)})
		if out := court(t, dossier.Pack(files), nil, b["1"], b["3"], b["5"], b["6"]); !strings.Contains(out, "withheld: records/request/000003 (redacted)") || !strings.Contains(out, want) {
			t.Errorf("the shell does not say %q:\n%s", want, out)
		}
	}
}
