package state

import (
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
)

// exec runs transactions, one at a time, over an overlay.
type exec struct {
	*overlay
	chain *chain
	facts facts
	// version of the rules that this block follows; facts.version may already
	// be the next block's.
	version uint32
	height  uint64
	// logSize is the size of the log before this block.
	logSize uint64
	// closed is the business day that this block closed, 0 for none; rootAsked says
	// that it was asked to leave the root of its state.
	closed    tx.Day
	rootAsked bool

	// Of the transaction that runs:
	asker account
	// own are the signing keys of the asker, others those of other parties.
	own, others []keyFacts
	verified    tx.Verified
	op          int
	// carriedOut is what its approvals carried out, with carriedBytes in its record.
	carriedOut   []tx.CarriedOut
	carriedBytes int

	// day is the business day of the instant dayOf: see today.
	day   tx.Day
	dayOf tx.Instant

	accounts accountCache

	// touched has whom each recorded transaction of the block touched; entry is a
	// buffer of intoStatement.
	touched [][]touch
	entry   []byte
}

func newExec(c *chain, store pebble.Reader, f facts) *exec {
	return &exec{overlay: newOverlay(store), chain: c, facts: f, version: f.version, accounts: newAccountCache()}
}

// today is the ledger's day. Its calendar is worked out once for an instant:
// many operations of a block ask.
func (x *exec) today() tx.Day {
	if x.day == 0 || x.dayOf != x.facts.time {
		x.day, x.dayOf = x.facts.day(), x.facts.time
	}
	return x.day
}

// saved is what a rollback restores beside the overlay.
type saved struct {
	facts     facts
	closed    tx.Day
	rootAsked bool
	dirty     bool
}

func (x *exec) save() saved {
	x.begin()
	return saved{x.facts, x.closed, x.rootAsked, x.accounts.dirty}
}

func (x *exec) restore(s saved) {
	x.rollBack()
	x.carriedOut, x.carriedBytes = nil, 0
	x.facts, x.closed, x.rootAsked = s.facts, s.closed, s.rootAsked
	// A key or an account that the transaction made is gone again; what the
	// cache would say of it was never asked.
	x.accounts.dirty = s.dirty
}

func no(r tx.Reason) *tx.Rejection { return &tx.Rejection{Reason: r} }

func about(r tx.Reason, subject string) *tx.Rejection {
	return &tx.Rejection{Reason: r, Subject: subject}
}

// short is a no with numbers: what there was, or may be, and what was asked for.
func short[A, B ~int | ~int64 | ~int32 | ~uint32](r tx.Reason, subject string, have A, want B) *tx.Rejection {
	return &tx.Rejection{Reason: r, Subject: subject, Have: int64(have), Want: int64(want)}
}
