// Command comity is what labs and central authorities run: it makes an
// authority's keys and directory, files requests, grants and refusals, sends and
// fetches evidence, shows what the signed log says, and exports dossiers.
//
// It refuses to decide anything by the word of a relay: what it shows and acts on
// was replayed and proven in the log. It links no server code, opens no port, and
// has no flag that forces anything.
package main

import (
	"os"

	"comity.example/comity/cmd/comity/command"
)

func main() { os.Exit(command.Main()) }
