package agent

import (
	"fmt"
	"sync"
	"time"
)

// forecastAfter is how long a package has to be on its way before its end is foretold: a
// connection that has just begun tells little.
const forecastAfter = time.Minute

// forecast foretells whether a package is complete before its grant expires. What comes
// too late is not lost, but stays with the relay unsealed until somebody amends the
// grant or it is given up.
type forecast struct {
	mu      sync.Mutex
	begun   time.Time
	first   int64 // bytes that were there before
	total   int64
	expires time.Time
	told    bool
}

// late returns when all bytes will be with the relay at the rate up to now, once, if that
// is after the grant expires.
func (f *forecast) late(done int64, now time.Time) (end time.Time, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	took, moved := now.Sub(f.begun), done-f.first
	if f.told || took < forecastAfter || moved <= 0 || done >= f.total {
		return end, false
	}
	left := time.Duration(float64(took) / float64(moved) * float64(f.total-done))
	if end = now.Add(left); !end.After(f.expires) {
		return end, false
	}
	f.told = true
	return end, true
}

// forewarn tells the user if the package will not be complete in time.
func (u *uploader) forewarn(done int64) {
	end, late := u.forecast.late(done, u.x.a.now())
	if !late {
		return
	}
	g := u.x.grant
	u.x.a.log.Warn("at this rate the package is not complete before the grant expires", "package", u.x.res.Package, "complete", end, "expires", g.Expires)
	fmt.Fprintf(u.x.a.out, "warning: at this rate package %s is complete about %s, and the grant expires %s: ask %s to amend it (comity grant %s --amend)\n",
		u.x.res.Package, end.UTC().Format("2006-01-02 15:04Z"), g.Expires, g.By, u.x.request)
}
