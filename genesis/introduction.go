package genesis

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"carbonledger/tx"
	"carbonledger/tx/durable"
)

// Introduction leads a node from the validators that it trusts to those of
// today. A node whose genesis document names validators that have all been
// replaced knows nobody who could tell it of the new ones; an introduction does,
// step by step: a majority of the voters of one list signs the next, with their
// cosigning keys.
type Introduction struct {
	GenesisHash string             `toml:"genesis_hash" comment:"SHA-256 of the genesis document."`
	Steps       []IntroductionStep `toml:"steps" comment:"Each list is signed by a majority of the voters of the list before; the first by those of genesis."`

	domain tx.Domain
	lists  [][]tx.Validator
}

// IntroductionStep is one list of validators and who vouches for it.
type IntroductionStep struct {
	Validators []Validator             `toml:"validators"`
	Signatures []IntroductionSignature `toml:"signatures"`
}

// IntroductionSignature is by a validator of the list before, over
// tx.IntroduceMessage.
type IntroductionSignature struct {
	Validator string `toml:"validator"`
	Signature string `toml:"signature"`
}

const introductionHeader = `# An introduction to the validators of a carbonledger network, for a node whose
# own list is too old to reach them: "carbonledger node --introduce FILE". Check it
# with "carbonledger introduction check".

`

// NewIntroduction begins one for a chain, without steps.
func NewIntroduction(d tx.Domain) *Introduction {
	return &Introduction{GenesisHash: d.String(), domain: d}
}

// ReadIntroduction reads the file at path. Its error names file, line and field.
// What the signatures are worth only Current says.
func ReadIntroduction(path string) (*Introduction, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	n := &Introduction{}
	if err := decodeTOML(content, n); err != nil {
		return nil, fmt.Errorf("genesis: %s:%w", path, err)
	}
	sum, err := hex.DecodeString(n.GenesisHash)
	if err != nil || len(sum) != len(n.domain) {
		return nil, fmt.Errorf("genesis: %s: genesis_hash: %q is not 64 hexadecimal digits", path, n.GenesisHash)
	}
	n.domain = tx.Domain(sum)
	for i, s := range n.Steps {
		// Names and keys come back in the next step: each list is checked alone.
		b := newBuilder(content)
		n.lists = append(n.lists, b.validators(fmt.Sprintf("steps[%d].validators", i), s.Validators))
		if b.problem != nil {
			return nil, fmt.Errorf("genesis: %s:%w", path, b.problem)
		}
	}
	return n, nil
}

// Add appends a list that nobody has signed yet.
func (n *Introduction) Add(validators []tx.Validator) {
	n.Steps = append(n.Steps, IntroductionStep{Validators: writtenValidators(validators)})
	n.lists = append(n.lists, validators)
}

// List is that of step i; do not change it.
func (n *Introduction) List(i int) []tx.Validator { return n.lists[i] }

// Last is the newest list; nil where there is none.
func (n *Introduction) Last() []tx.Validator {
	if len(n.lists) == 0 {
		return nil
	}
	return n.lists[len(n.lists)-1]
}

// Sign adds a validator's signature to the newest list; a second one of the same
// validator replaces the first.
func (n *Introduction) Sign(validator string, cosign tx.PrivateKey) error {
	if len(n.Steps) == 0 {
		return errors.New("genesis: the introduction has no list to sign")
	}
	m, err := tx.IntroduceMessage(n.domain, n.Last())
	if err != nil {
		return err
	}
	signature, err := cosign.Sign(m)
	if err != nil {
		return err
	}
	s := &n.Steps[len(n.Steps)-1]
	s.Signatures = slices.DeleteFunc(s.Signatures, func(o IntroductionSignature) bool { return o.Validator == validator })
	s.Signatures = append(s.Signatures, IntroductionSignature{validator, hex.EncodeToString(signature)})
	return nil
}

// Write makes the file at path, whole or not at all.
func (n *Introduction) Write(path string) error {
	content, err := encodeTOML(introductionHeader, n)
	if err != nil {
		return fmt.Errorf("genesis: write the introduction: %w", err)
	}
	if err := durable.Replace(path, content, 0o644); err != nil {
		return fmt.Errorf("genesis: write the introduction: %w", err)
	}
	return nil
}

// Signers are the voters of a list that signed step i, and how many are needed.
func (n *Introduction) Signers(i int, trusted []tx.Validator) (signers []string, need int) {
	voters := 0
	for _, v := range trusted {
		if !v.Voter {
			continue
		}
		voters++
		for _, s := range n.Steps[i].Signatures {
			signature, err := hex.DecodeString(s.Signature)
			if err == nil && s.Validator == v.Name && !slices.Contains(signers, v.Name) && tx.VerifyIntroduction(n.domain, n.lists[i], v.CosignKey, signature) {
				signers = append(signers, v.Name)
			}
		}
	}
	return signers, voters/2 + 1
}

// Current is the newest list, if the steps lead to it from the trusted one: that
// of genesis, or of the ledger that a node has. Steps before the one that the
// trusted voters signed are passed over.
func (n *Introduction) Current(d tx.Domain, trusted []tx.Validator) ([]tx.Validator, error) {
	if n.domain != d {
		return nil, fmt.Errorf("genesis: the introduction is for genesis %s, not %s: use that of this network", n.domain, d)
	}
	reached := -1
	for i := range n.Steps {
		if signers, need := n.Signers(i, trusted); len(signers) >= need {
			trusted, reached = n.lists[i], i
		}
	}
	if reached < 0 || reached < len(n.Steps)-1 {
		i := reached + 1
		if i >= len(n.Steps) {
			return nil, errors.New("genesis: the introduction has no list")
		}
		signers, need := n.Signers(i, trusted)
		return nil, fmt.Errorf("genesis: list %d of the introduction is signed by %d of the %d trusted voters that are needed: %v; ask more of them to sign it (carbonledger introduction sign)", i+1, len(signers), need, signers)
	}
	return trusted, nil
}
