// Package sim plays seeded business on a network under faults and compares what
// the ledgers say with a model that was written without looking at the rules'
// code: plain maps and big integers, from the regulations and the rights table.
package sim

import (
	"fmt"
	"math/big"
	"strings"

	"carbonledger/tx"
)

// verdict is what the model says of a transaction; names of subjects are left
// to the rules' own tests.
type verdict struct {
	reason     tx.Reason
	operation  uint32
	have, want int64
}

func (v verdict) String() string {
	return fmt.Sprintf("%s operation %d have %d want %d", v.reason, v.operation, v.have, v.want)
}

var fine = verdict{}

func refuse(r tx.Reason, numbers ...int64) verdict {
	v := verdict{reason: r}
	if len(numbers) == 2 {
		v.have, v.want = numbers[0], numbers[1]
	}
	return v
}

// duty is an entity's obligation of a year.
type duty struct{ due, surrendered, offset int64 }

// dayStats are a day's listed volume and amount by instrument.
type dayStats struct {
	tonnes, amount map[string]*big.Int
}

// model is the whole register in plain maps; keys are joined with "/".
type model struct {
	chain       string
	roles       map[string]tx.Role
	vintage     map[string]tx.Year
	codes       []string
	units       map[string]int64
	money       map[string]int64
	documents   map[string]bool
	duties      map[string]*duty
	filled      map[string]int64
	orders      map[string]tx.ID
	used        map[string]tx.ID
	first       map[tx.ID]place
	closes      map[string]int64
	bulletins   map[tx.Day]map[string]int64 // closes of closed days, and COMCEA
	now         tx.Instant
	openDay     tx.Day
	lastDay     tx.Day
	today       *dayStats
	turnover    *big.Int             // since the beginning
	yearEnd     map[tx.Year]*big.Int // the same after the last trade of a year
	domain      tx.Domain
	verifier    *tx.Verifier
	undo        []func()
	transaction tx.Verified
}

// place is where a transaction got its first receipt.
type place struct {
	height   uint64
	position uint32
	verdict  verdict
}

func newModel(f tx.Founding) *model {
	m := &model{
		chain: f.ChainID, roles: map[string]tx.Role{}, vintage: map[string]tx.Year{}, units: map[string]int64{}, money: map[string]int64{},
		documents: map[string]bool{}, duties: map[string]*duty{}, filled: map[string]int64{}, orders: map[string]tx.ID{}, used: map[string]tx.ID{},
		first: map[tx.ID]place{}, closes: map[string]int64{}, bulletins: map[tx.Day]map[string]int64{}, now: f.Start,
		turnover: new(big.Int), yearEnd: map[tx.Year]*big.Int{}, domain: f.Hash, verifier: tx.NewVerifier(f.Hash),
	}
	for _, p := range f.Parties {
		m.roles[p.Id] = p.Role
	}
	for _, i := range f.Instruments {
		m.vintage[i.Code], m.closes[i.Code] = i.Vintage, int64(i.ReferencePrice)
		m.codes = append(m.codes, i.Code)
	}
	return m
}

// play executes one transaction and says where its receipt is.
func (m *model) play(raw []byte, height uint64, position uint32) place {
	p := place{height: height, position: position}
	v, err := m.verifier.Verify(raw)
	if err != nil {
		p.verdict = refuse(tx.BadSignature)
		return p
	}
	if first, again := m.first[v.ID()]; again {
		return first
	}
	body := v.Body()
	reference := body.Party + "/" + body.Reference
	switch {
	case m.roles[body.Party] == 0:
		p.verdict = refuse(tx.UnknownParty)
		return p
	case m.used[reference] != tx.ID{}:
		p.verdict = refuse(tx.ReferenceReused)
		return p
	}
	m.used[reference] = v.ID()
	m.transaction, m.undo = v, nil
	for i := range body.Operations {
		if p.verdict = m.operation(body, i); p.verdict.reason != tx.Accepted {
			p.verdict.operation = uint32(i)
			for j := len(m.undo) - 1; j >= 0; j-- {
				m.undo[j]()
			}
			break
		}
	}
	m.first[v.ID()] = p
	return p
}

// move adds to a map's number, and can take it back.
func (m *model) move(in map[string]int64, key string, n int64) {
	in[key] += n
	m.undo = append(m.undo, func() { in[key] -= n })
}

func (m *model) entity(id string) bool { return m.roles[id] == tx.KeyEmittingEntity }

func (m *model) amount(code string, tonnes tx.Tonnes) verdict {
	if _, known := m.vintage[code]; !known {
		return refuse(tx.UnknownInstrument)
	}
	if tonnes <= 0 {
		return refuse(tx.AmountNotPositive, 0, int64(tonnes))
	}
	return fine
}

func (m *model) operation(body *tx.Body, i int) verdict {
	role, o := m.roles[body.Party], body.Operations[i]
	asks := func(r tx.Role, f func() verdict) verdict {
		if role != r {
			return refuse(tx.WrongRole)
		}
		return f()
	}
	switch {
	case o.GetDeposit() != nil:
		return asks(tx.SettlementBank, func() verdict { return m.cash(o.GetDeposit().Party, int64(o.GetDeposit().Amount), 1) })
	case o.GetWithdraw() != nil:
		return asks(tx.SettlementBank, func() verdict { return m.cash(o.GetWithdraw().Party, int64(o.GetWithdraw().Amount), -1) })
	case o.GetIssueAllowances() != nil:
		return asks(tx.Registry, func() verdict { return m.issue(o.GetIssueAllowances()) })
	case o.GetTransfer() != nil:
		return asks(tx.KeyEmittingEntity, func() verdict { return m.transfer(body.Party, o.GetTransfer()) })
	case o.GetSetClock() != nil:
		return asks(tx.Timekeeper, func() verdict { return m.clock(o.GetSetClock().Time) })
	case o.GetOpenDay() != nil:
		return asks(tx.Exchange, func() verdict { return m.open(o.GetOpenDay().Day) })
	case o.GetCloseDay() != nil:
		return asks(tx.Exchange, func() verdict { return m.close(o.GetCloseDay().Day) })
	case o.GetSetObligation() != nil:
		return asks(tx.RegionDepartment, func() verdict { return m.oblige(o.GetSetObligation()) })
	case o.GetSurrender() != nil:
		return asks(tx.KeyEmittingEntity, func() verdict { return m.surrender(body.Party, o.GetSurrender()) })
	case o.GetBookOffset() != nil:
		return asks(tx.Registry, func() verdict { return m.offset(o.GetBookOffset()) })
	case o.GetSettleTrade() != nil:
		return asks(tx.Exchange, func() verdict { return m.trade(o.GetSettleTrade(), i) })
	}
	panic(fmt.Sprintf("sim: the model has no %T", o.Operation))
}

func (m *model) cash(party string, fen, sign int64) verdict {
	switch {
	case fen <= 0:
		return refuse(tx.AmountNotPositive, 0, fen)
	case !m.entity(party):
		return refuse(tx.UnknownCounterparty)
	case sign < 0 && m.money[party] < fen:
		return refuse(tx.InsufficientMoney, m.money[party], fen)
	}
	m.move(m.money, party, sign*fen)
	return fine
}

func (m *model) issue(o *tx.IssueAllowances) verdict {
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	document := strings.Join([]string{o.To, o.Instrument, o.Document}, "/")
	switch {
	case o.Document == "":
		return refuse(tx.BadDocument)
	case !m.entity(o.To):
		return refuse(tx.UnknownCounterparty)
	case m.documents[document]:
		return refuse(tx.DocumentUsed)
	}
	m.documents[document] = true
	m.undo = append(m.undo, func() { delete(m.documents, document) })
	m.move(m.units, o.To+"/"+o.Instrument, int64(o.Tonnes))
	return fine
}

func (m *model) transfer(from string, o *tx.Transfer) verdict {
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	have := m.units[from+"/"+o.Instrument]
	switch {
	case o.To == from:
		return refuse(tx.SameParty)
	case !m.entity(o.To):
		return refuse(tx.UnknownCounterparty)
	case have < int64(o.Tonnes):
		return refuse(tx.InsufficientHolding, have, int64(o.Tonnes))
	}
	m.move(m.units, from+"/"+o.Instrument, -int64(o.Tonnes))
	m.move(m.units, o.To+"/"+o.Instrument, int64(o.Tonnes))
	return fine
}

func (m *model) clock(to tx.Instant) verdict {
	before := m.now
	if to <= before {
		return refuse(tx.ClockBackwards, int64(before), int64(to))
	}
	m.now = to
	m.undo = append(m.undo, func() { m.now = before })
	return fine
}

func (m *model) oblige(o *tx.SetObligation) verdict {
	key := fmt.Sprint(o.Entity, "/", o.Year)
	d := m.duties[key]
	switch {
	case o.Tonnes <= 0:
		return refuse(tx.AmountNotPositive, 0, int64(o.Tonnes))
	case o.Year > m.now.Day().Year():
		return refuse(tx.BadYear, int64(m.now.Day().Year()), int64(o.Year))
	case !m.entity(o.Entity):
		return refuse(tx.UnknownCounterparty)
	case d != nil && d.surrendered+d.offset > int64(o.Tonnes):
		return refuse(tx.ObligationCovered, d.surrendered+d.offset, int64(o.Tonnes))
	case d != nil && d.offset > int64(o.Tonnes)/20:
		return refuse(tx.OffsetOverLimit, int64(o.Tonnes)/20, d.offset)
	case d == nil:
		m.duties[key] = &duty{due: int64(o.Tonnes)}
		m.undo = append(m.undo, func() { delete(m.duties, key) })
		return fine
	}
	m.add(&d.due, int64(o.Tonnes)-d.due)
	return fine
}

func (m *model) add(to *int64, n int64) {
	*to += n
	m.undo = append(m.undo, func() { *to -= n })
}

func (m *model) surrender(party string, o *tx.Surrender) verdict {
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	d, have := m.duties[fmt.Sprint(party, "/", o.Year)], m.units[party+"/"+o.Instrument]
	switch {
	case d == nil:
		return refuse(tx.NoObligation)
	case m.vintage[o.Instrument] > o.Year:
		return refuse(tx.VintageNotUsable, int64(m.vintage[o.Instrument]), int64(o.Year))
	case int64(o.Tonnes) > d.due-d.surrendered-d.offset:
		return refuse(tx.SurrenderOverDue, d.due-d.surrendered-d.offset, int64(o.Tonnes))
	case have < int64(o.Tonnes):
		return refuse(tx.InsufficientHolding, have, int64(o.Tonnes))
	}
	m.move(m.units, party+"/"+o.Instrument, -int64(o.Tonnes))
	m.add(&d.surrendered, int64(o.Tonnes))
	return fine
}

func (m *model) offset(o *tx.BookOffset) verdict {
	d, key := m.duties[fmt.Sprint(o.Entity, "/", o.Year)], "ccer/"+o.Cancellation
	switch {
	case o.Tonnes <= 0:
		return refuse(tx.AmountNotPositive, 0, int64(o.Tonnes))
	case !m.entity(o.Entity):
		return refuse(tx.UnknownCounterparty)
	case d == nil:
		return refuse(tx.NoObligation)
	case int64(o.Tonnes) > d.due/20-d.offset:
		return refuse(tx.OffsetOverLimit, d.due/20-d.offset, int64(o.Tonnes))
	case int64(o.Tonnes) > d.due-d.surrendered-d.offset:
		return refuse(tx.SurrenderOverDue, d.due-d.surrendered-d.offset, int64(o.Tonnes))
	case m.documents[key]:
		return refuse(tx.CancellationUsed)
	}
	m.documents[key] = true
	m.undo = append(m.undo, func() { delete(m.documents, key) })
	m.add(&d.offset, int64(o.Tonnes))
	return fine
}
