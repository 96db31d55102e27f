package state

import "carbonledger/tx"

var complianceRules = []*Rule{
	{
		Operation: "RepayReceivable", Chinese: "退回多发配额", Roles: traders, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "plan 国环规气候〔2024〕1号, part 5: return the excess, make up the shortage",
		Promise: "Hands registry-available units back against a receivable.",
		Reasons: []tx.Reason{
			tx.UnknownInstrument, tx.AmountNotPositive, tx.RepayOverReceivable, tx.InsufficientHolding,
		},
	},
	{
		Operation: "RecordVerification", Chinese: "核查结果登记", Roles: verifier, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "Interim Regulations, Art. 12",
		Promise: "Records an entity's verified emissions and the hash of the report; a later record takes the place of an earlier one until the year is closed.",
		Reasons: []tx.Reason{
			tx.AmountNotPositive, tx.BadYear, tx.UnknownCounterparty, tx.BadTable, tx.YearClosed,
		},
	},
	{
		Operation: "RecordDeduction", Chinese: "等量核减登记", Roles: region, Right: tx.RightPrepare, Persons: 2, Since: 1, Preparable: true,
		Source:  "Interim Regulations, Art. 24",
		Promise: "Takes what an entity did not surrender for a closed year from the final allocation of the next year, once.",
		Reasons: []tx.Reason{
			tx.BadDocument, tx.UnknownCounterparty, tx.NotOwnEntity, tx.NoObligation, tx.YearNotClosed, tx.NothingDue, tx.AlreadyRecorded,
			tx.IssuedBefore,
		},
	},
	{
		Operation: "SurrenderOnBehalf", Chinese: "代为清缴申请", Roles: entityOnly, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "plan 国环规气候〔2024〕1号: allowances provided by another enterprise",
		Promise: "Applies to surrender the asking enterprise's units for another entity's obligation: no trade, no price, no part of net sales.",
		Reasons: []tx.Reason{
			tx.UnknownInstrument, tx.AmountNotPositive, tx.BadApplication, tx.ApplicationExists, tx.SameParty, tx.UnknownCounterparty,
			tx.AccountRestricted, tx.ReceivableOutstanding, tx.NoObligation, tx.YearClosed, tx.VintageNotUsable, tx.SurrenderOverDue,
			tx.InsufficientHolding,
		},
	},
	{
		Operation: "DecideApplication", Chinese: "申请审核", Roles: []tx.Role{tx.RegionDepartment, tx.Registry}, Right: tx.RightPrepare, Persons: 2, Since: 1, Preparable: true,
		Source: "plan 国环规气候〔2024〕1号, annexes 5 and 6; Trial Measures, Art. 19",
		Promise: "Approves or refuses. Surrender: the region of the entity whose obligation it is; voluntary cancellation and carry-over: the registry. Approved, " +
			"pending units are surrendered, cancelled or exchanged for the next vintage; refused, they return.",
		Reasons: []tx.Reason{
			tx.UnknownApplication, tx.ApplicationDecided, tx.NotDecider, tx.AmountOverflow,
		},
	},
	{
		Operation: "WithdrawApplication", Chinese: "撤回申请", Roles: traders, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "plan 国环规气候〔2024〕1号, annex 6",
		Promise: "Takes an undecided application of the asking party back; its units return.",
		Reasons: []tx.Reason{
			tx.UnknownApplication, tx.ApplicationDecided,
		},
	},
	{
		Operation: "ForceSurrender", Chinese: "强制履约", Roles: registry, Right: tx.RightPrepare, Persons: 2, Since: 1, Preparable: true,
		Source: "plan 国环规气候〔2024〕1号, part 6: differentiated allocation",
		Promise: "On the region's signed entrustment: surrenders what the region holds for the entity, then registry-available, then trading-available units, of the " +
			"vintages in the order of the parameter forced.order, up to what is due; then releases the rest that the region holds to the entity. No application of " +
			"the entity may wait for the year.",
		Reasons: []tx.Reason{
			tx.BadDocument, tx.UnknownCounterparty, tx.MissingCosignature, tx.NoObligation, tx.YearClosed, tx.OpenBusiness, tx.NothingDue,
			tx.InsufficientHolding,
		},
	},
}

var reductionRules = []*Rule{
	{
		Operation: "RegisterReduction", Chinese: "减排量登记", Roles: ccerRegistry, Right: tx.RightPrepare, Persons: 2, Since: 1, Preparable: true,
		Source:  "Measures Order 31",
		Promise: "Issues a batch of CCER to a trading party.",
		Reasons: []tx.Reason{
			tx.BadBatch, tx.BatchExists, tx.AmountNotPositive, tx.BadDocument, tx.UnknownCounterparty, tx.AmountOverflow,
		},
	},
	{
		Operation: "TradeCCER", Chinese: "CCER成交", Roles: ccerExchange, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "Measures Order 31",
		Promise: "Hands units of a batch from seller to buyer, both of whom sign with a key that may trade; the CCER exchange settles the money.",
		Reasons: []tx.Reason{
			tx.UnknownBatch, tx.AmountNotPositive, tx.SameParty, tx.NotTrader, tx.MissingCosignature, tx.AccountRestricted, tx.InsufficientHolding,
		},
	},
	{
		Operation: "CancelCCER", Chinese: "CCER注销", Roles: traders, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "Measures Order 31; domain of cancellations",
		Promise: "Cancels units of a batch for a kind of use, for ever, under a number that is used once.",
		Reasons: []tx.Reason{
			tx.UnknownBatch, tx.AmountNotPositive, tx.BadCancellation, tx.CancellationUsed, tx.InsufficientHolding,
		},
	},
}

var encumbranceRules = []*Rule{
	{
		Operation: "CancelVoluntarily", Chinese: "自愿注销申请", Roles: traders, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "Trial Measures, Art. 19",
		Promise: "Applies to cancel registry-available units for the public benefit; the registry decides. Published.",
		Reasons: []tx.Reason{
			tx.UnknownInstrument, tx.AmountNotPositive, tx.BadPurpose, tx.BadApplication, tx.ApplicationExists, tx.AccountRestricted,
			tx.ReceivableOutstanding, tx.InsufficientHolding,
		},
	},
	{
		Operation: "ApplyCarryOver", Chinese: "结转申请", Roles: entityOnly, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source: "plan 国环规气候〔2024〕1号, annex 5",
		Promise: "Applies to exchange registry-available units of a vintage before carryover.year for that year's. In sum at most floor(base + rate × net sales), and at " +
			"most what was held at the end of the year: registry-available, trading-available and frozen.",
		Reasons: []tx.Reason{
			tx.CarryOverNotOpen, tx.CarryOverTooLate, tx.UnknownInstrument, tx.AmountNotPositive, tx.VintageNotCarried, tx.BadApplication,
			tx.ApplicationExists, tx.AccountRestricted, tx.ReceivableOutstanding, tx.CarryOverOverMaximum, tx.InsufficientHolding,
		},
	},
	{
		Operation: "TransferByLaw", Chinese: "非交易过户", Roles: registry, Right: tx.RightPrepare, Persons: 2, Since: 1, Preparable: true,
		Source: "Trial Measures, Art. 18 and 23; registration rules: other changes",
		Promise: "Moves units for a reason that the law knows, into the registry holding. Succession, division and correction take registry-available units, judicial " +
			"ones frozen units, a release what a region holds for the entity. A correction names the transaction that it corrects and moves at most as much back; " +
			"the original stays visible.",
		Reasons: []tx.Reason{
			tx.BadTransferKind, tx.UnknownInstrument, tx.AmountNotPositive, tx.BadDocument, tx.SameParty, tx.UnknownCounterparty, tx.NotOwnEntity,
			tx.UnknownFreeze, tx.MissingCosignature, tx.UnknownTransfer, tx.DocumentUsed, tx.InsufficientHolding,
		},
	},
	{
		Operation: "Freeze", Chinese: "司法冻结", Roles: court, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "registration rules: judicial freeze",
		Promise: "Freezes registry-available, then trading-available, then locked units. A trade whose units were frozen is an exception at the close.",
		Reasons: []tx.Reason{
			tx.UnknownInstrument, tx.AmountNotPositive, tx.BadDocument, tx.UnknownCounterparty, tx.DocumentUsed, tx.InsufficientHolding,
		},
	},
	{
		Operation: "Unfreeze", Chinese: "解除冻结", Roles: court, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "registration rules: judicial freeze",
		Promise: "Returns frozen units to the registry holding, in whole or in part.",
		Reasons: []tx.Reason{
			tx.UnknownFreeze, tx.AmountNotPositive, tx.InsufficientHolding,
		},
	},
	{
		Operation: "Pledge", Chinese: "质押登记", Roles: traders, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source: "design: neither Measures nor Registration Rules know pledges; guidance on pledge financing",
		Promise: "Encumbers registry-available units for a creditor. With the parameter pledge.duty = duty it must leave as many available units as the pledgor still " +
			"owes.",
		Reasons: []tx.Reason{
			tx.UnknownInstrument, tx.AmountNotPositive, tx.BadDocument, tx.BadPurpose, tx.SameParty, tx.UnknownCounterparty, tx.DocumentUsed,
			tx.AccountRestricted, tx.ReceivableOutstanding, tx.DutyFirst, tx.InsufficientHolding,
		},
	},
	{
		Operation: "ReleasePledge", Chinese: "解除质押", Roles: []tx.Role{tx.SettlementBank, tx.KeyEmittingEntity, tx.OtherInstitution}, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "design: as Pledge",
		Promise: "Returns the units to the pledgor's registry holding. The pledgee alone.",
		Reasons: []tx.Reason{
			tx.UnknownPledge, tx.NotPledgee,
		},
	},
}
