package config

import (
	"errors"
	"fmt"
)

// Agent is comity.yaml, the settings of one machine of an authority.
type Agent struct {
	// Authority is the name of the authority whose machine this is. Required.
	Authority string `yaml:"authority"`

	// Relay is the origin of the relay to use. If empty, the only relay that
	// `comity trust relay` pinned.
	Relay string `yaml:"relay"`

	// Transport is how to reach the relay: "auto" (QUIC, or TCP where UDP is
	// blocked), "h3" or "h2". If empty, auto.
	Transport string `yaml:"transport"`

	// Parallel is how many parts are in flight at once, 1 to 16. A part takes
	// 16 MiB of memory. If zero, 3.
	Parallel int `yaml:"parallel"`

	// Transfers is how many packages `comity agent run` sends at once, and how
	// many it fetches, 1 to 8. If zero, 2.
	Transfers int `yaml:"transfers"`

	// Outbox is what `comity agent run` sends. If missing, nothing.
	Outbox Outbox `yaml:"outbox"`

	// Inbox is what `comity agent run` fetches. If missing, nothing.
	Inbox Inbox `yaml:"inbox"`

	// WitnessPolicy is a file in the form of C2SP tlog-policy that says whose cosignatures
	// a checkpoint needs before a key leaves or a package is taken. If empty, one witness
	// of each authority of a request that lists witnesses in its directory.
	WitnessPolicy string `yaml:"witness_policy"`

	// Verifiers are absolute paths of programs that read forensic images before
	// they are sent with an acquisition file; ewfverify is the one that Comity
	// knows. Who can change such a program can do what this machine's agent can.
	// If empty, none is run.
	Verifiers []string `yaml:"verifiers"`
}

// LoadAgent reads an agent's settings. The name is for messages.
func LoadAgent(name string, data []byte) (*Agent, error) {
	c := &Agent{}
	if err := load(name, data, c); err != nil {
		return nil, err
	}
	switch c.Transport {
	case "":
		c.Transport = "auto"
	case "auto", "h3", "h2":
	default:
		return nil, fmt.Errorf("reading %q: transport %q is not auto, h3 or h2", name, c.Transport)
	}
	if c.Parallel == 0 {
		c.Parallel = 3
	}
	if c.Parallel < 1 || c.Parallel > 16 {
		return nil, fmt.Errorf("reading %q: parallel %d is not 1 to 16", name, c.Parallel)
	}
	if c.Authority == "" {
		return nil, fmt.Errorf("reading %q: authority is missing", name)
	}
	if c.Transfers == 0 {
		c.Transfers = 2
	}
	if c.Transfers < 1 || c.Transfers > 8 {
		return nil, fmt.Errorf("reading %q: transfers %d is not 1 to 8", name, c.Transfers)
	}
	if err := errors.Join(c.Outbox.check(), c.Inbox.check(), checkVerifiers(c.Verifiers)); err != nil {
		return nil, fmt.Errorf("reading %q: %v", name, err)
	}
	return c, nil
}

// AgentExample returns the file that init writes.
func AgentExample(authority string) string {
	return fmt.Sprintf(`# Settings of Comity on this machine. Nothing here needs a change for a first run.

# The authority whose machine this is.
authority: %s

# The origin of the relay to use. Empty: the only one that "comity trust relay" pinned.
relay: ""

# How to reach the relay: auto (QUIC, or TCP where UDP is blocked), h3 or h2.
transport: auto

# Parts in flight at once, 1 to 16. A part takes 16 MiB of memory.
parallel: 3

# Packages that "comity agent run" sends at once, and that it fetches, 1 to 8.
transfers: 2

# What "comity agent run" sends: each folder OUTBOX/REQUEST/NAME is a package.
outbox:
  # The folder to watch. Relative paths start here. Empty: nothing is sent by itself.
  folder: ""
  # For how long nothing in it may change before it is sent; NAME.ready starts it at once.
  settle: 1m
  # How often the folder is looked through.
  rescan: 5s

# What "comity agent run" fetches, into INBOX/REQUEST-ID/PACKAGE-ID.
inbox:
  # Where packages go. Relative paths start here. Empty: nothing is fetched by itself.
  folder: ""
  # Requests to fetch, by id or reference, and authorities to fetch from. Empty: all.
  requests: []
  authorities: []
  # How often all requests are looked at, beside the relay's own notices.
  poll: 10m

# A file (C2SP tlog-policy) that says whose cosignatures a checkpoint needs before a key
# leaves or a package is taken. Empty: of each authority of a request one witness, if it
# lists any in its directory.
witness_policy: ""

# Programs that read forensic images before they are sent with an acquisition file,
# like /usr/bin/ewfverify, the one that Comity knows. What they say is recorded.
verifiers: []
`, authority)
}
