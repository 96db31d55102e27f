package cli

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quietZone is the white border that readers of QR codes need, in modules.
const quietZone = 4

// qrPicture is a QR code as a path of an SVG: each run of dark modules of a row is
// a rectangle.
type qrPicture struct {
	Text string
	// Size with the border.
	Size int
	Path string
}

func newQRPicture(text string) (qrPicture, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return qrPicture{}, fmt.Errorf("the certificate's QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, x-from, x-from)
			}
		}
	}
	return qrPicture{text, code.Size + 2*quietZone, path.String()}, nil
}
