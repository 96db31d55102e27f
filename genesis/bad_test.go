package genesis

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBadDocuments changes testdata/genesis.toml and expects an error with the
// line and the field of the change.
func TestBadDocuments(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "genesis.toml"))
	if err != nil {
		t.Fatal(err)
	}
	const (
		wuhanNode = "ed25519:8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
		wuhanSum  = "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"
		mee       = "ed25519:5e212c0980e4b39fc09721134aa02109374edfd260c0d3d03cb501c8d65457a9"
		meeSM2    = "sm2:02ed8c42b24a74261731b65a24eaf26b0a2349d5ec63ebe6eb1a76f6ba809a3af2"
		registry  = "ed25519:eb2cf13bf7ae3a5f614168a1fb09272d39771ec4b8523727815e466caf8ee163"
		shanghai  = "ed25519:ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c"
		shaSum    = "e52d9c508c502347344d8c07ad91cbd6068afc75ff6292f062a09ca381c89e71"
		address   = "'/ip4/10.1.2.3/tcp/7070'"
	)
	for name, c := range map[string]struct {
		old, new string // the first occurrence is changed
		line     int
		field    string
		what     string
	}{
		// What is no document.
		"no TOML":                   {"chain_id = ", "chain_id : ", 7, "", "expected"},
		"text not closed":           {"'script-cn-ets'", "'cn-ets-test", 7, "", "literal string"},
		"field named twice":         {"clock = 'script'", "clock = 'script'\nclock = 'wall'", 12, "clock", "already"},
		"number for a text":         {"'script-cn-ets'", "7", 7, "chain_id", "cannot decode"},
		"text for a number":         {"vintage = 2022", "vintage = '2022'", 88, "instruments.vintage", "cannot decode"},
		"text for a truth":          {"free_transfers = true", "free_transfers = 'yes'", 13, "free_transfers", "cannot decode"},
		"one key, no list":          {"keys = ['" + mee + "', '" + meeSM2 + "']", "keys = '" + mee + "'", 51, "parties.keys", "cannot decode"},
		"negative protocol version": {"protocol_version = 1", "protocol_version = -1", 9, "protocol_version", "negative"},
		"unknown field":             {"clock = ", "timezone = 'UTC'\nclock = ", 11, "timezone", "no such field"},
		"unknown field inside":      {"site = 'Shanghai'", "site = 'Shanghai'\nrack = 7", 29, "validators.rack", "no such field"},
		"unknown table":             {"[calendar]", "[holidays]", 92, "holidays", "no such field"},
		// The chain.
		"no chain id":               {"chain_id = 'script-cn-ets'\n", "", 1, "chain_id", "1 to 64 printable"},
		"chain id with a space":     {"script-cn-ets", "cn ets", 7, "chain_id", "without spaces"},
		"chain id far too long":     {"script-cn-ets", strings.Repeat("x", 65), 7, "chain_id", "1 to 64"},
		"protocol version 0":        {"protocol_version = 1", "protocol_version = 0", 9, "protocol_version", "use 1"},
		"unknown clock":             {"'script'", "'atomic'", 11, "clock", `use "wall"`},
		"start is a day":            {"2024-01-01T00:00:00.5+08:00", "2024-01-01", 15, "start", "use a time such as"},
		"start without a zone":      {"00:00:00.5+08:00", "00:00:00", 15, "start", "use a time such as"},
		"start too exact":           {"00:00:00.5+08:00", "00:00:00.5001+08:00", 15, "start", "use a time such as"},
		"start before 1970":         {"'2024-01-01T", "'1969-01-01T", 15, "start", "use a time such as"},
		"script without timekeeper": {"role = 'timekeeper'", "role = 'auditor'", 11, "clock", "needs a party with the role timekeeper"},
		"timekeeper without script": {"clock = 'script'", "clock = 'wall'", 67, "parties[3].role", `needs clock = "script"`},
		"script without its name":   {"'script-cn-ets'", "'cn-ets'", 7, "chain_id", `use "script-cn-ets"`},
		// Validators.
		"validator without name":   {"name = 'wuhan-1'\n", "", 18, "validators[0].name", "letters of ASCII"},
		"validator's name":         {"'shanghai-1'", "'shanghai 1'", 27, "validators[1].name", "hyphens"},
		"name too long":            {"'shanghai-1'", "'" + strings.Repeat("s", 25) + "'", 27, "validators[1].name", "1 to 24"},
		"validator named twice":    {"'shanghai-1'", "'wuhan-1'", 27, "validators[1].name", `"wuhan-1" is named twice`},
		"site":                     {"'Beijing'", "'北京'", 36, "validators[2].site", "letters of ASCII"},
		"address without form":     {address, "'10.1.2.3:7070'", 21, "validators[0].address", "no address of TCP"},
		"address of UDP":           {address, "'/ip4/10.1.2.3/udp/7070'", 21, "validators[0].address", "no address of TCP"},
		"address of a socket":      {address, "'/unix/10.1.2.3/tcp/7070'", 21, "validators[0].address", "does not begin with /ip4"},
		"address of no machine":    {address, "'/ip4/10.1.2/tcp/7070'", 21, "validators[0].address", "no address of ip4"},
		"IPv4 as IPv6":             {address, "'/ip6/10.1.2.3/tcp/7070'", 21, "validators[0].address", "no address of ip6"},
		"address without host":     {address, "'/dns4//tcp/7070'", 21, "validators[0].address", "no host name"},
		"port 0":                   {address, "'/dns4/node/tcp/0'", 21, "validators[0].address", "no port"},
		"port too great":           {address, "'/dns4/node/tcp/65536'", 21, "validators[0].address", "no port"},
		"no key":                   {"node_key = '" + wuhanNode + "'\n", "", 18, "validators[0].node_key", "no key scheme"},
		"key cut short":            {wuhanNode, wuhanNode[:60], 22, "validators[0].node_key", "32"},
		"key of small order":       {wuhanNode, "ed25519:01" + strings.Repeat("0", 62), 22, "validators[0].node_key", "small order"},
		"node key of SM2":          {wuhanNode, "sm2:03d913b44d0d587df3fca14b6f2d85367431717f1b206c59310c0c14ebb04efef0", 22, "validators[0].node_key", "Ed25519"},
		"key of another validator": {shanghai, wuhanNode, 30, "validators[1].node_key", "the key of shanghai-1 is also one of wuhan-1"},
		"incarnation":              {wuhanSum, wuhanSum[:63], 24, "validators[0].incarnation_sha256", "64 hexadecimal"},
		"incarnation used twice":   {shaSum, wuhanSum, 32, "validators[1].incarnation_sha256", "named twice"},
		// Parties.
		"no ministry":            {"role = 'ministry'", "role = 'auditor'", 1, "parties", "no party with the role ministry"},
		"party's id":             {"id = 'mee'", "id = 'mee!'", 48, "parties[0].id", "letters of ASCII"},
		"party named twice":      {"id = 'registry'", "id = 'mee'", 60, "parties[2].id", `party "mee" is named twice`},
		"unknown role":           {"role = 'ministry'", "role = 'minister'", 49, "parties[0].role", "is no role: use ministry"},
		"party without name":     {"name = 'Registry'\n", "", 59, "parties[2].name", "1 to 200 bytes"},
		"name that controls":     {"'Registry'", `"Registry\u001b[2J"`, 62, "parties[2].name", "control characters"},
		"no keys":                {"keys = ['" + mee + "', '" + meeSM2 + "']", "keys = []", 51, "parties[0].keys", "keys show"},
		"key of SM2 off curve":   {meeSM2, "sm2:02" + strings.Repeat("f", 64), 51, "parties[0].keys", "SM2"},
		"key of another party":   {registry, mee, 63, "parties[2].keys", "the key of registry is also one of mee"},
		"key of a validator":     {mee, wuhanNode, 51, "parties[0].keys", "the key of mee is also one of wuhan-1"},
		"the same key twice":     {meeSM2, mee, 51, "parties[0].keys", "the key of mee is also one of mee"},
		"entity without region":  {"region = 'region-42'\n", "", 71, "parties[4].region", "names the id of a party with the role region"},
		"region that is none":    {"region = 'region-42'", "region = 'registry'", 75, "parties[4].region", "names the id of a party with the role region"},
		"registry with a region": {"name = 'Registry'", "name = 'Registry'\nregion = 'region-42'", 63, "parties[2].region", "only an entity"},
		"no code":                {"uscc = '91420000000000007C'", "uscc = '91420000000000007A'", 76, "parties[4].uscc", "no unified social credit code"},
		"sector":                 {"sector = 'power'", "sector = 'coal'", 77, "parties[4].sector", "is no sector: use power"},
		"registry with a sector": {"name = 'Registry'", "name = 'Registry'\nsector = 'power'", 63, "parties[2].sector", "only an entity has a sector"},
		"code used twice":        {"name = 'Registry'", "name = 'Registry'\nuscc = '91420000000000007C'", 77, "parties[4].uscc", "is named twice"},
		// Instruments, calendar, parameters.
		"instrument's code":      {"'CEA22'", "'CEA/22'", 87, "instruments[1].code", "letters of ASCII"},
		"instrument named twice": {"'CEA22'", "'CEA19-20'", 87, "instruments[1].code", "named twice"},
		"vintage":                {"vintage = 2020", "vintage = 20", 84, "instruments[0].vintage", "no year"},
		"vintage twice":          {"vintage = 2022", "vintage = 2020", 88, "instruments[1].vintage", "a year has one"},
		"price of half a fen":    {"'79.42'", "'79.425'", 89, "instruments[1].reference_price", `such as "79.42"`},
		"price of nothing":       {"'79.42'", "'0.00'", 89, "instruments[1].reference_price", "no price"},
		"price as a number":      {"'79.42'", "79.42", 89, "instruments.reference_price", "cannot decode"},
		"closed day":             {"  '2024-01-01'", "  '2024-02-30'", 93, "calendar.closed_days", "is not a day"},
		"closed days unsorted":   {"  '2024-01-01'", "  '2024-02-10'", 93, "calendar.closed_days", "does not come after 2024-02-10"},
		"closed day twice":       {"  '2024-01-01'", "  '2024-02-09'", 93, "calendar.closed_days", "does not come after"},
		"unknown parameter":      {"'order.block.least'", "'order.block.most'", 115, "parameters[3].name", "is no parameter"},
		"parameter named twice":  {"'order.block.least'", "'offset.share'", 117, "parameters[3].value", "no share"},
		"parameter set twice":    {"name = 'order.block.least'\nfrom = '2024-01-01'\nvalue = '100000'", "name = 'offset.share'\nfrom = '2024-01-01'\nvalue = '6/100'", 120, "parameters[4].name", "named twice"},
		"parameter's day":        {"from = '2024-01-02'", "from = '2 January'", 106, "parameters[1].from", "is not a day"},
		"number of tonnes":       {"'100000'", "'100,000'", 117, "parameters[3].value", "no whole number"},
		"share":                  {"'5/100'", "'5%'", 122, "parameters[4].value", "no share"},
		"weight of a stranger":   {"CEA22:2", "CEA23:2", 102, "parameters[0].value", `"CEA23:2"`},
		"weight in halves":       {"CEA22:2", "CEA22:2.5", 102, "parameters[0].value", `"CEA22:2.5"`},
		"hours":                  {"name = 'order.block.least'\nfrom = '2024-01-01'\nvalue = '100000'", "name = 'hours.listed'\nfrom = '2024-01-01'\nvalue = '9:30-11:30'", 117, "parameters[3].value", "no hours"},
		"persons":                {"name = 'order.block.least'\nfrom = '2024-01-01'\nvalue = '100000'", "name = 'persons.Surrender'\nfrom = '2024-01-01'\nvalue = '17'", 117, "parameters[3].value", "1 to 16"},
		"sectors":                {"name = 'order.block.least'\nfrom = '2024-01-01'\nvalue = '100000'", "name = 'allocation.verified.2024'\nfrom = '2024-01-01'\nvalue = 'steel coal'", 117, "parameters[3].value", "is no sector"},
		"price of a stranger":    {"price.reference.CEA22", "price.reference.CEA99", 105, "parameters[1].name", "is no parameter"},
		"price not as shown":     {"'80.00'", "'80'", 107, "parameters[1].value", "two decimals"},
		"deadline's year":        {"deadline.2023", "deadline.23", 110, "parameters[2].name", "is no parameter"},
		"deadline":               {"'2024-12-31'", "'end of 2024'", 112, "parameters[2].value", "is not a day"},
	} {
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(good, []byte(c.old)) {
				t.Fatalf("nothing to change: %q", c.old)
			}
			_, err := Parse(bytes.Replace(good, []byte(c.old), []byte(c.new), 1))
			e, ok := err.(*Error)
			if !ok || e.Line != c.line || e.Field != c.field || !strings.Contains(e.What, c.what) {
				t.Errorf("got  %v\nwant %d: %s: …%s…", err, c.line, c.field, c.what)
			}
		})
	}
}

func TestDocumentsThatLackMuch(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "genesis.toml"))
	if err != nil {
		t.Fatal(err)
	}
	from := func(s string) int { return bytes.Index(good, []byte(s)) }
	without := func(a, b string) []byte {
		return append(bytes.Clone(good[:from(a)]), good[from(b):]...)
	}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":                   {nil, "1: chain_id: "},
		"no validators":           {without("[[validators]]", "[[parties]]"), "1: validators: no voter"},
		"no voters":               {bytes.ReplaceAll(without("voter = false", "# Accounts"), []byte("incarnation_sha256 ="), []byte("voter = false\nincarnation_sha256 =")), "1: validators: no voter"},
		"no parties":              {without("[[parties]]", "[[instruments]]"), "11: clock: a script clock needs"},
		"wall with script's name": {bytes.Replace(bytes.Replace(good, []byte("'script'"), []byte("'wall'"), 1), []byte("role = 'timekeeper'"), []byte("role = 'auditor'"), 1), `7: chain_id: "script-cn-ets": only with clock`},
		"no instruments":          {without("[[instruments]]", "[calendar]"), "1: instruments: 0 of them"},
		"entity first": {[]byte(strings.Replace(string(without("[[parties]]\nid = 'region-42'", "[[parties]]\nid = 'registry'")), "[[instruments]]",
			string(good[from("[[parties]]\nid = 'region-42'"):from("[[parties]]\nid = 'registry'")])+"[[instruments]]", 1)), `69: parties[3].region: the region "region-42" must come before its entities`},
		"inline validators": {[]byte("chain_id = 'a'\nprotocol_version = 1\nclock = 'wall'\nstart = '2024-01-01T00:00:00Z'\nvalidators = [{name = 'a b'}]\n"), "5: validators[0].name: "},
		"no text at all":    {bytes.Repeat([]byte{0xff, 0x00}, 100), "1: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.content)
			if _, ok := err.(*Error); !ok || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s…", err, c.want)
			}
		})
	}
}
