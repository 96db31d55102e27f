"""SM2 signatures (GB/T 32918.2) with SM3 (GB/T 32905): docs/format.md, section 2. Slow, and for public data only."""
P = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff
A, B = P - 3, 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93
N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123
G = (0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7,
     0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0)

def turn(x, n):
    n %= 32
    return (x << n | x >> 32 - n) & 0xffffffff

def sm3(m):
    v = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e]
    m += b"\x80" + bytes((55 - len(m)) % 64) + (8 * len(m)).to_bytes(8, "big")
    for at in range(0, len(m), 64):
        w = [int.from_bytes(m[i:i + 4], "big") for i in range(at, at + 64, 4)]
        for j in range(16, 68):
            x = w[j - 16] ^ w[j - 9] ^ turn(w[j - 3], 15)
            w.append(x ^ turn(x, 15) ^ turn(x, 23) ^ turn(w[j - 13], 7) ^ w[j - 6])
        a, b, c, d, e, f, g, h = v
        for j in range(64):
            s = turn(turn(a, 12) + e + turn(0x79cc4519 if j < 16 else 0x7a879d8a, j) & 0xffffffff, 7)
            ff, gg = (a ^ b ^ c, e ^ f ^ g) if j < 16 else (a & b | a & c | b & c, e & f | ~e & g)
            t, u = ff + d + (s ^ turn(a, 12)) + (w[j] ^ w[j + 4]) & 0xffffffff, gg + h + s + w[j] & 0xffffffff
            a, b, c, d, e, f, g, h = t, a, turn(b, 9), c, u ^ turn(u, 9) ^ turn(u, 17), e, turn(f, 19), g
        v = [x ^ y for x, y in zip(v, (a, b, c, d, e, f, g, h))]
    return b"".join(x.to_bytes(4, "big") for x in v)

def add(p, q):  # None is the point at infinity
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        k = (3 * p[0] * p[0] + A) * pow(2 * p[1], P - 2, P)
    else:
        k = (q[1] - p[1]) * pow(q[0] - p[0], P - 2, P)
    x = (k * k - p[0] - q[0]) % P
    return x, (k * (p[0] - x) - p[1]) % P

def multiply(k, p):
    out = None
    while k:
        out, p, k = add(out, p) if k & 1 else out, add(p, p), k >> 1
    return out

def verify(key, message, sig):
    x, r, s = (int.from_bytes(b, "big") for b in (key[1:], sig[:32], sig[32:]))
    square = (x * x * x + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    if len(key) != 33 or key[0] not in (2, 3) or x >= P or y * y % P != square or len(sig) != 64 or not (0 < r < N and 0 < s < N):
        return False
    y = P - y if y & 1 != key[0] & 1 else y
    z = sm3(b"\x00\x801234567812345678" + b"".join(n.to_bytes(32, "big") for n in (A, B, *G, x, y)))
    e, t = int.from_bytes(sm3(z + message), "big"), (r + s) % N
    point = add(multiply(s, G), multiply(t, (x, y))) if t else None
    return point is not None and (e + point[0]) % N == r
