package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/postgres"

	"github.com/spf13/cobra"
)

func (a *app) trustCommand() *cobra.Command {
	return &cobra.Command{
		Use: "trust AUTHORITY FINGERPRINT", Short: "pin an authority by its root fingerprint", Args: wantArgs(2),
		Long: `Pin an authority by the fingerprint of its root keys, which it tells you over
another way than this relay: a relay serves pinned authorities only. It must not
run meanwhile.

  comity-gateway trust nl 5f3c…e1 --data /var/lib/comity`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := custody.CheckAuthority(args[0]); err != nil {
				return usageError{err}
			}
			fp, err := statement.ParseDigest(args[1])
			if err != nil {
				return usageError{fmt.Errorf("reading fingerprint: %v", err)}
			}
			return a.trust(c.Context(), args[0], fp)
		},
	}
}

func (a *app) trust(ctx context.Context, name string, fp custody.Digest) error {
	r, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.db.Update(ctx, func(tx *records.Tx) error { return tx.Pin(name, fp) }); err != nil {
		return err
	}
	a.say("Authority %s is pinned. It can publish its root and directory at this relay.", name)
	return nil
}

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "open everything, verify the log's head, and listen to nothing", Args: noArgs,
		Long: `Open keys, database and store as run would, publish what is committed, drive
half-done deposits on, verify the newest checkpoint, and list what there is. Of a
bucket, say what its server enforces: that is tried out anew each time.

  comity-gateway check --data /var/lib/comity`,
		RunE: func(c *cobra.Command, _ []string) error { return a.check(c.Context()) },
	}
}

func (a *app) check(ctx context.Context) error {
	r, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	g, err := a.gateway(ctx, r)
	if err != nil {
		return err
	}
	defer g.Close()
	d, err := g.Descriptor()
	if err != nil {
		return err
	}
	v, err := translog.ParseLogKey(d.LogKey, d.LogMLDSAKey, r.cfg.Origin)
	if err != nil {
		return err
	}
	c, err := translog.Open(g.Checkpoint(), r.cfg.Origin, v)
	if err != nil {
		return err
	}
	a.print("relay        %s", r.cfg.Origin)
	a.print("fingerprint  %s", d.Fingerprint())
	a.print("data         %s", r.cfg.Data)
	a.print("listen       %s (agents dial %v)", r.cfg.Listen, d.Addresses)
	a.print("log          %d entries, checkpoint verified, root %s", c.Size, c.Root)
	a.printDatabase(r)
	if r.cfg.WitnessPolicy == "" {
		a.print("witnesses    none: the log is unwitnessed")
	} else {
		a.print("witnesses    %s, cosigned up to %d entries", r.cfg.WitnessPolicy, g.CosignedSize())
	}
	a.printStore(r)
	a.printPolicy(g)
	a.printAuthorities(g)
	return nil
}

func (a *app) printAuthorities(g *gateway.Gateway) {
	v := g.View()
	var names []string
	for n := range v.Pins {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		au := v.Authorities[n]
		switch {
		case au == nil:
			a.print("authority    %s: pinned, nothing published", n)
		case au.Directory == nil:
			a.print("authority    %s: root %d, no directory", n, au.Root.Version)
		default:
			a.print("authority    %s: root %d, directory %d, expires %s", n, au.Root.Version, au.Directory.Version, au.Directory.Expires)
		}
	}
}

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use: "run", Short: "run the relay until it is interrupted", Args: noArgs,
		Long: `Run the relay. One line on standard output says where it listens; the log is
JSON on standard error, or in the file that gateway.yaml names. SIGHUP reads the
operator's policy again; one that is wrong is refused, and the old one stays.

  comity-gateway run --data /var/lib/comity`,
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c.Context()) },
	}
}

func (a *app) serve(ctx context.Context) error {
	hangup := a.hangup
	if hangup == nil {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGHUP) // from here on: one that comes early must not end the relay
		defer signal.Stop(c)
		hangup = c
	}
	r, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	g, err := a.gateway(ctx, r)
	if err != nil && ctx.Err() != nil {
		return nil // it was interrupted before it was open: an end like any other
	}
	if err != nil {
		return err
	}
	defer g.Close()
	if err := g.Listen(); err != nil {
		return err
	}
	stop := reloads(ctx, hangup, r, g)
	defer stop()
	a.print("%s listens on %s", r.cfg.Origin, g.Addr())
	serving, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-r.db.Lost():
			cancel(postgres.ErrLost)
		case <-serving.Done():
		}
	}()
	err = g.Serve(serving)
	if lost := context.Cause(serving); errors.Is(lost, postgres.ErrLost) {
		// A relay that can write nothing would keep its authorities waiting: who
		// watches over it starts it anew.
		return lost
	}
	return err
}
