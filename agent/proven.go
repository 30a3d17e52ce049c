package agent

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/wire"
)

// provenFolder holds records as they were last proven here: of the requests that were
// looked at and of their authorities. What stops something can be signed and judged by
// them where no relay answers; nothing moves by them.
const provenFolder = "proven"

// keepProven keeps, where officers sign, the records of a request, or of authorities, that
// have grown since.
// They are a help for bad days: that they cannot be kept is no reason to stop.
func (s *Session) keepProven(snap *Snapshot) {
	if own, err := s.agent.home.Own(custody.RoleOfficer); err != nil || len(own) == 0 {
		return // nobody signs here
	}
	for id, lines := range snap.Records {
		if id == custody.RelayRecord {
			continue
		}
		if err := s.keepRecord(id, lines); err != nil {
			s.agent.log.Warn("a record could not be kept for when the relay is away", "record", id, "error", err)
		}
	}
}

// provenDir is the folder of a record. The file in it is named by how many entries it has:
// that says whether the record has grown.
func (s *Session) provenDir(id custody.RecordID) string {
	return s.relayPath(provenFolder, strings.ReplaceAll(string(id), "/", "-"))
}

// keepRecord writes a record that has grown, then removes what was there before. If we
// crash in between, both are there, and the longer one is read.
func (s *Session) keepRecord(id custody.RecordID, lines []wire.Line) error {
	had, err := s.provenLengths(id)
	if err != nil || slices.Contains(had, len(lines)) {
		return err
	}
	bare := make([]wire.Line, len(lines))
	for i, l := range s.unerased(id, lines) {
		bare[i] = wire.Line{Index: l.Index, Entry: l.Entry, Envelope: l.Envelope, Salt: l.Salt, Gap: l.Gap, Proof: []custody.Digest{}}
	}
	data, err := json.Marshal(bare)
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(s.provenDir(id), 0o700); err != nil {
		return err
	}
	if err := durable.WriteFile(s.provenPath(id, len(lines)), data, 0o600); err != nil {
		return err
	}
	for _, n := range had {
		if n < len(lines) {
			os.Remove(s.provenPath(id, n))
		}
	}
	return nil
}

// unerased puts what is kept here in the place of what the relay has erased since: an
// erasure there says nothing of copies here, which are for their holder to clear.
func (s *Session) unerased(id custody.RecordID, lines []wire.Line) []wire.Line {
	if !slices.ContainsFunc(lines, func(l wire.Line) bool { return l.Gap != nil }) {
		return lines
	}
	kept, _ := s.provenRecord(id) // if there is none, the gaps stay
	lines = slices.Clone(lines)
	for i, l := range lines {
		if l.Gap == nil || i >= len(kept) || kept[i].Gap != nil {
			continue
		}
		if c := kept[i].Custody(); c.Salted() == l.Gap.Salted {
			lines[i] = kept[i]
		}
	}
	return lines
}

func (s *Session) provenPath(id custody.RecordID, n int) string {
	return filepath.Join(s.provenDir(id), strconv.Itoa(n))
}

// provenLengths lists how long the copies of a record are.
func (s *Session) provenLengths(id custody.RecordID) (list []int, err error) {
	files, err := os.ReadDir(s.provenDir(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range files {
		if n, err := strconv.Atoi(f.Name()); err == nil {
			list = append(list, n)
		}
	}
	return list, nil
}

// Alone returns the state of a request as it was last proven here, and a session that has
// no connection: with it a statement can be drafted and signed, and nothing else. Without
// a request it is the state of the authorities named.
func (a *Agent) Alone(id custody.PartyID, request string, authorities ...string) (*Session, *Snapshot, error) {
	pin, err := a.home.Trust.Relay(a.home.Config.Relay)
	if err != nil {
		return nil, nil, err
	}
	s := &Session{ID: id, Origin: pin.Origin, agent: a, fp: pin.Fingerprint}
	if s.key, err = a.home.Key(id); err != nil {
		return nil, nil, err
	}
	snap := &Snapshot{Records: map[custody.RecordID][]wire.Line{}, Taken: a.now(), senders: map[string]*keys.Public{}}
	var ids []custody.RecordID
	if request != "" {
		lines, err := s.provenRecord(custody.RecordID(request))
		if err != nil {
			return nil, nil, err
		}
		if authorities, err = partiesOf(lines); err != nil {
			return nil, nil, err
		}
		snap.Records[custody.RecordID(request)] = lines
	}
	for _, name := range authorities {
		ids = append(ids, custody.AuthorityRecord(name))
	}
	for _, id := range ids {
		if snap.Records[id], err = s.provenRecord(id); err != nil {
			return nil, nil, err
		}
	}
	return s, snap, s.again(snap)
}

// provenRecord reads the longest copy of a record.
func (s *Session) provenRecord(id custody.RecordID) (lines []wire.Line, err error) {
	had, err := s.provenLengths(id)
	if err != nil {
		return nil, err
	}
	if len(had) == 0 {
		return nil, fmt.Errorf("this home has never proven record %q, so nothing can be signed for it without the relay", id)
	}
	data, err := os.ReadFile(s.provenPath(id, slices.Max(had)))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &lines); err != nil {
		return nil, fmt.Errorf("reading record %q as it was proven here: %w", id, err)
	}
	return lines, nil
}

// again replays what was proven before.
func (s *Session) again(snap *Snapshot) error {
	var all []wire.Line
	of := map[int64]custody.RecordID{}
	for id, lines := range snap.Records {
		all = append(all, lines...)
		for _, l := range lines {
			of[l.Index] = id
		}
	}
	slices.SortFunc(all, func(a, b wire.Line) int { return cmp.Compare(a.Index, b.Index) })
	snap.Book = custody.NewBook(s.Origin, s.agent.home.Trust.Pins(), s.fp)
	for _, l := range all {
		var err error
		if l.Gap != nil {
			_, err = snap.Book.AddGap(of[l.Index], l.Index, l.Gap)
		} else {
			_, _, err = snap.Book.Add(l.Custody())
		}
		if err != nil {
			return fmt.Errorf("replaying the records as they were proven here: %w", err)
		}
	}
	return nil
}
