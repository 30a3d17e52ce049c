package command

import (
	"context"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
)

// notices tells everybody who looks at requests, or at what waits for a signature, what
// changed in the directory of the own authority since somebody here last looked, and
// what expires soon: a registrar who is a thief changes nothing unseen. snap may be nil
// if the record of the authority has not been read yet.
func (a *app) notices(ctx context.Context, s *agent.Session, snap *agent.Snapshot) error {
	h, err := a.home()
	if err != nil {
		return err
	}
	name := h.Authority()
	if snap == nil || snap.Book.Record(custody.AuthorityRecord(name)) == nil {
		if snap, err = s.Sync(ctx, "", name); err != nil {
			return err
		}
	}
	list, told, err := s.News(snap, name, agent.ReaderPeople)
	if err != nil {
		return err
	}
	for i := range list {
		a.tellChange(&list[i])
	}
	if err := told(); err != nil {
		return err
	}
	a.tellExpiry(agent.Expiring(snap.Book.View(), name, a.now()))
	return nil
}

func (a *app) tellChange(c *agent.DirectoryChange) {
	if c.Root != nil {
		a.say("comity: changed: root of %s, version %d, in force since %s, signed by %s", c.Authority, c.Root.Version, moment(c.Time), c.Who())
		return
	}
	a.say("comity: changed: directory of %s, version %d, in force since %s, signed by %s", c.Authority, c.New.Version, moment(c.Time), c.Who())
	changes := officer.Changes(c.Old, c.New)
	for _, w := range changes {
		a.say("  %s", w)
	}
	if len(changes) == 0 {
		a.say("  it changes nothing and renews the date")
	}
}

// tellExpiry says what ends soon: a note from 30 days on, a warning from 7.
func (a *app) tellExpiry(list []agent.Expiry) {
	for _, e := range list {
		level := "note"
		if e.Urgent {
			level = "warning"
		}
		a.say("comity: %s: %s", level, e.Says(a.now(), time.Local))
	}
}
