package binary

import "testing"

// TestBench: the bench founds its network, issues, and transfers. What it measures
// is not tested.
func TestBench(t *testing.T) {
	r := command(t, "bench", "--nodes", "1", "--seconds", "1", "--json").want(t, 0).parsed(t)
	if len(r) == 0 {
		t.Error("the bench says nothing")
	}
	r = command(t, "bench", "--nodes", "1", "--seconds", "1", "--pairs", "1").want(t, 0).parsed(t)
	if with, without := r["signed_tx_per_s"].(float64), r["without_log_tx_per_s"].(float64); with <= 0 || without <= 0 || r["log_ratio"].(float64) != with/without {
		t.Errorf("with a log and without: %v", r)
	}
	command(t, "bench", "--pairs", "1", "--no-log").want(t, 2, "--pairs")
}
