package export

import (
	"fmt"
	"math"

	"carbonledger/tx"
)

// trade is a matched trade, by day and number.
type trade struct {
	// Day since 1970-01-01, as Parquet's DATE has it.
	Day        int32     `parquet:"day,date"`
	Number     int64     `parquet:"number"`
	Instrument string    `parquet:"instrument,dict"`
	Method     string    `parquet:"method,dict"`
	Seller     string    `parquet:"seller,dict"`
	Buyer      string    `parquet:"buyer,dict"`
	Tonnes     tx.Tonnes `parquet:"tonnes"`
	Price      tx.Fen    `parquet:"price_fen"`
	PriceYuan  string    `parquet:"price_yuan"`
	Amount     tx.Fen    `parquet:"amount_fen"`
	// State is recorded until the day's close, then settled or exception.
	State string `parquet:"state,dict"`
	// SellOrder and BuyOrder are the references of the parties' orders.
	SellOrder string `parquet:"sell_order"`
	BuyOrder  string `parquet:"buy_order"`

	day tx.Day
}

func (t trade) cells() []string {
	return []string{
		t.day.String(), number(t.Number), plain(t.Instrument), t.Method, plain(t.Seller), plain(t.Buyer), number(t.Tonnes),
		number(t.Price), t.PriceYuan, number(t.Amount), t.State, plain(t.SellOrder), plain(t.BuyOrder),
	}
}

var (
	methods = map[tx.TradeKind]string{tx.Listed: "listed", tx.BlockTrade: "block", tx.Bidding: "bidding"}
	states  = map[tx.TradeState]string{tx.TradeRecorded: "recorded", tx.TradeSettled: "settled", tx.TradeException: "exception"}
)

// dateOf is a day as Parquet counts it, without a time zone.
func dateOf(d tx.Day) int32 {
	const hour = 3_600_000
	return int32((d.Start() + 8*hour) / (24 * hour))
}

func tradeOf(t *tx.TradeRecord) trade {
	return trade{
		Day: dateOf(t.Day), day: t.Day, Number: t.Number, Instrument: t.Instrument, Method: methods[t.Kind], Seller: t.Sell.Party, Buyer: t.Buy.Party,
		Tonnes: t.Tonnes, Price: t.Price, PriceYuan: t.Price.String(), Amount: t.Amount, State: states[t.State],
		SellOrder: t.Sell.Reference, BuyOrder: t.Buy.Reference,
	}
}

// turnover of a day.
type turnover struct {
	trades int64
	tonnes tx.Tonnes
	amount tx.Fen
}

func (e *export) trades() error {
	days, err := e.days()
	if err != nil {
		return err
	}
	var of int64
	years := map[tx.Year]int64{}
	for _, b := range days {
		of += b.Composite.Trades
		years[b.Day.Year()] += b.Composite.Trades
	}
	for year, trades := range years {
		own, _, err := e.v.YearTotals(year)
		if err != nil {
			return err
		}
		if own.Trades != trades {
			return fmt.Errorf("trades: the bulletins of %d have %d, the year has %d", year, trades, own.Trades)
		}
	}
	return writeTable(e, "trades", uint64(of), func(take func(trade) error) error {
		for i := range days {
			if err := e.day(&days[i], take); err != nil {
				return fmt.Errorf("%s: %w", days[i].Day, err)
			}
		}
		return nil
	})
}

// days are the bulletins of all days that were opened, without the instruments'
// quotes.
func (e *export) days() (all []tx.Bulletin, err error) {
	for cursor := tx.Day(0); ; {
		some, _, next, err := e.v.Bulletins(0, math.MaxInt32, cursor, 256)
		if err != nil {
			return nil, err
		}
		for _, b := range some {
			b.Instruments = nil
			all = append(all, b)
		}
		if next == 0 {
			return all, nil
		}
		cursor = next
	}
}

// day takes a day's trades, and compares them with its bulletin and, where it is
// closed, its settlement.
func (e *export) day(b *tx.Bulletin, take func(trade) error) error {
	var sum turnover
	var exceptions int64
	all := list[tx.TradeRecord](func(after string, limit int) ([]tx.TradeRecord, int, string, error) {
		return e.v.Trades(b.Day, after, limit)
	})
	err := all.each(func(t *tx.TradeRecord) error {
		sum = turnover{sum.trades + 1, sum.tonnes + t.Tonnes, sum.amount + t.Amount}
		if t.State == tx.TradeException {
			exceptions++
		}
		return take(tradeOf(t))
	})
	if err != nil {
		return err
	}
	c := &b.Composite
	if own := (turnover{c.Trades, c.ListedTonnes + c.BlockTonnes + c.BiddingTonnes, c.ListedAmount + c.BlockAmount + c.BiddingAmount}); sum != own {
		return fmt.Errorf("the trades add up to %v, the bulletin has %v", sum, own)
	}
	s, closed, err := e.v.Settlement(b.Day)
	if err != nil {
		return err
	}
	if own := (turnover{s.Trades, s.Tonnes, s.Amount}); closed && (sum != own || exceptions != s.Exceptions) {
		return fmt.Errorf("the trades add up to %v with %d exceptions, the settlement has %v with %d", sum, exceptions, own, s.Exceptions)
	}
	return nil
}
