package sim

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"carbonledger/state"
	"carbonledger/tx"
)

// party is an account.
type party struct {
	id, name, region, uscc, contact, successor string
	role                                       tx.Role
	sector                                     tx.Sector
	restriction                                tx.Restriction
	closed                                     bool
	keys                                       []string // public keys, revoked ones too
	policies                                   map[string]int
}

// key is what a public key may do.
type key struct {
	text, party, person string
	rights              tx.Right
	from, until         tx.Instant
	revoked             bool
}

func (k key) valid(at tx.Instant) bool { return at >= k.from && (k.until == 0 || at <= k.until) }

type prepared struct {
	party      string
	operations []tx.Operation
	signers    []key
	lapses     tx.Instant
	done       bool
}

const day = tx.Instant(24 * 60 * 60 * 1000)

func keyOf(id string, k *tx.ProvenKey) key {
	text := k.Key.String()
	made := key{text: text, party: id, person: k.Person, rights: tx.Right(k.Rights), from: k.ValidFrom, until: k.ValidUntil}
	if made.person == "" {
		made.person = text
	}
	if made.rights == 0 {
		made.rights = tx.AllRights
	}
	return made
}

func (m *model) found(o *tx.OpenAccount) {
	p := party{id: o.Id, name: o.Name, region: o.Region, uscc: o.USCC, role: o.Role, sector: o.Sector}
	if p.role == tx.KeyEmittingEntity && p.sector == 0 {
		p.sector = tx.Power
	}
	for i := range o.Keys {
		k := keyOf(o.Id, &o.Keys[i])
		p.keys = append(p.keys, k.text)
		set(m, m.owners, k.text, k)
	}
	if o.USCC != "" {
		set(m, m.codes, o.USCC, o.Id)
	}
	set(m, m.parties, o.Id, p)
}

func (m *model) open(id string, roles ...tx.Role) bool {
	p := m.parties[id]
	return p.role != 0 && !p.closed && slices.Contains(roles, p.role)
}

func (m *model) entity(id string) bool { return m.open(id, tx.KeyEmittingEntity) }
func (m *model) trader(id string) bool {
	return m.open(id, tx.KeyEmittingEntity, tx.OtherInstitution)
}

// parameter is a value on a day.
func (m *model) parameter(name string, on tx.Day) string {
	value := defaults[name]
	from := tx.Day(0)
	for _, p := range m.parameters[name] {
		if p.From <= on && p.From >= from {
			from, value = p.From, p.Value
		}
	}
	return value
}

// defaults are the parameters in force in 2024 (docs/institutions.md).
var defaults = map[string]string{
	"price.limit.listed": "10/100", "price.limit.block": "30/100", "order.listed.below": "100000", "order.block.least": "100000",
	"offset.share": "5/100", "price.limit.bidding": "10/100", "order.bidding.least": "100000",
	"hours.listed": "09:30-11:30 13:00-15:00", "hours.block": "13:00-15:00", "hours.bidding": "09:30-11:30 13:00-15:00",
	"prepared.days": "5", "other.institutions": "off", "allocation.verified.2024": "steel cement aluminium", "forced.order": "current-first",
	"pledge.duty": "pledge", "ccer.old.until": "2024-12-31", "carryover.year": "2025", "carryover.sales.since": "2024",
	"carryover.base": "10000", "carryover.rate": "3/2", "carryover.from": "2026-01-31", "carryover.until": "2026-06-10",
	"root.minutes": "60",
}

func (m *model) whole(name string, on tx.Day) int64 {
	n, err := strconv.ParseInt(m.parameter(name, on), 10, 64)
	if err != nil {
		panic(name + ": " + err.Error())
	}
	return n
}

func (m *model) share(name string, on tx.Day) (numerator, denominator int64) {
	a, b, _ := strings.Cut(m.parameter(name, on), "/")
	numerator, err1 := strconv.ParseInt(a, 10, 64)
	denominator, err2 := strconv.ParseInt(b, 10, 64)
	if err1 != nil || err2 != nil {
		panic(name)
	}
	return numerator, denominator
}

func (m *model) date(name string, on tx.Day) tx.Day {
	d, err := tx.ParseDay(m.parameter(name, on))
	if err != nil {
		return 0
	}
	return d
}

// need is how many persons of a party sign an operation.
func (m *model) need(p party, r *state.Rule) int {
	n := r.Persons
	if s := m.parameter("persons."+r.Operation, m.today()); s != "" {
		n, _ = strconv.Atoi(s)
	}
	return max(n, p.policies[r.Operation])
}

// strictest is the most that any operation of the party asks for.
func (m *model) strictest(p party) int {
	n := 1
	for name, r := range m.rows {
		if name != "Approve" && (r.Roles == nil || slices.Contains(r.Roles, p.role)) {
			n = max(n, m.need(p, r))
		}
	}
	return n
}

// signed says whether enough persons with the rights for an operation signed.
func (m *model) signed(r *state.Rule, keys []key) verdict {
	p := m.parties[m.body.Party]
	need := m.need(p, r)
	if r.Operation == "AddKey" || r.Operation == "RevokeKey" || r.Operation == "SetPolicy" {
		need = max(need, m.strictest(p))
	}
	return enough(keys, r.Right, need)
}

// enough: one with the right, and others who approve.
func enough(keys []key, right tx.Right, need int) verdict {
	makers, checkers, all := map[string]bool{}, map[string]bool{}, map[string]bool{}
	signing := 0
	for _, k := range keys {
		if k.rights&right != 0 {
			makers[k.person] = true
		}
		if k.rights&tx.RightApprove != 0 {
			checkers[k.person] = true
		}
		if k.rights&(right|tx.RightApprove) != 0 {
			all[k.person] = true
			signing++
		}
	}
	if len(makers) == 0 {
		return refuse(tx.MissingRight)
	}
	for person := range makers {
		others := len(checkers)
		if checkers[person] {
			others--
		}
		if others >= need-1 {
			return fine
		}
	}
	switch {
	case len(all) >= need:
		return refuse(tx.MissingRight)
	case signing >= need:
		return refuse(tx.SamePerson, int64(len(all)), int64(need))
	}
	return refuse(tx.MissingSecondPerson, int64(len(all)), int64(need))
}

func (m *model) cosigned(party string, rights tx.Right) bool {
	return slices.ContainsFunc(m.others, func(k key) bool { return k.party == party && k.rights&rights != 0 })
}

const agreeing = tx.RightPrepare | tx.RightApprove

func document(s string) bool { return s != "" && utf8.RuneCountInString(s) <= 64 }

// persons counts who of these may prepare and approve together: what was revoked
// or is over does not count.
func (m *model) persons(keys []key) (n int) {
	able := slices.DeleteFunc(slices.Clone(keys), func(k key) bool { return k.revoked || k.until != 0 && k.until < m.now })
	for n < 64 && enough(able, tx.RightPrepare, n+1) == fine {
		n++
	}
	return n
}

func (m *model) keysOf(p party) (all []key) {
	for _, text := range p.keys {
		all = append(all, m.owners[text])
	}
	return all
}

func badGrant(k *tx.ProvenKey) bool {
	return k.Rights > 31 || utf8.RuneCountInString(k.Person) > 64 || k.ValidFrom < 0 || k.ValidUntil < 0 || k.ValidUntil != 0 && k.ValidUntil < k.ValidFrom
}

// newKeys checks the keys that a party is to have alone.
func (m *model) newKeys(p party, keys []tx.ProvenKey) verdict {
	if len(keys) == 0 {
		return refuse(tx.LastKey)
	}
	if len(keys) > 64 {
		return refuse(tx.TooManyKeys, 64, int64(len(keys)))
	}
	var all []key
	for i := range keys {
		k := keyOf(p.id, &keys[i])
		if _, known := m.owners[k.text]; known || slices.ContainsFunc(all, func(o key) bool { return o.text == k.text }) {
			return refuse(tx.KeyInUse)
		}
		if badGrant(&keys[i]) {
			return refuse(tx.BadRights)
		}
		all = append(all, k)
	}
	if n, need := m.persons(all), m.strictest(p); n < need {
		return refuse(tx.TooFewPersons, int64(n), int64(need))
	}
	return fine
}

func (m *model) openAccount(o *tx.OpenAccount) verdict {
	trading := o.Role == tx.KeyEmittingEntity || o.Role == tx.OtherInstitution
	openers := state.Openers(o.Role)
	switch {
	case len(openers) == 0:
		return refuse(tx.RoleNotOpenable)
	case !slices.Contains(openers, m.parties[m.body.Party].role):
		return refuse(tx.WrongRole)
	case o.Role == tx.OtherInstitution && m.parameter("other.institutions", m.today()) != "on":
		return refuse(tx.RoleOff)
	case o.Id == "" || len(o.Id) > 24 || strings.Trim(strings.ToLower(o.Id), "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return refuse(tx.BadAccountID)
	case o.Name == "" || len(o.Name) > 200:
		return refuse(tx.BadName)
	case m.parties[o.Id].role != 0:
		return refuse(tx.AccountExists)
	case (trading || o.USCC != "") && !tx.ValidUSCC(o.USCC):
		return refuse(tx.BadUSCC)
	case o.USCC != "" && m.codes[o.USCC] != "":
		return refuse(tx.USCCInUse)
	case o.Sector != 0 && o.Role != tx.KeyEmittingEntity:
		return refuse(tx.BadSector)
	}
	if v := m.newKeys(party{id: o.Id, role: o.Role}, o.Keys); v != fine {
		return v
	}
	if (o.Region != "" || o.Role == tx.KeyEmittingEntity) && m.parties[o.Region].role != tx.RegionDepartment {
		return refuse(tx.UnknownRegion)
	}
	m.found(o)
	return fine
}

func (m *model) addKey(o *tx.AddKey) verdict {
	p := m.parties[m.body.Party]
	k := keyOf(p.id, &o.Key)
	switch _, known := m.owners[k.text]; {
	case known:
		return refuse(tx.KeyInUse)
	case badGrant(&o.Key):
		return refuse(tx.BadRights)
	case len(p.keys) >= 64:
		return refuse(tx.TooManyKeys, 64, int64(len(p.keys)+1))
	}
	set(m, m.owners, k.text, k)
	p.keys = append(slices.Clone(p.keys), k.text)
	set(m, m.parties, p.id, p)
	return fine
}

func (m *model) revokeKey(o *tx.RevokeKey) verdict {
	p, k := m.parties[m.body.Party], m.owners[o.Key.String()]
	if k.party != p.id {
		return refuse(tx.UnknownKey)
	}
	if k.revoked {
		return refuse(tx.KeyRevoked)
	}
	left := slices.DeleteFunc(m.keysOf(p), func(other key) bool { return other.revoked || other.text == k.text })
	if len(left) == 0 {
		return refuse(tx.LastKey)
	}
	if n, need := m.persons(left), m.strictest(p); n < need {
		return refuse(tx.TooFewPersons, int64(n), int64(need))
	}
	k.revoked = true
	set(m, m.owners, k.text, k)
	return fine
}

func (m *model) setPolicy(o *tx.SetPolicy) verdict {
	if m.rows[o.Operation] == nil || o.Persons < 1 || o.Persons > 16 {
		return refuse(tx.BadPolicy)
	}
	p := m.parties[m.body.Party]
	policies := map[string]int{}
	for name, n := range p.policies {
		policies[name] = n
	}
	policies[o.Operation] = int(o.Persons)
	p.policies = policies
	if n, need := m.persons(m.keysOf(p)), m.strictest(p); n < need {
		return refuse(tx.TooFewPersons, int64(n), int64(need))
	}
	set(m, m.parties, p.id, p)
	return fine
}

func (m *model) revokeAll(p party) {
	for _, k := range m.keysOf(p) {
		k.revoked = true
		set(m, m.owners, k.text, k)
	}
}

func (m *model) recoverKeys(o *tx.RecoverKeys) verdict {
	asker, p := m.parties[m.body.Party], m.parties[o.Party]
	switch {
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case p.role == 0 || p.closed:
		return refuse(tx.UnknownCounterparty)
	case (asker.role == tx.Ministry) != (p.role == tx.Registry):
		return refuse(tx.WrongRole)
	case asker.role == tx.Registry && !slices.ContainsFunc(m.others, func(k key) bool { return m.parties[k.party].role == tx.Ministry && k.rights&agreeing != 0 }):
		return refuse(tx.MissingCosignature)
	}
	if v := m.newKeys(p, o.Keys); v != fine {
		return v
	}
	m.revokeAll(p)
	p.keys = slices.Clone(p.keys)
	for i := range o.Keys {
		k := keyOf(p.id, &o.Keys[i])
		set(m, m.owners, k.text, k)
		p.keys = append(p.keys, k.text)
	}
	set(m, m.parties, p.id, p)
	return fine
}

func (m *model) changeAccount(o *tx.ChangeAccount) verdict {
	p, asker := m.parties[o.Party], m.parties[m.body.Party]
	if p.role == 0 || p.closed {
		return refuse(tx.UnknownCounterparty)
	}
	registered := o.Name != "" || o.Region != "" || o.USCC != "" || o.Sector != 0
	switch {
	case registered && asker.role != tx.Registry, o.Contact != "" && asker.id != p.id, asker.role != tx.Registry && asker.id != p.id:
		return refuse(tx.WrongRole)
	case utf8.RuneCountInString(o.Contact) > 200:
		return refuse(tx.BadContact)
	case registered && !document(o.Document):
		return refuse(tx.BadDocument)
	}
	changed := p
	change := func(to *string, s string) {
		if s != "" {
			*to = s
		}
	}
	change(&changed.name, o.Name)
	change(&changed.region, o.Region)
	change(&changed.uscc, o.USCC)
	change(&changed.contact, o.Contact)
	if o.Sector != 0 {
		changed.sector = o.Sector
	}
	switch {
	case changed.name == p.name && changed.region == p.region && changed.uscc == p.uscc && changed.contact == p.contact && changed.sector == p.sector:
		return refuse(tx.NothingChanged)
	case len(o.Name) > 200:
		return refuse(tx.BadName)
	case o.Region != "" && m.parties[o.Region].role != tx.RegionDepartment:
		return refuse(tx.UnknownRegion)
	case o.USCC != "" && !tx.ValidUSCC(o.USCC):
		return refuse(tx.BadUSCC)
	case o.USCC != "" && m.codes[o.USCC] != "" && m.codes[o.USCC] != p.id:
		return refuse(tx.USCCInUse)
	case o.Sector != 0 && p.role != tx.KeyEmittingEntity:
		return refuse(tx.BadSector)
	case changed.region != p.region && m.regionBusy(p.id):
		return refuse(tx.OpenBusiness)
	}
	if o.USCC != "" {
		set(m, m.codes, o.USCC, p.id)
	}
	set(m, m.parties, p.id, changed)
	return fine
}

// regionBusy says that a region holds units for an entity or has to decide an
// application for its obligations.
func (m *model) regionBusy(id string) bool {
	for at, d := range m.obligations {
		if at.party == id && d.submitted > 0 {
			return true
		}
	}
	return slices.ContainsFunc(m.instruments, func(code string) bool { return m.allocations[of{id, code}].atRegion > 0 })
}

func (m *model) restrict(o *tx.RestrictAccount) verdict {
	p := m.parties[o.Party]
	switch {
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case !m.trader(o.Party):
		return refuse(tx.UnknownCounterparty)
	case m.parties[m.body.Party].role == tx.Exchange && (o.Restriction == tx.NoUse || p.restriction == tx.NoUse):
		return refuse(tx.WrongRole)
	case o.Restriction == p.restriction:
		return refuse(tx.NothingChanged)
	}
	p.restriction = o.Restriction
	set(m, m.parties, p.id, p)
	return fine
}

func (m *model) setParameter(o *tx.SetParameter) verdict {
	market, known, good := m.parameterFits(o.Name, o.Value)
	role := m.parties[m.body.Party].role
	switch {
	case !o.From.Valid():
		return refuse(tx.BadParameterValue)
	case !known:
		return refuse(tx.UnknownParameter)
	case !good:
		return refuse(tx.BadParameterValue)
	case market != (role == tx.Exchange):
		return refuse(tx.WrongRole)
	case o.From < m.today():
		return refuse(tx.DateInPast, int64(m.today()), int64(o.From))
	case o.From <= m.openDay:
		return refuse(tx.DayOpen, int64(m.openDay.Next()), int64(o.From))
	}
	all := slices.DeleteFunc(slices.Clone(m.parameters[o.Name]), func(p tx.SetParameter) bool { return p.From == o.From })
	set(m, m.parameters, o.Name, append(all, *o))
	return fine
}

// parameterFits knows the names and values that the workload sets; "bad" is none
// of a known one.
func (m *model) parameterFits(name, value string) (market, known, good bool) {
	market = strings.HasPrefix(name, "hours.") || strings.HasPrefix(name, "price.reference.") || name == "composite.weights"
	_, known = defaults[name]
	for _, beginning := range []string{"persons.", "obligation.deadline.", "price.reference.", "composite.weights"} {
		known = known || strings.HasPrefix(name, beginning)
	}
	return market, known, value != "bad"
}
