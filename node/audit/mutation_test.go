package audit_test

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"carbonledger/node/audit"
	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// mutant is one thing changed in one entry, or among the entries.
type mutant struct {
	what    string
	entry   int
	entries [][]byte
}

// TestMutants alters every field of every record of a small chain, one by one,
// and every byte, and has all validators sign what came out, as if all of them
// conspired: the audit finds each one. What is altered in the last block keeps
// the true checkpoint: another last block that nobody saw before is no lie.
func TestMutants(t *testing.T) {
	h := small(t)
	last := 0
	for last = len(h.entries) - 1; last > 0; last-- {
		if r, err := tx.DecodeRecord(h.entries[last]); err != nil || r.Head != nil {
			break
		}
	}
	all := append(fieldMutants(t, h), byteMutants(h)...)
	all = append(all, orderMutants(h)...)
	if len(all) < 3000 {
		t.Fatalf("only %d mutants", len(all))
	}
	var caught, next atomic.Int64
	var work sync.WaitGroup
	dir := t.TempDir()
	for range runtime.NumCPU() {
		work.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(all); i = next.Add(1) - 1 {
				m := all[i]
				told := &history{f: h.f, entries: m.entries, note: h.note}
				if m.entry < last {
					told.note = told.checkpoint("n1", "n2", "n3", "observer")
				}
				_, err := audit.Run(t.Context(), []audit.Log{told}, audit.Options{Founding: h.f, Policy: policy(t), Dir: dir, Store: state.Options{FS: vfs.NewMem()}})
				if err == nil {
					t.Errorf("entry %d, %s: the audit passed", m.entry, m.what)
					continue
				}
				if d := new(audit.Difference); !errors.As(err, &d) && m.entry < last {
					t.Errorf("entry %d, %s: not named as a difference: %v", m.entry, m.what, err)
					continue
				}
				caught.Add(1)
			}
		})
	}
	work.Wait()
	t.Logf("%d mutants, %d caught: %.2f %%", len(all), caught.Load(), 100*float64(caught.Load())/float64(len(all)))
}

// small is a chain of a few blocks with every kind of record.
func small(t *testing.T) *history {
	t.Helper()
	h := &history{f: founding()}
	ledger, err := state.Open("ledger", h.f, tx.NewVerifier(h.f.Hash), state.Options{FS: vfs.NewMem()})
	must(t, err)
	defer func() { must(t, ledger.Close()) }()
	extend(t, ledger, [][]byte{h.sign(t, "registry", "i1", issue(100, "1")), h.sign(t, "bank", "d1", deposit(7))})
	extend(t, ledger, nil)
	extend(t, ledger, [][]byte{h.sign(t, "e0", "t1", transfer(7)), h.sign(t, "e0", "r1", transfer(1_000_000)), h.sign(t, "e1", "w1", transfer(1))})
	prepare := h.signBy(t, "e0", "p1", tx.Operation{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: []tx.Operation{transfer(3)}}}}, "e0")
	id, err := tx.TransactionID(h.f.Hash, prepare)
	must(t, err)
	extend(t, ledger, [][]byte{prepare, h.sign(t, "registry", "s1", tx.Operation{Operation: &tx.Operation_TakeStateRoot{TakeStateRoot: &tx.TakeStateRoot{}}})})
	extend(t, ledger, [][]byte{h.signBy(t, "e0", "a1", tx.Operation{Operation: &tx.Operation_Approve{Approve: &tx.Approve{Prepared: id[:]}}}, "e0/2")})
	extend(t, ledger, [][]byte{h.sign(t, "bank", "d2", deposit(9))})
	h.read(t, ledger)
	var root, carried bool
	for _, e := range h.entries {
		r, err := tx.DecodeRecord(e)
		must(t, err)
		root, carried = root || r.StateRoot != nil, carried || len(r.CarriedOut) > 0
	}
	if !root || !carried {
		t.Fatal("the chain has no record with a state root, or none with what was carried out")
	}
	h.note = h.checkpoint("n1", "n2", "n3", "observer")
	return h
}

// with is the log with one entry replaced.
func (h *history) with(i int, entry []byte) [][]byte {
	all := slices.Clone(h.entries)
	all[i] = entry
	return all
}

// byteMutants flips a bit of every byte, and cuts and lengthens every entry.
func byteMutants(h *history) (all []mutant) {
	for i, e := range h.entries {
		for at := range e {
			b := slices.Clone(e)
			b[at] ^= 1 << (at % 8)
			all = append(all, mutant{fmt.Sprintf("bit %d of byte %d", at%8, at), i, h.with(i, b)})
		}
		all = append(all, mutant{"cut by a byte", i, h.with(i, e[:len(e)-1])}, mutant{"a byte more", i, h.with(i, append(slices.Clone(e), 0))}, mutant{"empty", i, h.with(i, nil)})
	}
	return all
}

// orderMutants drop, double and swap entries.
func orderMutants(h *history) (all []mutant) {
	for i := range h.entries {
		all = append(all, mutant{"left out", i, slices.Delete(slices.Clone(h.entries), i, i+1)})
		if i < len(h.entries)-1 { // behind the last one the checkpoint says nothing
			all = append(all, mutant{"doubled", i, slices.Insert(slices.Clone(h.entries), i, h.entries[i])})
		}
		for k := range i {
			s := slices.Clone(h.entries)
			s[i], s[k] = s[k], s[i]
			all = append(all, mutant{fmt.Sprintf("swapped with %d", k), k, s})
		}
	}
	return all
}

// fieldMutants change every field of every record, those of the transaction, its
// body, operations and signatures too.
func fieldMutants(t *testing.T, h *history) (all []mutant) {
	for i, e := range h.entries {
		add := func(what string, r *tx.OutcomeRecord) {
			b, err := r.Marshal()
			must(t, err)
			if string(b) != string(e) {
				all = append(all, mutant{what, i, h.with(i, b)})
			}
		}
		decode := func() *tx.OutcomeRecord {
			r, err := tx.DecodeRecord(e)
			must(t, err)
			return r
		}
		each(reflect.ValueOf(decode()).Elem(), "record", func(what string, change func(reflect.Value)) {
			r := decode()
			change(reflect.ValueOf(r).Elem())
			add(what, r)
		})
		if decode().Receipt == nil {
			continue
		}
		inner := func() (*tx.Transaction, *tx.Body) {
			d, err := tx.Decode(slices.Clone(decode().Transaction))
			must(t, err)
			return &d.Transaction, &d.Body
		}
		put := func(what string, transaction *tx.Transaction) {
			raw, err := transaction.Marshal()
			must(t, err)
			r := decode()
			r.Transaction = raw
			add(what, r)
		}
		transaction, body := inner()
		each(reflect.ValueOf(transaction).Elem(), "transaction", func(what string, change func(reflect.Value)) {
			transaction, _ := inner()
			change(reflect.ValueOf(transaction).Elem())
			put(what, transaction)
		})
		each(reflect.ValueOf(body).Elem(), "body", func(what string, change func(reflect.Value)) {
			transaction, body := inner()
			change(reflect.ValueOf(body).Elem())
			raw, err := body.Marshal()
			must(t, err)
			transaction.Body = raw
			put(what, transaction)
		})
	}
	return all
}

// each finds every field below a value and calls f with what is to be changed in
// it, for each of its changes. change gets another value of the same shape.
func each(v reflect.Value, path string, f func(what string, change func(reflect.Value))) {
	alter := func(what string, to func(v reflect.Value)) { f(path+" "+what, to) }
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			each(v.Field(i), path+"."+v.Type().Field(i).Name, func(what string, change func(reflect.Value)) {
				f(what, func(v reflect.Value) { change(v.Field(i)) })
			})
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		if v.Kind() == reflect.Pointer && v.CanSet() {
			alter("gone", func(v reflect.Value) { v.SetZero() })
		}
		each(v.Elem(), path, func(what string, change func(reflect.Value)) { f(what, func(v reflect.Value) { change(v.Elem()) }) })
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			eachBytes(v, alter)
			return
		}
		for i := range v.Len() {
			each(v.Index(i), fmt.Sprintf("%s[%d]", path, i), func(what string, change func(reflect.Value)) { f(what, func(v reflect.Value) { change(v.Index(i)) }) })
			alter(fmt.Sprintf("without [%d]", i), func(v reflect.Value) {
				v.Set(reflect.AppendSlice(v.Slice3(0, i, i), v.Slice(i+1, v.Len())))
			})
			alter(fmt.Sprintf("with [%d] twice", i), func(v reflect.Value) { v.Set(reflect.Append(v, v.Index(i))) })
		}
	case reflect.String:
		alter("longer", func(v reflect.Value) { v.SetString(v.String() + "x") })
		if v.Len() > 0 {
			alter("empty", func(v reflect.Value) { v.SetString("") })
			alter("other", func(v reflect.Value) { v.SetString("z" + v.String()[1:]) })
		}
	case reflect.Bool:
		alter("turned", func(v reflect.Value) { v.SetBool(!v.Bool()) })
	case reflect.Int32, reflect.Int64:
		for _, n := range []int64{1, -1, 1 << 20} {
			alter(fmt.Sprintf("%+d", n), func(v reflect.Value) { v.SetInt(v.Int() + n) })
		}
		alter("zero", func(v reflect.Value) { v.SetInt(0) })
	case reflect.Uint32, reflect.Uint64:
		for _, n := range []uint64{1, ^uint64(0), 1 << 20} {
			alter(fmt.Sprintf("%+d", int64(n)), func(v reflect.Value) { v.SetUint((v.Uint() + n) & (1<<(v.Type().Bits()) - 1)) })
		}
		alter("zero", func(v reflect.Value) { v.SetUint(0) })
	}
}

func eachBytes(v reflect.Value, alter func(string, func(reflect.Value))) {
	alter("longer", func(v reflect.Value) { v.SetBytes(append(slices.Clone(v.Bytes()), 1)) })
	if v.Len() == 0 {
		return
	}
	alter("empty", func(v reflect.Value) { v.SetBytes(nil) })
	alter("shorter", func(v reflect.Value) { v.SetBytes(v.Bytes()[:v.Len()-1]) })
	for _, at := range []int{0, v.Len() / 2, v.Len() - 1} {
		alter(fmt.Sprintf("byte %d", at), func(v reflect.Value) {
			b := slices.Clone(v.Bytes())
			b[at] ^= 0x10
			v.SetBytes(b)
		})
	}
}
