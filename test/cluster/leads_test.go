package cluster

import (
	"testing"
	"testing/synctest"
)

// TestLeads: the narrow question that publication asks has the answer of the whole
// status: one node leads, and another one once leadership went to it.
func TestLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 1})
		for _, leader := range []string{"n2", "n3"} {
			c.must(c.Lead(leader))
			c.pay(leader, "led-by-"+leader)
			for _, name := range c.Names {
				n := c.Nodes[name]
				if leads := n.Leads(); leads != (name == leader) || leads != (n.Status().Role == "Leader") {
					t.Errorf("%s leads: %v says whether %s leads, whose role is %s", leader, leads, name, n.Status().Role)
				}
			}
		}
	})
}

// BenchmarkLeads measures the narrow question beside the whole status.
func BenchmarkLeads(b *testing.B) {
	c := New(b, Options{Voters: 3, Entities: 1})
	n := c.Nodes[c.Leader()]
	for name, leads := range map[string]func() bool{
		"narrow": n.Leads,
		"status": func() bool { return n.Status().Role == "Leader" },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if !leads() {
					b.Fatal("another node leads")
				}
			}
		})
	}
}
