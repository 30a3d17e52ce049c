package command

import (
	"fmt"
	"io"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"

	"github.com/spf13/cobra"
)

const alarmHelp = `An alarm is evidence against the relay that an agent of this home has found, with the
signed checkpoints as they came. One that the relay's log has forked is proved by its own
signatures: nothing is sent or taken here until a person has acknowledged it. Give the
exported file to the other State, to auditors, to a court: comity-verify --alarm FILE
verifies it offline, by the fingerprint of the relay.

  comity alarm list
  comity alarm show k3vq
  comity alarm export k3vq -o fork.alarm
  comity alarm acknowledge k3vq --words "operator called; restored from backup"`

func (a *app) alarmCommand() *cobra.Command {
	return group("alarm", "show and export evidence against the relay", alarmHelp,
		a.alarmList(), a.alarmShow(), a.alarmExport(), a.alarmAcknowledge())
}

// alarmJSON is an alarm as data.
type alarmJSON struct {
	ID     string              `json:"alarm"`
	Kind   alarm.Kind          `json:"kind"`
	Forked bool                `json:"forked"` // nothing moves until it is acknowledged
	Relay  string              `json:"relay"`
	By     custody.PartyID     `json:"by,omitempty"`
	Found  custody.Time        `json:"found"`
	Record custody.RecordID    `json:"record,omitempty"`
	Words  string              `json:"words"`
	Ack    *agent.Acknowledged `json:"acknowledged,omitempty"`
}

func alarmData(x agent.Alarmed) alarmJSON {
	return alarmJSON{x.ID, x.Kind, x.Kind.Forked(), x.Relay, x.By, x.Found, x.Record, x.Words, x.Acknowledged}
}

func (a *app) alarmList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the alarms of this home", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			list, err := h.Alarms()
			if err != nil {
				return err
			}
			if a.json {
				data := []alarmJSON{}
				for _, x := range list {
					data = append(data, alarmData(x))
				}
				return a.printJSON(data)
			}
			for _, x := range list {
				state := ""
				if x.Acknowledged != nil {
					state = "  acknowledged"
				}
				a.print("%s  %s  %-14s  %s%s", x.ID[:8], moment(x.Found), x.Kind, line(x.Words), state)
			}
			if len(list) == 0 {
				a.say("no alarm")
			}
			return nil
		},
	}
}

// onAlarm runs f on the alarm that is named.
func (a *app) onAlarm(name string, f func(*agent.Home, *agent.Alarmed) error) error {
	h, err := a.home()
	if err != nil {
		return err
	}
	x, err := h.Alarm(name)
	if err != nil {
		return hintf(err, "comity alarm list")
	}
	return f(h, x)
}

func (a *app) alarmShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ALARM", Short: "show an alarm and what it proves", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.onAlarm(args[0], func(h *agent.Home, x *agent.Alarmed) error {
				if a.json {
					return a.printJSON(alarmData(*x))
				}
				pin, err := h.Trust.Relay(x.Relay)
				if err != nil {
					return err
				}
				f, err := x.Verify(map[string]custody.Digest{x.Relay: pin.Fingerprint})
				if err != nil {
					return fmt.Errorf("%w: %w", err, agent.ErrVerify)
				}
				a.print("alarm %s of %s: %s", x.ID, moment(x.Found), x.Kind)
				a.print("%s", line(x.Words))
				a.print("%s", line(f.Says))
				for _, n := range []string{x.Seen, x.Shown} {
					if n != "" {
						a.print("")
						a.print("%s", strings.TrimRight(n, "\n"))
					}
				}
				a.print("")
				switch ack := x.Acknowledged; {
				case ack != nil:
					a.print("acknowledged %s: %s", moment(ack.Time), line(ack.Words))
				case x.Kind.Forked():
					a.print("not acknowledged: nothing is sent or taken here")
				default:
					a.print("not acknowledged; it stops nothing by itself")
				}
				a.say("next: comity alarm export %s -o FILE gives the evidence to others; docs/operating.md says what to do", x.ID[:8])
				return nil
			})
		},
	}
}

func (a *app) alarmExport() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "export ALARM -o FILE", Short: "write the evidence to a file that anyone can verify", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return hintf(usagef("-o is missing"), "comity alarm export %s -o FILE", args[0])
			}
			return a.onAlarm(args[0], func(_ *agent.Home, x *agent.Alarmed) error {
				return a.writeNew(out, func(w io.Writer) error { _, err := w.Write(x.Marshal()); return err })
			})
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the file to write; it must not exist")
	return c
}

const acknowledgeHelp = `Say that a person has looked at an alarm, and what was found out; the words are kept
beside it on this machine, and nobody else is told. Of a fork, this lets transfers go on
that the alarm has stopped. What contradicts the log that this home remembers is refused
as before, and no word changes that: if the relay goes on with the other log, it is
finished, and the States agree on another one.

  comity alarm acknowledge k3vq --words "operator called; restored from backup"`

func (a *app) alarmAcknowledge() *cobra.Command {
	var words string
	c := &cobra.Command{
		Use: "acknowledge ALARM --words TEXT", Short: "say that a person has looked at it", Long: acknowledgeHelp, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if strings.TrimSpace(words) == "" {
				return hintf(usagef("--words is missing"), "say what was found out, and with whom: comity alarm acknowledge %s --words TEXT", args[0])
			}
			return a.onAlarm(args[0], func(h *agent.Home, x *agent.Alarmed) error {
				if err := h.Acknowledge(x, words, statement.At(a.now())); err != nil {
					return err
				}
				a.say("alarm %s is acknowledged", x.ID[:8])
				if a.json {
					return a.printJSON(alarmData(*x))
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&words, "words", "", "what was found out, and with whom")
	return c
}

// tellAlarms says which alarms stand in this home that nobody has acknowledged.
func (a *app) tellAlarms() error {
	h, err := a.home()
	if err != nil {
		return err
	}
	list, err := h.Alarms()
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.Acknowledged == nil {
			a.say("ALARM %s of %s: %s", x.ID[:8], moment(x.Found), line(x.Words))
		}
	}
	return nil
}
