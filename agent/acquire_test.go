package agent_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/config"
	"comity.example/comity/custody/acquisition"
	"comity.example/comity/test/need"
)

// acquiredFolder is a folder with an image in two raw pieces, of which the middle one
// is missing, and what an examiner writes on it.
func acquiredFolder(t *testing.T) (string, *config.Acquisition) {
	t.Helper()
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "disk.001"), bytes.Repeat([]byte{1}, 4096), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "disk.003"), bytes.Repeat([]byte{2}, 512), 0o600))
	check(t, os.Mkdir(filepath.Join(dir, "phone"), 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "phone", "backup.zip"), []byte("backup"), 0o600))
	m, s := md5.Sum([]byte("backup")), sha1.Sum([]byte("backup"))
	c, err := config.LoadAcquisition("a.yaml", fmt.Appendf(nil, `
examiner: J. de Vries
case: LAB-2026-117
acquisitions:
- exhibit: 2026-0412-03
  device: {kind: hard disk, serial: WK30A1B2}
  tool: {name: dc3dd, version: 7.2.646}
  started: 2026-03-04T10:12:00+01:00
  files: [{path: disk.003}, {path: disk.001, media_md5: %032d}]
- device: {kind: telephone, imei: ["353456789012345"]}
  tool: {name: UFED}
  files: [{path: phone/backup.zip, md5: %X, sha1: %x}]
`, 7, m, s))
	check(t, err)
	return dir, c
}

// TestAcquisition sends what an examiner wrote, with what was recognised, and reads it
// at the recipient's.
func TestAcquisition(t *testing.T) {
	w := newCase(t)
	w.accept()
	dir, c := acquiredFolder(t)
	var out bytes.Buffer
	de := w.agent("de", func(c *agent.Config) { c.Out = &out })
	_, err := de.Send(t.Context(), w.connect("de", "lab-1"), w.request, dir, agent.SendOptions{Acquisition: c})
	check(t, err)
	if want := "recognised \"disk.001\": raw image, 2 segments\nwarning: image \"disk.001\": segment 2 is missing\n"; out.String() != want {
		t.Errorf("the sender was told %q, want %q", out.String(), want)
	}
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	want := []string{
		"acquisition data from J. de Vries, in acquisition.jsonld",
		"warning of the sender: image \"disk.001\": segment 2 is missing",
		"exhibit 2026-0412-03, hard disk serial WK30A1B2, with dc3dd 7.2.646",
		"telephone IMEI 353456789012345, with UFED",
		"\"disk.001\": raw image, 2 segments",
	}
	if got := strings.Join(list[0].Acquisition, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the recipient was told\n%s", got)
	}
	b, err := os.ReadFile(filepath.Join(list[0].Path, "acquisition.jsonld"))
	check(t, err)
	r, err := acquisition.Parse(b)
	check(t, err)
	if len(r.Files) != 3 || r.Files[2].Hashes.MD5 == "" || r.Files[2].Hashes.SHA1 == "" || r.Files[0].Size != 4096 ||
		r.Images[0].Media.MD5 != strings.Repeat("0", 31)+"7" || r.Acquisitions[0].Started.String() != "2026-03-04T09:12:00Z" {
		t.Errorf("the record says %+v", r)
	}
	info, err := os.ReadFile(filepath.Join(list[0].Path, "bag-info.txt"))
	check(t, err)
	for _, l := range []string{"Contact-Name: J. de Vries\n", "Internal-Sender-Identifier: LAB-2026-117\n", "Comity-Acquisition: exhibit 2026-0412-03, hard disk"} {
		if !strings.Contains(string(info), l) {
			t.Errorf("bag-info.txt has no %q:\n%s", l, info)
		}
	}
}

// TestAcquisitionRefused: what the examiner's file says wrong is found before the relay
// hears of a package.
func TestAcquisitionRefused(t *testing.T) {
	w := newCase(t)
	dir, good := acquiredFolder(t)
	phone := func(c *config.Acquisition) *config.AcquisitionFile { return &c.Acquisitions[1].Files[0] }
	for _, tt := range []struct {
		name, want string
		verify     bool
		change     func(*config.Acquisition)
	}{
		{"another MD5", "comparing \"phone/backup.zip\"", true, func(c *config.Acquisition) { phone(c).MD5 = strings.Repeat("0", 32) }},
		{"another SHA-1", "the examiner gives 00", true, func(c *config.Acquisition) { phone(c).SHA1 = strings.Repeat("0", 40) }},
		{"another SHA-256", "its hash is", true, func(c *config.Acquisition) { phone(c).SHA256 = strings.Repeat("0", 64) }},
		{"half a hash", "hexadecimal digits", false, func(c *config.Acquisition) { phone(c).MD5 = "00" }},
		{"no such file", "no file of this folder", false, func(c *config.Acquisition) { phone(c).Path = "phone/other.zip" }},
		{"a folder", "no file of this folder", false, func(c *config.Acquisition) { phone(c).Path = "phone" }},
		{"media of what is no image", "not the first segment", false, func(c *config.Acquisition) { phone(c).MediaMD5 = strings.Repeat("0", 32) }},
		{"a cursor in a name", "cannot be seen", false, func(c *config.Acquisition) { c.Examiner = "\x1b[2J" }},
		{"no device", "nothing is said of it", false, func(c *config.Acquisition) { c.Acquisitions[1].Device = config.AcquisitionDevice{} }},
	} {
		_, c := acquiredFolder(t)
		tt.change(c)
		s := w.connect("de", "lab-1")
		s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
			if r.Method != http.MethodGet {
				t.Errorf("%s: the relay was asked for %s %s", tt.name, r.Method, r.URL.Path)
			}
			return next(r)
		})
		_, err := w.agent("de").Send(t.Context(), s, w.request, dir, agent.SendOptions{Acquisition: c})
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, agent.ErrVerify) != tt.verify {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
	if list := w.packages("de"); len(list) != 0 {
		t.Errorf("the home keeps packages %q", list)
	}
	_, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, dir, agent.SendOptions{Acquisition: good})
	check(t, err)
}

// TestAcquisitionVerifier lets ewfverify read an image on the way.
func TestAcquisitionVerifier(t *testing.T) {
	programs := map[string]string{}
	for _, name := range []string{"ewfacquirestream", "ewfverify"} {
		programs[name] = need.Program(t, name)
	}
	media := bytes.Repeat([]byte("0123456789abcdef"), 3<<16)
	dir := t.TempDir()
	cmd := exec.Command(programs["ewfacquirestream"], "-q", "-c", "none", "-S", "1048576", "-t", filepath.Join(dir, "disk"))
	cmd.Stdin = bytes.NewReader(media)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := md5.Sum(media)
	load := func(sum string) *config.Acquisition {
		c, err := config.LoadAcquisition("a.yaml", []byte("examiner: e\nacquisitions: [{device: {kind: d}, tool: {name: ewfacquirestream}, files: [{path: disk.E01, media_md5: "+sum+"}]}]"))
		check(t, err)
		return c
	}
	w := newCase(t)
	w.accept()
	w.homes["de"].Config.Verifiers = []string{programs["ewfverify"]}
	de := w.agent("de")
	_, err := de.Send(t.Context(), w.connect("de", "lab-1"), w.request, dir, agent.SendOptions{Acquisition: load(strings.Repeat("0", 32))})
	if !errors.Is(err, agent.ErrVerify) || !strings.Contains(err.Error(), "the verifier computed "+hex.EncodeToString(m[:])) {
		t.Errorf("another hash of the media: %v", err)
	}
	_, err = de.Send(t.Context(), w.connect("de", "lab-1"), w.request, dir, agent.SendOptions{Acquisition: load(hex.EncodeToString(m[:]))})
	check(t, err)
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	check(t, err)
	b, err := os.ReadFile(filepath.Join(list[0].Path, "acquisition.jsonld"))
	check(t, err)
	r, err := acquisition.Parse(b)
	check(t, err)
	if len(r.Assertions) != 1 || r.Assertions[0].Exit != 0 || r.Assertions[0].Media.MD5 != hex.EncodeToString(m[:]) || len(r.Images[0].Findings) != 0 {
		t.Errorf("the record says %+v", r)
	}
}

// TestAcquisitionContradicted: a record that its sender made up is told to be one,
// where the bag shows it.
func TestAcquisitionContradicted(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	lines := ""
	for _, name := range []string{"100%.zip", "a.E01", "b.E01", "c.E01"} {
		check(t, os.WriteFile(filepath.Join(dir, "data", name), []byte(name), 0o600))
		lines += fmt.Sprintf("%x  data/%s\n", sha256.Sum256([]byte(name)), strings.Replace(name, "%", "%25", 1))
	}
	check(t, os.WriteFile(filepath.Join(dir, "manifest-sha256.txt"), []byte(lines), 0o600))
	file := func(name string, size int, of string) acquisition.File {
		return acquisition.File{Path: name, Size: int64(size), Hashes: acquisition.Hashes{SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(of)))}}
	}
	r := &acquisition.Record{Examiner: "e", Files: []acquisition.File{
		file("100%.zip", 8, "100%.zip"), file("a.E01", 5, "a.E01"), file("b.E01", 6, "b.E01"), file("c.E01", 5, "another"), file("d.E01", 5, "d.E01"),
	}, Acquisitions: []acquisition.Acquisition{{Device: acquisition.Device{Kind: "k"}, Tool: acquisition.Tool{Name: "t"}, Files: []string{"100%.zip", "a.E01", "b.E01", "c.E01", "d.E01"}}}}
	b, err := acquisition.Marshal(r)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "acquisition.jsonld"), b, 0o600))
	want := []string{
		"acquisition data from e, in acquisition.jsonld",
		"warning: it gives \"b.E01\" a size of 6 bytes, the file has 5",
		"warning: it gives \"c.E01\" another SHA-256 than the file has",
		"warning: it describes \"d.E01\", which is not in the package",
		"k, with t",
	}
	if got := agent.Acquired(dir); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("it says\n%s", strings.Join(got, "\n"))
	}
}

// TestAcquisitionUnreadable: a record that this version cannot read keeps nobody from
// the exhibits.
func TestAcquisitionUnreadable(t *testing.T) {
	dir := t.TempDir()
	if got := agent.Acquired(dir); got != nil {
		t.Errorf("of no record it says %q", got)
	}
	check(t, os.WriteFile(filepath.Join(dir, "acquisition.jsonld"), []byte("{\"@context\": \"https://example.org\"}"), 0o600))
	if got := agent.Acquired(dir); len(got) != 1 || !strings.Contains(got[0], "cannot be read here") {
		t.Errorf("it says %q", got)
	}
}
