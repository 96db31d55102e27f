// Package scenario plays a year of the market: a file gives the published
// figures and, apart from them, what a generator has to invent; the generator
// makes from file and seed alone a year of accounts, orders, trades and
// surrenders in which all figures hold at once; and the table compares each
// figure with what a ledger answers afterwards. docs/scenario.md has the format.
package scenario
