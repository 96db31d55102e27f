package cli

import (
	"fmt"

	"carbonledger/genesis"
	"carbonledger/tx"
)

// describePerson is describe for accounts, keys and persons.
func (w wording) describePerson(op *tx.Operation, party string) []string {
	switch o := op.Operation.(type) {
	case *tx.Operation_OpenAccount:
		return openingAccount(o.OpenAccount)
	case *tx.Operation_AddKey:
		return say("let the key %s act for %s%s", o.AddKey.Key.Key, party, grantText(&o.AddKey.Key))
	case *tx.Operation_RevokeKey:
		return say("revoke the key %s of %s, everywhere, at once and for ever", o.RevokeKey.Key, party)
	case *tx.Operation_RecoverKeys:
		r := o.RecoverKeys
		lines := say("revoke all keys of %s, at once and for ever, and give it new ones, by document %s", r.Party, r.Document)
		return append(lines, keyLines(r.Keys)...)
	case *tx.Operation_SetPolicy:
		p := o.SetPolicy
		return say("ask for signatures of %s of %s on every %s", personsInWords(p.Persons), party, p.Operation)
	case *tx.Operation_Prepare:
		return w.prepared(o.Prepare, party)
	case *tx.Operation_Approve:
		return say("approve what %s prepared with the transaction %x", party, o.Approve.Prepared)
	case *tx.Operation_WithdrawPrepared:
		return say("take back what %s prepared with the transaction %x", party, o.WithdrawPrepared.Prepared)
	case *tx.Operation_ChangeAccount:
		return changingAccount(o.ChangeAccount)
	case *tx.Operation_RestrictAccount:
		r := o.RestrictAccount
		what := map[tx.Restriction]string{
			tx.Unrestricted: "lift every restriction of", tx.NoTrading: "restrict to no trading the account", tx.NoUse: "restrict to no use but for its obligation the account",
		}[r.Restriction]
		return say("%s %s by document %s", what, r.Party, r.Document)
	case *tx.Operation_MergeAccounts:
		m := o.MergeAccounts
		return say("hand everything of %s to %s, and close %s for ever, by document %s", m.From, m.To, m.From, m.Document)
	case *tx.Operation_CloseAccount:
		return say("close the account %s for ever, by document %s", o.CloseAccount.Party, o.CloseAccount.Document)
	}
	return nil
}

// prepared says all that would be carried out.
func (w wording) prepared(p *tx.Prepare, party string) []string {
	lines := say("lay down for other persons of %s to approve:", party)
	for i := range p.Operations {
		for k, line := range w.describe(&p.Operations[i], party) {
			if k == 0 {
				line = fmt.Sprintf("(%d) %s", i+1, line)
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func openingAccount(o *tx.OpenAccount) []string {
	text := fmt.Sprintf("open the account %s for %q as %s", o.Id, o.Name, genesis.RoleName(o.Role))
	if o.Region != "" {
		text += " in the region " + o.Region
	}
	if o.USCC != "" {
		text += ", unified social credit code " + o.USCC
	}
	if o.Sector != tx.SectorUnspecified {
		text += ", sector " + genesis.SectorName(o.Sector)
	}
	return append([]string{text}, keyLines(o.Keys)...)
}

func keyLines(keys []tx.ProvenKey) []string {
	var lines []string
	for i := range keys {
		lines = append(lines, "key "+keys[i].Key.String()+grantText(&keys[i]))
	}
	return lines
}

// grantText says what a key may do, whose it is, and when.
func grantText(k *tx.ProvenKey) string {
	text := " with all rights"
	if k.Rights != 0 {
		text = " with the rights " + tx.Right(k.Rights).String()
	}
	if k.Person != "" {
		text += fmt.Sprintf(", of the person %q", k.Person)
	}
	if k.ValidFrom != 0 {
		text += ", from " + k.ValidFrom.String()
	}
	if k.ValidUntil != 0 {
		text += ", until " + k.ValidUntil.String()
	}
	return text
}

func changingAccount(c *tx.ChangeAccount) []string {
	text := "change the account " + c.Party
	if c.Document != "" {
		text += " by document " + c.Document
	}
	lines := []string{text}
	for _, f := range []struct{ name, value string }{
		{"name", c.Name}, {"region", c.Region}, {"unified social credit code", c.USCC}, {"sector", genesis.SectorName(c.Sector)}, {"contact", c.Contact},
	} {
		if f.value != "" {
			lines = append(lines, fmt.Sprintf("%s: %q", f.name, f.value))
		}
	}
	return lines
}
