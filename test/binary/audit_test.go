package binary

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

// TestWatchers: what auditors, Prometheus and grpcurl see of a network that has
// had some traffic.
func TestWatchers(t *testing.T) {
	n := running(t, three())
	n.does("registry", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "100", "--document", "doc-1")
	n.does("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "30")
	n.as("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "71", "--yes").want(t, 3)
	n.fill("more", 5, 3)
	height := n.awaitSame(n.nodes...)
	n.awaitAudited(height, n.nodes)
	t.Run("audit", func(t *testing.T) { audits(t, n) })
	t.Run("report", func(t *testing.T) { reports(t, n) })
	t.Run("metrics", func(t *testing.T) { metricsPages(t, n, height) })
	t.Run("reflection", func(t *testing.T) { reflects(t, n) })
}

// audits over the network and of a copy, whole and with one byte changed.
func audits(t *testing.T, n *network) {
	dir, kept := filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "auditor")
	n.audit(n.nodes, "--save", dir, "--dir", kept).want(t, 0, "passed", "cosigned by", n.nodes[2].log)
	n.audit(n.nodes[:1], "--dir", kept).want(t, 0, "passed", "transactions   0")
	policy := filepath.Join(n.dir, "policy.txt")
	fromCopy := func() result { return command(t, "audit", dir, "--genesis", n.genesis, "--policy", policy) }
	fromCopy().want(t, 0, "passed")
	command(t, "audit", "http://"+n.nodes[0].log, "--genesis", n.genesis, "--policy", policy).want(t, 1, "--token-file")
	command(t, "audit", "http://"+n.nodes[0].log, "--policy", policy).want(t, 2, "--genesis")

	strict := filepath.Join(t.TempDir(), "strict.txt")
	text, err := os.ReadFile(policy)
	if err != nil {
		t.Fatal(err)
	}
	other := newNetwork(t, []string{"Wuhan"})
	foreign, err := os.ReadFile(filepath.Join(other.dir, "policy.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]string{
		"of another network": string(foreign),
		"of a witness more":  strings.Replace(string(text), "quorum validators", string(witnessLine(foreign))+"group both 2 validators stranger\nquorum both", 1),
	} {
		if err := os.WriteFile(strict, []byte(p), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := command(t, "audit", dir, "--genesis", n.genesis, "--policy", strict); r.code != 1 {
			t.Errorf("a policy %s: exit code %d\n%s", name, r.code, r.out)
		}
	}

	bundle, err := filepath.Glob(filepath.Join(dir, "tile", "entries", "000*", "*"))
	if err != nil || len(bundle) != 1 {
		t.Fatalf("%v %v", bundle, err)
	}
	end := size(t, bundle[0])
	for _, at := range []int{0, 1, 12, 50, end / 3, end / 2, end - 40, end - 1} {
		restore := flip(t, bundle[0], at)
		if r := fromCopy(); r.code != 1 || !strings.Contains(r.errOut, "the history is wrong at entry ") {
			t.Errorf("byte %d changed: exit code %d\n%s", at, r.code, r.errOut)
		}
		restore()
	}
	if err := os.Rename(bundle[0], bundle[0]+".gone"); err != nil {
		t.Fatal(err)
	}
	fromCopy().want(t, 1, filepath.Base(bundle[0]))
	if err := os.Rename(bundle[0]+".gone", bundle[0]); err != nil {
		t.Fatal(err)
	}
	fromCopy().want(t, 0, "passed")
}

// reports of an audit that goes on: the file is replaced after each round, also
// by that of the lie which ends it.
func reports(t *testing.T, n *network) {
	dir, file := filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "report.json")
	n.audit(n.nodes, "--save", dir).want(t, 0, "passed")
	c := exec.Command(program, "audit", dir, "--genesis", n.genesis, "--policy", filepath.Join(n.dir, "policy.txt"),
		"--dir", t.TempDir(), "--follow", "50ms", "--report", file)
	var errOut bytes.Buffer
	c.Stderr = &errOut
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	read := func() (r map[string]any, err error) {
		b, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		return r, err
	}
	first := awaitAnswer(t, "a report", read)
	if first["verdict"] != "passed" {
		t.Errorf("the report says %v", first)
	}
	awaitAnswer(t, "a report of another round", func() (any, error) {
		r, err := read()
		if err == nil && r["began"] == first["began"] {
			err = errors.New("it is the first one")
		}
		return r, err
	})
	// The same checkpoint with the log's own signature alone.
	note := filepath.Join(dir, "checkpoint")
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	body, lines, _ := bytes.Cut(text, []byte("\n\n"))
	own, _, _ := bytes.Cut(lines, []byte("\n"))
	text = slices.Concat(body, []byte("\n\n"), own, []byte("\n"))
	if err := os.WriteFile(note+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(note+".new", note); err != nil {
		t.Fatal(err)
	}
	err = c.Wait()
	if c.ProcessState.ExitCode() != 1 || !strings.Contains(errOut.String(), "does not count") {
		t.Errorf("the audit ended with %v: %s", err, errOut.String())
	}
	last, err := read()
	if failure, _ := last["failure"].(string); err != nil || last["verdict"] != "failed" || !strings.Contains(errOut.String(), failure) {
		t.Errorf("the report says %v (%v), the program %s", last, err, errOut.String())
	}
}

// witnessLine is a policy's first witness, under another name.
func witnessLine(policy []byte) []byte {
	for line := range bytes.Lines(policy) {
		if words := bytes.Fields(line); len(words) > 2 && string(words[0]) == "witness" {
			return bytes.Replace(line, words[1], []byte("stranger"), 1)
		}
	}
	return nil
}

// scrape reads a metrics page: name with labels to value.
func scrape(t *testing.T, v *validator) map[string]float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.metrics+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	page, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	values := map[string]float64{}
	for lines := bufio.NewScanner(page.Body); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && name != "#" {
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%s: %v", lines.Text(), err)
			}
			values[name] = number
		}
	}
	return values
}

func metricsPages(t *testing.T, n *network, height uint64) {
	leaders := 0.0
	for _, v := range n.nodes {
		m := scrape(t, v)
		leaders += m["carbonledger_leader"]
		between := func(name string, low, high float64) {
			t.Helper()
			if value, ok := m[name]; !ok || value < low || value > high {
				t.Errorf("%s: %s is %v (present: %v), want %v to %v", v.name, name, value, ok, low, high)
			}
		}
		h := float64(height)
		between("carbonledger_leader", 0, 1)
		between("carbonledger_serving", 1, 1)
		between("carbonledger_term", 1, 1000)
		between("carbonledger_height", h, h)
		between("carbonledger_blocks_total", h, h)
		between("carbonledger_transactions_total", 18, 18)
		between(`carbonledger_rejections_total{reason="INSUFFICIENT_HOLDING"}`, 1, 1)
		for _, which := range []string{"last", "commit", "applied"} {
			between(`carbonledger_log_index{which="`+which+`"}`, h, h+1000)
		}
		for _, other := range n.others(v) {
			between(`carbonledger_peer_lag_blocks{peer="`+other.name+`"}`, 0, 0)
			between(`carbonledger_peer_reachable{peer="`+other.name+`"}`, 1, 1)
		}
		between("carbonledger_apply_seconds_count", 1, h)
		between("carbonledger_apply_seconds_sum", 1e-9, 3600)
		between("carbonledger_log_fsync_seconds_count", 1, 1e6)
		between("carbonledger_log_fsync_seconds_sum", 1e-9, 3600)
		between("carbonledger_pool_transactions", 0, 0)
		between("carbonledger_raft_log_bytes", 1000, 1e8)
		between("carbonledger_disk_free_bytes", 1, 1e18)
		between("go_goroutines", 1, 1e5)
		between("process_resident_memory_bytes", 1e6, 1e11)
	}
	if leaders != 1 {
		t.Errorf("%v nodes say that they lead", leaders)
	}
	for _, path := range []string{"/", "/metrics/x"} {
		page, err := http.Get("http://" + n.nodes[0].metrics + path)
		if err != nil {
			t.Fatal(err)
		}
		page.Body.Close()
		if page.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %s", path, page.Status)
		}
	}
}

// reflects asks as grpcurl does which services there are and what they are like.
func reflects(t *testing.T, n *network) {
	conn, err := grpc.NewClient(n.nodes[0].api, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(in *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		if err := stream.Send(in); err != nil {
			t.Fatal(err)
		}
		out, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	list := ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
	names := map[string]bool{}
	for _, s := range list.GetListServicesResponse().GetService() {
		names[s.Name] = true
	}
	if !names["carbonledger.api.v1.Ledger"] || !names["grpc.health.v1.Health"] {
		t.Errorf("the services are %v", names)
	}
	files := ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{
		FileContainingSymbol: "carbonledger.api.v1.Ledger",
	}}).GetFileDescriptorResponse().GetFileDescriptorProto()
	if len(files) == 0 || !strings.Contains(string(files[0]), "CheckConservation") {
		t.Errorf("the service is described by %d files", len(files))
	}
}
