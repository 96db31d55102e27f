package consensus

import (
	"slices"
	"sync"

	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

// admission says whose streams the network admits. A validator that the ledger
// lists no longer stays admitted until Raft's configuration is without it:
// that change may need its vote.
type admission struct {
	tell func([]tx.Validator)

	mu      sync.Mutex
	listed  []tx.Validator
	leaving []tx.Validator
}

func newAdmission(tell func([]tx.Validator)) *admission { return &admission{tell: tell} }

// list takes the validators that the ledger lists now.
func (a *admission) list(validators []tx.Validator) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, v := range a.listed {
		if !named(validators, v.Name) {
			a.leaving = append(a.leaving, v)
		}
	}
	a.leaving = slices.DeleteFunc(a.leaving, func(v tx.Validator) bool { return named(validators, v.Name) })
	a.listed = validators
	a.tell(slices.Concat(a.listed, a.leaving))
}

// settle drops those that Raft counts on no more.
func (a *admission) settle(servers []raft.Server) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := len(a.leaving)
	a.leaving = slices.DeleteFunc(a.leaving, func(v tx.Validator) bool {
		return !slices.ContainsFunc(servers, func(s raft.Server) bool { return s.Address == raft.ServerAddress(v.Name) })
	})
	if len(a.leaving) != before {
		a.tell(slices.Concat(a.listed, a.leaving))
	}
}

func named(all []tx.Validator, name string) bool {
	return slices.ContainsFunc(all, func(v tx.Validator) bool { return v.Name == name })
}
