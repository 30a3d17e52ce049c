package command

import (
	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

const trustHelp = `Pin the root fingerprint of an authority, yours or another's, or of a relay. It must
have come on paper, by telephone, or in person: whoever gives you a false one can
pose as that State. It is 64 hexadecimal digits, in groups or not.

  comity trust de 0f3a91c2 …
  comity trust relay relay.example 77c1a0de … --address relay.example:4433
  comity trust show

A pin is never changed by a message: an authority's new root is signed by its old one.`

func (a *app) trustCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "trust AUTHORITY FINGERPRINT", Short: "pin the roots of authorities and relays", Long: trustHelp, Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := custody.CheckAuthority(args[0]); err != nil {
				return usageError{err}
			}
			fp, err := fingerprint(args[1:])
			if err != nil {
				return err
			}
			return a.locked("", func(h *agent.Home) error {
				if err := h.Trust.PinAuthority(args[0], fp); err != nil {
					return err
				}
				a.say("authority %s is pinned to %s", args[0], grouped(fp))
				return nil
			})
		},
	}
	c.AddCommand(a.trustRelay(), a.trustShow())
	return c
}

func (a *app) trustRelay() *cobra.Command {
	var addresses []string
	c := &cobra.Command{
		Use: "relay ORIGIN FINGERPRINT --address HOST:PORT", Short: "pin a relay", Long: trustHelp, Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := custody.CheckOrigin(args[0]); err != nil {
				return usageError{err}
			}
			fp, err := fingerprint(args[1:])
			if err != nil {
				return err
			}
			return a.locked("", func(h *agent.Home) error { return a.pinRelay(h, args[0], fp, addresses) })
		},
	}
	c.Flags().StringArrayVar(&addresses, "address", nil, "where to find it, HOST:PORT; may be repeated")
	return c
}

// pinRelay pins a relay and, where this home keeps the directory draft, lists it
// there as accepted.
func (a *app) pinRelay(h *agent.Home, origin string, fp custody.Digest, addresses []string) error {
	if _, err := h.Trust.Relay(origin); err != nil && len(addresses) == 0 {
		return hintf(usagef("--address is missing"), "say where the relay is: --address %s:4433", origin)
	}
	if err := h.Trust.PinRelay(origin, fp, addresses); err != nil {
		return err
	}
	a.say("relay %s is pinned to %s", origin, grouped(fp))
	r := officer.NewRegistry(h)
	if !r.Here() {
		return nil
	}
	d, err := r.Draft()
	if err != nil {
		return err
	}
	if !d.Accept(custody.RelayPin{Origin: origin, Fingerprint: fp}) {
		return nil
	}
	a.say("the directory draft lists it as accepted: comity directory sign, then comity directory publish")
	return r.Save(d)
}

func (a *app) trustShow() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "list what is pinned here", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(h.Trust)
			}
			for _, p := range h.Trust.Authorities {
				a.print("authority %-12s %s", p.Name, grouped(p.Fingerprint))
			}
			for _, p := range h.Trust.Relays {
				a.print("relay     %-12s %s", p.Origin, grouped(p.Fingerprint))
				for _, ad := range p.Addresses {
					a.print("          at %s", ad)
				}
			}
			return nil
		},
	}
}
