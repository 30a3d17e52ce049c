// Command comity-verify checks a dossier: one file that proves the path of one
// request from State to State. It is for courts and the defence, years later, on
// a machine without a network.
//
// It opens no socket, runs no program, writes no file, and believes nothing but
// the fingerprints it is given: without them it says what the dossier claims, that
// the claim is consistent, and that its origin is not checked.
package main

import (
	"os"

	"comity.example/comity/cmd/comity-verify/command"
)

func main() { os.Exit(command.Main()) }
