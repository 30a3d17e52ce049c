//go:build !comitytest

package keyfile

// workFactor is the logarithm of the scrypt work that protects a key: 0 stands for
// age's own, which takes most of a second.
const workFactor = 0

// Weak reports whether keys are protected for tests only.
const Weak = false
