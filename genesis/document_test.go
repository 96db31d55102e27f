package genesis

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"carbonledger/tx"
)

// key is a public key that depends on n alone.
func key(t testing.TB, scheme tx.KeyScheme, n byte) tx.PublicKey {
	t.Helper()
	k, err := tx.NewPrivateKey(scheme, bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

// founding has something of everything.
func founding(t testing.TB) tx.Founding {
	t.Helper()
	f := tx.Founding{
		ChainID: "script-cn-ets", ProtocolVersion: 1, ScriptClock: true, FreeTransfers: true,
		Start: tx.Day(20240101).Start() + 500,
		Instruments: []tx.Instrument{
			{Code: "CEA19-20", Vintage: 2020}, {Code: "CEA22", Vintage: 2022, ReferencePrice: 7942},
		},
		ClosedDays: []tx.Day{20240101, 20240209},
		Parameters: []tx.SetParameter{
			{Name: "composite.weights", From: 20240101, Value: "CEA19-20:3 CEA22:2"},
			{Name: "price.reference.CEA22", From: 20240102, Value: "80.00"},
			{Name: "obligation.deadline.2023", From: 20240101, Value: "2024-12-31"},
			{Name: "order.block.least", From: 20240101, Value: "100000"},
			{Name: "offset.share", From: 20240101, Value: "5/100"},
		},
	}
	for i, site := range []string{"Wuhan", "Shanghai", "Beijing"} {
		n := byte(1 + 3*i)
		incarnation := sha256.Sum256([]byte{n})
		f.Validators = append(f.Validators, tx.Validator{
			Name: strings.ToLower(site) + "-1", Site: site, Address: "/ip4/10.1.2.3/tcp/7070", Voter: i < 2,
			NodeKey: key(t, tx.Ed25519, n).Key, CosignKey: key(t, tx.Ed25519, n+1).Key, IncarnationSha256: incarnation[:],
		})
	}
	for i, p := range []tx.OpenAccount{
		{Id: "mee", Role: tx.Ministry, Name: `Ministry of "Ecology"`}, {Id: "region-42", Role: tx.RegionDepartment, Name: "湖北省"},
		{Id: "registry", Role: tx.Registry, Name: "Registry"}, {Id: "clock", Role: tx.Timekeeper, Name: "Clock"},
		{Id: "91420000MA49", Role: tx.KeyEmittingEntity, Name: "Power Plant", Region: "region-42", USCC: "91420000000000007C", Sector: tx.Power},
	} {
		p.Keys = []tx.ProvenKey{{Key: key(t, tx.Ed25519, byte(50+i))}, {Key: key(t, tx.SM2, byte(70+i))}}
		f.Parties = append(f.Parties, p)
	}
	return f
}

func encoded(t testing.TB) []byte {
	t.Helper()
	f := founding(t)
	content, err := Encode(&f)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestEncodeAndParse(t *testing.T) {
	content := encoded(t)
	d, err := Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	want := founding(t)
	want.Hash = sha256.Sum256(content)
	if got := d.Founding(); !reflect.DeepEqual(got, want) {
		t.Errorf("parsed\n%+v\nwant\n%+v", got, want)
	}
	if d.Hash() != want.Hash {
		t.Error("the hash is not the SHA-256 of the bytes")
	}
	// A comment more is another network.
	other, err := Parse(append(bytes.Clone(content), "# hello\n"...))
	if err != nil || other.Hash() == d.Hash() {
		t.Errorf("another comment, the same hash: %v", err)
	}
	f := d.Founding()
	again, err := Encode(&f)
	if err != nil || !bytes.Equal(again, content) {
		t.Errorf("encoded again it differs: %v\n%s", err, again)
	}
}

// TestFormat keeps the written document as people know it.
func TestFormat(t *testing.T) {
	path := filepath.Join("testdata", "genesis.toml")
	content := encoded(t)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content, want) {
		t.Errorf("the document is written in another way than in %s (UPDATE=1 accepts it):\n%s", path, content)
	}
}

func TestEncodeRefusesWhatParseWould(t *testing.T) {
	f := founding(t)
	f.Validators[1].Address = "10.1.2.3:7070"
	if _, err := Encode(&f); err == nil || !strings.Contains(err.Error(), "validators[1].address") {
		t.Errorf("Encode: %v", err)
	}
}

func TestReadNamesFileLineAndField(t *testing.T) {
	path := filepath.Join(t.TempDir(), "genesis.toml")
	if err := os.WriteFile(path, bytes.Replace(encoded(t), []byte(`clock = 'script'`), []byte(`clock = 'sun'`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Read(path)
	line := lineOf(t, encoded(t), "clock = ", 0)
	if want := fmt.Sprintf(`genesis: %s:%d: clock: "sun": use`, path, line); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Read: %v; want %s…", err, want)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Errorf("a missing file: %v", err)
	}
}

// lineOf is the line of the nth occurrence (from 0) of a text.
func lineOf(t testing.TB, content []byte, text string, n int) int {
	t.Helper()
	for i, line := range strings.Split(string(content), "\n") {
		if strings.HasPrefix(line, text) {
			if n == 0 {
				return i + 1
			}
			n--
		}
	}
	t.Fatalf("no line begins with %q", text)
	return 0
}

func FuzzParse(f *testing.F) {
	content := encoded(f)
	f.Add(content)
	f.Add([]byte("chain_id = 'a'\n[[validators]]\nname = 'b'\n[validators.x]\n"))
	f.Add([]byte("validators = [{name = 'a'}, {name = 'a'}]\nparties = [1]\n"))
	f.Add([]byte("calendar.closed_days = ['2024-01-01']\n\"chain_id\" = \"\"\"\na\"\"\"\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := Parse(content)
		if err != nil {
			e, ok := err.(*Error)
			if !ok {
				t.Fatalf("the error is a %T: %v", err, err)
			}
			if lines := bytes.Count(content, []byte("\n")) + 1; e.Line < 1 || e.Line > lines {
				t.Errorf("line %d of %d: %v", e.Line, lines, err)
			}
			return
		}
		// What is accepted can be written, and means the same.
		want := d.Founding()
		again, err := Encode(&want)
		if err != nil {
			t.Fatalf("accepted, and then: %v", err)
		}
		e, err := Parse(again)
		if err != nil {
			t.Fatalf("written, and then: %v", err)
		}
		got := e.Founding()
		got.Hash = want.Hash
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("read\n%v\nwritten\n%v", want, got)
		}
	})
}

func TestReadParties(t *testing.T) {
	mine := func(content string) string {
		path := filepath.Join(t.TempDir(), "parties.toml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	entity := "[[parties]]\nid = 'e1'\nrole = 'entity'\nname = 'Plant'\nregion = 'elsewhere'\nuscc = '91420000000000007C'\nkeys = ['" + key(t, tx.SM2, 9).String() + "']\n"
	got, err := ReadParties(mine(entity))
	if err != nil || len(got) != 1 || got[0].Id != "e1" || got[0].Region != "elsewhere" || got[0].Keys[0].Key.Scheme != tx.SM2 {
		t.Errorf("ReadParties: %v, %v", got, err)
	}
	for content, want := range map[string]string{
		"chain_id = 'a'\n" + entity:                    ":1: chain_id: there is no such field",
		strings.Replace(entity, "entity", "plant", 1):  ":3: parties[0].role: ",
		strings.Replace(entity, "sm2:", "sm3:", 1):     ":7: parties[0].keys: ",
		entity + entity:                                ":9: parties[1].id: ",
		strings.Replace(entity, "name = '", "name", 1): ":4: ",
	} {
		path := mine(content)
		if _, err := ReadParties(path); err == nil || !strings.HasPrefix(err.Error(), "genesis: "+path+want) {
			t.Errorf("ReadParties: %v; want %s", err, want)
		}
	}
}
