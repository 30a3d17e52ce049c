package ledger

import "os"

// CrashVariable names the environment variable that holds the name of the point
// at which the process kills itself: how tests prove what a crash leaves.
const CrashVariable = "COMITY_CRASH_AT"

// Crash kills the process, without any clean-up, if CrashVariable names this
// point. Otherwise it does nothing.
func Crash(point Point) {
	if os.Getenv(CrashVariable) != string(point) {
		return
	}
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		p.Kill() // SIGKILL, or TerminateProcess on Windows: nothing deferred runs
	}
	select {} // until the signal arrives nothing more may happen
}
