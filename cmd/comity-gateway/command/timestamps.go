package command

import (
	"fmt"
	"os"

	"comity.example/comity/config"
	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/gateway"
)

// loadTimestamps reads the roots of the time stamping authorities.
func loadTimestamps(list []config.Timestamps) ([]gateway.Timestamps, error) {
	var out []gateway.Timestamps
	for _, c := range list {
		text, err := os.ReadFile(c.Roots)
		if err != nil {
			return nil, fmt.Errorf("reading the roots of time stamping authority %q: %v", c.URL, err)
		}
		roots, err := timestamp.ParseRoots(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", c.Roots, err)
		}
		out = append(out, gateway.Timestamps{URL: c.URL, Roots: roots, Policy: c.Policy, Interval: c.Interval()})
	}
	return out, nil
}
