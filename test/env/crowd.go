package env

import (
	"time"

	"comity.example/comity/custody"
)

// Join makes a further authority, which the relay pins, and lets it publish.
func (s *Story) Join(name string) (*Authority, error) {
	a, err := NewAuthority(name)
	if err != nil {
		return nil, err
	}
	s.view.Pins[name] = fingerprint(a.Root)
	return a, s.publish(a)
}

// Until lets time pass up to a moment, if that is not over.
func (s *Story) Until(t time.Time) {
	if t.After(s.now) {
		s.now = t
	}
}

// View returns what is in force.
func (s *Story) View() *custody.View { return s.view }

// Record returns a record as the acts so far made it, or nil.
func (s *Story) Record(id custody.RecordID) *custody.Record { return s.records[id] }

// RecipientsOf names the recipients of an authority as its directory lists them.
func (s *Story) RecipientsOf(a *Authority) (list []custody.RecipientRef) {
	dir := s.view.Authorities[a.Name].DirectorySHA256
	for _, id := range a.Recipients() {
		key := custody.RecipientKey(a.Identities[id].Recipient().String())
		list = append(list, custody.RecipientRef{ID: id, Directory: dir, Key: key})
	}
	return list
}
