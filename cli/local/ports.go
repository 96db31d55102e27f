package local

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are given from blocks of neighbouring ports, all below those that
// systems give to outgoing connections (32768 on Linux): one of those could
// take a port between its choice and its use, or while its node is down.
const firstPort, lastPort, blockPorts = 10_000, 32_000, 200

// block is the one from which this process gives ports now. The first port of
// a block is its lock: whoever listens there has the block until the process
// ends. The listeners are kept for that alone.
var block struct {
	sync.Mutex
	locks     []net.Listener
	next, end int
}

// FreePorts are n TCP ports of the loopback interface that nobody listens on
// now. A process is never given one twice, and two processes that run at once
// are never given the same: each has blocks of its own. They are neighbours
// where nothing lies between.
func FreePorts(n int) ([]int, error) {
	block.Lock()
	defer block.Unlock()
	ports := make([]int, 0, n)
	for len(ports) < n {
		if block.next == block.end {
			if err := lockBlock(); err != nil {
				return nil, fmt.Errorf("local: look for %d free ports from %d to %d: %w", n, firstPort, lastPort, err)
			}
		}
		port := block.next
		block.next++
		if l, err := listen(port); err == nil {
			_ = l.Close()
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// lockBlock takes a block that no process has, from a random one on.
func lockBlock() (err error) {
	const blocks = (lastPort - firstPort) / blockPorts
	start := rand.IntN(blocks)
	for i := range blocks {
		first := firstPort + (start+i)%blocks*blockPorts
		var l net.Listener
		if l, err = listen(first); err == nil {
			block.locks = append(block.locks, l)
			block.next, block.end = first+1, first+blockPorts
			return nil
		}
	}
	return fmt.Errorf("every block of %d ports is taken: %w", blockPorts, err)
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}
