package genesis

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"carbonledger/tx"

	"github.com/pelletier/go-toml/v2"
)

// header is the comment at the top of a document that we write.
const header = `# The founding document of a carbonledger network. Every operator and every
# institution uses the same bytes: their SHA-256 is part of each signature and
# of each connection between nodes. Change anything, a comment too, and it is
# another network.

`

// Encode writes a founding as a document that Parse reads back. The hash of the
// founding is not looked at. Its error names the field.
func Encode(f *tx.Founding) ([]byte, error) {
	d := Document{
		ChainID: f.ChainID, ProtocolVersion: f.ProtocolVersion, Clock: WallClock, FreeTransfers: f.FreeTransfers,
		Start: time.UnixMilli(int64(f.Start)).In(time.FixedZone("UTC+8", 8*60*60)).Format("2006-01-02T15:04:05.999Z07:00"),
	}
	if f.ScriptClock {
		d.Clock = ScriptClock
	}
	if f.LogOrigin != "" {
		d.Log = &Log{Origin: f.LogOrigin, Key: tx.PublicKey{Scheme: tx.Ed25519, Key: f.LogKey}.String()}
	}
	d.Validators = writtenValidators(f.Validators)
	for _, p := range f.Parties {
		q := Party{ID: p.Id, Role: RoleName(p.Role), Name: p.Name, Region: p.Region, USCC: p.USCC, Sector: SectorName(p.Sector)}
		for _, k := range p.Keys {
			q.Keys = append(q.Keys, k.Key.String())
		}
		d.Parties = append(d.Parties, q)
	}
	for _, i := range f.Instruments {
		in := Instrument{Code: i.Code, Vintage: int(i.Vintage)}
		if i.ReferencePrice > 0 {
			in.ReferencePrice = i.ReferencePrice.String()
		}
		d.Instruments = append(d.Instruments, in)
	}
	d.Calendar.ClosedDays = []string{}
	for _, day := range f.ClosedDays {
		d.Calendar.ClosedDays = append(d.Calendar.ClosedDays, day.String())
	}
	for _, p := range f.Parameters {
		d.Parameters = append(d.Parameters, Parameter{Name: p.Name, From: p.From.String(), Value: p.Value})
	}
	content, err := encodeTOML(header, d)
	if err != nil {
		return nil, fmt.Errorf("genesis: write the document: %w", err)
	}
	// The line is one of a document that nobody has seen.
	var bad *Error
	if _, err := Parse(content); errors.As(err, &bad) {
		return nil, fmt.Errorf("genesis: %s: %s", bad.Field, bad.What)
	} else if err != nil {
		return nil, err
	}
	return content, nil
}

// encodeTOML writes a value below a comment.
func encodeTOML(comment string, value any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(comment)
	e := toml.NewEncoder(&b)
	e.SetIndentTables(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSpace(b.String()) + "\n"), nil
}

// writtenValidators are validators as files have them.
func writtenValidators(all []tx.Validator) (written []Validator) {
	for _, v := range all {
		w := Validator{
			Name: v.Name, Site: v.Site, Address: v.Address, Incarnation: fmt.Sprintf("%x", v.IncarnationSha256),
			NodeKey:   tx.PublicKey{Scheme: tx.Ed25519, Key: v.NodeKey}.String(),
			CosignKey: tx.PublicKey{Scheme: tx.Ed25519, Key: v.CosignKey}.String(),
		}
		if !v.Voter {
			w.Voter = new(bool)
		}
		written = append(written, w)
	}
	return written
}
