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
	b, ok := tx.DecodeBlock(block)
	if !ok {
		return
	}
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	for i := range receipts {
		d, err := tx.Decode(b.Transactions[i])
		if err != nil || len(receipts[i].Id) != 32 {
			continue
		}
		if _, stored, err := v.Receipt(tx.ID(receipts[i].Id)); !stored || err != nil || receipts[i].Reason == tx.Expired {
			continue
		}
		for k := range d.Body.Operations {
			switch {
			case receipts[i].Reason == tx.Accepted:
				a.count(operationName(&d.Body.Operations[k]), tx.Accepted)
			case receipts[i].Operation == uint32(k):
				a.count(operationName(&d.Body.Operations[k]), receipts[i].Reason)
			}
		}
	}
}

// operationName is the name of the operation's message.
func operationName(o *tx.Operation) string {
	return reflect.Indirect(reflect.ValueOf(o.Operation)).Type().Field(0).Name
}

// frameOf are the reasons that an operation has from its row of the table.
func frameOf(r *state.Rule) []tx.Reason {
	all := []tx.Reason{tx.OperationNotInVersion}
	if !r.Opening {
		all = append(all, tx.OpeningIncomplete)
	}
	if r.Roles != nil {
		all = append(all, tx.WrongRole)
	}
	return all
}

// check holds the table and the tests to each other: every reason of every
// operation is shown, and none that the table lacks. It prints what it counted.
func (a asked) check(t *testing.T) {
	t.Helper()
	named := map[string]bool{}
	for _, r := range state.Rules() {
		named[r.Operation] = true
		var line strings.Builder
		for _, reason := range append(append([]tx.Reason{tx.Accepted}, frameOf(&r)...), r.Reasons...) {
			n := a[r.Operation][reason]
			fmt.Fprintf(&line, " %s:%d", reason, n)
			if _, there := elsewhere[reason]; n == 0 && !there {
				t.Errorf("testdata/rules shows no %s of %s", reason, r.Operation)
			}
		}
		t.Logf("%s:%s", r.Operation, &line)
		for reason, n := range a[r.Operation] {
			if reason != tx.Accepted && !slices.Contains(r.Reasons, reason) && !slices.Contains(frameOf(&r), reason) {
				t.Errorf("%s answered %s %d times, and its row of the table lacks it", r.Operation, reason, n)
			}
		}
	}
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
}

func roleList(roles []tx.Role) string {
	var names []string
	for _, r := range roles {
		names = append(names, roleNames[r][0])
	}
	return strings.Join(names, ", ")
}

// document writes docs/rules.md from the tables.
func document() string {
	var b strings.Builder
	say := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	say("# The rules\n\nWritten from the tables in `state/rules.go` and `tx/reason.go` by `go test ./state -run RulesDocument -rewrite`: do not edit.\n")
	say("## Roles\n\n| role | 角色 | account opened by | may ask for |\n|---|---|---|---|")
	for role := tx.Ministry; role <= tx.Timekeeper; role++ {
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
		for opened := tx.Ministry; opened <= tx.Timekeeper; opened++ {
			if slices.Contains(state.Openers(opened), role) && !slices.Contains(may, "OpenAccount") {
				may = append(may, "OpenAccount")
			}
		}
		say("| %s | %s | %s | %s |", roleNames[role][0], roleNames[role][1], by, strings.Join(append(may, "AddKey, RevokeKey"), ", "))
	}
	say("\nOnly key emitting entities hold allowances and money, and only they trade.\n")
	say("## Before any operation\n\nIn this order. The first three leave no record and use no reference; the last uses the reference.\n\n| | reasons |\n|---|---|")
	for _, f := range []struct {
		what    string
		reasons []tx.Reason
	}{
		{"encoding and signatures", []tx.Reason{tx.Malformed, tx.TooLarge, tx.UnknownOperation, tx.NoOperations, tx.NoSignature, tx.BadReference, tx.BadSignature, tx.BadProof}},
		{"chain, party, keys", []tx.Reason{tx.WrongChain, tx.UnknownParty, tx.UnknownKey, tx.KeyRevoked, tx.NotSignedByParty}},
		{"reference", []tx.Reason{tx.ReferenceReused}},
		{"expiry", []tx.Reason{tx.Expired}},
	} {
		var names []string
		for _, r := range f.reasons {
			names = append(names, r.String())
		}
		say("| %s | %s |", f.what, strings.Join(names, ", "))
	}
	say("\n## Operations\n\nEach checks its row of the table first (protocol version, opening position, role), then its rule in the order of the\nreasons below. The operations of a transaction succeed or fail together.")
	for _, r := range state.Rules() {
		who := roleList(r.Roles)
		if who == "" {
			who = "any party, as the rule says"
		}
		say("\n### %s (%s)\n\nWho: %s. Since version %d. Source: %s.", r.Operation, r.Chinese, who, r.Since, r.Source)
		if r.Opening {
			say("Also while pages of the opening position are missing.")
		}
		say("\n| checks, in order | | |\n|---|---|---|")
		for _, reason := range append(frameOf(&r), r.Reasons...) {
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
