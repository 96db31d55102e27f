package state

import (
	"errors"
	"strings"

	"carbonledger/tx"
)

// The frame is what every transaction passes before its operations' rules, in
// this order, which is part of the protocol (DESIGN.md):
//
//  1. Encoding and signatures hold.
//  2. The same body has a receipt: that is the answer, for ever.
//  3. Chain, party, keys: may these keys act for this party?
//  4. The reference is free.
//
// Up to here a no is an answer only: it consumes no reference and leaves no
// record, because anybody can make such a transaction in anybody's name. From
// here on the outcome is stored and the reference is used up:
//
//  5. The expiry has not passed.
//  6. Each operation, in order: version, opening position, role, right of the
//     signing keys, number of persons, its rule.

// run executes one transaction of a block, with what the block has recorded so
// far, and answers with its receipt and whether that is a record of this block.
// The receipt's bytes belong to the caller.
func (x *exec) run(v tx.Verified, verifyError error, raw []byte, recorded int) (tx.Receipt, bool) {
	s := x.save()
	x.carriedOut, x.carriedBytes = nil, 0
	r := tx.Receipt{Height: x.height, Position: uint32(recorded), Time: x.facts.time, ScriptClock: x.chain.ScriptClock}
	if verifyError != nil {
		x.unverified(&r, verifyError, raw)
		return r, false
	}
	body, id := v.Body(), v.ID()
	r.Id, r.Party, r.Reference = append(x.room(32)[:0], id[:]...), body.Party, body.Reference
	reference := x.at(keyOf2(x.key(), rangeReference, body.Party, body.Reference))
	if string(reference.value) == string(id[:]) {
		return x.firstReceipt(&id), false
	}
	if n := x.admit(v); n != nil {
		refuse(&r, n)
		return r, false
	}
	if reference.exists() {
		refuse(&r, no(tx.ReferenceReused))
		r.FirstId = reference.value
		return r, false
	}
	x.verified = v
	if n := x.operations(body); n != nil {
		x.restore(s)
		refuse(&r, n)
	} else {
		x.facts.accepted++
	}
	// Past this point the outcome stands, accepted or not.
	x.facts.transactions++
	r.Time, r.Index = x.facts.time, x.logSize+uint64(recorded)
	x.set(reference, r.Id)
	// Its reference was free, so no transaction with this id has a receipt.
	x.setMessage(x.fresh(receiptKey(x.key(), &id)), &r)
	return r, true
}

// ellipsis ends a subject that was cut, so that the outcome record fits an entry of
// the log; names of the market are far shorter.
const ellipsis = "…"

func refuse(r *tx.Receipt, n *tx.Rejection) {
	r.Reason, r.Operation, r.Have, r.Want = n.Reason, n.Operation, n.Have, n.Want
	if r.Subject = n.Subject; len(r.Subject) > tx.MaxSubjectBytes-len(ellipsis) {
		r.Subject = strings.ToValidUTF8(r.Subject[:tx.MaxSubjectBytes-len(ellipsis)], "") + ellipsis
	}
}

// unverified answers a transaction whose encoding or signatures do not hold.
func (x *exec) unverified(r *tx.Receipt, verifyError error, raw []byte) {
	var n *tx.Rejection
	if !errors.As(verifyError, &n) {
		panic(failure{verifyError})
	}
	refuse(r, n)
	if id, err := tx.TransactionID(x.chain.Hash, raw); err == nil {
		r.Id = id[:]
	}
}

func (x *exec) firstReceipt(id *tx.ID) tx.Receipt {
	c := x.at(receiptKey(x.key(), id))
	if !c.exists() {
		panic("state: a used reference has no receipt")
	}
	var r tx.Receipt
	decode(c.value, &r)
	return r
}

// admit checks whether the signing keys may act for the asking party.
func (x *exec) admit(v tx.Verified) *tx.Rejection {
	body := v.Body()
	if body.ChainId != x.chain.ChainID {
		return about(tx.WrongChain, body.ChainId)
	}
	asker, ok := x.account(body.Party)
	if !ok {
		return about(tx.UnknownParty, body.Party)
	}
	x.asker, x.own, x.others = asker, x.own[:0], x.others[:0]
	signers := v.Signers()
	for i := range signers {
		k, ok := x.keyOwner(&signers[i])
		switch {
		case !ok:
			return about(tx.UnknownKey, signers[i].String())
		case k.revoked != 0:
			return about(tx.KeyRevoked, signers[i].String()+" of "+k.party)
		case !k.valid(x.facts.time):
			return about(tx.KeyNotValid, signers[i].String()+" of "+k.party)
		case k.party == asker.id:
			x.own = append(x.own, k)
		default:
			x.others = append(x.others, k)
		}
	}
	if len(x.own) == 0 {
		return about(tx.NotSignedByParty, body.Party)
	}
	return nil
}

// operations runs all operations of a transaction, or returns the first no.
func (x *exec) operations(body *tx.Body) *tx.Rejection {
	if body.Expiry != 0 && body.Expiry < x.facts.time {
		return short(tx.Expired, "", body.Expiry, x.facts.time)
	}
	for i := range body.Operations {
		x.op = i
		if n := x.operation(&body.Operations[i]); n != nil {
			n.Operation = uint32(i)
			return n
		}
	}
	return nil
}
