package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"comity.example/comity/config"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/keyfile"
	"comity.example/comity/internal/witness"

	"github.com/spf13/cobra"
	"golang.org/x/net/netutil"
)

// maxConnections bounds the open connections: a relay needs one.
const maxConnections = 256

// opened is a data folder.
type opened struct {
	cfg  *config.Witness
	keys []*translog.Cosigner
	lock *durable.Lock
}

// open reads the settings and keys of the data folder.
func (a *app) open() (*opened, error) {
	if a.data == "" {
		return nil, usageError{errors.New("--data is missing: the folder that init made")}
	}
	file := filepath.Join(a.data, configFile)
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	o := &opened{}
	if o.cfg, err = config.LoadWitness(file, b); err != nil {
		return nil, err
	}
	a.data = o.cfg.Data
	text, err := keyfile.Load(a.keyPath(cosignersKey), cosignersKey, nil)
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		k, err := translog.ParseCosigner(line)
		if err != nil {
			return nil, err
		}
		if k.Key().Name() != o.cfg.Name {
			return nil, fmt.Errorf("the keys are of %q, and witness.yaml is of %q", k.Key().Name(), o.cfg.Name)
		}
		o.keys = append(o.keys, k)
	}
	return o, nil
}

// locked opens the data folder and takes its lock.
func (a *app) locked() (*opened, error) {
	o, err := a.open()
	if err != nil {
		return nil, err
	}
	o.lock, err = durable.LockFile(filepath.Join(a.data, lockFile))
	return o, err
}

func (o *opened) logs() (list []witness.Log, err error) {
	for _, l := range o.cfg.Logs {
		key, foreign, err := l.Keys()
		if err != nil {
			return nil, err
		}
		list = append(list, witness.Log{Key: key, Foreign: foreign})
	}
	return list, nil
}

func (a *app) witness(o *opened, logger *slog.Logger) (*witness.Witness, error) {
	logs, err := o.logs()
	if err != nil {
		return nil, err
	}
	return witness.New(&witness.Config{State: filepath.Join(a.data, stateFolder), Logs: logs, Cosigners: o.keys, Now: a.now, Logger: logger})
}

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "run the witness until it is interrupted", Args: wantArgs(0),
		Long: `Run the witness. One line on standard output says where it listens; the log is JSON
on standard error. It answers POST /add-checkpoint (C2SP tlog-witness) and nothing else.

  comity-witness serve --data /var/lib/comity-witness`,
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c.Context()) },
	}
}

func (a *app) serve(ctx context.Context) error {
	o, err := a.locked()
	if err != nil {
		return err
	}
	defer o.lock.Unlock()
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.cfg.LogLevel)); err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: level}))
	w, err := a.witness(o, logger)
	if err != nil {
		return err
	}
	l, err := listen(o.cfg)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: w, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: 15 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	a.print("%s listens on %s", o.cfg.Name, l.Addr())
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		srv.Shutdown(end)
	})
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func listen(c *config.Witness) (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	l = netutil.LimitListener(l, maxConnections)
	if c.TLSCertificateFile == "" {
		return l, nil
	}
	cert, err := tls.LoadX509KeyPair(c.TLSCertificateFile, c.TLSKeyFile)
	if err != nil {
		l.Close()
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}), nil
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "print its keys, its logs, and the lines of a witness policy", Args: wantArgs(0),
		Long: `Print the witness's keys, as the lines of a C2SP tlog-policy file that a relay's
operator uses (append the address to both witness lines), and the size of the newest
tree of each log that it has cosigned.`,
		RunE: func(*cobra.Command, []string) error { return a.show() },
	}
}

func (a *app) show() error {
	o, err := a.open()
	if err != nil {
		return err
	}
	w, err := a.witness(o, nil)
	if err != nil {
		return err
	}
	a.print("witness %[1]s/ed25519 %[2]s\nwitness %[1]s/ml-dsa-44 %[3]s\ngroup %[1]s all %[1]s/ed25519 %[1]s/ml-dsa-44", o.cfg.Name, o.keys[0].Key(), o.keys[len(o.keys)-1].Key())
	sizes := w.Sizes()
	for _, origin := range slices.Sorted(maps.Keys(sizes)) {
		a.print("# log %s: cosigned up to size %d", origin, sizes[origin])
	}
	return nil
}

func (a *app) catchupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "catchup FILE", Short: "move a restored state forward to what was cosigned", Args: wantArgs(1),
		Long: `After the state was restored from a copy the witness is behind what it has cosigned
since, and would not see a fork that begins there. Take the newest cosigned note of
each relay (GET /log/cosigned, or from any party) and give it here: only a note that
this witness has signed itself, with both keys, moves its state forward.

  comity-witness catchup note.txt --data DIR`,
		RunE: func(_ *cobra.Command, args []string) error { return a.catchUp(args[0]) },
	}
}

func (a *app) catchUp(name string) error {
	o, err := a.locked()
	if err != nil {
		return err
	}
	defer o.lock.Unlock()
	msg, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	logs, err := o.logs()
	if err != nil {
		return err
	}
	origin, _, _ := strings.Cut(string(msg), "\n")
	var own []*translog.CosignerKey
	for _, k := range o.keys {
		own = append(own, k.Key())
	}
	for _, l := range logs {
		if l.Key == nil || l.Key.Origin() != origin {
			continue
		}
		from, to, err := witness.CatchUp(filepath.Join(a.data, stateFolder), l, msg, own...)
		if err != nil {
			return verifyError{err}
		}
		a.print("%s: from size %d to %d", origin, from, to)
		return nil
	}
	return fmt.Errorf("%q is of log %.100q, which is not a relay in witness.yaml", name, origin)
}
