package documents

// held is in what way somebody has a package.
type held string

// The ways.
const (
	heldOwn      held = "own"      // the sender's: what it sealed, and what it sealed it from
	heldSealed   held = "sealed"   // the sealed bytes without the head
	heldHead     held = "head"     // and the head: it can hand them out
	heldTaken    held = "taken"    // signed for; nothing says that it arrived
	heldVerified held = "verified" // arrived and verified, by a receipt
	heldPart     held = "part"     // single files did
	heldRejected held = "rejected"
	heldGone     held = "gone" // destroyed, by its word
)

// shades are the colours of bar and text. Each pair has a contrast above 4.5.
var shades = map[held][2]int{
	heldOwn: {0x3b4a5a, 0xffffff}, heldSealed: {0xdbe2ea, 0x1c2430}, heldHead: {0xa9bfd8, 0x14202e}, heldTaken: {0xf3d690, 0x2d2204},
	heldVerified: {0x1f6044, 0xffffff}, heldPart: {0xb9dcc4, 0x10301f}, heldRejected: {0x8a1f1f, 0xffffff}, heldGone: {0xefefef, 0x3c3c3c},
}

const (
	inkDark  = 0x1c2430
	inkQuiet = 0x4a5564
	inkGrid  = 0xc9d0d9
)

type drawnBox struct{ x, y, w, h, color int }

type drawnText struct {
	x, y, size, color int
	bold              bool
	text              string
}

// drawing is a chart as boxes and texts, the base line of which is y.
type drawing struct {
	height int
	boxes  []drawnBox
	texts  []drawnText
}

// layChart lays a chart out on a width of 1,800 units or in its proportions.
func layChart(c chart, width int) *drawing {
	u := func(v int) int { return v * width / 1800 }
	d := &drawing{}
	label, top, row := u(330), u(112), u(74)
	col := (width - label - u(185)) / max(len(c.ticks)-1, 1) // the last moment has room for its name
	bottom := top + row*len(c.lanes)
	for i, t := range c.ticks {
		x := label + i*col
		d.boxes = append(d.boxes, drawnBox{x, top - u(14), u(3), bottom - top + u(14), inkGrid})
		at := x + u(2)
		d.texts = append(d.texts,
			drawnText{at, u(26), u(25), inkDark, true, t.what},
			drawnText{at, u(55), u(22), inkQuiet, false, t.day},
			drawnText{at, u(84), u(22), inkQuiet, false, t.hour})
	}
	for i, l := range c.lanes {
		y := top + i*row
		d.boxes = append(d.boxes, drawnBox{0, y, width, u(2), inkGrid})
		d.texts = append(d.texts,
			drawnText{0, y + u(32), u(25), inkDark, true, short(l.name, 24)},
			drawnText{0, y + u(60), u(21), inkQuiet, false, l.role})
		for _, b := range l.bars {
			s := shades[b.look]
			x, w := label+b.from*col, (b.to-b.from)*col
			d.boxes = append(d.boxes, drawnBox{x + u(3), y + u(12), w - u(3), row - u(22), s[0]})
			d.texts = append(d.texts, drawnText{x + u(16), y + u(46), u(23), s[1], b.look == heldVerified || b.look == heldRejected, short(b.text, (w-u(16))/u(12))})
		}
	}
	d.boxes = append(d.boxes, drawnBox{0, bottom, width, u(2), inkGrid})
	d.height = bottom + u(6)
	return d
}

// short cuts what does not fit into a chart. The table beside it has all.
func short(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:max(most-1, 0)]) + "…"
}
