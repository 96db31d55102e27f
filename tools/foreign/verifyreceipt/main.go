// Verifyreceipt checks a c2sp.org/tlog-proof@v1 file against a
// c2sp.org/tlog-policy file. It imports nothing of the ledger whose receipts
// it checks.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	policy := flag.String("policy", "", "tlog-policy `file`")
	leaf := flag.String("leaf", "", "`file` with the leaf's bytes (default the receipt's extra line)")
	flag.Parse()
	index, size, err := verify(*policy, *leaf, flag.Arg(0))
	if err != nil {
		fmt.Println("FAILED:", strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(1)
	}
	fmt.Printf("OK index %d size %d\n", index, size)
}

func verify(policyFile, leafFile, receiptFile string) (index, size uint64, err error) {
	policy, err1 := os.ReadFile(policyFile)
	receipt, err2 := os.ReadFile(receiptFile)
	logs, quorum, err3 := parsePolicy(string(policy))
	var p proof.TLogProof
	if err := errors.Join(err1, err2, err3, p.Unmarshal(receipt)); err != nil {
		return 0, 0, err
	}
	leaf := p.ExtraData
	if leafFile != "" {
		leaf, err = os.ReadFile(leafFile)
	}
	switch {
	case err != nil:
		return 0, 0, err
	case leaf == nil:
		return 0, 0, errors.New("no leaf: the receipt has no extra line and --leaf is not given")
	case !bytes.Equal(p.Marshal(), receipt):
		return 0, 0, errors.New("the receipt is not in its one encoding")
	case !quorum.Satisfied(p.Checkpoint):
		return 0, 0, errors.New("the cosignatures do not satisfy the policy's quorum")
	}
	c, err := open(p.Checkpoint, logs)
	if err != nil {
		return 0, 0, err
	}
	var hashes [][]byte
	for _, h := range p.Hashes {
		hashes = append(hashes, h[:])
	}
	h := rfc6962.DefaultHasher
	return p.Index, c.Size, merkle.VerifyInclusion(h, p.Index, c.Size, h.HashLeaf(leaf), hashes, c.Hash)
}

// open returns the checkpoint that one of the logs signed under its own name.
func open(signed []byte, logs []note.Verifier) (c *log.Checkpoint, err error) {
	err = errors.New("the policy names no log")
	for _, v := range logs {
		if c, _, _, err = log.ParseCheckpoint(signed, v.Name(), v); err == nil {
			break
		}
	}
	return c, err
}

// parsePolicy also reads what witness.ParsePolicy does not: the logs, and
// witnesses without a URL.
func parsePolicy(text string) (logs []note.Verifier, quorum witness.Group, err error) {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) > 1 && f[0] == "log" {
			v, err := note.NewVerifier(f[1])
			if err != nil {
				return nil, quorum, fmt.Errorf("log %s: %w", f[1], err)
			}
			logs = append(logs, v)
		} else if len(f) == 3 && f[0] == "witness" {
			line = strings.Join(append(f, "/\n"), " ")
		}
		lines.WriteString(line)
	}
	quorum, err = witness.ParsePolicy([]byte(lines.String()))
	return logs, quorum, err
}
