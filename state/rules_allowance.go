package state

import "carbonledger/tx"

var allowanceRules = []*Rule{
	{
		Operation: "Transfer", Chinese: "自由划转", Roles: entityOnly, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "bench and test chains only: the law knows no free transfer (Trial Measures, Art. 23)",
		Promise: "Moves registry-available units.",
		Reasons: []tx.Reason{
			tx.TransfersNotFree, tx.UnknownInstrument, tx.AmountNotPositive, tx.SameParty, tx.UnknownCounterparty, tx.InsufficientHolding,
		},
	},
}

var governanceRules = []*Rule{
	{
		Operation: "SetValidator", Chinese: "准入验证节点", Roles: ministry, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true, Preparable: true,
		Source:  "design: membership is ledger data",
		Promise: "Admits a validator or changes it.",
		Reasons: []tx.Reason{
			tx.BadValidator, tx.LastVoter,
		},
	},
	{
		Operation: "RemoveValidator", Chinese: "移除验证节点", Roles: ministry, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true, Preparable: true,
		Source:  "design: membership is ledger data",
		Promise: "Takes a validator off the list.",
		Reasons: []tx.Reason{
			tx.UnknownValidator, tx.LastVoter,
		},
	},
	{
		Operation: "SetProtocolVersion", Chinese: "升级协议版本", Roles: ministry, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true, Preparable: true,
		Source:  "design: the ledger's version rules, not the program's",
		Promise: "Moves every replica to the next rules from the next block on.",
		Reasons: []tx.Reason{
			tx.VersionNotNewer,
		},
	},
}

var personRules = []*Rule{
	{
		Operation: "SetPolicy", Chinese: "设置签署规则", Roles: nil, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true, Preparable: true,
		Source:  "design: maker and checker (Settlement Rules: separate posts, two-level review)",
		Promise: "Asks for so many persons of the party on an operation. As many sign as its strictest operation asks for.",
		Reasons: []tx.Reason{
			tx.BadPolicy, tx.TooFewPersons,
		},
	},
	{
		Operation: "Prepare", Chinese: "制单", Roles: nil, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true,
		Source:  "design: maker and checker",
		Promise: "Lays operations down on the ledger; they wait for other persons, can be withdrawn, and lapse after the days of the parameter prepared.days.",
		Reasons: []tx.Reason{
			tx.NotAlone, tx.NotPreparable, tx.WrongRole, tx.MissingRight, tx.PreparedTooLarge,
		},
	},
	{
		Operation: "Approve", Chinese: "复核", Roles: nil, Right: tx.RightApprove, Persons: 1, Since: 1, Opening: true,
		Source: "design: maker and checker",
		Promise: "Adds persons to a prepared transaction. With the last one its operations are carried out, with all their own checks, and its record holds them; where one of them refuses, the " +
			"approval is refused with its reason and nothing changes.",
		Reasons: []tx.Reason{
			tx.UnknownPrepared, tx.PreparedDone, tx.PreparedLapsed, tx.SamePerson, tx.PreparedTooLarge,
		},
	},
	{
		Operation: "WithdrawPrepared", Chinese: "撤回制单", Roles: nil, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true,
		Source:  "design: maker and checker",
		Promise: "Takes a prepared transaction back.",
		Reasons: []tx.Reason{
			tx.UnknownPrepared, tx.PreparedDone,
		},
	},
	{
		Operation: "RecoverKeys", Chinese: "重置公钥", Roles: []tx.Role{tx.Registry, tx.Ministry}, Right: tx.RightPrepare, Persons: 1, Since: 1, Opening: true, Preparable: true,
		Source:  "design: a party that lost its keys; visible in its record",
		Promise: "Revokes all keys of a party and gives it new ones. The registry asks with the ministry's signature; for the registry's own keys the ministry asks.",
		Reasons: []tx.Reason{
			tx.BadDocument, tx.UnknownCounterparty, tx.WrongRole, tx.MissingCosignature, tx.LastKey, tx.TooManyKeys, tx.BadKey, tx.KeyInUse,
			tx.BadRights, tx.TooFewPersons,
		},
	},
}

var accountRules = []*Rule{
	{
		Operation: "ChangeAccount", Chinese: "账户信息变更", Roles: nil, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source: "Trial Measures, Art. 18; registration rules: changes",
		Promise: "A party changes its own contact; the registry changes name, region, code and sector by a document. Empty fields stay. An entity's obligations of all " +
			"years go with it to another region.",
		Reasons: []tx.Reason{
			tx.UnknownCounterparty, tx.WrongRole, tx.BadContact, tx.BadDocument, tx.NothingChanged, tx.BadName, tx.UnknownRegion, tx.BadUSCC,
			tx.USCCInUse, tx.BadSector, tx.OpenBusiness,
		},
	},
	{
		Operation: "RestrictAccount", Chinese: "限制使用", Roles: []tx.Role{tx.Registry, tx.Exchange}, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source:  "Trial Measures, Art. 34",
		Promise: "Sets or lifts a restriction of a trading party: no trading, or no use but for its obligation. The exchange only sets and lifts the first.",
		Reasons: []tx.Reason{
			tx.BadDocument, tx.UnknownCounterparty, tx.WrongRole, tx.NothingChanged,
		},
	},
	{
		Operation: "MergeAccounts", Chinese: "合并", Roles: registry, Right: tx.RightPrepare, Persons: 2, Since: 1, Preparable: true,
		Source: "Trial Measures, Art. 18",
		Promise: "Hands all holdings, money, receivables, allocations, trading history and obligations of open years of an entity without open business to another, and " +
			"closes it. The region of the one that goes signs too.",
		Reasons: []tx.Reason{
			tx.BadDocument, tx.SameParty, tx.UnknownCounterparty, tx.MissingCosignature, tx.OpenBusiness,
		},
	},
	{
		Operation: "CloseAccount", Chinese: "销户", Roles: registry, Right: tx.RightPrepare, Persons: 2, Since: 1, Preparable: true,
		Source:  "registration rules: closing",
		Promise: "Closes an account without holdings, money, receivables and open obligations, revokes its keys, for ever.",
		Reasons: []tx.Reason{
			tx.BadDocument, tx.UnknownCounterparty, tx.OpenBusiness,
		},
	},
}

var rootRules = []*Rule{
	{
		Operation: "TakeStateRoot", Chinese: "请求状态根", Roles: []tx.Role{tx.Ministry, tx.Registry, tx.Auditor}, Right: tx.RightPrepare, Persons: 1, Since: 1, Preparable: true,
		Source: "design: state roots at each close of a business day, and on request",
		Promise: "Asks that its block leaves the root of the state, to which holdings are proven. One root answers all requests of a block; between two of them lie the " +
			"minutes of the parameter root.minutes.",
		Reasons: []tx.Reason{
			tx.RootTooSoon,
		},
	},
}
