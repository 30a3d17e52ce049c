//go:build !linux

package postgres

import (
	"testing"

	"comity.example/comity/gateway/records/postgres"
	"comity.example/comity/test/need"
)

// Server is a server: here there is none.
type Server struct{ Folder string }

func Database(t testing.TB) *postgres.Config { programs(t); return nil }
func Start(t testing.TB) *Server             { programs(t); return nil }
func StartOnDisk(t testing.TB) *Server       { programs(t); return nil }
func Of(*postgres.Config) *Server            { return nil }

func (s *Server) Database(t testing.TB) *postgres.Config          { return nil }
func (s *Server) Exec(t testing.TB, database string, q ...string) {}
func (s *Server) Try(database, statement string) error            { return nil }
func (s *Server) TryAs(user, database, statement string) error    { return nil }
func (s *Server) Program(name string) string                      { return name }
func (s *Server) Admin() string                                   { return "" }
func (s *Server) Run() error                                      { return nil }
func (s *Server) Crash(t testing.TB)                              {}

func (s *Server) Demand(t testing.TB, user, method string) {}

func programs(t testing.TB) string {
	t.Helper()
	need.Missing(t, "tests start PostgreSQL on Linux only")
	return ""
}
