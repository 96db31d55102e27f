package sim

import (
	"fmt"
	"strings"

	"carbonledger/tx"
)

func typeName(v any) string { return fmt.Sprintf("%T", v) }

// words are a transaction for a person who looks for a fault.
func words(m *model, raw []byte) string {
	d, err := tx.Decode(raw)
	if err != nil {
		return fmt.Sprintf("%d bytes that do not decode: %v", len(raw), err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, signed by", d.Body.Party, d.Body.Reference)
	for i := range d.Transaction.Signatures {
		k := m.owners[d.Transaction.Signatures[i].Key.String()]
		fmt.Fprintf(&b, " %s(rights %d)", k.party, k.rights)
	}
	for i := range d.Body.Operations {
		o := &d.Body.Operations[i]
		if r := o.GetRegisterOrder(); r != nil {
			body, _ := r.Order.Read()
			fmt.Fprintf(&b, "\n      RegisterOrder %s", body.String())
			continue
		}
		fmt.Fprintf(&b, "\n      %s", o.String())
	}
	return b.String()
}
