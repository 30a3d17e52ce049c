package report

import (
	"cmp"
	"math"
	"slices"

	"comity.example/comity/custody"
)

// mark says how a number is told.
type mark int

const (
	shown mark = iota
	small      // as "<5": the reader knows that it is from 1 to 4
	dark       // as "*": the reader knows that it is at least 5
)

// hole is what a reader knows of a number: nothing but its bounds, or all of it.
type hole struct {
	n    int64
	mark mark
}

// up and down report whether the number could be one more, or one less, for all that a
// reader knows of it alone.
func (h hole) up(threshold int64) bool {
	return h.mark == dark && h.n < math.MaxInt64 || h.mark == small && h.n < threshold-1
}

func (h hole) down(threshold int64) bool {
	return h.mark == dark && h.n > threshold || h.mark == small && h.n > 1
}

func markOf(n, threshold int64) mark {
	if n > 0 && n < threshold {
		return small
	}
	return shown
}

func (h hole) cell(threshold int64) custody.Cell {
	switch h.mark {
	case small:
		return custody.CellBelow(threshold)
	case dark:
		return custody.CellHidden
	}
	return custody.CellOf(h.n)
}

// margins are the totals of the outcomes, which all tables of a side share. A small one
// is safe because of its move: a pair of outcomes of which the first could be one more
// and the second one less. Each table has to leave it possible.
type margins struct {
	totals []int64
	marks  []mark
	moves  [][2]int
}

// cell tells a total.
func (m *margins) cell(i int, threshold int64) custody.Cell {
	return hole{m.totals[i], m.marks[i]}.cell(threshold)
}

// margin hides the small totals, and others until none follows from their sum, which
// is told. It reports false if that cannot be.
func margin(totals []int64, threshold int64) (*margins, bool) {
	m := &margins{totals: totals, marks: make([]mark, len(totals))}
	for i, n := range totals {
		m.marks[i] = markOf(n, threshold)
	}
	for !m.safe(threshold) {
		var next *hole
		at := 0
		for i, n := range totals {
			if h := better(next, &hole{n, m.marks[i]}, threshold); h != next {
				next, at = h, i
			}
		}
		if next == nil {
			return nil, false
		}
		m.marks[at] = dark
	}
	return m, true
}

// safe finds a move for each small total.
func (m *margins) safe(threshold int64) bool {
	m.moves = nil
	for i := range m.totals {
		if m.marks[i] != small {
			continue
		}
		mv, ok := m.move(i, threshold)
		if !ok {
			return false
		}
		m.moves = append(m.moves, mv)
	}
	return true
}

// move finds a pair of hidden totals, one of them that of an outcome, which could be one
// more and one less.
func (m *margins) move(i int, threshold int64) ([2]int, bool) {
	a := hole{m.totals[i], m.marks[i]}
	for j := range m.totals {
		b := hole{m.totals[j], m.marks[j]}
		switch {
		case i == j:
		case a.up(threshold) && b.down(threshold):
			return [2]int{i, j}, true
		case b.up(threshold) && a.down(threshold):
			return [2]int{j, i}, true
		}
	}
	return [2]int{}, false
}

// grid is a table of counts: cells[r][c], and the total of each row. The totals of its
// columns are what a reader knows at most: those of the margins.
type grid struct {
	threshold int64
	cells     [][]hole
	totals    []hole
}

// table tells the rows of a table such that no small number follows: neither within it,
// the margins taken for known, nor of the margins themselves.
func (m *margins) table(name string, rows map[string][]int64, threshold int64) custody.Table {
	t := custody.Table{Name: name, Rows: []custody.Row{}}
	rows = gathered(rows, threshold)
	order := inOrder(rows)
	g := newGrid(order, rows, threshold)
	if !g.suppress(m) {
		t.Withheld = true
		return t
	}
	for i, name := range order {
		r := custody.Row{Name: name, Total: g.totals[i].cell(threshold)}
		for _, h := range g.cells[i] {
			r.Cells = append(r.Cells, h.cell(threshold))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

func newGrid(order []string, rows map[string][]int64, threshold int64) *grid {
	g := &grid{threshold: threshold}
	for _, name := range order {
		var line []hole
		var total int64
		for _, n := range rows[name] {
			line, total = append(line, hole{n, markOf(n, threshold)}), total+n
		}
		g.cells, g.totals = append(g.cells, line), append(g.totals, hole{total, markOf(total, threshold)})
	}
	return g
}

// suppress hides more numbers, small ones first, until the grid is safe, and then tells
// again, large ones first, what need not be hidden. It reports false if it never is safe.
func (g *grid) suppress(m *margins) bool {
	for {
		row, column, ok := g.unsafe(m)
		if ok {
			break
		}
		if !g.hide(row, column) {
			return false
		}
	}
	for _, h := range g.darkened() {
		h.mark = shown
		if _, _, ok := g.unsafe(m); !ok {
			h.mark = dark
		}
	}
	return true
}

// darkened lists the numbers that are hidden for the sake of others, large ones first.
func (g *grid) darkened() (list []*hole) {
	for i := range g.cells {
		for j := range g.cells[i] {
			list = append(list, &g.cells[i][j])
		}
		list = append(list, &g.totals[i])
	}
	list = slices.DeleteFunc(list, func(h *hole) bool { return h.mark != dark })
	slices.SortStableFunc(list, func(a, b *hole) int { return cmp.Compare(b.n, a.n) })
	return list
}

// unsafe finds a small number that follows from what is told, and says where it is, or
// reports that there is none. A negative row or column means any. One that is hidden for
// the sake of others may follow: then no circle leads through it.
func (g *grid) unsafe(m *margins) (row, column int, ok bool) {
	moved := map[edge]bool{} // numbers that change in a move of the margins
	for _, mv := range m.moves {
		from, to := g.column(mv[1], m), g.column(mv[0], m)
		if from == to { // neither outcome is in this table
			continue
		}
		path, found := g.path(from, to, edge{})
		if !found {
			if from == g.hub() {
				return -1, mv[0], false
			}
			return -1, mv[1], false
		}
		for _, e := range path {
			moved[e] = true
		}
	}
	for i := range g.cells {
		for j, h := range g.cells[i] {
			if e := (edge{i, g.node(j)}); h.mark == small && !moved[e] && !g.moves(e, h) {
				return i, j, false
			}
		}
		if e := (edge{i, g.hub()}); g.totals[i].mark == small && !moved[e] && !g.moves(e, g.totals[i]) {
			return i, -1, false
		}
	}
	return 0, 0, true
}

// An edge is a number of the grid: it joins its row with its column, or, of a row's
// total, with the hub. Numbers are a flow: what comes to a row from the hub, its total,
// leaves it to the columns. Another grid that a reader could take for this one differs
// from it by circles of such edges, each one more or one less; so a number can be another if,
// and only if, there is a circle through it.
type edge struct{ row, node int }

func (g *grid) node(column int) int { return len(g.cells) + column }
func (g *grid) hub() int            { return len(g.cells) + len(custody.ReportOutcomes) }

// column returns the node of an outcome; of one of which the table counts nothing, such as
// all but refusals in that of their grounds, the hub: it may change outside.
func (g *grid) column(outcome int, m *margins) int {
	var n int64
	for i := range g.cells {
		n += g.cells[i][outcome].n
	}
	if n == 0 && m.totals[outcome] > 0 {
		return g.hub()
	}
	return g.node(outcome)
}

// moves reports whether a number could be another, all that is told staying the same.
func (g *grid) moves(e edge, h hole) bool {
	up, down := h.up(g.threshold), h.down(g.threshold)
	if e.node == g.hub() { // a total flows from the hub to its row
		up, down = down, up
	}
	if up {
		if _, ok := g.path(e.node, e.row, e); ok {
			return true
		}
	}
	if down {
		if _, ok := g.path(e.row, e.node, e); ok {
			return true
		}
	}
	return false
}

// path finds a way between two nodes over numbers that could change, without one of them.
// Along a row to a column it becomes one more, back one less; of a total the other way
// round.
func (g *grid) path(from, to int, without edge) ([]edge, bool) {
	came := map[int]edge{from: {}}
	queue := []int{from}
	step := func(a, b int, e edge, possible bool) {
		if _, been := came[b]; possible && !been && e != without {
			came[b] = e
			queue = append(queue, b)
		}
	}
	for len(queue) > 0 && queue[0] != to {
		n := queue[0]
		queue = queue[1:]
		if n < len(g.cells) {
			for j, h := range g.cells[n] {
				step(n, g.node(j), edge{n, g.node(j)}, h.up(g.threshold))
			}
			step(n, g.hub(), edge{n, g.hub()}, g.totals[n].down(g.threshold))
			continue
		}
		for i := range g.cells {
			if n == g.hub() {
				step(n, i, edge{i, n}, g.totals[i].up(g.threshold))
			} else {
				step(n, i, edge{i, n}, g.cells[i][n-len(g.cells)].down(g.threshold))
			}
		}
	}
	if len(queue) == 0 {
		return nil, false
	}
	var list []edge
	for n := to; n != from; {
		e := came[n]
		list = append(list, e)
		if n == e.row {
			n = e.node
		} else {
			n = e.row
		}
	}
	return list, true
}

// hide hides the best number that is told in the row or column where one is unsafe;
// if there is none, the best of all. Zeros stay: they hide nothing, and moving them
// would take negative numbers. It reports false if nothing is left to hide.
func (g *grid) hide(row, column int) bool {
	for _, anywhere := range []bool{false, true} {
		var best *hole
		for i := range g.cells {
			for j := range g.cells[i] {
				if anywhere || i == row || j == column {
					best = better(best, &g.cells[i][j], g.threshold)
				}
			}
			if anywhere || i == row {
				best = better(best, &g.totals[i], g.threshold)
			}
		}
		if best != nil {
			best.mark = dark
			return true
		}
	}
	return false
}

// better returns the number that is better to hide: the smaller one, of those that could be
// one less before any that could not.
func better(best, h *hole, threshold int64) *hole {
	switch {
	case h.mark != shown || h.n == 0:
		return best
	case best == nil:
		return h
	case (h.n > threshold) != (best.n > threshold):
		if h.n > threshold {
			return h
		}
		return best
	case best.n <= h.n:
		return best
	}
	return h
}
