package cli

// reportVerdicts are the words for a verdict, and what it means.
var reportVerdicts = map[string][2]bilingual{
	"passed": {{"审计通过", "PASSED"}, {
		"自创世文件起重新验证并执行了全部历史：每一条目、由其构成的树以及各检查点均与日志一致，检查点满足验证策略。",
		"The whole history was verified and executed again from the genesis document: every entry, the tree over all of them and every checkpoint are those of the log, and the checkpoint counts by the policy.",
	}},
	"failed": {{"审计未通过", "FAILED"}, {
		"审计止于首个错误，如下所示。请保存本报告、日志副本以及证据，并向其他节点索取日志比对。",
		"The audit ended at the first thing that is wrong, which follows. Keep this report, the copy of the log and the evidence, and compare with the log of another node.",
	}},
}

// auditProves says what an audit proves and what it does not, in the words of
// docs/auditors.md.
var auditProves = []bilingual{
	{"审计通过即证明：一切结果均可追溯至当时有权之公钥的签名；", "An audit that passes proves: every effect traces to signatures of keys that might give them at that moment;"},
	{"每笔交易均遵守规则；", "the rules were kept in every transaction;"},
	{"没有任何一吨、一分凭空产生或消失；", "no tonne and no fen appeared or vanished;"},
	{"每份回执均由历史得出；", "each receipt is what follows from the history;"},
	{"日志以及过半数有投票权的验证节点所签署的正是这一历史。", "and the log and more than half of the voters signed exactly this history."},
	{"审计不能证明所签署的内容属实（排放量、银行资金），也不能证明在登账之前没有内容被扣留。",
		"It does not prove that what was signed is true (emissions, money at the bank), nor that nothing was held back before it reached the ledger."},
	{"若有人另行签署过别的历史，则已留下证据：请比对日志和副本。", "Whoever signed another history as well left evidence: compare logs and copies."},
}

// reportSections are the parts of a report, by the names of its record.
var reportSections = []struct {
	id          string // of its table of names and values
	title, note bilingual
	names       []string
	// missing stands in the note's place where there is no value.
	missing bilingual
	// passed is what only an audit that passed has.
	passed bool
}{
	{id: "first", title: bilingual{"首个差异", "The first difference"}, names: []string{"difference"}},
	{id: "audited", title: bilingual{"审计对象", "What was audited"}, note: bilingual{
		"条目数、根哈希、高度、运行哈希和账本时间均为审计人自己的账本所得，止于最后一个已比对的区块。",
		"Size, root, height, running hash and ledger time are of the auditor's own ledger, after the last block that was compared.",
	}, names: []string{
		"chain", "genesis_hash", "clock", "origin", "logs", "log", "compared_with", "checkpoints", "logs_not_used", "evidence", "size", "root", "height", "hash", "ledger_time"}},
	{id: "counts", title: bilingual{"数量", "Counts"}, note: bilingual{
		"以下为本次审计在起始条目数之后重新执行的数量；起始条目数之前的部分，此前已在同一目录中审计。另载明续行条目数的，曾有审计中断：至该数为止的条目已在其中比对，未计入以下数量。审计未通过的，为止于差异之前的数量。",
		"Of what this audit executed behind the size at which it began: what lies before was audited earlier, in the same directory. Where a size is named at which it went on, an audit was broken off: it compared the entries up to there, which are not counted here. Where the audit failed, they end before the difference.",
	}, names: []string{"since_size", "resumed_size", "blocks", "transactions", "signatures", "accepted", "rejected", "rejections"}},
	{id: "sums", title: bilingual{"守恒", "Conservation"}, note: bilingual{
		"由审计人自己的账本汇总全部账户得出：来源与去向必须相等。", "All accounts of the auditor's own ledger added up: what came in must be where it went.",
	}, missing: bilingual{
		"审计在汇总账户之前终止：未作守恒核对。", "The audit ended before the accounts were added up: nothing is said of conservation.",
	}, names: []string{"conservation"}},
	{id: "days", title: bilingual{"状态根", "State roots"}, note: bilingual{
		"审计人重新执行后得出的状态根：各交易日收市时的，以及另行请求的（日期为“–”）。“条目”为日志中载明该根的条目，已予比对（“–”：日志尚未载明）。",
		"As re-execution gives them: of each close of a business day, and those that were asked for (day –). The entry is the one of the log that states the root, and was compared (–: the log does not state it yet).",
	}, names: []string{"epochs"}, passed: true},
	{id: "rule", title: bilingual{"验证策略", "Policy"}, names: []string{"policy", "policy_text"}},
	{id: "signed", title: bilingual{"检查点与联署", "Checkpoint and cosignatures"}, names: []string{"cosignatures", "checkpoint"}},
	{id: "made", title: bilingual{"审计本身", "The audit itself"}, names: []string{"began", "milliseconds", "program", "go", "protocol_version"}},
}

// reportNames are the words for the names of a report's record.
var reportNames = map[string]bilingual{
	"difference": {}, "entry": {"条目", "Entry"}, "height": {"区块高度", "Height"}, "transaction": {"区块内位置", "Position in the block"},
	"id": {"交易标识", "Transaction id"}, "what": {"差异", "What differs"},

	"chain": {"链", "Chain"}, "genesis_hash": {"创世文件SHA-256", "SHA-256 of the genesis document"}, "clock": {"时钟", "Clock"},
	"origin": {"日志名称", "Log (origin)"}, "logs": {"所给日志", "Logs that were given"}, "log": {"所审计的日志", "Log that was audited"},
	"compared_with": {"与之比对的日志", "Compared with"}, "checkpoints": {"各日志的检查点", "Checkpoints of the logs"}, "checkpoint_size": {"检查点条目数", "Size of the checkpoint"}, "logs_not_used": {"未能读取的日志", "Logs that could not be read"}, "evidence": {"证据所在目录", "Evidence"}, "size": {"条目数", "Size"}, "root": {"根哈希", "Root hash"},
	"hash": {"运行哈希", "Running hash"}, "ledger_time": {"账本时间（UTC+8）", "Ledger time (UTC+8)"},

	"since_size": {"起始条目数", "Began at size"}, "resumed_size": {"续行条目数", "Went on at size"}, "blocks": {"区块", "Blocks"}, "transactions": {"交易", "Transactions"},
	"signatures": {"已验证签名", "Signatures verified"}, "accepted": {"已接受", "Accepted"}, "rejected": {"不予接受", "Rejected"},
	"rejections": {"不予接受的原因", "Rejections by reason"}, "reason": {"原因", "Reason"}, "count": {"数量", "Count"},

	"conservation": {}, "instruments": {"配额（吨）", "Allowances (tonnes)"}, "instrument": {"品种", "Instrument"},
	"brought_forward": {"期初", "Brought forward"}, "issued": {"发放", "Issued"}, "held": {"持有", "Held"}, "surrendered": {"清缴", "Surrendered"},
	"clawed_back": {"收回", "Clawed back"}, "cancelled": {"注销", "Cancelled"}, "carried_over": {"结转", "Carried over"},
	"money_yuan": {"资金（元）", "Money (yuan)"}, "deposited": {"入金", "Deposited"}, "withdrawn": {"出金", "Withdrawn"},
	"ccer": {"CCER（吨）", "CCER (tonnes)"}, "registered": {"登记", "Registered"}, "for_national_offset": {"其中全国碳市场抵销", "Of them for national offset"},
	"booked": {"已抵销入账", "Booked as offset"}, "breaks": {"不平之处", "What does not add up"},

	"epochs": {}, "day": {"日期", "Day"}, "records": {"记录数", "Records"},

	"policy": {"法定数", "Quorum"}, "group": {"组", "Group"}, "need": {"须有", "Needs"}, "of": {"共", "Of"}, "members": {"成员", "Members"},
	"policy_text": {"验证策略全文", "The policy's text"}, "cosignatures": {"联署", "Cosignatures"}, "name": {"名称", "Name"},
	"time": {"时间", "Time"}, "checkpoint": {"检查点全文", "The checkpoint's text"},

	"began": {"审计开始（UTC+8）", "Began (UTC+8)"}, "milliseconds": {"用时（毫秒）", "Milliseconds"}, "program": {"程序版本", "Version of the program"},
	"go": {"Go版本", "Version of Go"}, "protocol_version": {"协议版本", "Protocol version"},
}
