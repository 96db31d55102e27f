package sim

import (
	"fmt"
	"strings"

	"carbonledger/tx"
)

var partyKinds = []kind{
	{4, (*workload).openAccount, false}, {6, (*workload).addKey, false}, {3, (*workload).revokeKey, false}, {2, (*workload).setPolicy, false}, {3, (*workload).recoverKeys, false},
	{7, (*workload).changeAccount, false}, {5, (*workload).restrict, false}, {2, (*workload).merge, false}, {2, (*workload).closeAccount, false},
	{5, (*workload).prepare, false}, {7, (*workload).approve, false}, {2, (*workload).withdrawPrepared, false}, {4, (*workload).setParameter, false}, {2, (*workload).clock, false},
	{2, (*workload).governance, false},
}

// manyParties: from here on accounts are seldom opened; the market has some
// thousands, and each makes every day of a long run longer.
const manyParties = 300

// newKey makes a key that is not in use yet, or one that is.
func (w *workload) newKey(party string) tx.ProvenKey {
	w.n++
	k := w.parties.Key(fmt.Sprintf("%s/%d", party, w.n))
	if w.some(5) {
		k = w.parties.Key("e0")
	}
	w.keys[k.Public().String()] = k
	p, err := tx.ProveKey(w.parties.Domain, party, k)
	if err != nil {
		panic(err)
	}
	p.Person = pick(w, "", "", "Li", "Wang")
	p.Rights = uint32(pick(w, 0, 0, 0, 3, 1, 2, 5, 7, 16))
	switch w.r.IntN(25) {
	case 0:
		p.Rights = 32
	case 1:
		p.Person = strings.Repeat("长", 65)
	case 2:
		p.ValidFrom = w.m.now + 3*day
	case 3:
		p.ValidUntil = w.m.now + 20*day
	case 4:
		p.ValidFrom, p.ValidUntil = w.m.now, w.m.now-1
	}
	return p
}

func (w *workload) openAccount() request {
	if len(w.m.parties) > manyParties && w.some(95) {
		return w.addKey()
	}
	o := &tx.OpenAccount{
		Id: w.name("opened", "n"), Role: tx.KeyEmittingEntity, Name: "opened", Region: pick(w, "hubei", "hubei", "hunan"),
		Sector: pick(w, tx.SectorUnspecified, tx.Power, tx.Steel, tx.Aluminium),
	}
	w.n++
	o.USCC = tx.PracticeUSCC(10_000 + w.n)
	asker := "registry"
	switch w.r.IntN(24) {
	case 0:
		o.Id = pick(w, "", "no such name", strings.Repeat("x", 25))
	case 1:
		o.Name = pick(w, "", strings.Repeat("x", 201))
	case 2:
		o.USCC = pick(w, "", "91420000000000001X", tx.PracticeUSCC(1000))
	case 3:
		o.Region = pick(w, "", "bank", "nobody")
	case 4:
		o.Role = pick(w, tx.Ministry, tx.Timekeeper, tx.RoleUnspecified)
	case 5, 6:
		asker = "ministry"
		o.Role, o.Region, o.Sector = pick(w, tx.VerificationBody, tx.SettlementBank, tx.CCERRegistry), "", 0
	case 7, 8:
		o.Role = tx.OtherInstitution
		o.Sector = pick(w, 0, 0, tx.Steel)
	}
	for i := range 2 {
		if i == 0 && !w.some(5) || w.some(20) {
			o.Keys = append(o.Keys, w.newKey(o.Id))
		}
	}
	return ask(asker, o)
}

// keeper is a party whose keys change.
func (w *workload) keeper() string {
	if w.some(30) {
		return pick(w, "bank", "exchange", "registry", "hubei", "hunan", "court", "verifier", "ccer-exchange")
	}
	return w.entity()
}

func (w *workload) addKey() request {
	p := w.keeper()
	k := w.newKey(p)
	return ask(p, &tx.AddKey{Key: k})
}

func (w *workload) revokeKey() request {
	p := w.keeper()
	all := w.m.keysOf(w.m.parties[p])
	if len(all) == 0 || w.some(8) {
		return ask(p, &tx.RevokeKey{Key: w.parties.Key("nobody").Public()})
	}
	k := pick(w, all...)
	if !w.holds(k.text) {
		return w.addKey()
	}
	return ask(p, &tx.RevokeKey{Key: w.keys[k.text].Public()})
}

func (w *workload) setPolicy() request {
	p := w.entity()
	return ask(p, &tx.SetPolicy{
		Operation: pick(w, "Surrender", "Pledge", "MoveHolding", "CancelCCER", "NoSuchThing"), Persons: uint32(pick(w, 1, 1, 1, 2, 3, 0, 17)),
	})
}

func (w *workload) recoverKeys() request {
	id := pick(w, w.known("opened"), w.known("opened"), "registry", "nobody")
	if len(w.m.parties[id].keys) > 20 || id == "registry" && w.some(70) {
		id = "nobody"
	}
	o := &tx.RecoverKeys{Party: id, Document: w.document("letter")}
	for range 1 + w.r.IntN(2) {
		o.Keys = append(o.Keys, w.newKey(id))
	}
	if id == "registry" && w.some(80) {
		return ask("ministry", o)
	}
	return ask("registry", o).and("ministry")
}

func (w *workload) changeAccount() request {
	w.n++
	p := w.entity()
	switch w.r.IntN(9) {
	case 0, 1, 2:
		return ask(p, &tx.ChangeAccount{Party: p, Contact: fmt.Sprint("desk ", w.r.IntN(5))})
	case 3:
		return ask(p, &tx.ChangeAccount{Party: p, Contact: strings.Repeat("长", 201)})
	case 4:
		return ask(p, &tx.ChangeAccount{Party: p, Name: "my wish", Document: "d"})
	case 5:
		return ask("registry", &tx.ChangeAccount{Party: w.holder(), Contact: "theirs", Document: "d"})
	}
	o := &tx.ChangeAccount{Party: p, Document: w.document("letter")}
	switch w.r.IntN(4) {
	case 0:
		o.Name = pick(w, fmt.Sprint("renamed ", w.n), "opened", strings.Repeat("x", 201))
	case 1:
		o.USCC = pick(w, tx.PracticeUSCC(10_000+w.n), tx.PracticeUSCC(1000), "91420000000000001X")
	case 2:
		o.Sector = pick(w, tx.Steel, tx.Cement, tx.Power)
	case 3:
		o.Region = pick(w, "bank", "nobody", w.m.parties[p].region, "hubei", "hunan")
	}
	return ask("registry", o)
}

func (w *workload) restrict() request {
	p := w.holder()
	now := w.m.parties[p].restriction
	to := tx.Unrestricted
	if now == tx.Unrestricted && w.some(50) || w.some(10) {
		to = pick(w, tx.NoTrading, tx.NoUse)
	}
	return ask(pick(w, "registry", "registry", "exchange"), &tx.RestrictAccount{Party: p, Restriction: to, Document: w.document("order")})
}

func (w *workload) merge() request {
	from := w.known("opened")
	r := ask("registry", &tx.MergeAccounts{From: from, To: w.entity(), Document: w.document("letter")})
	if region := w.m.parties[from].region; region != "" {
		r = r.and(region)
	}
	return r
}

func (w *workload) closeAccount() request {
	return ask("registry", &tx.CloseAccount{Party: pick(w, w.known("opened"), w.known("opened"), w.known("opened"), "ministry", "nobody", "e0"), Document: w.document("letter")})
}

// prepare lays something down that the second person of an institution approves.
func (w *workload) prepare() request {
	party := pick(w, "registry", "registry", "hubei", w.entity())
	var made request
	for range 20 {
		k := w.kinds[w.r.IntN(len(w.kinds))]
		made = k.make(w)
		name := nameOf(&made.ops[0])
		if made.party == party && len(made.ops) == 1 && name != "TransferByLaw" && name != "RecoverKeys" && (w.m.rows[name].Preparable || w.some(10)) {
			break
		}
	}
	if name := nameOf(&made.ops[0]); len(made.ops) != 1 || name == "TransferByLaw" || name == "RecoverKeys" || name == "Prepare" {
		made = ask(party, &tx.MoveHolding{Instrument: w.code(), Tonnes: 5, To: tx.TradingAvailable})
	}
	o := &tx.Prepare{Operations: made.ops}
	if w.some(4) {
		o.Operations = nil
	}
	r := ask(made.party, o).and(made.with...)
	if w.some(4) {
		r.ops = append(r.ops, op(&tx.WithdrawOrder{Reference: "none"}))
	}
	return r
}

// laid is a prepared transaction and its party, most often one that waits.
func (w *workload) laid() (string, prepared) {
	all := w.names["prepared"]
	if len(all) == 0 {
		return strings.Repeat("x", 32), prepared{party: "registry"}
	}
	for range 6 {
		id := pick(w, all...)
		p := w.m.prepared[tx.ID([]byte(id))]
		left := p.lapses - w.m.now
		if p.party != "" && (!p.done || w.some(5)) && (left > day || left < -2*day && w.some(10)) {
			return id, p
		}
	}
	return strings.Repeat("x", 32), prepared{party: "registry"}
}

func (w *workload) approve() request {
	id, p := w.laid()
	r := ask(p.party, &tx.Approve{Prepared: []byte(id)})
	r.not = p.signers
	// Who signed for the law signs again, beside the second person.
	for i := range p.operations {
		switch o := p.operations[i].Operation.(type) {
		case *tx.Operation_IssueAllowances:
			e := o.IssueAllowances.To
			if o.IssueAllowances.Beneficiary != "" {
				e = o.IssueAllowances.Beneficiary
			}
			r = r.and(w.m.parties[e].region)
		case *tx.Operation_ForceSurrender:
			r = r.and(w.m.parties[o.ForceSurrender.Entity].region)
		case *tx.Operation_MergeAccounts:
			r = r.and(w.m.parties[o.MergeAccounts.From].region)
		}
	}
	return r
}

func (w *workload) withdrawPrepared() request {
	id, p := w.laid()
	return ask(p.party, &tx.WithdrawPrepared{Prepared: []byte(id)})
}

func (w *workload) setParameter() request {
	ministry := [][2]string{
		{"offset.share", "5/100"}, {"offset.share", "7/100"}, {"pledge.duty", "pledge"}, {"pledge.duty", "pledge"}, {"pledge.duty", "duty"},
		{"forced.order", "oldest-first"}, {"forced.order", "current-first"}, {"price.limit.listed", "10/100"}, {"price.limit.listed", "5/100"},
		{"order.listed.below", "100000"}, {"order.listed.below", "90000"}, {"persons.SetObligation", "2"}, {"persons.SetObligation", "1"},
		{"other.institutions", "off"}, {"other.institutions", "on"}, {"root.minutes", "30"}, {"root.minutes", "60"}, {"order.block.least", "bad"}, {"no.such", "1"},
	}
	exchange := [][2]string{
		{"hours.listed", "09:30-11:30 13:00-15:00"}, {"hours.listed", "00:00-24:00"}, {"hours.listed", "00:00-24:00"}, {"hours.block", "00:00-24:00"},
		{"hours.block", "13:00-15:00"}, {"hours.bidding", "00:00-24:00"}, {"hours.bidding", "00:00-12:00"}, {"hours.bidding", "bad"},
	}
	asker, all := "ministry", ministry
	if w.some(40) {
		asker, all = "exchange", exchange
	}
	if w.some(5) {
		asker = pick(w, "ministry", "exchange")
	}
	p := pick(w, all...)
	from := w.m.today()
	switch {
	case w.some(60) || w.m.openDay != 0:
		from = from.Next()
	case w.some(10):
		from = 20240101
	}
	if w.some(5) {
		from = pick(w, tx.Day(20240230), 20240101, w.m.today())
	}
	return ask(asker, &tx.SetParameter{Name: p[0], Value: p[1], From: from})
}

func (w *workload) clock() request {
	to := w.m.now + tx.Instant(w.r.Int64N(int64(day)/8))
	if w.some(40) {
		to = w.m.now - tx.Instant(w.r.IntN(1000))
	}
	if !w.some(20) && to.Day() != w.m.today() {
		to = w.m.now + 1
	}
	return ask("timekeeper", &tx.SetClock{Time: to})
}

func (w *workload) governance() request {
	switch w.r.IntN(7) {
	case 3, 4:
		return ask(pick(w, "ministry", "registry", "exchange"), &tx.TakeStateRoot{})
	case 0:
		return ask("ministry", &tx.SetProtocolVersion{Version: uint32(pick(w, 0, 1, 3))})
	case 1:
		return ask("registry", &tx.BringForward{AsOf: 20241001, PageSha256: [][]byte{w.m.founding.Hash[:]}})
	case 2:
		return ask("registry", &tx.BringForwardPage{Page: []byte("x")})
	}
	if !w.alone {
		return ask("ministry", &tx.RemoveValidator{Name: "n9"})
	}
	name := pick(w, "n1", "n2", "n3")
	if w.some(40) {
		return ask("ministry", &tx.RemoveValidator{Name: name})
	}
	v := w.parties.Validator(name, "Wuhan", 1, w.some(60))
	if w.some(10) {
		v.NodeKey = v.NodeKey[:31]
	}
	return ask("ministry", &tx.SetValidator{Validator: v})
}
