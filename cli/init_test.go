package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carbonledger/genesis"
	"carbonledger/node/datadir"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"
)

// ran is what one command line did.
type ran struct {
	code     int
	out, err string
}

func run(args ...string) ran {
	var out, errOut bytes.Buffer
	code := Run(args, strings.NewReader(""), &out, &errOut)
	return ran{code, out.String(), errOut.String()}
}

// mustRun is the output of a command line that succeeds.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	r := run(args...)
	if r.code != exitDone {
		t.Fatalf("carbonledger %s: exit code %d\n%s", strings.Join(args, " "), r.code, r.err)
	}
	return r.out
}

// mustFail expects an exit code and a part of the message.
func mustFail(t *testing.T, code int, want string, args ...string) {
	t.Helper()
	if r := run(args...); r.code != code || !strings.Contains(r.err, want) {
		t.Errorf("carbonledger %s: exit code %d, want %d; message %q, want %q", strings.Join(args, " "), r.code, code, r.err, want)
	}
}

func textFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func publicKey(t *testing.T, scheme tx.KeyScheme) string {
	t.Helper()
	key, err := tx.GenerateKey(scheme, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public().String()
}

func initNode(t *testing.T, name, site string) (dir, line string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), name)
	line = mustRun(t, "init", "node", "--dir", dir, "--name", name, "--site", site, "--p2p", "/dns4/"+name+"/tcp/7070",
		"--passphrase-file", textFile(t, "right\n"), "--work-factor", "2")
	return dir, line
}

// TestNetworkOfSeveralOperators goes the way of a real network.
func TestNetworkOfSeveralOperators(t *testing.T) {
	dirA, lineA := initNode(t, "wuhan-1", "Wuhan")
	_, lineB := initNode(t, "shanghai-1", "Shanghai")
	_, lineC := initNode(t, "beijing-1", "Beijing")
	if strings.Count(lineA, "\n") != 1 {
		t.Errorf("init node printed %q, want one line", lineA)
	}
	ministry, registry, region, entity := publicKey(t, tx.Ed25519), publicKey(t, tx.SM2), publicKey(t, tx.Ed25519), publicKey(t, tx.SM2)
	out := filepath.Join(t.TempDir(), "genesis.toml")
	args := []string{"init", "genesis", strings.TrimSpace(lineA), "@" + textFile(t, "# from Shanghai\n\n"+lineB)}
	// The shell took this line apart.
	args = append(args, strings.Fields(lineC)...)
	args = append(args, "--chain-id", "cn-ets", "--out", out, "--start", "2024-01-01T00:00:00+08:00",
		"--party", "mee:ministry:Ministry: of Ecology:"+ministry,
		"--party", "registry:registry:Registry:"+registry+","+publicKey(t, tx.Ed25519),
		"--party", "hubei:region:Hubei:"+region,
		"--parties", textFile(t, fmt.Sprintf("[[parties]]\nid = 'plant'\nrole = 'entity'\nname = 'Plant'\nregion = 'hubei'\nuscc = '%s'\nkeys = ['%s']\n", tx.PracticeUSCC(1), entity)),
		"--party", "mill:entity@hubei@"+tx.PracticeUSCC(2)+":Mill:"+publicKey(t, tx.Ed25519),
		"--instrument", "CEA19-20:2020", "--instrument", "CEA22:2022:79.42",
		"--closed-day", "2024-01-01,2024-02-09", "--closed-day", "2024-02-12",
		"--parameter", "obligation.deadline.2023=2024-12-31", "--parameter", "composite.weights@2024-01-02=CEA19-20:3 CEA22:2")
	printed := mustRun(t, args...)
	d, err := genesis.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(printed, d.Hash().String()) {
		t.Errorf("init genesis does not print the hash:\n%s", printed)
	}
	f := d.Founding()
	v, err := datadir.ReadLine(dirA)
	v.Voter = true
	if err != nil || len(f.Validators) != 3 || !f.Validators[0].Equal(&v) || f.Validators[2].Site != "Beijing" {
		t.Errorf("validators %v, %v", f.Validators, err)
	}
	var ids []string
	for _, p := range f.Parties {
		ids = append(ids, p.Id)
	}
	if !slices.Equal(ids, []string{"mee", "registry", "hubei", "mill", "plant"}) || f.Parties[0].Name != "Ministry: of Ecology" ||
		len(f.Parties[1].Keys) != 2 || f.Parties[1].Keys[0].Key.String() != registry || f.Parties[3].Region != "hubei" || f.Parties[3].USCC != tx.PracticeUSCC(2) || f.Parties[4].USCC != tx.PracticeUSCC(1) {
		t.Errorf("parties %v", f.Parties)
	}
	if !slices.Equal(f.Instruments, []tx.Instrument{{Code: "CEA19-20", Vintage: 2020}, {Code: "CEA22", Vintage: 2022, ReferencePrice: 7942}}) {
		t.Errorf("instruments %v", f.Instruments)
	}
	if !slices.Equal(f.ClosedDays, []tx.Day{20240101, 20240209, 20240212}) {
		t.Errorf("closed days %v", f.ClosedDays)
	}
	if len(f.Parameters) != 2 || f.Parameters[0].From != 20240101 || f.Parameters[1].From != 20240102 || f.Start != tx.Day(20240101).Start() {
		t.Errorf("parameters %v, start %v", f.Parameters, f.Start)
	}
	mustFail(t, exitFailed, "exists", args...)
}

func TestInitNodeRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "n")
	with := func(changed ...string) []string {
		values := map[string]string{"--dir": dir, "--name": "wuhan-1", "--site": "Wuhan", "--p2p": "/ip4/10.1.2.3/tcp/7070", "--passphrase-file": textFile(t, "right"), "--work-factor": "2"}
		for i := 0; i < len(changed); i += 2 {
			values[changed[i]] = changed[i+1]
		}
		args := []string{"init", "node"}
		for flag, value := range values {
			args = append(args, flag, value)
		}
		return args
	}
	mustFail(t, exitUsage, "--name", with("--name", "wuhan 1")...)
	mustFail(t, exitUsage, "--site", with("--site", "武汉")...)
	mustFail(t, exitUsage, "--p2p", with("--p2p", "10.1.2.3:7070")...)
	mustFail(t, exitUsage, "there is no terminal", with("--passphrase-file", "")...)
	mustFail(t, exitUsage, "is empty", with("--passphrase-file", textFile(t, "\n"))...)
	mustFail(t, exitFailed, "no such file", with("--passphrase-file", filepath.Join(t.TempDir(), "none"))...)
	mustFail(t, exitUsage, "required", "init", "node", "--dir", dir)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a refusal made the directory: %v", err)
	}
	mustRun(t, with()...)
	mustFail(t, exitFailed, "never overwritten", with()...)
}

func TestInitGenesisRefuses(t *testing.T) {
	_, line := initNode(t, "wuhan-1", "Wuhan")
	key := publicKey(t, tx.Ed25519)
	ministry, keeper := "mee:ministry:Ministry:"+key, "clock:timekeeper:Clock:"+publicKey(t, tx.SM2)
	line = strings.TrimSpace(line)
	out := filepath.Join(t.TempDir(), "genesis.toml")
	for name, c := range map[string]struct {
		code int
		want string
		args []string
	}{
		"no lines":               {exitUsage, "no validators", nil},
		"a damaged line":         {exitFailed, "validator 2 of the list: datadir: the line lacks site", []string{line, "carbonledger-validator name=b"}},
		"no line":                {exitFailed, "validator 1 of the list: datadir: a validator's line begins with", []string{"wuhan-1"}},
		"a line twice":           {exitFailed, "validators[1].name", []string{line, line}},
		"a missing file":         {exitFailed, "no such file", []string{"@" + out + ".lines"}},
		"unknown clock":          {exitUsage, "--clock", []string{line, "--clock", "sun"}},
		"start":                  {exitUsage, "--start", []string{line, "--start", "yesterday"}},
		"instrument":             {exitUsage, "--instrument", []string{line, "--instrument", "CEA22"}},
		"vintage":                {exitUsage, "is no year", []string{line, "--instrument", "CEA22:last"}},
		"price":                  {exitUsage, "is none in yuan", []string{line, "--instrument", "CEA22:2022:79.421"}},
		"closed day":             {exitUsage, "--closed-day", []string{line, "--closed-day", "2024-13-01"}},
		"parameter":              {exitUsage, "--parameter", []string{line, "--parameter", "offset.share"}},
		"parameter's day":        {exitUsage, "--parameter", []string{line, "--parameter", "offset.share@May=5/100"}},
		"unknown parameter":      {exitFailed, "parameters[0].name", []string{line, "--party", ministry, "--instrument", "A:2020", "--parameter", "offset=5/100"}},
		"party without key":      {exitUsage, "use ID:ROLE:NAME:KEY", []string{line, "--party", "mee:ministry:Ministry"}},
		"party's role":           {exitUsage, "is no role", []string{line, "--party", "mee:minister:Ministry:" + key}},
		"party's key":            {exitUsage, "ed25519:12", []string{line, "--party", "mee:ministry:Ministry:ed25519:12"}},
		"region that is missing": {exitFailed, "parties[0].region", []string{line, "--instrument", "A:2020", "--party", "e:entity@hubei@" + tx.PracticeUSCC(1) + ":E:" + key}},
		"a file's line":          {exitFailed, ":2: parties[0].id", []string{line, "--parties", textFile(t, "[[parties]]\nid = 'a b'\n")}},
		"no instruments":         {exitFailed, "genesis: instruments: ", []string{line, "--party", ministry}},
		"no parties":             {exitFailed, "genesis: parties: no party with the role ministry", []string{line, "--instrument", "A:2020"}},
		"script by another name": {exitFailed, `chain_id: "c": with clock = "script" it begins with "script-"`, []string{line, "--party", ministry, "--party", keeper, "--instrument", "A:2020", "--clock", "script"}},
	} {
		t.Run(name, func(t *testing.T) {
			mustFail(t, c.code, c.want, append([]string{"init", "genesis", "--chain-id", "c", "--out", out}, c.args...)...)
			if _, err := os.Stat(out); !os.IsNotExist(err) {
				t.Errorf("a refusal wrote the document: %v", err)
			}
		})
	}
	mustFail(t, exitUsage, "chain-id", "init", "genesis", line)
}

func TestInitAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	var said struct {
		Genesis     string `json:"genesis"`
		GenesisHash string `json:"genesis_hash"`
		Validators  int    `json:"validators"`
	}
	out := mustRun(t, "--json", "init", "--all", "5", "--dir", dir, "--clock", "script", "--free-transfers", "--base-port", "7000",
		"--sites", "wuhan,wuhan,shanghai,shanghai,beijing", "--start", "2024-01-01T00:00:00+08:00")
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	d, err := genesis.Read(filepath.Join(dir, "genesis.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if said.Genesis != filepath.Join(dir, "genesis.toml") || said.GenesisHash != d.Hash().String() || said.Validators != 5 {
		t.Errorf("printed %s", out)
	}
	f := d.Founding()
	if !f.ScriptClock || f.ChainID != "script-test" || !f.FreeTransfers || f.Start != tx.Day(20240101).Start() || len(f.Instruments) == 0 {
		t.Errorf("founding %+v", f)
	}
	for i, name := range []string{"wuhan-1", "wuhan-2", "shanghai-1", "shanghai-2", "beijing-1"} {
		v := f.Validators[i]
		if v.Name != name || v.Address != fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 7000+i) || !v.Voter {
			t.Errorf("validator %d is %v", i, v)
		}
		n, err := datadir.Open(filepath.Join(dir, "nodes", name), "")
		if err != nil {
			t.Fatal(err)
		}
		if own := n.Validator(); string(own.NodeKey) != string(v.NodeKey) {
			t.Errorf("%s has another node key than genesis says", name)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, p := range f.Parties {
		path := partyKeyPath(dir, p.Id)
		key, err := keyfile.Read(path, "")
		if public := key.Public(); err != nil || !public.Equal(&p.Keys[0].Key) {
			t.Errorf("%s: %v", path, err)
		}
		if len(p.Keys) == 1 {
			continue
		}
		if key, err := keyfile.Read(partyKeyPath(dir, p.Id+"-2"), ""); err != nil || key.Public().String() != p.Keys[1].Key.String() {
			t.Errorf("the second person of %s: %v", p.Id, err)
		}
	}
	mustFail(t, exitUsage, "never overwritten", "init", "--all", "5", "--dir", dir)
}

func TestInitAllChoosesPorts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	out := mustRun(t, "init", "--all", "2", "--dir", dir)
	d, err := genesis.Read(filepath.Join(dir, "genesis.toml"))
	if err != nil {
		t.Fatal(err)
	}
	f := d.Founding()
	if f.Validators[0].Address == f.Validators[1].Address || f.ScriptClock || f.FreeTransfers {
		t.Errorf("founding %+v", f)
	}
	if !strings.Contains(out, "carbonledger node --data "+filepath.Join(dir, "nodes", "wuhan-1")) || !strings.Contains(out, "no passphrase") {
		t.Errorf("printed\n%s", out)
	}
}

func TestInitAllRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	mustFail(t, exitUsage, "needs a command", "init")
	mustFail(t, exitUsage, "unknown command", "init", "everything")
	mustFail(t, exitUsage, "needs --dir", "init", "--all", "3")
	mustFail(t, exitUsage, "use 1 to 99", "init", "--all", "-1", "--dir", dir)
	mustFail(t, exitUsage, "use 1 to 99", "init", "--all", "1000", "--dir", dir)
	mustFail(t, exitUsage, "--sites names 1", "init", "--all", "3", "--dir", dir, "--sites", "wuhan")
	mustFail(t, exitUsage, "--sites", "init", "--all", "1", "--dir", dir, "--sites", "wu han")
	mustFail(t, exitUsage, "--base-port", "init", "--all", "3", "--dir", dir, "--base-port", "65534")
	mustFail(t, exitUsage, "--clock", "init", "--all", "3", "--dir", dir, "--clock", "sun")
	mustFail(t, exitUsage, "invalid argument", "init", "--all", "three", "--dir", dir)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a refusal made the directory: %v", err)
	}
}
