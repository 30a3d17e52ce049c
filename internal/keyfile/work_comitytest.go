//go:build comitytest

package keyfile

// The programs that the tests of folder test run are built with the tag comitytest: they
// protect and open keys thousands of times, and a second for each is most of what those
// tests would take. No other build has the tag. A key that such a program made is known
// by its header, and `comity version` says that it is one.
const workFactor = 10

// Weak reports whether keys are protected for tests only.
const Weak = true
