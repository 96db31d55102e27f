package cluster

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// LoseLog takes the Raft log from the disk of a node that is down, as a
// failed device does.
func (c *Cluster) LoseLog(name string) {
	if err := c.Nodes[name].FS.RemoveAll("raftlog"); err != nil {
		c.t.Fatalf("lose the log of %s: %v", name, err)
	}
}

// LoseState takes the ledger's state from the disk of a node that is down, as
// an operator does who moves it away.
func (c *Cluster) LoseState(name string) {
	if err := c.Nodes[name].FS.RemoveAll("state"); err != nil {
		c.t.Fatalf("lose the state of %s: %v", name, err)
	}
}

// FlipHolding flips one bit of a holding in the state of a running node, the
// lowest of the registry-available units, which are its first number: it is stopped in order, its newest state changed on disk, and started again.
func (c *Cluster) FlipHolding(name, party, instrument string) error {
	n := c.Nodes[name]
	// A snapshot flushes the state, so that the start below does not replay it.
	if err := n.Snapshot(); err != nil {
		return err
	}
	c.Stop(name)
	if err := flip(n.FS, append(append([]byte{0x06}, party...), append([]byte{0}, instrument...)...)); err != nil {
		return err
	}
	return c.TryStart(name)
}

// flip changes the lowest bit of the first number of a value in the live
// generation of the state.
func flip(fs vfs.FS, key []byte) error {
	names, err := fs.List("state")
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "CURRENT" {
			continue
		}
		db, err := pebble.Open(fs.PathJoin("state", name), &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatNewest, Logger: quiet{}})
		if err != nil {
			return err
		}
		value, closer, err := db.Get(key)
		if err != nil {
			return fmt.Errorf("cluster: no value to damage: %w", err)
		}
		damaged := append([]byte(nil), value...)
		damaged[7] ^= 1
		if err := closer.Close(); err != nil {
			return err
		}
		if err := db.Set(key, damaged, pebble.Sync); err != nil {
			return err
		}
		return db.Close()
	}
	return fmt.Errorf("cluster: no state to damage")
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
