package command

import (
	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

const rotateHelp = `Make the root that follows the one in force, on the machine with the root keys. It
lasts a year and is signed by enough keys of the old root and of the new one, so that
everybody who pinned the first follows it by itself. Without flags it only renews the
date; that has to be done once a year.

  comity authority rotate > nl.roots                         the same keys, another year
  comity authority rotate --root-keys 2/3 > nl.roots         new root keys
  comity authority rotate --registrars r3.enrol --leave nl/registrar/2 > nl.roots

Where the root keys are on several machines, what is written is signed there:

  comity authority sign next.root > next2.root

A registrar then takes it over, signs a directory for it and publishes both:

  comity directory reset --roots nl.roots; comity directory sign; comity directory publish`

func (a *app) authorityRotate() *cobra.Command {
	var rootKeys string
	var registrars, leave []string
	c := &cobra.Command{
		Use: "rotate", Short: "make and sign the next root", Long: rotateHelp, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var spec officer.RotationSpec
			if rootKeys != "" {
				s, err := rootSpec(rootKeys)
				if err != nil {
					return err
				}
				spec.Keys, spec.Threshold = s.Keys, s.Threshold
			}
			for _, f := range registrars {
				env, err := a.input(f)
				if err != nil {
					return err
				}
				spec.Registrars = append(spec.Registrars, env)
			}
			for _, s := range leave {
				id, err := partyArg(s)
				if err != nil {
					return err
				}
				spec.Leave = append(spec.Leave, id)
			}
			return a.rotation(func(r *officer.Registry) (*officer.Rotation, error) { return r.Rotate(spec, a.now()) })
		},
	}
	c.Flags().StringVar(&rootKeys, "root-keys", "", "M/N: make N new root keys, of which M sign")
	c.Flags().StringSliceVar(&registrars, "registrars", nil, "files with the enrolments of registrars that come")
	c.Flags().StringSliceVar(&leave, "leave", nil, "registrars that go")
	return c
}

func (a *app) authoritySign() *cobra.Command {
	return &cobra.Command{
		Use: "sign FILE", Short: "sign a next root with the root keys here", Long: rotateHelp, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := a.input(args[0])
			if err != nil {
				return err
			}
			return a.rotation(func(r *officer.Registry) (*officer.Rotation, error) { return r.SignRoot(data) })
		},
	}
}

// rotation brings a next root on, says how far it is, and writes it, or all roots when
// it is complete.
func (a *app) rotation(f func(*officer.Registry) (*officer.Rotation, error)) error {
	return a.locked("", func(h *agent.Home) error {
		r := officer.NewRegistry(h)
		t, err := f(r)
		if err != nil {
			return err
		}
		a.say("root of %s, version %d", t.Root().By, t.Root().Version)
		for _, c := range t.Changes {
			a.say("  %s", c)
		}
		a.say("signed by %d of %d keys of the old root and %d of %d of the new one", t.Old, t.NeedOld, t.New, t.NeedNew)
		if !t.Complete() {
			a.say("next: on the machine with the other root keys: comity authority sign FILE > FILE")
			return a.output(t.Statement.Envelope, "comity authority rotate")
		}
		a.say("what others have pinned stays: they follow the new root by its old keys' signatures")
		a.say("next: a registrar takes it over: comity directory reset --roots FILE, then comity directory sign and comity directory publish")
		data, err := r.ExportRoots()
		if err != nil || isTerminal(a.stdout) { // it is kept in the home: comity authority roots
			return err
		}
		return a.output(data, "comity authority rotate")
	})
}

func (a *app) authorityRoots() *cobra.Command {
	return &cobra.Command{
		Use: "roots", Short: "write the signed roots that are kept here", Args: cobra.NoArgs,
		Long: `Write the roots of the authority, oldest first, as a file for the registrars'
machines: comity directory reset --roots FILE. It holds no secret.

  comity authority roots > nl.roots`,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			r := officer.NewRegistry(h)
			data, err := r.ExportRoots()
			if err != nil {
				return err
			}
			roots, err := r.Roots()
			if err != nil {
				return err
			}
			a.say("root version %d of %s, until %s; others pin the first: %s", len(roots), h.Authority(),
				roots[len(roots)-1].Body.(*custody.Root).Expires, grouped(roots[0].Body.(*custody.Root).Fingerprint()))
			return a.output(data, c.CommandPath())
		},
	}
}
