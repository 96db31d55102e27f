package cli

import (
	"crypto/sha256"
	"fmt"
	"reflect"

	"carbonledger/tx"
)

// fieldNames are the labels of operations' fields, by MESSAGE.FIELD where a field
// means something else in one message, or by FIELD.
var fieldNames = map[string]bilingual{
	"Address": {"网络地址", "Network address"}, "Amount": {"金额", "Amount"}, "Applicant": {"申请人", "Applicant"},
	"Application": {"申请号", "Application number"}, "Approved": {"审核结果", "Decision"}, "AsOf": {"余额截止日", "Position at the end of"},
	"Batch": {"批次号", "Batch"}, "Beneficiary": {"为其持有或清缴的单位", "For the entity"}, "Buy": {"买方", "Buyer"}, "Buyer": {"买方", "Buyer"},
	"Cancellation": {"注销编号", "Cancellation number"}, "ChainId": {"链", "Chain"}, "Close": {"收盘价（每吨）", "Close (a tonne)"},
	"Condition": {"条件", "Condition"}, "Contact": {"联系方式", "Contact"}, "Corrects": {"所更正的交易", "Corrects transaction"},
	"CosignKey": {"联署公钥", "Cosigning key"}, "CumulativeAmount": {"累计成交额", "Traded in all, amount"}, "CumulativeTonnes": {"累计成交量", "Traded in all, tonnes"},
	"Day": {"日期", "Day"}, "Document": {"文件号", "Document number"}, "Entity": {"重点排放单位", "Entity"}, "Freeze": {"冻结文件号", "Freeze"},
	"From": {"转出方", "From"}, "SetParameter.From": {"生效日", "From the day"}, "Id": {"账户标识", "Account id"},
	"IncarnationSha256": {"实例SHA-256", "SHA-256 of the incarnation"}, "Instrument": {"品种", "Instrument"}, "Instruments": {"品种", "Instrument"},
	"Key": {"公钥", "Key"}, "Keys": {"公钥", "Key"}, "Kind": {"类别", "Kind"}, "LimitPrice": {"限价（每吨）", "Limit (a tonne)"},
	"LowFloor": {"底价低于前收盘价", "Floor below the previous close"}, "Mode": {"竞价方式", "Mode"}, "Money": {"资金", "Money"}, "Name": {"名称", "Name"},
	"NodeKey": {"节点公钥", "Node key"}, "Old": {"2017-03-14前备案", "Filed before 2017-03-14"}, "Operation": {"操作", "Operation"},
	"Operations": {"待复核操作", "Prepared operation"}, "Order": {"申报", "Order"}, "Page": {"分页SHA-256", "SHA-256 of the page"},
	"PageSha256": {"分页SHA-256", "SHA-256 of page"}, "Party": {"当事方", "Party"}, "Person": {"持有人", "Person"}, "Persons": {"须签署人数", "Persons that sign"},
	"Pledgee": {"质权人", "Pledgee"}, "Prepared": {"所制单的交易", "Prepared by transaction"}, "Price": {"价格（每吨）", "Price (a tonne)"},
	"Project": {"项目", "Project"}, "Proof": {"持有证明", "Proof of possession"}, "Purpose": {"用途（公开）", "Purpose (published)"},
	"Quantity": {"数量", "Quantity"}, "Reference": {"参考号", "Reference"}, "Region": {"地区", "Region"}, "Registration": {"质押登记编号", "Registration of the pledge"},
	"ReportSha256": {"核查报告SHA-256", "SHA-256 of the report"}, "Restriction": {"限制", "Restriction"}, "Rights": {"权限", "Rights"}, "Role": {"角色", "Role"},
	"Sector": {"行业", "Sector"}, "Sell": {"卖方", "Seller"}, "Seller": {"卖方", "Seller"}, "Session": {"竞价场次", "Session"}, "Side": {"方向", "Side"},
	"Site": {"地点", "Site"}, "Stage": {"阶段", "Stage"}, "Suspended": {"暂停", "Suspended"},
	"TableSha256": {"数据表SHA-256", "SHA-256 of the table"}, "Time": {"时间", "Time"}, "To": {"接收方", "To"}, "MoveHolding.To": {"转入", "Into"},
	"Tonnes": {"数量", "Tonnes"}, "Tradable": {"交易可用总量", "In trading holdings"}, "Trades": {"成交笔数", "Trades"},
	"USCC": {"统一社会信用代码", "Unified social credit code"}, "ValidFrom": {"有效期自", "Valid from"}, "ValidUntil": {"有效期至", "Valid until"},
	"Validator": {"验证节点", "Validator"}, "Value": {"值", "Value"}, "Version": {"协议版本", "Protocol version"}, "Voter": {"有投票权", "Votes"}, "Year": {"年度", "Year"},
}

// operationFields has everything that an operation holds, but for what is empty.
func operationFields(op *tx.Operation) []certificateField {
	var l fieldList
	l.message(bilingual{}, reflect.ValueOf(op.Operation).Elem().Field(0).Elem())
	return l
}

type fieldList []certificateField

// message adds the fields of a message. Operations' messages have fields of no
// other types than those of value.
func (l *fieldList) message(within bilingual, m reflect.Value) {
	for i := range m.NumField() {
		name := m.Type().Field(i).Name
		label, ok := fieldNames[m.Type().Name()+"."+name]
		if !ok {
			if label, ok = fieldNames[name]; !ok {
				label = bilingual{name, name}
			}
		}
		if within != (bilingual{}) {
			label = bilingual{within.Chinese + "：" + label.Chinese, within.English + ": " + label.English}
		}
		l.value(label, name, m.Field(i))
	}
}

func (l *fieldList) value(label bilingual, name string, v reflect.Value) {
	add := func(text string) { *l = append(*l, certificateField{label, text}) }
	switch x := v.Interface().(type) {
	case tx.Tonnes:
		add(tonnesInWords(x))
	case tx.Fen:
		add(yuanInWords(x))
	case tx.Instant:
		if x != 0 {
			add(x.String())
		}
	case string:
		if x != "" {
			add(x)
		}
	case []byte:
		if name == "Page" {
			sum := sha256.Sum256(x)
			x = sum[:]
		}
		if len(x) > 0 {
			add(fmt.Sprintf("%x", x))
		}
	case int64:
		add(grouped(x))
	case uint32:
		switch {
		case name != "Rights":
			add(fmt.Sprint(x))
		case x == 0:
			add("全部 all")
		default:
			add(tx.Right(x).String())
		}
	case bool:
		if name == "Approved" {
			add(map[bool]bilingual{true: {"批准", "approved"}, false: {"不予批准", "refused"}}[x].String())
			return
		}
		add(valueName(x))
	case tx.PublicKey:
		add(x.String())
	case tx.SignedOrder:
		l.order(label, &x)
	case tx.Operation:
		name := operationNames[operationWord(&x)]
		add(name.String())
		l.message(label, reflect.ValueOf(x.Operation).Elem().Field(0).Elem())
	default:
		switch v.Kind() {
		case reflect.Slice:
			for i := range v.Len() {
				l.value(bilingual{fmt.Sprintf("%s %d", label.Chinese, i+1), fmt.Sprintf("%s %d", label.English, i+1)}, name, v.Index(i))
			}
		case reflect.Struct:
			l.message(label, v)
		default: // tx.Day, tx.Year and enumerations
			add(valueName(x))
		}
	}
}

// order adds what a trader signed, which tx.Decode has read before.
func (l *fieldList) order(label bilingual, o *tx.SignedOrder) {
	body, ok := o.Read()
	if !ok {
		return
	}
	l.message(label, reflect.ValueOf(body))
	l.value(bilingual{label.Chinese + "：公钥", label.English + ": Key"}, "Key", reflect.ValueOf(o.Signature.Key))
}
