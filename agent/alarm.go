package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
	"comity.example/comity/internal/durable"
)

const (
	alarmsFolder = "alarms"
	ackSuffix    = ".acknowledged"
	// maxAlarms bounds how many alarms a home keeps: a relay must not fill the disk with
	// evidence against itself. The first are the ones that matter.
	maxAlarms = 1000
	maxAck    = 4000 // bytes of words
)

// ErrForked is wrapped, with ErrVerify, where nothing moves because the log has forked and
// nobody has acknowledged that yet.
var ErrForked = fmt.Errorf("the relay's log has forked: %w", ErrVerify)

// Alarmed is an alarm as this home keeps it.
type Alarmed struct {
	*alarm.Alarm
	ID           string
	Acknowledged *Acknowledged // nil: by nobody
}

// Acknowledged is a person's word on an alarm.
type Acknowledged struct {
	Time  custody.Time `json:"time"`
	Words string       `json:"words"`
}

// raise keeps evidence against the relay, durably, and says it in the log the first time:
// the same evidence again changes nothing. That it cannot be kept is said, too; what was
// being done fails anyway.
func (s *Session) raise(a alarm.Alarm) {
	a.Relay, a.By, a.Found, a.Descriptor = s.Origin, s.ID, statement.At(s.agent.now()), s.descriptor
	fresh, err := s.agent.home.keepAlarm(&a)
	if err != nil {
		s.agent.log.Error("an alarm could not be kept", "alarm", a.Words, "error", err)
	}
	if fresh {
		s.agent.log.Error("ALARM: "+a.Words, "alarm", a.ID(), "kind", a.Kind)
	}
}

// keepAlarm writes an alarm, if the home has not got it.
func (h *Home) keepAlarm(a *alarm.Alarm) (fresh bool, err error) {
	ids, err := h.alarmIDs()
	if err != nil || slices.Contains(ids, a.ID()) {
		return false, err
	}
	if len(ids) >= maxAlarms && !a.Kind.Forked() {
		return false, fmt.Errorf("there are %d already", len(ids))
	}
	if err := durable.MkdirAll(h.path(alarmsFolder), 0o700); err != nil {
		return false, err
	}
	err = durable.WriteNew(h.path(alarmsFolder, a.ID()), a.Marshal(), 0o600)
	if errors.Is(err, fs.ErrExist) { // another process found it as well
		return false, nil
	}
	return err == nil, err
}

func (h *Home) alarmIDs() (ids []string, err error) {
	files, err := os.ReadDir(h.path(alarmsFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing alarms: %w", err)
	}
	for _, f := range files {
		if custody.CheckID(f.Name()) == nil {
			ids = append(ids, f.Name())
		}
	}
	return ids, nil
}

// Alarms lists the alarms of this home, oldest first. One that cannot be read is an error:
// it may be the one that matters.
func (h *Home) Alarms() ([]Alarmed, error) {
	ids, err := h.alarmIDs()
	if err != nil {
		return nil, err
	}
	list := []Alarmed{}
	for _, id := range ids {
		a, err := h.alarmOf(id)
		if err != nil {
			return nil, err
		}
		list = append(list, *a)
	}
	slices.SortFunc(list, func(a, b Alarmed) int { return a.Found.Time().Compare(b.Found.Time()) })
	return list, nil
}

func (h *Home) alarmOf(id string) (*Alarmed, error) {
	data, err := os.ReadFile(h.path(alarmsFolder, id))
	if err != nil {
		return nil, fmt.Errorf("reading alarm %q: %w", id, err)
	}
	a, err := alarm.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("alarm %q: %w", id, err)
	}
	x := &Alarmed{Alarm: a, ID: id}
	ack, err := os.ReadFile(h.path(alarmsFolder, id+ackSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err == nil {
		x.Acknowledged = new(Acknowledged)
		err = statement.Decode(ack, x.Acknowledged)
	}
	if err != nil {
		return nil, fmt.Errorf("reading who acknowledged alarm %q: %w", id, err)
	}
	return x, nil
}

// Alarm returns the alarm whose id begins so.
func (h *Home) Alarm(prefix string) (*Alarmed, error) {
	ids, err := h.alarmIDs()
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, prefix) })
	switch {
	case len(ids) == 0 || prefix == "":
		return nil, fmt.Errorf("this home has no alarm %q", prefix)
	case len(ids) > 1:
		return nil, fmt.Errorf("%d alarms begin with %q", len(ids), prefix)
	}
	return h.alarmOf(ids[0])
}

// Acknowledge notes that a person has looked at an alarm, and what was found out: words
// are kept beside it. The alarm stays, and so does what its home remembers of the log: a
// tree that contradicts that is refused as before. But what an unacknowledged fork keeps
// from moving may move again. The first word stands.
func (h *Home) Acknowledge(x *Alarmed, words string, now custody.Time) error {
	if words = strings.TrimSpace(words); words == "" || len(words) > maxAck {
		return fmt.Errorf("acknowledging alarm %q: want words, at most %d bytes", x.ID, maxAck)
	}
	ack := &Acknowledged{now, words}
	err := durable.WriteNew(h.path(alarmsFolder, x.ID+ackSuffix), statement.Encode(ack), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("alarm %q has been acknowledged already", x.ID)
	}
	if err == nil {
		x.Acknowledged = ack
	}
	return err
}

// unforked refuses to move anything while an alarm stands that a relay's log
// has forked, and nobody has acknowledged it: of a log that tells two stories nobody knows
// which of them the others see.
func (h *Home) unforked(origin string) error {
	list, err := h.Alarms()
	if err != nil {
		return fmt.Errorf("looking for alarms before anything moves: %w", err)
	}
	for _, x := range list {
		if x.Kind.Forked() && x.Acknowledged == nil && x.Relay == origin {
			return fmt.Errorf("alarm %s of %s stands, and nothing is sent or taken before a person has acknowledged it: %w", x.ID, x.Found, ErrForked)
		}
	}
	return nil
}
