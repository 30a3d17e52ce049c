// Package acquisition holds what an examiner says of how exhibits came to be: from
// which device, with which tool, by whom, with which hashes; beside it what Comity
// recognised, and what another program said of an image. It travels as
// acquisition.jsonld in the bag, sealed to the recipients like the exhibits.
//
// The file is JSON-LD 1.1 in the terms of CASE and UCO (the Cyber-investigation
// Analysis Standard Expression and the Unified Cyber Ontology), versions 1.3.0, with
// its context inside: who reads it fetches nothing. The same record gives the same
// bytes, and the reader takes no others. testdata/terms.txt lists the terms used.
//
// The package refuses to judge. It computes no hash, runs nothing and has no clock:
// all that is in a record is somebody's word, the examiner's, or that of a program
// whose own hash stands beside it. It takes no field that it does not know, no text
// that moves a terminal's cursor, and no record above its limits.
package acquisition

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"comity.example/comity/crypto/statement"
)

// What a record may hold. The bounds keep the longest one below what a bag carries.
const (
	MaxAcquisitions = 64
	MaxFiles        = 5000
	MaxFindings     = 20   // of one image
	MaxLine         = 100  // bytes of a short text: a name, a serial number
	MaxNotes        = 1000 // bytes of notes, which may have several lines
	MaxPath         = 1000 // bytes of a path
)

// Record is one acquisition.jsonld.
type Record struct {
	Examiner     string        `json:"examiner"`             // who answers for it
	Laboratory   string        `json:"laboratory,omitempty"` // where
	Case         string        `json:"case,omitempty"`       // the laboratory's own number
	Acquisitions []Acquisition `json:"acquisitions"`         // at least one
	Files        []File        `json:"files"`                // all that the others name, by path
	Images       []Image       `json:"images,omitempty"`
	Assertions   []Assertion   `json:"assertions,omitempty"`
}

// Acquisition is one act: a device was read with a tool into files.
type Acquisition struct {
	Exhibit      string         `json:"exhibit,omitempty"` // the number under which the device was seized
	Device       Device         `json:"device"`
	Tool         Tool           `json:"tool"`
	WriteBlocker *Device        `json:"write_blocker,omitempty"`
	Started      statement.Time `json:"started,omitzero"`
	Ended        statement.Time `json:"ended,omitzero"`
	Place        string         `json:"place,omitempty"`
	Notes        string         `json:"notes,omitempty"`
	Files        []string       `json:"files"` // paths below data/, ascending, at least one
}

// Device is a thing with a name plate. One field at least is there.
type Device struct {
	Kind   string   `json:"kind,omitempty"` // "hard disk", "telephone" …
	Make   string   `json:"make,omitempty"`
	Model  string   `json:"model,omitempty"`
	Serial string   `json:"serial,omitempty"`
	IMEI   []string `json:"imei,omitempty"`
}

// Tool is a program, or a machine with one in it.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// Hashes are lower-case hexadecimal; empty where none is known. MD5 and SHA-1 say
// that a file is the one that a tool wrote, not that nobody made another like it.
type Hashes struct {
	MD5    string `json:"md5,omitempty"`
	SHA1   string `json:"sha1,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// File is an exhibit.
type File struct {
	Path   string `json:"path"` // below data/
	Size   int64  `json:"size"` // bytes
	Hashes Hashes `json:"hashes,omitzero"`
	Notes  string `json:"notes,omitempty"`
}

// Image is a forensic image that Comity recognised by name and first bytes.
type Image struct {
	Format   string   `json:"format"`             // "EWF", "EWF2", "AFF4", "raw" …
	Segments []string `json:"segments"`           // paths, in their order, at least one
	Media    Hashes   `json:"media,omitzero"`     // of what the image holds, given by the examiner
	Findings []string `json:"findings,omitempty"` // what seems wrong with it, "segment 2 is missing"
}

// Assertion is what a program said of an image on the sender's machine. It proves
// nothing: it is recorded so that others can ask, or run the program themselves.
type Assertion struct {
	Segment string           `json:"segment"` // first of the image
	Program string           `json:"program"` // its name and the version it printed
	SHA256  statement.Digest `json:"sha256"`  // of the program's file
	Exit    int64            `json:"exit"`    // status with which it ended; -1: it was stopped
	Media   Hashes           `json:"media,omitzero"`
}

// IsZero reports whether no hash is known.
func (h Hashes) IsZero() bool { return h == Hashes{} }

// Check says what is wrong with the record; nil if [Marshal] takes it.
func (r *Record) Check() error {
	if err := check("examiner", r.Examiner, MaxLine, true); err != nil {
		return err
	}
	if err := check("laboratory", r.Laboratory, MaxLine, false); err != nil {
		return err
	}
	if err := check("case", r.Case, MaxLine, false); err != nil {
		return err
	}
	if n := len(r.Acquisitions); n < 1 || n > MaxAcquisitions {
		return fmt.Errorf("%d acquisitions, must be 1 to %d", n, MaxAcquisitions)
	}
	if len(r.Files) > MaxFiles {
		return fmt.Errorf("%d files, at most %d are allowed", len(r.Files), MaxFiles)
	}
	named, err := r.checkParts()
	if err != nil {
		return err
	}
	for i := range r.Files {
		f := &r.Files[i]
		if i > 0 && f.Path <= r.Files[i-1].Path {
			return fmt.Errorf("file %q stands twice or out of order", f.Path)
		}
		if !named[f.Path] {
			return fmt.Errorf("file %q belongs to no acquisition and no image", f.Path)
		}
		if err := f.check(); err != nil {
			return fmt.Errorf("file %q: %w", f.Path, err)
		}
		delete(named, f.Path)
	}
	for path := range named {
		return fmt.Errorf("file %q is named and not described", path)
	}
	return nil
}

// checkParts checks what names files, and returns their paths.
func (r *Record) checkParts() (map[string]bool, error) {
	named, first := map[string]bool{}, map[string]bool{}
	for i := range r.Acquisitions {
		a := &r.Acquisitions[i]
		if err := a.check(named); err != nil {
			return nil, fmt.Errorf("acquisition %d: %w", i+1, err)
		}
	}
	segments := map[string]bool{}
	for i := range r.Images {
		m := &r.Images[i]
		if err := m.check(segments); err != nil {
			return nil, fmt.Errorf("image %d: %w", i+1, err)
		}
		first[m.Segments[0]] = true
	}
	for i := range r.Assertions {
		a := &r.Assertions[i]
		if !first[a.Segment] {
			return nil, fmt.Errorf("assertion %d: %q is not the first segment of an image", i+1, a.Segment)
		}
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("assertion %d: %w", i+1, err)
		}
	}
	for path := range segments {
		named[path] = true
	}
	return named, nil
}

func (a *Acquisition) check(named map[string]bool) error {
	if err := a.Device.check(); err != nil {
		return fmt.Errorf("source device: %w", err)
	}
	if a.WriteBlocker != nil {
		if err := a.WriteBlocker.check(); err != nil {
			return fmt.Errorf("write blocker: %w", err)
		}
	}
	if !a.Started.IsZero() && !a.Ended.IsZero() && a.Ended.Time().Before(a.Started.Time()) {
		return fmt.Errorf("it ended at %s, before it started at %s", a.Ended, a.Started)
	}
	for _, err := range []error{
		check("exhibit", a.Exhibit, MaxLine, false), check("tool", a.Tool.Name, MaxLine, true),
		check("tool version", a.Tool.Version, MaxLine, false), check("place", a.Place, MaxLine, false), checkNotes(a.Notes),
	} {
		if err != nil {
			return err
		}
	}
	if len(a.Files) == 0 || !slices.IsSorted(a.Files) {
		return fmt.Errorf("its %d files are none or out of order", len(a.Files))
	}
	for _, path := range a.Files {
		if named[path] {
			return fmt.Errorf("file %q stands in two places", path)
		}
		named[path] = true
	}
	return nil
}

func (d *Device) check() error {
	if d.Kind+d.Make+d.Model+d.Serial == "" && len(d.IMEI) == 0 {
		return fmt.Errorf("nothing is said of it")
	}
	for name, s := range map[string]string{"kind": d.Kind, "make": d.Make, "model": d.Model, "serial": d.Serial} {
		if err := check(name, s, MaxLine, false); err != nil {
			return err
		}
	}
	if len(d.IMEI) > 4 {
		return fmt.Errorf("%d IMEIs, at most 4 are allowed", len(d.IMEI))
	}
	for _, s := range d.IMEI {
		if strings.Trim(s, "0123456789") != "" || len(s) < 14 || len(s) > 16 {
			return fmt.Errorf("imei %q does not have 14 to 16 digits", s)
		}
	}
	return nil
}

func (f *File) check() error {
	if err := check("path", f.Path, MaxPath, true); err != nil {
		return err
	}
	if f.Size < 0 || f.Size > 1<<53-1 { // what every JSON reader holds exactly
		return fmt.Errorf("size %d is not possible", f.Size)
	}
	if err := checkNotes(f.Notes); err != nil {
		return err
	}
	return f.Hashes.check()
}

func (m *Image) check(segments map[string]bool) error {
	if err := check("format", m.Format, MaxLine, true); err != nil {
		return err
	}
	if len(m.Segments) == 0 || len(m.Findings) > MaxFindings {
		return fmt.Errorf("%d segments and %d findings, must be at least 1 and at most %d", len(m.Segments), len(m.Findings), MaxFindings)
	}
	for _, path := range m.Segments {
		if segments[path] {
			return fmt.Errorf("segment %q stands twice", path)
		}
		segments[path] = true
	}
	for _, s := range m.Findings {
		if err := check("finding", s, MaxNotes, true); err != nil {
			return err
		}
	}
	return m.Media.check()
}

func (a *Assertion) check() error {
	if a.SHA256.IsZero() || a.Exit < -1 || a.Exit > 1<<32 {
		return fmt.Errorf("the program has no hash or ended with the impossible status %d", a.Exit)
	}
	if err := check("program", a.Program, MaxNotes, true); err != nil {
		return err
	}
	return a.Media.check()
}

func (h Hashes) check() error {
	for name, s := range h.each() {
		if len(s) != 2*hashBytes[name] || strings.ToLower(s) != s {
			return fmt.Errorf("%s %q does not have %d lower-case hexadecimal digits", name, s, 2*hashBytes[name])
		}
		if _, err := hex.DecodeString(s); err != nil {
			return fmt.Errorf("%s %q: %w", name, s, err)
		}
	}
	return nil
}

// check says what is wrong with a short text. Nothing in it moves a terminal's
// cursor or breaks a line of bag-info.txt.
func check(name, s string, most int, required bool) error {
	switch {
	case s == "" && required:
		return fmt.Errorf("%s is missing", name)
	case len(s) > most:
		return fmt.Errorf("%s has %d bytes, at most %d are allowed", name, len(s), most)
	case !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError):
		return fmt.Errorf("%s %q is not valid UTF-8", name, s)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("%s %q starts or ends with white space", name, s)
	case strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == 0x2028 || c == 0x2029
	}):
		return fmt.Errorf("%s %q holds a character that cannot be seen", name, s)
	}
	return nil
}

// checkNotes is check for a text that may have lines.
func checkNotes(s string) error {
	return check("notes", strings.ReplaceAll(s, "\n", " "), MaxNotes, false)
}
