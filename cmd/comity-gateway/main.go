// Command comity-gateway is what the operator of a relay runs: it makes a relay's
// keys and descriptor, pins the authorities that it serves, checks that keys,
// database and store belong together, and runs it.
//
// It refuses to overwrite keys, to start on a data folder that another process
// uses, and to go on with a log whose history does not fit the store. It cannot
// open a package, override a refusal or remove an entry: there is no such command.
package main

import (
	"os"

	"comity.example/comity/cmd/comity-gateway/command"
)

func main() { os.Exit(command.Main()) }
