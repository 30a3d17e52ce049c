// Package env is a world of parties for tests and demonstrations: authorities
// with their roots, registrars, officers, agents and recipients, a relay with its
// log, all with real keys and real signatures.
//
// It refuses to know about testing: nothing here takes a testing.T, so programs
// can use it too. Its keys live in memory, are new each time and protect nothing.
package env
