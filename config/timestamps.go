package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"
)

// maxTimestamps is how many time stamping authorities a relay asks.
const maxTimestamps = 2

// Timestamps is an entry of the list timestamps of gateway.yaml: a time stamping
// authority.
type Timestamps struct {
	// URL is where it answers, http:// or https://. What it gets are hashes; that the
	// answer is its own, its signature shows. Required.
	URL string `yaml:"url"`

	// Roots is the file with the PEM certificates that its answers must lead to; a
	// relative path starts at the folder of gateway.yaml. Required.
	Roots string `yaml:"roots"`

	// Policy is the policy to ask for, an OID in dots. If empty, the authority's own.
	Policy string `yaml:"policy"`

	// IntervalMinutes is how often it is asked if the log has grown, 1 to 1440. After a
	// hand-over (an unlock, a release, a receipt) it is asked within half a minute. If
	// zero, 10.
	IntervalMinutes int `yaml:"interval_minutes"`
}

func checkTimestamps(list []Timestamps) error {
	if len(list) > maxTimestamps {
		return fmt.Errorf("timestamps: %d authorities, more than %d", len(list), maxTimestamps)
	}
	seen := map[string]bool{}
	for _, c := range list {
		if err := c.check(); err != nil {
			return fmt.Errorf("timestamps: %w", err)
		}
		if seen[c.URL] {
			return fmt.Errorf("timestamps: %q is there twice", c.URL)
		}
		seen[c.URL] = true
	}
	return nil
}

func (c *Timestamps) check() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "" {
		return errors.New("url is not http://HOST/PATH or https://HOST/PATH") // not repeated: it may hold a password by mistake
	}
	if c.Roots == "" {
		return fmt.Errorf("roots of %q are missing", c.URL)
	}
	if c.Policy != "" {
		if _, err := x509.ParseOID(c.Policy); err != nil {
			return fmt.Errorf("policy %q is not an object identifier like 1.3.6.1.4.1.99999.1", c.Policy)
		}
	}
	if c.IntervalMinutes < 0 || c.IntervalMinutes > 1440 {
		return fmt.Errorf("interval_minutes %d is not 1 to 1440", c.IntervalMinutes)
	}
	return nil
}

func (c *Timestamps) defaults(folder string) {
	if !filepath.IsAbs(c.Roots) {
		c.Roots = filepath.Join(folder, c.Roots)
	}
	if c.IntervalMinutes == 0 {
		c.IntervalMinutes = 10
	}
}

// Interval returns how often the authority is asked.
func (c *Timestamps) Interval() time.Duration { return time.Duration(c.IntervalMinutes) * time.Minute }
