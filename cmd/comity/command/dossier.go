package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/internal/durable"

	"github.com/spf13/cobra"
)

const dossierHelp = `Write all that proves a request's path into one file, which comity-verify checks
offline, years later. First this agent attests the record, if there is something new in
it, so that the file says how far it is complete by this State's word. The file is
verified before it is written. By default it
holds the inner statements and manifests of the packages that this machine sent
or fetched: with them a court can recognise an exhibit, and reads its file name.
--without-contents leaves them out.

Entries of the record can be withheld, as for a defence that may not see all. The
file says where, and who says to have done it (--by); comity-verify then never
says "verified", only "verified in part". The names of single files cannot be
left out: the sender signed one list for each package.

  comity dossier 0412 -o case.comity
  comity dossier 0412 -o defence.comity --without-kind use-report --without-package b3xq
  comity dossier redact case.comity defence.comity --without-entry 7 --by "nl, for the defence"`

// without are the flags that say what a dossier leaves out.
type without struct {
	entries         []int64
	kinds, packages []string
	contents        bool
	by              string
}

func (x *without) flags(c *cobra.Command) {
	f := c.Flags()
	f.Int64SliceVar(&x.entries, "without-entry", nil, "withhold entry N of the request's record")
	f.StringArrayVar(&x.kinds, "without-kind", nil, "withhold all entries of this kind, such as use-report")
	f.StringArrayVar(&x.packages, "without-package", nil, "withhold all entries about this package, and its contents")
	f.BoolVar(&x.contents, "without-contents", false, "leave out file names and descriptions")
	f.StringVar(&x.by, "by", "", "who withholds: a word in the file")
}

// redaction reads the flags; resolve turns the name of a package into its id.
func (x *without) redaction(by string, resolve func(string) (string, error)) (dossier.Redaction, error) {
	r := dossier.Redaction{By: by, Entries: x.entries, Contents: x.contents}
	if x.by != "" {
		r.By = x.by
	}
	for _, k := range x.kinds {
		r.Kinds = append(r.Kinds, custody.Kind(k))
	}
	for _, name := range x.packages {
		id, err := resolve(name)
		if err != nil {
			return r, err
		}
		r.Packages = append(r.Packages, id)
	}
	return r, nil
}

func (a *app) dossierCommand() *cobra.Command {
	var out string
	var x without
	c := &cobra.Command{
		Use: "dossier REQUEST -o FILE", Short: "write the proof of a request's path to a file", Long: dossierHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return hintf(usagef("-o is missing"), "comity dossier %s -o case.comity", args[0])
			}
			ag, err := a.agent()
			if err != nil {
				return err
			}
			return a.sessionOf(c.Context(), ag, anyAgent, func(s *agent.Session) error {
				id, err := s.Resolve(c.Context(), args[0])
				if err != nil {
					return err
				}
				r, err := x.redaction(string(s.ID), func(name string) (string, error) {
					snap, err := s.Sync(c.Context(), id)
					if err != nil {
						return "", err
					}
					return agent.ResolvePackage(snap.Case(id), name)
				})
				if err != nil {
					return err
				}
				var v *dossier.Verdict
				var left []string
				err = a.writeNew(out, func(w io.Writer) (err error) {
					v, left, err = ag.Dossier(c.Context(), s, id, w, r)
					return err
				})
				if err == nil {
					a.sayWithheld(v, left)
				}
				return err
			})
		},
	}
	c.AddCommand(a.renewCommand())
	c.Flags().StringVarP(&out, "output", "o", "", "the file to write; it must not exist")
	x.flags(c)
	c.AddCommand(a.dossierRedact())
	return c
}

const redactHelp = `Write a dossier anew without some of its entries or contents: of a file, without
a relay and without keys. What is withheld shows as a gap in its place, with who
says to have done it; that is a word, and nobody signs it. The first entry and
what the relay says to have erased are never withheld. Whoever has the whole
dossier can prove what was left out.

  comity dossier redact case.comity defence.comity --without-entry 7 --by "nl, for the defence"`

func (a *app) dossierRedact() *cobra.Command {
	var x without
	c := &cobra.Command{
		Use: "redact IN OUT", Short: "write a dossier anew without some of it", Long: redactHelp, Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if x.by == "" {
				return hintf(usagef("--by is missing: a gap says who made it"), "--by \"nl, for the defence\"")
			}
			d, err := readDossier(args[0])
			if err != nil {
				return err
			}
			r, err := x.redaction(x.by, func(name string) (string, error) { return packageIn(d, name) })
			if err != nil {
				return err
			}
			if len(r.Entries)+len(r.Kinds)+len(r.Packages) == 0 && !r.Contents {
				return usagef("nothing is named that is to be left out")
			}
			less, left, err := dossier.Redact(d, r)
			if err != nil {
				return err
			}
			v, err := dossier.Verify(less, dossier.Pins{})
			if err != nil {
				return err
			}
			if err := a.writeNew(args[1], func(w io.Writer) error { return dossier.Write(w, less) }); err != nil {
				return err
			}
			a.sayWithheld(v, left)
			return nil
		},
	}
	x.flags(c)
	return c
}

func readDossier(path string) (*dossier.Dossier, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return dossier.Read(f, info.Size())
}

// packageIn returns the id of the package of a dossier that a name means.
func packageIn(d *dossier.Dossier, name string) (string, error) {
	v, err := dossier.Verify(d, dossier.Pins{})
	if err != nil {
		return "", err
	}
	var fits []string
	for _, p := range v.Packages {
		if p.ID == name || len(name) >= 4 && strings.HasPrefix(p.ID, name) {
			fits = append(fits, p.ID)
		}
	}
	if len(fits) != 1 {
		return "", fmt.Errorf("%q names %d packages of the dossier, want one", name, len(fits))
	}
	return fits[0], nil
}

// sayWithheld says what a dossier does not show.
func (a *app) sayWithheld(v *dossier.Verdict, left []string) {
	if v == nil || len(v.Gaps) == 0 {
		return
	}
	rest := 0
	for _, x := range v.Acts {
		if x.Unchecked {
			rest++
		}
	}
	a.say("it verifies in part: %d entries are withheld, and %d acts that rest on them cannot be checked by the rules", len(v.Gaps), rest)
	for _, id := range left {
		a.say("the contents of package %s are left out: its seal is withheld, or rests on what is", id)
	}
}

// writeNew writes a new file, whole or not at all, and replaces nothing.
func (a *app) writeNew(path string, content func(io.Writer) error) error {
	err := durable.WriteNewStream(path, content, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return hintf(fmt.Errorf("%q exists already", path), "choose another name: a dossier never replaces a file")
	}
	if err != nil {
		return err
	}
	a.say("wrote %s", path)
	return nil
}
