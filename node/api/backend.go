package api

import (
	"context"
	"errors"
	"fmt"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// What became of transactions that got no receipt. Sending the same bytes
// again is safe after each of them.
var (
	// ErrUnknownOutcome: they may or may not take effect.
	ErrUnknownOutcome = errors.New("the outcome is unknown: send the same bytes again to learn it")
	// ErrWithoutEffect: they surely had no effect.
	ErrWithoutEffect = errors.New("nothing was done")
	// ErrOverloaded is ErrWithoutEffect for want of room.
	ErrOverloaded = fmt.Errorf("%w: the node has no room for more", ErrWithoutEffect)
)

// Backend is what a node gives the server to work with. All of it is safe for
// concurrent use.
type Backend interface {
	// Submit commits transactions in the given order, with one receipt each.
	// Its errors are a *tx.Rejection (of something that no block takes;
	// nothing was done), or wrap ErrUnknownOutcome or ErrWithoutEffect.
	Submit(ctx context.Context, raws [][]byte) ([]tx.Receipt, error)
	// View waits for minHeight and shows the newest state; the caller closes
	// it. Its error is that of ctx, or says why the node cannot show anything.
	View(ctx context.Context, minHeight uint64) (View, error)
	Status() StatusResponse
	// Attestations of the newest height with enough of them.
	Attestations() []tx.Attestation
	// WaitHeight returns when the height is applied, or with an error as View.
	WaitHeight(ctx context.Context, height uint64) error
	// Proof that the log has an entry; it waits for a checkpoint that covers it.
	Proof(ctx context.Context, index uint64) (*proof.Receipt, error)
}

// View is the ledger at one height. Lists begin after the place that an
// earlier call returned as next, and are complete when it is empty.
type View interface {
	Head() tx.Head
	Founded() tx.Instant
	HasInstrument(code string) bool
	Party(id string) (tx.Party, bool, error)
	// A list has a total where no cursor is given for it, and -1 behind one.
	Parties(role tx.Role, region, after string, limit int) (items []tx.Party, total int, next string, err error)
	Holdings(party, instrument, after string, limit int) ([]tx.Holding, int, string, error)
	// As of a height up to the view's.
	HoldingsAt(height uint64, party, instrument, after string, limit int) ([]tx.Holding, int, string, error)
	MoneyAt(height uint64, party, after string, limit int) ([]tx.Money, int, string, error)
	StatementAt(height uint64, party string, after uint64, limit int) (size uint64, entries []proof.StatementEntry, err error)
	// HeightAt is the newest height whose ledger time is not after an instant.
	HeightAt(at tx.Instant) (uint64, error)
	// EpochHeight is the newest height at or below one that left a state root,
	// CloseHeight the newest that closed a business day;
	// ProveHolding and ProveStatement prove records of such a height, and RootEntry
	// is the log's entry that names its root.
	EpochHeight(height uint64) (uint64, error)
	CloseHeight(height uint64) (uint64, error)
	ProveHolding(epoch uint64, party, instrument string) (key, proof []byte, err error)
	ProveStatement(epoch uint64, party string) (key, proof []byte, err error)
	RootEntry(epoch uint64) (uint64, error)
	// HashAt, Traces, Compare and Suspects are what replicas are compared by.
	HashAt(height uint64) (tx.ID, bool, error)
	Traces(height uint64) (transactions, writes []uint64, ok bool, err error)
	Compare(height uint64, keys [][]byte, most int) ([]tx.ReplicaRecord, error)
	Suspects(height uint64, wanted []uint32, behind []byte, limit, most int) (found []tx.ReplicaRecord, next []byte, err error)
	SizeAt(height uint64) (uint64, error)
	Nodes(level uint, first uint64, count int) ([]proof.Hash, error)
	Archive() (first uint64, url string, err error)
	Entries(from, to uint64, take func(index uint64, entry []byte) error) error
	Money(party, after string, limit int) ([]tx.Money, int, string, error)
	Receipt(id tx.ID) (tx.Receipt, bool, error)
	Transaction(id tx.ID) ([]byte, bool, error)
	Block(height uint64) (tx.BlockRecord, bool, error)
	Obligations(year tx.Year, region, entity, after string, limit int) ([]tx.Obligation, int, string, error)
	RegionObligations(year tx.Year) ([]tx.RegionObligation, error)
	YearObligation(year tx.Year) (tx.YearObligation, bool, error)
	Bulletin(day tx.Day) (tx.Bulletin, bool, error)
	// Bulletins has days for cursors, 0 for none.
	Bulletins(from, to, cursor tx.Day, limit int) ([]tx.Bulletin, int, tx.Day, error)
	YearTotals(year tx.Year) (tx.YearTotals, bool, error)
	Order(party, reference string) (tx.OrderRecord, bool, error)
	Trades(day tx.Day, after string, limit int) ([]tx.TradeRecord, int, string, error)
	Settlement(day tx.Day) (tx.DaySettlement, bool, error)
	Session(session string) (tx.BiddingSession, bool, error)
	Lots(entity string, instrument string, after string, limit int) ([]tx.Lot, int, string, error)
	Allocation(entity, instrument string) (tx.Allocation, bool, error)
	Verifications(year tx.Year, entity string, after string, limit int) ([]tx.Verification, int, string, error)
	Applications(applicant, beneficiary string, state tx.ApplicationState, after string, limit int) ([]tx.Application, int, string, error)
	VoluntaryCancellations(after string, limit int) ([]tx.Application, int, string, error)
	Cancellations(owner, after string, limit int) ([]tx.Cancellation, int, string, error)
	Reductions(after string, limit int) ([]tx.Reduction, int, string, error)
	ReductionHoldings(party string, after string, limit int) ([]tx.ReductionHolding, int, string, error)
	Prepared(party string, after string, limit int) ([]tx.Prepared, int, string, error)
	Freezes(party string, after string, limit int) ([]tx.FreezeRecord, int, string, error)
	Pledges(party string, after string, limit int) ([]tx.PledgeRecord, int, string, error)
	CarryOver(entity string) (tx.CarryOverStanding, error)
	Risks(year tx.Year, region string, entity string, after string, limit int) ([]tx.Risk, int, string, error)
	Penalty(entity string, year tx.Year) (tx.Penalty, bool, error)
	Parameters() ([]tx.ParameterValue, error)
	Validators() ([]tx.Validator, error)
	Conservation() (tx.Conservation, error)
	// Check says what a transaction would answer in the next block.
	Check(raw []byte) (tx.Receipt, error)
	Close() error
}
