package command

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/internal/stamping"

	"github.com/spf13/cobra"
)

const renewHelp = `Add a time stamp over a whole dossier, made with another hash than those it rests
on, and write it to a new file. Do so before a certificate of its newest stamp
ends, or an algorithm in it falls (RFC 4998): what was provable then stays so. The
proof itself is not touched, and any copy can be renewed by anybody.

  comity dossier renew case.comity --tsa http://tsa.example/ --roots tsa.pem -o case-2036.comity

On a machine without a network, in two steps, with the query taken to the
authority on another one (curl -H 'Content-Type: application/timestamp-query'
--data-binary @q.tsq URL -o r.tsr):

  comity dossier renew case.comity --query q.tsq
  comity dossier renew case.comity --query q.tsq --answer r.tsr --roots tsa.pem -o case-2036.comity`

// renewal is the command line of dossier renew.
type renewal struct {
	file, out, url, roots, policy, hash, query, answer string
}

func (a *app) renewCommand() *cobra.Command {
	var r renewal
	c := &cobra.Command{
		Use: "renew FILE", Short: "stamp a whole dossier anew before its algorithms fall", Long: renewHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.file = args[0]
			return a.renew(c.Context(), &r)
		},
	}
	f := c.Flags()
	f.StringVarP(&r.out, "output", "o", "", "the file to write; it must not exist")
	f.StringVar(&r.url, "tsa", "", "URL of the time stamping authority to ask")
	f.StringVar(&r.roots, "roots", "", "file of PEM certificates that its answer must lead to")
	f.StringVar(&r.policy, "policy", "", "policy to ask for, an OID (default: the authority's own)")
	f.StringVar(&r.hash, "hash", "sha512", "sha512 or sha3-512")
	f.StringVar(&r.query, "query", "", "file of the query: written, or with --answer read")
	f.StringVar(&r.answer, "answer", "", "file of the authority's answer to the query")
	return c
}

func (a *app) renew(ctx context.Context, r *renewal) error {
	hash, known := map[string]crypto.Hash{"sha512": crypto.SHA512, "sha3-512": crypto.SHA3_512}[r.hash]
	switch {
	case !known:
		return usagef("unknown hash %q: want sha512 or sha3-512", r.hash)
	case (r.url == "") == (r.query == ""):
		return usagef("one of --tsa and --query is needed")
	case r.answer != "" && r.query == "":
		return usagef("--answer needs the --query that it answers")
	}
	d, err := openDossier(r.file)
	if err != nil {
		return err
	}
	if r.query != "" && r.answer == "" {
		return a.writeQuery(r, d, hash)
	}
	if r.out == "" || r.roots == "" {
		return usagef("-o and --roots are needed")
	}
	roots, err := a.readRoots(r.roots)
	if err != nil {
		return err
	}
	q, answer, err := a.askStamp(ctx, r, d, hash)
	if err != nil {
		return err
	}
	kept, stamp, err := q.Answer(answer, roots)
	if err != nil {
		return fmt.Errorf("%w: %w", err, agent.ErrVerify)
	}
	if err := added(d, kept, roots); err != nil {
		return err
	}
	if err := a.writeNew(r.out, func(w io.Writer) error { return dossier.Write(w, d) }); err != nil {
		return err
	}
	a.say("%q says that all of %s existed before %s, by its %v; its certificates end on %s: renew again before", stamp.Authority, r.file,
		stamp.Latest().Format("2006-01-02T15:04:05Z"), stamp.Hash, stamp.Until.Format("2006-01-02"))
	return nil
}

// openDossier reads a dossier and checks it as far as it can be without pins: what is
// not whole any more is not worth a stamp.
func openDossier(name string) (*dossier.Dossier, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	d, err := dossier.Read(f, info.Size())
	if err == nil {
		_, err = dossier.Verify(d, dossier.Pins{})
	} else if !errors.Is(err, dossier.ErrFormat) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w: %w", name, err, agent.ErrVerify)
	}
	return d, nil
}

func (a *app) readRoots(name string) (*timestamp.Roots, error) {
	text, err := a.input(name)
	if err != nil {
		return nil, err
	}
	roots, err := timestamp.ParseRoots(text)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return roots, nil
}

// newQuery asks for a stamp over all of a dossier.
func (r *renewal) newQuery(d *dossier.Dossier, hash crypto.Hash) (*timestamp.Query, error) {
	sum, err := d.Digest(hash)
	if err != nil {
		return nil, err
	}
	q, err := timestamp.NewQuery(hash, sum, r.policy)
	if err != nil {
		return nil, usagef("%v", err)
	}
	return q, nil
}

func (a *app) writeQuery(r *renewal, d *dossier.Dossier, hash crypto.Hash) error {
	q, err := r.newQuery(d, hash)
	if err != nil {
		return err
	}
	return a.writeNew(r.query, func(w io.Writer) error {
		_, err := w.Write(q.Marshal())
		return err
	})
}

// askStamp returns a query over the dossier and the answer to it, from the authority or from
// files.
func (a *app) askStamp(ctx context.Context, r *renewal, d *dossier.Dossier, hash crypto.Hash) (*timestamp.Query, []byte, error) {
	if r.answer != "" {
		return a.asked(r)
	}
	q, err := r.newQuery(d, hash)
	if err != nil {
		return nil, nil, err
	}
	answer, err := stamping.New().Ask(ctx, r.url, q.Marshal())
	return q, answer, err
}

func (a *app) asked(r *renewal) (*timestamp.Query, []byte, error) {
	der, err := a.input(r.query)
	if err != nil {
		return nil, nil, err
	}
	q, err := timestamp.ParseQuery(der)
	if err != nil {
		return nil, nil, fmt.Errorf("%q: %w", r.query, err)
	}
	answer, err := a.input(r.answer)
	return q, answer, err
}

// added adds a stamp to a dossier and checks both as a verifier will who names its root:
// a query of another dossier, or of another state of this one, shows here.
func added(d *dossier.Dossier, kept []byte, roots *timestamp.Roots) error {
	d.Renewals = append(d.Renewals, kept)
	v, err := dossier.Verify(d, dossier.Pins{Stampers: roots})
	if err == nil && !v.Renewals[len(v.Renewals)-1].Checked {
		err = errors.New("the stamp does not lead to the roots")
	}
	if err != nil {
		return fmt.Errorf("checking the renewed dossier before writing it: %w: %w", err, agent.ErrVerify)
	}
	return nil
}
