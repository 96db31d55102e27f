package sim

import (
	"fmt"
	"reflect"
	"slices"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// notTouched are the fields of operations that name a party of which nothing changes:
// the region where an entity is, and the seller of a session that is announced, whose
// units are locked when its order is registered.
var notTouched = []string{"AnnounceBidding.Seller", "ChangeAccount.Region", "OpenAccount.Region"}

// named are the parties that an operation names, by the field that does. A prepared
// operation does nothing yet.
func (p *play) named(o *tx.Operation) map[string]string {
	all := map[string]string{}
	var walk func(v reflect.Value, at string)
	walk = func(v reflect.Value, at string) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem(), at)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), at+"."+v.Type().Field(i).Name)
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), at)
			}
		case reflect.String:
			if at := at[1:]; p.isParty(v.String()) && !slices.Contains(notTouched, at) {
				all[at] = v.String()
			}
		}
	}
	if o.GetPrepare() == nil {
		walk(reflect.ValueOf(o.Operation).Elem(), "")
	}
	if i := o.GetIssueAllowances(); i != nil && i.Beneficiary != "" {
		// The region's account stays as it is where nothing is added or there is
		// nothing to take back.
		delete(all, "IssueAllowances.To")
	}
	return all
}

func (p *play) isParty(id string) bool {
	_, ok := p.model.parties[id]
	return ok
}

// unstated is an operation that the ledger accepted and a party that it names, in
// whose statement it is not. What the messages say is all that this goes by.
func (p *play) unstated(v *state.View, raws [][]byte, receipts []tx.Receipt) (fault string, at int) {
	for i := range receipts {
		r := &receipts[i]
		if r.Height != p.height || r.Reason != tx.Accepted {
			continue
		}
		d, err := tx.Decode(raws[i])
		p.must(err)
		for j := range d.Body.Operations {
			named := p.named(&d.Body.Operations[j])
			for _, field := range sortedKeys(named) {
				party := named[field]
				s, err := v.Statement(party, 0, 1)
				p.must(err)
				s, err = v.Statement(party, s.Size-min(s.Size, blockTransactions), blockTransactions)
				p.must(err)
				if !slices.ContainsFunc(s.Entries, func(e proof.StatementEntry) bool { return e.Index == r.Index }) {
					return fmt.Sprintf("the statement of %s has nothing of number %d, which names it as %s:\n    %s", party, r.Index, field, words(p.model, raws[i])), i
				}
			}
		}
	}
	return "", 0
}
