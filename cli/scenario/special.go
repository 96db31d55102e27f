package scenario

import "carbonledger/tx"

// special are entities that show what the rules have beside the ordinary way, as
// indices; -1: the scenario has none that fits. They change no published figure.
type special struct {
	// forced has its allocation sent to its province and is surrendered for by
	// force.
	forced int
	// provider surrenders quantity on behalf of beneficiary.
	provider, beneficiary int
	// pledgor pledges quantity to the bank after the allocation, frozen has it
	// frozen by the court; both are released on the next trading day.
	pledgor, frozen int
	quantity        tx.Tonnes
}

// specialTonnes is what is pledged, frozen and surrendered on behalf of another.
const specialTonnes = 100

// pickSpecial picks, from the last one on, entities that neither trade nor offset
// nor fall short, and surrender after the second day from the allocation on.
func (p *Plan) pickSpecial() special {
	s := special{forced: -1, provider: -1, beneficiary: -1, pledgor: -1, frozen: -1, quantity: specialTonnes}
	roles := []*int{&s.forced, &s.beneficiary, &s.provider, &s.pledgor, &s.frozen}
	issued := p.issueDay()
	for i := len(p.Entities) - 1; i >= 0; i-- {
		e := &p.Entities[i]
		plain := !e.buys && !e.sells && e.Short == 0 && e.Offset == 0 && e.surrender.tonnes[p.own] > specialTonnes
		if !plain || e.surrender.day <= issued+1 {
			continue
		}
		*roles[0] = i
		if roles = roles[1:]; len(roles) == 0 {
			break
		}
	}
	if s.provider < 0 {
		s.beneficiary = -1
	}
	if s.beneficiary >= 0 {
		older := olderThan(p.own)
		if p.File.usable(older, 1) == 0 {
			s.provider, s.beneficiary = -1, -1
			return s
		}
		p.Entities[s.provider].Opening[older] += s.quantity
		p.Entities[s.beneficiary].surrender.tonnes[p.own] -= s.quantity
	}
	return s
}
