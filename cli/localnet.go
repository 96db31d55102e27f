package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"carbonledger/cli/local"
	"carbonledger/node/api"
)

// localNetwork is a network whose validators are processes of this program on
// this machine: for demo, bench and tests.
type localNetwork struct {
	*network
	program string
	nodes   []*localNode
	// primarySite of every node; empty for none.
	primarySite string
}

// localNode is one of its validators. The API's port stays the same over
// restarts.
type localNode struct {
	networkNode
	API     string // host:port
	Metrics string
	Log     string // empty where the network publishes none
	process *local.Process
}

// startDeadline bounds how long a local network may take to serve.
const startDeadline = 60 * time.Second

// newLocalNetwork picks ports for the nodes of a network; none runs yet.
func newLocalNetwork(n *network) (*localNetwork, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's file: %w", err)
	}
	ports, err := local.FreePorts(3 * len(n.Nodes))
	if err != nil {
		return nil, err
	}
	l := &localNetwork{network: n, program: program}
	for i, node := range n.Nodes {
		at := func(k int) string { return "127.0.0.1:" + strconv.Itoa(ports[3*i+k]) }
		local := &localNode{networkNode: node, API: at(0), Metrics: at(1)}
		if n.Policy != "" {
			local.Log = at(2)
		}
		l.nodes = append(l.nodes, local)
	}
	return l, nil
}

// logURLs are where the nodes serve their logs.
func (l *localNetwork) logURLs() (all []string) {
	for _, n := range l.nodes {
		all = append(all, "http://"+n.Log)
	}
	return all
}

// settings with which a node runs: names of flags, and their values.
func (l *localNetwork) settings(n *localNode) [][2]string {
	all := [][2]string{
		{"data", n.Dir}, {"genesis", l.Genesis}, {"api-listen", n.API}, {"metrics-listen", n.Metrics},
		{"profile", "loopback"}, {"min-free-disk", "256"},
	}
	if n.Log != "" {
		all = append(all, [2]string{"log-listen", n.Log}, [2]string{"log-tokens", l.Tokens})
	}
	if l.primarySite != "" {
		all = append(all, [2]string{"primary-site", l.primarySite})
	}
	return all
}

// start runs a node's process; its output goes to NAME.log beside its data.
func (l *localNetwork) start(n *localNode) (err error) {
	arguments := []string{"node", "--stop-with-stdin"}
	for _, s := range l.settings(n) {
		arguments = append(arguments, "--"+s[0], s[1])
	}
	n.process, err = local.Start(n.Name, l.program, arguments, nil, filepath.Join(l.Dir, n.Name+".log"))
	return err
}

// startAll runs every node and waits until each serves.
func (l *localNetwork) startAll(ctx context.Context) error {
	for _, n := range l.nodes {
		if err := l.start(n); err != nil {
			return err
		}
	}
	for _, n := range l.nodes {
		if err := l.waitServing(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// waitServing waits until a node can take part.
func (l *localNetwork) waitServing(ctx context.Context, n *localNode) error {
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	var last string
	for {
		s, err := l.status(ctx, n)
		switch {
		case err == nil && s.Serving:
			return nil
		case err == nil:
			last = s.Problem
		default:
			last = err.Error()
		}
		select {
		case <-n.process.Done():
			return fmt.Errorf("%s ended (%w); the end of %s:\n%s", n.Name, n.process.Err(), n.process.Log, n.process.Tail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not serve: %s; see %s", n.Name, last, n.process.Log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// status asks one node.
func (l *localNetwork) status(ctx context.Context, n *localNode) (*api.StatusResponse, error) {
	c, err := api.NewClient(api.ClientConfig{Addresses: []string{n.API}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := c.Status(ctx, &api.StatusRequest{})
	return s, errors.Join(err, c.Close())
}

// leader asks the running nodes until one names a leader that runs.
func (l *localNetwork) leader(ctx context.Context) (*localNode, error) {
	for {
		for _, n := range l.nodes {
			if n.process == nil || !n.process.Running() {
				continue
			}
			s, err := l.status(ctx, n)
			if err != nil {
				continue
			}
			if m := l.node(s.Leader); m != nil && m.process.Running() {
				return m, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no leader is known: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (l *localNetwork) node(name string) *localNode {
	for _, n := range l.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// addresses of every node's API.
func (l *localNetwork) addresses() []string {
	var all []string
	for _, n := range l.nodes {
		all = append(all, n.API)
	}
	return all
}

// stop ends every process, in order where that works.
func (l *localNetwork) stop() {
	var running []*local.Process
	for _, n := range l.nodes {
		if n.process != nil && n.process.Running() {
			running = append(running, n.process)
		}
	}
	local.StopAll(running, stopTime)
}
