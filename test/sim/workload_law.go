package sim

import (
	"slices"
	"strings"

	"carbonledger/tx"
)

var lawKinds = []kind{
	{3, (*workload).transfer, false}, {12, (*workload).byLaw, false}, {7, (*workload).freezes, false}, {5, (*workload).unfreezes, false}, {7, (*workload).pledges, false},
	{5, (*workload).releases, false}, {5, (*workload).reduction, false}, {8, (*workload).tradeCCER, false}, {9, (*workload).cancelCCER, false},
}

func (w *workload) transfer() request {
	from, code := w.entity(), w.code()
	return ask(from, &tx.Transfer{To: w.holder(), Instrument: code, Tonnes: w.upTo(w.m.units[of{from, code}].registry / 100)})
}

func (w *workload) byLaw() request {
	from, to, code := w.entity(), w.entity(), w.code()
	o := &tx.TransferByLaw{
		Kind: pick(w, tx.Succession, tx.Division, tx.Judicial, tx.Release, tx.Correction), From: from, To: to, Instrument: code, Document: w.document("law"),
		Tonnes: w.upTo(w.m.units[of{from, code}].registry / 100),
	}
	r := request{party: "registry", with: []string{w.regionOf(from)}}
	switch o.Kind {
	case tx.Judicial:
		o.Freeze = w.known("freeze")
		if f, known := w.m.freezes[o.Freeze]; known && !w.some(5) {
			o.From, o.Instrument, o.Tonnes = f.party, f.instrument, w.upTo(f.tonnes)
		}
		r.with = []string{"court"}
	case tx.Release:
		o.From = w.regionOf(to)
		for _, code := range w.m.instruments {
			if a := w.m.allocations[of{to, code}]; a.atRegion > 0 {
				o.Instrument, o.Tonnes = code, w.upTo(a.atRegion)
			}
		}
		r.with = []string{o.From}
	case tx.Correction:
		w.correct(o)
	}
	switch w.r.IntN(30) {
	case 0:
		o.Kind = 0
	case 1:
		o.To = w.holder()
	case 2:
		o.From = o.To
	case 3:
		r.with = nil
	case 4:
		o.Freeze, o.Corrects = "none", nil
	}
	r.ops = []tx.Operation{op(o)}
	return r
}

// correct finds a transfer that can be corrected.
func (w *workload) correct(o *tx.TransferByLaw) {
	o.Corrects = []byte(strings.Repeat("x", 32))
	all := w.names["moved"]
	if len(all) == 0 {
		return
	}
	part := strings.Split(pick(w, all...), "\x00\x00")
	from := moved{from: part[1], to: part[2], what: part[3]}
	o.Corrects, o.From, o.To, o.Instrument = []byte(part[0]), part[2], part[1], part[3]
	copy(from.id[:], o.Corrects)
	o.Tonnes = w.upTo(w.m.moves[from])
}

func (w *workload) freezes() request {
	p, code := w.holder(), w.code()
	u := w.m.units[of{p, code}]
	return ask("court", &tx.Freeze{Party: p, Instrument: code, Document: w.document("freeze"), Tonnes: w.upTo((u.registry + u.trading + u.locked) / pick(w, int64(200), 200, 3))})
}

func (w *workload) unfreezes() request {
	name := w.known("freeze")
	return ask("court", &tx.Unfreeze{Freeze: name, Tonnes: w.upTo(w.m.freezes[name].tonnes)})
}

func (w *workload) pledges() request {
	p, code := w.entity(), w.code()
	o := &tx.Pledge{
		Pledgee: pick(w, "bank", "bank", w.holder()), Instrument: code, Registration: w.document("pledge"), Condition: "a loan",
		Tonnes: w.upTo(w.m.units[of{p, code}].registry / pick(w, int64(2), 100, 1000)),
	}
	if w.some(4) {
		o.Condition = strings.Repeat("长", 201)
	}
	return ask(p, o)
}

func (w *workload) releases() request {
	name := w.known("pledge")
	for range 6 {
		if p, known := w.m.pledges[name]; known && !p.released {
			break
		}
		name = w.known("pledge")
	}
	party := w.m.pledges[name].pledgee
	if party == "" || w.some(10) {
		party = pick(w, "bank", w.entity())
	}
	return ask(party, &tx.ReleasePledge{Registration: name})
}

func (w *workload) reduction() request {
	o := &tx.RegisterReduction{Batch: w.name("batch", "b"), Project: "a wood", To: w.holder(), Tonnes: w.tonnes(20_000), Document: w.document("decision"), Old: w.some(30)}
	switch w.r.IntN(20) {
	case 0:
		o.Batch = pick(w, "", strings.Repeat("x", 25))
	case 1:
		o.Project = pick(w, "", strings.Repeat("x", 65))
	case 2:
		o.Tonnes = 1<<63 - 1
	}
	return ask("ccer-registry", o)
}

// reduced is a holder of CCER and the batch, if it finds one soon.
func (w *workload) reduced() (string, string, int64) {
	var at of
	for range 25 {
		if at = (of{w.entity(), w.known("batch")}); w.m.ccer[at] > 0 {
			break
		}
		if all := w.names["ccer"]; len(all) > 0 {
			party, batch, _ := strings.Cut(pick(w, all...), "\x00")
			if at = (of{party, batch}); w.m.ccer[at] > 0 {
				break
			}
		}
	}
	return at.party, at.what, w.m.ccer[at]
}

func (w *workload) tradeCCER() request {
	seller, batch, have := w.reduced()
	o := &tx.TradeCCER{Batch: batch, Seller: seller, Buyer: w.entity(), Tonnes: w.upTo(have), Price: 5000}
	if w.some(4) {
		o.Buyer = pick(w, "bank", seller)
	}
	return ask("ccer-exchange", o).and(o.Seller, o.Buyer)
}

func (w *workload) cancelCCER() request {
	owner, batch, have := w.reduced()
	o := &tx.CancelCCER{
		Batch: batch, Tonnes: w.upTo(min(have, 400)), Cancellation: w.document("cancellation"),
		Kind: pick(w, tx.NationalOffset, tx.NationalOffset, tx.NationalOffset, tx.LocalOffset, tx.EventNeutrality),
	}
	if w.some(4) {
		o.Kind = 0
	}
	return ask(owner, o)
}

// played remembers what was accepted, for those who ask next.
func (w *workload) played(raw []byte, p place) {
	if p.verdict != fine {
		return
	}
	id, err := tx.TransactionID(w.parties.Domain, raw)
	d, decodeErr := tx.Decode(raw)
	if err != nil || decodeErr != nil {
		panic("an accepted transaction does not decode")
	}
	for i := range d.Body.Operations {
		o := &d.Body.Operations[i]
		switch {
		case o.GetOpenAccount() != nil && o.GetOpenAccount().Role == tx.KeyEmittingEntity:
			w.opened(o.GetOpenAccount().Id)
		case o.GetRegisterReduction() != nil:
			w.note("ccer", o.GetRegisterReduction().To+"\x00"+o.GetRegisterReduction().Batch)
		case o.GetTradeCCER() != nil:
			w.note("ccer", o.GetTradeCCER().Buyer+"\x00"+o.GetTradeCCER().Batch)
		case o.GetPrepare() != nil:
			w.note("prepared", string(id[:]))
		case o.GetTransferByLaw() != nil && o.GetTransferByLaw().Kind <= tx.Division:
			t := o.GetTransferByLaw()
			w.note("moved", strings.Join([]string{string(id[:]), t.From, t.To, t.Instrument}, "\x00\x00"))
		case o.GetSurrender() != nil:
			w.note("waiting", d.Body.Party+"\x00"+o.GetSurrender().Application)
		case o.GetSurrenderOnBehalf() != nil:
			w.note("waiting", d.Body.Party+"\x00"+o.GetSurrenderOnBehalf().Application)
		case o.GetCancelVoluntarily() != nil:
			w.note("waiting", d.Body.Party+"\x00"+o.GetCancelVoluntarily().Application)
		case o.GetApplyCarryOver() != nil:
			w.note("waiting", d.Body.Party+"\x00"+o.GetApplyCarryOver().Application)
		}
	}
}

// opened entities take the place of the ones opened long ago.
func (w *workload) opened(id string) {
	all := append(w.names["entity"], id)
	if len(all) > 40 {
		all = append(slices.Clone(all[:9]), all[20:]...)
	}
	w.names["entity"] = all
}

func (w *workload) note(kind, name string) {
	all := append(w.names[kind], name)
	w.names[kind] = all[max(0, len(all)-30):]
}
