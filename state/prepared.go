package state

import (
	"fmt"
	"slices"
	"strconv"

	"carbonledger/tx"
)

// maxPreparedBytes bounds the body of a transaction that prepares: the record of the
// approval that carries it out holds it, beside the approval's own transaction of
// tx.MaxTransactionBytes together at most.
const maxPreparedBytes = 50_000

const dayLength tx.Instant = 24 * 60 * 60 * 1000

// prepare lays operations down for other persons of the asking party to approve
// (maker and checker). What an operation's own rule says is checked when it is
// carried out.
func (x *exec) prepare(o *tx.Prepare) *tx.Rejection {
	body := x.verified.Body()
	if len(body.Operations) > 1 {
		return short(tx.NotAlone, "", 1, len(body.Operations))
	}
	if len(o.Operations) == 0 {
		return about(tx.NotPreparable, "no operation")
	}
	for i := range o.Operations {
		r := ruleOf[operationName(&o.Operations[i])]
		if r == nil || !r.Preparable {
			return about(tx.NotPreparable, operationName(&o.Operations[i]))
		}
		if n := x.roleMayAsk(r); n != nil {
			return n
		}
		if !slices.ContainsFunc(x.own, func(k keyFacts) bool { return k.rights&r.Right != 0 }) {
			return about(tx.MissingRight, r.Right.String())
		}
	}
	if n := body.Size(); n > maxPreparedBytes {
		return short(tx.PreparedTooLarge, "", maxPreparedBytes, n)
	}
	// Past this point the operations wait.
	id := x.verified.ID()
	days := tx.Instant(x.wholeOn(parameterPrepared, x.facts.day()))
	x.setMessage(x.prepared(id[:]), &tx.Prepared{
		Id: id[:], Party: x.asker.id, Operations: o.Operations, Signers: x.ownKeys(),
		Lapses: x.facts.time + days*dayLength, State: tx.PreparedWaiting,
		Reference: body.Reference, Expiry: body.Expiry,
	})
	return nil
}

func (x *exec) prepared(id []byte) *cell { return x.at(append(append(x.key(), rangePrepared), id...)) }

// ownKeys are the asker's signing keys that may do more than view.
func (x *exec) ownKeys() (own []tx.PublicKey) {
	for _, k := range x.verified.Signers() {
		if f, ok := x.keyOwner(&k); ok && f.party == x.asker.id && f.rights&^tx.RightView != 0 {
			own = append(own, k)
		}
	}
	return own
}

// approve adds persons to a prepared transaction. With the last one that its
// operations need they are carried out, each with all its checks.
func (x *exec) approve(o *tx.Approve) *tx.Rejection {
	c, p, n := x.waiting(o.Prepared)
	if n != nil {
		return n
	}
	if p.Lapses < x.facts.time {
		return short(tx.PreparedLapsed, "", p.Lapses, x.facts.time)
	}
	signed := x.acting(p.Signers)
	fresh, person := false, ""
	for _, k := range x.ownKeys() {
		f, _ := x.keyOwner(&k)
		if f.rights&tx.RightApprove == 0 {
			continue
		}
		if person = f.person; !slices.ContainsFunc(signed, func(s keyFacts) bool { return s.person == f.person }) {
			fresh = true
		}
		if !slices.ContainsFunc(p.Signers, func(s tx.PublicKey) bool { return s.Equal(&k) }) {
			p.Signers = append(p.Signers, k)
		}
	}
	if !fresh {
		return about(tx.SamePerson, person)
	}
	// Past this point the approval counts, unless an operation refuses.
	approving := x.own
	x.own = x.acting(p.Signers)
	n = x.carryOut(o.Prepared, &p)
	x.own = approving
	if n != nil {
		return n
	}
	x.setMessage(c, &p)
	return nil
}

// carryOut runs what was prepared once all its persons have signed, and leaves it
// waiting before. The transaction's record will hold what was carried out.
func (x *exec) carryOut(id []byte, p *tx.Prepared) *tx.Rejection {
	for i := range p.Operations {
		if x.signedBy(ruleOf[operationName(&p.Operations[i])]) != nil {
			return nil
		}
	}
	if n := x.record(id, p); n != nil {
		return n
	}
	for i := range p.Operations {
		if n := x.operation(&p.Operations[i]); n != nil {
			subject := "prepared operation " + strconv.Itoa(i) + ": " + n.Subject
			return &tx.Rejection{Reason: n.Reason, Subject: subject, Have: n.Have, Want: n.Want}
		}
	}
	p.State = tx.PreparedCarriedOut
	return nil
}

// record puts a prepared transaction into the record of the one that carries it out,
// as it was signed: its parts have one encoding. A refusal takes it out again.
func (x *exec) record(id []byte, p *tx.Prepared) *tx.Rejection {
	body := tx.Body{
		ChainId: x.chain.ChainID, Party: p.Party, Reference: p.Reference, Expiry: p.Expiry,
		Operations: []tx.Operation{{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: p.Operations}}}},
	}
	raw, err := body.Marshal()
	if err != nil {
		panic(fmt.Sprintf("state: encode what was prepared: %v", err))
	}
	prepared := x.firstReceipt((*tx.ID)(id))
	c := tx.CarriedOut{Operation: uint32(x.op), Index: prepared.Index, Body: raw}
	all := len(x.verified.Raw()) + x.carriedBytes + c.Size() + maxFieldBytes
	if all > tx.MaxTransactionBytes {
		return short(tx.PreparedTooLarge, "", tx.MaxTransactionBytes, all)
	}
	x.carriedOut, x.carriedBytes = append(x.carriedOut, c), x.carriedBytes+c.Size()+maxFieldBytes
	return nil
}

// maxFieldBytes are the tag and the length of a message in a record.
const maxFieldBytes = 4

// acting are those of the keys that may act now.
func (x *exec) acting(keys []tx.PublicKey) (all []keyFacts) {
	for i := range keys {
		if f, ok := x.keyOwner(&keys[i]); ok && f.revoked == 0 && f.valid(x.facts.time) {
			all = append(all, f)
		}
	}
	return all
}

// waiting is a prepared transaction of the asking party that is neither carried
// out nor withdrawn.
func (x *exec) waiting(id []byte) (c *cell, p tx.Prepared, n *tx.Rejection) {
	c = x.prepared(id)
	if !c.exists() {
		return c, p, no(tx.UnknownPrepared)
	}
	decode(c.value, &p)
	switch {
	case p.Party != x.asker.id:
		return c, p, no(tx.UnknownPrepared)
	case p.State != tx.PreparedWaiting:
		return c, p, no(tx.PreparedDone)
	}
	return c, p, nil
}

// withdrawPrepared takes a prepared transaction back, lapsed or not.
func (x *exec) withdrawPrepared(o *tx.WithdrawPrepared) *tx.Rejection {
	c, p, n := x.waiting(o.Prepared)
	if n != nil {
		return n
	}
	// Past this point it is withdrawn.
	p.State = tx.PreparedWithdrawn
	x.setMessage(c, &p)
	return nil
}
