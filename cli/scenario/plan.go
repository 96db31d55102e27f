package scenario

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"carbonledger/tx"
)

// The institutions of a scenario. The regions' ids stand in the file.
const (
	Ministry   = "ministry"
	Registry   = "registry"
	Exchange   = "exchange"
	Bank       = "bank"
	Auditor    = "auditor"
	Timekeeper = "timekeeper"
)

// Plan is a year that a generator made of a file and a seed, and of nothing
// else.
type Plan struct {
	File     *File
	Seed     uint64
	Days     []tx.Day // trading days
	Entities []Entity
	// Trades in the order in which they are settled.
	Trades []Trade

	own                 int // the obligation year's own vintage
	baseTonnes, baseFen int64
}

// Generate makes the year. Its error names what in the file cannot hold
// together and what to change.
func Generate(f *File, seed uint64) (*Plan, error) {
	p := &Plan{File: f, Seed: seed, Days: f.calendar()}
	if len(p.Days) == 0 {
		return nil, fmt.Errorf("calendar.closed_weekdays: no trading day is left")
	}
	random := rand.New(rand.NewPCG(seed, 0))
	var err error
	if p.Entities, err = f.entities(random, len(f.Instruments)); err != nil {
		return nil, err
	}
	for i, code := range f.Instruments {
		if f.Invented.Vintages[code] == f.obligation().Year {
			p.own = i
		}
	}
	v, err := f.volumes(p.Days)
	if err != nil {
		return nil, err
	}
	p.baseTonnes, p.baseFen = v.baseTonnes, v.baseFen
	sides := (count(f.trading().EntitiesTrading, 0) + 1) / 2
	if p.Trades, err = f.trades(p.Days, v, random, sides); err != nil {
		return nil, err
	}
	if err := match(p.Trades, p.Entities, p.own, random); err != nil {
		return nil, err
	}
	if err := f.obligations(p.Entities); err != nil {
		return nil, err
	}
	f.surrenders(p.Days, p.Trades, p.Entities, p.own, random)
	return p, nil
}

// Instruments for the genesis document. The own vintage's price stands at the
// end of the year before until it is traded.
func (p *Plan) Instruments() []tx.Instrument {
	var all []tx.Instrument
	for _, code := range p.File.Instruments {
		all = append(all, tx.Instrument{Code: code, Vintage: tx.Year(p.File.Invented.Vintages[code]), ReferencePrice: fenOf(p.File.trading().PreviousYearClose)})
	}
	return all
}

// ClosedDays for the genesis document.
func (p *Plan) ClosedDays() []tx.Day {
	var all []tx.Day
	for _, d := range p.File.Calendar.ClosedWeekdays {
		all = append(all, d.Day())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// eve is the last day of the year before.
func (p *Plan) eve() tx.Day { return tx.Day((p.File.Calendar.Year-1)*10000 + 1231) }

// Start is the ledger time of the genesis document.
func (p *Plan) Start() tx.Instant { return at(p.eve(), 18, 0) }

func at(d tx.Day, hour, minute int) tx.Instant {
	return d.Start() + tx.Instant((time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute).Milliseconds())
}

// Key is a party's private key. It follows from the seed, so anybody has it:
// for demonstrations only.
func (p *Plan) Key(party string) (tx.PrivateKey, error) {
	scheme := tx.Ed25519
	for i := range p.Entities {
		if p.Entities[i].ID == party {
			scheme = p.Entities[i].Scheme
		}
	}
	return p.key(party, scheme)
}

func (p *Plan) key(party string, scheme tx.KeyScheme) (tx.PrivateKey, error) {
	secret := sha256.Sum256(append(binary.BigEndian.AppendUint64([]byte("carbonledger/scenario/key\x00"), p.Seed), party...))
	return tx.NewPrivateKey(scheme, secret[:])
}

// DayOf is the first trading day on or after a day, 0 where there is none.
func (p *Plan) DayOf(d tx.Day) tx.Day {
	if i, _ := slices.BinarySearch(p.Days, d); i < len(p.Days) && d != 0 {
		return p.Days[i]
	}
	return 0
}

// ObligationYear is the year whose obligation the plan meets.
func (p *Plan) ObligationYear() tx.Year { return tx.Year(p.File.obligation().Year) }
