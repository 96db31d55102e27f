package binary

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// TestExitCodes: what programs rely on, and the outcome that nobody told.
func TestExitCodes(t *testing.T) {
	// The lease of a real network gives the leader time to take a transaction
	// before it notices that nobody follows.
	n := running(t, three(), "--profile", "wan")
	t.Run("done", func(t *testing.T) {
		r := n.does("registry", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "100", "--document", "doc-1").want(t, 0, "accepted at height ")
		n.as("registry", "receipt", r.field(t, "transaction")).want(t, 0, "accepted at height ")
	})
	t.Run("failed without effect", func(t *testing.T) {
		dir := t.TempDir()
		nobody := &validator{api: loopback(freePorts(t, 1))}
		commandIn(t, dir, n.with([]*validator{nobody}, "registry", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "1",
			"--document", "nowhere", "--yes", "--timeout", "1s")...).want(t, 1, "connection refused")
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("the command left %v (%v)", left, err)
		}
		command(t, "status", "--api", nobody.api, "--timeout", "1s").want(t, 1, "no node of --api serves")
	})
	t.Run("usage", func(t *testing.T) {
		n.as("registry", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "1", "--document", "doc-2").want(t, 2, "nothing was signed", "--yes")
		n.as("registry", "receipt", "not-an-id").want(t, 2, "not-an-id")
	})
	t.Run("rejected", func(t *testing.T) {
		n.as("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "150", "--yes").want(t, 3,
			"rejected at height ", "INSUFFICIENT_HOLDING", "CEA22 of entity-1: there were 100 t, asked for 150 t: short by 50 t")
		n.as("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "150", "--yes", "--dry-run").want(t, 3, "would be rejected after height ", "short by 50 t")
	})
	t.Run("unknown", func(t *testing.T) { outcomeUnknown(t, n) })
}

// outcomeUnknown: the leader cannot commit, the client does not wait. The
// printed command then gives the first receipt, as often as it is run.
func outcomeUnknown(t *testing.T, n *network) {
	leader, dir := n.awaitLeader(), t.TempDir()
	followers := n.others(leader)
	var r result
	for try := 1; ; try++ {
		n.signal(syscall.SIGSTOP, followers...)
		r = commandIn(t, dir, n.with([]*validator{leader}, "registry", "issue", "--to", "entity-2", "--instrument", "CEA23", "--tonnes", "7",
			"--document", fmt.Sprintf("unknown-%d", try), "--yes", "--timeout", "3s", "--pending", dir)...)
		if r.code == 4 {
			break
		}
		// The leader gave up before it took the transaction, and says so.
		r.want(t, 1, "nothing was submitted")
		if try == 10 {
			t.Fatalf("no outcome was unknown in %d tries", try)
		}
		n.signal(syscall.SIGCONT, followers...)
		for _, v := range n.nodes {
			n.awaitServing(v)
		}
		leader = n.awaitLeader()
		followers = n.others(leader)
	}
	lines := strings.Split(strings.TrimSpace(r.errOut), "\n")
	again := strings.TrimSpace(lines[len(lines)-1])
	if !strings.HasPrefix(again, "carbonledger submit --api ") || !strings.Contains(r.errOut, "the outcome is unknown") {
		t.Fatalf("the message names no command that sends the same file again:\n%s", r.errOut)
	}

	awaitHealth(t, leader, healthv1.HealthCheckResponse_NOT_SERVING)
	command(t, "status", "--api", leader.api, "--timeout", "2s").want(t, 1, "no quorum: 1 of 3 voters are heard", "no node of --api serves")
	shell(t, dir, again+" --timeout 1s").want(t, 4, again)

	// With one follower back only the old leader, whose log is the longest, can
	// be elected: what it had stored is committed before anybody sends it again.
	n.signal(syscall.SIGCONT, followers[0])
	n.awaitServing(leader)
	awaitHealth(t, leader, healthv1.HealthCheckResponse_SERVING)
	files, err := filepath.Glob(filepath.Join(dir, "*.tx"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the signed file is not kept: %v (%v)", files, err)
	}
	first := awaitAnswer(t, "the receipt of "+files[0], func() (string, error) {
		r := command(t, "receipt", files[0], "--api", leader.api)
		if r.code != 0 {
			return "", fmt.Errorf("exit code %d: %s", r.code, r.errOut)
		}
		return r.out, nil
	})
	for range 2 {
		if r := shell(t, dir, again).want(t, 0, "accepted at height "); r.out != first {
			t.Errorf("the printed command gives\n%swant the first receipt\n%s", r.out, first)
		}
	}
	n.signal(syscall.SIGCONT, followers...)
	n.awaitSame(n.nodes...)
	n.as("auditor", "query", "holdings", "entity-2").want(t, 0, "entity-2  CEA23       7 ", "complete")
}

// awaitHealth asks the standard health service, as a load balancer does, until
// it answers so for the node and for its service.
func awaitHealth(t *testing.T, v *validator, want healthv1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	conn, err := grpc.NewClient(v.api, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, service := range []string{"", "carbonledger.api.v1.Ledger"} {
		awaitAnswer(t, fmt.Sprintf("%s answers %s for %q", v.name, want, service), func() (bool, error) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			out, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{Service: service})
			if err == nil && out.Status != want {
				err = fmt.Errorf("it answers %s", out.Status)
			}
			return err == nil, err
		})
	}
}
