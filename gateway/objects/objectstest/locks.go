package objectstest

import (
	"time"

	"comity.example/comity/gateway/objects"
)

// locked locks a version and checks what is read back.
func (w *world) locked(key string, info objects.Info, mode objects.Mode, until time.Time) objects.Info {
	w.Helper()
	got, err := w.Lock(w.Context(), key, info.Version, mode, until)
	w.fatalIf(err)
	info.Mode, info.RetainUntil = mode, objects.CeilSecond(until)
	w.same("Lock", got, info)
	return info
}

// fast checks that a locked version resists: deleting, replacing, shortening,
// another mode. It stays what it was.
func (w *world) fast(key string, info objects.Info, data []byte) {
	w.Helper()
	other := objects.Compliance
	if info.Mode == other {
		other = objects.Governance
	}
	w.want("Delete", w.Delete(w.Context(), key, info.Version), objects.ErrLocked)
	for _, l := range []struct {
		mode  objects.Mode
		until time.Time
	}{
		{info.Mode, info.RetainUntil.Add(-time.Second)}, {info.Mode, hour(1)}, {other, info.RetainUntil}, {other, hour(1)},
		{other, info.RetainUntil.Add(time.Hour)},
	} {
		_, err := w.Lock(w.Context(), key, info.Version, l.mode, l.until)
		w.want("Lock", err, objects.ErrLocked)
	}
	w.holds(key, info, data)
	if _, err := w.Put(w.Context(), key, data, objects.Replace); err != nil {
		w.want("Put over a locked version", err, objects.ErrLocked, objects.ErrExist)
	}
	w.holds(key, info, data)
}

func locks(w *world) {
	for _, mode := range []objects.Mode{objects.Governance, objects.Compliance} {
		key, data := w.key(string(mode[0]|0x20)), random(10)
		info := w.create(key, data)
		for _, bad := range []struct {
			version string
			mode    objects.Mode
			until   time.Time
		}{
			{"", mode, hour(2)}, {info.Version, objects.NoLock, hour(2)}, {info.Version, "LEGAL", hour(2)},
			{info.Version, mode, hour(-1)}, {info.Version, mode, time.Time{}},
		} {
			_, err := w.Lock(w.Context(), key, bad.version, bad.mode, bad.until)
			w.want("Lock", err, objects.ErrInvalid)
		}
		w.holds(key, info, data)
		info = w.locked(key, info, mode, hour(2))
		info = w.locked(key, info, mode, hour(2)) // the answer was lost
		w.fast(key, info, data)
		info = w.locked(key, info, mode, hour(3).Add(time.Millisecond)) // extended, rounded up
		w.fast(key, info, data)
	}
	_, err := w.Lock(w.Context(), w.key("none"), "aaaaaaaaaaaaaaaaaaaaaaaaaa", objects.Compliance, hour(1))
	w.want("Lock", err, objects.ErrNotExist)
}

func lockUpload(w *world) {
	key := w.key("payload.000")
	data, info := w.uploaded(key)
	info = w.locked(key, info, objects.Compliance, hour(2))
	w.fast(key, info, data)
}

func governance(w *world) {
	if w.Destroyer == nil {
		w.Skip("no destroyer")
	}
	y := w.Destroyer(w.T, w.Store)
	if _, ok := w.Store.(objects.Destroyer); ok {
		w.Error("the store itself is a Destroyer")
	}
	head, data := w.key("head"), random(10)
	info := w.locked(head, w.create(head, data), objects.Governance, hour(2))
	w.want("Destroy without version", y.Destroy(w.Context(), head, ""), objects.ErrInvalid)
	w.want("Destroy of a bad key", y.Destroy(w.Context(), "../a", info.Version), objects.ErrKey)
	for range 2 {
		w.fatalIf(y.Destroy(w.Context(), head, info.Version))
		w.absent(head)
	}
	free := w.create(head, data) // the lock does not pass to the next version
	w.holds(head, free, data)
	w.fatalIf(y.Destroy(w.Context(), head, free.Version))

	info = w.locked(head, w.create(head, data), objects.Compliance, hour(2))
	w.want("Destroy under COMPLIANCE", y.Destroy(w.Context(), head, info.Version), objects.ErrLocked)
	w.fast(head, info, data)
}

func restart(w *world) {
	p, s, c := w.key("payload.000"), w.key("head"), w.key("checkpoint")
	big, pi := w.uploaded(p)
	small := random(100)
	si := w.create(s, small)
	pi = w.locked(p, pi, objects.Compliance, hour(2))
	si = w.locked(s, si, objects.Governance, hour(2))
	w.create(c, []byte("1"))
	ci, err := w.Put(w.Context(), c, []byte("2"), objects.Replace)
	w.fatalIf(err)
	gone := w.create(w.key("gone"), nil)
	w.fatalIf(w.Delete(w.Context(), w.key("gone"), gone.Version))
	w.restart()
	w.fast(p, pi, big)
	w.fast(s, si, small)
	w.holds(c, ci, []byte("2"))
	w.absent(w.key("gone"))
}

// restartAmid: an upload goes on after a restart, is completed, and is found
// completed after another.
func restartAmid(w *world) {
	key, data := w.key("p"), random(2*partSize+1000)
	ps, id := table(data), w.begin(key, len(data))
	w.putAll(key, id, data, ps, 0, 2)
	aborted := w.begin(w.key("q"), 10)
	w.fatalIf(w.Abort(w.Context(), w.key("q"), aborted))
	w.restart()
	_, err := w.Complete(w.Context(), key, id, ps)
	w.want("Complete", err, objects.ErrParts)
	w.putAll(key, id, data, ps, 1, 0) // one is new, one was acknowledged before
	w.restart()
	info, err := w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
	w.restart()
	again, err := w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
	w.same("Complete again", again, info)
	w.holds(key, info, data)
	_, err = w.Complete(w.Context(), w.key("q"), aborted, nil)
	w.want("Complete after Abort", err, objects.ErrNoUpload)
}
