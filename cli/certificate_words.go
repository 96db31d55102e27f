package cli

import (
	"fmt"
	"reflect"
	"slices"

	"carbonledger/tx"
)

// operationNames are the operations' names on a certificate; the Chinese ones
// are those of the rules.
var operationNames = map[string]bilingual{
	"BringForward":       {"期初余额", "opening position"},
	"BringForwardPage":   {"期初余额分页", "page of the opening position"},
	"OpenAccount":        {"开户", "opening of an account"},
	"AddKey":             {"增加公钥", "addition of a key"},
	"RevokeKey":          {"撤销公钥", "revocation of a key"},
	"SetParameter":       {"设置参数", "setting of a parameter"},
	"SetClock":           {"设置时钟", "setting of the clock"},
	"Deposit":            {"入金", "deposit of money"},
	"Withdraw":           {"出金", "withdrawal of money"},
	"IssueAllowances":    {"配额发放", "issue of allowances"},
	"OpenDay":            {"开市", "opening of a trading day"},
	"CloseDay":           {"闭市", "close of a trading day"},
	"RecordTrade":        {"成交登记", "registration of a trade"},
	"Surrender":          {"配额清缴申请", "application for surrender"},
	"BookOffset":         {"CCER抵销", "offset by CCER"},
	"SetObligation":      {"核定应清缴量", "determination of an obligation"},
	"CloseYear":          {"关闭履约年度", "close of an obligation year"},
	"Transfer":           {"自由划转", "free transfer"},
	"SetValidator":       {"准入验证节点", "admission of a validator"},
	"RemoveValidator":    {"移除验证节点", "removal of a validator"},
	"SetProtocolVersion": {"升级协议版本", "change of the protocol version"},
	"SetPolicy":          {"设置签署规则", "policy on signatures"},
	"Prepare":            {"制单", "preparation for other persons to approve"},
	"Approve":            {"复核", "approval of what was prepared"},
	"WithdrawPrepared":   {"撤回制单", "withdrawal of what was prepared"},
	"RecoverKeys":        {"重置公钥", "recovery of keys"},
	"ChangeAccount":      {"账户信息变更", "change of an account"},
	"RestrictAccount":    {"限制使用", "restriction of an account"},
	"MergeAccounts":      {"合并", "merger of accounts"},
	"CloseAccount":       {"销户", "closing of an account"},
	"MoveHolding":        {"持仓划转", "move between a holder's own holdings"},
	"RegisterOrder":      {"申报登记", "registration of an order"},
	"WithdrawOrder":      {"撤单", "withdrawal of an order"},
	"AnnounceBidding":    {"单向竞价公告", "announcement of a bidding session"},
	"ConcludeBidding":    {"单向竞价成交", "conclusion of a bidding session"},
	"SuspendTrading":     {"暂停交易", "suspension of trading"},
	"StateTotals":        {"日终对账单", "statement of a day's totals"},
	"Reconcile":          {"日终对账", "reconciliation of a day"},
	"RepayReceivable":    {"退回多发配额", "return of allowances issued in excess"},
	"RecordVerification": {"核查结果登记", "registration of verified emissions"},
	"RecordDeduction":    {"等量核减登记", "registration of a deduction"},
	"SurrenderOnBehalf":  {"代为清缴申请", "application for surrender on behalf of another"},
	"DecideApplication":  {"申请审核", "decision on an application"},
	"WithdrawApplication": {
		"撤回申请", "withdrawal of an application"},
	"ForceSurrender":    {"强制履约", "forced surrender"},
	"RegisterReduction": {"减排量登记", "registration of CCER"},
	"TradeCCER":         {"CCER成交", "trade of CCER"},
	"CancelCCER":        {"CCER注销", "cancellation of CCER"},
	"CancelVoluntarily": {"自愿注销申请", "application for voluntary cancellation"},
	"ApplyCarryOver":    {"结转申请", "application for carry-over"},
	"TransferByLaw":     {"非交易过户", "transfer by law"},
	"Freeze":            {"司法冻结", "judicial freeze"},
	"Unfreeze":          {"解除冻结", "lifting of a freeze"},
	"Pledge":            {"质押登记", "registration of a pledge"},
	"ReleasePledge":     {"解除质押", "release of a pledge"},
	"TakeStateRoot":     {"请求状态根", "request for a state root"},
}

// operationWord is the name of the operation's message.
func operationWord(op *tx.Operation) string {
	// The oneof's wrapper has one field, called after the message.
	return reflect.TypeOf(op.Operation).Elem().Field(0).Name
}

var approvedTitles = map[tx.ApplicationKind]bilingual{
	tx.SurrenderApplication:    {"配额清缴证明", "Certificate of surrender"},
	tx.OnBehalfApplication:     {"代为清缴证明", "Certificate of surrender on behalf of another"},
	tx.CancellationApplication: {"自愿注销证明", "Certificate of voluntary cancellation"},
	tx.CarryOverApplication:    {"配额结转证明", "Certificate of carry-over"},
}

// certificateTitle says no more than the records: an approval without its
// application does not say what it approves.
func certificateTitle(main *registered, kinds map[int]tx.ApplicationKind) bilingual {
	plain := bilingual{"登记证明", "Registration certificate"}
	if main.outcome().Reason != tx.Accepted {
		return plain
	}
	var titles []bilingual
	for i, d := range main.done {
		if d.carriesOut {
			continue // what it carries out comes behind it
		}
		title := plain
		switch o := d.op.Operation.(type) {
		case *tx.Operation_DecideApplication:
			kind, known := kinds[i]
			switch {
			case o.DecideApplication.Approved && known:
				title = approvedTitles[kind]
			case o.DecideApplication.Approved:
				title = bilingual{"申请核准证明", "Certificate of an approved application"}
			}
		case *tx.Operation_ForceSurrender:
			title = bilingual{"强制履约证明", "Certificate of forced surrender"}
		case *tx.Operation_CancelCCER:
			title = bilingual{"CCER注销证明", "Certificate of cancellation of CCER"}
		}
		if !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
	}
	if len(titles) != 1 {
		return plain
	}
	return titles[0]
}

// certificateNotes say what the record does not.
func certificateNotes(main *registered, kinds map[int]tx.ApplicationKind) []bilingual {
	var notes []bilingual
	note := func(chinese, english string) {
		if n := (bilingual{chinese, english}); !slices.Contains(notes, n) {
			notes = append(notes, n)
		}
	}
	for i, d := range main.done {
		op := d.op
		if _, _, is := applicationOf(op); is {
			note("这是一项申请：经审核批准后方告完成，批准另有登记。", "This is an application: what it asks for is done only by an approval, which has a record of its own.")
		}
		_, known := kinds[i]
		switch op.Operation.(type) {
		case *tx.Operation_DecideApplication:
			if !known {
				note("审核的记录只载明申请人和申请号；所申请的品种、数量和年度载于该申请自身的记录，本证明未附。",
					"The record of a decision names the applicant and the application alone; instrument, tonnes and year stand in the application's own record, which is not attached.")
			}
		case *tx.Operation_ForceSurrender:
			note("所清缴的数量由账本计算，交易的记录未载明。", "The ledger works out how much is surrendered; the transaction's record does not name it.")
		case *tx.Operation_Prepare:
			note("制单只是提交待复核的内容，并未执行。", "Preparing lays operations down for approval; it does not carry them out.")
		case *tx.Operation_Approve:
			if d.carriesOut {
				note("此次复核使所制单的操作得以执行，该等操作载于本记录。", "This approval was the last: what was prepared was carried out by it, and stands in this record.")
			} else {
				note("此次复核后尚待其他人员复核，所制单的操作并未因此执行，其内容记录未载明。",
					"This approval was not the last: it did not carry out what was prepared, whose content the record does not name.")
			}
		}
	}
	if main.outcome().Reason != tx.Accepted {
		notes = nil
		note("账本未接受该交易：其中任何操作均未执行。", "The ledger rejected the transaction: none of its operations was carried out.")
	}
	note("本证明说明上述记录已登记，不说明其后发生的事项。", "This certificate says that the record above is registered, and nothing about what came after it.")
	return notes
}

// valueNames are the words for enumerations and for what is switched.
var valueNames = map[any]bilingual{
	tx.RoleUnspecified: {"未指明", "unspecified"}, tx.Ministry: {"生态环境部", "ministry"}, tx.RegionDepartment: {"省级生态环境主管部门", "provincial department"},
	tx.Registry: {"注册登记机构", "registration institution"}, tx.Exchange: {"交易机构", "trading institution"}, tx.SettlementBank: {"结算银行", "settlement bank"},
	tx.KeyEmittingEntity: {"重点排放单位", "key emitting entity"}, tx.Auditor: {"审计人", "auditor"}, tx.Timekeeper: {"时钟设定人", "timekeeper"},
	tx.CCERRegistry: {"温室气体自愿减排注册登记机构", "CCER registration institution"}, tx.CCERExchange: {"温室气体自愿减排交易机构", "CCER trading institution"},
	tx.VerificationBody: {"核查技术服务机构", "verification body"}, tx.Court: {"人民法院", "court"}, tx.OtherInstitution: {"其他交易主体", "other institution"},

	tx.SectorUnspecified: {"未指明", "unspecified"}, tx.Power: {"发电", "power"}, tx.Steel: {"钢铁", "steel"}, tx.Cement: {"水泥", "cement"}, tx.Aluminium: {"铝冶炼", "aluminium"},

	tx.StageUnspecified: {"未指明", "unspecified"}, tx.PreAllocation: {"预分配", "pre-allocation"}, tx.FinalAllocation: {"核定", "final allocation"}, tx.Adjustment: {"调整", "adjustment"},

	tx.SideUnspecified: {"未指明", "unspecified"}, tx.Buy: {"买入", "buy"}, tx.Sell: {"卖出", "sell"},

	tx.TradeKindUnspecified: {"未指明", "unspecified"}, tx.Listed: {"挂牌协议交易", "listed"}, tx.BlockTrade: {"大宗协议交易", "block trade"}, tx.Bidding: {"单向竞价", "bidding"},

	tx.Unrestricted: {"无限制", "none"}, tx.NoTrading: {"限制交易", "no trading"}, tx.NoUse: {"限制使用", "no use but for the obligation"},

	tx.SubBalanceUnspecified: {"未指明", "unspecified"}, tx.RegistryAvailable: {"登记可用量", "registry holding"}, tx.TradingAvailable: {"交易可用量", "trading holding"},

	tx.BiddingModeUnspecified: {"未指明", "unspecified"}, tx.UniformPrice: {"统一价", "all winners pay the lowest winning bid"}, tx.PayAsBid: {"各按申报价", "each winner pays its own bid"},

	tx.CancellationKindUnspecified: {"未指明", "unspecified"}, tx.NationalOffset: {"全国碳市场抵销", "national offset"}, tx.LocalOffset: {"地方碳市场抵销", "local offset"},
	tx.EventNeutrality: {"大型活动碳中和", "carbon neutrality of an event"}, tx.CorporateOffset: {"企业自愿抵销", "voluntary offset of an enterprise"}, tx.VoluntaryBenefit: {"自愿注销", "voluntary cancellation"},

	tx.TransferKindUnspecified: {"未指明", "unspecified"}, tx.Succession: {"承继", "succession"}, tx.Division: {"合并分立", "merger or division"},
	tx.Judicial: {"司法扣划", "judicial transfer"}, tx.Release: {"省级释放", "release by the province"}, tx.Correction: {"更正", "correction"},

	true: {"是", "yes"}, false: {"否", "no"},
}

func (b bilingual) String() string { return b.Chinese + " " + b.English }

func valueName(v any) string {
	if name, ok := valueNames[v]; ok {
		return name.String()
	}
	return fmt.Sprint(v)
}
