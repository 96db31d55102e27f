package tx

import "testing"

// forget empties what a verifier remembers of transactions, and keeps its
// expanded keys: the state in which a block of new transactions meets it.
func (v *Verifier) forget() { v.young, v.old, v.youngLen = map[ID]Verified{}, nil, 0 }

func benchTransfers(b *testing.B, n int) [][]byte {
	k := testKey(b, Ed25519, "a")
	raws := make([][]byte, n)
	for i := range raws {
		body := testBody(&Operation_Transfer{Transfer: &Transfer{To: "seller", Instrument: "CEA22", Tonnes: Tonnes(i + 1)}})
		raws[i] = sign(b, body, k)
	}
	return raws
}

func perSignature(b *testing.B, signatures int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(signatures), "ns/signature")
}

func BenchmarkVerify(b *testing.B) {
	raw, v := benchTransfers(b, 1)[0], NewVerifier(testDomain)
	b.ReportAllocs()
	for b.Loop() {
		v.forget()
		if _, err := v.Verify(raw); err != nil {
			b.Fatal(err)
		}
	}
	perSignature(b, 1)
}

func BenchmarkVerifyAll(b *testing.B) {
	raws, v := benchTransfers(b, 1_000), NewVerifier(testDomain)
	b.ReportAllocs()
	for b.Loop() {
		v.forget()
		for _, err := range second(v.VerifyAll(raws)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	perSignature(b, len(raws))
}

// BenchmarkVerifyAllRemembered is the second time: in the block, after the API.
func BenchmarkVerifyAllRemembered(b *testing.B) {
	raws, v := benchTransfers(b, 1_000), NewVerifier(testDomain)
	for b.Loop() {
		v.VerifyAll(raws)
	}
	perSignature(b, len(raws))
}

func BenchmarkVerifySM2(b *testing.B) {
	v := NewVerifier(testDomain)
	raw := sign(b, testBody(&Operation_CloseYear{CloseYear: &CloseYear{Year: 2023}}), testKey(b, SM2, "a"))
	for b.Loop() {
		v.forget()
		if _, err := v.Verify(raw); err != nil {
			b.Fatal(err)
		}
	}
	perSignature(b, 1)
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name string
		raw  []byte
	}{{"transfer", benchTransfers(b, 1)[0]}, {"every operation", everyTransaction(b)[0]}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(c.raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	for _, scheme := range []KeyScheme{Ed25519, SM2} {
		b.Run(schemeName(scheme), func(b *testing.B) {
			k := testKey(b, scheme, "a")
			body := testBody(&Operation_CloseYear{CloseYear: &CloseYear{Year: 2023}})
			for b.Loop() {
				sign(b, body, k)
			}
		})
	}
}

func second[A, B any](_ A, b B) B { return b }
