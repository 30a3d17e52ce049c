package command

import (
	"fmt"
	"slices"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

const identityHelp = `Make the keys of %[1]s in this machine's state folder and write its enrolment
to standard output: the public keys, signed by themselves, for the registrars of
the authority. A second call makes nothing new and writes the same enrolment.

  comity %[2]s init nl/%[2]s/%[3]s > %[3]s.enrol

%[4]s`

func (a *app) registrarCommand() *cobra.Command {
	return a.identityCommand(custody.RoleRegistrar, "a registrar", "1",
		"Two registrars sign each directory of an authority; they belong on two machines.\nHand the enrolment to whoever runs comity authority init --registrars.")
}

func (a *app) officerCommand() *cobra.Command {
	return a.identityCommand(custody.RoleOfficer, "an officer", "mla-1",
		"The id is a role in the office, not a person's name. The key asks for a passphrase.\nHand the enrolment to a registrar: comity directory add FILE.")
}

func (a *app) agentCommand() *cobra.Command {
	c := a.identityCommand(custody.RoleAgent, "an agent", "lab-1",
		"Hand the enrolment to a registrar: comity directory add FILE --duty lab (packs, sends,\nfetches) or --duty desk (carries officers' statements).\n\nAn auditor, nl/auditor/1, proves who it is as an agent does, and has no duty: it reads\nthe records of its authority's requests, and neither annexes nor packages.",
		custody.RoleAuditor)
	c.Short = "make the keys of an agent or auditor, or run it as a daemon"
	c.AddCommand(a.agentRun())
	return c
}

// identityCommand makes keys of a role, or of one of the others given.
func (a *app) identityCommand(role custody.Role, what, example, after string, others ...custody.Role) *cobra.Command {
	long := fmt.Sprintf(identityHelp, what, role, example, after)
	init := &cobra.Command{
		Use: "init ID", Short: "make its keys and print its enrolment", Long: long, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := partyArg(args[0])
			if err != nil {
				return err
			}
			if id.Role() != role && !slices.Contains(others, id.Role()) {
				return usagef("%q is not the id of %s: want %s/%s/NAME", id, what, id.Authority(), role)
			}
			return a.enrol(id, c.CommandPath())
		},
	}
	return group(string(role), "make the keys of "+what, "", init)
}

func (a *app) enrol(id custody.PartyID, path string) error {
	return a.locked(id.Authority(), func(h *agent.Home) error {
		env, err := officer.Enrol(h, id, a.now())
		if err != nil {
			return err
		}
		a.say("the keys of %s are in %s", id, h.Dir())
		return a.output(env, path+" "+string(id))
	})
}

const recipientHelp = `A recipient is an age identity that evidence is sealed to. The agent that holds it
proves to a registrar that it can open what is sealed to it:

  holder     comity recipient add nl/recipient/lab --holder nl/agent/lab-1 > lab.claim
  registrar  comity directory challenge lab.claim > lab.challenge
  holder     comity recipient answer lab.challenge --id nl/recipient/lab > lab.enrol
  registrar  comity directory add lab.enrol`

func (a *app) recipientCommand() *cobra.Command {
	return group("recipient", "make the identities that evidence is sealed to", recipientHelp, a.recipientAdd(), a.recipientAnswer())
}

func (a *app) recipientAdd() *cobra.Command {
	var holder string
	c := &cobra.Command{
		Use: "add ID --holder AGENT", Short: "make a recipient's identity and print its claim", Long: recipientHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := partyArg(args[0])
			if err != nil {
				return err
			}
			if holder == "" {
				return hintf(usagef("--holder is missing"), "name the agent whose machine this is: --holder %s/agent/lab-1", id.Authority())
			}
			by, err := partyArg(holder)
			if err != nil {
				return err
			}
			return a.locked("", func(h *agent.Home) error {
				claim, err := officer.NewRecipient(h, id, by)
				if err != nil {
					return err
				}
				a.say("the identity of %s is in %s: without it nothing sealed to it opens again, so keep a copy off this machine", id, h.Dir())
				return a.output(claim, c.CommandPath()+" "+string(id)+" --holder "+holder)
			})
		},
	}
	c.Flags().StringVar(&holder, "holder", "", "the agent that holds the identity; its keys are here")
	return c
}

func (a *app) recipientAnswer() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "answer FILE --id ID", Short: "open a registrar's challenge and print the enrolment", Long: recipientHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if name == "" {
				return hintf(usagef("--id is missing"), "name the recipient: --id AUTHORITY/recipient/NAME")
			}
			id, err := partyArg(name)
			if err != nil {
				return err
			}
			file, err := a.input(args[0])
			if err != nil {
				return err
			}
			return a.locked("", func(h *agent.Home) error {
				env, err := officer.Answer(h, id, file, a.now())
				if err != nil {
					return err
				}
				return a.output(env, c.CommandPath()+" "+args[0]+" --id "+name)
			})
		},
	}
	c.Flags().StringVar(&name, "id", "", "the recipient that the challenge is for")
	return c
}
