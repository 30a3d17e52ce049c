package fsck

import (
	"context"
	"fmt"
	"strconv"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/gateway/internal/ledger"
)

// cosignedRow is a row of the table of cosigned checkpoints. Who the witnesses were
// is not known here: what is checked is that the log itself has signed them, and
// that they are of its entries.
type cosignedRow struct {
	size        int64
	first, last []byte
}

func readCosigned(scan func(...any) error) (r cosignedRow, err error) {
	err = scan(&r.size, &r.first, &r.last)
	return r, err
}

func cosignedAt(size int64) string { return fmt.Sprintf("cosigned checkpoint %d", size) }

// checkCosignedRow checks the notes of the tree of the leaves so far.
func (c *checker) checkCosignedRow(r cosignedRow) {
	for _, note := range [][]byte{r.first, r.last} {
		cp, err := translog.Open(note, c.cfg.Origin, c.verifier)
		switch {
		case err != nil:
			c.found(CodeCosigned, cosignedAt(r.size), "it is not by the log key, or malformed")
		case cp.Size != r.size || cp.Size != c.log.size || cp.Root != c.root():
			c.found(CodeCosigned, cosignedAt(r.size), "its root is not that of the entries")
		default:
			c.witnessed[r.size] = cp.Root
			continue
		}
		return
	}
}

// checkCosignedObject checks a cosigned note in the store: it is of a tree that the
// database knows as cosigned. Which of several of one tree is there does not matter.
func (c *checker) checkCosignedObject(ctx context.Context, key, name string) error {
	b, _, err := c.get(ctx, key, translog.MaxCheckpointBytes)
	if b == nil || err != nil {
		return err
	}
	cp, err := translog.Open(b, c.cfg.Origin, c.verifier)
	root, known := c.witnessed[cp.Size]
	switch {
	case err != nil:
		c.found(CodeCosigned, objectAt(key), "it is not by the log key, or malformed")
	case cp.Size > c.log.size:
		c.found(CodeAhead, objectAt(key), "it is of %d entries, the database has %d", cp.Size, c.log.size)
	case key != ledger.NewestCosignedKey && name != strconv.FormatInt(cp.Size, 10):
		c.found(CodeCosigned, objectAt(key), "it is of %d entries", cp.Size)
	case !known:
		c.found(CodeCosigned, objectAt(key), "no row knows it")
	case root != cp.Root:
		c.found(CodeCosigned, objectAt(key), "its root is not that of the entries")
	}
	return nil
}
