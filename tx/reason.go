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
	KeyNotValid           Reason = 29
	MissingRight          Reason = 30
	MissingSecondPerson   Reason = 31
	SamePerson            Reason = 32

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
	BadRights       Reason = 58
	TooFewPersons   Reason = 59

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
	RootTooSoon      Reason = 135

	// More on accounts.
	BadUSCC           Reason = 140
	USCCInUse         Reason = 141
	BadSector         Reason = 142
	RoleOff           Reason = 143
	AccountRestricted Reason = 144
	OpenBusiness      Reason = 145
	BadPolicy         Reason = 146
	NothingChanged    Reason = 147
	BadContact        Reason = 148

	// Prepared transactions.
	NotPreparable    Reason = 150
	UnknownPrepared  Reason = 151
	PreparedDone     Reason = 152
	PreparedLapsed   Reason = 153
	NotAlone         Reason = 154
	PreparedTooLarge Reason = 155

	// Orders, sessions, settlement.
	OutsideHours          Reason = 160
	TradingSuspended      Reason = 161
	UnknownOrder          Reason = 162
	OrderNotOpen          Reason = 163
	OrderWrongKind        Reason = 164
	OrderKeyRight         Reason = 165
	ReceivableOutstanding Reason = 166
	UnknownSession        Reason = 167
	SessionExists         Reason = 168
	SessionConcluded      Reason = 169
	BadSession            Reason = 170
	NotLastDay            Reason = 171
	BadStatement          Reason = 172
	StatementMissing      Reason = 173
	AlreadyReconciled     Reason = 174
	DayNotReconciled      Reason = 175
	BadSubBalance         Reason = 176

	// Issuance and verification.
	IssuedBefore        Reason = 180
	BadTable            Reason = 181
	NoPreAllocation     Reason = 182
	DiffersFromVerified Reason = 183
	BadStage            Reason = 184
	RepayOverReceivable Reason = 185
	YearNotClosed       Reason = 186
	NothingDue          Reason = 187
	AlreadyRecorded     Reason = 188

	// Applications.
	ApplicationExists  Reason = 190
	UnknownApplication Reason = 191
	ApplicationDecided Reason = 192
	NotDecider         Reason = 193
	BadApplication     Reason = 194
	BadPurpose         Reason = 195

	// CCER.
	BatchExists         Reason = 200
	UnknownBatch        Reason = 201
	BadBatch            Reason = 202
	BadCancellation     Reason = 203
	UnknownCancellation Reason = 204
	NotForOffset        Reason = 205
	ReductionTooOld     Reason = 206
	NotOwner            Reason = 207

	// Carry-over.
	CarryOverNotOpen     Reason = 210
	CarryOverTooLate     Reason = 211
	VintageNotCarried    Reason = 212
	CarryOverOverMaximum Reason = 213

	// Transfers by law, freezes, pledges.
	BadTransferKind Reason = 220
	UnknownTransfer Reason = 221
	UnknownFreeze   Reason = 222
	UnknownPledge   Reason = 223
	NotPledgee      Reason = 224
	DutyFirst       Reason = 225
)

// reasons have a stable name, and a sentence in English and in Chinese, each
// without a full stop.
var reasons = map[Reason][3]string{
	Accepted:              {"ACCEPTED", "accepted", "已受理"},
	Malformed:             {"MALFORMED", "the bytes are not the canonical encoding of a transaction", "字节不是交易的规范编码"},
	TooLarge:              {"TOO_LARGE", "a transaction has at most 60,000 bytes and 2,000 operations", "交易最多60,000字节、2,000项操作"},
	UnknownOperation:      {"UNKNOWN_OPERATION", "an operation that this protocol does not know", "本协议没有此项操作"},
	BadSignature:          {"BAD_SIGNATURE", "a signature does not fit", "签名不符"},
	WrongChain:            {"WRONG_CHAIN", "the transaction names another chain", "交易指明的是另一条链"},
	BadReference:          {"BAD_REFERENCE", "a reference is 1 to 32 printable ASCII characters without spaces", "参考号须为1至32个可打印ASCII字符且不含空格"},
	NoOperations:          {"NO_OPERATIONS", "the transaction asks for nothing", "交易没有任何操作"},
	NoSignature:           {"NO_SIGNATURE", "the transaction is not signed", "交易没有签名"},
	BadKey:                {"BAD_KEY", "a public key is not canonical, or is of small order", "公钥编码不规范，或为小阶点"},
	BadProof:              {"BAD_PROOF", "a key comes without proof that its owner holds the private key", "缺少公钥持有人掌握私钥的证明"},
	UnknownParty:          {"UNKNOWN_PARTY", "the asking party has no account", "申请方没有账户"},
	UnknownKey:            {"UNKNOWN_KEY", "a signing key belongs to no party", "签名公钥不属于任何一方"},
	KeyRevoked:            {"KEY_REVOKED", "a signing key was revoked", "签名公钥已被撤销"},
	NotSignedByParty:      {"NOT_SIGNED_BY_PARTY", "no signature is by a key of the asking party", "没有申请方公钥的签名"},
	Expired:               {"EXPIRED", "the transaction's expiry lies before the ledger's time", "交易的有效期早于账本时间"},
	ReferenceReused:       {"REFERENCE_REUSED", "the party used this reference for another transaction", "该方已将此参考号用于另一笔交易"},
	MissingCosignature:    {"MISSING_COSIGNATURE", "a second party must sign too", "须有另一方共同签名"},
	WrongRole:             {"WRONG_ROLE", "the party's role may not do this", "该角色无权进行此项操作"},
	OperationNotInVersion: {"OPERATION_NOT_IN_VERSION", "the ledger's protocol version lacks this operation", "账本的协议版本没有此项操作"},
	AmountNotPositive:     {"AMOUNT_NOT_POSITIVE", "an amount must be greater than zero", "数量须大于零"},
	AmountOverflow:        {"AMOUNT_OVERFLOW", "an amount is too large to be booked", "数量过大，无法入账"},
	UnknownInstrument:     {"UNKNOWN_INSTRUMENT", "the instrument does not exist", "没有此交易品种"},
	InsufficientHolding:   {"INSUFFICIENT_HOLDING", "the holding is too small", "持仓不足"},
	InsufficientMoney:     {"INSUFFICIENT_MONEY", "the money is too little", "资金不足"},
	UnknownCounterparty:   {"UNKNOWN_COUNTERPARTY", "a party named in the operation has no account that can hold this", "操作中指明的一方没有可持有的账户"},
	SameParty:             {"SAME_PARTY", "both sides are one party", "双方为同一方"},
	AccountExists:         {"ACCOUNT_EXISTS", "the account is open already", "账户已存在"},
	BadAccountID:          {"BAD_ACCOUNT_ID", "an account id is 1 to 24 letters, digits or hyphens", "账户标识须为1至24个字母、数字或连字符"},
	RoleNotOpenable:       {"ROLE_NOT_OPENABLE", "accounts of this role are not opened by an operation", "此角色的账户不通过操作开立"},
	UnknownRegion:         {"UNKNOWN_REGION", "an entity needs the account of its region's department", "重点排放单位须有其所属省级主管部门的账户"},
	KeyInUse:              {"KEY_IN_USE", "the key is or was a key of a party", "该公钥现在或曾经属于某一方"},
	LastKey:               {"LAST_KEY", "a party keeps at least one key", "每一方至少保留一个公钥"},
	BadName:               {"BAD_NAME", "a name is 1 to 200 bytes of text", "名称须为1至200字节的文本"},
	TooManyKeys:           {"TOO_MANY_KEYS", "a party has at most 64 keys, revoked ones too", "每一方最多64个公钥，含已撤销的"},
	NotFirstBlock:         {"NOT_FIRST_BLOCK", "an opening position is the ledger's first transaction or none", "期初余额只能是账本的第一笔交易"},
	OpeningIncomplete:     {"OPENING_INCOMPLETE", "pages of the opening position are missing: no other business yet", "期初余额尚缺分页，暂不办理其他业务"},
	PageNotExpected:       {"PAGE_NOT_EXPECTED", "the page is not the next of the opening position", "该分页不是期初余额的下一页"},
	OpeningTotalsDiffer:   {"OPENING_TOTALS_DIFFER", "the pages do not add up to the signed totals", "各分页合计与签署的总数不符"},
	BadOpening:            {"BAD_OPENING", "the opening position is not well formed", "期初余额格式不正确"},
	UnknownParameter:      {"UNKNOWN_PARAMETER", "there is no such parameter", "没有此参数"},
	BadParameterValue:     {"BAD_PARAMETER_VALUE", "the parameter cannot have this value", "参数不能取此值"},
	DateInPast:            {"DATE_IN_PAST", "the day lies before the ledger's day", "日期早于账本日期"},
	NotScriptClock:        {"NOT_SCRIPT_CLOCK", "this network's clock is not set by transactions", "本网络的时钟不由交易设定"},
	ClockBackwards:        {"CLOCK_BACKWARDS", "the clock is set forwards only", "时钟只能向前设定"},
	NotBusinessDay:        {"NOT_BUSINESS_DAY", "no trading on this day by the calendar", "按日历该日不交易"},
	NotLedgerDay:          {"NOT_LEDGER_DAY", "the day is not the ledger's day", "该日不是账本日期"},
	DayOpen:               {"DAY_OPEN", "a trading day is open", "交易日已开市"},
	DayNotOpen:            {"DAY_NOT_OPEN", "the trading day is not open", "该交易日未开市"},
	DayAlreadyClosed:      {"DAY_ALREADY_CLOSED", "the trading day was closed", "该交易日已闭市"},
	OrderWrongChain:       {"ORDER_WRONG_CHAIN", "an order names another chain", "申报指明的是另一条链"},
	OrderWrongSide:        {"ORDER_WRONG_SIDE", "an order is on the wrong side of the trade", "申报的买卖方向与成交不符"},
	OrderWrongInstrument:  {"ORDER_WRONG_INSTRUMENT", "an order is for another instrument", "申报的是另一交易品种"},
	OrderWrongDay:         {"ORDER_WRONG_DAY", "an order is for another business day", "申报的是另一交易日"},
	OrderPrice:            {"ORDER_PRICE", "the price is worse than an order's limit", "成交价劣于申报限价"},
	OrderOverfilled:       {"ORDER_OVERFILLED", "the trade takes more than is left of an order", "成交量超过申报剩余量"},
	OrderKeyUnknown:       {"ORDER_KEY_UNKNOWN", "an order is not signed by a key of its party", "申报不是由其申报方的公钥签名"},
	OrderKeyRevoked:       {"ORDER_KEY_REVOKED", "an order is signed by a revoked key", "申报由已撤销的公钥签名"},
	OrderReferenceReused:  {"ORDER_REFERENCE_REUSED", "the party used this reference for another order", "该方已将此参考号用于另一申报"},
	PriceOutOfLimit:       {"PRICE_OUT_OF_LIMIT", "the price is outside the day's limits", "价格超出当日涨跌幅"},
	ListedTooLarge:        {"LISTED_TOO_LARGE", "a listed trade must be smaller", "挂牌协议交易数量须更小"},
	BlockTooSmall:         {"BLOCK_TOO_SMALL", "a block trade must be larger", "大宗协议交易数量须更大"},
	NotTrader:             {"NOT_TRADER", "a side of the trade may not trade", "交易一方不得参与交易"},
	NoObligation:          {"NO_OBLIGATION", "the entity has no obligation for the year", "该单位当年没有清缴义务"},
	VintageNotUsable:      {"VINTAGE_NOT_USABLE", "a later vintage cannot be used for an earlier year", "较晚年度配额不能用于较早年度履约"},
	YearClosed:            {"YEAR_CLOSED", "the obligation year is closed", "该履约年度已关闭"},
	OffsetOverLimit:       {"OFFSET_OVER_LIMIT", "offsets would exceed their share of the obligation", "抵销量超过应清缴量的规定比例"},
	CancellationUsed:      {"CANCELLATION_USED", "the cancellation was booked before", "该注销已入账"},
	ObligationCovered:     {"OBLIGATION_COVERED", "more than the new obligation is already covered", "已清缴和抵销的数量超过新的应清缴量"},
	DeadlineNotPassed:     {"DEADLINE_NOT_PASSED", "the deadline of the year has not passed", "该年度的清缴截止日期未过"},
	SurrenderOverDue:      {"SURRENDER_OVER_DUE", "more than is still due", "超过尚应清缴的数量"},
	NotOwnEntity:          {"NOT_OWN_ENTITY", "the entity belongs to another region", "该单位属于另一地区"},
	DocumentUsed:          {"DOCUMENT_USED", "the document was used for an issue to this holder before", "该文件已用于向此持有人发放"},
	BadDocument:           {"BAD_DOCUMENT", "a document or cancellation number is 1 to 64 characters", "文件号或注销号须为1至64个字符"},
	BadYear:               {"BAD_YEAR", "the year is not an obligation year", "该年度不是履约年度"},
	TransfersNotFree:      {"TRANSFERS_NOT_FREE", "this network knows no free transfer", "本网络不允许自由划转"},
	UnknownValidator:      {"UNKNOWN_VALIDATOR", "there is no such validator", "没有此验证节点"},
	BadValidator:          {"BAD_VALIDATOR", "the validator's description is not well formed", "验证节点的描述格式不正确"},
	LastVoter:             {"LAST_VOTER", "the network keeps at least one voter", "网络至少保留一个有投票权的节点"},
	RootTooSoon:           {"ROOT_TOO_SOON", "the last root that was asked for is too young for another", "距上次请求状态根的时间过短"},
	VersionNotNewer:       {"VERSION_NOT_NEWER", "the protocol version goes up by one", "协议版本每次只能加一"},
	KeyNotValid:           {"KEY_NOT_VALID", "a signing key is not valid at the ledger's time", "签名公钥在账本时间不在有效期内"},
	MissingRight:          {"MISSING_RIGHT", "no signing key of the party has the right that this needs", "该方的签名公钥均无此项权限"},
	MissingSecondPerson:   {"MISSING_SECOND_PERSON", "more persons of the party must sign", "须有该方更多人员签署"},
	SamePerson:            {"SAME_PERSON", "the same person signed twice where different persons must", "须由不同人员签署，同一人员不得签署两次"},
	BadRights:             {"BAD_RIGHTS", "a key's rights, person or time of validity make no sense", "公钥的权限、持有人或有效期不合规定"},
	TooFewPersons:         {"TOO_FEW_PERSONS", "the party would have fewer persons than must sign", "该方人员数将少于须签署的人数"},
	BadUSCC:               {"BAD_USCC", "the unified social credit code is missing or its check character does not fit", "统一社会信用代码缺失或校验码不符"},
	USCCInUse:             {"USCC_IN_USE", "the unified social credit code is another account's", "统一社会信用代码已属于另一账户"},
	BadSector:             {"BAD_SECTOR", "only key emitting entities have a sector", "仅重点排放单位有所属行业"},
	RoleOff:               {"ROLE_OFF", "accounts of this role are not admitted now", "目前不接纳此角色的账户"},
	AccountRestricted:     {"ACCOUNT_RESTRICTED", "the account is restricted", "该账户已被限制"},
	OpenBusiness:          {"OPEN_BUSINESS", "the account has open business", "该账户尚有未了结业务"},
	BadPolicy:             {"BAD_POLICY", "a policy names an operation and 1 to 16 persons", "签署规则须指明操作及1至16名人员"},
	NothingChanged:        {"NOTHING_CHANGED", "nothing would change", "没有任何变更"},
	BadContact:            {"BAD_CONTACT", "a contact is 1 to 200 characters", "联系方式须为1至200个字符"},
	NotPreparable:         {"NOT_PREPARABLE", "nothing, or an operation that cannot be prepared", "没有操作，或该操作不能制单待复核"},
	UnknownPrepared:       {"UNKNOWN_PREPARED", "the party prepared no such transaction", "该方没有此待复核交易"},
	PreparedDone:          {"PREPARED_DONE", "what was prepared is carried out or withdrawn", "待复核交易已执行或已撤回"},
	PreparedLapsed:        {"PREPARED_LAPSED", "what was prepared has lapsed", "待复核交易已失效"},
	PreparedTooLarge:      {"PREPARED_TOO_LARGE", "what is prepared has at most 50,000 bytes, an approval with all that its transaction carries out 60,000", "制单最多50,000字节，复核交易连同其执行的内容最多60,000字节"},
	NotAlone:              {"NOT_ALONE", "a prepared transaction holds nothing else", "制单须单独成为一笔交易"},
	OutsideHours:          {"OUTSIDE_HOURS", "outside the hours of this trade method", "不在此交易方式的交易时段内"},
	TradingSuspended:      {"TRADING_SUSPENDED", "trading is suspended", "已暂停交易"},
	UnknownOrder:          {"UNKNOWN_ORDER", "no such order is registered", "没有此已登记申报"},
	OrderNotOpen:          {"ORDER_NOT_OPEN", "the order is filled, withdrawn or lapsed", "申报已成交、已撤回或已失效"},
	OrderWrongKind:        {"ORDER_WRONG_KIND", "an order is for another trade method", "申报的是另一交易方式"},
	OrderKeyRight:         {"ORDER_KEY_RIGHT", "an order's key may not trade, or not now", "申报的公钥无交易权限或不在有效期内"},
	ReceivableOutstanding: {"RECEIVABLE_OUTSTANDING", "units issued in excess are not handed back yet", "多发配额尚未退回"},
	UnknownSession:        {"UNKNOWN_SESSION", "there is no such bidding session", "没有此竞价场次"},
	SessionExists:         {"SESSION_EXISTS", "a bidding session has this name already", "该竞价场次名称已被使用"},
	SessionConcluded:      {"SESSION_CONCLUDED", "the bidding session is over", "该竞价场次已结束"},
	BadSession:            {"BAD_SESSION", "the session is not well formed, or the order does not fit it", "竞价场次格式不正确，或申报与场次不符"},
	NotLastDay:            {"NOT_LAST_DAY", "only the last trading day is reconciled", "只能对最近一个交易日进行对账"},
	BadStatement:          {"BAD_STATEMENT", "the statement is not well formed", "对账单格式不正确"},
	StatementMissing:      {"STATEMENT_MISSING", "the exchange's or the bank's statement is missing", "缺少交易机构或结算银行的对账单"},
	AlreadyReconciled:     {"ALREADY_RECONCILED", "the day is reconciled", "该日已完成对账"},
	DayNotReconciled:      {"DAY_NOT_RECONCILED", "the last trading day is not reconciled, or a break stands", "上一交易日未对账或存在差异"},
	BadSubBalance:         {"BAD_SUB_BALANCE", "units move to the registry holding or to the trading holding", "只能转入登记持仓或交易持仓"},
	IssuedBefore:          {"ISSUED_BEFORE", "this stage, or the final one, was issued to the entity for the year", "该单位该年度此阶段或核定配额已发放"},
	BadTable:              {"BAD_TABLE", "a SHA-256 of 32 bytes must be given", "须给出32字节的SHA-256"},
	NoPreAllocation:       {"NO_PRE_ALLOCATION", "there is no pre-allocation for this sector and year, or to a region", "该行业该年度不进行预分配，或不得预分配至省级账户"},
	DiffersFromVerified:   {"DIFFERS_FROM_VERIFIED", "no verified emissions, or another amount", "没有核查排放量或数量与之不符"},
	BadStage:              {"BAD_STAGE", "an issue is a pre-allocation, a final allocation or an adjustment", "发放须为预分配、核定或调整"},
	RepayOverReceivable:   {"REPAY_OVER_RECEIVABLE", "more than is to be handed back", "超过应退回的数量"},
	YearNotClosed:         {"YEAR_NOT_CLOSED", "the obligation year is not closed", "该履约年度尚未关闭"},
	NothingDue:            {"NOTHING_DUE", "nothing is due", "没有应清缴的数量"},
	AlreadyRecorded:       {"ALREADY_RECORDED", "it is recorded already", "已有此项记录"},
	ApplicationExists:     {"APPLICATION_EXISTS", "the party used this number for another application", "该方已将此申请号用于另一申请"},
	UnknownApplication:    {"UNKNOWN_APPLICATION", "there is no such application", "没有此申请"},
	ApplicationDecided:    {"APPLICATION_DECIDED", "the application is decided or withdrawn", "该申请已审核或已撤回"},
	NotDecider:            {"NOT_DECIDER", "the decision is another party's", "该申请不由此方审核"},
	BadApplication:        {"BAD_APPLICATION", "an application's number is 1 to 32 printable ASCII characters without spaces", "申请号须为1至32个可打印ASCII字符且不含空格"},
	BadPurpose:            {"BAD_PURPOSE", "a purpose or condition is at most 200 characters, a purpose at least 1", "用途须为1至200个字符，条件至多200个字符"},
	BatchExists:           {"BATCH_EXISTS", "the batch is registered already", "该批次已登记"},
	UnknownBatch:          {"UNKNOWN_BATCH", "there is no such batch", "没有此批次"},
	BadBatch:              {"BAD_BATCH", "a batch is 1 to 24 letters, digits or hyphens, a project 1 to 64 characters", "批次号须为1至24个字母、数字或连字符，项目须为1至64个字符"},
	BadCancellation:       {"BAD_CANCELLATION", "a cancellation has a kind and a number of 1 to 64 characters", "注销须有类别及1至64个字符的编号"},
	UnknownCancellation:   {"UNKNOWN_CANCELLATION", "there is no such cancellation", "没有此注销"},
	NotForOffset:          {"NOT_FOR_OFFSET", "the cancellation is not for the national offset", "该注销不是用于全国碳市场抵销"},
	ReductionTooOld:       {"REDUCTION_TOO_OLD", "reductions filed before 2017-03-14 are no longer usable", "该减排量于2017年3月14日前备案，已不可用"},
	NotOwner:              {"NOT_OWNER", "the cancellation is another party's", "该注销属于另一方"},
	CarryOverNotOpen:      {"CARRY_OVER_NOT_OPEN", "applications for carry-over are not taken yet", "尚未受理结转申请"},
	CarryOverTooLate:      {"CARRY_OVER_TOO_LATE", "the last day for carry-over has passed", "结转申请截止日期已过"},
	VintageNotCarried:     {"VINTAGE_NOT_CARRIED", "this vintage is not carried over", "该年度配额不能结转"},
	CarryOverOverMaximum:  {"CARRY_OVER_OVER_MAXIMUM", "more than may be carried over", "超过可结转量"},
	BadTransferKind:       {"BAD_TRANSFER_KIND", "a transfer is a succession, a division, a judicial one, a release or a correction", "划转须为承继、分立、司法扣划、释放或更正"},
	UnknownTransfer:       {"UNKNOWN_TRANSFER", "no transfer of these units the other way is left to correct", "没有可更正的反向划转"},
	UnknownFreeze:         {"UNKNOWN_FREEZE", "there is no such freeze of these units by this court", "没有该法院对此配额的冻结"},
	UnknownPledge:         {"UNKNOWN_PLEDGE", "there is no such pledge, or it is released", "没有此质押，或已解除"},
	NotPledgee:            {"NOT_PLEDGEE", "only the pledgee releases a pledge", "仅质权人可解除质押"},
	DutyFirst:             {"DUTY_FIRST", "the units are needed for the obligation", "该配额须用于履行清缴义务"},
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

// TextChinese is the same sentence in Chinese.
func (r Reason) TextChinese() string {
	if s, ok := reasons[r]; ok {
		return s[2]
	}
	return "较新协议版本的原因"
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
