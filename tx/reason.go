package tx

import (
	"fmt"
	"slices"
)

// Reason is why the ledger refused a transaction. Numbers are append-only: a
// number keeps its meaning for ever, because receipts carry it.
type Reason uint32

// The order within an operation's rule in which reasons are checked is part of
// the protocol: see state's rule files.
const (
	Accepted Reason = 0

	// Encoding and signatures, decided without state.
	Malformed        Reason = 1
	TooLarge         Reason = 2
	UnknownOperation Reason = 3
	BadSignature     Reason = 4
	WrongChain       Reason = 5
	BadReference     Reason = 6
	NoOperations     Reason = 7
	NoSignature      Reason = 8
	BadKey           Reason = 9
	BadProof         Reason = 10

	// Who asks, and when.
	UnknownParty          Reason = 20
	UnknownKey            Reason = 21
	KeyRevoked            Reason = 22
	NotSignedByParty      Reason = 23
	Expired               Reason = 24
	ReferenceReused       Reason = 25
	MissingCosignature    Reason = 26
	WrongRole             Reason = 27
	OperationNotInVersion Reason = 28

	// Amounts.
	AmountNotPositive   Reason = 40
	AmountOverflow      Reason = 41
	UnknownInstrument   Reason = 42
	InsufficientHolding Reason = 43
	InsufficientMoney   Reason = 44
	UnknownCounterparty Reason = 45
	SameParty           Reason = 46

	// Accounts and keys.
	AccountExists   Reason = 50
	BadAccountID    Reason = 51
	RoleNotOpenable Reason = 52
	UnknownRegion   Reason = 53
	KeyInUse        Reason = 54
	LastKey         Reason = 55
	BadName         Reason = 56
	TooManyKeys     Reason = 57

	// The opening position.
	NotFirstBlock       Reason = 60
	OpeningIncomplete   Reason = 61
	PageNotExpected     Reason = 62
	OpeningTotalsDiffer Reason = 63
	BadOpening          Reason = 64

	// Parameters and the clock.
	UnknownParameter  Reason = 70
	BadParameterValue Reason = 71
	DateInPast        Reason = 72
	NotScriptClock    Reason = 73
	ClockBackwards    Reason = 74

	// Trading days.
	NotBusinessDay   Reason = 80
	NotLedgerDay     Reason = 81
	DayOpen          Reason = 82
	DayNotOpen       Reason = 83
	DayAlreadyClosed Reason = 84

	// Matched trades.
	OrderWrongChain      Reason = 90
	OrderWrongSide       Reason = 91
	OrderWrongInstrument Reason = 92
	OrderWrongDay        Reason = 93
	OrderPrice           Reason = 94
	OrderOverfilled      Reason = 95
	OrderKeyUnknown      Reason = 96
	OrderKeyRevoked      Reason = 97
	OrderReferenceReused Reason = 98
	PriceOutOfLimit      Reason = 99
	ListedTooLarge       Reason = 100
	BlockTooSmall        Reason = 101
	NotTrader            Reason = 102

	// Compliance.
	NoObligation      Reason = 110
	VintageNotUsable  Reason = 111
	YearClosed        Reason = 112
	OffsetOverLimit   Reason = 113
	CancellationUsed  Reason = 114
	ObligationCovered Reason = 115
	DeadlineNotPassed Reason = 116
	SurrenderOverDue  Reason = 117
	NotOwnEntity      Reason = 118
	DocumentUsed      Reason = 119
	BadDocument       Reason = 120
	BadYear           Reason = 121

	// Governance.
	TransfersNotFree Reason = 130
	UnknownValidator Reason = 131
	BadValidator     Reason = 132
	LastVoter        Reason = 133
	VersionNotNewer  Reason = 134
)

var reasons = map[Reason][2]string{
	Accepted:              {"ACCEPTED", "accepted"},
	Malformed:             {"MALFORMED", "the bytes are not the canonical encoding of a transaction"},
	TooLarge:              {"TOO_LARGE", "a transaction has at most 60,000 bytes and 2,000 operations"},
	UnknownOperation:      {"UNKNOWN_OPERATION", "an operation that this protocol does not know"},
	BadSignature:          {"BAD_SIGNATURE", "a signature does not fit"},
	WrongChain:            {"WRONG_CHAIN", "the transaction names another chain"},
	BadReference:          {"BAD_REFERENCE", "a reference is 1 to 32 printable ASCII characters without spaces"},
	NoOperations:          {"NO_OPERATIONS", "the transaction asks for nothing"},
	NoSignature:           {"NO_SIGNATURE", "the transaction is not signed"},
	BadKey:                {"BAD_KEY", "a public key is not canonical, or is of small order"},
	BadProof:              {"BAD_PROOF", "a key comes without proof that its owner holds the private key"},
	UnknownParty:          {"UNKNOWN_PARTY", "the asking party has no account"},
	UnknownKey:            {"UNKNOWN_KEY", "a signing key belongs to no party"},
	KeyRevoked:            {"KEY_REVOKED", "a signing key was revoked"},
	NotSignedByParty:      {"NOT_SIGNED_BY_PARTY", "no signature is by a key of the asking party"},
	Expired:               {"EXPIRED", "the transaction's expiry lies before the ledger's time"},
	ReferenceReused:       {"REFERENCE_REUSED", "the party used this reference for another transaction"},
	MissingCosignature:    {"MISSING_COSIGNATURE", "a second party must sign too"},
	WrongRole:             {"WRONG_ROLE", "the party's role may not do this"},
	OperationNotInVersion: {"OPERATION_NOT_IN_VERSION", "the ledger's protocol version lacks this operation"},
	AmountNotPositive:     {"AMOUNT_NOT_POSITIVE", "an amount must be greater than zero"},
	AmountOverflow:        {"AMOUNT_OVERFLOW", "an amount is too large to be booked"},
	UnknownInstrument:     {"UNKNOWN_INSTRUMENT", "the instrument does not exist"},
	InsufficientHolding:   {"INSUFFICIENT_HOLDING", "the holding is too small"},
	InsufficientMoney:     {"INSUFFICIENT_MONEY", "the money is too little"},
	UnknownCounterparty:   {"UNKNOWN_COUNTERPARTY", "a party named in the operation has no account that can hold this"},
	SameParty:             {"SAME_PARTY", "both sides are one party"},
	AccountExists:         {"ACCOUNT_EXISTS", "the account is open already"},
	BadAccountID:          {"BAD_ACCOUNT_ID", "an account id is 1 to 24 letters, digits or hyphens"},
	RoleNotOpenable:       {"ROLE_NOT_OPENABLE", "accounts of this role are not opened by an operation"},
	UnknownRegion:         {"UNKNOWN_REGION", "an entity needs the account of its region's department"},
	KeyInUse:              {"KEY_IN_USE", "the key is or was a key of a party"},
	LastKey:               {"LAST_KEY", "a party keeps at least one key"},
	BadName:               {"BAD_NAME", "a name is 1 to 200 bytes of text"},
	TooManyKeys:           {"TOO_MANY_KEYS", "a party has at most 64 keys, revoked ones too"},
	NotFirstBlock:         {"NOT_FIRST_BLOCK", "an opening position is the ledger's first transaction or none"},
	OpeningIncomplete:     {"OPENING_INCOMPLETE", "pages of the opening position are missing: no other business yet"},
	PageNotExpected:       {"PAGE_NOT_EXPECTED", "the page is not the next of the opening position"},
	OpeningTotalsDiffer:   {"OPENING_TOTALS_DIFFER", "the pages do not add up to the signed totals"},
	BadOpening:            {"BAD_OPENING", "the opening position is not well formed"},
	UnknownParameter:      {"UNKNOWN_PARAMETER", "there is no such parameter"},
	BadParameterValue:     {"BAD_PARAMETER_VALUE", "the parameter cannot have this value"},
	DateInPast:            {"DATE_IN_PAST", "the day lies before the ledger's day"},
	NotScriptClock:        {"NOT_SCRIPT_CLOCK", "this network's clock is not set by transactions"},
	ClockBackwards:        {"CLOCK_BACKWARDS", "the clock is set forwards only"},
	NotBusinessDay:        {"NOT_BUSINESS_DAY", "no trading on this day by the calendar"},
	NotLedgerDay:          {"NOT_LEDGER_DAY", "the day is not the ledger's day"},
	DayOpen:               {"DAY_OPEN", "a trading day is open"},
	DayNotOpen:            {"DAY_NOT_OPEN", "the trading day is not open"},
	DayAlreadyClosed:      {"DAY_ALREADY_CLOSED", "the trading day was closed"},
	OrderWrongChain:       {"ORDER_WRONG_CHAIN", "an order names another chain"},
	OrderWrongSide:        {"ORDER_WRONG_SIDE", "an order is on the wrong side of the trade"},
	OrderWrongInstrument:  {"ORDER_WRONG_INSTRUMENT", "an order is for another instrument"},
	OrderWrongDay:         {"ORDER_WRONG_DAY", "an order is for another business day"},
	OrderPrice:            {"ORDER_PRICE", "the price is worse than an order's limit"},
	OrderOverfilled:       {"ORDER_OVERFILLED", "the trade takes more than is left of an order"},
	OrderKeyUnknown:       {"ORDER_KEY_UNKNOWN", "an order is not signed by a key of its party"},
	OrderKeyRevoked:       {"ORDER_KEY_REVOKED", "an order is signed by a revoked key"},
	OrderReferenceReused:  {"ORDER_REFERENCE_REUSED", "the party used this reference for another order"},
	PriceOutOfLimit:       {"PRICE_OUT_OF_LIMIT", "the price is outside the day's limits"},
	ListedTooLarge:        {"LISTED_TOO_LARGE", "a listed trade must be smaller"},
	BlockTooSmall:         {"BLOCK_TOO_SMALL", "a block trade must be larger"},
	NotTrader:             {"NOT_TRADER", "a side of the trade may not trade"},
	NoObligation:          {"NO_OBLIGATION", "the entity has no obligation for the year"},
	VintageNotUsable:      {"VINTAGE_NOT_USABLE", "a later vintage cannot be used for an earlier year"},
	YearClosed:            {"YEAR_CLOSED", "the obligation year is closed"},
	OffsetOverLimit:       {"OFFSET_OVER_LIMIT", "offsets would exceed their share of the obligation"},
	CancellationUsed:      {"CANCELLATION_USED", "the cancellation was booked before"},
	ObligationCovered:     {"OBLIGATION_COVERED", "more than the new obligation is already covered"},
	DeadlineNotPassed:     {"DEADLINE_NOT_PASSED", "the deadline of the year has not passed"},
	SurrenderOverDue:      {"SURRENDER_OVER_DUE", "more than is still due"},
	NotOwnEntity:          {"NOT_OWN_ENTITY", "the entity belongs to another region"},
	DocumentUsed:          {"DOCUMENT_USED", "the document was used for an issue to this holder before"},
	BadDocument:           {"BAD_DOCUMENT", "a document or cancellation number is 1 to 64 characters"},
	BadYear:               {"BAD_YEAR", "the year is not an obligation year"},
	TransfersNotFree:      {"TRANSFERS_NOT_FREE", "this network knows no free transfer"},
	UnknownValidator:      {"UNKNOWN_VALIDATOR", "there is no such validator"},
	BadValidator:          {"BAD_VALIDATOR", "the validator's description is not well formed"},
	LastVoter:             {"LAST_VOTER", "the network keeps at least one voter"},
	VersionNotNewer:       {"VERSION_NOT_NEWER", "the protocol version goes up by one"},
}

// String is the reason's stable name, such as INSUFFICIENT_HOLDING.
func (r Reason) String() string {
	if s, ok := reasons[r]; ok {
		return s[0]
	}
	return fmt.Sprintf("REASON_%d", uint32(r))
}

// Text is one English sentence without a full stop.
func (r Reason) Text() string {
	if s, ok := reasons[r]; ok {
		return s[1]
	}
	return "a reason of a newer protocol version"
}

// Reasons lists every reason in order of number, Accepted first.
func Reasons() []Reason {
	all := make([]Reason, 0, len(reasons))
	for r := range reasons {
		all = append(all, r)
	}
	slices.Sort(all)
	return all
}

// Rejection is the ledger's no as a value, and as the error of Decode and
// Verify.
type Rejection struct {
	Reason Reason
	// Operation that was refused, from 0.
	Operation uint32
	// Subject names what the reason speaks of.
	Subject string
	// Have and Want are the numbers of a shortage or a limit.
	Have, Want int64
}

// Error says the reason, its subject and its numbers.
func (r *Rejection) Error() string {
	s := fmt.Sprintf("%s: %s", r.Reason, r.Reason.Text())
	if r.Subject != "" {
		s += " (" + r.Subject + ")"
	}
	if r.Have != 0 || r.Want != 0 {
		s += fmt.Sprintf(": have %d, want %d", r.Have, r.Want)
	}
	return s
}

// Rejection is the receipt's refusal, nil where it was accepted.
func (r *Receipt) Rejection() *Rejection {
	if r.Reason == Accepted {
		return nil
	}
	return &Rejection{Reason: r.Reason, Operation: r.Operation, Subject: r.Subject, Have: r.Have, Want: r.Want}
}
