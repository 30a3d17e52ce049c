package fsck

import (
	"context"
	"maps"
	"slices"

	"comity.example/comity/custody"
)

// rememberDestroyed notes that the relay says of a package that its head is gone.
func (c *checker) rememberDestroyed(id string) {
	if d := c.deposits[id]; d != nil {
		d.destroyed = true
	}
}

// checkRecalledFile checks the head or the inner file of a recalled package: here or
// gone until an entry says that it is gone, and gone from then on. While it is here it
// is the one that was sealed; its lock does not have to last. While its request is on
// hold it is here, unless that entry came before.
func (c *checker) checkRecalledFile(ctx context.Context, d *deposit, key string, want custody.Digest) error {
	sum, info, missing, err := c.sum(ctx, key)
	switch {
	case missing && c.holds[d.entry.Record] && !d.destroyed:
		c.found(CodeHeadMissing, objectAt(key), "its request is on hold: it is lost, or was destroyed, or that had begun before the hold")
	case missing:
	case err != nil || info.Version == "": // named already
	case d.destroyed:
		c.found(CodeHeadDestroyed, objectAt(key), "an entry says that it is gone, and it is here")
	case sum != want:
		c.found(CodeHeadFile, objectAt(key), "its SHA-256 is not the one that the seal names")
	case c.holds[d.entry.Record]:
		c.note(NoteRecalled, objectAt(key), "the package is recalled: the relay destroys it when the hold of its request is lifted and its lock lets it")
	default:
		c.note(NoteRecalled, objectAt(key), "the package is recalled: the relay destroys it as soon as its lock lets it")
	}
	return err
}

// checkRecalls compares the list of what is to be destroyed with the log: what is
// missing on it would stay for ever, and what is on it without a recall would be
// destroyed against everybody's will.
func (c *checker) checkRecalls(ctx context.Context) error {
	listed := map[string]bool{}
	err := c.each(ctx, "SELECT package FROM recalled ORDER BY package", "recalled", func(scan func(...any) error) error {
		var id string
		if err := scan(&id); err != nil {
			return err
		}
		listed[id] = true
		if d := c.deposits[id]; (d == nil || !d.recalled) && !c.unknown {
			c.found(CodeRecalled, packageAt(id), "its head is to be destroyed, and the log has no recall of it")
		}
		return nil
	})
	for _, id := range slices.Sorted(maps.Keys(c.deposits)) {
		if d := c.deposits[id]; err == nil && d.unlocked && d.recalled && !d.destroyed && !listed[id] {
			c.found(CodeRecalled, packageAt(id), "it is recalled, and its head is not on the list of those to destroy")
		}
	}
	return err
}

// checkHolds compares the list of requests on hold with the log: what is missing on it
// would be destroyed, what is too much would be kept for ever.
func (c *checker) checkHolds(ctx context.Context) error {
	listed := map[custody.RecordID]bool{}
	err := c.each(ctx, "SELECT record FROM holds ORDER BY record", "holds", func(scan func(...any) error) error {
		var id custody.RecordID
		if err := scan(&id); err != nil {
			return err
		}
		listed[id] = true
		if !c.holds[id] && !c.unknown {
			c.found(CodeHold, recordAt(string(id)), "it is listed as on hold, and by the log it is not")
		}
		return nil
	})
	for _, id := range slices.Sorted(maps.Keys(c.holds)) {
		if err == nil && c.holds[id] && !listed[id] {
			c.found(CodeHold, recordAt(string(id)), "it is on hold, and not listed as such")
		}
	}
	return err
}
