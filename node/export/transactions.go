package export

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"carbonledger/tx"
)

// transaction that left a record, in the log's order.
type transaction struct {
	// Index in the transparency log: the registration number.
	Index  int64 `parquet:"index"`
	Height int64 `parquet:"height"`
	// Position among the block's records, from 0.
	Position  int64      `parquet:"position"`
	Time      tx.Instant `parquet:"time,timestamp(millisecond:utc)"` // CSV: RFC 3339 in UTC+8
	ID        string     `parquet:"id"`
	Party     string     `parquet:"party,dict"`
	Reference string     `parquet:"reference"`
	// Operations by name, joined with "+".
	Operations string `parquet:"operations,dict"`
	Accepted   bool   `parquet:"accepted"`
	// Reason's name, ACCEPTED where it was.
	Reason string `parquet:"reason,dict"`
	// FailedOperation, from 0. None where it was accepted; meaningless where the
	// reason is not an operation's.
	FailedOperation *int64 `parquet:"failed_operation,optional"`
	Subject         string `parquet:"subject"`
	// Have and Want are 0 where the reason has no numbers.
	Have int64 `parquet:"have"`
	Want int64 `parquet:"want"`
	// Keys that signed, joined with "+".
	Keys string `parquet:"keys,dict"`
}

func number[N ~int64](n N) string { return strconv.FormatInt(int64(n), 10) }

func (t transaction) cells() []string {
	failed := ""
	if t.FailedOperation != nil {
		failed = number(*t.FailedOperation)
	}
	return []string{
		number(t.Index), number(t.Height), number(t.Position), t.Time.String(), t.ID, plain(t.Party), plain(t.Reference), t.Operations,
		strconv.FormatBool(t.Accepted), t.Reason, failed, plain(t.Subject), number(t.Have), number(t.Want), t.Keys,
	}
}

// transactions writes the log's entries that have a receipt. A bare block and the
// founding leave none.
func (e *export) transactions() error {
	return writeTable(e, "transactions", e.v.Head().Transactions, func(take func(transaction) error) error {
		return e.v.Entries(0, e.v.LogSize(), func(index uint64, entry []byte) error {
			r, err := tx.DecodeRecord(entry)
			if err != nil {
				return fmt.Errorf("log entry %d: %w", index, err)
			}
			if r.Receipt == nil {
				return nil
			}
			t, err := transactionOf(r)
			if err != nil {
				return fmt.Errorf("log entry %d: %w", index, err)
			}
			if uint64(t.Index) != index {
				return fmt.Errorf("log entry %d: its receipt says %d", index, t.Index)
			}
			return take(t)
		})
	})
}

func transactionOf(r *tx.OutcomeRecord) (transaction, error) {
	d, err := tx.Decode(r.Transaction)
	if err != nil {
		return transaction{}, err
	}
	var operations, keys []string
	for i := range d.Body.Operations {
		operations = append(operations, operationName(&d.Body.Operations[i]))
	}
	for i := range d.Transaction.Signatures {
		keys = append(keys, d.Transaction.Signatures[i].Key.String())
	}
	o := r.Receipt
	t := transaction{
		Index: int64(o.Index), Height: int64(o.Height), Position: int64(o.Position), Time: o.Time, ID: fmt.Sprintf("%x", o.Id),
		Party: o.Party, Reference: o.Reference, Operations: strings.Join(operations, "+"), Accepted: o.Reason == tx.Accepted,
		Reason: o.Reason.String(), Subject: o.Subject, Have: o.Have, Want: o.Want, Keys: strings.Join(keys, "+"),
	}
	if !t.Accepted {
		failed := int64(o.Operation)
		t.FailedOperation = &failed
	}
	return t, nil
}

// operationName is the name of an operation's message, as in the table of rules.
func operationName(o *tx.Operation) string {
	return reflect.TypeOf(o.Operation).Elem().Field(0).Name
}
