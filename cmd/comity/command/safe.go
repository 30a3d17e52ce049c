package command

import "comity.example/comity/custody/display"

// safe makes text that may have come from elsewhere harmless to a terminal.
func safe(s string) string { return display.Text(s) }

// line is safe for one line: its line ends are escaped too.
func line(s string) string { return display.Line(s) }

// jsonSafe is safe for a JSON text, whose meaning it keeps.
func jsonSafe(s string) string { return display.JSON(s) }
