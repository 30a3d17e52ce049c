package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"filippo.io/age"

	"comity.example/comity/crypto/seal"
)

// Gateway is gateway.yaml, the settings of a relay.
type Gateway struct {
	// Origin is the relay's name, a lower-case host name. It stands in every
	// statement and cannot change. Required.
	Origin string `yaml:"origin"`

	// Listen is the address to listen on, host:port, for UDP and TCP alike.
	// Port 0 takes a free one. Required.
	Listen string `yaml:"listen"`

	// RecoveryRecipient is the age recipient (age1pq1…) that copies of the
	// records in the store are sealed to. Its identity stays off the relay's
	// machine. Required.
	RecoveryRecipient string `yaml:"recovery_recipient"`

	// Data is the folder with keys, database and store; a relative path starts
	// at the folder of this file. If empty, the folder of this file.
	Data string `yaml:"data"`

	// LogFile is where the log goes, one JSON object a line; a relative path
	// starts at Data. If empty, standard error.
	LogFile string `yaml:"log_file"`

	// LogLevel is debug, info, warn or error. If empty, info.
	LogLevel string `yaml:"log_level"`

	// LockDays is how many days a deposited payload cannot be deleted by
	// anybody. If zero, 30.
	LockDays int `yaml:"lock_days"`

	// MaxRetentionDays is for how many days at most nobody can delete a payload because
	// the grant that it moved under says so. Nothing is taken under a grant that says more,
	// and more than lock_days. At most 3650; if zero, 400.
	MaxRetentionDays int `yaml:"max_retention_days"`

	// MaxConnections bounds the open connections of both transports together.
	// If zero, 1024.
	MaxConnections int `yaml:"max_connections"`

	// MemoryMiB bounds, in MiB, what the bodies and answers of all requests
	// together hold in memory. 128 to 1048576; if zero, 256.
	MemoryMiB int64 `yaml:"memory_mib"`

	// WindowsMiB bounds, in MiB, what all connections over QUIC together may have
	// under way beyond their first 192 KiB each. 32 to 1048576; if zero, 512.
	WindowsMiB int64 `yaml:"windows_mib"`

	// MinFreeMiB is the space in MiB below which nothing more is reserved. If
	// zero, 1024. A bucket does not tell its space.
	MinFreeMiB int64 `yaml:"min_free_mib"`

	// Policy is the operator's policy: a file, or a folder of files whose names end in
	// .cedar; a relative path starts at the folder of this file. The running relay reads
	// it again at SIGHUP. If empty, the relay carries all that the rules allow.
	Policy string `yaml:"policy"`

	// Timestamps are the time stamping authorities (RFC 3161) that stamp the log's
	// checkpoints, two at most, better of two States. Nothing waits for them. Optional.
	Timestamps []Timestamps `yaml:"timestamps"`

	// WitnessPolicy is a C2SP tlog-policy file that names the witnesses which are asked
	// to cosign the log, each with its URL, and how many of them are enough; a relative
	// path starts at the folder of this file. If empty, the log is unwitnessed.
	WitnessPolicy string `yaml:"witness_policy"`

	// Database is the PostgreSQL database that the records are kept in. If missing, the
	// SQLite file "relay.db" in Data.
	Database *Database `yaml:"database"`

	// S3 is the bucket that payloads, heads, the log and the copies of records
	// are kept in. If missing, the folder "store" in Data.
	S3 *S3 `yaml:"s3"`
}

// LoadGateway reads a relay's settings. The name is the path of the file, from
// which relative paths start.
func LoadGateway(name string, data []byte) (*Gateway, error) {
	c := &Gateway{}
	if err := load(name, data, c); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("reading %q: %v", name, err)
	}
	c.defaults(filepath.Dir(name))
	return c, nil
}

func (c *Gateway) check() error {
	if c.Origin == "" {
		return errors.New("origin is missing")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen %q is not host:port", c.Listen)
	}
	if _, err := seal.ParseRecipient(c.RecoveryRecipient); err != nil {
		return fmt.Errorf("recovery_recipient: %v", err)
	}
	switch c.LogLevel {
	case "", "debug", "info", "warn", "error":
	default:
		return fmt.Errorf("log_level %q is not debug, info, warn or error", c.LogLevel)
	}
	if c.LockDays < 0 || c.LockDays > 3650 {
		return fmt.Errorf("lock_days %d is not 0 to 3650", c.LockDays)
	}
	if c.MaxRetentionDays < 0 || c.MaxRetentionDays > 3650 {
		return fmt.Errorf("max_retention_days %d is not 0 to 3650", c.MaxRetentionDays)
	}
	if c.MaxConnections < 0 || c.MinFreeMiB < 0 || c.MinFreeMiB > 1<<30 {
		return errors.New("max_connections or min_free_mib is out of range")
	}
	if m := c.MemoryMiB; m != 0 && (m < 128 || m > 1<<20) {
		return fmt.Errorf("memory_mib %d is not 128 to 1048576: the largest statement takes 60 MiB", m)
	}
	if m := c.WindowsMiB; m != 0 && (m < 32 || m > 1<<20) {
		return fmt.Errorf("windows_mib %d is not 32 to 1048576: one fast connection takes 32", m)
	}
	if err := checkTimestamps(c.Timestamps); err != nil {
		return err
	}
	if c.Database != nil {
		if err := c.Database.Check(); err != nil {
			return err
		}
	}
	if c.S3 != nil {
		return c.S3.Check()
	}
	return nil
}

func (c *Gateway) defaults(folder string) {
	if c.Data == "" {
		c.Data = folder
	} else if !filepath.IsAbs(c.Data) {
		c.Data = filepath.Join(folder, c.Data)
	}
	if c.LogFile != "" && !filepath.IsAbs(c.LogFile) {
		c.LogFile = filepath.Join(c.Data, c.LogFile)
	}
	if c.Policy != "" && !filepath.IsAbs(c.Policy) {
		c.Policy = filepath.Join(folder, c.Policy)
	}
	if c.WitnessPolicy != "" && !filepath.IsAbs(c.WitnessPolicy) {
		c.WitnessPolicy = filepath.Join(folder, c.WitnessPolicy)
	}
	for i := range c.Timestamps {
		c.Timestamps[i].defaults(folder)
	}
	if c.Database != nil {
		c.Database.defaults(folder)
	}
	if c.S3 != nil {
		c.S3.defaults(folder)
	}
	if c.LogLevel == "" {
		c.LogLevel = "info"
	}
	if c.LockDays == 0 {
		c.LockDays = 30
	}
	if c.MaxRetentionDays == 0 {
		c.MaxRetentionDays = 400
	}
	if c.MinFreeMiB == 0 {
		c.MinFreeMiB = 1024
	}
	if c.MemoryMiB == 0 {
		c.MemoryMiB = 256
	}
	if c.WindowsMiB == 0 {
		c.WindowsMiB = 512
	}
}

// Recovery returns the recipient that copies of the records are sealed to.
func (c *Gateway) Recovery() (age.Recipient, error) { return seal.ParseRecipient(c.RecoveryRecipient) }

// Lock returns how long a deposited payload stays locked.
func (c *Gateway) Lock() time.Duration { return time.Duration(c.LockDays) * 24 * time.Hour }

// MaxRetention returns the longest that a payload is locked because a grant says so.
func (c *Gateway) MaxRetention() time.Duration {
	return time.Duration(c.MaxRetentionDays) * 24 * time.Hour
}

// MinFree returns, in bytes, the space below which nothing more is reserved.
func (c *Gateway) MinFree() int64 { return c.MinFreeMiB << 20 }

// Memory returns, in bytes, what all requests together may hold in memory.
func (c *Gateway) Memory() int64 { return c.MemoryMiB << 20 }

// Windows returns, in bytes, what all connections over QUIC together may have under
// way beyond their first windows.
func (c *Gateway) Windows() int64 { return c.WindowsMiB << 20 }

// GatewayExample returns the file that init writes. Without a database or s3, which may
// be nil, its section is there as a comment.
func GatewayExample(origin, listen, recovery string, database *Database, s3 *S3) string {
	return gatewayText(origin, listen, recovery) + databaseText(database) + s3Text(s3)
}

func gatewayText(origin, listen, recovery string) string {
	return fmt.Sprintf(`# Settings of this Comity relay. Keys, database and store are in the folder of this file.

# The relay's name. It stands in every statement and cannot change.
origin: %s

# Where to listen, host:port, for UDP and TCP alike. Port 0 takes a free one.
listen: %s

# Copies of the records in the store are sealed to this recipient. Whoever holds
# its identity, and the store, can rebuild the database: keep it off this machine.
recovery_recipient: %s

# The folder with keys, database and store. Empty: the folder of this file.
data: ""

# Where the log goes, one JSON object a line. Empty: standard error.
log_file: ""

# How much is logged: debug, info, warn or error.
log_level: info

# For how many days nobody can delete a deposited payload.
lock_days: 30

# For how many days at most nobody can delete it because its grant says so: what the
# authorities sign binds this disk, and cannot be undone. Nothing is taken under a grant
# that says more.
max_retention_days: 400

# Open connections at most. 0: 1024.
max_connections: 0

# Memory in MiB for the bodies and answers of all requests together. Who would need
# more waits for ten seconds, and is told to try again.
memory_mib: 256

# Memory in MiB for what all connections over QUIC together have under way. With
# less, uploads over long ways are slower.
windows_mib: 512

# Nothing more is reserved when less than this many MiB are free, in a folder.
min_free_mib: 1024

# The operator's policy: a file, or a folder of files *.cedar, that forbid what this
# relay does not carry although the rules allow it. Empty: it carries all that they
# allow. Try it first: comity-gateway policy test. SIGHUP reads it again.
policy: ""

# Time stamping authorities (RFC 3161), two at most, better of two States: they vouch
# for when the log was no shorter. Nothing waits for them. The roots are PEM
# certificates that you have from the authority itself.
timestamps: []
# - url: http://tsa.example/
#   roots: tsa-roots.pem
#   policy: ""              # an OID to ask for; empty: the authority's own
#   interval_minutes: 10    # if the log has grown; after a hand-over it is asked at once

# The witnesses that are asked to cosign the log: a tlog-policy file (C2SP) with the
# lines that "comity-witness show" prints, the witness's address behind each key, and a
# quorum. Only these addresses are ever called. Empty: nobody is asked, and every
# verdict says that the log is unwitnessed.
witness_policy: ""
`, origin, listen, recovery)
}
