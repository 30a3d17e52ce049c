package agent

import (
	"fmt"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
)

// namedTree is a tree that an agent says in the record that it has read.
type namedTree struct {
	root     custody.Digest
	by       string
	record   custody.RecordID
	envelope []byte
}

// compared holds the trees that agents of both States name in what they signed, while the
// log is read: whoever was shown another log has named another root. The relay is not
// asked, and the other State's machine need not be.
type compared struct {
	at    map[int64][]namedTree // by size
	front translog.Frontier
	other []alarm.Alarm
}

// namedIn collects the trees that the records of a snapshot name.
func namedIn(snap *Snapshot) (*compared, error) {
	c := &compared{at: map[int64][]namedTree{}}
	for id, lines := range snap.Records {
		if !isRequest(id) {
			continue
		}
		for i := range lines {
			l := lines[i].Custody()
			if l.Gap != nil { // erased
				continue
			}
			_, st, err := l.Parse()
			if err != nil {
				return nil, err // not after replay
			}
			var ref custody.CheckpointRef
			switch b := bodyOf(st).(type) {
			case *custody.Attestation:
				ref = b.Checkpoint
			case *custody.Unlock:
				ref = b.Checkpoint
			default:
				continue
			}
			if ref.Size <= snap.Checkpoint.Size {
				c.at[ref.Size] = append(c.at[ref.Size], namedTree{ref.Root, st.Header.By, id, l.Envelope})
			}
		}
	}
	return c, nil
}

// visit takes the next leaf.
func (c *compared) visit(leaf translog.Leaf) {
	if len(c.at) == 0 {
		return
	}
	c.front.Append(leaf.Hash())
	size := c.front.Size()
	for _, n := range c.at[size] {
		if root := custody.Digest(c.front.Root()); root != n.root {
			c.other = append(c.other, alarm.Alarm{Kind: alarm.KindOtherLog, Record: n.record, Root: root, Statement: n.envelope,
				Words: fmt.Sprintf("%s has signed that it read a log of %d entries with another root than this log had: either its machine is wrong, or the relay shows it another log", n.by, size)})
		}
	}
}
