// Package binary drives the real program, as its users do: main_test.go builds
// it once, network_test.go founds networks of processes on loopback ports, and
// every test asks them through the command line.
//
// guides_test.go runs the guides in docs as a reader would. It gives the blocks
// of a guide that are marked sh, in order, to one shell in an empty directory,
// and rewrites the ports of 127.0.0.1 to free ones. It fails where
//
//   - a command fails, and the guide does not show that it does;
//   - a block marked output is not what the sh block before it printed; a line
//     of "..." stands for any lines, "..." in a line for any text;
//   - an exit code of the program was seen that the guide's table of exit codes
//     lacks, or the table has one that was not seen;
//   - the guide names a flag, a metric or a file that does not exist, or leaves
//     out a reason of the ledger where it lists them;
//   - a block is marked as anything but sh, output, text, toml or ini: nothing
//     that looks like a command goes unrun by mistake.
//
// A guide starts validators with "&", as a person does who tries it out. Before
// the next block the test waits until each of them serves or has ended. They
// stop when the test ends, whatever ends it: their standard input is a pipe that
// the test holds.
package binary
