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
	Ministry     = "ministry"
	Registry     = "registry"
	Exchange     = "exchange"
	Bank         = "bank"
	Auditor      = "auditor"
	Timekeeper   = "timekeeper"
	Verifier     = "verifier"
	Court        = "court"
	CCERRegistry = "ccer-registry"
	CCERExchange = "ccer-exchange"
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
	special             special
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
	p.special = p.pickSpecial()
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

// Keys are a party's private keys, one for each person: two where its operations
// need two persons. They follow from the seed, so anybody has them: for
// demonstrations only.
func (p *Plan) Keys(party string) ([]tx.PrivateKey, error) {
	names := []string{party}
	if p.twoPersons(party) {
		names = append(names, party+"/2")
	}
	var keys []tx.PrivateKey
	for _, name := range names {
		k, err := p.key(name, p.scheme(party))
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (p *Plan) twoPersons(party string) bool {
	return party == Registry || party == CCERRegistry || slices.ContainsFunc(p.File.Invented.Regions, func(r Region) bool { return r.ID == party })
}

func (p *Plan) scheme(party string) tx.KeyScheme {
	for i := range p.Entities {
		if p.Entities[i].ID == party {
			return p.Entities[i].Scheme
		}
	}
	return tx.Ed25519
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
