package config

import (
	"fmt"
	"time"
)

// Outbox is the section outbox of comity.yaml: what `comity agent run` sends.
type Outbox struct {
	// Folder is watched for packages, each a folder OUTBOX/REQUEST/NAME. A relative
	// path starts at the state folder. If empty, nothing is sent by itself.
	Folder string `yaml:"folder"`

	// Settle is for how long nothing in a package's folder may change before it is
	// sent, 1s to 24h; a file NAME.ready beside it starts it at once. If zero, 1m.
	Settle time.Duration `yaml:"settle"`

	// Rescan is how often the folder is looked through, 100ms to 1h. If zero, 5s.
	Rescan time.Duration `yaml:"rescan"`
}

// Inbox is the section inbox of comity.yaml: what `comity agent run` fetches.
type Inbox struct {
	// Folder receives packages, each as INBOX/REQUEST-ID/PACKAGE-ID. A relative
	// path starts at the state folder. If empty, nothing is fetched by itself.
	Folder string `yaml:"folder"`

	// Requests are fetched and no others, by id or reference. If empty, all.
	Requests []string `yaml:"requests"`

	// Authorities are those whose packages are fetched. If empty, all.
	Authorities []string `yaml:"authorities"`

	// Poll is how often all requests are looked at anew, 1s to 24h, beside the
	// relay's own notices of what is new. If zero, 10m.
	Poll time.Duration `yaml:"poll"`
}

// bounds fills in a duration that is zero and refuses one out of its range.
func bounds(key string, d *time.Duration, zero, least, most time.Duration) error {
	if *d == 0 {
		*d = zero
	}
	if *d < least || *d > most {
		return fmt.Errorf("%s %s is not %s to %s", key, *d, least, most)
	}
	return nil
}

func (o *Outbox) check() error {
	if err := bounds("outbox: settle", &o.Settle, time.Minute, time.Second, 24*time.Hour); err != nil {
		return err
	}
	return bounds("outbox: rescan", &o.Rescan, 5*time.Second, 100*time.Millisecond, time.Hour)
}

func (i *Inbox) check() error {
	return bounds("inbox: poll", &i.Poll, 10*time.Minute, time.Second, 24*time.Hour)
}

// Package is NAME.yaml beside a package's folder in the outbox: what its sender
// says of it. All but Final, Supersedes and Priority is sealed to the recipients.
type Package struct {
	// Description says what the package is. Optional.
	Description string `yaml:"description"`

	// Examiner is who prepared it. Optional.
	Examiner string `yaml:"examiner"`

	// Handling is the handling codes that the two States agreed on. Optional.
	Handling []string `yaml:"handling"`

	// Final says that no delivery follows under this grant. It is sent after all
	// others of its request. Optional.
	Final bool `yaml:"final"`

	// Supersedes is the id of an earlier package of the request that this one
	// replaces, or four or more letters of it. Optional.
	Supersedes string `yaml:"supersedes"`

	// Priority is -100 to 100; the largest goes first. If zero, neither first nor last.
	Priority int `yaml:"priority"`
}

// LoadPackage reads what a sender says of a package. The name is for messages.
func LoadPackage(name string, data []byte) (*Package, error) {
	p := &Package{}
	if err := load(name, data, p); err != nil {
		return nil, err
	}
	if p.Priority < -100 || p.Priority > 100 {
		return nil, fmt.Errorf("reading %q: priority %d is not -100 to 100", name, p.Priority)
	}
	return p, nil
}
