package ingest

import (
	"context"
	"errors"
	"fmt"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// lostParts is an ErrParts of one object of a payload, with the numbers in the
// package of the parts that the store does not have as their rows say.
type lostParts struct {
	numbers []int
	err     error
}

func (l *lostParts) Error() string { return l.err.Error() }
func (l *lostParts) Unwrap() error { return l.err }

// lost adds to an ErrParts of object n, which has so many parts, which parts they
// are: all of them if the store does not say.
func lost(n, parts int, err error) error {
	if !errors.Is(err, objects.ErrParts) {
		return err
	}
	var wrong *objects.PartsError
	if !errors.As(err, &wrong) {
		wrong = &objects.PartsError{}
		for number := range parts {
			wrong.Numbers = append(wrong.Numbers, number)
		}
	}
	l := &lostParts{err: err}
	for _, number := range wrong.Numbers {
		l.numbers = append(l.numbers, n*ObjectParts+number)
	}
	return l
}

// reopen gives a frozen package back to its sender after the store refused for good
// to complete it: else nothing could move it on, and its room would be lost to the
// grant for ever. The rows of parts that the store does not have are dropped, so
// that the sender can bring these again; if it has them no more, it gives up.
//
// The cause is in the store, or in another relay process at the same database
// that wrote a part beside us. It is in the log of the operator.
func (i *Ingest) reopen(ctx context.Context, p records.Package, cause error) error {
	var l *lostParts
	errors.As(cause, &l)
	err := i.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		moved, err := tx.Unfreeze(p.ID, p.Seal, records.Open)
		if err != nil || !moved || l == nil { // not moved: another call did it
			return err
		}
		for _, n := range l.numbers {
			if _, err := tx.DropPart(p.ID, p.Epoch, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || l == nil {
		return errors.Join(cause, err)
	}
	i.cfg.Logger.ErrorContext(ctx, "the store lost parts of a package, which is open again", "package", p.ID, "error", cause)
	return wire.NewProblem(wire.CodeIncomplete, fmt.Sprintf("the store does not have %d parts as they were brought: bring them again", len(l.numbers)))
}
