package documents

// sheet is what a page says, before it is HTML or PDF: both are made of it, so neither
// says what the other does not.
type sheet struct {
	title  string
	under  string // below the title
	id     string // stands on every printed page
	blocks []block
}

// block is a heading, paragraph, facts, table, list, boxed or chart.
type block any

// heading begins a section.
type heading struct {
	level int // 2 or 3
	text  string
}

// paragraph is running text.
type paragraph struct {
	text string
	look look
}

// boxed is text that nobody must overlook.
type boxed struct {
	title string
	look  look // warn, or plain
	items []string
}

// fact is a line of a list of facts.
type fact struct {
	label string
	value []line
}

type facts []fact

// table has a caption, a head and rows of equally many cells.
type table struct {
	caption string
	columns []column
	rows    [][]cell
}

type column struct {
	head  string
	share int // of the width; all shares are 100
}

type cell []line

type line struct {
	text string
	look look
}

// look is how a text is set.
type look string

const (
	plain  look = ""
	strong look = "strong"
	mono   look = "mono"  // hashes, names of files
	quiet  look = "quiet" // second rank
	good   look = "good"  // stands
	warn   look = "warn"  // does not, or not yet
	lead   look = "lead"  // the case in short
	shell  look = "shell" // a command
)

// bullets is a list.
type bullets []string

// chart shows who had a package, in columns between moments. All that it shows stands in
// the table after it.
type chart struct {
	title string
	ticks []tick
	lanes []lane
}

type tick struct{ day, hour, what string }

type lane struct {
	name, role string
	bars       []bar
}

// bar reaches from one tick to another.
type bar struct {
	from, to int
	text     string
	look     held
}

func texts(list ...string) cell {
	var c cell
	for _, s := range list {
		c = append(c, line{text: s})
	}
	return c
}

func hash(s string) []line { return []line{{s, mono}} }
