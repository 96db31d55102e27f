package binary

import "testing"

// TestBench: the bench founds its network, issues, and transfers. What it measures
// is not tested.
func TestBench(t *testing.T) {
	r := command(t, "bench", "--nodes", "1", "--seconds", "1", "--json").want(t, 0).parsed(t)
	if len(r) == 0 {
		t.Error("the bench says nothing")
	}
}
