package sim

import (
	"fmt"

	"carbonledger/tx"
)

func issue(to, code string, t tx.Tonnes, document string) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{To: to, Instrument: code, Tonnes: t, Document: document}}}
}

func deposit(to string, fen tx.Fen) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: to, Amount: fen}}}
}

func oblige(entity string, year tx.Year, t tx.Tonnes) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_SetObligation{SetObligation: &tx.SetObligation{Entity: entity, Year: year, Tonnes: t}}}
}

func openDay(day tx.Day) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: day}}}
}

func transfer(to, code string, t tx.Tonnes) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_Transfer{Transfer: &tx.Transfer{To: to, Instrument: code, Tonnes: t}}}
}

func (s *run) sign(party string, operations ...tx.Operation) []byte {
	s.n++
	return s.c.Sign(party, fmt.Sprintf("r%d", s.n), operations...)
}

func (s *run) entity() string { return fmt.Sprintf("e%d", s.r.IntN(entities)) }

func (s *run) anyone() string {
	return []string{"e0", "e1", "e2", "bank", "registry", "hubei", "exchange", "nobody"}[s.r.IntN(8)]
}

func (s *run) code() string {
	return []string{"CEA21", "CEA22", "CEA23", "CEA21", "CEA22", "CEA23", "CEA20"}[s.r.IntN(7)]
}

// business is what somebody asks for, often in vain.
func (s *run) business() [][]byte {
	n := func(most int) tx.Tonnes { return tx.Tonnes(s.r.IntN(most+1)) - tx.Tonnes(s.r.IntN(20)/19) }
	switch s.r.IntN(16) {
	case 0:
		return [][]byte{s.sign("registry", issue(s.anyone(), s.code(), n(500), fmt.Sprintf("d%d", s.r.IntN(9))))}
	case 1:
		return [][]byte{s.sign("bank", deposit(s.anyone(), tx.Fen(n(1_000_000))), deposit(s.entity(), 5))}
	case 2:
		o := tx.Operation{Operation: &tx.Operation_Withdraw{Withdraw: &tx.Withdraw{Party: s.entity(), Amount: tx.Fen(n(2_000_000_000))}}}
		return [][]byte{s.sign("bank", o)}
	case 3:
		return [][]byte{s.sign(s.entity(), transfer(s.anyone(), s.code(), n(9_000)), transfer(s.entity(), s.code(), n(300_000)))}
	case 4, 5:
		year := tx.Year(2022 + s.r.IntN(2))
		o := tx.Operation{Operation: &tx.Operation_Surrender{Surrender: &tx.Surrender{Instrument: s.code(), Tonnes: n(900), Year: year}}}
		return [][]byte{s.sign(s.entity(), o)}
	case 6:
		o := tx.Operation{Operation: &tx.Operation_BookOffset{BookOffset: &tx.BookOffset{Entity: s.anyone(), Year: 2023, Tonnes: n(70), Cancellation: fmt.Sprintf("c%d", s.r.IntN(30))}}}
		return [][]byte{s.sign("registry", o)}
	case 7:
		return [][]byte{s.sign("hubei", oblige(s.anyone(), tx.Year(2023+2*(s.r.IntN(8)/7)), 500+n(3_000)))}
	case 8: // the wrong party
		return [][]byte{s.sign(s.anyone(), deposit(s.entity(), 7))}
	case 9: // the same again, and another body under a used reference
		old := s.sent[s.r.IntN(len(s.sent))]
		return [][]byte{old, s.c.Sign("bank", fmt.Sprintf("r%d", 1+s.r.IntN(s.n)), deposit("e2", tx.Fen(s.r.IntN(3))))}
	case 10:
		return s.nextDay()
	}
	return [][]byte{s.sign("exchange", s.trade())}
}

// nextDay closes a day and opens the next, not always one of business.
func (s *run) nextDay() [][]byte {
	old := s.day
	s.day = s.day.Next()
	clock := tx.Operation{Operation: &tx.Operation_SetClock{SetClock: &tx.SetClock{Time: s.day.Start()}}}
	closing := tx.Operation{Operation: &tx.Operation_CloseDay{CloseDay: &tx.CloseDay{Day: old}}}
	all := [][]byte{s.sign("timekeeper", clock), s.sign("exchange", openDay(s.day))}
	if s.r.IntN(5) > 0 {
		all = append([][]byte{s.sign("exchange", closing)}, all...)
		return all
	}
	// The day ran over midnight.
	return append(all, s.sign("exchange", closing), s.sign("exchange", openDay(s.day)), s.sign("timekeeper", clock))
}

func (s *run) trade() tx.Operation {
	r := s.r
	t := &tx.SettleTrade{Kind: tx.Listed, Instrument: s.code(), Price: tx.Fen(7_100 + r.IntN(1_700)), Tonnes: tx.Tonnes(1 + r.IntN(500))}
	if r.IntN(4) == 0 {
		t.Kind, t.Tonnes, t.Price = tx.BlockTrade, tx.Tonnes(99_998+r.IntN(20)), tx.Fen(5_500+r.IntN(5_000))
	} else if r.IntN(20) == 0 {
		t.Tonnes = 100_000
	}
	order := func(side tx.Side) tx.SignedOrder {
		party := s.entity()
		o := &tx.OrderBody{
			ChainId: s.c.ChainID, Party: party, Reference: fmt.Sprintf("o%d", s.n/2+r.IntN(3)), Instrument: t.Instrument,
			Side: side, LimitPrice: 7_950, Quantity: 400, Day: s.day,
		}
		if r.IntN(3) > 0 {
			o.LimitPrice, o.Quantity = t.Price, t.Tonnes+tx.Tonnes(r.IntN(2))
		}
		switch r.IntN(30) {
		case 0:
			o.Side = tx.Buy + tx.Sell - side
		case 1:
			o.Day = s.day.Next()
		case 2:
			o.Party = "bank"
		case 3:
			o.Instrument = "CEA21"
		case 4:
			o.ChainId = "other"
		}
		signed, err := tx.NewOrder(s.c.Domain, o, s.c.Key(o.Party))
		s.must(err)
		return signed
	}
	t.Buy, t.Sell = order(tx.Buy), order(tx.Sell)
	return tx.Operation{Operation: &tx.Operation_SettleTrade{SettleTrade: t}}
}
