package command

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"comity.example/comity/config"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/keyfile"

	"github.com/spf13/cobra"
)

// The files of a data folder, beside the keys.
const (
	configFile     = "gateway.yaml"
	descriptorFile = "descriptor.json"
	lockFile       = "lock"
	databaseFile   = "relay.db"
	storeFolder    = "store"
	recoveryFile   = "identity.txt" // in the folder "recovery"
)

func (a *app) initCommand() *cobra.Command {
	var origin, listen string
	var addresses []string
	var bucket config.S3
	var server config.Database
	c := &cobra.Command{
		Use: "init --origin NAME --listen HOST:PORT --data DIR", Short: "make a new relay", Args: noArgs,
		Long: `Make a new relay: its keys, its signed descriptor, and a commented gateway.yaml.
Standard output is the fingerprint by which authorities pin the relay.

  comity-gateway init --origin relay.example --listen 0.0.0.0:4433 \
      --address relay.example:4433 --data /var/lib/comity`,
	}
	c.Flags().StringVar(&origin, "origin", "", "the relay's name, like relay.example; it cannot change")
	c.Flags().StringVar(&listen, "listen", "", "address to listen on, host:port, UDP and TCP")
	c.Flags().StringArrayVar(&addresses, "address", nil, "address that agents dial, host:port (default: the one to listen on)")
	databaseFlags(c, &server)
	bucketFlags(c, &bucket)
	c.RunE = func(*cobra.Command, []string) error {
		if a.data == "" || origin == "" || listen == "" {
			return usageError{errors.New("init needs --origin, --listen and --data")}
		}
		if err := custody.CheckOrigin(origin); err != nil {
			return usageError{err}
		}
		if len(addresses) == 0 {
			addresses = []string{listen}
		}
		if err := checkAddresses(listen, addresses); err != nil {
			return usageError{err}
		}
		s3, err := named(bucket)
		if err != nil {
			return usageError{err}
		}
		database, err := namedDatabase(server)
		if err != nil {
			return usageError{err}
		}
		return a.init(origin, listen, addresses, database, s3)
	}
	return c
}

// bucketFlags are the flags that fill the section s3 of gateway.yaml.
func bucketFlags(c *cobra.Command, b *config.S3) {
	f := c.Flags()
	f.StringVar(&b.Endpoint, "s3-endpoint", "", "keep objects in a bucket at https://HOST[:PORT], not in a folder")
	f.StringVar(&b.Bucket, "s3-bucket", "", "its name; made, with Object Lock, if missing")
	f.StringVar(&b.Region, "s3-region", "us-east-1", "its region")
	f.StringVar(&b.AccessKeyFile, "s3-access-file", "", "file with the access key")
	f.StringVar(&b.SecretKeyFile, "s3-secret-file", "", "file with the secret key")
	f.StringVar(&b.CAFile, "s3-ca-file", "", "PEM file with the server's certificates (default: the system's)")
}

// named returns the bucket that the flags name, its files by full paths, or nil
// for none.
func named(b config.S3) (*config.S3, error) {
	if b.Endpoint+b.Bucket+b.AccessKeyFile+b.SecretKeyFile+b.CAFile == "" {
		return nil, nil
	}
	if err := b.Check(); err != nil {
		return nil, err
	}
	return &b, full(&b.AccessKeyFile, &b.SecretKeyFile, &b.CAFile)
}

// databaseFlags are the flags that fill the section database of gateway.yaml.
func databaseFlags(c *cobra.Command, d *config.Database) {
	f := c.Flags()
	f.StringVar(&d.Host, "db-host", "", "records in PostgreSQL, at this socket folder or host")
	f.IntVar(&d.Port, "db-port", 5432, "its port")
	f.StringVar(&d.Name, "db-name", "", "the database, which is this relay's alone")
	f.StringVar(&d.User, "db-user", "", "the relay's user")
	f.StringVar(&d.PasswordFile, "db-secret-file", "", "file with its password (default: none, as over a socket)")
	f.StringVar(&d.CAFile, "db-ca-file", "", "PEM file with the server's certificates (default: the system's)")
}

// namedDatabase returns the database that the flags name, its files by full paths, or
// nil for none.
func namedDatabase(d config.Database) (*config.Database, error) {
	if d.Host+d.Name+d.User+d.PasswordFile+d.CAFile == "" {
		return nil, nil
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	return &d, full(&d.PasswordFile, &d.CAFile)
}

// full makes paths absolute, where there is one.
func full(paths ...*string) error {
	for _, p := range paths {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	return nil
}

// checkAddresses refuses what no agent could dial.
func checkAddresses(listen string, addresses []string) error {
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return fmt.Errorf("--listen %q is not host:port", listen)
	}
	for _, s := range addresses {
		host, port, err := net.SplitHostPort(s)
		if ip := net.ParseIP(host); err != nil || host == "" || port == "" || port == "0" || ip != nil && ip.IsUnspecified() {
			return fmt.Errorf("address %q cannot be dialled: name one with --address HOST:PORT", s)
		}
	}
	return nil
}

// init writes gateway.yaml last: a folder that has it is complete. If we crash
// before, the folder holds keys that nobody knows, and is deleted by hand.
func (a *app) init(origin, listen string, addresses []string, database *config.Database, s3 *config.S3) error {
	for _, dir := range []string{"keys", "recovery"} {
		if err := durable.MkdirAll(filepath.Join(a.data, dir), 0o700); err != nil {
			return err
		}
	}
	lock, err := durable.LockFile(filepath.Join(a.data, lockFile))
	if err != nil {
		return err
	}
	defer lock.Unlock()
	file := filepath.Join(a.data, configFile)
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return hinted{fmt.Errorf("making relay in %q: there is one already", a.data), "choose another --data"}
	}
	root, err := a.makeKeys(origin, addresses)
	if err != nil {
		return err
	}
	recovery, err := a.makeRecovery()
	if err != nil {
		return err
	}
	if err := durable.WriteNew(file, []byte(config.GatewayExample(origin, listen, recovery, database, s3)), 0o600); err != nil {
		return err
	}
	a.print("%s", root)
	a.say("Relay %s is ready in %s. Its fingerprint is above; each authority pins it:", origin, a.data)
	a.say("  comity trust relay %s %s", origin, root)
	a.say("Move %s off this machine now: with it and the store the records can be rebuilt,", filepath.Join(a.data, "recovery"))
	a.say("and read, without this machine. Move %s off as well: only a new descriptor needs it.", keyPath(a.data, rootKey))
	a.say("Then pin the authorities (comity-gateway trust NAME FINGERPRINT) and run it (comity-gateway run).")
	return nil
}

// makeKeys makes all keys and the descriptor that names them, signed by the root,
// and returns the root's fingerprint.
func (a *app) makeKeys(origin string, addresses []string) (fp custody.Digest, err error) {
	root, relay := keys.Generate(), keys.Generate()
	log, logPublic, err := translog.GenerateLog(origin)
	if err != nil {
		return fp, err
	}
	edKey, mlKey := logPublic.Strings()
	tlsText, spki, err := newTLS()
	if err != nil {
		return fp, err
	}
	b := &custody.Relay{
		Header:  custody.Header{Relay: origin, By: origin, Issued: statement.At(a.now())},
		Version: 1, RootThreshold: 1, RootKeys: []string{root.Public().String()},
		Key: relay.Public().String(), LogKey: edKey, LogMLDSAKey: mlKey, TLS: []custody.Digest{spki}, Addresses: addresses,
	}
	s, err := custody.Sign(b, root)
	if err != nil {
		return fp, err
	}
	err = errors.Join(
		saveHybrid(keyPath(a.data, rootKey), rootKey, root),
		saveHybrid(keyPath(a.data, relayKey), relayKey, relay),
		keyfile.Save(keyPath(a.data, logKey), logKey, []byte(log), nil),
		keyfile.Save(keyPath(a.data, tlsKey), tlsKey, tlsText, nil),
	)
	if err != nil {
		return fp, err
	}
	return b.Fingerprint(), durable.WriteNew(filepath.Join(a.data, descriptorFile), s.Envelope, 0o644)
}

// makeRecovery makes the identity that copies of the records are sealed to, and
// returns its recipient.
func (a *app) makeRecovery() (recipient string, err error) {
	identity, recipient, err := seal.GenerateIdentity()
	if err != nil {
		return "", err
	}
	return recipient, keyfile.Save(filepath.Join(a.data, "recovery", recoveryFile), "recovery", []byte(identity), nil)
}
