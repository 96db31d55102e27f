package binary

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carbonledger/node/api"
	"carbonledger/tx"
)

// TestBadInput: every wrong thing that a client can send gets a clear no that
// names it, and leaves nothing behind.
func TestBadInput(t *testing.T) {
	n := running(t, three())
	n.does("registry", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "100", "--document", "doc-1")
	n.does("bank", "deposit", "--to", "entity-1", "--yuan", "1,000.00")
	t.Run("files", func(t *testing.T) { badFiles(t, n) })
	t.Run("operations", func(t *testing.T) { badOperations(t, n) })
	t.Run("keys", func(t *testing.T) { revokedKey(t, n) })
	t.Run("requests", func(t *testing.T) { badRequests(t, n) })
	t.Run("noise", func(t *testing.T) { noiseAtPorts(t, n) })

	// What was refused changed nothing, and every replica refused alike.
	n.awaitSame(n.nodes...)
	n.as("auditor", "query", "holdings").want(t, 0, "entity-1  CEA22       100 ", "1 of 1 holdings")
	n.as("auditor", "query", "money").want(t, 0, "entity-1  1,000.00", "entity-2  0.00", "2 of 2")
	command(t, "query", "conservation", "--api", n.nodes[1].api).want(t, 0, "CEA22")
	n.audit(n.nodes).want(t, 0, "passed")
}

// badFiles are found out before anything is sent; the message names the file.
func badFiles(t *testing.T, n *network) {
	good := n.signs("bank", "deposit", "--to", "entity-1", "--yuan", "5")
	raw, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 4000)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	other := newNetwork(t, three(), "--chain-id", "elsewhere")
	foreign := other.signs("bank", "deposit", "--to", "entity-1", "--yuan", "5")
	foreignRaw, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	signature := append([]byte{}, raw...)
	signature[len(signature)-1] ^= 1
	for _, c := range []struct {
		name    string
		content []byte
		says    string
	}{
		{"signature", signature, "BAD_SIGNATURE"},
		{"chain", foreignRaw, "on chain test with genesis " + n.domain.String()},
		{"twice", append(append([]byte{}, raw...), raw...), "MALFORMED"},
		{"cut", raw[:len(raw)-1], "MALFORMED"},
		{"noise", noise, "MALFORMED"},
		{"empty", nil, "NO_OPERATIONS"},
		{"large", make([]byte, tx.MaxTransactionBytes+1), "have 60000, want 60001"},
	} {
		file := filepath.Join(t.TempDir(), c.name+".tx")
		if err := os.WriteFile(file, c.content, 0o644); err != nil {
			t.Fatal(err)
		}
		// The good one beside it is not sent either.
		n.as("bank", "submit", good, file).want(t, 2, "nothing was sent: "+file, c.says)
	}
	n.as("bank", "receipt", good).want(t, 4, "no block up to height ")
	// A command for one network at the nodes of another.
	asOther := n.with(n.nodes, "bank", "deposit", "--to", "entity-1", "--yuan", "5", "--yes")
	for i, w := range asOther {
		if w == n.genesis {
			asOther[i] = other.genesis
		}
	}
	command(t, asOther...).want(t, 1, "the node serves chain test with genesis "+n.domain.String(), "of chain elsewhere with genesis "+other.domain.String(), "use the network's own document")
}

// badOperations are refused by the ledger, with numbers and height.
func badOperations(t *testing.T, n *network) {
	transfer := func(party string, words ...string) result {
		return n.as(party, append([]string{"transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "1", "--yes"}, words...)...)
	}
	transfer("entity-1", "--tonnes", "140").want(t, 3, "rejected at height ", "CEA22 of entity-1: there were 100 t, asked for 140 t: short by 40 t")
	n.as("bank", "withdraw", "--from", "entity-1", "--yuan", "1,000.01", "--yes").want(t, 3, "rejected at height ", "INSUFFICIENT_MONEY", "short by 0.01 yuan")
	transfer("entity-1", "--expiry", "2020-01-01T00:00:00+08:00").want(t, 3, "EXPIRED", "it expired after 2020-01-01")
	transfer("entity-1", "--instrument", "CEA99").want(t, 3, "UNKNOWN_INSTRUMENT", "CEA99")
	transfer("entity-1", "--to", "nobody").want(t, 3, "UNKNOWN_COUNTERPARTY", "nobody")
	n.as("bank", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "1", "--document", "d", "--yes").want(t, 3, "WRONG_ROLE")
	n.as("registry", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "9223372036854775807", "--document", "all", "--yes").want(t, 3, "AMOUNT_OVERFLOW")

	// A party that the ledger does not know, and another party's key.
	for party, says := range map[string]string{"nobody": "UNKNOWN_PARTY", "entity-2": "NOT_SIGNED_BY_PARTY"} {
		words := n.with(n.nodes, "entity-1", "deposit", "--to", "entity-1", "--yuan", "1", "--yes")
		for i, w := range words {
			if w == "--party" {
				words[i+1] = party
			}
		}
		command(t, words...).want(t, 3, says, party)
	}

	// A reference is used once: the first transaction is named.
	first := transfer("entity-1", "--reference", "r-1", "--to", "entity-1").want(t, 3, "SAME_PARTY").field(t, "transaction")
	transfer("entity-1", "--reference", "r-1").want(t, 3, "REFERENCE_REUSED", "the reference belongs to transaction "+first)
}

// revokedKey: from the block of its revocation on a key does nothing.
func revokedKey(t *testing.T, n *network) {
	secret, second := secretFile(t), filepath.Join(t.TempDir(), "second.key")
	n.as("exchange", "key", "revoke", n.key("exchange"), "--yes").want(t, 3, "LAST_KEY")
	command(t, "keys", "new", second, "--scheme", "sm2", "--passphrase-file", secret, "--work-factor", "10").must(t)
	proven := command(t, "keys", "prove", second, "--genesis", n.genesis, "--party", "exchange", "--passphrase-file", secret).must(t)
	n.does("exchange", "key", "add", strings.TrimSpace(proven.out))
	n.as("exchange", "key", "add", strings.TrimSpace(proven.out), "--yes").want(t, 3, "KEY_IN_USE")
	old := n.privateKey("exchange").Public().String()
	n.does("exchange", "key", "revoke", old)
	n.as("exchange", "day", "open", "2030-01-02", "--yes").want(t, 3, "KEY_REVOKED", old+" of exchange")
	n.as("exchange", "query", "block", "1").want(t, 1, "key")
}

// badRequests go around the client's own checks.
func badRequests(t *testing.T, n *network) {
	bank, c := n.privateKey("bank"), n.client(n.nodes...)
	submit := func(raws ...[]byte) ([]tx.Receipt, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return c.Submit(ctx, raws)
	}
	body := func(reference string, amount tx.Fen) *tx.Body {
		return &tx.Body{ChainId: "test", Party: "bank", Reference: reference, Operations: []tx.Operation{
			{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "entity-1", Amount: amount}}},
		}}
	}
	sign := func(b *tx.Body) []byte {
		raw, err := tx.NewTransaction(n.domain, b, bank)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}

	// Refused by the ledger, with a receipt.
	half := body("half", 700)
	half.Operations = append(half.Operations, body("", -1).Operations...)
	for raw, want := range map[string]tx.Reason{
		string(sign(body("negative", -5))):         tx.AmountNotPositive,
		string(sign(body("zero", 0))):              tx.AmountNotPositive,
		string(sign(body("most", math.MaxInt64))):  tx.AmountOverflow,
		string(sign(body("least", math.MinInt64))): tx.AmountNotPositive,
		string(sign(half)):                         tx.AmountNotPositive,
	} {
		receipts, err := submit([]byte(raw))
		if err != nil || receipts[0].Reason != want {
			t.Errorf("want %s, got %v, %v", want, receipts, err)
		}
	}

	// Refused at the gate: no block takes them, nor what came in the same request.
	otherChain := body("chain", 1)
	otherChain.ChainId = "elsewhere"
	good, unsigned := sign(body("good", 1)), sign(body("unsigned", 1))
	unsigned[len(unsigned)-1] ^= 1
	b, err := body("unknown", 1).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	// Field 5 of a body is an operation; this one has a field 100 that no version knows.
	unknown, err := tx.SignBody(n.domain, append(b, 5<<3|2, 3, 0xa2, 0x06, 0), nil, bank)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		raw  []byte
		want tx.Reason
	}{
		{unsigned, tx.BadSignature},
		{unknown, tx.UnknownOperation},
		{sign(otherChain), tx.WrongChain},
		{append(append([]byte{}, good...), good...), tx.Malformed},
		{[]byte(strings.Repeat("noise", 100)), tx.Malformed},
		{make([]byte, tx.MaxTransactionBytes+1), tx.TooLarge},
	} {
		_, err := submit(good, bad.raw)
		var no *tx.Rejection
		if !errors.As(err, &no) || no.Reason != bad.want || !errors.Is(err, api.ErrWithoutEffect) {
			t.Errorf("want %s, without effect; got %v", bad.want, err)
		}
	}
	for _, c := range []struct {
		raws [][]byte
		says string
	}{
		{nil, "none given"},
		{copies(good, 20_001), "20001 given, at most 20000 in one request"},
		{append(copies(make([]byte, tx.MaxTransactionBytes), 100), good), "send fewer transactions in one request"},
	} {
		if _, err := submit(c.raws...); !errors.Is(err, api.ErrWithoutEffect) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("a request of %d transactions: %v, want %q", len(c.raws), err, c.says)
		}
	}
	id, err := tx.TransactionID(n.domain, good)
	if err != nil {
		t.Fatal(err)
	}
	command(t, "receipt", hex.EncodeToString(id[:]), "--api", n.nodes[0].api).want(t, 4, "no block up to height ")
}

func copies(b []byte, count int) [][]byte {
	all := make([][]byte, count)
	for i := range all {
		all[i] = b
	}
	return all
}

// noiseAtPorts: strangers that speak no protocol of ours disturb nobody.
func noiseAtPorts(t *testing.T, n *network) {
	noise := make([]byte, 64<<10)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	v := n.nodes[0]
	for _, address := range []string{v.api, v.metrics, loopback(v.peer)} {
		conn, err := net.DialTimeout("tcp", address, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		// The other side may hang up on the way.
		_, _ = conn.Write(noise)
		_ = conn.Close()
	}
	n.does("bank", "deposit", "--to", "entity-2", "--yuan", "1")
	n.does("bank", "withdraw", "--from", "entity-2", "--yuan", "1")
	n.awaitServing(v)
}
