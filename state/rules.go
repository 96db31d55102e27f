package state

import (
	"slices"

	"carbonledger/tx"
)

// Rule is a row of the table of what may be asked of the ledger. The table is
// part of the protocol; docs/rules.md is written from it.
type Rule struct {
	// Operation is the name of its message in tx.proto.
	Operation string
	Chinese   string
	// Roles that may ask; nil: any, and the rule itself says who may ask for what.
	Roles []tx.Role
	// Since is the first protocol version that knows it.
	Since uint32
	// Opening says that it is possible while pages of the opening position are
	// missing.
	Opening bool
	// Source of the rule: article, or the part of the document.
	Source string
	// Reasons of the rule itself, in the order in which it checks; one that it
	// checks in two places stands at the first.
	Reasons []tx.Reason
}

var (
	ministry   = []tx.Role{tx.Ministry}
	registry   = []tx.Role{tx.Registry}
	exchange   = []tx.Role{tx.Exchange}
	bank       = []tx.Role{tx.SettlementBank}
	entityOnly = []tx.Role{tx.KeyEmittingEntity}
)

// The rows, in the order of the operations' numbers.
var (
	bringForwardRule = &Rule{"BringForward", "期初余额", registry, 1, true, "design: the ledger takes over from an earlier register",
		[]tx.Reason{tx.NotFirstBlock, tx.MissingCosignature, tx.BadOpening, tx.UnknownInstrument, tx.OpeningTotalsDiffer}}
	bringForwardPageRule = &Rule{"BringForwardPage", "期初余额分页", registry, 1, true, "design: as BringForward",
		[]tx.Reason{tx.PageNotExpected, tx.BadOpening, tx.UnknownInstrument, tx.AmountNotPositive, tx.UnknownCounterparty, tx.AmountOverflow, tx.OpeningTotalsDiffer}}
	openAccountRule = &Rule{"OpenAccount", "开户", nil, 1, true, "Interim Regulations, Art. 5",
		[]tx.Reason{tx.RoleNotOpenable, tx.WrongRole, tx.BadAccountID, tx.BadName, tx.AccountExists, tx.LastKey, tx.TooManyKeys, tx.BadKey, tx.KeyInUse, tx.UnknownRegion}}
	addKeyRule = &Rule{"AddKey", "增加公钥", nil, 1, true, "design: several operators with rights of their own (Trial Measures, Art. 8)",
		[]tx.Reason{tx.BadKey, tx.KeyInUse, tx.TooManyKeys}}
	revokeKeyRule = &Rule{"RevokeKey", "撤销公钥", nil, 1, true, "design: as AddKey",
		[]tx.Reason{tx.UnknownKey, tx.KeyRevoked, tx.LastKey}}
	setParameterRule = &Rule{"SetParameter", "设置参数", []tx.Role{tx.Ministry, tx.Exchange}, 1, true, "Interim Regulations, Art. 5 and 9",
		[]tx.Reason{tx.BadParameterValue, tx.UnknownParameter, tx.WrongRole, tx.DateInPast, tx.DayOpen}}
	setClockRule = &Rule{"SetClock", "设置时钟", []tx.Role{tx.Timekeeper}, 1, true, "design: script networks only",
		[]tx.Reason{tx.NotScriptClock, tx.ClockBackwards, tx.BadParameterValue}}
	depositRule = &Rule{"Deposit", "入金", bank, 1, false, "Settlement Rules: a sub-ledger for each entity's money",
		[]tx.Reason{tx.AmountNotPositive, tx.UnknownCounterparty, tx.AmountOverflow}}
	withdrawRule = &Rule{"Withdraw", "出金", bank, 1, false, "Settlement Rules: as Deposit",
		[]tx.Reason{tx.AmountNotPositive, tx.UnknownCounterparty, tx.InsufficientMoney}}
	issueAllowancesRule = &Rule{"IssueAllowances", "配额发放", registry, 1, false, "plan 国环规气候〔2024〕1号, annex 6",
		[]tx.Reason{tx.UnknownInstrument, tx.AmountNotPositive, tx.BadDocument, tx.UnknownCounterparty, tx.AmountOverflow, tx.DocumentUsed}}
	openDayRule = &Rule{"OpenDay", "开市", exchange, 1, false, "exchange's trading rules: calendar",
		[]tx.Reason{tx.DayOpen, tx.NotLedgerDay, tx.NotBusinessDay, tx.DayAlreadyClosed}}
	closeDayRule = &Rule{"CloseDay", "闭市", exchange, 1, false, "exchange's trading rules: closing price",
		[]tx.Reason{tx.DayNotOpen}}
	settleTradeRule = &Rule{"SettleTrade", "成交结算", exchange, 1, false, "Trial Measures, Art. 23; exchange's trading rules; Settlement Rules",
		[]tx.Reason{tx.UnknownInstrument, tx.AmountNotPositive, tx.DayNotOpen, tx.NotLedgerDay,
			tx.OrderWrongChain, tx.OrderWrongSide, tx.OrderWrongInstrument, tx.OrderWrongDay, tx.NotTrader, tx.OrderKeyUnknown, tx.OrderKeyRevoked,
			tx.OrderPrice, tx.OrderReferenceReused, tx.OrderOverfilled,
			tx.SameParty, tx.ListedTooLarge, tx.BlockTooSmall, tx.PriceOutOfLimit, tx.AmountOverflow, tx.InsufficientHolding, tx.InsufficientMoney}}
	surrenderRule = &Rule{"Surrender", "配额清缴", entityOnly, 1, false, "Trial Measures, Art. 28; plan 国环规气候〔2024〕1号, part 7",
		[]tx.Reason{tx.UnknownInstrument, tx.AmountNotPositive, tx.NoObligation, tx.YearClosed, tx.VintageNotUsable, tx.SurrenderOverDue, tx.InsufficientHolding}}
	bookOffsetRule = &Rule{"BookOffset", "CCER抵销", registry, 1, false, "Trial Measures, Art. 29",
		[]tx.Reason{tx.AmountNotPositive, tx.BadDocument, tx.UnknownCounterparty, tx.NoObligation, tx.YearClosed, tx.OffsetOverLimit, tx.SurrenderOverDue, tx.CancellationUsed}}
	setObligationRule = &Rule{"SetObligation", "核定应清缴量", []tx.Role{tx.RegionDepartment}, 1, false, "Interim Regulations, Art. 12 and 14",
		[]tx.Reason{tx.AmountNotPositive, tx.BadYear, tx.UnknownCounterparty, tx.NotOwnEntity, tx.YearClosed, tx.ObligationCovered, tx.OffsetOverLimit, tx.AmountOverflow}}
	closeYearRule = &Rule{"CloseYear", "关闭履约年度", registry, 1, false, "plan 国环规气候〔2024〕1号: deadline of the year",
		[]tx.Reason{tx.BadYear, tx.YearClosed, tx.DeadlineNotPassed}}
	transferRule = &Rule{"Transfer", "自由划转", entityOnly, 1, false, "bench and test chains only: the law knows no free transfer (Trial Measures, Art. 23)",
		[]tx.Reason{tx.TransfersNotFree, tx.UnknownInstrument, tx.AmountNotPositive, tx.SameParty, tx.UnknownCounterparty, tx.InsufficientHolding}}
	setValidatorRule = &Rule{"SetValidator", "准入验证节点", ministry, 1, true, "design: membership is ledger data",
		[]tx.Reason{tx.BadValidator, tx.LastVoter}}
	removeValidatorRule = &Rule{"RemoveValidator", "移除验证节点", ministry, 1, true, "design: membership is ledger data",
		[]tx.Reason{tx.UnknownValidator, tx.LastVoter}}
	setProtocolVersionRule = &Rule{"SetProtocolVersion", "升级协议版本", ministry, 1, true, "design: the ledger's version rules, not the program's",
		[]tx.Reason{tx.VersionNotNewer}}
)

// Rules is the whole table, in the order of the operations' numbers.
func Rules() []Rule {
	var all []Rule
	for _, r := range []*Rule{
		bringForwardRule, bringForwardPageRule, openAccountRule, addKeyRule, revokeKeyRule, setParameterRule, setClockRule,
		depositRule, withdrawRule, issueAllowancesRule, openDayRule, closeDayRule, settleTradeRule, surrenderRule, bookOffsetRule,
		setObligationRule, closeYearRule, transferRule, setValidatorRule, removeValidatorRule, setProtocolVersionRule,
	} {
		c := *r
		c.Roles, c.Reasons = slices.Clone(r.Roles), slices.Clone(r.Reasons)
		all = append(all, c)
	}
	return all
}

// Openers says who opens accounts of a role; roles that it lacks exist by genesis
// only.
func Openers(r tx.Role) []tx.Role { return slices.Clone(opener[r]) }
