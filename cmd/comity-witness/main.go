// Command comity-witness is what a State runs to watch over relays: it cosigns the
// tree heads of their logs, each only if it continues all that it has cosigned
// before, so that no relay can show two histories.
//
// It refuses to overwrite keys, to start without its state, and to cosign a log
// that is not in its settings. It sees sizes and hashes, never an entry: it calls
// nobody and links nothing of a relay.
package main

import (
	"os"

	"comity.example/comity/cmd/comity-witness/command"
)

func main() { os.Exit(command.Main()) }
