package genesis

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

const (
	maxName    = 24
	maxAddress = 200
)

// CheckName says what is wrong with a name of a validator, a site, a party or
// an instrument; the ledger takes no other.
func CheckName(s string) error {
	if len(s) < 1 || len(s) > maxName || strings.ContainsFunc(s, func(c rune) bool { return c != '-' && !letterOrDigit(c) }) {
		return fmt.Errorf("%q: use 1 to %d letters of ASCII, digits or hyphens", s, maxName)
	}
	return nil
}

func letterOrDigit(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// CheckAddress says what is wrong with a validator's address: a multiaddr of
// TCP over IPv4, IPv6 or a host name.
func CheckAddress(s string) error {
	bad := func(what string) error {
		return fmt.Errorf("%q: %s: use a multiaddr such as /ip4/10.1.2.3/tcp/7070 or /dns4/node.example.org/tcp/7070", s, what)
	}
	parts := strings.Split(s, "/")
	if len(parts) != 5 || parts[0] != "" || parts[3] != "tcp" || len(s) > maxAddress {
		return bad("no address of TCP")
	}
	switch host := parts[2]; parts[1] {
	case "ip4", "ip6":
		ip, err := netip.ParseAddr(host)
		if err != nil || ip.Zone() != "" || ip.Is4() != (parts[1] == "ip4") {
			return bad(fmt.Sprintf("%q is no address of %s", host, parts[1]))
		}
	case "dns", "dns4", "dns6":
		if host == "" || strings.ContainsFunc(host, func(c rune) bool { return c != '-' && c != '.' && c != '_' && !letterOrDigit(c) }) {
			return bad(fmt.Sprintf("%q is no host name", host))
		}
	default:
		return bad("it does not begin with /ip4, /ip6 or /dns4")
	}
	if port, err := strconv.ParseUint(parts[4], 10, 16); err != nil || port == 0 || strconv.FormatUint(port, 10) != parts[4] {
		return bad(fmt.Sprintf("%q is no port from 1 to 65535", parts[4]))
	}
	return nil
}
