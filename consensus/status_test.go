package consensus

import (
	"bytes"
	"fmt"
	"testing"

	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

func TestPendingMembership(t *testing.T) {
	v := func(name string, incarnation byte, voter bool) tx.Validator {
		return tx.Validator{Name: name, IncarnationSha256: bytes.Repeat([]byte{incarnation}, 32), Voter: voter}
	}
	listed := []tx.Validator{v("n1", 1, true), v("n2", 1, true), v("n3", 2, false), v("n4", 1, false), v("n5", 1, true)}
	done := make([]raft.Server, len(listed))
	for i := range listed {
		done[i] = server(listed[i])
	}
	for _, c := range []struct {
		name    string
		servers []raft.Server
		want    string
	}{
		{"nothing heard", nil, "[]"},
		{"all done", done, "[]"},
		{"none done", []raft.Server{server(v("n1", 1, true)), server(v("n2", 1, false)), server(v("n3", 1, true)), server(v("n4", 1, true))},
			"[n2 has no vote yet n3 is not admitted yet n3#0101010101010101 is not removed yet n4 has a vote still n5 has no vote yet]"},
	} {
		if got := fmt.Sprint(pendingMembership(listed, c.servers)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
