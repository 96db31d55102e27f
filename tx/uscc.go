package tx

import (
	"fmt"
	"strings"
)

// usccCharacters in order of their values: digits and capitals without I, O, S,
// V and Z (GB 32100-2015, table of characters).
const usccCharacters = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// ValidUSCC reports whether s is a unified social credit code: 18 characters, the
// last of which is the check character of the 17 before it, weighted by the
// powers of 3 modulo 31 (GB 32100-2015).
func ValidUSCC(s string) bool {
	if len(s) != 18 {
		return false
	}
	check, ok := CheckUSCC(s[:17])
	return ok && s[17] == check
}

// CheckUSCC is the check character of the first 17 characters of a code; false
// where they are no beginning of one.
func CheckUSCC(first17 string) (byte, bool) {
	if len(first17) != 17 {
		return 0, false
	}
	sum, weight := 0, 1
	for i := range 17 {
		value := strings.IndexByte(usccCharacters, first17[i])
		if value < 0 {
			return 0, false
		}
		sum, weight = sum+value*weight, weight*3%31
	}
	return usccCharacters[(31-sum%31)%31], true
}

// PracticeUSCC is a well formed code that belongs to nobody, another one for each
// number below a thousand million: for networks of practice and tests.
func PracticeUSCC(number int) string {
	first := fmt.Sprintf("91420000%09d", number)
	check, ok := CheckUSCC(first)
	if !ok {
		panic("tx: no code begins with " + first)
	}
	return first + string(check)
}
