package objects

import (
	"errors"
	"fmt"
)

// The errors that callers match with errors.Is. Any other error of a Store is
// a fault of the medium or of the server, and says nothing about the change.
var (
	// ErrKey: the key or prefix breaks the grammar, or it is a folder of
	// another key or has one as its folder.
	ErrKey = errors.New("illegal object key")

	// ErrInvalid: an argument is outside what the specification allows.
	ErrInvalid = errors.New("invalid argument")

	// ErrNotExist: no object, or no such version.
	ErrNotExist = errors.New("object does not exist")

	// ErrExist: the key is taken.
	ErrExist = errors.New("object exists")

	// ErrNoUpload: no open upload of this id and key.
	ErrNoUpload = errors.New("no such upload")

	// ErrFrozen: the completion of the upload has begun.
	ErrFrozen = errors.New("upload is being completed")

	// ErrSuperseded: a later call for the same part has taken over.
	ErrSuperseded = errors.New("part is put by a later call")

	// ErrDigest: the body is not what was declared.
	ErrDigest = errors.New("body does not match its declared size and SHA-256")

	// ErrParts: the part table does not match the upload.
	ErrParts = errors.New("parts do not match the upload")

	// ErrRange: bytes beyond the end were asked for.
	ErrRange = errors.New("range is beyond the object")

	// ErrLocked: the lock of the version runs.
	ErrLocked = errors.New("object is locked")
)

// PartsError is an ErrParts that says which parts of the table the upload does not
// have as the table says. All others are as they were.
type PartsError struct {
	Numbers []int // ascending, at least one
}

// Error implements error.
func (e *PartsError) Error() string {
	return fmt.Sprintf("%v: %d parts are not as they were put, the first is part %d", ErrParts, len(e.Numbers), e.Numbers[0])
}

// Unwrap makes it an ErrParts.
func (e *PartsError) Unwrap() error { return ErrParts }
