package command

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"comity.example/comity/config"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/keyfile"
	"comity.example/comity/internal/witness"

	"github.com/spf13/cobra"
)

// The files of a data folder.
const (
	configFile    = "witness.yaml"
	enrolmentFile = "enrolment.json"
	lockFile      = "lock"
	stateFolder   = "state"

	cosignersKey = "cosigners" // two keys, Ed25519 and ML-DSA-44, in two lines
	identityKey  = "identity"  // hybrid; signs the enrolment and nothing else
)

func (a *app) keyPath(name string) string { return filepath.Join(a.data, "keys", name) }

func (a *app) initCommand() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use: "init ID --listen HOST:PORT --data DIR", Short: "make a new witness", Args: wantArgs(1),
		Long: `Make a new witness: its keys, its state, and a commented witness.yaml. Standard
output is its enrolment, for a registrar of its authority.

  comity-witness init nl/witness/1 --listen 127.0.0.1:4480 --data DIR > witness.enrol`,
		RunE: func(_ *cobra.Command, args []string) error { return a.init(args[0], listen) },
	}
	c.Flags().StringVar(&listen, "listen", "", "address to listen on, host:port, TCP")
	return c
}

// init writes witness.yaml last: a folder that has it is complete. If we crash
// before, the folder holds keys that nobody knows, and is deleted by hand.
func (a *app) init(name, listen string) error {
	id, err := custody.ParsePartyID(name)
	if err == nil && id.Role() != custody.RoleWitness {
		err = fmt.Errorf("%q is not the id of a witness: want AUTHORITY/witness/NAME", name)
	}
	if err != nil {
		return usageError{err}
	}
	if _, _, err := net.SplitHostPort(listen); err != nil || a.data == "" {
		return usageError{errors.New("init needs --listen HOST:PORT and --data")}
	}
	if err := durable.MkdirAll(filepath.Join(a.data, "keys"), 0o700); err != nil {
		return err
	}
	lock, err := durable.LockFile(filepath.Join(a.data, lockFile))
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if _, err := os.Lstat(filepath.Join(a.data, configFile)); err == nil {
		return fmt.Errorf("making witness in %q: there is one already", a.data)
	}
	envelope, err := a.makeKeys(id)
	if err != nil {
		return err
	}
	if err := witness.Init(filepath.Join(a.data, stateFolder)); err != nil {
		return err
	}
	if err := durable.WriteNew(filepath.Join(a.data, configFile), []byte(config.WitnessExample(name, listen)), 0o600); err != nil {
		return err
	}
	if _, err := a.stdout.Write(envelope); err != nil {
		return err
	}
	a.say("Witness %s is ready in %s. Its enrolment is above, for a registrar: comity directory add FILE", id, a.data)
	a.say("Add the relays: comity-witness log DESCRIPTOR --fingerprint FP. Then comity-witness serve.")
	return nil
}

// makeKeys makes and keeps the keys of a witness, and returns its enrolment.
func (a *app) makeKeys(id custody.PartyID) ([]byte, error) {
	e := custody.Enrolment{Authority: id.Authority(), ID: id, Issued: statement.At(a.now())}
	var secrets [2]string
	for i, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
		secret, _, err := translog.GenerateCosigner(string(id), alg)
		if err != nil {
			return nil, err
		}
		k, err := translog.ParseCosigner(secret)
		if err != nil {
			return nil, err
		}
		secrets[i] = secret
		e.Cosigners = append(e.Cosigners, custody.ProveCosigner(id, k))
	}
	hybrid := keys.Generate()
	envelope, err := custody.Enrol(e, hybrid)
	if err != nil {
		return nil, err
	}
	return envelope, errors.Join(
		keyfile.Save(a.keyPath(cosignersKey), cosignersKey, []byte(secrets[0]+"\n"+secrets[1]), nil),
		keyfile.Save(a.keyPath(identityKey), identityKey, []byte(base64.StdEncoding.EncodeToString(hybrid.Seed())), nil),
		durable.WriteNew(filepath.Join(a.data, enrolmentFile), envelope, 0o644))
}

func (a *app) logCommand() *cobra.Command {
	var fingerprint string
	c := &cobra.Command{
		Use: "log DESCRIPTOR --fingerprint FP", Short: "print a relay's entry for witness.yaml", Args: wantArgs(1),
		Long: `Verify a relay's descriptor, descriptor.json in the relay's data folder and its answer
to GET /v1/relay, against the fingerprint of the relay's root keys, and print its log's
entry for the list "logs" of witness.yaml.

  comity-witness log descriptor.json --fingerprint FP`,
		RunE: func(_ *cobra.Command, args []string) error { return a.log(args[0], fingerprint) },
	}
	c.Flags().StringVar(&fingerprint, "fingerprint", "", "of the relay's root keys, as its operator gives it")
	return c
}

func (a *app) log(name, fingerprint string) error {
	want, err := statement.ParseDigest(fingerprint)
	if err != nil {
		return usageError{fmt.Errorf("--fingerprint: %v", err)}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	s, err := custody.ParseStatement(b)
	if err != nil {
		return verifyError{err}
	}
	relay, ok := s.Body.(*custody.Relay)
	if !ok {
		return verifyError{fmt.Errorf("%q is a %s, not a relay's descriptor", name, s.Kind)}
	}
	if relay.Fingerprint() != want {
		return verifyError{fmt.Errorf("the descriptor of %q has the fingerprint %s, want %s", relay.By, relay.Fingerprint(), want)}
	}
	if err := custody.VerifyRelay(s); err != nil {
		return verifyError{err}
	}
	fmt.Fprint(a.stdout, config.WitnessLog{Key: relay.LogKey, MLDSAKey: relay.LogMLDSAKey}.Entry())
	a.say("This is the log of relay %s: put it below \"logs:\" in witness.yaml", relay.By)
	return nil
}
