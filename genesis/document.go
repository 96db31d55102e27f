package genesis

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"carbonledger/tx"
	"carbonledger/tx/limited"

	"github.com/pelletier/go-toml/v2"
)

// Clock says where ledger time comes from.
const (
	WallClock   = "wall"   // from the stamps of blocks
	ScriptClock = "script" // from transactions of the timekeeper
)

// Document is what the file says. Amounts of money are yuan with two decimals.
type Document struct {
	ChainID         string `toml:"chain_id" comment:"Part of every transaction and of every order. It begins with script- if the clock is script, and only then."`
	ProtocolVersion uint32 `toml:"protocol_version" comment:"The rules of the ledger at height 0."`
	// Clock is WallClock or ScriptClock.
	Clock string `toml:"clock" comment:"wall: ledger time comes from the leader's clock; script: from transactions of the timekeeper (tests and demonstrations)."`
	// FreeTransfers allows the operation transfer: bench and test chains only.
	FreeTransfers bool `toml:"free_transfers" comment:"true allows transfers without a trade, which the law does not know: bench and test chains only."`
	// Start is ledger time at height 0, RFC 3339 with milliseconds at most.
	Start string `toml:"start" comment:"Ledger time at height 0."`

	Log *Log `toml:"log,omitempty" comment:"The transparency log: its name, as part of every checkpoint, and the key of its own signature, which every validator holds\n(origin.key in its data directory). Without it nothing is published."`

	Validators  []Validator  `toml:"validators" comment:"Each from the line that \"carbonledger init node\" printed on its operator's machine."`
	Parties     []Party      `toml:"parties" comment:"Accounts that exist from the start. Roles: ministry, region, registry, exchange, bank, entity, auditor, timekeeper,\nccer-registry, ccer-exchange, verifier, court, other. Each key is a person's of its own, with all rights; a registry has two.\nAn entity names its region, which comes before it; entities and others have a unified social credit code (uscc), entities\na sector: power (if none is given), steel, cement, aluminium."`
	Instruments []Instrument `toml:"instruments" comment:"Vintages of allowances, in the order of lists. The vintage is the (last) year of the allowances;\nthe reference price, in yuan a tonne, stands for the close until the first one."`
	Calendar    Calendar     `toml:"calendar" comment:"The weekdays without trading; Saturdays and Sundays never are trading days."`
	Parameters  []Parameter  `toml:"parameters,omitempty" comment:"Parameters of the market, each from a day on."`

	founding tx.Founding
}

// Log is the transparency log that the network publishes.
type Log struct {
	Origin string `toml:"origin"`
	Key    string `toml:"key"`
}

// Validator is one voter of the founding network.
type Validator struct {
	Name        string `toml:"name"`
	Site        string `toml:"site"`
	Address     string `toml:"address"`
	NodeKey     string `toml:"node_key"`
	CosignKey   string `toml:"cosign_key"`
	Incarnation string `toml:"incarnation_sha256"`
	// Voter is true unless the file says otherwise.
	Voter *bool `toml:"voter,omitempty"`
}

// Party is an account that exists from the start.
type Party struct {
	ID     string `toml:"id"`
	Role   string `toml:"role"`
	Name   string `toml:"name"`
	Region string `toml:"region,omitempty"`
	// USCC is the unified social credit code.
	USCC   string `toml:"uscc,omitempty"`
	Sector string `toml:"sector,omitempty"`
	// Keys are each a person's of its own, with all rights.
	Keys []string `toml:"keys"`
}

// Instrument is a vintage of allowances.
type Instrument struct {
	Code string `toml:"code"`
	// Vintage is the (last) year of the allowances.
	Vintage int `toml:"vintage"`
	// ReferencePrice in yuan a tonne stands for the close until the first one;
	// empty for none.
	ReferencePrice string `toml:"reference_price,omitempty"`
}

// Calendar lists the weekdays without trading; Saturdays and Sundays never are
// trading days.
type Calendar struct {
	ClosedDays []string `toml:"closed_days,multiline"`
}

// Parameter is a market parameter from a day on.
type Parameter struct {
	Name  string `toml:"name"`
	From  string `toml:"from"`
	Value string `toml:"value"`
}

// maxBytes bounds a document.
const maxBytes = 16 << 20

// Read reads the document at path. Its error names file, line and field.
func Read(path string) (*Document, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	d, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("genesis: %s:%w", path, err)
	}
	return d, nil
}

// ReadParties reads a file that has only the parties of a document, for the
// institutions and entities that somebody else lists. Its error names file,
// line and field. What the parties are among the others, such as an entity's
// region, is checked when the document is written.
func ReadParties(path string) ([]tx.OpenAccount, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var part struct {
		Parties []Party `toml:"parties"`
	}
	decoder := toml.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&part); err != nil {
		return nil, fmt.Errorf("genesis: %s:%w", path, syntaxError(err))
	}
	b := newBuilder(content)
	var all []tx.OpenAccount
	for i := range part.Parties {
		all = append(all, b.party(i, &part.Parties[i]))
	}
	if b.problem != nil {
		return nil, fmt.Errorf("genesis: %s:%w", path, b.problem)
	}
	return all, nil
}

func readFile(path string) ([]byte, error) {
	content, err := limited.ReadFile(path, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	return content, nil
}

// Parse reads a document. Its error is an *Error.
func Parse(content []byte) (*Document, error) {
	d := &Document{}
	if err := decodeTOML(content, d); err != nil {
		return nil, err
	}
	if err := d.build(newBuilder(content), sha256.Sum256(content)); err != nil {
		return nil, err
	}
	return d, nil
}

// decodeTOML reads a file of ours, with no field that it does not have. Its error
// is an *Error.
func decodeTOML(content []byte, into any) error {
	decoder := toml.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return syntaxError(err)
	}
	return nil
}

// syntaxError names the line of what is no TOML, or no field of ours.
func syntaxError(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		line, _ := unknown.Errors[0].Position()
		return &Error{Line: line, Field: fieldName(unknown.Errors[0].Key()), What: "there is no such field: remove it, or see the names in docs/operators.md"}
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, _ := wrong.Position()
		return &Error{Line: line, Field: fieldName(wrong.Key()), What: wrong.Error()}
	}
	return &Error{Line: 1, What: err.Error()}
}

// Error is what is wrong with a document.
type Error struct {
	// Line of the file, from 1.
	Line int
	// Field as parties[2].keys; empty for the document as a whole.
	Field string
	What  string
}

// Error is "LINE: FIELD: what is wrong".
func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%d: %s", e.Line, e.What)
	}
	return fmt.Sprintf("%d: %s: %s", e.Line, e.Field, e.What)
}

// Founding is what the ledger begins with. Its slices are shared.
func (d *Document) Founding() tx.Founding { return d.founding }

// Hash is the SHA-256 of the document's bytes.
func (d *Document) Hash() tx.Domain { return d.founding.Hash }
