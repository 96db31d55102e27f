package cli

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"carbonledger/node/api"
	"carbonledger/tx"
)

// when is a height, or the end of a day in UTC+8; zero for now.
type when struct {
	height uint64
	day    tx.Day
	time   tx.Instant // the day's last
	flag   string
}

// parseWhen reads a height such as 4711, or a day such as 2025-06-30.
func parseWhen(flag, s string) (w when, err error) {
	if s == "" {
		return w, nil
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && n > 0 {
		return when{height: n, flag: flag}, nil
	}
	day, err := tx.ParseDay(s)
	if err != nil {
		return w, usage(fmt.Errorf("--%s %q: use a height such as 4711, or a day such as 2025-06-30, of which the end counts", flag, s))
	}
	return when{day: day, time: day.Next().Start() - 1, flag: flag}, nil
}

func (w when) String() string {
	switch {
	case w.day != 0:
		return w.day.String()
	case w.height != 0:
		return strconv.FormatUint(w.height, 10)
	}
	return "now"
}

// after says that w is surely later than another: a day and a height are not compared.
func (w when) after(other when) bool {
	return w.day > other.day && other.day != 0 || w.height > other.height && other.height != 0
}

// newest says that a root is of an earlier day than the one that was asked for, which
// was not closed.
func (w when) newest(root tx.StateRoot) string {
	if w.day == 0 || w.day == root.Day {
		return ""
	}
	return fmt.Sprintf(", the newest up to %s", w.day)
}

// sure refuses what the ledger cannot know, in the words that were typed: a day before
// its founding or one that it has not reached, and a height that it has not reached
// and whose digits are a day, which it almost surely is. Only a node knows how far the
// ledger is.
func (w when) sure(ctx context.Context, g *globals, c *api.Client) error {
	digits := tx.Day(min(w.height, math.MaxInt32))
	if w.day == 0 && (digits < 1000_01_01 || !digits.Valid()) { // fewer digits than a day is written with
		return nil
	}
	if w.day != 0 {
		f, err := g.founding()
		if err != nil {
			return err
		}
		if founded := f.Start.Day(); w.day < founded {
			return usage(fmt.Errorf("--%s %s: the ledger was founded on %s: give a later day", w.flag, w.day, founded))
		}
	}
	s, err := c.Status(ctx, &api.StatusRequest{})
	if err != nil {
		return err
	}
	head := &s.Head
	switch {
	case w.day > head.Time.Day():
		return usage(fmt.Errorf("--%s %s: the ledger has not reached that day, it is at %s (height %d): give an earlier one", w.flag, w.day, head.Time.Day(), head.Height))
	case w.height > head.Height:
		return usage(fmt.Errorf("--%[1]s %[2]d is a height, which the ledger has not reached (it is at height %[3]d), or the day %[4]s without its hyphens: for the day write --%[1]s %[4]s",
			w.flag, w.height, head.Height, digits))
	}
	return nil
}
