package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"comity.example/comity/crypto/translog"
)

// monitorEvery is how often a daemon goes on reading the log, whatever the relay tells it
// of what is new.
const monitorEvery = time.Minute

// monitor follows a log by its leaves alone: what the relay does not tell in its list of
// changes it cannot leave out there. It reads each leaf once. It is safe for concurrent use.
type monitor struct {
	mu    sync.Mutex // guards the fields below
	front translog.Frontier
	tags  map[translog.Tag]looked // of the records that were read
	last  time.Time               // owned by the daemon's listen
}

// looked is how far a request was read.
type looked struct {
	request string
	size    int64 // of the log
}

// know notes that a record was read up to a checkpoint.
func (m *monitor) know(snap *Snapshot, request string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tags == nil {
		m.tags = map[translog.Tag]looked{}
	}
	m.tags[translog.NewTag(snap.Case(request).RequestSHA256)] = looked{request, snap.Checkpoint.Size}
}

// monitor reads what has come to the log, holds it against all that this home remembers of
// it, and returns the requests of which there is more than was read. After an error of the
// log itself, which has raised its alarm, the next call begins at the first leaf.
func (s *Session) monitor(ctx context.Context, m *monitor) (grown []string, err error) {
	c, err := s.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.seen()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := append(list, c)
	f := m.front
	if slices.ContainsFunc(all, func(o seen) bool { return o.Size < f.Size() }) {
		f = translog.Frontier{} // another process remembers what this one has not compared
	}
	m.front = translog.Frontier{}
	err = s.compare(ctx, &f, all, c.Size, func(index int64, leaf translog.Leaf) error {
		if k, ok := m.tags[leaf.Tag]; ok && index >= k.size && !slices.Contains(grown, k.request) {
			grown = append(grown, k.request)
		}
		return nil
	})
	if err != nil {
		s.accuse(ctx, all, c, err)
		return nil, err
	}
	m.front = f
	return grown, s.settle(all)
}

// patrol has the daemon look at requests of which the log holds more than it has read, as
// often as it is time to ask.
func (d *daemon) patrol(ctx context.Context, s *Session) error {
	if time.Since(d.monitor.last) < monitorEvery {
		return nil
	}
	d.monitor.last = time.Now()
	grown, err := s.monitor(ctx, &d.monitor)
	if errors.Is(err, ErrVerify) { // said, and kept as an alarm; the visits fail as well
		return nil
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range grown {
		d.want(id)
	}
	d.poke()
	return nil
}
