package tx

// Founding is what the genesis document hands to the ledger: its state at
// height 0.
type Founding struct {
	ChainID         string
	Hash            Domain
	ProtocolVersion uint32
	// ScriptClock: ledger time is set by transactions of the timekeeper.
	ScriptClock bool
	// FreeTransfers allows Transfer: bench and test chains only.
	FreeTransfers bool
	Start         Instant
	Validators    []Validator
	Parties       []OpenAccount
	// Instruments in the order in which lists show them.
	Instruments []Instrument
	// ClosedDays are the weekdays without trading.
	ClosedDays []Day
	Parameters []SetParameter
	// LogOrigin names the transparency log, and LogKey is the Ed25519 key of its
	// own signature (c2sp.org/tlog-checkpoint). Empty: this network keeps no
	// tree and publishes nothing, which is for benches that measure what it
	// costs.
	LogOrigin string
	LogKey    []byte
}

// Instrument is a vintage of allowances.
type Instrument struct {
	Code string
	// Vintage is the (last) year of the allowances: it may cover obligations
	// of that year and later.
	Vintage Year
	// ReferencePrice stands for the close until the first one.
	ReferencePrice Fen
}
