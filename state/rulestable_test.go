package state_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"
)

// asked counts, for each operation, the reasons that testdata/rules shows of its
// own rule, and of its row of the table.
type asked map[string]map[tx.Reason]int

func (a asked) count(operation string, r tx.Reason) {
	if a[operation] == nil {
		a[operation] = map[tx.Reason]int{}
	}
	a[operation][r]++
}

// note counts a block's receipts: those that left a record reached an operation.
func (a asked) note(s *script, block []byte, receipts []tx.Receipt) {
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	b, ok := tx.DecodeBlock(block, v.Head().Height)
	if !ok {
		return
	}
	for i := range receipts {
		d, err := tx.Decode(b.Transactions[i])
		if err != nil || len(receipts[i].Id) != 32 {
			continue
		}
		if _, stored, err := v.Receipt(tx.ID(receipts[i].Id)); !stored || err != nil || receipts[i].Reason == tx.Expired {
			continue
		}
		for k := range d.Body.Operations {
			o := &d.Body.Operations[k]
			switch {
			case receipts[i].Reason == tx.Accepted:
				a.count(operationName(o), tx.Accepted)
				if p := o.GetPrepare(); p != nil {
					s.prepared[string(receipts[i].Id)] = p.Operations
				}
			case receipts[i].Operation == uint32(k):
				a.count(refuser(s, o, receipts[i].Subject), receipts[i].Reason)
			}
		}
	}
}

// refuser is the operation whose row a reason belongs to: an approval's, or that
// of the prepared operation which the subject names.
func refuser(s *script, o *tx.Operation, subject string) string {
	var n int
	if a := o.GetApprove(); a != nil {
		inner := s.prepared[string(a.Prepared)]
		if _, err := fmt.Sscanf(subject, "prepared operation %d:", &n); err == nil && n < len(inner) {
			return operationName(&inner[n])
		}
	}
	return operationName(o)
}

// operationName is the name of the operation's message.
func operationName(o *tx.Operation) string {
	return reflect.Indirect(reflect.ValueOf(o.Operation)).Type().Field(0).Name
}

// frameOf are the reasons that an operation has from its row of the table.
func frameOf(r *state.Rule) []tx.Reason {
	var all []tx.Reason
	if r.Since > 1 { // no ledger follows an earlier version
		all = append(all, tx.OperationNotInVersion)
	}
	if !r.Opening {
		all = append(all, tx.OpeningIncomplete)
	}
	if r.Roles != nil {
		all = append(all, tx.WrongRole)
	}
	return append(all, tx.MissingRight, tx.SamePerson, tx.MissingSecondPerson)
}

// cells are what a row of the table promises: acceptance, and each of its reasons
// once.
func cells(r *state.Rule) []tx.Reason {
	all := append([]tx.Reason{tx.Accepted}, frameOf(r)...)
	for _, reason := range r.Reasons {
		if !slices.Contains(all, reason) {
			all = append(all, reason)
		}
	}
	return all
}

// check holds the table and the tests to each other: every reason of every
// operation is shown, and none that the table lacks. It prints operations ×
// reasons as it counted them.
func (a asked) check(t *testing.T) {
	t.Helper()
	var table strings.Builder
	named := map[string]bool{}
	for _, r := range state.Rules() {
		named[r.Operation] = true
		fmt.Fprintf(&table, "%s:", r.Operation)
		for _, reason := range cells(&r) {
			n := a[r.Operation][reason]
			fmt.Fprintf(&table, " %s:%d", reason, n)
			if n == 0 {
				t.Errorf("no test shows %s of %s", reason, r.Operation)
			}
		}
		table.WriteString("\n")
		for _, reason := range tx.Reasons() {
			if n := a[r.Operation][reason]; n > 0 && !slices.Contains(cells(&r), reason) {
				t.Errorf("%s answered %s %d times, and its row of the table lacks it", r.Operation, reason, n)
			}
		}
	}
	t.Logf("operations and reasons, with how often each was given\n%s", &table)
	for operation := range a {
		if !named[operation] {
			t.Errorf("the table lacks %s", operation)
		}
	}
}

// roleNames in the documents' words and in the registry's.
var roleNames = map[tx.Role][2]string{
	tx.Ministry: {"ministry", "生态环境部"}, tx.RegionDepartment: {"provincial department", "省级生态环境主管部门"},
	tx.Registry: {"registration institution", "注册登记机构"}, tx.Exchange: {"trading institution", "交易机构"},
	tx.SettlementBank: {"settlement bank", "结算银行"}, tx.KeyEmittingEntity: {"key emitting entity", "重点排放单位"},
	tx.Auditor: {"auditor", "审计人"}, tx.Timekeeper: {"timekeeper (script networks)", "时钟设定人（脚本网络）"},
	tx.CCERRegistry: {"CCER registration institution", "温室气体自愿减排注册登记机构"}, tx.CCERExchange: {"CCER trading institution", "温室气体自愿减排交易机构"},
	tx.VerificationBody: {"verification body", "核查技术服务机构"}, tx.Court: {"court", "人民法院"}, tx.OtherInstitution: {"other institution", "其他交易主体"},
}

func roleList(roles []tx.Role) string {
	var names []string
	for _, r := range roles {
		names = append(names, roleNames[r][0])
	}
	return strings.Join(names, ", ")
}

// rightTexts say what the rights of keys are for.
var rightTexts = []struct {
	right tx.Right
	text  string
}{
	{tx.RightPrepare, "asks for operations, and prepares them"},
	{tx.RightApprove, "signs beside the one who asks, and approves what is prepared"},
	{tx.RightTrade, "signs orders and trades"},
	{tx.RightTreasury, "records movements of money"},
	{tx.RightView, "reads what is the party's own"},
}

// keyRules need as many persons as a party's strictest operation.
var keyRules = []string{"AddKey", "RevokeKey", "SetPolicy"}

func personsText(r *state.Rule) string {
	if slices.Contains(keyRules, r.Operation) {
		return "as many as the party's strictest operation asks for"
	}
	return fmt.Sprint(r.Persons)
}

// anyParty are the operations for which the table names no roles.
func anyParty() (all []string) {
	for _, r := range state.Rules() {
		if r.Roles == nil && r.Operation != "OpenAccount" {
			all = append(all, r.Operation)
		}
	}
	return all
}

// document writes docs/rules.md from the tables.
func document() string {
	var b strings.Builder
	say := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	say("# The rules\n\nWritten from the tables in `state/rules.go` and `tx/reason.go` by `go test ./state -run RulesDocument -rewrite`: do not edit.\n")
	say("## Roles\n\n| role | 角色 | account opened by | may ask for |\n|---|---|---|---|")
	for role := tx.Ministry; role <= tx.OtherInstitution; role++ {
		by := roleList(state.Openers(role))
		if by == "" {
			by = "the genesis document alone"
		}
		var may []string
		for _, r := range state.Rules() {
			if slices.Contains(r.Roles, role) {
				may = append(may, r.Operation)
			}
		}
		for opened := tx.Ministry; opened <= tx.OtherInstitution; opened++ {
			if slices.Contains(state.Openers(opened), role) && !slices.Contains(may, "OpenAccount") {
				may = append(may, "OpenAccount")
			}
		}
		say("| %s | %s | %s | %s |", roleNames[role][0], roleNames[role][1], by, strings.Join(append(may, "*"), ", "))
	}
	say("\n\\* Every party also asks for %s, as the rules below say.\n", strings.Join(anyParty(), ", "))
	say("Key emitting entities and, where the parameter `other.institutions` is \"on\", other institutions hold allowances and money, and trade. A provincial department\n" +
		"holds what it was allocated for its entities, and releases it to them.\n")
	say("## Rights and policies\n\nA key has rights, and belongs to a person. Two keys of one person count as one person.\n\n| right | |\n|---|---|")
	for _, right := range rightTexts {
		say("| %s | %s |", right.right, right.text)
	}
	say("\nEach operation asks for one person with its right, and for so many persons of the asking party in all; each further one needs the right to\n" +
		"approve. The ministry sets the number by the parameter `persons.OPERATION`; a party asks for more by a policy of its own (SetPolicy). Keys and\n" +
		"policies change with as many persons as the strictest operation of the party asks for, and never so that too few would be left. The persons\n" +
		"sign one transaction, or one of them prepares it on the ledger and the others approve.\n")
	say("## Before any operation\n\nIn this order. The first three leave no record and use no reference; the last uses the reference.\n\n| | reasons |\n|---|---|")
	for _, f := range []struct {
		what    string
		reasons []tx.Reason
	}{
		{"encoding and signatures", []tx.Reason{tx.Malformed, tx.TooLarge, tx.UnknownOperation, tx.NoOperations, tx.NoSignature, tx.BadReference, tx.BadSignature, tx.BadProof}},
		{"chain, party, keys", []tx.Reason{tx.WrongChain, tx.UnknownParty, tx.UnknownKey, tx.KeyRevoked, tx.KeyNotValid, tx.NotSignedByParty}},
		{"reference", []tx.Reason{tx.ReferenceReused}},
		{"expiry", []tx.Reason{tx.Expired}},
	} {
		var names []string
		for _, r := range f.reasons {
			names = append(names, r.String())
		}
		say("| %s | %s |", f.what, strings.Join(names, ", "))
	}
	say("\n## Operations\n\nEach checks its row of the table first (protocol version, opening position, role, right, persons), then its rule in the\norder of the reasons below. The operations of a transaction succeed or fail together.")
	for _, r := range state.Rules() {
		who := roleList(r.Roles)
		if who == "" {
			who = "any party, as the rule says"
		}
		say("\n### %s (%s)\n\n%s\n", r.Operation, r.Chinese, r.Promise)
		say("Who: %s. Right: %s. Persons: %s. Since version %d. Source: %s.", who, r.Right, personsText(&r), r.Since, r.Source)
		if r.Preparable {
			say("Can be prepared for other persons to approve.")
		}
		if r.Opening {
			say("Also while pages of the opening position are missing.")
		}
		say("\n| checks, in order | | |\n|---|---|---|")
		for _, reason := range cells(&r)[1:] {
			say("| %s | %s | %s |", reason, reason.Text(), reason.TextChinese())
		}
	}
	return b.String()
}

// TestRulesDocument: docs/rules.md is what the tables say.
func TestRulesDocument(t *testing.T) {
	const path = "../docs/rules.md"
	want := document()
	if rewriteGolden() {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is not what the tables say: run go test ./state -run RulesDocument -rewrite", path)
	}
	// Every operation that can be encoded is in the table, once.
	names := map[string]int{}
	for _, r := range state.Rules() {
		names[r.Operation]++
	}
	for _, w := range (*tx.Operation)(nil).XXX_OneofWrappers() {
		o := reflect.TypeOf(w).Elem().Field(0).Name
		if names[o] != 1 {
			t.Errorf("the table has %d rows for %s", names[o], o)
		}
		delete(names, o)
	}
	if len(names) > 0 {
		t.Errorf("rows of no operation: %v", names)
	}
}
