package command

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

const authorityInitHelp = `Make an authority: its state folder, its root keys, and its root, which names the
registrars and lasts a year. The root's fingerprint, printed at the end, is what
other authorities and relays pin: give it to them on paper or by telephone.

The registrars enrol first, each on a machine of their own:

  comity registrar init nl/registrar/1 > r1.enrol
  comity registrar init nl/registrar/2 > r2.enrol
  comity authority init nl --registrars r1.enrol,r2.enrol --root-keys 2/3

Everything on one machine, for a trial or a small office, with a lab, a desk, an
officer and a backup recipient in the first directory draft:

  comity authority init nl --with lab,desk,officer,backup

Root keys and the officer's key ask for a passphrase.`

func (a *app) authorityCommand() *cobra.Command {
	return group("authority", "make an authority and its root", "", a.authorityInit(), a.authorityRoots(), a.authorityRotate(), a.authoritySign())
}

func (a *app) authorityInit() *cobra.Command {
	var with, registrars []string
	var rootKeys string
	c := &cobra.Command{
		Use: "init NAME", Short: "make an authority and its root", Long: authorityInitHelp, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := custody.CheckAuthority(args[0]); err != nil {
				return usageError{err}
			}
			spec, err := rootSpec(rootKeys)
			if err != nil {
				return err
			}
			switch {
			case len(with) > 0 && len(registrars) > 0:
				return usagef("--with makes its own registrars: give --with or --registrars")
			case len(with) == 0 && len(registrars) == 0:
				return hintf(usagef("an authority needs two registrars"),
					"comity registrar init %s/registrar/1 > r1.enrol makes one; for everything on one machine use --with lab,desk,officer,backup", args[0])
			}
			if len(with) > 0 {
				return a.initMachine(args[0], with, spec)
			}
			return a.initRoot(args[0], registrars, spec)
		},
	}
	c.Flags().StringSliceVar(&with, "with", nil, "one machine: make these too (lab, desk, officer, backup)")
	c.Flags().StringSliceVar(&registrars, "registrars", nil, "files with the enrolments of the registrars")
	c.Flags().StringVar(&rootKeys, "root-keys", "1/1", "M/N: make N root keys, of which M sign")
	return c
}

var ratioPattern = regexp.MustCompile(`^([1-9][0-9]?)/([1-9][0-9]?)$`)

// rootSpec reads M/N.
func rootSpec(s string) (officer.RootSpec, error) {
	m := ratioPattern.FindStringSubmatch(s)
	if m == nil {
		return officer.RootSpec{}, usagef("malformed --root-keys %q: want M/N like 2/3", s)
	}
	threshold, _ := strconv.Atoi(m[1]) // two digits at most
	n, _ := strconv.Atoi(m[2])
	if threshold > n || n > 16 {
		return officer.RootSpec{}, usagef("--root-keys %s: want M of N with M at most N and N at most 16", s)
	}
	return officer.RootSpec{Keys: n, Threshold: threshold}, nil
}

func (a *app) initRoot(name string, files []string, spec officer.RootSpec) error {
	for _, f := range files {
		env, err := a.input(f)
		if err != nil {
			return err
		}
		spec.Registrars = append(spec.Registrars, env)
	}
	return a.locked(name, func(h *agent.Home) error {
		fp, err := officer.InitRoot(h, spec, a.now())
		if err != nil {
			return err
		}
		a.announce(h, fp)
		a.say("next: list officers, agents and recipients with comity directory add, then sign and publish")
		return nil
	})
}

func (a *app) initMachine(name string, with []string, spec officer.RootSpec) error {
	var m officer.Machine
	for _, w := range with {
		switch w {
		case "lab":
			m.Lab = true
		case "desk":
			m.Desk = true
		case "officer":
			m.Officer = true
		case "backup":
			m.Backup = true
		default:
			return usagef("--with %q is unknown: want lab, desk, officer, backup", w)
		}
	}
	if m.Backup && !m.Lab && !m.Desk {
		return usagef("--with backup needs an agent that holds it: add desk or lab")
	}
	return a.locked(name, func(h *agent.Home) error {
		fp, err := officer.InitMachine(h, m, spec, a.now())
		if err != nil {
			return err
		}
		d, err := officer.NewRegistry(h).Draft()
		if err != nil {
			return err
		}
		for _, l := range d.Entries {
			a.say("made %s", l.ID)
		}
		a.announce(h, fp)
		a.say("next: comity trust relay ORIGIN FP --address HOST:PORT, then comity directory sign and comity directory publish")
		return nil
	})
}

// announce prints the fingerprint: in groups for reading aloud, and plain as data.
func (a *app) announce(h *agent.Home, fp custody.Digest) {
	a.say("authority %s is made in %s", h.Authority(), h.Dir())
	a.say("root fingerprint, to be given to others on paper or by telephone:")
	a.say("  %s", grouped(fp))
	a.print("%s", fp)
}

// grouped writes a fingerprint in eight groups of eight digits.
func grouped(d custody.Digest) string {
	s := d.String()
	var groups []string
	for i := 0; i < len(s); i += 8 {
		groups = append(groups, s[i:i+8])
	}
	return strings.Join(groups, " ")
}

// fingerprint reads a fingerprint in plain or grouped form.
func fingerprint(words []string) (custody.Digest, error) {
	s := strings.ToLower(strings.NewReplacer(" ", "", "-", "", ":", "").Replace(strings.Join(words, "")))
	var d custody.Digest
	if err := d.UnmarshalText([]byte(s)); err != nil {
		return d, usageError{fmt.Errorf("malformed fingerprint %q: want 64 hexadecimal digits, in groups or not", strings.Join(words, " "))}
	}
	return d, nil
}
