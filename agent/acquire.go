package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"comity.example/comity/agent/internal/image"
	"comity.example/comity/config"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody/acquisition"
	"comity.example/comity/custody/bag"
)

// acquire looks for forensic images in the folder, tells what it found, and makes the
// acquisition record if the examiner wrote a file for it. All that the file says of
// hashes is compared before anything is reserved: a file that is not the one which the
// examiner's tool wrote must not leave as if it were. That reads those files once, in
// addition to packing; that a file changes in between is found by packing.
//
// Nothing is kept until the package is: if we crash here, the next send starts over.
func (x *sending) acquire(ctx context.Context) error {
	src, done, err := x.source()
	if err != nil {
		return err
	}
	defer done()
	images, err := image.Find(src, x.inv)
	if err != nil {
		return err
	}
	x.a.tell(images)
	if x.opt.Acquisition == nil {
		return nil
	}
	q := &acquiring{x: x, src: src, cfg: x.opt.Acquisition, images: images}
	if x.record, err = q.record(ctx); err != nil {
		return err
	}
	if x.inv.Acquisition, err = acquisition.Marshal(x.record); err != nil {
		return err
	}
	if x.opt.Examiner == "" {
		x.opt.Examiner = x.record.Examiner
	}
	return nil
}

// maxTold bounds how many images are told one by one.
const maxTold = 50

// tell says what images there are, and all that seems wrong with them.
func (a *Agent) tell(images []image.Image) {
	for i, m := range images {
		if i < maxTold {
			fmt.Fprintf(a.out, "recognised %q: %s image, %s\n", m.Segments[0].Path, m.Format, segments(len(m.Segments)))
		}
		for _, f := range m.Findings {
			fmt.Fprintf(a.out, "warning: image %q: %s\n", m.Segments[0].Path, f)
		}
	}
	if n := len(images) - maxTold; n > 0 {
		fmt.Fprintf(a.out, "recognised %d more images\n", n)
	}
}

func segments(n int) string {
	if n == 1 {
		return "1 segment"
	}
	return fmt.Sprintf("%d segments", n)
}

// acquiring makes one record.
type acquiring struct {
	x      *sending
	src    bag.Source
	cfg    *config.Acquisition
	images []image.Image
	files  map[string]*acquisition.File
	items  map[string]bag.Item // of the files
	done   int64               // bytes read
	total  int64
}

// record makes the record; its parts check each other at the end, in Marshal.
func (q *acquiring) record(ctx context.Context) (*acquisition.Record, error) {
	r := &acquisition.Record{Examiner: q.cfg.Examiner, Laboratory: q.cfg.Laboratory, Case: q.cfg.Case}
	for i := range q.cfg.Acquisitions {
		r.Acquisitions = append(r.Acquisitions, act(&q.cfg.Acquisitions[i]))
	}
	if err := q.find(); err != nil {
		return nil, err
	}
	for _, m := range q.images {
		n := acquisition.Image{Format: m.Format, Findings: m.Findings}
		for _, s := range m.Segments {
			n.Segments = append(n.Segments, s.Path)
		}
		r.Images = append(r.Images, n)
	}
	if err := q.describe(r); err != nil {
		return nil, err
	}
	for _, f := range q.files {
		r.Files = append(r.Files, *f)
	}
	slices.SortFunc(r.Files, func(a, b acquisition.File) int { return strings.Compare(a.Path, b.Path) })
	// What is malformed is found before terabytes are read.
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("acquisition record: %w", err)
	}
	for i := range r.Files {
		if err := q.compare(ctx, &r.Files[i]); err != nil {
			return nil, err
		}
	}
	return r, q.verify(ctx, r)
}

// act takes one act of the file over.
func act(c *config.AcquisitionAct) acquisition.Acquisition {
	a := acquisition.Acquisition{
		Exhibit: c.Exhibit, Device: *device(&c.Device), Tool: acquisition.Tool{Name: c.Tool.Name, Version: c.Tool.Version},
		Place: c.Place, Notes: strings.TrimSpace(c.Notes),
	}
	if c.WriteBlocker != nil {
		a.WriteBlocker = device(c.WriteBlocker)
	}
	if t := c.StartedAt(); !t.IsZero() {
		a.Started = statement.At(t)
	}
	if t := c.EndedAt(); !t.IsZero() {
		a.Ended = statement.At(t)
	}
	for _, f := range c.Files {
		a.Files = append(a.Files, f.Path)
	}
	slices.Sort(a.Files)
	return a
}

func device(d *config.AcquisitionDevice) *acquisition.Device {
	return &acquisition.Device{Kind: d.Kind, Make: d.Make, Model: d.Model, Serial: d.Serial, IMEI: d.IMEI}
}

// find looks up every file that the record will name in the inventory.
func (q *acquiring) find() error {
	q.files, q.items = map[string]*acquisition.File{}, map[string]bag.Item{}
	for i := range q.cfg.Acquisitions {
		for _, f := range q.cfg.Acquisitions[i].Files {
			q.files[f.Path] = &acquisition.File{Path: f.Path, Size: -1}
		}
	}
	for _, m := range q.images {
		for _, s := range m.Segments {
			q.files[s.Path] = &acquisition.File{Path: s.Path, Size: -1}
		}
	}
	for it := range q.x.inv.Items() {
		if f := q.files[it.Path]; f != nil && !it.Dir {
			f.Size, q.items[it.Path] = it.Size, it
		}
	}
	for path, f := range q.files {
		if f.Size < 0 {
			return fmt.Errorf("the acquisition file names %q, which is no file of this folder", path)
		}
	}
	return nil
}

// describe takes over what the examiner says of each file.
func (q *acquiring) describe(r *acquisition.Record) error {
	first := map[string]*acquisition.Image{}
	for i := range r.Images {
		first[r.Images[i].Segments[0]] = &r.Images[i]
	}
	for i := range q.cfg.Acquisitions {
		for _, c := range q.cfg.Acquisitions[i].Files {
			f := q.files[c.Path]
			f.Notes = strings.TrimSpace(c.Notes)
			f.Hashes = given(c.MD5, c.SHA1, c.SHA256)
			if !f.Hashes.IsZero() {
				q.total += f.Size
			}
			media := given(c.MediaMD5, c.MediaSHA1, c.MediaSHA256)
			switch m := first[c.Path]; {
			case m != nil:
				m.Media = media
			case !media.IsZero():
				return fmt.Errorf("the acquisition file has media hashes for %q, which is not the first segment of an image that is recognised here", c.Path)
			}
		}
	}
	return nil
}

func given(md5, sha1, sha256 string) acquisition.Hashes {
	return acquisition.Hashes{MD5: strings.ToLower(md5), SHA1: strings.ToLower(sha1), SHA256: strings.ToLower(sha256)}
}
