// Package keyfile keeps a private key in a file of mode 0600. The file begins
// with three lines that anybody may read:
//
//	carbonledger key v1
//	public: ed25519:…
//	protected: passphrase
//
// and goes on with the secret, encrypted by age with the passphrase (scrypt).
// A key that was written without a passphrase says "protected: no", and holds
// the secret in hexadecimal: for tests and demonstrations only.
package keyfile
