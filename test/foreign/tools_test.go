//go:build foreign

package foreign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"carbonledger/cli/local"
)

const (
	fsckTool          = "github.com/transparency-dev/tessera/cmd/fsck"
	omniwitnessTool   = "github.com/transparency-dev/witness/cmd/omniwitness"
	generateKeysTool  = "github.com/transparency-dev/witness/cmd/generate_keys"
	verifyReceiptTool = "carbonledger/tools/foreign/verifyreceipt"
)

const (
	buildLimit = 6 * time.Minute // the first build downloads and compiles all that the tools need
	toolLimit  = 60 * time.Second
)

var (
	builds   = map[string]func() (string, error){}
	buildsMu sync.Mutex
)

// buildTool returns the file of a program of tools/foreign, built at most once
// by this process.
func buildTool(t *testing.T, importPath string) string {
	t.Helper()
	buildsMu.Lock()
	build, ok := builds[importPath]
	if !ok {
		build = sync.OnceValues(func() (string, error) { return goBuild(importPath) })
		builds[importPath] = build
	}
	buildsMu.Unlock()
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func goBuild(importPath string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	file := filepath.Join(cache, "carbonledger-foreign", path.Base(importPath))
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join("..", "..", "tools", "foreign"),
		"-mod=readonly", "-buildvcs=false", "-o", file, importPath)
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("not done after %v", buildLimit)
	}
	if err != nil {
		return "", fmt.Errorf("cannot build the foreign tool %s (its first build needs the Go module proxy): %w\n%s", importPath, err, out)
	}
	return file, nil
}

// runTool returns what a tool printed, and an error where it exited non-zero
// or outlasted toolLimit.
func runTool(t *testing.T, file string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolLimit)
	defer cancel()
	c := exec.CommandContext(ctx, file, args...)
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("not done after %v", toolLimit)
	}
	return string(out), err
}

var fsckSuccess = regexp.MustCompile(`(?m)^I.*\] Successfully fsck'd log with size \d+ and root `)

// fsck checks the whole log at url. An origin of "" is the key's name, a token
// of "" is none. Only the line of success is believed: fsck exits 0 on a
// corrupt log too.
func fsck(t *testing.T, url, vkeyFile, origin, token string) error {
	t.Helper()
	// With more wrong tiles than workers, fsck hangs.
	args := []string{"--ui=false", "--N=64", "--storage_url=" + strings.TrimSuffix(url, "/") + "/", "--public_key=" + vkeyFile}
	if origin != "" {
		args = append(args, "--origin="+origin)
	}
	if token != "" {
		args = append(args, "--bearer_token="+token)
	}
	out, err := runTool(t, buildTool(t, fsckTool), args...)
	if err != nil || !fsckSuccess.MatchString(out) {
		return fmt.Errorf("fsck %s: no success (exit: %v)\n%s", url, err, shorten(out))
	}
	return nil
}

// shorten leaves out the middle of long output: fsck prints wrong tiles whole.
func shorten(s string) string {
	const keep = 1500
	if len(s) <= 2*keep {
		return s
	}
	return s[:keep] + "\n…\n" + s[len(s)-keep:]
}

// verifyReceipt checks a receipt with tools/foreign/verifyreceipt and returns
// the line it printed. With a leafFile of "" the receipt's extra line is the
// leaf.
func verifyReceipt(t *testing.T, policyFile, leafFile, receiptFile string) (string, error) {
	t.Helper()
	args := []string{"--policy", policyFile}
	if leafFile != "" {
		args = append(args, "--leaf", leafFile)
	}
	out, err := runTool(t, buildTool(t, verifyReceiptTool), append(args, receiptFile)...)
	if err == nil && !strings.HasPrefix(out, "OK index ") {
		err = fmt.Errorf("exit 0 without OK")
	}
	return strings.TrimSuffix(out, "\n"), err
}

// witnessed is a log that a witness shall know.
type witnessed struct{ origin, vkey string }

// witness is an omniwitness: its key and address are known before it runs.
type witness struct{ name, dir, address, vkey string }

func newWitness(t *testing.T, name string) *witness {
	t.Helper()
	w := &witness{name: name, dir: t.TempDir(), address: freeAddress(t)}
	if out, err := runTool(t, buildTool(t, generateKeysTool), "--origin", name, "--out_priv", w.file("sec"), "--out_pub", w.file("pub")); err != nil {
		t.Fatalf("generate_keys: %v\n%s", err, out)
	}
	key, err := os.ReadFile(w.file("pub"))
	if err != nil {
		t.Fatal(err)
	}
	w.vkey = strings.TrimSpace(string(key))
	return w
}

func (w *witness) file(name string) string { return filepath.Join(w.dir, name) }

func (w *witness) url() string { return "http://" + w.address }

// start runs it until the test ends. It polls nobody.
func (w *witness) start(t *testing.T, logs ...witnessed) {
	t.Helper()
	yaml := "Logs:\n"
	for _, l := range logs {
		yaml += fmt.Sprintf("- {Origin: %q, PublicKey: %q}\n", l.origin, l.vkey)
	}
	writeToolFile(t, w.file("logs.yaml"), []byte(yaml))
	c := exec.Command(buildTool(t, omniwitnessTool), "--listen", w.address, "--metrics_listen", "",
		"--private_key_path", w.file("sec"), "--db_file", w.file("db"), "--additional_logs", w.file("logs.yaml"))
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Wait(); err != nil {
			fmt.Fprintf(&output, "(%v)\n", err)
		}
	}()
	t.Cleanup(func() {
		if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("witness %s, process %d: %v", w.name, c.Process.Pid, err)
		}
		<-ended
		if t.Failed() {
			t.Logf("witness %s said:\n%s", w.name, shorten(output.String()))
		}
	})
	awaitListening(t, w.address, ended)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ports, err := local.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0])
}

func awaitListening(t *testing.T, address string, ended <-chan struct{}) {
	t.Helper()
	for deadline := time.Now().Add(toolLimit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			return
		}
		select {
		case <-ended:
			t.Fatalf("the process that should listen on %s has ended", address)
		default:
		}
	}
	t.Fatalf("nobody listens on %s after %v", address, toolLimit)
}

// postCheckpoint sends an add-checkpoint request and returns the answer's status, media
// type and body.
func postCheckpoint(t *testing.T, witness string, body []byte) (status int, media, answer string) {
	t.Helper()
	client := http.Client{Timeout: toolLimit}
	r, err := client.Post(witness+"/add-checkpoint", "text/plain; charset=utf-8", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header.Get("Content-Type"), string(b)
}

func writeToolFile(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
