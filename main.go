// Command carbonledger runs and uses the register of a carbon market. See
// README.md.
package main

import (
	"os"
	"runtime/debug"
	"syscall"

	"carbonledger/cli"
)

func main() {
	endBugsBySignal()
	os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// endBugsBySignal makes a panic in any goroutine end the process by SIGABRT.
// Go's exit code for it is 2, which is wrong usage here and keeps a service
// from starting again. Nothing is written to a core file: it would hold keys.
func endBugsBySignal() {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	debug.SetTraceback("crash")
}
