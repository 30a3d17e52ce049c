package fsck

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/objects"
)

// checkDeposit checks the objects of a deposit: the payload, and head and inner
// file if the package is unlocked. Parts may be nil if they are not known.
func (c *checker) checkDeposit(ctx context.Context, id string, d *deposit, parts []objects.Part) error {
	for n, o := range d.entry.Deposit.Objects {
		k := c.owners[o.Key]
		k.id, k.seal = id, true
		c.owners[o.Key] = k
		own := parts[min(n*ingest.ObjectParts, len(parts)):min((n+1)*ingest.ObjectParts, len(parts))]
		here, err := c.checkPayload(ctx, d, o, own)
		if err != nil {
			return err
		}
		if here && c.cfg.Deep {
			if err := c.reread(ctx, o, own); err != nil {
				return err
			}
		}
	}
	for key, want := range map[string]custody.Digest{ingest.HeadKey(id): d.seal.HeadSHA256, ingest.InnerKey(id): d.seal.InnerSHA256} {
		if !d.unlocked {
			continue // see checkObjects
		}
		c.owners[key] = owner{id: id, seal: true}
		check := c.checkHeadFile
		if d.recalled {
			check = c.checkRecalledFile
		}
		if err := check(ctx, d, key, want); err != nil {
			return err
		}
	}
	return nil
}

// checkPayload compares what the store says about an object with the entry, and
// reports whether it is worth reading.
func (c *checker) checkPayload(ctx context.Context, d *deposit, o custody.StoredPayload, parts []objects.Part) (here bool, err error) {
	where := objectAt(o.Key)
	info, err := c.cfg.Store.Stat(ctx, o.Key, o.Version)
	switch {
	case errors.Is(err, objects.ErrNotExist):
		c.found(CodePayloadMissing, where, "it is not there in the version that entry %d names", d.index)
		return false, nil
	case errors.Is(err, ErrLength):
		c.found(CodePayloadSize, where, "it is shorter or longer than the store's record of it")
		return false, nil
	case err != nil:
		return false, c.unreadable(ctx, o.Key, err)
	case info.Size != o.Size:
		c.found(CodePayloadSize, where, "it has %d bytes, entry %d says %d", info.Size, d.index, o.Size)
		return false, nil
	}
	numbered := renumber(parts)
	if objects.CheckParts(o.Size, seal.PartSize, numbered) == nil && info.Digest != [32]byte{} && info.Digest != objects.Composite(numbered) {
		c.found(CodePayload, where, "the store's checksum is not that of the part rows")
	}
	hidden, err := c.hidden(ctx, d, o)
	if err != nil || hidden {
		return true, err // some servers show the lock of the newest version only
	}
	c.checkLock(d, o.Key, info, objects.Compliance)
	return true, nil
}

// hidden names a payload over which something was put: whoever asks for the key
// without the version gets that, or nothing.
func (c *checker) hidden(ctx context.Context, d *deposit, o custody.StoredPayload) (bool, error) {
	info, err := c.cfg.Store.Stat(ctx, o.Key, "")
	switch {
	case errors.Is(err, objects.ErrNotExist):
		c.found(CodePayloadVersion, objectAt(o.Key), "the version that entry %d names is there, and a delete marker hides it", d.index)
	case err != nil:
		return true, c.unreadable(ctx, o.Key, err)
	case info.Version != o.Version:
		c.found(CodePayloadVersion, objectAt(o.Key), "a newer version lies over the one that entry %d names", d.index)
	default:
		return false, nil
	}
	return true, nil
}

// renumber counts the parts of an object from 0.
func renumber(parts []objects.Part) []objects.Part {
	list := make([]objects.Part, len(parts))
	for n, p := range parts {
		p.Number = n
		list[n] = p
	}
	return list
}

// checkLock checks that a file of a package stays as long as its deposit promised, and
// while its request is on hold. A head is stored after the deposit, and locked for as
// long from then on.
func (c *checker) checkLock(d *deposit, key string, info objects.Info, mode objects.Mode) {
	until := d.entry.Time.Time().Add(max(c.cfg.Lock, time.Duration(d.days)*24*time.Hour))
	if next := c.cfg.Now.Add(time.Second); c.holds[d.entry.Record] && until.Before(next) {
		until = next
	}
	if !until.After(c.cfg.Now) {
		return
	}
	if info.Mode != mode || info.RetainUntil.Before(until) {
		c.found(CodeLock, objectAt(key), "it must stay under %s until %s", mode, objects.CeilSecond(until).Format("2006-01-02T15:04:05Z"))
	}
}

// reread compares the bytes of an object with the part rows.
func (c *checker) reread(ctx context.Context, o custody.StoredPayload, parts []objects.Part) error {
	r, _, err := c.cfg.Store.Get(ctx, o.Key, o.Version, 0, -1)
	if err != nil {
		return c.unreadable(ctx, o.Key, err)
	}
	defer r.Close()
	for _, p := range parts {
		h := sha256.New()
		if _, err := io.CopyN(h, r, p.Size); err != nil {
			return c.unreadable(ctx, o.Key, err)
		}
		c.report.Counts.Reread++
		if [32]byte(h.Sum(nil)) != p.SHA256 {
			c.found(CodePayload, objectAt(o.Key), "part %d has other bytes than its row says", p.Number)
		}
	}
	return nil
}

// checkHeadFile checks the head or the inner file of an unlocked package. The log
// cannot tell a file that was lost from one that a crash kept from being stored, or
// from being locked: the sender had no answer then, and brings it again.
func (c *checker) checkHeadFile(ctx context.Context, d *deposit, key string, want custody.Digest) error {
	sum, info, missing, err := c.sum(ctx, key)
	switch {
	case missing:
		c.found(CodeHeadMissing, objectAt(key), "the package is unlocked: it is lost, or its sender has yet to bring it again")
	case err != nil || info.Version == "": // named already
	case sum != want:
		c.found(CodeHeadFile, objectAt(key), "its SHA-256 is not the one that the seal names")
	default:
		c.checkLock(d, key, info, objects.Governance)
	}
	return err
}
