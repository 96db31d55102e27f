package genesis

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// What the ledger takes at most: maxPrice is in fen a tonne.
const (
	maxPartyName   = 200
	maxInstruments = 64
	maxPrice       = 1_000_000_000_000
)

// builder turns a document into a founding and keeps the first problem.
type builder struct {
	at      lines
	problem *Error
	names   map[string]bool
	keys    map[string]string
}

func newBuilder(content []byte) *builder {
	return &builder{at: locate(content), names: map[string]bool{}, keys: map[string]string{}}
}

func (b *builder) bad(field, format string, args ...any) {
	if b.problem == nil {
		b.problem = &Error{Line: b.at.of(field), Field: field, What: fmt.Sprintf(format, args...)}
	}
}

func (b *builder) check(field string, err error) {
	if err != nil {
		b.bad(field, "%v", err)
	}
}

// once refuses what a document names twice.
func (b *builder) once(field, kind, name string) {
	if b.names[kind+" "+name] {
		b.bad(field, "%s %q is named twice: remove one, or give it another name", kind, name)
	}
	b.names[kind+" "+name] = true
}

// key reads a public key that nothing else in the document has.
func (b *builder) key(field, s, of string) tx.PublicKey {
	k, err := tx.ParsePublicKey(s)
	if err != nil {
		b.bad(field, "%v", err)
		return k
	}
	if other, twice := b.keys[s]; twice {
		b.bad(field, "the key of %s is also one of %s: every key has one owner", of, other)
	}
	b.keys[s] = of
	return k
}

// build checks the document and fills in its founding.
func (d *Document) build(b *builder, hash tx.Domain) error {
	f := &d.founding
	*f = tx.Founding{ChainID: d.ChainID, Hash: hash, ProtocolVersion: d.ProtocolVersion, FreeTransfers: d.FreeTransfers, ScriptClock: d.Clock == ScriptClock}
	if d.ChainID == "" || len(d.ChainID) > 64 || strings.ContainsFunc(d.ChainID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		b.bad("chain_id", "%q: use 1 to 64 printable ASCII characters without spaces", d.ChainID)
	}
	if d.ProtocolVersion == 0 {
		b.bad("protocol_version", "missing, or 0: use 1")
	}
	if d.Clock != WallClock && d.Clock != ScriptClock {
		b.bad("clock", "%q: use %q (ledger time from the leader's clock) or %q (from transactions of the timekeeper)", d.Clock, WallClock, ScriptClock)
	}
	start, err := time.Parse(time.RFC3339Nano, d.Start)
	if err != nil || start.UnixMilli() < 0 || !time.UnixMilli(start.UnixMilli()).Equal(start) {
		b.bad("start", "%q: use a time such as 2024-01-01T00:00:00+08:00", d.Start)
	}
	f.Start = tx.Instant(start.UnixMilli())
	f.Validators = b.validators("validators", d.Validators)
	b.parties(d, f)
	b.instruments(d, f)
	b.calendar(d, f)
	b.parameters(d, f)
	b.scriptChain(d)
	b.log(d, f)
	if b.problem != nil {
		return b.problem
	}
	return nil
}

// log checks the log's name and key.
func (b *builder) log(d *Document, f *tx.Founding) {
	if d.Log == nil {
		return
	}
	b.check("log.origin", proof.CheckOrigin(d.Log.Origin))
	k := b.key("log.key", d.Log.Key, "the log")
	if b.problem == nil && k.Scheme != tx.Ed25519 {
		b.bad("log.key", "the log's key is an Ed25519 key: the format of checkpoints knows no other")
	}
	f.LogOrigin, f.LogKey = d.Log.Origin, k.Key
}

// ScriptPrefix begins the chain id of every network with a script clock, and of
// no other: who reads a transaction, a receipt or a report must see that its
// time was set by hand.
const ScriptPrefix = "script-"

func (b *builder) scriptChain(d *Document) {
	switch script := strings.HasPrefix(d.ChainID, ScriptPrefix); {
	case d.Clock == ScriptClock && !script:
		b.bad("chain_id", "%q: with clock = %q it begins with %q, so that nobody takes it for a market's: use %q", d.ChainID, ScriptClock, ScriptPrefix, ScriptPrefix+d.ChainID)
	case d.Clock == WallClock && script:
		b.bad("chain_id", "%q: only with clock = %q it begins with %q: choose another one", d.ChainID, ScriptClock, ScriptPrefix)
	}
}

// validators checks those of a list whose name in the file is given; one of
// them must be a voter.
func (b *builder) validators(list string, all []Validator) (checked []tx.Validator) {
	voters := 0
	for i, v := range all {
		at := func(field string) string { return fmt.Sprintf("%s[%d].%s", list, i, field) }
		b.check(at("name"), CheckName(v.Name))
		b.once(at("name"), "validator", v.Name)
		b.check(at("site"), CheckName(v.Site))
		b.check(at("address"), CheckAddress(v.Address))
		w := tx.Validator{Name: v.Name, Site: v.Site, Address: v.Address, Voter: v.Voter == nil || *v.Voter}
		for _, k := range []struct {
			field, text string
			into        *[]byte
		}{{"node_key", v.NodeKey, &w.NodeKey}, {"cosign_key", v.CosignKey, &w.CosignKey}} {
			key := b.key(at(k.field), k.text, v.Name)
			if key.Scheme != tx.Ed25519 {
				b.bad(at(k.field), "a validator's keys are Ed25519 keys: ed25519:…")
			}
			*k.into = key.Key
		}
		sum, err := hex.DecodeString(v.Incarnation)
		if err != nil || len(sum) != 32 {
			b.bad(at("incarnation_sha256"), "%q is not 64 hexadecimal digits", v.Incarnation)
		}
		b.once(at("incarnation_sha256"), "incarnation", v.Incarnation)
		w.IncarnationSha256 = sum
		if w.Voter {
			voters++
		}
		checked = append(checked, w)
	}
	if voters == 0 {
		b.bad(list, "no voter: a network needs at least one; three sites need five")
	}
	return checked
}

// roles by their names in the document.
var roles = map[string]tx.Role{
	"ministry": tx.Ministry, "region": tx.RegionDepartment, "registry": tx.Registry, "exchange": tx.Exchange,
	"bank": tx.SettlementBank, "entity": tx.KeyEmittingEntity, "auditor": tx.Auditor, "timekeeper": tx.Timekeeper,
	"ccer-registry": tx.CCERRegistry, "ccer-exchange": tx.CCERExchange, "verifier": tx.VerificationBody, "court": tx.Court, "other": tx.OtherInstitution,
}

// ParseRole reads a role's name.
func ParseRole(s string) (tx.Role, error) {
	r, ok := roles[s]
	if !ok {
		return 0, fmt.Errorf("%q is no role: use ministry, region, registry, exchange, bank, entity, auditor, ccer-registry, ccer-exchange, verifier, court, other or timekeeper", s)
	}
	return r, nil
}

// RoleName is the role's name in a document.
func RoleName(r tx.Role) string {
	for name, role := range roles {
		if role == r {
			return name
		}
	}
	return r.String()
}

// sectors by their names in the document.
var sectors = map[string]tx.Sector{"power": tx.Power, "steel": tx.Steel, "cement": tx.Cement, "aluminium": tx.Aluminium}

// ParseSector reads a sector's name; "" is none.
func ParseSector(s string) (tx.Sector, error) {
	sector, ok := sectors[s]
	if !ok && s != "" {
		return 0, fmt.Errorf("%q is no sector: use power, steel, cement or aluminium", s)
	}
	return sector, nil
}

// SectorName is the sector's name in a document; "" for none.
func SectorName(s tx.Sector) string {
	for name, sector := range sectors {
		if sector == s {
			return name
		}
	}
	return ""
}

func (b *builder) parties(d *Document, f *tx.Founding) {
	regions := map[string]bool{}
	for _, p := range d.Parties {
		if p.Role == "region" {
			regions[p.ID] = true
		}
	}
	timekeeper, ministry := false, false
	for i := range d.Parties {
		p := &d.Parties[i]
		a := b.party(i, p)
		at := func(field string) string { return fmt.Sprintf("parties[%d].%s", i, field) }
		timekeeper = timekeeper || a.Role == tx.Timekeeper
		ministry = ministry || a.Role == tx.Ministry
		if a.Role == tx.Timekeeper && d.Clock != ScriptClock {
			b.bad(at("role"), "a timekeeper needs clock = %q", ScriptClock)
		}
		if a.Role == tx.KeyEmittingEntity && !regions[p.Region] || a.Role != tx.KeyEmittingEntity && p.Region != "" {
			b.bad(at("region"), "%q: an entity, and only an entity, names the id of a party with the role region, which comes before it", p.Region)
		}
		f.Parties = append(f.Parties, a)
	}
	if d.Clock == ScriptClock && !timekeeper {
		b.bad("clock", "a script clock needs a party with the role timekeeper")
	}
	if !ministry {
		b.bad("parties", "no party with the role ministry: without one nobody could ever admit a validator or set a parameter; name it here, it cannot come later")
	}
	b.regionsFirst(d)
}

// party checks what a party says by itself.
func (b *builder) party(i int, p *Party) tx.OpenAccount {
	at := func(field string) string { return fmt.Sprintf("parties[%d].%s", i, field) }
	b.check(at("id"), CheckName(p.ID))
	b.once(at("id"), "party", p.ID)
	role, err := ParseRole(p.Role)
	b.check(at("role"), err)
	if p.Name == "" || len(p.Name) > maxPartyName || strings.ContainsFunc(p.Name, unicode.IsControl) {
		b.bad(at("name"), "%q: use 1 to %d bytes without control characters", p.Name, maxPartyName)
	}
	a := tx.OpenAccount{Id: p.ID, Role: role, Name: p.Name, Region: p.Region, USCC: p.USCC}
	a.Sector, err = ParseSector(p.Sector)
	b.check(at("sector"), err)
	if a.Sector != tx.SectorUnspecified && role != tx.KeyEmittingEntity {
		b.bad(at("sector"), "only an entity has a sector")
	}
	b.uscc(at("uscc"), role, p.USCC)
	for _, k := range p.Keys {
		a.Keys = append(a.Keys, tx.ProvenKey{Key: b.key(at("keys"), k, p.ID)})
	}
	if len(a.Keys) == 0 {
		b.bad(at("keys"), "a party has at least one key: give the key that its operator shows with \"carbonledger keys show\"")
	}
	return a
}

// uscc: trading parties have a unified social credit code of their own.
func (b *builder) uscc(field string, role tx.Role, code string) {
	switch trades := role == tx.KeyEmittingEntity || role == tx.OtherInstitution; {
	case code == "" && !trades:
	case !tx.ValidUSCC(code):
		b.bad(field, "%q is no unified social credit code (GB 32100-2015): it has 18 characters, the last of which checks the others", code)
	default:
		b.once(field, "the unified social credit code", code)
	}
}

// regionsFirst: the ledger opens the accounts in the document's order.
func (b *builder) regionsFirst(d *Document) {
	seen := map[string]bool{}
	for i, p := range d.Parties {
		if p.Role == "entity" && !seen[p.Region] {
			b.bad(fmt.Sprintf("parties[%d].region", i), "the region %q must come before its entities", p.Region)
		}
		seen[p.ID] = true
	}
}

func (b *builder) instruments(d *Document, f *tx.Founding) {
	for i, in := range d.Instruments {
		at := func(field string) string { return fmt.Sprintf("instruments[%d].%s", i, field) }
		b.check(at("code"), CheckName(in.Code))
		b.once(at("code"), "instrument", in.Code)
		if in.Vintage < 1990 || in.Vintage > 9999 {
			b.bad(at("vintage"), "%d is no year of allowances", in.Vintage)
		}
		if vintage := fmt.Sprint("vintage ", in.Vintage); b.names[vintage] {
			b.bad(at("vintage"), "%d has an instrument already: a year has one", in.Vintage)
		} else {
			b.names[vintage] = true
		}
		var price tx.Fen
		if in.ReferencePrice != "" {
			p, err := tx.ParseFen(in.ReferencePrice)
			if err != nil || p <= 0 || p > maxPrice {
				b.bad(at("reference_price"), "%q is no price in yuan such as \"79.42\"", in.ReferencePrice)
			}
			price = p
		}
		f.Instruments = append(f.Instruments, tx.Instrument{Code: in.Code, Vintage: tx.Year(in.Vintage), ReferencePrice: price})
	}
	if len(d.Instruments) == 0 || len(d.Instruments) > maxInstruments {
		b.bad("instruments", "%d of them: use 1 to %d", len(d.Instruments), maxInstruments)
	}
}

func (b *builder) calendar(d *Document, f *tx.Founding) {
	var last tx.Day
	for _, s := range d.Calendar.ClosedDays {
		day, err := tx.ParseDay(s)
		if err != nil {
			b.bad("calendar.closed_days", "%v", err)
		} else if day <= last {
			b.bad("calendar.closed_days", "%s does not come after %s: list each day once, the earliest first", day, last)
		}
		last = day
		f.ClosedDays = append(f.ClosedDays, day)
	}
}
