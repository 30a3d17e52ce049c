package objectstest

import (
	"context"
	"crypto/sha256"
	"io"
	"sync"

	"comity.example/comity/gateway/objects"
)

func upload(w *world) {
	key, data := w.key("p/payload.000"), random(2*partSize+777)
	ps, id := table(data), w.begin(key, len(data))
	w.putAll(key, id, data, ps, 2, 0) // out of order
	w.absent(key)
	w.putAll(key, id, data, ps, 1)
	w.absent(key)
	info, err := w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
	if info.Size != int64(len(data)) || info.Digest != objects.Composite(ps) || info.Version == "" || info.Mode != objects.NoLock {
		w.Errorf("Complete = %+v", info)
	}
	w.holds(key, info, data)
}

func emptyUpload(w *world) {
	key := w.key("empty")
	id := w.begin(key, 0)
	_, err := w.PutPart(w.Context(), key, id, objects.Part{SHA256: sha256.Sum256(nil)}, stream(nil))
	w.want("PutPart", err, objects.ErrInvalid)
	info, err := w.Complete(w.Context(), key, id, nil)
	w.fatalIf(err)
	w.holds(key, info, nil)
}

func badTables(w *world) {
	key, data := w.key("p"), random(partSize+1000)
	ps, id := table(data), w.begin(key, len(data))
	_, err := w.Complete(w.Context(), key, id, ps)
	w.want("Complete before any part", err, objects.ErrParts)
	w.putAll(key, id, data, ps, 0)
	_, err = w.Complete(w.Context(), key, id, ps)
	w.want("Complete before the last part", err, objects.ErrParts)
	w.putAll(key, id, data, ps, 1)
	short, sum := ps[1], ps[1]
	short.Size--
	sum.SHA256[0] ^= 1
	for name, bad := range map[string][]objects.Part{
		"empty": nil, "missing": ps[:1], "swapped": {ps[1], ps[0]}, "twice": {ps[0], ps[0]},
		"more": {ps[0], ps[1], ps[1]}, "short": {ps[0], short}, "other sum": {ps[0], sum},
	} {
		_, err := w.Complete(w.Context(), key, id, bad)
		w.want("Complete with table "+name, err, objects.ErrParts)
		w.absent(key)
	}
	info, err := w.Complete(w.Context(), key, id, ps) // still open
	w.fatalIf(err)
	w.holds(key, info, data)
}

func completeTwice(w *world) {
	key, data := w.key("p"), random(partSize+1000)
	ps, id := table(data), w.begin(key, len(data))
	w.putAll(key, id, data, ps, 0, 1)
	info, err := w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
	again, err := w.Complete(w.Context(), key, id, ps) // the answer was lost
	w.fatalIf(err)
	w.same("Complete again", again, info)
	_, err = w.Complete(w.Context(), key, id, ps[:1])
	w.want("Complete again with another table", err, objects.ErrParts)
	_, err = w.PutPart(w.Context(), key, id, ps[0], stream(bytesOf(data, 0)))
	w.want("PutPart after Complete", err, objects.ErrNoUpload, objects.ErrFrozen)
	w.fatalIf(w.Abort(w.Context(), key, id))
	w.holds(key, info, data)
}

func completeRaced(w *world) {
	key, data := w.key("p"), random(partSize+1000)
	ps, id := table(data), w.begin(key, len(data))
	w.putAll(key, id, data, ps, 0, 1)
	var infos [8]objects.Info
	var wg sync.WaitGroup
	for i := range infos {
		wg.Go(func() {
			var err error
			if infos[i], err = w.Complete(w.Context(), key, id, ps); err != nil {
				w.Error(err)
			}
		})
	}
	wg.Wait()
	for _, info := range infos {
		w.same("Complete", info, infos[0])
	}
	w.holds(key, infos[0], data)
}

func completeOverAnother(w *world) {
	key := w.key("p")
	first, info := w.uploaded(key)
	data := random(1000)
	ps, id := table(data), w.begin(key, len(data))
	w.putAll(key, id, data, ps, 0)
	if _, err := w.Complete(w.Context(), key, id, ps); err != nil {
		w.want("Complete over another", err, objects.ErrExist)
	}
	w.holds(key, info, first)
}

func abort(w *world) {
	key, data := w.key("p"), random(1000)
	ps, id := table(data), w.begin(key, len(data))
	w.putAll(key, id, data, ps, 0)
	for range 2 {
		w.fatalIf(w.Abort(w.Context(), key, id))
	}
	_, err := w.Complete(w.Context(), key, id, ps)
	w.want("Complete after Abort", err, objects.ErrNoUpload)
	_, err = w.PutPart(w.Context(), key, id, ps[0], stream(data))
	w.want("PutPart after Abort", err, objects.ErrNoUpload)
	w.absent(key)

	id = w.begin(key, len(data)) // a PutPart that runs ends too
	body, feed := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := w.PutPart(w.Context(), key, id, ps[0], body)
		done <- err
	}()
	feed.Write(data[:1])
	w.fatalIf(w.Abort(w.Context(), key, id))
	go func() { feed.Write(data[1:]); feed.Close() }()
	w.want("PutPart amid Abort", <-done, objects.ErrNoUpload)
	body.Close()
}

// abortByKey: an upload whose id was lost is found by its key.
func abortByKey(w *world) {
	key, data := w.key("p"), random(1000)
	ps := table(data)
	w.begin(key, len(data))
	id := w.begin(key, len(data))
	near := w.begin(key+"0", len(data))
	w.fatalIf(w.Abort(w.Context(), key, ""))
	w.fatalIf(w.Abort(w.Context(), key, ""))
	_, err := w.PutPart(w.Context(), key, id, ps[0], stream(data))
	w.want("PutPart after Abort", err, objects.ErrNoUpload)
	w.putAll(key+"0", near, data, ps, 0) // of another key
}

func unknownUploads(w *world) {
	key, data := w.key("p"), random(1000)
	ps, id := table(data), w.begin(key, len(data))
	for _, tt := range []struct{ key, id string }{
		{key, "unknown"}, {key, "../../etc/passwd"}, {key, "aaaaaaaaaaaaaaaaaaaaaaaaaa"}, {w.key("q"), id},
	} {
		_, err := w.PutPart(w.Context(), tt.key, tt.id, ps[0], stream(data))
		w.want("PutPart", err, objects.ErrNoUpload)
		_, err = w.Complete(w.Context(), tt.key, tt.id, ps)
		w.want("Complete", err, objects.ErrNoUpload)
		if err := w.Abort(w.Context(), tt.key, tt.id); err != nil {
			w.Errorf("Abort(%q, %q) = %v", tt.key, tt.id, err)
		}
	}
	w.putAll(key, id, data, ps, 0) // the upload was not harmed
}

func cancelled(w *world) {
	ctx, cancel := context.WithCancel(w.Context())
	key, data := w.key("p"), random(1<<20)
	ps, id := table(data), w.begin(key, len(data))
	body, feed := io.Pipe()
	go func() {
		feed.Write(data[:1000])
		cancel()
		feed.Write(data[1000:])
		feed.Close()
	}()
	_, err := w.PutPart(ctx, key, id, ps[0], body)
	w.want("PutPart", err, context.Canceled)
	body.Close()
	_, err = w.Put(ctx, w.key("s"), data, objects.Create)
	w.want("Put", err, context.Canceled)
	_, err = w.Stat(ctx, w.key("s"), "")
	w.want("Stat", err, context.Canceled)
	for _, err := range w.List(ctx, "") {
		w.want("List", err, context.Canceled)
	}
	w.putAll(key, id, data, ps, 0)
	_, err = w.Complete(w.Context(), key, id, ps)
	w.fatalIf(err)
}
