package state

import (
	"encoding/binary"
	"strings"

	"carbonledger/tx"
)

// The key space. One byte says the range; what follows is in the order in
// which lists show it. Ids and codes hold no zero byte, so a zero byte ends
// them.
//
// The running hash covers every put in a range below localRanges. What lies at
// or above it is this node's own: it follows from the blocks, or from Raft.
const (
	rangeFacts        byte = 0x01 // → facts
	rangeParty        byte = 0x02 // party → tx.Party
	rangeKey          byte = 0x03 // scheme, public key → keyFacts
	rangeReference    byte = 0x04 // party 0 reference → transaction id
	rangeReceipt      byte = 0x05 // transaction id → tx.Receipt
	rangeHolding      byte = 0x06 // party 0 instrument → holding
	rangeMoney        byte = 0x07 // party → money
	rangeHoldingAtOld byte = 0x08 // party 0 instrument → tonnes brought forward
	rangeMoneyAtOld   byte = 0x09 // party → fen brought forward
	rangeSupply       byte = 0x0a // instrument → supply
	rangeMoneySupply  byte = 0x0b // → moneySupply
	rangeDocument     byte = 0x0c // party 0 instrument 0 document → nothing
	rangeCancellation byte = 0x0d // cancellation → tx.Cancellation
	rangeClose        byte = 0x0e // instrument → last close, 8 bytes
	rangeMarket       byte = 0x0f // → market
	rangeBulletin     byte = 0x10 // day → tx.Bulletin of a day that was opened
	rangeYearTotals   byte = 0x11 // year → tx.YearTotals
	rangeYearTrader   byte = 0x12 // year, party → nothing
	rangeOrder        byte = 0x13 // party 0 reference → tx.OrderRecord
	rangeParameter    byte = 0x14 // name → list of tx.ParameterValue
	rangeObligation   byte = 0x15 // year, region 0 entity → tx.Obligation
	rangeYear         byte = 0x16 // year → yearFacts
	rangeValidators   byte = 0x17 // → list of tx.Validator
	rangeOpening      byte = 0x18 // → tx.BringForward
	rangeUSCC         byte = 0x19 // unified social credit code → party
	rangePrepared     byte = 0x1a // transaction id → tx.Prepared
	rangeDayOrder     byte = 0x1b // day, number → party 0 reference
	rangeTrade        byte = 0x1c // day, number → tx.TradeRecord
	rangeSettlement   byte = 0x1d // day → tx.DaySettlement
	rangeSession      byte = 0x1e // session → tx.BiddingSession
	rangeSessionOrder byte = 0x1f // session 0 number, 8 bytes → party 0 reference
	rangeSuspended    byte = 0x20 // instrument, or nothing for all → 1 or 0, 8 bytes
	rangeLot          byte = 0x21 // number → tx.Lot
	rangeAllocation   byte = 0x22 // entity 0 instrument → tx.Allocation
	rangeVerification byte = 0x23 // year, entity → tx.Verification
	rangeDeduction    byte = 0x24 // year of the allocation, entity → tonnes, 8 bytes
	rangeApplication  byte = 0x25 // applicant 0 application → tx.Application
	rangeReduction    byte = 0x26 // batch → tx.Reduction
	rangeCCER         byte = 0x27 // party 0 batch → tonnes, 8 bytes
	rangeCCERTotal    byte = 0x28 // party → tonnes of all batches, 8 bytes
	rangeCCERSupply   byte = 0x29 // → ccerSupply
	rangeFreeze       byte = 0x2a // document → tx.FreezeRecord
	rangePledge       byte = 0x2b // registration → tx.PledgeRecord
	rangeByLaw        byte = 0x2c // transaction id, from 0 to 0 instrument → tonnes not corrected, 8 bytes
	rangeYearEnd      byte = 0x2d // year, party 0 instrument → holding as the year ended
	rangeNetSales     byte = 0x2e // year, party 0 instrument → sold, bought
	rangeCarriedOver  byte = 0x2f // party → tonnes applied for and not refused, 8 bytes
	rangeReceivable   byte = 0x30 // party 0 instrument → tonnes, 8 bytes
	rangeStatement    byte = 0x31 // party → size of its statement, 8 bytes, head
	rangeEpoch        byte = 0x32 // height → day, 4 bytes, number of records, 8 bytes, root
	rangeRootAsked    byte = 0x33 // → ledger time of the newest TakeStateRoot, 8 bytes
	rangeToLift       byte = 0x34 // party → open pledges and freezes that only it lifts, 8 bytes

	localRanges    byte = 0x80
	localFormat    byte = 0x80 // → format of the key space, 8 bytes
	localGenesis   byte = 0x81 // → genesis hash
	localApplied   byte = 0x82 // → Raft index of the newest applied entry, 8 bytes
	localHead      byte = 0x83 // → height, 8 bytes
	localEntry     byte = 0x84 // index → tx.OutcomeRecord
	localEnd       byte = 0x85 // height → blockEnd
	localTrace     byte = 0x86 // height → what the block wrote, in short: see encodeTrace
	localNode      byte = 0x87 // level, 1 byte, index, 8 bytes → nodes of the log's tree side by side
	localVersion   byte = 0x88 // length of the key, 2 bytes, key, height → the record after that block
	localStatement byte = 0x89 // party 0 number of the entry, 8 bytes, from 1 → index of the log, puts
	localKept      byte = 0x8a // day → the published checkpoint that was kept for it
	localArchive   byte = 0x8b // → index of the first entry that is still here, 8 bytes, URL of the log with those before
	formatVersion       = 3
)

// Every function of this file appends to b, so that a hot path brings its own
// buffer.

func keyOf1(b []byte, r byte, part string) []byte { return append(append(b, r), part...) }

func keyOf2(b []byte, r byte, part, last string) []byte {
	b = append(append(b, r), part...)
	return append(append(b, 0), last...)
}

// cutKey takes apart what keyOf2 put together behind the range.
func cutKey(key string) (part, last string) {
	part, last, _ = strings.Cut(key, "\x00")
	return part, last
}

func publicKeyKey(b []byte, k *tx.PublicKey) []byte {
	return append(append(b, rangeKey, byte(k.Scheme)), k.Key...)
}

func receiptKey(b []byte, id *tx.ID) []byte { return append(append(b, rangeReceipt), id[:]...) }

func documentKey(b []byte, to, instrument, document string) []byte {
	b = append(keyOf2(b, rangeDocument, to, instrument), 0)
	return append(b, document...)
}

func dayKey(b []byte, r byte, day tx.Day) []byte {
	return binary.BigEndian.AppendUint32(append(b, r), uint32(day))
}

func yearKey(b []byte, r byte, year tx.Year) []byte {
	return binary.BigEndian.AppendUint32(append(b, r), uint32(year))
}

// numberKey is a range, a day and a number of that day.
func numberKey(b []byte, r byte, day tx.Day, number int64) []byte {
	return binary.BigEndian.AppendUint64(dayKey(b, r, day), uint64(number))
}

func lotKey(b []byte, number int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, rangeLot), uint64(number))
}

// yearPartyKey is a range, a year and what follows: a party, or a party, a zero
// byte and an instrument.
func yearPartyKey(b []byte, r byte, year tx.Year, rest string) []byte {
	return append(yearKey(b, r, year), rest...)
}

func yearTraderKey(b []byte, year tx.Year, party string) []byte {
	return append(yearKey(b, rangeYearTrader, year), party...)
}

func obligationKey(b []byte, year tx.Year, region, entity string) []byte {
	b = append(yearKey(b, rangeObligation, year), region...)
	return append(append(b, 0), entity...)
}

func heightKey(r byte, height uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{r}, height)
}

// after is the first key behind every key that begins with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
