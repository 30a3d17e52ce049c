package seal

import "filippo.io/age"

// NewSealerFromKey is newSealer, for tests that know the file key.
var NewSealerFromKey = newSealer

// NewOpenerFromKey is newOpener, for tests of files that our heads refuse.
var NewOpenerFromKey = newOpener

// NewCapture returns a recipient that wraps with r, and a function that
// returns the file key it has seen.
func NewCapture(r age.Recipient) (age.Recipient, func() []byte) {
	c := &capture{to: r}
	return c, func() []byte { return c.key }
}
