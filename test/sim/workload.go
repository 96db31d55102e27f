package sim

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"

	"carbonledger/test/cluster"
	"carbonledger/tx"
)

// request is what somebody asks for, before it is signed.
type request struct {
	party string
	with  []string // parties that sign too
	not   []key    // whose persons do not sign
	ops   []tx.Operation
}

func ask(party string, messages ...any) request {
	r := request{party: party}
	for _, m := range messages {
		r.ops = append(r.ops, op(m))
	}
	return r
}

func (r request) and(parties ...string) request {
	r.with = append(r.with, parties...)
	return r
}

// wrappers of operations by the type of their message.
var wrappers = func() map[reflect.Type]reflect.Type {
	all := map[reflect.Type]reflect.Type{}
	for _, w := range new(tx.Operation).XXX_OneofWrappers() {
		t := reflect.TypeOf(w).Elem()
		all[t.Field(0).Type] = t
	}
	return all
}()

// op makes an operation of its message.
func op(message any) (o tx.Operation) {
	w := reflect.New(wrappers[reflect.TypeOf(message)])
	w.Elem().Field(0).Set(reflect.ValueOf(message))
	reflect.ValueOf(&o).Elem().Field(0).Set(w)
	return o
}

// workload makes seeded business, plausible and broken about half each. It looks
// at a model that has played what it made before.
type workload struct {
	r       *rand.Rand
	m       *model
	parties cluster.Parties
	keys    map[string]tx.PrivateKey // by public key
	names   map[string][]string      // what was named lately, by kind
	n       int
	raws    [][]byte
	stride  int  // days between two trading days, at most
	alone   bool // one ledger without a network: validators may change
	kinds   []kind
	weights int
}

type kind struct {
	weight int
	make   func(w *workload) request
	day    bool // it makes sense on an open day only
}

func newWorkload(seed uint64, m *model, stride int, alone bool) *workload {
	w := &workload{
		r: rand.New(rand.NewPCG(seed, 3)), m: m, parties: cluster.Parties{Domain: m.founding.Hash, ChainID: m.founding.ChainID},
		keys: map[string]tx.PrivateKey{}, names: map[string][]string{}, stride: stride, alone: alone,
		kinds: slices.Concat(partyKinds, marketKinds, dutyKinds, lawKinds),
	}
	for _, p := range m.founding.Parties {
		for _, k := range w.parties.Keys(p.Id) {
			w.keys[k.Public().String()] = k
		}
		if p.Role == tx.KeyEmittingEntity {
			w.names["entity"] = append(w.names["entity"], p.Id)
		}
	}
	for _, k := range w.kinds {
		w.weights += k.weight
	}
	return w
}

// founding changes a test chain's: five vintages, entities of two provinces, and
// dates that come by soon.
func founding(seed uint64) func(*tx.Founding) {
	return func(f *tx.Founding) {
		f.Start = tx.Day(20241008).Start()
		f.Instruments = nil
		for i := range 5 {
			f.Instruments = append(f.Instruments, tx.Instrument{Code: fmt.Sprintf("CEA%d", 21+i), Vintage: tx.Year(2021 + i), ReferencePrice: 7942})
		}
		p := cluster.Parties{Domain: f.Hash, ChainID: f.ChainID}
		for i, sector := range []tx.Sector{tx.Power, tx.Steel, tx.Cement} {
			id := fmt.Sprintf("h%d", i)
			f.Parties = append(f.Parties, tx.OpenAccount{
				Id: id, Role: tx.KeyEmittingEntity, Name: "test " + id, Region: "hunan", USCC: tx.PracticeUSCC(1000 + i), Sector: sector,
				Keys: []tx.ProvenKey{{Key: p.Key(id).Public()}},
			})
		}
		from := tx.Day(20240101)
		set := func(name, value string) {
			f.Parameters = append(f.Parameters, tx.SetParameter{Name: name, From: from, Value: value})
		}
		set("obligation.deadline.2022", "2024-10-31")
		set("obligation.deadline.2023", "2024-12-31")
		set("obligation.deadline.2024", "2025-12-31")
		set("other.institutions", "on")
		if seed%2 == 0 {
			set("carryover.year", "2024")
			set("carryover.from", "2025-01-20")
			set("carryover.until", "2025-06-10")
		}
	}
}

// some is true in so many of a hundred cases.
func (w *workload) some(percent int) bool { return w.r.IntN(100) < percent }

func pick[T any](w *workload, of ...T) T { return of[w.r.IntN(len(of))] }

// name remembers a new name of a kind, used one sometimes.
func (w *workload) name(kind, beginning string) string {
	if w.some(6) {
		return w.known(kind)
	}
	w.n++
	name := fmt.Sprint(beginning, w.n)
	all := append(w.names[kind], name)
	w.names[kind] = all[max(0, len(all)-30):]
	return name
}

// known is a name of a kind that was used lately, or nobody's sometimes.
func (w *workload) known(kind string) string {
	all := w.names[kind]
	if len(all) == 0 || w.some(4) {
		return "none"
	}
	return all[w.r.IntN(len(all))]
}

func (w *workload) entity() string {
	for range 5 {
		if id := pick(w, w.names["entity"]...); w.some(3) || w.m.entity(id) {
			return id
		}
	}
	return "e0"
}

// holder is an entity, sometimes somebody who holds nothing.
func (w *workload) holder() string {
	if w.some(5) {
		return pick(w, "bank", "registry", "hubei", "nobody", "court")
	}
	return w.entity()
}

func (w *workload) code() string {
	if w.some(2) {
		return "CEA20"
	}
	return pick(w, w.m.instruments...)
}

// tonnes up to most, sometimes none or fewer than none.
func (w *workload) tonnes(most int64) tx.Tonnes {
	if w.some(3) {
		return tx.Tonnes(-w.r.IntN(2))
	}
	return tx.Tonnes(1 + w.r.Int64N(max(1, most)))
}

// upTo is about what is there: mostly less, sometimes more.
func (w *workload) upTo(have int64) tx.Tonnes {
	if w.some(15) {
		return tx.Tonnes(have + 1 + w.r.Int64N(1000))
	}
	return w.tonnes(have/pick(w, int64(1), 2, 5, 20) + 1)
}

func (w *workload) document(kind string) string {
	if w.some(2) {
		return ""
	}
	return w.name(kind, "doc-")
}

func (w *workload) table() []byte {
	if w.some(2) {
		return []byte("short")
	}
	return w.m.founding.Hash[:]
}

// next makes one transaction.
func (w *workload) next() []byte {
	if w.n++; len(w.raws) > 0 && w.some(1) {
		return pick(w, w.raws...)
	}
	var raw []byte
	if w.some(2) {
		raw = w.badFrame()
	} else {
		raw = w.sign(w.request())
	}
	if w.raws = append(w.raws, raw); len(w.raws) > 40 {
		w.raws = w.raws[20:]
	}
	return raw
}

// request is something that anybody might ask for, or more often than it would
// come by itself something that the register does.
func (w *workload) request() (r request) {
	wanted := w.some(35)
	for range 12 {
		at := w.r.IntN(w.weights)
		for _, k := range w.kinds {
			if at -= k.weight; at >= 0 {
				continue
			}
			if k.day && w.m.openDay == 0 && w.some(90) {
				k.make = (*workload).dayGoes
			}
			for range 4 {
				if r = k.make(w); !wanted || w.would(r) {
					return r
				}
			}
			break
		}
	}
	return r
}

// would says whether the register does what is asked, if everybody signs.
func (w *workload) would(r request) bool {
	m := w.m
	m.undo = m.undo[:0]
	m.body, m.id = &tx.Body{Party: r.party, Operations: r.ops}, tx.ID{}
	m.own, m.others = w.active(m.parties[r.party]), nil
	for _, other := range r.with {
		m.others = append(m.others, w.active(m.parties[other])...)
	}
	defer m.takeBack()
	if m.parties[r.party].role == 0 {
		return false
	}
	for i := range r.ops {
		if m.operation(&r.ops[i]) != fine {
			return false
		}
	}
	return true
}

func (w *workload) reference() string {
	w.n++
	return fmt.Sprintf("r%d", w.n)
}

// sign lets enough persons sign, or in some cases anybody.
func (w *workload) sign(r request) []byte {
	if w.some(3) {
		r.party = pick(w, "e0", "bank", "exchange", "registry", "hubei", "verifier", "court", "ministry")
	}
	keys := w.signers(r)
	for _, other := range r.with {
		if p := w.m.parties[other]; p.role != 0 && !w.some(3) {
			keys = append(keys, w.signer(p, 0)...)
		}
	}
	var once []tx.PrivateKey
	for _, k := range keys {
		if !slices.ContainsFunc(once, func(o tx.PrivateKey) bool { return o.Public().String() == k.Public().String() }) {
			once = append(once, k)
		}
	}
	return w.parties.SignBy(r.party, w.reference(), once, r.ops...)
}

func (w *workload) holds(key string) bool {
	_, held := w.keys[key]
	return held
}

// active keys of a party.
func (w *workload) active(p party) []key {
	return slices.DeleteFunc(w.m.keysOf(p), func(k key) bool { return k.revoked || !k.valid(w.m.now) || !w.holds(k.text) })
}

func (w *workload) signer(p party, right tx.Right) []tx.PrivateKey {
	for _, k := range w.active(p) {
		if k.rights&right == right {
			return []tx.PrivateKey{w.keys[k.text]}
		}
	}
	return w.any(p)
}

// any key of a party, or one that is nobody's.
func (w *workload) any(p party) []tx.PrivateKey {
	if all := w.m.keysOf(p); len(all) > 0 {
		if k, held := w.keys[pick(w, all...).text]; held {
			return []tx.PrivateKey{k}
		}
	}
	return []tx.PrivateKey{w.parties.Key("nobody")}
}

func (w *workload) signers(r request) (keys []tx.PrivateKey) {
	p := w.m.parties[r.party]
	need, right := 1, tx.Right(0)
	for i := range r.ops {
		row := w.m.rows[nameOf(&r.ops[i])]
		right |= row.Right
		need = max(need, w.m.need(p, row))
		if row.Operation == "AddKey" || row.Operation == "RevokeKey" || row.Operation == "SetPolicy" {
			need = max(need, w.m.strictest(p))
		}
	}
	active := w.active(p)
	if others := slices.DeleteFunc(slices.Clone(active), func(k key) bool {
		return slices.ContainsFunc(r.not, func(o key) bool { return o.person == k.person })
	}); len(others) > 0 && !w.some(5) {
		active = others
	}
	if len(active) == 0 || w.some(2) {
		return w.any(p)
	}
	if w.some(4) { // whoever is there
		w.r.Shuffle(len(active), func(i, j int) { active[i], active[j] = active[j], active[i] })
		for _, k := range active[:1+w.r.IntN(min(3, len(active)))] {
			keys = append(keys, w.keys[k.text])
		}
		return keys
	}
	for _, maker := range active {
		if maker.rights&right != right || len(keys) >= need {
			continue
		}
		persons := map[string]bool{maker.person: true}
		keys = []tx.PrivateKey{w.keys[maker.text]}
		for _, k := range active {
			if k.rights&tx.RightApprove != 0 && !persons[k.person] && len(keys) < need {
				persons[k.person] = true
				keys = append(keys, w.keys[k.text])
			}
		}
	}
	if len(keys) == 0 {
		return w.any(p)
	}
	return keys
}

// badFrame is refused before any rule, or answers with an older receipt.
func (w *workload) badFrame() []byte {
	deposit := op(&tx.Deposit{Party: "e0", Amount: tx.Fen(1 + w.r.IntN(9))})
	body := tx.Body{ChainId: w.parties.ChainID, Party: "bank", Reference: w.reference(), Operations: []tx.Operation{deposit}}
	key := w.parties.Key("bank")
	switch w.r.IntN(5) {
	case 0:
		body.Party, key = "nobody", w.parties.Key("nobody")
	case 1:
		body.ChainId = "other"
	case 2:
		body.Reference = fmt.Sprintf("r%d", 1+w.r.IntN(w.n))
	case 3:
		body.Expiry = w.m.now - tx.Instant(1+w.r.IntN(1000))
	case 4:
		key = w.parties.Key("e1")
	}
	raw, err := tx.NewTransaction(w.parties.Domain, &body, key)
	if err != nil {
		panic(err)
	}
	return raw
}

// start is the business that the rest lives on.
func (w *workload) start() (all [][]byte) {
	for _, e := range w.names["entity"] {
		r := ask("registry").and(w.m.parties[e].region)
		for _, code := range w.m.instruments[:4] {
			r.ops = append(r.ops, op(&tx.IssueAllowances{To: e, Instrument: code, Tonnes: 3_000_000, Document: "start", Stage: tx.Adjustment, TableSha256: w.m.founding.Hash[:]}))
		}
		keys := append(w.parties.Keys("registry"), w.parties.Key(r.with[0]))
		all = append(all, w.parties.SignBy("registry", w.reference(), keys, r.ops...))
		move := ask(e)
		for _, code := range w.m.instruments[:4] {
			move.ops = append(move.ops, op(&tx.MoveHolding{Instrument: code, Tonnes: 1_500_000, To: tx.TradingAvailable}))
		}
		all = append(all, w.parties.Sign(e, w.reference(), move.ops...), w.parties.Sign("bank", w.reference(), op(&tx.Deposit{Party: e, Amount: 500_000_000_000})))
	}
	return append(all, w.parties.Sign("exchange", w.reference(), op(&tx.OpenDay{Day: w.m.today()})))
}
