package local

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

const countVariable = "CARBONLEDGER_TEST_PORTS"

func TestMain(m *testing.M) {
	if count, err := strconv.Atoi(os.Getenv(countVariable)); err == nil {
		os.Exit(givePorts(count))
	}
	os.Exit(m.Run())
}

// givePorts prints ports that this process was given, and stays until its
// standard input closes.
func givePorts(count int) int {
	ports, err := FreePorts(count)
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		return 1
	}
	said := make([]string, len(ports))
	for i, p := range ports {
		said[i] = strconv.Itoa(p)
	}
	_, _ = os.Stdout.WriteString(strings.Join(said, " ") + "\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
	return 0
}

// TestFreePorts: no port is given twice, neither by one process, whose ports
// nobody listens on, nor by several that run at once. 150 ports of each fill
// more than half a block, so that a shared block would show.
func TestFreePorts(t *testing.T) {
	given := map[string]string{}
	note := func(whose, port string) {
		if before := given[port]; before != "" {
			t.Errorf("port %s was given to %s and to %s", port, before, whose)
		}
		given[port] = whose
	}
	for range 3 {
		ports, err := FreePorts(150)
		if err != nil || len(ports) != 150 {
			t.Fatalf("%d ports, %v", len(ports), err)
		}
		for _, p := range ports {
			l, err := listen(p)
			if err != nil {
				t.Error(err)
				continue
			}
			_ = l.Close()
			note("this process", strconv.Itoa(p))
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		c := exec.Command(program)
		c.Env, c.Stderr = append(os.Environ(), countVariable+"=150"), os.Stderr
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = in.Close()
			if err := c.Wait(); err != nil {
				t.Error(err)
			}
		})
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		ports := strings.Fields(line)
		if len(ports) != 150 {
			t.Fatalf("child %d was given %d ports", i, len(ports))
		}
		for _, p := range ports {
			note("child "+strconv.Itoa(i), p)
		}
	}
}
