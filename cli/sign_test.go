package cli

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carbonledger/genesis"
	"carbonledger/node/datadir"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"
)

// offline are the documents and keys of a network that does not run.
type offline struct {
	t            *testing.T
	dir, genesis string
	domain       tx.Domain
}

func newOffline(t *testing.T) *offline {
	t.Helper()
	o := &offline{t: t, dir: filepath.Join(t.TempDir(), "net")}
	mustRun(t, "init", "--all", "1", "--dir", o.dir, "--clock", "script")
	o.genesis = filepath.Join(o.dir, "genesis.toml")
	d, err := genesis.Read(o.genesis)
	if err != nil {
		t.Fatal(err)
	}
	o.domain = d.Hash()
	return o
}

func (o *offline) as(party string, args ...string) []string {
	return append(args, "--genesis", o.genesis, "--party", party, "--key", partyKeyPath(o.dir, party))
}

// body signs offline, and verifies and decodes what the file holds.
func (o *offline) body(party string, args ...string) *tx.Body {
	o.t.Helper()
	file := filepath.Join(o.t.TempDir(), "out.tx")
	r := run(o.as(party, append(args, "--yes", "--out", file)...)...)
	if r.code != exitDone {
		o.t.Fatalf("%v: exit code %d\n%s", args, r.code, r.err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		o.t.Fatal(err)
	}
	v, err := tx.NewVerifier(o.domain).Verify(raw)
	if err != nil {
		o.t.Fatalf("%v: %v", args, err)
	}
	if !strings.Contains(r.out, v.ID().String()) {
		o.t.Errorf("%v prints %q, the id is %s", args, r.out, v.ID())
	}
	// What is shown before signing is what show reads from the file.
	shown := mustRun(o.t, "show", file, "--genesis", o.genesis)
	for _, line := range words.describe(&v.Body().Operations[0], party) {
		if !strings.Contains(r.err, line) || !strings.Contains(shown, line) {
			o.t.Errorf("%v: %q is not in\n%s\nor not in\n%s", args, line, r.err, shown)
		}
	}
	return v.Body()
}

// TestVerbsSignWhatTheySay: one verb for each operation.
func TestVerbsSignWhatTheySay(t *testing.T) {
	o := newOffline(t)
	key, err := tx.NewPrivateKey(tx.SM2, append(make([]byte, 31), 7))
	if err != nil {
		t.Fatal(err)
	}
	proven, err := tx.ProveKey(o.domain, "plant", key)
	if err != nil {
		t.Fatal(err)
	}
	own, err := tx.ProveKey(o.domain, "registry", key)
	if err != nil {
		t.Fatal(err)
	}
	_, line := initNode(t, "beijing-9", "Beijing")
	validator, err := datadir.ParseLine(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	granted := proven
	granted.Rights, granted.Person = uint32(tx.RightPrepare|tx.RightView), "Li Wei"
	table := sha256.Sum256([]byte("table"))
	voter := validator
	voter.Voter = true
	registryKey, err := keyfile.ReadPublic(partyKeyPath(o.dir, "registry"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		party string
		args  []string
		want  tx.Operation
		says  string
	}{
		{"registry", []string{"issue", "--stage", "final", "--to", "plant", "--instrument", "CEA23", "--tonnes", "1_200", "--document", "HB-17", "--table", textFile(t, "table")},
			tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{To: "plant", Instrument: "CEA23", Tonnes: 1200, Document: "HB-17", Stage: tx.FinalAllocation, TableSha256: table[:]}}},
			"its final allocation of CEA23, 1,200 t (one thousand two hundred tonnes) in all"},
		{"entity-1", []string{"transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "1"},
			tx.Operation{Operation: &tx.Operation_Transfer{Transfer: &tx.Transfer{To: "entity-2", Instrument: "CEA22", Tonnes: 1}}},
			"transfer 1 t (one tonne) of CEA22 from entity-1 to entity-2, without a payment"},
		{"bank", []string{"deposit", "--to", "plant", "--yuan", "1,250,000.5"},
			tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "plant", Amount: 125000050}}},
			"record a deposit of 1,250,000.50 yuan (one million two hundred fifty thousand yuan and fifty fen) into the account of plant"},
		{"bank", []string{"withdraw", "--from", "plant", "--yuan", "0.07"},
			tx.Operation{Operation: &tx.Operation_Withdraw{Withdraw: &tx.Withdraw{Party: "plant", Amount: 7}}},
			"record a withdrawal of 0.07 yuan (zero yuan and seven fen) from the account of plant"},
		{"registry", []string{"account", "open", "plant", "--role", "entity", "--name", "Hubei 电厂", "--region", "region", "--uscc", tx.PracticeUSCC(9), "--sector", "cement", "--proven", formatProvenKey(&proven) + "/prepare,view/Li Wei"},
			tx.Operation{Operation: &tx.Operation_OpenAccount{OpenAccount: &tx.OpenAccount{Id: "plant", Role: tx.KeyEmittingEntity, Name: "Hubei 电厂", Region: "region", USCC: tx.PracticeUSCC(9), Sector: tx.Cement, Keys: []tx.ProvenKey{granted}}}},
			"with the rights prepare,view, of the person \"Li Wei\""},
		{"registry", []string{"key", "add", formatProvenKey(&own)},
			tx.Operation{Operation: &tx.Operation_AddKey{AddKey: &tx.AddKey{Key: own}}}, "let the key sm2:"},
		{"registry", []string{"key", "revoke", registryKey.String()},
			tx.Operation{Operation: &tx.Operation_RevokeKey{RevokeKey: &tx.RevokeKey{Key: registryKey}}}, "revoke the key ed25519:"},
		{"registry", []string{"key", "revoke", partyKeyPath(o.dir, "registry")},
			tx.Operation{Operation: &tx.Operation_RevokeKey{RevokeKey: &tx.RevokeKey{Key: registryKey}}}, "at once and for ever"},
		{"ministry", []string{"parameter", "set", "obligation.deadline.2023", "2024-12-31", "--from", "2024-01-02"},
			tx.Operation{Operation: &tx.Operation_SetParameter{SetParameter: &tx.SetParameter{Name: "obligation.deadline.2023", Value: "2024-12-31", From: 20240102}}},
			"set the parameter obligation.deadline.2023 to \"2024-12-31\" from 2024-01-02 on"},
		{"timekeeper", []string{"clock", "set", "2024-01-02T09:30:00+08:00"},
			tx.Operation{Operation: &tx.Operation_SetClock{SetClock: &tx.SetClock{Time: tx.Day(20240102).Start() + 9*3600_000 + 1800_000}}},
			"set the ledger's clock to 2024-01-02T09:30:00.000+08:00"},
		{"timekeeper", []string{"clock", "set", "2024-01-02"},
			tx.Operation{Operation: &tx.Operation_SetClock{SetClock: &tx.SetClock{Time: tx.Day(20240102).Start()}}}, "2024-01-02T00:00:00.000+08:00"},
		{"exchange", []string{"day", "open", "2024-01-02"}, tx.Operation{Operation: &tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: 20240102}}}, "open the trading day 2024-01-02"},
		{"exchange", []string{"day", "close", "2024-01-02"}, tx.Operation{Operation: &tx.Operation_CloseDay{CloseDay: &tx.CloseDay{Day: 20240102}}}, "close the trading day 2024-01-02"},
		{"region", []string{"obligation", "set", "--entity", "plant", "--year", "2023", "--tonnes", "85000"},
			tx.Operation{Operation: &tx.Operation_SetObligation{SetObligation: &tx.SetObligation{Entity: "plant", Year: 2023, Tonnes: 85000}}},
			"set the obligation of plant for 2023 to 85,000 t"},
		{"registry", []string{"year", "close", "2023"}, tx.Operation{Operation: &tx.Operation_CloseYear{CloseYear: &tx.CloseYear{Year: 2023}}}, "close the obligation year 2023"},
		{"ministry", append([]string{"validator", "set", "--voter"}, strings.Fields(line)...),
			tx.Operation{Operation: &tx.Operation_SetValidator{SetValidator: &tx.SetValidator{Validator: voter}}}, "admit or change the validator beijing-9 at Beijing, with a vote"},
		{"ministry", []string{"validator", "set", "@" + textFile(t, line)},
			tx.Operation{Operation: &tx.Operation_SetValidator{SetValidator: &tx.SetValidator{Validator: validator}}}, "without a vote"},
		{"ministry", []string{"validator", "remove", "wuhan-1"}, tx.Operation{Operation: &tx.Operation_RemoveValidator{RemoveValidator: &tx.RemoveValidator{Name: "wuhan-1"}}}, "remove the validator wuhan-1"},
		{"ministry", []string{"protocol", "set", "1"}, tx.Operation{Operation: &tx.Operation_SetProtocolVersion{SetProtocolVersion: &tx.SetProtocolVersion{Version: 1}}}, "protocol version 1"},
	} {
		body := o.body(c.party, append(c.args, "--reference", "R-1")...)
		want := tx.Body{ChainId: "script-test", Party: c.party, Reference: "R-1", Operations: []tx.Operation{c.want}}
		if !body.Equal(&want) {
			t.Errorf("%v signs\n%v\nwant\n%v", c.args, body, &want)
		}
		if said := strings.Join(words.describe(&c.want, c.party), "\n"); !strings.Contains(said, c.says) {
			t.Errorf("%v says %q, want %q", c.args, said, c.says)
		}
	}
}

func TestOrdersAndTheirTrade(t *testing.T) {
	o := newOffline(t)
	dir := t.TempDir()
	order := func(party, side, limit, instrument string) string {
		file := filepath.Join(dir, party+side+instrument)
		out := mustRun(t, o.as(party, "order", "sign", "--side", side, "--instrument", instrument, "--tonnes", "5,000", "--limit", limit,
			"--day", "2024-01-02", "--reference", "B-1", "--out", file, "--yes")...)
		if !strings.Contains(out, file) {
			t.Errorf("order sign prints %q", out)
		}
		return file
	}
	buy := order("entity-1", "buy", "79.50", "CEA22")
	if out := mustRun(t, "show", buy); !strings.Contains(out, "listed order B-1 to buy up to 5,000 t (five thousand tonnes) of CEA22 for at most 79.50 yuan") {
		t.Errorf("show prints\n%s", out)
	}
	body := o.body("exchange", "order", "register", buy)
	if order := body.Operations[0].GetRegisterOrder(); order == nil || len(order.Order.Body) == 0 {
		t.Fatalf("signed %v", body)
	}
	said := strings.Join(words.describe(&body.Operations[0], "exchange"), "\n")
	const want = "entity-1: listed order B-1 to buy up to 5,000 t (five thousand tonnes) of CEA22 for at most 79.50 yuan (seventy-nine yuan and fifty fen) a tonne on 2024-01-02"
	if !strings.Contains(said, want) {
		t.Errorf("says\n%s\nwant\n%s", said, want)
	}
	record := []string{"trade", "record", "--instrument", "CEA22", "--price", "79.45", "--tonnes", "3,000", "--buy", "entity-1/B-1", "--sell", "entity-2/B-1"}
	body = o.body("exchange", record...)
	trade := body.Operations[0].GetRecordTrade()
	if trade == nil || trade.Kind != tx.Listed || trade.Instrument != "CEA22" || trade.Price != 7945 || trade.Tonnes != 3000 || trade.Buy.Party != "entity-1" || trade.Sell.Reference != "B-1" {
		t.Fatalf("signed %v", body)
	}
	said = strings.Join(words.describe(&body.Operations[0], "exchange"), "\n")
	const wantTrade = "record a listed trade: 3,000 t (three thousand tonnes) of CEA22 at 79.45 yuan a tonne, for 238,350.00 yuan (two hundred thirty-eight thousand three hundred fifty yuan)\n" +
		"buyer entity-1: order B-1\nseller entity-2: order B-1"
	if said != wantTrade {
		t.Errorf("says\n%s\nwant\n%s", said, wantTrade)
	}
	if b := o.body("exchange", append(record, "--kind", "block")...); b.Operations[0].GetRecordTrade().Kind != tx.BlockTrade {
		t.Errorf("signed %v", b)
	}
	// A later --buy or --sell stands in for the first.
	mustFail(t, exitUsage, "use PARTY/NUMBER", o.as("exchange", append(record, "--buy", "B-1")...)...)
	mustFail(t, exitUsage, "holds no signed order", o.as("exchange", "order", "register", o.genesis)...)
	mustFail(t, exitUsage, "--kind", o.as("exchange", append(record, "--kind", "auction")...)...)
	mustFail(t, exitUsage, "--side", o.as("entity-1", "order", "sign", "--side", "hold", "--instrument", "CEA22", "--tonnes", "5", "--limit", "1",
		"--day", "2024-01-02", "--reference", "B-1", "--out", filepath.Join(dir, "x"), "--yes")...)
}

// TestOpening: the ministry's signature covers pages that hold every row.
func TestOpening(t *testing.T) {
	o := newOffline(t)
	var csv, list strings.Builder
	csv.WriteString("party,instrument,tonnes,yuan\n")
	list.WriteString("[")
	for i := range 3000 {
		fmt.Fprintf(&csv, "entity-%d,CEA%d,%d,%s\n", i, 21+i%2, i+1, map[bool]string{true: "12.50"}[i%3 == 0])
		fmt.Fprintf(&list, `{"party":"entity-%d","instrument":"CEA%d","tonnes":%d,"yuan":"%s"},`, i, 21+i%2, i+1, map[bool]string{true: "12.50"}[i%3 == 0])
	}
	position := textFile(t, csv.String())
	fromJSON := textFile(t, strings.TrimSuffix(list.String(), ",")+"]")
	forward := []string{"opening", "bring-forward", position, "--as-of", "2023-12-31", "--close", "CEA22=79.42", "--close", "CEA19-20=60",
		"--cumulative-tonnes", "441,000,000", "--cumulative-yuan", "24,900,000,000", "--reference", "O"}
	body := o.body("registry", forward...)
	opening := body.Operations[0].GetBringForward()
	even, odd := tx.Tonnes(1500*1500), tx.Tonnes(1500*1501)
	if opening.AsOf != 20231231 || opening.Money != 1000*1250 || opening.CumulativeTonnes != 441_000_000 || opening.CumulativeAmount != 2_490_000_000_000 ||
		len(opening.Instruments) != 3 || !opening.Instruments[0].Equal(&tx.InstrumentPosition{Instrument: "CEA21", Tonnes: even}) ||
		!opening.Instruments[1].Equal(&tx.InstrumentPosition{Instrument: "CEA22", Tonnes: odd, Close: 7942}) ||
		!opening.Instruments[2].Equal(&tx.InstrumentPosition{Instrument: "CEA19-20", Close: 6000}) {
		t.Errorf("signed %v", opening)
	}
	forward[2] = fromJSON
	if same := o.body("registry", forward...); !same.Equal(body) {
		t.Error("the position in JSON is another one")
	}
	// The ministry signs elsewhere.
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.tx"), filepath.Join(dir, "two.tx")
	mustRun(t, o.as("registry", append(forward, "--yes", "--out", one)...)...)
	out := mustRun(t, "cosign", one, "--out", two, "--genesis", o.genesis, "--key", partyKeyPath(o.dir, "ministry"), "--yes")
	raw, err := os.ReadFile(two)
	if err != nil {
		t.Fatal(err)
	}
	v, err := tx.NewVerifier(o.domain).Verify(raw)
	if err != nil || len(v.Signers()) != 2 || !strings.Contains(out, v.ID().String()) {
		t.Errorf("cosigned: %v, %v; printed %s", v.Signers(), err, out)
	}
	mustFail(t, exitUsage, "two signatures by one key", "cosign", two, "--out", filepath.Join(dir, "three.tx"), "--genesis", o.genesis, "--key", partyKeyPath(o.dir, "ministry"), "--yes")
	// The same with --cosign gives the same id.
	three := filepath.Join(dir, "both.tx")
	if out := mustRun(t, o.as("registry", append(forward, "--yes", "--out", three, "--cosign", partyKeyPath(o.dir, "ministry"))...)...); !strings.Contains(out, v.ID().String()) {
		t.Errorf("--cosign prints %s, want %s", out, v.ID())
	}

	pages := filepath.Join(dir, "page.tx")
	mustRun(t, o.as("registry", "opening", "page", position, "--yes", "--out", pages, "--reference", "P")...)
	rows := 0
	for i, sum := range opening.PageSha256 {
		raw, err := os.ReadFile(fmt.Sprintf("%s.%d", pages, i+1))
		if err != nil {
			t.Fatal(err)
		}
		v, err := tx.NewVerifier(o.domain).Verify(raw)
		if err != nil || v.Body().Reference != fmt.Sprintf("P-%d", i+1) {
			t.Fatalf("page %d: %v, %v", i+1, v.Body(), err)
		}
		page := v.Body().Operations[0].GetBringForwardPage().Page
		if got := sha256.Sum256(page); string(got[:]) != string(sum) {
			t.Errorf("page %d is not the one that was signed", i+1)
		}
		decoded, ok := tx.DecodeOpeningPage(page)
		if !ok {
			t.Fatalf("page %d is damaged", i+1)
		}
		rows += len(decoded.Holdings) + len(decoded.Money)
	}
	if len(opening.PageSha256) < 2 || rows != 4000 {
		t.Errorf("%d pages hold %d rows, want several with 4000", len(opening.PageSha256), rows)
	}
	if b := o.body("registry", "opening", "page", position, "--page", "2"); len(b.Operations) != 1 {
		t.Errorf("--page 2 signs %v", b)
	}
	mustFail(t, exitUsage, "--page 99", o.as("registry", "opening", "page", position, "--page", "99", "--yes")...)
}

func TestOpeningRefuses(t *testing.T) {
	for content, want := range map[string]string{
		"":                          "read the head line",
		"party,instrument,tons\n":   "a column \"tons\"",
		"party,instrument,tonnes\n": "no rows",
		"party,instrument,tonnes\na,CEA22,1\nb,CEA22,x\n":           "row 2: \"x\" is no number",
		"party,instrument,tonnes\na,,1\n":                           "row 1: give instrument and tonnes together",
		"party,yuan\na,\n":                                          "row 1: neither",
		"party,yuan\n,1\n":                                          "row 1: no party",
		"party,yuan\na,1.234\n":                                     "row 1: \"1.234\"",
		"party,yuan\na,1,2\n":                                       "wrong number of fields",
		"[{\"party\":\"a\",\"tons\":1}]":                            "unknown field",
		"party,instrument,tonnes\na,X,9223372036854775807\na,X,1\n": "row 2: the sum of X is too large",
		"party,yuan\na,92233720368547758.07\na,0.01\n":              "row 2: the sum of the money is too large",
	} {
		if _, err := readOpening(textFile(t, content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
	o := &opening{held: map[string]tx.Tonnes{}}
	for _, closes := range [][]string{{"CEA22"}, {"CEA22=1", "CEA22=2"}, {"CEA22=x"}} {
		if _, err := o.totals(closes); err == nil {
			t.Errorf("closes %v are taken", closes)
		}
	}
}

func TestSigningRefuses(t *testing.T) {
	o := newOffline(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "x.tx")
	deposit := []string{"deposit", "--to", "entity-1", "--yuan", "5", "--out", out}
	mustFail(t, exitUsage, "there is no terminal to ask on", o.as("bank", deposit...)...)
	mustFail(t, exitUsage, "--expiry", o.as("bank", append(deposit, "--yes", "--expiry", "later")...)...)
	mustFail(t, exitUsage, "BAD_REFERENCE", o.as("bank", append(deposit, "--yes", "--reference", "a b")...)...)
	mustFail(t, exitUsage, "--dry-run", o.as("bank", append(deposit, "--yes", "--dry-run")...)...)
	mustFail(t, exitFailed, "no such file", o.as("nobody", append(deposit, "--yes")...)...)
	mustFail(t, exitUsage, "--yuan", o.as("bank", "deposit", "--to", "entity-1", "--yuan", "5.555", "--yes")...)
	mustFail(t, exitUsage, "is no key with its proof", o.as("registry", "key", "add", "sm2:12", "--yes")...)
	mustFail(t, exitUsage, "is no protocol version", o.as("ministry", "protocol", "set", "0", "--yes")...)
	mustFail(t, exitUsage, "this program knows no protocol version above 1", o.as("ministry", "protocol", "set", "2", "--yes")...)
	mustFail(t, exitUsage, "--role", o.as("ministry", "account", "open", "x", "--role", "boss", "--name", "X", "--proven", "y", "--yes")...)
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("a refusal wrote the file: %v", err)
	}
	mustRun(t, o.as("bank", append(deposit, "--yes")...)...)
	mustFail(t, exitFailed, "exists", o.as("bank", append(deposit, "--yes")...)...)
	// Another network's document does not verify this one's signature.
	other := newOffline(t)
	mustFail(t, exitFailed, "BAD_SIGNATURE", "show", out, "--genesis", other.genesis)
	mustFail(t, exitUsage, "BAD_SIGNATURE", "cosign", out, "--out", out+"2", "--genesis", other.genesis, "--key", partyKeyPath(other.dir, "bank"), "--yes")
	if r := run("show", out); r.code != exitDone || !strings.Contains(r.out, "not verified") {
		t.Errorf("show without a genesis document: %+v", r)
	}
	mustFail(t, exitFailed, "neither a transaction nor an order", "show", o.genesis)
}

func TestExpiry(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for s, want := range map[string]tx.Instant{"": 0, "2h": 1_700_007_200_000, "90s": 1_700_000_090_000, "2024-01-02T00:00:00+08:00": tx.Day(20240102).Start()} {
		if got, err := parseExpiry(s, now); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"-2h", "0s", "2024-01-02", "1969-01-01T00:00:00Z", "soon"} {
		if got, err := parseExpiry(s, now); err == nil {
			t.Errorf("%q is taken for %d", s, got)
		}
	}
}

// TestReferencesDiffer: a verb that is called twice asks for two things.
func TestReferencesDiffer(t *testing.T) {
	o := newOffline(t)
	deposit := []string{"deposit", "--to", "entity-1", "--yuan", "5"}
	if a, b := o.body("bank", deposit...), o.body("bank", deposit...); a.Reference == b.Reference || len(a.Reference) > tx.MaxReferenceBytes {
		t.Errorf("references %q and %q", a.Reference, b.Reference)
	}
}

// TestPassphraseFlags: whatever may ask for the key's passphrase takes it from a file,
// which the refusal speaks of.
func TestPassphraseFlags(t *testing.T) {
	root := newRoot(new(bool))
	for _, name := range []string{"query holdings", "prove holding", "statement", "receipt get", "diverge", "transfer", "cosign", "keys new"} {
		cmd, _, err := root.Find(strings.Fields(name))
		if err != nil || cmd.CommandPath() != "carbonledger "+name {
			t.Fatalf("%s: %v", name, err)
		}
		if cmd.Flag(passphraseFlag) == nil {
			t.Errorf("%s has no --%s", name, passphraseFlag)
		}
	}
}
