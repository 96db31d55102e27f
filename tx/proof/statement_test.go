package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"carbonledger/tx/proof"
)

func statement() []proof.StatementEntry {
	return []proof.StatementEntry{
		{Index: 3, Leaf: proof.LeafHash([]byte("first"))},
		{Index: 4, Leaf: proof.LeafHash([]byte("second")), Puts: proof.AppendPut(proof.AppendPut(nil, "key", []byte{1}), "other", make([]byte, 200))},
		{Index: 9, Leaf: proof.LeafHash([]byte("third")), Puts: proof.AppendPut(nil, "key", nil)},
	}
}

// TestStatementHead: the head is what the format says, byte for byte, and every
// byte of every entry and their order count.
func TestStatementHead(t *testing.T) {
	all := statement()
	var want proof.Hash
	for _, e := range all {
		b := append([]byte("carbonledger/statement/v1\x00"), want[:]...)
		b = append(b, 0, 0, 0, 0, 0, 0, 0, byte(e.Index))
		b = append(b, e.Leaf[:]...)
		puts := sha256.Sum256(e.Puts)
		want = sha256.Sum256(append(b, puts[:]...))
	}
	head := proof.StatementHead(proof.Hash{}, all...)
	if head != want {
		t.Fatalf("the head is %x, not %x", head, want)
	}
	if got := proof.StatementHead(proof.StatementHead(proof.Hash{}, all[:1]...), all[1:]...); got != want {
		t.Errorf("in two parts the head is %x, not %x", got, want)
	}
	for name, change := range map[string]func(s []proof.StatementEntry) []proof.StatementEntry{
		"left out": func(s []proof.StatementEntry) []proof.StatementEntry { return slices.Delete(s, 1, 2) },
		"cut":      func(s []proof.StatementEntry) []proof.StatementEntry { return s[:2] },
		"twice":    func(s []proof.StatementEntry) []proof.StatementEntry { return append(s, s[2]) },
		"swapped":  func(s []proof.StatementEntry) []proof.StatementEntry { s[0], s[1] = s[1], s[0]; return s },
		"index":    func(s []proof.StatementEntry) []proof.StatementEntry { s[1].Index++; return s },
		"leaf":     func(s []proof.StatementEntry) []proof.StatementEntry { s[0].Leaf[31]++; return s },
		"puts":     func(s []proof.StatementEntry) []proof.StatementEntry { s[2].Puts = nil; return s },
	} {
		if proof.StatementHead(proof.Hash{}, change(statement())...) == head {
			t.Errorf("%s: the head is the same", name)
		}
	}
}

func TestPuts(t *testing.T) {
	b := statement()[1].Puts
	if want := "036b6579" + "0101" + "056f74686572" + "c801"; hex.EncodeToString(b[:len(b)-200]) != want {
		t.Errorf("puts begin with %x, not %s", b[:len(b)-200], want)
	}
	all, err := proof.DecodePuts(b)
	if err != nil || len(all) != 2 || string(all[0].Key) != "key" || !bytes.Equal(all[0].Value, []byte{1}) || string(all[1].Key) != "other" || len(all[1].Value) != 200 {
		t.Errorf("puts decode as %v, %v", all, err)
	}
	first := len(proof.AppendPut(nil, "key", []byte{1}))
	for n := range b {
		if all, err := proof.DecodePuts(b[:n]); (err == nil) != (n == 0 || n == first) {
			t.Errorf("%d bytes decode as %v, %v", n, all, err)
		}
	}
	if _, err := proof.DecodePuts(bytes.Repeat([]byte{0xff}, 11)); err == nil {
		t.Error("a length of more than 64 bits decodes")
	}
}
