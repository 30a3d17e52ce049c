package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
)

// S3 is the section s3 of gateway.yaml: a bucket with Object Lock.
type S3 struct {
	// Endpoint is https://HOST or https://HOST:PORT; http:// is accepted for the
	// loopback only. Required.
	Endpoint string `yaml:"endpoint"`

	// Bucket is made, with versions and Object Lock, if it is missing; one that
	// lacks them is refused. Required.
	Bucket string `yaml:"bucket"`

	// Prefix comes before every key and ends with a slash, for relays that share
	// a bucket. Optional.
	Prefix string `yaml:"prefix"`

	// Region is the region that requests are signed for. If empty, us-east-1.
	Region string `yaml:"region"`

	// AccessKeyFile and SecretKeyFile are the files with the two halves of the
	// credential, one line each, readable by the relay only; a relative path
	// starts at the folder of gateway.yaml. The credential should lack the right
	// s3:BypassGovernanceRetention. Required.
	AccessKeyFile string `yaml:"access_key_file"`
	SecretKeyFile string `yaml:"secret_key_file"`

	// DestroyAccessKeyFile and DestroySecretKeyFile are likewise the credential
	// that has the right s3:BypassGovernanceRetention. With it the relay deletes
	// the head of a package at once when its sender recalls it; without it, when
	// the lock ends, and hands it out to nobody meanwhile. Both, or neither.
	DestroyAccessKeyFile string `yaml:"destroy_access_key_file"`
	DestroySecretKeyFile string `yaml:"destroy_secret_key_file"`

	// CAFile has the PEM certificates that the server's must lead to, which can
	// be the server's own; relative like the others. If empty, the system's.
	CAFile string `yaml:"ca_file"`

	// PathStyle puts the bucket in the path of URLs also on servers that are
	// known to want it in the host name, like AWS. Optional.
	PathStyle bool `yaml:"path_style"`
}

// Check says what is missing or cannot be.
func (c *S3) Check() error {
	for _, f := range []struct{ key, value string }{
		{"endpoint", c.Endpoint}, {"bucket", c.Bucket}, {"access_key_file", c.AccessKeyFile}, {"secret_key_file", c.SecretKeyFile},
	} {
		if f.value == "" {
			return fmt.Errorf("s3: %s is missing", f.key)
		}
	}
	if (c.DestroyAccessKeyFile == "") != (c.DestroySecretKeyFile == "") {
		return errors.New("s3: one of destroy_access_key_file and destroy_secret_key_file is missing")
	}
	if c.Prefix != "" && (!strings.HasSuffix(c.Prefix, "/") || strings.HasPrefix(c.Prefix, "/")) {
		return fmt.Errorf("s3: prefix %q does not end with a slash, or begins with one", c.Prefix)
	}
	return checkEndpoint(c.Endpoint)
}

// checkEndpoint does not repeat what it was given: it may hold a password by
// mistake.
func checkEndpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("s3: endpoint is not https://HOST or https://HOST:PORT")
	}
	ip := net.ParseIP(u.Hostname())
	if loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return errors.New("s3: endpoint is not https")
	}
	return nil
}

func (c *S3) defaults(folder string) {
	for _, p := range []*string{&c.AccessKeyFile, &c.SecretKeyFile, &c.DestroyAccessKeyFile, &c.DestroySecretKeyFile, &c.CAFile} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
}

// s3Text is the section of the file that init writes.
func s3Text(c *S3) string {
	mark := ""
	if c == nil {
		mark = "# "
		c = &S3{
			Endpoint: "https://s3.example", Bucket: "comity", Region: "us-east-1",
			AccessKeyFile: "keys/s3-access", SecretKeyFile: "keys/s3-secret",
		}
	}
	head := `
# Keep payloads and log in a bucket of an S3-compatible server instead of the folder
# "store". The bucket is made, with versions and Object Lock, if it is missing. Keys
# are in files, one line each; the credential should lack the right
# s3:BypassGovernanceRetention. "comity-gateway check" says what the server enforces.
# A credential that has the right, in the files destroy_…, lets the relay delete the
# head of a recalled package at once; without it the head stays until its lock ends,
# and nobody gets it.
# The certificates in ca_file, if named, are the only ones that the server may have.
`
	lines := []string{
		"s3:", fmt.Sprintf("  endpoint: %q", c.Endpoint), fmt.Sprintf("  bucket: %q", c.Bucket), fmt.Sprintf("  prefix: %q", c.Prefix),
		fmt.Sprintf("  region: %q", c.Region), fmt.Sprintf("  access_key_file: %q", c.AccessKeyFile),
		fmt.Sprintf("  secret_key_file: %q", c.SecretKeyFile),
		fmt.Sprintf("  destroy_access_key_file: %q", c.DestroyAccessKeyFile), fmt.Sprintf("  destroy_secret_key_file: %q", c.DestroySecretKeyFile), fmt.Sprintf("  ca_file: %q", c.CAFile), fmt.Sprintf("  path_style: %v", c.PathStyle),
	}
	return head + mark + strings.Join(lines, "\n"+mark) + "\n"
}
