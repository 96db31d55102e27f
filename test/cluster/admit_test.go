package cluster

import (
	"errors"
	"testing"
	"testing/synctest"

	"carbonledger/consensus"
	"carbonledger/tx"
)

// TestStrangersMakeNoBlocks: what anybody can make in anybody's name, and what the
// ledger has already, reaches no disk, whichever node is asked.
func TestStrangersMakeNoBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 2, ScriptClock: true})
		c.must(c.Lead("n1"))
		first := c.pay("n1", "r1")
		stranger := c.Key("stranger")
		by := func(chain, party string, key tx.PrivateKey, operations ...tx.Operation) []byte {
			raw, err := tx.NewTransaction(c.Domain, &tx.Body{ChainId: chain, Party: party, Reference: "s1", Operations: operations}, key)
			c.must(err)
			return raw
		}
		good := c.Sign("bank", "r2", deposit(1))
		for name, s := range map[string]struct {
			raw    []byte
			reason tx.Reason
		}{
			"a key of nobody":      {by(c.ChainID, "bank", stranger, deposit(1)), tx.UnknownKey},
			"a party of nobody":    {by(c.ChainID, "stranger", stranger, deposit(1)), tx.UnknownParty},
			"another party's key":  {by(c.ChainID, "bank", c.Key("e0"), deposit(1)), tx.NotSignedByParty},
			"another chain":        {by("other", "bank", c.Key("bank"), deposit(1)), tx.WrongChain},
			"a key that may come":  {by(c.ChainID, "e9", c.Key("e9"), deposit(1)), tx.UnknownParty},
			"a damaged signature":  {append(good[:len(good)-1:len(good)-1], good[len(good)-1]^1), tx.BadSignature},
			"bytes of no encoding": {[]byte("noise"), tx.Malformed},
		} {
			for _, at := range []string{"n1", "n2"} {
				_, err := c.Submit(at, good, s.raw, good)
				var r *consensus.Refused
				if !errors.As(err, &r) || r.Transaction != 1 || r.Rejection.Reason != s.reason {
					t.Errorf("%s at %s: %v, want %s of transaction 1", name, at, err, s.reason)
				}
			}
		}
		for _, at := range []string{"n1", "n2", "n3"} {
			again, err := c.Submit(at, c.Sign("bank", "r1", deposit(1)), c.Sign("bank", "r1", deposit(1)))
			c.must(err)
			if again[0].String() != first.String() || again[1].String() != first.String() {
				t.Errorf("again at %s: %v", at, again)
			}
		}
		if height, _ := c.Level(1); height != 1 {
			t.Errorf("strangers and repetitions made %d blocks", height-1)
		}

		// An account that the same request opens is no stranger.
		key := c.Key("e9")
		proven, err := tx.ProveKey(c.Domain, "e9", key)
		c.must(err)
		open := tx.Operation{Operation: &tx.Operation_OpenAccount{OpenAccount: &tx.OpenAccount{
			Id: "e9", Role: tx.KeyEmittingEntity, Name: "nine", Region: "hubei", USCC: tx.PracticeUSCC(900), Keys: []tx.ProvenKey{proven}}}}
		own := tx.Operation{Operation: &tx.Operation_Surrender{Surrender: &tx.Surrender{Instrument: "CEA22", Tonnes: 1, Year: 2023, Application: "a-1"}}}
		receipts, err := c.Submit("n2", c.Sign("registry", "open", open), by(c.ChainID, "e9", key, own))
		c.must(err)
		if receipts[0].Reason != tx.Accepted || receipts[1].Reason != tx.NoObligation {
			t.Errorf("an account and its first transaction: %v", receipts)
		}
	})
}
