"""Ed25519 by RFC 8032, section 5.1, without the cofactor: docs/format.md, section 2."""
import hashlib

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, known = -121665 * pow(121666, -1, 2**255 - 19) % P, {}

def point(b):
    y, sign = int.from_bytes(b, "little") & (2**255 - 1), b[31] >> 7
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    x = x if x * x % P == xx else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != xx or sign > x:
        raise ValueError("a key is no point of Ed25519")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P

def add(p, q):  # extended coordinates
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P

BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))

def verify(key, message, sig):  # [s]B - [k]A is encoded as R
    if key not in known:
        x, y, z, t = point(key)
        known[key] = (P - x, y, z, P - t), add(BASE, (P - x, y, z, P - t))
    s, q = int.from_bytes(sig[32:], "little"), (0, 1, 1, 0)
    k = int.from_bytes(hashlib.sha512(sig[:32] + key + message).digest(), "little") % L
    for i in range(max(s, k).bit_length() - 1, -1, -1):
        q, bits = add(q, q), (s >> i & 1, k >> i & 1)
        q = add(q, BASE if bits == (1, 0) else known[key][bits[0]]) if any(bits) else q
    z = pow(q[2], -1, P)
    return s < L and (q[1] * z % P | (q[0] * z % P & 1) << 255).to_bytes(32, "little") == sig[:32]
