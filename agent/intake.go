package agent

import (
	"slices"
	"time"

	"comity.example/comity/agent/internal/outbox"
	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/config"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// look takes on what has settled in the outbox.
func (d *daemon) look(w *outbox.Watch, at time.Duration) {
	found, strays, err := d.box.Look()
	if err != nil {
		strays = append(strays, err.Error())
		d.a.log.Error("the outbox cannot be read", "error", err)
	}
	// What is in the queue is looked at by its job alone.
	d.mu.Lock()
	found = slices.DeleteFunc(found, func(f outbox.Found) bool { return d.sends[entryOf(f.Item).ID()] != nil })
	d.mu.Unlock()
	settled := w.Look(at, found, func(it outbox.Item) (outbox.Print, int, error) { return outbox.Fingerprint(d.box.Path(it)) })
	for _, s := range settled {
		found = slices.DeleteFunc(found, func(f outbox.Found) bool { return f.Item == s.Item })
		if err := d.take(s); err != nil {
			d.a.log.Error("an entry could not be kept", "error", err)
			strays = append(strays, err.Error())
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.strays, d.open = strays, nil
	for _, f := range found {
		d.open = append(d.open, f.Item)
	}
	if len(settled) > 0 {
		d.poke()
	}
}

func entryOf(it outbox.Item) *queue.Entry { return &queue.Entry{Folder: it.Request, Name: it.Name} }

// take makes an entry of a folder that has settled. If we crash before it is kept,
// the folder settles again.
func (d *daemon) take(s outbox.Settled) error {
	e := entryOf(s.Item)
	e.Print, e.Settled = custody.Digest(s.Print), statement.At(d.a.now())
	if custody.CheckID(e.Folder) == nil {
		e.Request = e.Folder
	} else if id, err := d.a.home.resolve(e.Folder); err == nil {
		e.Request = id // else the job asks the relay, and says what is wrong
	}
	opt, _, err := d.options(s.Item)
	if err != nil {
		e.Fate, e.Reason = queue.Failed, err.Error()
		if e.Target, err = d.box.Free(s.Item, outbox.Failed); err != nil {
			return err
		}
	} else {
		e.Priority, e.Final = opt.Priority, opt.Final
	}
	if err := d.queue.Put(e); err != nil {
		return err
	}
	d.a.log.Info("took on a folder", "entry", e.ID(), "priority", e.Priority)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sends[e.ID()] = &send{entry: *e}
	return nil
}

// maxOptions bounds NAME.yaml, in bytes.
const maxOptions = 64 << 10

// options reads what the sender says of a package.
func (d *daemon) options(it outbox.Item) (*config.Package, *config.Acquisition, error) {
	data, err := d.box.Beside(it, outbox.Options, maxOptions)
	if err != nil {
		return nil, nil, err
	}
	p, err := config.LoadPackage(it.Name+outbox.Options, data)
	if err == nil {
		err = custody.CheckInnerText(p.Description, p.Examiner, p.Handling)
	}
	if err != nil {
		return nil, nil, err
	}
	if data, err = d.box.Beside(it, outbox.Acquisition, config.MaxAcquisitionFile); data == nil || err != nil {
		return p, nil, err
	}
	q, err := config.LoadAcquisition(it.Name+outbox.Acquisition, data)
	return p, q, err
}
