package state

import "carbonledger/tx"

var foundingRules = []*Rule{
	{
		Operation: "BringForward", Chinese: "期初余额", Roles: registry, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true,
		Source:  "design: the ledger takes over from an earlier register",
		Promise: "Opens the books with the position of an earlier register; the ministry signs too. Holdings and money follow in pages whose hashes it signs.",
		Reasons: []tx.Reason{
			tx.NotFirstBlock, tx.MissingCosignature, tx.BadOpening, tx.UnknownInstrument, tx.OpeningTotalsDiffer,
		},
	},
	{
		Operation: "BringForwardPage", Chinese: "期初余额分页", Roles: registry, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true,
		Source:  "design: as BringForward",
		Promise: "Books the next page: units into registry holdings, money into sub-ledgers.",
		Reasons: []tx.Reason{
			tx.PageNotExpected, tx.BadOpening, tx.UnknownInstrument, tx.AmountNotPositive, tx.UnknownCounterparty, tx.AmountOverflow,
			tx.OpeningTotalsDiffer,
		},
	},
	{
		Operation: "OpenAccount", Chinese: "开户", Roles: nil, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true, Preparable: true,
		Source: "Interim Regulations, Art. 5; GB 32100-2015 for the code",
		Promise: "Registers a party. One application opens platform, registration and trading of allowances and of CCER. Its keys must be of as many persons as its " +
			"operations need.",
		Reasons: []tx.Reason{
			tx.RoleNotOpenable, tx.WrongRole, tx.RoleOff, tx.BadAccountID, tx.BadName, tx.AccountExists, tx.BadUSCC, tx.USCCInUse, tx.BadSector,
			tx.LastKey, tx.TooManyKeys, tx.BadKey, tx.KeyInUse, tx.BadRights, tx.TooFewPersons, tx.UnknownRegion,
		},
	},
	{
		Operation: "AddKey", Chinese: "增加公钥", Roles: nil, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true, Preparable: true,
		Source:  "design: several operators with rights of their own (Trial Measures, Art. 8)",
		Promise: "Lets one more key act for the asking party. As many persons sign as its strictest operation asks for.",
		Reasons: []tx.Reason{
			tx.BadKey, tx.KeyInUse, tx.BadRights, tx.TooManyKeys,
		},
	},
	{
		Operation: "RevokeKey", Chinese: "撤销公钥", Roles: nil, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true, Preparable: true,
		Source:  "design: as AddKey",
		Promise: "Ends a key of the asking party, everywhere at one height, for orders too that are not registered yet. A registered order stands; its trader can withdraw it.",
		Reasons: []tx.Reason{
			tx.UnknownKey, tx.KeyRevoked, tx.LastKey, tx.TooFewPersons,
		},
	},
	{
		Operation: "SetParameter", Chinese: "设置参数", Roles: []tx.Role{tx.Ministry, tx.Exchange}, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true, Preparable: true,
		Source:  "Interim Regulations, Art. 5 and 9",
		Promise: "Sets a parameter from a day on, not in the past and not on an open day. The ministry asks for no more persons than it has itself.",
		Reasons: []tx.Reason{
			tx.BadParameterValue, tx.UnknownParameter, tx.WrongRole, tx.DateInPast, tx.DayOpen, tx.TooFewPersons,
		},
	},
	{
		Operation: "SetClock", Chinese: "设置时钟", Roles: []tx.Role{tx.Timekeeper}, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true,
		Source:  "design: script networks only",
		Promise: "Moves ledger time forwards.",
		Reasons: []tx.Reason{
			tx.NotScriptClock, tx.ClockBackwards, tx.BadParameterValue,
		},
	},
}

var marketRules = []*Rule{
	{
		Operation: "Deposit", Chinese: "入金", Roles: bank, Right: tx.RightTreasury, Persons: 1, Since: 1, Preparable: true,
		Source:  "Settlement Rules: a sub-ledger for each entity's money",
		Promise: "Records money that reached the settlement account, into the party's sub-ledger.",
		Reasons: []tx.Reason{
			tx.AmountNotPositive, tx.UnknownCounterparty, tx.AmountOverflow,
		},
	},
	{
		Operation: "Withdraw", Chinese: "出金", Roles: bank, Right: tx.RightTreasury, Persons: 1, Since: 1, Preparable: true,
		Source:  "Settlement Rules: as Deposit",
		Promise: "Records money paid out. What buy orders and unsettled purchases lock, and the proceeds of unsettled sales, cannot be withdrawn.",
		Reasons: []tx.Reason{
			tx.AmountNotPositive, tx.UnknownCounterparty, tx.InsufficientMoney,
		},
	},
	{
		Operation: "IssueAllowances", Chinese: "配额发放", Roles: registry, Right: tx.RightPrepare, Persons: 2, Since: 1, Preparable: true,
		Source: "plan 国环规气候〔2024〕1号, annex 6 and part 5; 环办气候函〔2025〕140号 for new sectors",
		Promise: "Carries out an allocation on its province's document, table and signature: once for an entity, year and stage. The final amount less what was " +
			"pre-allocated, and less a recorded deduction, is issued into the registry holding or, where negative, taken back from registry-available, then " +
			"trading-available units; what is missing becomes a receivable. Where the allocation is differentiated the province's account receives it for the entity, " +
			"without pre-allocation. Sectors of the parameter allocation.verified.YEAR get exactly their verified emissions and no pre-allocation.",
		Reasons: []tx.Reason{
			tx.UnknownInstrument, tx.BadStage, tx.AmountNotPositive, tx.BadDocument, tx.BadTable, tx.UnknownCounterparty, tx.NotOwnEntity,
			tx.MissingCosignature, tx.IssuedBefore, tx.NoPreAllocation, tx.DiffersFromVerified, tx.DocumentUsed, tx.AmountOverflow,
		},
	},
	{
		Operation: "OpenDay", Chinese: "开市", Roles: exchange, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "exchange's trading rules: calendar; Settlement Rules: reconciliation",
		Promise: "Opens trading on the ledger's day, each business day once, when the last one is reconciled without a break.",
		Reasons: []tx.Reason{
			tx.DayOpen, tx.NotLedgerDay, tx.NotBusinessDay, tx.DayAlreadyClosed, tx.DayNotReconciled,
		},
	},
	{
		Operation: "CloseDay", Chinese: "闭市", Roles: exchange, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source: "exchange's trading rules: closing price; Settlement Rules: delivery versus payment after the close",
		Promise: "Computes the closes: the volume-weighted mean of the day's listed trades. Settles the day's trades one by one in the order in which they were " +
			"recorded, units against money; a trade whose units or money are no longer there becomes an exception. Open orders lapse and unlock.",
		Reasons: []tx.Reason{
			tx.DayNotOpen,
		},
	},
	{
		Operation: "RecordTrade", Chinese: "成交登记", Roles: exchange, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source: "Trial Measures, Art. 23; exchange's trading rules",
		Promise: "Records a matched trade of two registered orders, at a price within both limits. Nothing changes hands before the close; what the buyer pays less than " +
			"its limit is unlocked, and the seller may buy with the proceeds at once.",
		Reasons: []tx.Reason{
			tx.UnknownInstrument, tx.AmountNotPositive, tx.DayNotOpen, tx.NotLedgerDay, tx.OutsideHours, tx.TradingSuspended, tx.UnknownOrder,
			tx.OrderNotOpen, tx.OrderWrongSide, tx.OrderWrongInstrument, tx.OrderWrongKind, tx.OrderPrice, tx.OrderOverfilled, tx.SameParty,
			tx.AmountOverflow,
		},
	},
	{
		Operation: "Surrender", Chinese: "配额清缴申请", Roles: entityOnly, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "Trial Measures, Art. 28; plan 国环规气候〔2024〕1号, part 7 and annex 6",
		Promise: "Applies to surrender registry-available units, pending until the province decides. No later vintage than the year.",
		Reasons: []tx.Reason{
			tx.UnknownInstrument, tx.AmountNotPositive, tx.BadApplication, tx.ApplicationExists, tx.NoObligation, tx.YearClosed, tx.VintageNotUsable,
			tx.SurrenderOverDue, tx.InsufficientHolding,
		},
	},
	{
		Operation: "BookOffset", Chinese: "CCER抵销", Roles: registry, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "Trial Measures, Art. 29",
		Promise: "Counts a whole cancellation of CCER, of kind national offset, once against its owner's obligation: in sum at most floor(5 % × due).",
		Reasons: []tx.Reason{
			tx.UnknownCancellation, tx.NotOwner, tx.NotForOffset, tx.CancellationUsed, tx.NoObligation, tx.YearClosed, tx.ReductionTooOld,
			tx.OffsetOverLimit, tx.SurrenderOverDue,
		},
	},
	{
		Operation: "SetObligation", Chinese: "核定应清缴量", Roles: region, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "Interim Regulations, Art. 12 and 14",
		Promise: "Records what an entity must cover: its verified emissions of the year.",
		Reasons: []tx.Reason{
			tx.AmountNotPositive, tx.BadYear, tx.UnknownCounterparty, tx.NotOwnEntity, tx.YearClosed, tx.DiffersFromVerified, tx.ObligationCovered,
			tx.OffsetOverLimit, tx.AmountOverflow,
		},
	},
	{
		Operation: "CloseYear", Chinese: "关闭履约年度", Roles: registry, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "plan 国环规气候〔2024〕1号: deadline of the year",
		Promise: "Makes a year's obligations final after the deadline, when no application for it waits.",
		Reasons: []tx.Reason{
			tx.BadYear, tx.YearClosed, tx.OpenBusiness, tx.DeadlineNotPassed,
		},
	},
}

var orderRules = []*Rule{
	{
		Operation: "MoveHolding", Chinese: "持仓划转", Roles: traders, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "plan 国环规气候〔2024〕1号, annex 5: from trading holding to registry holding",
		Promise: "Moves available units of the asking holder between its registry and its trading holding.",
		Reasons: []tx.Reason{
			tx.UnknownInstrument, tx.AmountNotPositive, tx.BadSubBalance, tx.AccountRestricted, tx.InsufficientHolding,
		},
	},
	{
		Operation: "RegisterOrder", Chinese: "申报登记", Roles: exchange, Right: tx.RightPrepare, Persons: 1, Since: 1,
		Source: "exchange's trading rules; Trial Measures, Art. 23",
		Promise: "Locks trading-available units, or money at the limit price, for an order that its trader signed. Listed: less than 100,000 t, limit within ±10 % of " +
			"the instrument's previous close; block: from 100,000 t, ±30 %; bids: from the floor to the session's ceiling. A party with a receivable does not sell.",
		Reasons: []tx.Reason{
			tx.DayNotOpen, tx.NotLedgerDay, tx.OrderWrongChain, tx.UnknownInstrument, tx.AmountNotPositive, tx.OrderWrongDay, tx.OutsideHours,
			tx.TradingSuspended, tx.NotTrader, tx.OrderKeyUnknown, tx.OrderKeyRevoked, tx.OrderKeyRight, tx.AccountRestricted, tx.ReceivableOutstanding,
			tx.ListedTooLarge, tx.BlockTooSmall, tx.UnknownSession, tx.SessionConcluded, tx.BadSession, tx.PriceOutOfLimit, tx.AmountOverflow,
			tx.OrderReferenceReused, tx.InsufficientHolding, tx.InsufficientMoney,
		},
	},
	{
		Operation: "WithdrawOrder", Chinese: "撤单", Roles: traders, Right: tx.RightTrade, Persons: 1, Since: 1, Preparable: true,
		Source:  "exchange's trading rules",
		Promise: "Unlocks what is unfilled of an open order of the asking party.",
		Reasons: []tx.Reason{
			tx.UnknownOrder, tx.OrderNotOpen,
		},
	},
	{
		Operation: "AnnounceBidding", Chinese: "单向竞价公告", Roles: exchange, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "exchange's notice 2025-23: one-way bidding",
		Promise: "Announces a session on the open day: one seller, from 100,000 t, at the previous close or 10 % below as floor, and 10 % above as ceiling.",
		Reasons: []tx.Reason{
			tx.BadSession, tx.SessionExists, tx.UnknownInstrument, tx.AmountNotPositive, tx.DayNotOpen, tx.NotLedgerDay, tx.NotTrader, tx.BlockTooSmall,
			tx.PriceOutOfLimit,
		},
	},
	{
		Operation: "ConcludeBidding", Chinese: "单向竞价成交", Roles: exchange, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source: "exchange's notice 2025-23: by price, then by time",
		Promise: "Picks the winners among the session's bids: the highest first, at one price the earliest first, the last one in part. Uniform: all pay the lowest " +
			"winning bid; else each its own. Losing bids and what is unsold are unlocked.",
		Reasons: []tx.Reason{
			tx.UnknownSession, tx.SessionConcluded, tx.TradingSuspended, tx.UnknownOrder, tx.AmountOverflow,
		},
	},
	{
		Operation: "SuspendTrading", Chinese: "暂停交易", Roles: exchange, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "exchange's trading rules: suspension",
		Promise: "Suspends trading in an instrument or in all, or takes it up again: no orders, no trades; orders can be withdrawn.",
		Reasons: []tx.Reason{
			tx.BadDocument, tx.UnknownInstrument, tx.NothingChanged,
		},
	},
	{
		Operation: "StateTotals", Chinese: "日终对账单", Roles: []tx.Role{tx.Exchange, tx.SettlementBank}, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source: "Settlement Rules: reconciliation",
		Promise: "The exchange states trades, tonnes, amount and tradable units, the bank the money of all sub-ledgers, as they stood after the settlement of the last " +
			"day. A later statement takes the place of an earlier one.",
		Reasons: []tx.Reason{
			tx.DayOpen, tx.NotLastDay, tx.AlreadyReconciled, tx.BadStatement,
		},
	},
	{
		Operation: "Reconcile", Chinese: "日终对账", Roles: registry, Right: tx.RightPrepare, Persons: 2, Since: 1, Preparable: true,
		Source:  "Settlement Rules: reconciliation; two-level review",
		Promise: "Compares both statements with the ledger and records what differs; with nothing the next day may open.",
		Reasons: []tx.Reason{
			tx.DayOpen, tx.NotLastDay, tx.AlreadyReconciled, tx.StatementMissing,
		},
	},
}
