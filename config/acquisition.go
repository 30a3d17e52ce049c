package config

import (
	"errors"
	"fmt"
	"path"
	"time"
)

// MaxAcquisitionFile is the largest acquisition.yaml, in bytes.
const MaxAcquisitionFile = 4 << 20

// Acquisition is acquisition.yaml, what an examiner says of how exhibits came to be,
// for `comity send --acquisition`. All of it goes to the recipients and nobody else.
type Acquisition struct {
	// Examiner is who answers for it. Required.
	Examiner string `yaml:"examiner"`

	// Laboratory is where it was done. Optional.
	Laboratory string `yaml:"laboratory"`

	// Case is the laboratory's own number of the case. Optional.
	Case string `yaml:"case"`

	// Acquisitions are the acts, one for each device that was read. Required.
	Acquisitions []AcquisitionAct `yaml:"acquisitions"`
}

// AcquisitionAct is one act: a device was read with a tool into files.
type AcquisitionAct struct {
	// Exhibit is the number under which the device was seized. Optional.
	Exhibit string `yaml:"exhibit"`

	// Device is what was read; one of its keys at least. Required.
	Device AcquisitionDevice `yaml:"device"`

	// Tool is the program, or the machine with one in it, that read it. Required.
	Tool AcquisitionTool `yaml:"tool"`

	// WriteBlocker is what kept the device from being written to. Optional.
	WriteBlocker *AcquisitionDevice `yaml:"write_blocker"`

	// Started and Ended are when, in RFC 3339 with seconds and zone, like
	// 2026-03-04T10:12:00+01:00. Optional.
	Started string `yaml:"started"`
	Ended   string `yaml:"ended"`

	// Place is where. Optional.
	Place string `yaml:"place"`

	// Notes may have several lines. Optional.
	Notes string `yaml:"notes"`

	// Files are what came of it. Required.
	Files []AcquisitionFile `yaml:"files"`
}

// AcquisitionDevice is a thing with a name plate. All keys are optional.
type AcquisitionDevice struct {
	// Kind is what it is, such as "hard disk" or "telephone".
	Kind string `yaml:"kind"`

	// Make, Model and Serial stand on its name plate.
	Make   string `yaml:"make"`
	Model  string `yaml:"model"`
	Serial string `yaml:"serial"`

	// IMEI is what a telephone calls itself, once for each of its cards.
	IMEI []string `yaml:"imei"`
}

// AcquisitionTool is a program.
type AcquisitionTool struct {
	// Name is what it is called. Required.
	Name string `yaml:"name"`

	// Version is which one. Optional.
	Version string `yaml:"version"`
}

// AcquisitionFile is one exhibit. Hashes are hexadecimal, in capitals or not.
type AcquisitionFile struct {
	// Path is where it stands below the folder that is sent, with slashes. Required.
	Path string `yaml:"path"`

	// MD5, SHA1 and SHA256 are hashes of this file. Nothing is sent if one of them
	// is not the file's. Optional.
	MD5    string `yaml:"md5"`
	SHA1   string `yaml:"sha1"`
	SHA256 string `yaml:"sha256"`

	// MediaMD5, MediaSHA1 and MediaSHA256 are hashes of what an image holds, as the
	// tool reported them; they stand at its first segment. They are compared if a
	// verifier of this machine reads the image (verifiers in comity.yaml). Optional.
	MediaMD5    string `yaml:"media_md5"`
	MediaSHA1   string `yaml:"media_sha1"`
	MediaSHA256 string `yaml:"media_sha256"`

	// Notes may have several lines. Optional.
	Notes string `yaml:"notes"`
}

// LoadAcquisition reads acquisition.yaml. The name is for messages. What the texts
// may hold is checked where they are sealed.
func LoadAcquisition(name string, data []byte) (*Acquisition, error) {
	if len(data) > MaxAcquisitionFile {
		return nil, fmt.Errorf("reading %q: %d bytes, at most %d are allowed", name, len(data), MaxAcquisitionFile)
	}
	c := &Acquisition{}
	if err := load(name, data, c); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("reading %q: %v", name, err)
	}
	return c, nil
}

func (c *Acquisition) check() error {
	if c.Examiner == "" {
		return errors.New("examiner is missing")
	}
	if len(c.Acquisitions) == 0 {
		return errors.New("acquisitions is missing")
	}
	seen := map[string]bool{}
	for i := range c.Acquisitions {
		a := &c.Acquisitions[i]
		if err := a.check(seen); err != nil {
			return fmt.Errorf("acquisition %d: %v", i+1, err)
		}
	}
	return nil
}

func (a *AcquisitionAct) check(seen map[string]bool) error {
	if a.Tool.Name == "" {
		return errors.New("tool: name is missing")
	}
	for _, key := range []struct{ name, value string }{{"started", a.Started}, {"ended", a.Ended}} {
		if _, err := time.Parse(time.RFC3339, key.value); key.value != "" && err != nil {
			return fmt.Errorf("%s %q is not a time like 2026-03-04T10:12:00+01:00", key.name, key.value)
		}
	}
	if len(a.Files) == 0 {
		return errors.New("files is missing")
	}
	for _, f := range a.Files {
		switch {
		case f.Path == "":
			return errors.New("files: path is missing")
		case path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "." || f.Path == ".." || len(f.Path) > 2 && f.Path[:3] == "../":
			return fmt.Errorf("files: path %q is not one below the folder that is sent", f.Path)
		case seen[f.Path]:
			return fmt.Errorf("files: path %q stands twice", f.Path)
		}
		seen[f.Path] = true
	}
	return nil
}

// StartedAt and EndedAt return when the act began and ended; zero if that is not said.
func (a *AcquisitionAct) StartedAt() time.Time { return moment(a.Started) }
func (a *AcquisitionAct) EndedAt() time.Time   { return moment(a.Ended) }

// moment parses what check has parsed before.
func moment(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t
}
