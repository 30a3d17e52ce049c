package pdf

import "strings"

// Wrap breaks text into lines that are no wider than width: at blanks, after a slash
// or a comma, and inside a word only where it is wider than a whole line. Line feeds
// break too. It returns at least one line.
func Wrap(f Face, size, width int, s string) []string {
	var lines []string
	for par := range strings.SplitSeq(s, "\n") {
		lines = append(lines, wrapOne(f, size, width, par)...)
	}
	return lines
}

func wrapOne(f Face, size, width int, s string) []string {
	t := fonts[f]()
	most := width * t.em / max(size, 1) // in units of the font
	var lines []string
	line := []rune{}
	have, brk := 0, 0 // brk: the last place where the line may break
	for _, r := range s {
		w := t.width(r)
		if have+w > most && len(line) > 0 && r != ' ' {
			at := brk
			if at == 0 {
				at = len(line)
			}
			lines = append(lines, strings.TrimRight(string(line[:at]), " "))
			line = append([]rune{}, line[at:]...)
			have, brk = 0, 0
			for _, r := range line {
				have += t.width(r)
			}
		}
		line = append(line, r)
		have += w
		if r == ' ' || r == '/' || r == ',' {
			brk = len(line)
		}
	}
	return append(lines, strings.TrimRight(string(line), " "))
}
