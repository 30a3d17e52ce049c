package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"comity.example/comity/agent"
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

  comity dossier 0412 -o case.comity`

func (a *app) dossierCommand() *cobra.Command {
	var out string
	var bare bool
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
				return a.writeNew(out, func(w io.Writer) error { return ag.Dossier(c.Context(), s, id, w, !bare) })
			})
		},
	}
	c.AddCommand(a.renewCommand())
	c.Flags().StringVarP(&out, "output", "o", "", "the file to write; it must not exist")
	c.Flags().BoolVar(&bare, "without-contents", false, "leave out file names and descriptions")
	return c
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
