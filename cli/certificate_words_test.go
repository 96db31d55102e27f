package cli

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"

	"rsc.io/qr"
)

// TestCertificateQR reads the picture's path back into modules.
func TestCertificateQR(t *testing.T) {
	l := newTestLog(t)
	index := l.book("region", tx.Receipt{}, decide("plant", "S-1", true))
	page := l.page(index)
	leaf := proof.LeafHash(l.records[index])
	r, err := tx.DecodeRecord(l.records[index])
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("register.example/chain\n1\n%s\n%x\n", base64.StdEncoding.EncodeToString(leaf[:]), r.Receipt.Id)
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	requireShown(t, shownIn(t, page), strings.TrimSpace(text))
	if !strings.Contains(page, fmt.Sprintf(`viewBox="0 0 %d %d"`, code.Size+8, code.Size+8)) {
		t.Error("the picture has no border of four modules")
	}
	dark := map[[2]int]bool{}
	path := regexp.MustCompile(`<path d="([^"]*)"`).FindStringSubmatch(page)
	if path == nil {
		t.Fatal("no picture")
	}
	for _, run := range strings.SplitAfter(path[1], "z") {
		m := regexp.MustCompile(`^M(\d+) (\d+)h(\d+)v1h-(\d+)z$`).FindStringSubmatch(run)
		if m == nil {
			if run != "" {
				t.Fatalf("the path has %q", run)
			}
			continue
		}
		var n [4]int
		for i := range n {
			if n[i], err = strconv.Atoi(m[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if n[2] != n[3] {
			t.Fatalf("%q is no rectangle", run)
		}
		for k := range n[2] {
			dark[[2]int{n[0] + k - 4, n[1] - 4}] = true
		}
	}
	for y := -4; y < code.Size+4; y++ {
		for x := -4; x < code.Size+4; x++ {
			if dark[[2]int{x, y}] != code.Black(x, y) {
				t.Fatalf("module %d, %d differs", x, y)
			}
		}
	}
}

// TestCertificateWords: the Chinese names are the rules', and every field and
// enumeration of every operation has words.
func TestCertificateWords(t *testing.T) {
	rules := state.Rules()
	for _, r := range rules {
		if name := operationNames[r.Operation]; name.Chinese != r.Chinese || name.English == "" {
			t.Errorf("%s is called %v, the rules say %s", r.Operation, name, r.Chinese)
		}
	}
	if len(rules) != len(operationNames) {
		t.Errorf("%d rules, %d names", len(rules), len(operationNames))
	}
	used := map[string]bool{}
	seen := map[reflect.Type]bool{}
	var walk func(m reflect.Type)
	walk = func(m reflect.Type) {
		for m.Kind() == reflect.Slice || m.Kind() == reflect.Pointer {
			m = m.Elem()
		}
		if seen[m] {
			return
		}
		seen[m] = true
		if m.Kind() == reflect.Int32 && m.PkgPath() != "" && m != reflect.TypeFor[tx.Day]() && m != reflect.TypeFor[tx.Year]() {
			for i := range int32(30) {
				v := reflect.ValueOf(i).Convert(m).Interface()
				if _, named := valueNames[v]; !named && fmt.Sprint(v) != strconv.Itoa(int(i)) {
					t.Errorf("%s %v has no words", m, v)
				}
			}
		}
		if m.Kind() != reflect.Struct || m == reflect.TypeFor[tx.Operation]() || m == reflect.TypeFor[tx.PublicKey]() || m == reflect.TypeFor[tx.SignedOrder]() {
			return
		}
		for i := range m.NumField() {
			name := m.Field(i).Name
			label := m.Name() + "." + name
			if _, ok := fieldNames[label]; !ok {
				label = name
			}
			if l, ok := fieldNames[label]; !ok || l.Chinese == "" || l.English == "" {
				t.Errorf("%s.%s has no label", m.Name(), name)
			}
			used[label] = true
			walk(m.Field(i).Type)
		}
	}
	for _, wrapper := range new(tx.Operation).XXX_OneofWrappers() {
		m := reflect.TypeOf(wrapper).Elem().Field(0).Type.Elem()
		op := tx.Operation{}
		w := reflect.New(reflect.TypeOf(wrapper).Elem())
		w.Elem().Field(0).Set(reflect.New(m))
		reflect.ValueOf(&op).Elem().Field(0).Set(w)
		if operationWord(&op) != m.Name() {
			t.Errorf("%s is called %s", m.Name(), operationWord(&op))
		}
		operationFields(&op) // no field's type is unknown to it
		walk(m)
	}
	walk(reflect.TypeFor[tx.OrderBody]())
	for label := range fieldNames {
		if !used[label] {
			t.Errorf("no message has the field %s", label)
		}
	}
}

// TestCertificateFieldsInside: prepared operations, signed orders and keys show
// with all they hold.
func TestCertificateFieldsInside(t *testing.T) {
	secret := sha256.Sum256([]byte("plant"))
	key, err := tx.NewPrivateKey(tx.Ed25519, secret[:])
	if err != nil {
		t.Fatal(err)
	}
	order, err := tx.NewOrder(certificateDomain, &tx.OrderBody{
		ChainId: "cets-test", Party: "plant", Reference: "o-1", Instrument: "CEA23", Side: tx.Sell, LimitPrice: 9_596, Quantity: 500, Day: 2024_12_31, Kind: tx.Listed,
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	proven, err := tx.ProveKey(certificateDomain, "exchange", key)
	if err != nil {
		t.Fatal(err)
	}
	proven.Person = "Li Wei"
	l := newTestLog(t)
	index := l.book("exchange", tx.Receipt{}, tx.Operation{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: []tx.Operation{
		{Operation: &tx.Operation_RegisterOrder{RegisterOrder: &tx.RegisterOrder{Order: order}}},
		{Operation: &tx.Operation_AddKey{AddKey: &tx.AddKey{Key: proven}}},
	}}}})
	requireShown(t, shownIn(t, l.page(index)), "Prepared operation 1|申报登记 registration of an order|", "Prepared operation 1: Order: Side|卖出 sell|",
		"Prepared operation 1: Order: Quantity|500 t (five hundred tonnes)|", "Order: Limit (a tonne)|95.96 yuan", "Order: Day|2024-12-31|",
		"Order: Key|"+key.Public().String()+"|", "Prepared operation 2: Key: Person|Li Wei|", "Prepared operation 2: Key: Rights|全部 all|", "does not carry them out")
}
