package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

const directoryHelp = `The directory lists all parties of an authority, how many officers sign what, and
which relays it accepts. It is one signed snapshot; two registrars sign it.

  comity directory add desk-1.enrol --duty desk    into the draft
  comity directory set --grant 2                   two officers sign a grant
  comity directory show                            the draft, and what it changes
  comity directory sign > dir.json                 sign here …
  comity directory sign dir.json > both.json       … and on the other registrar's machine
  comity directory publish both.json               to the relay
  comity directory reset                           go on from what the relay has, on any
                                                   registrar's machine

With both registrars on one machine: comity directory sign, comity directory publish.
A draft that only revokes is signed by one registrar.`

func (a *app) directoryCommand() *cobra.Command {
	return group("directory", "keep the signed list of an authority's parties", directoryHelp, a.directoryAdd(), a.directoryChallenge(),
		a.directoryStatus("retire", custody.StatusRetired, "end an entry, as when somebody leaves"),
		a.directoryStatus("revoke", custody.StatusRevoked, "end an entry whose keys must not be trusted any more"),
		a.directorySet(), a.directoryReset(), a.directorySign(), a.directoryPublish(), a.directoryShow())
}

// draft changes the directory draft under the home's lock.
func (a *app) draft(f func(*officer.Registry, *officer.Draft) error) error {
	return a.locked("", func(h *agent.Home) error {
		r := officer.NewRegistry(h)
		d, err := r.Draft()
		if err != nil {
			return err
		}
		return f(r, d)
	})
}

func (a *app) directoryAdd() *cobra.Command {
	var duties []string
	var from, to string
	c := &cobra.Command{
		Use: "add FILE…", Short: "list the parties of enrolments in the draft", Long: directoryHelp, Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			opt := officer.AddOptions{Duties: duties}
			if opt.NotBefore, err = optionalWhen(from, a.now(), false); err != nil {
				return err
			}
			if opt.NotAfter, err = optionalWhen(to, a.now(), true); err != nil {
				return err
			}
			return a.draft(func(r *officer.Registry, d *officer.Draft) error { return a.addFiles(r, d, args, opt) })
		},
	}
	c.Flags().StringSliceVar(&duties, "duty", nil, "of an agent: lab, desk; of an officer: emergency")
	c.Flags().StringVar(&from, "not-before", "", "date of the entry's first day (default today)")
	c.Flags().StringVar(&to, "not-after", "", "date of the entry's last day, or a number of days like 90d (default two years)")
	return c
}

func (a *app) addFiles(r *officer.Registry, d *officer.Draft, files []string, opt officer.AddOptions) error {
	var envelopes [][]byte
	for _, f := range files {
		env, err := a.input(f)
		if err != nil {
			return err
		}
		said, err := r.Add(d, env, opt, a.now())
		if err != nil {
			return fmt.Errorf("adding %q: %w", f, err)
		}
		a.say("%s", said)
		envelopes = append(envelopes, env)
	}
	if err := r.Save(d); err != nil {
		return err
	}
	for _, env := range envelopes {
		if err := r.Forget(env); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) directoryChallenge() *cobra.Command {
	return &cobra.Command{
		Use: "challenge CLAIM", Short: "make a recipient's holder prove that it can open", Long: recipientHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			claim, err := a.input(args[0])
			if err != nil {
				return err
			}
			return a.draft(func(r *officer.Registry, _ *officer.Draft) error {
				file, err := r.Challenge(claim)
				if err != nil {
					return err
				}
				return a.output(file, c.CommandPath()+" "+args[0])
			})
		},
	}
}

func (a *app) directoryStatus(name, status, short string) *cobra.Command {
	return &cobra.Command{
		Use: name + " ID…", Short: short, Long: directoryHelp, Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.draft(func(r *officer.Registry, d *officer.Draft) error {
				for _, s := range args {
					id, err := partyArg(s)
					if err != nil {
						return err
					}
					if err := d.SetStatus(id, status); err != nil {
						return err
					}
					a.say("%s is %s in the draft", id, status)
				}
				return r.Save(d)
			})
		},
	}
}

func (a *app) directorySet() *cobra.Command {
	var n custody.Thresholds
	c := &cobra.Command{Use: "set", Short: "set how many officers sign what, what emergencies allow, the calendar", Long: directoryHelp, Args: cobra.NoArgs}
	kinds := []string{"request", "review", "grant", "sensitive", "refusal", "acceptance", "revocation"}
	for _, k := range kinds {
		c.Flags().Int64Var(threshold(&n, k), k, 0, "officers that sign a "+signedKind(k))
	}
	e := custody.Emergency{}
	var bytes string
	c.Flags().StringSliceVar(&e.With, "emergency-with", nil, "authorities that may be given evidence before it was examined; none: \"\"")
	c.Flags().StringVar(&bytes, "emergency-bytes", "10 GiB", "and how many bytes at most, in sealed form")
	c.Flags().Int64Var(&e.MaxPackages, "emergency-packages", 2, "in how many packages")
	c.Flags().Int64Var(&e.Hours, "emergency-hours", 48, "within how many hours it is validated")
	k := custody.Calendar{}
	var holidays string
	c.Flags().StringVar(&k.TimeZone, "time-zone", "", "in which days are counted, like Europe/Amsterdam")
	c.Flags().StringSliceVar(&k.Weekend, "weekend", []string{"sat", "sun"}, "days on which nobody works, beside --time-zone")
	c.Flags().StringVar(&holidays, "holidays", "", "file with the holidays, a date like 2026-12-25 a line, beside --time-zone")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.draft(func(r *officer.Registry, d *officer.Draft) error {
			changed := c.Flags().Changed("emergency-with")
			if k.TimeZone != "" {
				next, err := a.calendar(k, holidays)
				if err != nil {
					return err
				}
				d.Calendar, changed = next, true
				a.say("time zone in which days are counted, in the draft: %s, holidays: %d", next.TimeZone, len(next.Holidays))
			} else if holidays != "" || c.Flags().Changed("weekend") {
				return hintf(usagef("--time-zone is missing"), "a calendar needs the zone in which its days begin, like --time-zone Europe/Amsterdam")
			}
			if changed {
				next, err := emergencyOf(e, bytes)
				if err != nil {
					return err
				}
				d.Emergency = next
				a.say("authorities that may be given evidence in an emergency before it was examined, in the draft: %d", len(e.With))
			}
			for _, k := range kinds {
				if !c.Flags().Changed(k) {
					continue
				}
				v := *threshold(&n, k)
				if v < 1 || v > 16 {
					return usagef("--%s %d: want 1 to 16 officers", k, v)
				}
				*threshold(&d.Rules, k), changed = v, true
				a.say("officers that sign a %s, in the draft: %d", signedKind(k), v)
			}
			if !changed {
				return hintf(usagef("nothing to set"), "name a threshold like --grant 2, or --emergency-with")
			}
			if s := &d.Rules.Sensitive; *s < d.Rules.Grant {
				if c.Flags().Changed("sensitive") {
					return usagef("--sensitive %d: a grant of sensitive data takes no fewer officers than any grant, which takes %d", *s, d.Rules.Grant)
				}
				*s = d.Rules.Grant
				a.say("officers that sign a %s, in the draft: %d, as any grant", signedKind("sensitive"), *s)
			}
			return r.Save(d)
		})
	}
	return c
}

// emergencyOf reads the flags; nil is no emergency path.
func emergencyOf(e custody.Emergency, bytes string) (*custody.Emergency, error) {
	e.With = slices.DeleteFunc(e.With, func(s string) bool { return s == "" })
	if len(e.With) == 0 {
		return nil, nil
	}
	n, err := officer.ParseBytes(bytes)
	if err != nil {
		return nil, usageError{fmt.Errorf("--emergency-bytes: %v", err)}
	}
	e.MaxBytes = int64(n)
	return &e, nil
}

// calendar reads the flags of a calendar and the file of holidays.
func (a *app) calendar(k custody.Calendar, file string) (*custody.Calendar, error) {
	k.Weekend = slices.DeleteFunc(k.Weekend, func(s string) bool { return s == "" })
	k.Holidays = []string{}
	if file != "" {
		data, err := a.input(file)
		if err != nil {
			return nil, err
		}
		for i, text := range strings.Split(string(data), "\n") {
			day, _, _ := strings.Cut(text, "#")
			if day = strings.TrimSpace(day); day == "" {
				continue
			}
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				return nil, fmt.Errorf("reading %q: line %d: %q is no date like 2026-12-25", file, i+1, day)
			}
			k.Holidays = append(k.Holidays, day)
		}
		slices.Sort(k.Holidays)
		k.Holidays = slices.Compact(k.Holidays)
	}
	if _, err := officer.CheckCalendar(&k); err != nil {
		return nil, usageError{err}
	}
	return &k, nil
}

// signedKind names what a threshold is for.
func signedKind(k string) string {
	if k == "sensitive" {
		return "grant of sensitive data"
	}
	return k
}

// threshold returns the field of a kind.
func threshold(t *custody.Thresholds, kind string) *int64 {
	switch kind {
	case "request":
		return &t.Request
	case "review":
		return &t.Review
	case "grant":
		return &t.Grant
	case "sensitive":
		return &t.Sensitive
	case "refusal":
		return &t.Refusal
	case "acceptance":
		return &t.Acceptance
	}
	return &t.Revocation
}

const resetHelp = `Begin the draft from what the relay has, on this registrar's machine: its roots and
directories are replayed from the pinned root by the rules. So each registrar can
work alone, whatever became of the machine of the others:

  comity trust nl FP; comity trust relay ORIGIN FP --address HOST:PORT
  comity directory reset
  comity directory revoke nl/agent/lab-1; comity directory sign; comity directory publish

--roots takes roots that are not at the relay yet, from comity authority init, roots or
rotate.`

func (a *app) directoryReset() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "reset", Short: "begin the draft from what the relay has", Long: resetHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.locked("", func(h *agent.Home) error { return a.reset(c.Context(), officer.NewRegistry(h), file) })
		},
	}
	c.Flags().StringVar(&file, "roots", "", "take over roots that the machine with the root keys wrote")
	return c
}

func (a *app) reset(ctx context.Context, r *officer.Registry, file string) error {
	if file != "" {
		data, err := a.input(file)
		if err != nil {
			return err
		}
		if err := r.ImportRoots(data, a.now()); err != nil {
			return fmt.Errorf("taking over %q: %w", file, err)
		}
	}
	if err := a.public(ctx, func(s *agent.Session) error {
		_, err := r.Pull(ctx, s, a.now())
		return err
	}); err != nil {
		return err
	}
	roots, err := r.Roots()
	if err != nil {
		return err
	}
	if len(roots) == 0 {
		return hintf(errors.New("the relay has no root of this authority, nor has this home"), "bring it from the machine with the root keys: comity authority roots > FILE, then comity directory reset --roots FILE")
	}
	d, err := r.Reset()
	if err != nil {
		return err
	}
	a.say("the draft has %d entries, as published", len(d.Entries))
	return nil
}
