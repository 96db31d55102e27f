package state_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"
)

// frameLedger is a ledger with a party of every role, named role-N. Of each party
// two persons hold a key with all rights, the first of them a second one, and a
// third person holds one that only views.
type frameLedger struct {
	*script
	references int
}

// keysOfRole name the keys: P1, P2, P1 again, and P3 who views.
var keysOfRole = []string{"first", "second", "first-again", "view"}

func newFrameLedger(t *testing.T, all asked) *frameLedger {
	s := &frameLedger{script: newScript(t)}
	s.asked = all
	s.f.Parties, s.f.Parameters = nil, nil
	for role := tx.Ministry; role <= tx.OtherInstitution; role++ {
		o := tx.OpenAccount{Id: roleParty(role), Role: role, Name: role.String()}
		switch role {
		case tx.KeyEmittingEntity, tx.OtherInstitution:
			o.USCC = tx.PracticeUSCC(int(role))
		}
		if role == tx.KeyEmittingEntity {
			o.Region = roleParty(tx.RegionDepartment)
		}
		for i, name := range keysOfRole {
			k := tx.ProvenKey{Key: s.key(o.Id + "/" + name).Public(), Person: "P" + fmt.Sprint([]int{1, 2, 1, 3}[i])}
			if name == "view" {
				k.Rights = uint32(tx.RightView)
			}
			o.Keys = append(o.Keys, k)
		}
		s.f.Parties = append(s.f.Parties, o)
	}
	s.open()
	return s
}

// twoPersonsEach lets every party ask for two persons on every operation.
func (s *frameLedger) twoPersonsEach() {
	var policies []tx.Operation
	for _, r := range state.Rules() {
		policies = append(policies, op(&tx.Operation_SetPolicy{SetPolicy: &tx.SetPolicy{Operation: r.Operation, Persons: 2}}))
	}
	for role := tx.Ministry; role <= tx.OtherInstitution; role++ {
		s.expect(tx.Accepted, role, policies, "first", "second")
	}
}

func roleParty(role tx.Role) string { return fmt.Sprint("role-", int(role)) }

// expect applies a transaction of a party and demands its answer.
func (s *frameLedger) expect(want tx.Reason, role tx.Role, operations []tx.Operation, keys ...string) {
	s.t.Helper()
	var signing []tx.PrivateKey
	for _, k := range keys {
		signing = append(signing, s.key(roleParty(role)+"/"+k))
	}
	s.send(want, &tx.Body{Party: roleParty(role), Operations: operations}, signing...)
}

func (s *frameLedger) send(want tx.Reason, body *tx.Body, keys ...tx.PrivateKey) {
	s.t.Helper()
	s.references++
	body.ChainId, body.Reference = s.f.ChainID, fmt.Sprint("frame-", s.references)
	raw, err := tx.NewTransaction(s.f.Hash, body, keys...)
	s.must(err)
	b := tx.Block{Proposer: "n1", AppliedHash: make([]byte, 32), Transactions: [][]byte{raw}}
	block, err := b.Marshal()
	s.must(err)
	s.index++
	applied, err := s.ledger.Apply([]state.Entry{{Index: s.index, Block: block}})
	s.must(err)
	s.asked.note(s.script, block, applied[0].Receipts)
	if r := &applied[0].Receipts[0]; r.Reason != want || want != tx.Accepted && r.Operation != 0 {
		s.t.Errorf("%s asked for %s and had %s (%s), not %s", body.Party, operationName(&body.Operations[0]), r.Reason, r.Subject, want)
	}
}

// smallest makes an operation of the wrapper's kind that can be decoded and holds
// nothing else.
func (s *frameLedger) smallest(wrapper any, role tx.Role) tx.Operation {
	v := reflect.New(reflect.TypeOf(wrapper).Elem())
	m := reflect.New(v.Elem().Type().Field(0).Type.Elem())
	v.Elem().Field(0).Set(m)
	fresh := s.proven(roleParty(role), "fresh")
	for i := range m.Elem().NumField() {
		switch f := m.Elem().Field(i).Addr().Interface().(type) {
		case *[]byte: // an id or a page: as many as an id has
			*f = bytes.Repeat([]byte{1}, sha256.Size)
		case *tx.ProvenKey:
			*f = fresh
		case *tx.PublicKey:
			*f = fresh.Key
		case *tx.SignedOrder:
			key := s.key(roleParty(tx.KeyEmittingEntity) + "/first")
			o, err := tx.NewOrder(s.f.Hash, &tx.OrderBody{ChainId: s.f.ChainID, Party: "nobody", Reference: "frame", Side: tx.Buy, Kind: tx.Listed}, key)
			s.must(err)
			*f = o
		}
	}
	return op(v.Interface())
}

// wrapperOf finds the kind of an operation by its name.
func wrapperOf(operation string) any {
	all := (*tx.Operation)(nil).XXX_OneofWrappers()
	return all[slices.IndexFunc(all, func(w any) bool { return reflect.TypeOf(w).Elem().Field(0).Name == operation })]
}

// roleFor is a role that may ask; every role may where the table names none.
func roleFor(r *state.Rule) tx.Role {
	if r.Roles == nil {
		return tx.Registry
	}
	return r.Roles[0]
}

// showFrame shows of every row that its role, its right, its persons and the
// opening position are asked for, whatever the rule itself says.
func showFrame(t *testing.T, all asked) {
	s := newFrameLedger(t, all)
	defer s.close()
	s.twoPersonsEach()
	for _, r := range state.Rules() {
		role := roleFor(&r)
		o := []tx.Operation{s.smallest(wrapperOf(r.Operation), role)}
		s.expect(tx.MissingRight, role, o, "view")
		s.expect(tx.SamePerson, role, o, "first", "first-again")
		s.expect(tx.MissingSecondPerson, role, o, "first")
		for other := tx.Ministry; r.Roles != nil && other <= tx.OtherInstitution; other++ {
			if !slices.Contains(r.Roles, other) {
				s.expect(tx.WrongRole, other, []tx.Operation{s.smallest(wrapperOf(r.Operation), other)}, "first", "second")
			}
		}
	}
	opening := newFrameLedger(t, all)
	defer opening.close()
	page := sha256.Sum256([]byte("a page to come"))
	body := &tx.Body{Party: roleParty(tx.Registry), Operations: []tx.Operation{
		op(&tx.Operation_BringForward{BringForward: &tx.BringForward{AsOf: 20231229, PageSha256: [][]byte{page[:]}}}),
	}}
	opening.send(tx.Accepted, body, opening.key(roleParty(tx.Registry)+"/first"), opening.key(roleParty(tx.Ministry)+"/first"))
	for _, r := range state.Rules() {
		if !r.Opening {
			role := roleFor(&r)
			opening.expect(tx.OpeningIncomplete, role, []tx.Operation{opening.smallest(wrapperOf(r.Operation), role)}, "first", "second")
		}
	}
}

// showTooManyKeys: a party has 64 keys in all its time, of which each rule that
// brings keys keeps count.
func showTooManyKeys(t *testing.T, all asked) {
	s := newFrameLedger(t, all)
	defer s.close()
	many := func(party string, from, to int) (keys []tx.ProvenKey) {
		for i := from; i < to; i++ {
			keys = append(keys, s.proven(party, fmt.Sprint("many-", party, i)))
		}
		return keys
	}
	registry, ministry := s.key(roleParty(tx.Registry)+"/first"), s.key(roleParty(tx.Ministry)+"/first")
	open := func(want tx.Reason, n int) {
		s.send(want, &tx.Body{Party: roleParty(tx.Registry), Operations: []tx.Operation{op(&tx.Operation_OpenAccount{OpenAccount: &tx.OpenAccount{
			Id: "many", Role: tx.Auditor, Name: "many keys", Keys: many("many", 0, n),
		}})}}, registry)
	}
	add := func(want tx.Reason, n int) {
		key := many("many", n, n+1)[0]
		s.send(want, &tx.Body{Party: "many", Operations: []tx.Operation{op(&tx.Operation_AddKey{AddKey: &tx.AddKey{Key: key}})}}, s.key("many-many0"))
	}
	recover := func(want tx.Reason, from, to int) {
		s.send(want, &tx.Body{Party: roleParty(tx.Registry), Operations: []tx.Operation{op(&tx.Operation_RecoverKeys{RecoverKeys: &tx.RecoverKeys{
			Party: "many", Document: "lost", Keys: many("many", from, to),
		}})}}, registry, ministry)
	}
	open(tx.TooManyKeys, 65)
	open(tx.Accepted, 60)
	recover(tx.TooManyKeys, 100, 105)
	add(tx.Accepted, 60)
	recover(tx.TooManyKeys, 100, 104)
	for n := 61; n < 64; n++ {
		add(tx.Accepted, n)
	}
	add(tx.TooManyKeys, 64)
}
