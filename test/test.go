// Package test holds the stories that cross every border of the tree: real
// programs in separate processes over real sockets, as the README, an operator, a
// stranger and a court use them. Its folders hold the demonstration (demo), a world
// of parties for other tests (env), and what is too long for every day (soak).
//
// It refuses mocks: what stands between two parties here is what stands between
// them in life.
package test
