package state

import (
	"bytes"
	"slices"

	"carbonledger/tx"
)

const maxAddress = 200

func (x *exec) validators() []tx.Validator {
	return decodeValidators(x.at([]byte{rangeValidators}).value)
}

// putValidators keeps the list in order of name.
func (x *exec) putValidators(all []tx.Validator) {
	slices.SortFunc(all, func(a, b tx.Validator) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	b := []byte{}
	for i := range all {
		b = appendToList(b, &all[i])
	}
	x.set(x.at([]byte{rangeValidators}), b)
}

// checkValidator checks a description by itself and against the other
// validators: no two share a key or a data directory.
func (x *exec) checkValidator(v *tx.Validator) *tx.Rejection {
	bad := func(what string) *tx.Rejection { return about(tx.BadValidator, what+" of "+v.Name) }
	switch {
	case !validID(v.Name):
		return bad("name")
	case !validID(v.Site):
		return bad("site")
	case v.Address == "" || len(v.Address) > maxAddress:
		return bad("address")
	case len(v.IncarnationSha256) != 32:
		return bad("incarnation")
	case bytes.Equal(v.NodeKey, v.CosignKey):
		return bad("cosigning key")
	}
	keys := []struct {
		what string
		key  []byte
	}{{"node key", v.NodeKey}, {"cosigning key", v.CosignKey}}
	for _, k := range keys {
		public := tx.PublicKey{Scheme: tx.Ed25519, Key: k.key}
		if public.Validate() != nil {
			return bad(k.what)
		}
	}
	for _, other := range x.validators() {
		if other.Name == v.Name {
			continue
		}
		for _, k := range keys {
			if bytes.Equal(k.key, other.NodeKey) || bytes.Equal(k.key, other.CosignKey) {
				return bad(k.what + ", which is one of " + other.Name + ",")
			}
		}
		if bytes.Equal(other.IncarnationSha256, v.IncarnationSha256) {
			return bad("incarnation, which is that of " + other.Name + ",")
		}
	}
	return nil
}

// setValidator admits a validator or changes it. The consensus layer follows
// the list one step at a time.
func (x *exec) setValidator(o *tx.SetValidator) *tx.Rejection {
	if n := x.checkValidator(&o.Validator); n != nil {
		return n
	}
	all := slices.DeleteFunc(x.validators(), func(v tx.Validator) bool { return v.Name == o.Validator.Name })
	all = append(all, o.Validator)
	if !anyVoter(all) {
		return about(tx.LastVoter, o.Validator.Name)
	}
	// Past this point the validator is set.
	x.putValidators(all)
	return nil
}

// removeValidator takes a validator off the list; peers no longer admit it.
func (x *exec) removeValidator(o *tx.RemoveValidator) *tx.Rejection {
	before := x.validators()
	all := slices.DeleteFunc(slices.Clone(before), func(v tx.Validator) bool { return v.Name == o.Name })
	switch {
	case len(all) == len(before):
		return about(tx.UnknownValidator, o.Name)
	case !anyVoter(all):
		return about(tx.LastVoter, o.Name)
	}
	// Past this point the validator is gone.
	x.putValidators(all)
	return nil
}

func anyVoter(all []tx.Validator) bool {
	return slices.ContainsFunc(all, func(v tx.Validator) bool { return v.Voter })
}
