package tx

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// smallOrder lists all fourteen encodings of the eight points of small order:
// eight canonical ones, then the six that ZIP-215 accepts besides.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

const canonicalSmallOrder = 8

func TestKeysRefusedAtEntering(t *testing.T) {
	for i, s := range smallOrder {
		want := "small order"
		if i >= canonicalSmallOrder {
			want = "canonical"
		}
		err := PublicKey{Scheme: Ed25519, Key: unhex(t, s)}.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", s, err)
		}
		if _, err := ParsePublicKey("ed25519:" + s); err == nil {
			t.Errorf("%s: parsed", s)
		}
	}
	// y = p+3 … p+18, both signs: not canonical, whether or not on the curve.
	for y := 0xf0; y <= 0xff; y++ {
		for _, top := range []byte{0x7f, 0xff} {
			key := bytes.Repeat([]byte{0xff}, 32)
			key[0], key[31] = byte(y), top
			if (PublicKey{Scheme: Ed25519, Key: key}).Validate() == nil {
				t.Errorf("%x: not canonical, accepted", key)
			}
		}
	}
	good := testKey(t, Ed25519, "a").Public()
	sm := testKey(t, SM2, "a").Public()
	flip := bytes.Clone(sm.Key)
	flip[0] = 4
	beyond := append([]byte{2}, sm2.P256().Params().P.Bytes()...)
	for name, k := range map[string]PublicKey{
		"zero value": {}, "unknown scheme": {Scheme: 3, Key: good.Key}, "short": {Scheme: Ed25519, Key: good.Key[1:]},
		"long": {Scheme: Ed25519, Key: append(bytes.Clone(good.Key), 0)}, "no point": {Scheme: Ed25519, Key: append([]byte{2}, make([]byte, 31)...)},
		"ed25519 as sm2": {Scheme: SM2, Key: good.Key}, "sm2 as ed25519": {Scheme: Ed25519, Key: sm.Key}, "sm2, wrong prefix": {Scheme: SM2, Key: flip},
		"sm2, infinity": {Scheme: SM2, Key: make([]byte, 33)}, "sm2, x not below p": {Scheme: SM2, Key: beyond}, "sm2, short": {Scheme: SM2, Key: sm.Key[:32]},
		"sm2, uncompressed": {Scheme: SM2, Key: append([]byte{4}, make([]byte, 64)...)},
	} {
		if err := k.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// edwardsClaim makes a claim of any key and signature.
func edwardsClaim(key, msg, sig []byte) claim {
	return claim{key: PublicKey{Scheme: Ed25519, Key: key}, message: msg, signature: sig}
}

// agree checks claims alone, without cache, and in batches cut in every way
// that the verifier may cut them.
func agree(t *testing.T, claims []claim, want []bool) {
	t.Helper()
	v := NewVerifier(testDomain)
	all := v.check(claims)
	for i := range claims {
		c := &claims[i]
		if one := verifyOne(c.key, c.message, c.signature); one != want[i] {
			t.Errorf("%d: alone %v, want %v: key %x signature %x", i, one, want[i], c.key.Key, c.signature)
		}
		if alone := v.check(claims[i : i+1]); alone[0] != want[i] {
			t.Errorf("%d: alone by the verifier %v, want %v", i, alone[0], want[i])
		}
		if all[i] != want[i] {
			t.Errorf("%d: among all %v, want %v", i, all[i], want[i])
		}
	}
	for _, size := range []int{2, 3, 64} {
		for from := 0; from+size <= len(claims); from += size {
			holds := make([]bool, size)
			v.checkBatch(claims[from:from+size], holds)
			if !slices.Equal(holds, want[from:from+size]) {
				t.Errorf("batch of %d from %d: %v, want %v", size, from, holds, want[from:from+size])
			}
		}
	}
}

func repeat(b bool, n int) []bool { return slices.Repeat([]bool{b}, n) }

// TestZIP215SmallOrder: every pair of encodings of small-order points, S = 0,
// holds under ZIP-215 for any message; with any other S none does.
func TestZIP215SmallOrder(t *testing.T) {
	var good, bad []claim
	one := make([]byte, 32)
	one[0] = 1
	for _, a := range smallOrder {
		for _, r := range smallOrder {
			a, r := unhex(t, a), unhex(t, r)
			good = append(good, edwardsClaim(a, []byte("Zcash"), append(bytes.Clone(r), make([]byte, 32)...)))
			bad = append(bad, edwardsClaim(a, []byte("Zcash"), append(bytes.Clone(r), one...)))
		}
	}
	agree(t, good, repeat(true, len(good)))
	agree(t, bad, repeat(false, len(bad)))
	mixed, want := []claim{}, []bool{}
	for i := range good {
		mixed, want = append(mixed, good[i], bad[i]), append(want, true, false)
	}
	agree(t, mixed, want)
}

// groupOrder is L, little endian.
const groupOrder = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"

func reverse(b []byte) []byte {
	r := bytes.Clone(b)
	slices.Reverse(r)
	return r
}

// mixedOrder signs with the key a·B+T and the commitment r·B+U, T and U of
// small order: what only a cofactored equation accepts.
func mixedOrder(t *testing.T, torsionA, torsionR string, msg []byte) claim {
	t.Helper()
	a, _ := scalar.NewFromBytesModOrder(bytes.Repeat([]byte{3}, 32))
	r, _ := scalar.NewFromBytesModOrder(bytes.Repeat([]byte{5}, 32))
	point := func(s *scalar.Scalar, torsion string) []byte {
		c, err := curve.NewCompressedEdwardsYFromBytes(unhex(t, torsion))
		if err != nil {
			t.Fatal(err)
		}
		p := curve.NewEdwardsPoint()
		if _, err := p.SetCompressedY(c); err != nil {
			t.Fatal(err)
		}
		p.Add(p, curve.NewEdwardsPoint().MulBasepoint(curve.ED25519_BASEPOINT_TABLE, s))
		return curve.NewCompressedEdwardsY().SetEdwardsPoint(p)[:]
	}
	key, commitment := point(a, torsionA), point(r, torsionR)
	sum := sha512.Sum512(bytes.Join([][]byte{commitment, key, msg}, nil))
	k, _ := scalar.NewFromBytesModOrderWide(sum[:])
	s := scalar.New().Mul(k, a)
	s.Add(s, r)
	sig := make([]byte, 64)
	copy(sig, commitment)
	if err := s.ToBytes(sig[32:]); err != nil {
		t.Fatal(err)
	}
	return edwardsClaim(key, msg, sig)
}

func TestZIP215MixedOrder(t *testing.T) {
	var claims []claim
	var want []bool
	for _, a := range smallOrder[:canonicalSmallOrder] {
		for _, r := range smallOrder[:canonicalSmallOrder] {
			c := mixedOrder(t, a, r, []byte("surrender 1 t"))
			if err := c.key.Validate(); err != nil {
				t.Errorf("key with the torsion %s: %v", a, err)
			}
			wrong := c
			wrong.message = []byte("surrender 2 t")
			// S+L is the same number and another encoding: refused.
			n := new(big.Int).SetBytes(reverse(c.signature[32:]))
			n.Add(n, new(big.Int).SetBytes(reverse(unhex(t, groupOrder))))
			malleable := c
			malleable.signature = append(bytes.Clone(c.signature[:32]), reverse(n.FillBytes(make([]byte, 32)))...)
			claims, want = append(claims, c, wrong, malleable), append(want, true, false, false)
		}
	}
	agree(t, claims, want)
}

func TestEd25519NoPoint(t *testing.T) {
	k := testKey(t, Ed25519, "a")
	msg := []byte("message")
	sig, err := k.Sign(msg)
	if err != nil {
		t.Fatal(err)
	}
	noPoint := append([]byte{2}, make([]byte, 31)...)
	zero := make([]byte, 64)
	agree(t, []claim{
		edwardsClaim(k.Public().Key, msg, sig),
		edwardsClaim(noPoint, msg, sig),
		edwardsClaim(k.Public().Key, msg, append(bytes.Clone(noPoint), sig[32:]...)),
		edwardsClaim(k.Public().Key, msg, append(bytes.Clone(sig[:32]), unhex(t, groupOrder)...)),
		edwardsClaim(k.Public().Key, msg, bytes.Repeat([]byte{0xff}, 64)),
		edwardsClaim(k.Public().Key, msg, zero),
		edwardsClaim(k.Public().Key[:31], msg, sig),
		edwardsClaim(nil, msg, sig),
	}, []bool{true, false, false, false, false, false, false, false})
}

// The signature example of GM/T 0003.5-2012 (SM2, part 5), Annex A.
const (
	sm2Secret  = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	sm2X       = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
	sm2Y       = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	sm2R       = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
	sm2S       = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
	sm2Message = "message digest"
)

func TestSM2KnownAnswer(t *testing.T) {
	k, err := NewPrivateKey(SM2, unhex(t, sm2Secret))
	if err != nil {
		t.Fatal(err)
	}
	// Y is odd: the compressed form begins with 3.
	if have := hex.EncodeToString(k.Public().Key); have != "03"+sm2X {
		t.Fatalf("the public key is %s", have)
	}
	point, err := sm2Point(k.Public().Key)
	//lint:ignore SA1019 PublicKey.Bytes, which replaces it, does not know SM2's curve.
	if err != nil || point.Y.Text(16) != sm2Y {
		t.Fatalf("y of the key: %v, %v", point, err)
	}
	sig := unhex(t, sm2R+sm2S)
	if !verifyOne(k.Public(), []byte(sm2Message), sig) {
		t.Fatal("the standard's signature does not hold")
	}
	own, err := k.Sign([]byte(sm2Message))
	if err != nil || !verifyOne(k.Public(), []byte(sm2Message), own) {
		t.Fatalf("an own signature does not hold: %v", err)
	}
}

func TestSM2Ranges(t *testing.T) {
	k, err := NewPrivateKey(SM2, unhex(t, sm2Secret))
	if err != nil {
		t.Fatal(err)
	}
	n := sm2.P256().Params().N
	number := func(s string) *big.Int { return new(big.Int).SetBytes(unhex(t, s)) }
	r, s := number(sm2R), number(sm2S)
	join := func(r, s *big.Int) []byte {
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return sig
	}
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	zero := new(big.Int)
	for name, sig := range map[string][]byte{
		"r = 0": join(zero, s), "s = 0": join(r, zero), "both 0": join(zero, zero), "r = n": join(n, s), "s = n": join(r, n),
		"r = n-r": join(new(big.Int).Sub(n, r), s), "s = n-s": join(r, new(big.Int).Sub(n, s)), "r+s = n": join(r, new(big.Int).Sub(n, r)),
		"greatest": join(most, most), "swapped": join(s, r), "short": join(r, s)[:63], "long": append(join(r, s), 0), "empty": nil,
	} {
		if verifyOne(k.Public(), []byte(sm2Message), sig) {
			t.Errorf("%s: holds", name)
		}
	}
	other := testKey(t, SM2, "other")
	negated := PublicKey{Scheme: SM2, Key: append([]byte{2}, k.Public().Key[1:]...)}
	for _, key := range []PublicKey{other.Public(), negated, {Scheme: SM2}, {Scheme: SM2, Key: make([]byte, 33)}} {
		if verifyOne(key, []byte(sm2Message), join(r, s)) {
			t.Errorf("it holds for the key %s", key)
		}
	}
	if verifyOne(k.Public(), []byte("another message"), join(r, s)) {
		t.Error("it holds for another message")
	}
}

// TestSM2LeadingZeros: numbers of r and s below 2^248 keep their 64 bytes.
func TestSM2LeadingZeros(t *testing.T) {
	k := testKey(t, SM2, "a")
	for range 2_000 {
		sig, err := k.Sign([]byte("m"))
		if err != nil || len(sig) != 64 {
			t.Fatalf("%x: %v", sig, err)
		}
		if sig[0] != 0 && sig[32] != 0 {
			continue
		}
		if !verifyOne(k.Public(), []byte("m"), sig) {
			t.Fatalf("%x does not hold", sig)
		}
		return
	}
	t.Fatal("no r or s with a leading zero in 2,000 signatures")
}

func TestPrivateKeys(t *testing.T) {
	for _, scheme := range []KeyScheme{Ed25519, SM2} {
		k, err := GenerateKey(scheme, bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		again, err := NewPrivateKey(scheme, k.Secret())
		if err != nil || !slices.Equal(again.Public().Key, k.Public().Key) || again.Scheme() != scheme {
			t.Errorf("%v: %v, %v", scheme, again.Public(), err)
		}
		k.Secret()[0] ^= 1
		if !bytes.Equal(k.Secret(), again.Secret()) {
			t.Error("Secret is not a copy")
		}
		parsed, err := ParsePublicKey(k.Public().String())
		if err != nil || parsed.Scheme != scheme || !slices.Equal(parsed.Key, k.Public().Key) {
			t.Errorf("%s parses to %v, %v", k.Public(), parsed, err)
		}
		if _, err := GenerateKey(scheme, bytes.NewReader(make([]byte, 31))); err == nil {
			t.Error("a key of 31 random bytes")
		}
		if _, err := NewPrivateKey(scheme, make([]byte, 31)); err == nil {
			t.Error("a key of a short secret")
		}
	}
	n := sm2.P256().Params().N
	for name, secret := range map[string]*big.Int{"0": new(big.Int), "n-1": new(big.Int).Sub(n, big.NewInt(1)), "n": n} {
		if _, err := NewPrivateKey(SM2, secret.FillBytes(make([]byte, 32))); !errors.Is(err, errScalarRange) {
			t.Errorf("SM2 scalar %s: %v", name, err)
		}
	}
	if _, err := NewPrivateKey(SM2, new(big.Int).Sub(n, big.NewInt(2)).FillBytes(make([]byte, 32))); err != nil {
		t.Errorf("SM2 scalar n-2: %v", err)
	}
	// A first secret out of range makes GenerateKey read on.
	if _, err := GenerateKey(SM2, bytes.NewReader(append(bytes.Repeat([]byte{0xff}, 32), bytes.Repeat([]byte{7}, 32)...))); err != nil {
		t.Error(err)
	}
	if _, err := (PrivateKey{}).Sign(nil); err == nil {
		t.Error("the zero key signs")
	}
	if _, err := NewPrivateKey(0, make([]byte, 32)); err == nil {
		t.Error("a key of no scheme")
	}
	for _, s := range []string{"", "ed25519", "ed25519:", "rsa:00", "ed25519:zz", "sm2:" + sm2X, "02" + sm2X} {
		if _, err := ParsePublicKey(s); err == nil {
			t.Errorf("%q is a key", s)
		}
	}
}
