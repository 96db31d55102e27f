// Command carbonledger runs and uses the register of a carbon market. See
// README.md.
package main

import (
	"os"

	"carbonledger/cli"
)

func main() { os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
